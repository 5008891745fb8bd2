//! What goes on the wire, read back as a peer would.

use signalbox_codec::pdu::encode_pdu;
use signalbox_codec::{Frame, next_frame};
use signalbox_router::Message;

use super::*;
use crate::smpp::config::{MessageMode, Numbering};
use crate::smpp::testing::{NOW, dispatch, message, message_with};

/// Encodes and hands each part to `look` as the peer would read it.
fn encoded(
    config: &SubmitConfig,
    dispatch: &Dispatch,
    mut look: impl FnMut(u8, &Sm<'_>),
) -> Submission {
    let mut parts = Vec::new();
    let mut buffer = BytesMut::new();
    let mut references = References::default();
    let submission = encode(
        config,
        dispatch,
        NOW,
        &mut references,
        &mut buffer,
        &mut parts,
    )
    .unwrap();
    for part in &parts {
        let mut octets = BytesMut::new();
        let raw = Pdu::Raw {
            command_id: signalbox_codec::CommandId::SUBMIT_SM,
            body: &part.body,
        };
        encode_pdu(&raw, CommandStatus::ESME_ROK, 1, &mut octets);
        let frame: Frame<'_> = next_frame(&octets, 70_000).unwrap().unwrap();
        match Pdu::decode(&frame).unwrap() {
            Pdu::SubmitSm(sm) => look(part.number, &sm),
            other => panic!("not a submit_sm: {other:?}"),
        }
    }
    submission
}

fn refused(config: &SubmitConfig, message: Message) -> ErrorCode {
    let mut parts = Vec::new();
    let mut references = References::default();
    let dispatch = dispatch(message);
    let error = encode(
        config,
        &dispatch,
        NOW,
        &mut references,
        &mut BytesMut::new(),
        &mut parts,
    )
    .unwrap_err();
    assert!(parts.is_empty());
    error.error_code()
}

#[test]
fn a_short_text() {
    let mut seen = 0;
    let submission = encoded(
        &SubmitConfig::default(),
        &dispatch(message("hello")),
        |_, sm| {
            seen += 1;
            assert_eq!(sm.source_addr.as_octets(), b"ACME");
            assert_eq!((sm.source_addr_ton, sm.source_addr_npi), (5, 0));
            assert_eq!(sm.destination_addr.as_octets(), b"491711234567");
            assert_eq!((sm.dest_addr_ton, sm.dest_addr_npi), (1, 1));
            assert_eq!(sm.short_message.as_octets(), b"hello");
            assert_eq!(sm.validity_period.as_octets(), b"000000010000000R");
            assert_eq!(
                (sm.esm_class, sm.data_coding, sm.registered_delivery),
                (0, 0, 1)
            );
            assert_eq!(
                (sm.priority_flag, sm.protocol_id, sm.replace_if_present_flag),
                (0, 0, 0)
            );
            assert!(sm.schedule_delivery_time.is_empty() && sm.service_type.is_empty());
            assert!(sm.tlvs.is_empty());
        },
    );
    assert_eq!(seen, 1);
    assert_eq!(
        submission,
        Submission {
            parts_total: 1,
            receipt_wanted: true
        }
    );
}

#[test]
fn parts_done_are_left_out_and_the_others_keep_their_reference() {
    let long = "0123456789".repeat(40);
    let mut first = Vec::new();
    let config = SubmitConfig::default();
    let submission = encoded(&config, &dispatch(message(&long)), |number, sm| {
        assert_eq!(sm.esm_class, 0x40);
        first.push((number, sm.short_message.as_octets().to_vec()));
    });
    assert_eq!(submission.parts_total, 3);
    assert_eq!(first.len(), 3);
    let reference = References::own(dispatch(message("")).delivery, 0xFF) as u8;
    assert_eq!(first[1].1[..6], [5, 0, 3, reference, 3, 2]);
    let retry = Dispatch {
        parts_done: vec![1, 3],
        ..dispatch(message(&long))
    };
    let mut second = Vec::new();
    let submission = encoded(&config, &retry, |number, sm| {
        second.push((number, sm.short_message.as_octets().to_vec()));
    });
    assert_eq!(submission.parts_total, 3);
    assert_eq!(second, [first[1].clone()]);
}

#[test]
fn forms_of_long_messages() {
    let long = "x".repeat(200);
    let rows = [
        (LongMessage::Udh8, false, 2, 0x40, Some(159), false),
        (LongMessage::Udh16, false, 2, 0x40, Some(159), false),
        (LongMessage::Sar, false, 2, 0, Some(153), false),
        (LongMessage::Payload, false, 1, 0, Some(0), true),
        (LongMessage::Udh8, true, 1, 0, Some(0), true),
    ];
    for (long_message, payload_always, total, esm_class, octets, payload) in rows {
        let config = SubmitConfig {
            long_message,
            payload_always,
            ..SubmitConfig::default()
        };
        let submission = encoded(&config, &dispatch(message(&long)), |number, sm| {
            assert_eq!(sm.esm_class, esm_class, "{long_message:?}");
            let payload_octets = sm.tlvs.get(Tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value.len());
            assert_eq!(payload_octets, payload.then_some(200), "{long_message:?}");
            let sar = sm
                .tlvs
                .get(Tag::SAR_SEGMENT_SEQNUM)
                .and_then(|tlv| tlv.as_u8());
            assert_eq!(sar, (long_message == LongMessage::Sar).then_some(number));
            if number == 1 && long_message != LongMessage::Udh16 {
                assert_eq!(Some(sm.short_message.as_octets().len()), octets);
            }
        });
        assert_eq!(submission.parts_total, total, "{long_message:?}");
    }
    let config = SubmitConfig {
        payload_always: true,
        ..SubmitConfig::default()
    };
    encoded(&config, &dispatch(message("hi")), |_, sm| {
        assert_eq!(sm.tlvs.get(Tag::MESSAGE_PAYLOAD).unwrap().value, b"hi");
    });
}

#[test]
fn settings_of_the_provider() {
    let config = SubmitConfig {
        source: Numbering {
            ton: Some(3),
            npi: Some(9),
        },
        registered_delivery_mask: 0x10,
        priority_max: 1,
        message_mode: MessageMode::StoreAndForward,
        service_type: "CMT".to_owned(),
        protocol_id: 4,
        validity: false,
        tlvs: vec![(Tag(0x1400), b"a".to_vec()), (Tag(0x1401), b"b".to_vec())],
        subject_join: ": ".to_owned(),
        ..SubmitConfig::default()
    };
    let message = Message {
        subject: "Hi".to_owned(),
        priority: Priority::Highest,
        ..message_with(&[
            ("sms.tlv.0x1401", "text:c"),
            ("sms.registered_delivery", "0x11"),
        ])
    };
    let submission = encoded(&config, &dispatch(message), |_, sm| {
        assert_eq!((sm.source_addr_ton, sm.source_addr_npi), (3, 9));
        assert_eq!(
            (sm.registered_delivery, sm.priority_flag, sm.esm_class),
            (0x10, 1, 3)
        );
        assert_eq!(
            (sm.service_type.as_octets(), sm.protocol_id),
            (b"CMT".as_slice(), 4)
        );
        assert!(sm.validity_period.is_empty());
        assert_eq!(sm.short_message.as_octets(), b"Hi: hello");
        let tlvs: Vec<_> = sm.tlvs.iter().map(|tlv| (tlv.tag.0, tlv.value)).collect();
        assert_eq!(tlvs, [(0x1400, b"a".as_slice()), (0x1401, b"c".as_slice())]);
    });
    assert!(!submission.receipt_wanted, "the mask took the receipt away");
}

#[test]
fn priorities() {
    let config = SubmitConfig {
        priority_max: 3,
        ..SubmitConfig::default()
    };
    let rows = [
        (Priority::Lowest, 0),
        (Priority::Low, 0),
        (Priority::Normal, 0),
        (Priority::High, 1),
        (Priority::Highest, 2),
    ];
    for (priority, flag) in rows {
        encoded(
            &config,
            &dispatch(Message {
                priority,
                ..message("x")
            }),
            |_, sm| {
                assert_eq!(sm.priority_flag, flag, "{priority:?}");
            },
        );
    }
}

#[test]
fn wishes_of_the_message() {
    type Row = (
        &'static [(&'static str, &'static str)],
        u8,
        u8,
        &'static [u8],
    );
    let rows: [Row; 9] = [
        (
            &[("sms.data_coding", "8")],
            8,
            0,
            &[0, 104, 0, 101, 0, 108, 0, 108, 0, 111],
        ),
        (&[("sms.data_coding", "3")], 3, 0, b"hello"),
        (&[("sms.data_coding", "0xF1")], 0xF1, 0, b"hello"),
        (&[("sms.flash", "true")], 0xF0, 0, b"hello"),
        (&[("sms.binary_hex", "c0ffee")], 4, 0, &[0xC0, 0xFF, 0xEE]),
        (
            &[("sms.binary_hex", "00"), ("sms.data_coding", "0xF5")],
            0xF5,
            0,
            &[0],
        ),
        (
            &[("sms.binary_hex", "00"), ("sms.flash", "true")],
            0xF4,
            0,
            &[0],
        ),
        (
            &[("sms.binary_hex", "aa"), ("sms.udh_hex", "0605040b8423f0")],
            4,
            0x40,
            &[6, 5, 4, 0x0B, 0x84, 0x23, 0xF0, 0xAA],
        ),
        (
            &[("sms.binary_hex", "aa"), ("sms.udh_hex", "0500030a0201")],
            4,
            0x40,
            &[5, 0, 3, 10, 2, 1, 0xAA],
        ),
    ];
    for (options, data_coding, esm_class, octets) in rows {
        encoded(
            &SubmitConfig::default(),
            &dispatch(message_with(options)),
            |_, sm| {
                assert_eq!(sm.data_coding, data_coding, "{options:?}");
                assert_eq!(sm.esm_class, esm_class, "{options:?}");
                assert_eq!(sm.short_message.as_octets(), octets, "{options:?}");
            },
        );
    }
    let options = [
        ("sms.service_type", "WAP"),
        ("sms.protocol_id", "57"),
        ("sms.validity_period", "000000020630000R"),
        ("sms.schedule_delivery_time", "150203040506708+"),
        ("sms.replace_if_present", "true"),
    ];
    encoded(
        &SubmitConfig::default(),
        &dispatch(message_with(&options)),
        |_, sm| {
            assert_eq!(sm.service_type.as_octets(), b"WAP");
            assert_eq!((sm.protocol_id, sm.replace_if_present_flag), (57, 1));
            assert_eq!(sm.validity_period.as_octets(), b"000000020630000R");
            assert_eq!(sm.schedule_delivery_time.as_octets(), b"150203040506708+");
        },
    );
}

#[test]
fn what_the_smsc_sends_later_does_not_expire_by_our_clock() {
    let options = [("sms.schedule_delivery_time", "300101000000000+")];
    encoded(
        &SubmitConfig::default(),
        &dispatch(message_with(&options)),
        |_, sm| {
            assert_eq!(sm.schedule_delivery_time.as_octets(), b"300101000000000+");
            assert!(sm.validity_period.is_empty());
        },
    );
}

#[test]
fn refusals_have_a_code_and_say_what_is_wrong() {
    let standard = SubmitConfig::default();
    let strict = SubmitConfig {
        preferred_encoding: PreferredEncoding::Only(Encoding::Gsm7),
        encoding_strict: true,
        segments_max: 2,
        ..SubmitConfig::default()
    };
    let wanting = SubmitConfig {
        tlvs_required: vec![Tag(0x1400)],
        ..SubmitConfig::default()
    };
    let to = |address: &str| Message {
        to: vec![address.to_owned()],
        ..message("x")
    };
    let from = |address: &str| Message {
        from: address.to_owned(),
        ..message("x")
    };
    let long = "x".repeat(400);
    let concatenated = message_with(&[
        ("sms.udh_hex", "0500030a0201"),
        ("sms.binary_hex", &"00".repeat(200)),
    ]);
    let rows = [
        (&standard, to("sms:"), 0x0B, "to: it is empty"),
        (
            &standard,
            to("sms:123456789012345678901"),
            0x0B,
            "at most 20",
        ),
        (&standard, from("ÄCME"), 0x0A, "from: only printable ASCII"),
        (
            &standard,
            message_with(&[("sms.flash", "maybe")]),
            0xC4,
            "sms.flash: ",
        ),
        (
            &standard,
            message_with(&[("sms.data_coding", "4")]),
            0x104,
            "text: ",
        ),
        (&standard, concatenated, 0x43, "sms.udh_hex: "),
        (&strict, message("日本"), 0x104, "U+65E5"),
        (&strict, message(&long), 0x01, "3 segments"),
        (&wanting, message("x"), 0xC3, "0x1400"),
    ];
    for (config, message, value, words) in rows {
        let error = refused(config, message);
        assert_eq!(error.value(), value, "{}", error.name());
        assert!(error.name().contains(words), "{}", error.name());
    }
}
