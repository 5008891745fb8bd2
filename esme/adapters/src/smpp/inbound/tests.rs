//! What is a receipt, what it says, and what a message from a phone carries.

use signalbox_codec::TlvBuf;
use signalbox_codec::pdu::ShortMessage;

use super::*;
use crate::smpp::testing::NOW;

const ID: MessageId = MessageId(99);
const TEXT: &[u8] = b"id:0A1 sub:001 dlvrd:001 submit date:2401011200 done date:2401011201 \
                      stat:UNDELIV err:027 text:hi";

fn read_with(config: &InboundConfig, profile: &Profile, sm: &Sm<'_>) -> Incoming {
    Delivered::from(sm).read(config, profile, &ProviderName::from("acme"), NOW, ID)
}

fn read(sm: &Sm<'_>) -> Incoming {
    read_with(&InboundConfig::default(), &Profile::default(), sm)
}

fn sm<'a>(esm_class: u8, octets: &'a [u8], tlvs: &'a TlvBuf) -> Sm<'a> {
    Sm {
        source_addr_ton: 1,
        source_addr: COctetStr::new(b"491711234567").unwrap(),
        destination_addr: COctetStr::new(b"100").unwrap(),
        esm_class,
        short_message: ShortMessage::new(octets).unwrap(),
        tlvs: tlvs.as_tlvs(),
        ..Sm::default()
    }
}

fn receipt_tlvs(id: &[u8], message_state: u8) -> TlvBuf {
    let mut tlvs = TlvBuf::new();
    tlvs.push(Tag::RECEIPTED_MESSAGE_ID, id).unwrap();
    tlvs.push_u8(Tag::MESSAGE_STATE, message_state);
    tlvs
}

/// In short: what it is, its first id, its state.
fn summary(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Message(_) => "message".to_owned(),
        Incoming::Unreadable => "unreadable".to_owned(),
        Incoming::Receipt(receipt) => format!(
            "{} {} {}",
            if receipt.otherwise.is_none() {
                "receipt"
            } else {
                "perhaps"
            },
            &*receipt.remote_ids[0],
            receipt.state.name()
        ),
    }
}

#[test]
fn what_is_a_receipt() {
    let none = TlvBuf::new();
    let both = receipt_tlvs(b"ff\0", 2);
    let mut id_only = TlvBuf::new();
    id_only.push(Tag::RECEIPTED_MESSAGE_ID, b"7\0").unwrap();
    let rows: [(&str, u8, &[u8], &TlvBuf, &str); 15] = [
        ("marked", 0x04, TEXT, &none, "receipt a1 failed"),
        (
            "marked, with mode bits",
            0x07,
            TEXT,
            &none,
            "receipt a1 failed",
        ),
        (
            "marked, TLVs win",
            0x04,
            TEXT,
            &both,
            "receipt ff delivered",
        ),
        (
            "marked, TLVs alone",
            0x04,
            b"",
            &both,
            "receipt ff delivered",
        ),
        (
            "marked, id from the TLV",
            0x04,
            b"stat:DELIVRD",
            &id_only,
            "receipt 7 delivered",
        ),
        ("marked, no id", 0x04, b"stat:DELIVRD", &none, "unreadable"),
        ("marked, no text", 0x04, b"", &none, "unreadable"),
        ("marked, no state", 0x04, b"id:5", &none, "receipt 5 sent"),
        ("intermediate", 0x20, TEXT, &none, "receipt a1 sent"),
        ("TLVs without a mark", 0, b"", &both, "receipt ff delivered"),
        ("text without a mark", 0, TEXT, &none, "perhaps a1 failed"),
        ("one TLV and no mark", 0, b"hello", &id_only, "message"),
        (
            "id and no state, no mark",
            0,
            b"id:5 is my id",
            &none,
            "message",
        ),
        ("a text", 0, b"hello", &none, "message"),
        (
            "a delivery acknowledgement of the handset",
            0x08,
            TEXT,
            &none,
            "message",
        ),
    ];
    for (name, esm_class, octets, tlvs, expected) in rows {
        assert_eq!(
            summary(&read(&sm(esm_class, octets, tlvs))),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_header_in_front_of_a_receipt_is_no_part_of_it() {
    let octets = [b"\x05\x00\x03\x07\x02\x01".as_slice(), TEXT].concat();
    let tlvs = TlvBuf::new();
    assert_eq!(
        summary(&read(&sm(0x44, &octets, &tlvs))),
        "receipt a1 failed"
    );
}

#[test]
fn states_of_receipts() {
    let rows = [
        ("DELIVRD", State::Delivered),
        ("EXPIRED", State::Expired),
        ("DELETED", State::Failed),
        ("UNDELIV", State::Failed),
        ("REJECTD", State::Failed),
        ("ACCEPTD", State::Sent),
        ("ENROUTE", State::Sent),
        ("UNKNOWN", State::Sent),
        ("WHATEVR", State::Sent),
    ];
    let tlvs = TlvBuf::new();
    for (stat, state) in rows {
        let text = format!("id:1 stat:{stat} err:000");
        match read(&sm(4, text.as_bytes(), &tlvs)) {
            Incoming::Receipt(receipt) => assert_eq!(receipt.state, state, "{stat}"),
            other => panic!("{stat}: {other:?}"),
        }
    }
}

#[test]
fn codes_of_receipts() {
    let profile = Profile {
        receipt_errors: [("027".to_owned(), "absent subscriber".to_owned())].into(),
        ..Profile::default()
    };
    let mut network = TlvBuf::new();
    network.push(Tag::NETWORK_ERROR_CODE, &[3, 1, 2]).unwrap();
    let none = TlvBuf::new();
    type Row<'a> = (&'a str, &'a TlvBuf, Option<(u32, &'a str)>);
    let rows: [Row<'_>; 5] = [
        (
            "id:1 stat:UNDELIV err:027",
            &none,
            Some((27, "absent subscriber")),
        ),
        ("id:1 stat:UNDELIV err:001", &none, Some((1, "UNDELIV"))),
        ("id:1 stat:REJECTD", &network, Some((0x0102, "REJECTD"))),
        ("id:1 stat:REJECTD err:xyz", &none, Some((0, "REJECTD"))),
        ("id:1 stat:DELIVRD err:027", &none, None),
    ];
    for (text, tlvs, expected) in rows {
        let sm = sm(4, text.as_bytes(), tlvs);
        match read_with(&InboundConfig::default(), &profile, &sm) {
            Incoming::Receipt(receipt) => {
                let error = receipt.error.as_ref();
                let error = error.map(|error| (error.value(), error.name()));
                assert_eq!(error, expected, "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn forms_of_ids_meet_the_id_of_the_response() {
    let rows = [
        (ReceiptId::Auto, "same", "Same", true),
        (ReceiptId::Auto, "0059113978", "59113978", true),
        (ReceiptId::Auto, "59113978", "38601fa", true),
        (ReceiptId::Auto, "38601FA", "59113978", true),
        (
            ReceiptId::Auto,
            "74E02EE14E2F4A6EA78B4B247D756A22",
            "74e02ee1-4e2f-4a6e-a78b-4b247d756a22",
            true,
        ),
        (ReceiptId::Same, "59113978", "38601fa", false),
        (ReceiptId::HexToDecimal, "38601FA", "59113978", true),
        (ReceiptId::HexToDecimal, "10", "16", true),
        (ReceiptId::HexToDecimal, "10", "10", false),
        (ReceiptId::DecimalToHex, "59113978", "38601fa", true),
        (ReceiptId::DecimalToHex, "10", "10", false),
    ];
    let tlvs = TlvBuf::new();
    for (rule, in_receipt, in_response, meets) in rows {
        let config = InboundConfig {
            receipt_id: rule,
            ..InboundConfig::default()
        };
        let text = format!("id:{in_receipt} stat:DELIVRD");
        let sm = sm(4, text.as_bytes(), &tlvs);
        let stored = remote_id(in_response.as_bytes()).unwrap();
        match read_with(&config, &Profile::default(), &sm) {
            Incoming::Receipt(receipt) => {
                let found = receipt.remote_ids.contains(&stored);
                assert_eq!(found, meets, "{rule:?}: {in_receipt} for {in_response}");
            }
            other => panic!("{in_receipt}: {other:?}"),
        }
    }
    assert_eq!(remote_id(b""), None);
}

fn message(sm: &Sm<'_>) -> Message {
    let config = InboundConfig {
        account: Arc::from("shop"),
        callback_url: "https://shop.example/in".into(),
        expires_in_ms: 1_000,
        ..InboundConfig::default()
    };
    match read_with(&config, &Profile::default(), sm) {
        Incoming::Message(message) => *message,
        other => panic!("no message: {other:?}"),
    }
}

fn options(message: &Message) -> Vec<(&str, &str)> {
    message
        .options
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[test]
fn a_message_from_a_phone() {
    let tlvs = TlvBuf::new();
    let message = message(&sm(0, b"caf\x05", &tlvs));
    assert_eq!(message.content, Content::Text("café".to_owned()));
    assert_eq!((message.id, message.kind), (ID, Kind::Inbound));
    assert_eq!(
        (message.from.as_str(), message.to.as_slice()),
        ("+491711234567", ["sms:100".to_owned()].as_slice())
    );
    assert_eq!(&*message.account, "shop");
    assert_eq!(&*message.callback_url, "https://shop.example/in");
    assert_eq!(message.provider.as_deref(), Some("acme"));
    assert_eq!(
        (message.accepted_at, message.expires_at),
        (NOW, NOW.plus_ms(1_000))
    );
    assert_eq!(options(&message), [("sms.data_coding", "0")]);
}

#[test]
fn content_by_data_coding() {
    let tlvs = TlvBuf::new();
    let rows: [(u8, &[u8], Content); 4] = [
        (8, &[0x65, 0xE5], Content::Text("日".to_owned())),
        (8, &[0x65], Content::Binary(vec![0x65])),
        (4, &[1, 2], Content::Binary(vec![1, 2])),
        (3, &[0xE9], Content::Text("é".to_owned())),
    ];
    for (data_coding, octets, content) in rows {
        let sm = Sm {
            data_coding,
            ..sm(0, octets, &tlvs)
        };
        assert_eq!(message(&sm).content, content, "data_coding {data_coding}");
    }
}

#[test]
fn places_and_ports_are_kept() {
    let none = TlvBuf::new();
    let octets = b"\x0B\x05\x04\x0B\x84\x23\xF0\x00\x03\x2A\x03\x02hello";
    let with_header = message(&sm(0x40, octets, &none));
    assert_eq!(with_header.content, Content::Text("hello".to_owned()));
    assert_eq!(
        options(&with_header),
        [
            ("sms.data_coding", "0"),
            ("sms.udh_hex", "0b05040b8423f000032a0302"),
            ("sms.destination_port", "2948"),
            ("sms.source_port", "9200"),
            ("sms.concat_reference", "42"),
            ("sms.concat_total", "3"),
            ("sms.concat_number", "2"),
        ]
    );
    let mut sar = TlvBuf::new();
    sar.push_u16(Tag::SAR_MSG_REF_NUM, 258);
    sar.push_u8(Tag::SAR_TOTAL_SEGMENTS, 2);
    sar.push_u8(Tag::SAR_SEGMENT_SEQNUM, 1);
    let with_sar = message(&sm(0, b"hello", &sar));
    assert_eq!(
        options(&with_sar)[1..],
        [
            ("sms.concat_reference", "258"),
            ("sms.concat_total", "2"),
            ("sms.concat_number", "1")
        ]
    );
    let broken = message(&sm(0x40, b"\x20hello", &none));
    assert_eq!(
        broken.content,
        Content::Text(" hello".to_owned()),
        "no valid header: all is text"
    );
}

#[test]
fn text_in_message_payload_and_in_data_sm() {
    let mut tlvs = TlvBuf::new();
    tlvs.push(Tag::MESSAGE_PAYLOAD, b"long text").unwrap();
    let expected = Content::Text("long text".to_owned());
    assert_eq!(message(&sm(0, b"", &tlvs)).content, expected);
    let data_sm = DataSm {
        tlvs: tlvs.as_tlvs(),
        ..DataSm::default()
    };
    let incoming = Delivered::from(&data_sm).read(
        &InboundConfig::default(),
        &Profile::default(),
        &ProviderName::from("acme"),
        NOW,
        ID,
    );
    assert!(matches!(incoming, Incoming::Message(message) if message.content == expected));
}

#[test]
fn a_handset_acknowledgement_keeps_its_class() {
    let tlvs = TlvBuf::new();
    let message = message(&sm(0x10, b"yes", &tlvs));
    assert!(options(&message).contains(&("sms.esm_class", "16")));
}
