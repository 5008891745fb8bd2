//! What holds for any octets. Each check panics when it does not; sweeps and fuzz targets call
//! them with whatever they like.

#![allow(clippy::unwrap_used, missing_docs)] // Test code.

use bytes::BytesMut;
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode as _, Length as _};
use signalbox_codec::pdu::Sm;
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, Deviation, Deviations, Encode, Frame, Item, Pdu, Quirks, Tag, Tlv,
    TlvBuf, Tlvs, Value, encode_pdu, inspect, next_frame,
};

/// A stream gives the same frames in one piece and in two.
pub fn check_frame(stream: &[u8]) {
    const LIMIT: u32 = 4096;
    let whole = frames(stream, LIMIT);
    let split = stream.len() / 2;
    let (first, _) = frames(&stream[..split], LIMIT);
    assert!(
        whole.0.starts_with(&first),
        "frames changed with more octets"
    );
    for (start, length) in whole.0 {
        assert!(length >= 16 && length <= LIMIT as usize);
        let frame = next_frame(&stream[start..start + length], LIMIT);
        assert_eq!(frame.unwrap().unwrap().body.len(), length - 16);
    }
}

/// Start and length of each frame, and whether the stream ended in an error.
fn frames(stream: &[u8], command_length_max: u32) -> (Vec<(usize, usize)>, bool) {
    let mut frames = Vec::new();
    let mut at = 0;
    loop {
        match next_frame(&stream[at..], command_length_max) {
            Ok(Some(frame)) => {
                let length = frame.header.command_length as usize;
                frames.push((at, length));
                at += length;
            }
            Ok(None) => return (frames, false),
            Err(_) => return (frames, true),
        }
    }
}

/// Decoding agrees with itself under all policies, covers every octet, and gives the same PDU
/// again after encoding; the same octets, if there was no deviation.
pub fn check_pdu(octets: &[u8]) {
    let Ok(Some(frame)) = next_frame(octets, COMMAND_LENGTH_MAX_BOUND) else {
        return;
    };
    let strict = Pdu::decode_with(&frame, Quirks::STRICT);
    let lenient = Pdu::decode_with(&frame, Quirks::LENIENT);
    assert_eq!(lenient.map(|decoded| decoded.pdu), Pdu::decode(&frame));
    let Ok(decoded) = lenient else {
        assert!(strict.is_err(), "strict is more lenient: {octets:02x?}");
        return;
    };
    assert_eq!(strict.is_ok(), decoded.deviations.is_empty());
    let mut end = 16;
    inspect(&frame, &decoded.pdu, |placed| {
        assert_eq!(placed.offset, end, "gap in {octets:02x?}");
        end += placed.octets;
    });
    assert_eq!(end, 16 + frame.body.len());

    let again = encode(&frame, &decoded.pdu);
    if decoded.deviations.is_empty() {
        assert_eq!(again, octets[..16 + frame.body.len()]);
    }
    let frame_again = next_frame(&again, COMMAND_LENGTH_MAX_BOUND).unwrap();
    let pdu_again = Pdu::decode(&frame_again.expect("whole"));
    assert_eq!(pdu_again, Ok(decoded.pdu), "{octets:02x?}");
}

/// Optional parameters behind a submit_sm: none is lost, none is invented.
pub fn check_tlv(tlvs: &[u8]) {
    let mut octets = [0; 33].to_vec();
    octets[7] = 4;
    octets[15] = 1;
    octets.extend_from_slice(tlvs);
    let length = u32::try_from(octets.len()).unwrap();
    octets[..4].copy_from_slice(&length.to_be_bytes());
    check_pdu(&octets);
    let Ok(Some(frame)) = next_frame(&octets, COMMAND_LENGTH_MAX_BOUND) else {
        return;
    };
    let decoded = Pdu::decode_with(&frame, Quirks::LENIENT).expect("anything goes as the last");
    let Pdu::SubmitSm(sm) = decoded.pdu else {
        panic!("submit_sm");
    };
    if decoded.deviations.contains(Deviation::TlvOverrun) {
        return;
    }
    let mut copy = TlvBuf::new();
    for tlv in sm.tlvs {
        copy.push(tlv.tag, tlv.value).expect("it fitted before");
        assert!(sm.tlvs.get(tlv.tag).is_some());
    }
    assert_eq!(copy.as_tlvs(), sm.tlvs);
}

/// A PDU taken apart into named fields and built from them is the same.
pub fn check_roundtrip(octets: &[u8]) {
    let Ok(Some(frame)) = next_frame(octets, COMMAND_LENGTH_MAX_BOUND) else {
        return;
    };
    let Ok(decoded) = Pdu::decode_with(&frame, Quirks::LENIENT) else {
        return;
    };
    let pdu = decoded.pdu;
    if decoded.deviations.contains(Deviation::TrailingOctets) {
        return;
    }
    let mut fields: Vec<(&str, Value<'_>)> = Vec::new();
    inspect(&frame, &pdu, |placed| match placed.item {
        Item::Field { name, value } => fields.push((name, value)),
        Item::Tlv(_) => {}
        Item::Body(octets) | Item::Trailing(octets) => {
            fields.push(("body", Value::Octets(octets)));
        }
    });
    let built = Pdu::from_fields(frame.header.command_id, &fields, tlvs_of(&pdu));
    let built = built.unwrap_or_else(|error| panic!("{error}: {octets:02x?}"));
    if decoded.deviations.contains(Deviation::ErrorBodyUnreadable) {
        return;
    }
    assert_eq!(encode(&frame, &built), encode(&frame, &pdu));
}

pub fn tlvs_of<'a>(pdu: &Pdu<'a>) -> Tlvs<'a> {
    match pdu {
        Pdu::SubmitSm(pdu) | Pdu::DeliverSm(pdu) => pdu.tlvs,
        Pdu::DataSm(pdu) => pdu.tlvs,
        Pdu::SubmitSmResp(pdu)
        | Pdu::DeliverSmResp(pdu)
        | Pdu::DataSmResp(pdu)
        | Pdu::BroadcastSmResp(pdu)
        | Pdu::QueryBroadcastSmResp(pdu) => pdu.tlvs,
        Pdu::BindReceiverResp(pdu)
        | Pdu::BindTransmitterResp(pdu)
        | Pdu::BindTransceiverResp(pdu) => pdu.tlvs,
        Pdu::BindReceiver(pdu) | Pdu::BindTransmitter(pdu) | Pdu::BindTransceiver(pdu) => pdu.tlvs,
        Pdu::SubmitMulti(pdu) => pdu.tlvs,
        Pdu::SubmitMultiResp(Some(pdu)) => pdu.tlvs,
        Pdu::QuerySm(pdu) => pdu.tlvs,
        Pdu::QuerySmResp(Some(pdu)) => pdu.tlvs,
        Pdu::CancelSm(pdu) => pdu.tlvs,
        Pdu::ReplaceSm(pdu) => pdu.tlvs,
        Pdu::Outbind(pdu) => pdu.tlvs,
        Pdu::AlertNotification(pdu) => pdu.tlvs,
        Pdu::BroadcastSm(pdu) => pdu.tlvs,
        Pdu::QueryBroadcastSm(pdu) => pdu.tlvs,
        Pdu::CancelBroadcastSm(pdu) => pdu.tlvs,
        Pdu::CancelSmResp(tlvs) | Pdu::ReplaceSmResp(tlvs) | Pdu::CancelBroadcastSmResp(tlvs) => {
            *tlvs
        }
        _ => Tlvs::EMPTY,
    }
}

/// What rusmpp makes of exactly one frame; `None` when it refuses it or leaves octets behind.
pub fn rusmpp_decode(frame: &Frame<'_>, octets: &[u8]) -> Option<rusmpp::Command> {
    let length = frame.header.command_length as usize;
    let mut rest = BytesMut::from(&octets[4..length]);
    let (command, size) = rusmpp::Command::decode(&mut rest, length - 4).ok()?;
    (size == length - 4 && rest.is_empty()).then_some(command)
}

/// What rusmpp accepts, we accept with the same fields. Exceptions are listed in the body.
pub fn check_differential(octets: &[u8]) {
    let Ok(Some(frame)) = next_frame(octets, 8192) else {
        return;
    };
    let Some(command) = rusmpp_decode(&frame, octets) else {
        return;
    };
    // Exception: it takes a request without any body for a request.
    if frame.body.is_empty() && !frame.header.command_id.is_response() {
        return;
    }
    let decoded = Pdu::decode_with(&frame, Quirks::LENIENT)
        .unwrap_or_else(|error| panic!("{error}: {command:?}: {octets:02x?}"));
    let tlvs = tlvs_of(&decoded.pdu);
    let is_alike = cuts_tlvs_alike(decoded.deviations, tlvs);
    // Exception: it drops the reserved bits of these two.
    let is_lossy = tlvs.iter().any(|tlv| {
        matches!(
            tlv.tag,
            Tag::MS_MSG_WAIT_FACILITIES | Tag::CALLBACK_NUM_PRES_IND
        )
    });
    if is_alike && !is_lossy {
        let mut theirs = vec![0; command.length()];
        let size = command.encode(&mut theirs);
        assert_eq!(size, theirs.len());
        assert_eq!(encode(&frame, &decoded.pdu)[4..], theirs, "{command:?}");
    }
    compare_fields(&command, &decoded.pdu, is_alike);
}

/// Exception: it reads a parameter whose type it knows by that type, whatever length is declared,
/// so that it sees other parameters behind it, or a rest that we see as trailing octets.
fn cuts_tlvs_alike(deviations: Deviations, tlvs: Tlvs<'_>) -> bool {
    let cuts_alike = |tlv: Tlv<'_>| match tlv.tag {
        // Integers of 2 octets and of 1 to it, of 1 and of 2 to the specification.
        Tag::SOURCE_TELEMATICS_ID | Tag::BROADCAST_REP_NUM => false,
        Tag::RECEIPTED_MESSAGE_ID
        | Tag::ADDITIONAL_STATUS_INFO_TEXT
        | Tag::SOURCE_NETWORK_ID
        | Tag::DEST_NETWORK_ID => {
            let nul = tlv.value.iter().position(|octet| *octet == 0);
            nul == tlv.value.len().checked_sub(1)
        }
        _ => true,
    };
    let differing = [
        Deviation::TlvLength,
        Deviation::TlvOverrun,
        Deviation::TrailingOctets,
    ];
    !differing.iter().any(|one| deviations.contains(*one)) && tlvs.iter().all(cuts_alike)
}

/// The fields of the commonest PDUs, one by one: equal octets could still be cut differently.
fn compare_fields(command: &rusmpp::Command, ours: &Pdu<'_>, is_alike: bool) {
    let tlvs = tlvs_of(ours).iter().count();
    match (command.pdu(), ours) {
        (Some(rusmpp::Pdu::SubmitSm(theirs)), Pdu::SubmitSm(ours)) => {
            let strings = [
                theirs.service_type.value().as_str(),
                theirs.source_addr.as_str(),
                theirs.destination_addr.as_str(),
                theirs.schedule_delivery_time.as_str(),
                theirs.validity_period.as_str(),
            ];
            assert!(!is_alike || tlvs == theirs.tlvs().len());
            compare_sm(strings, theirs.short_message().as_ref(), ours);
        }
        (Some(rusmpp::Pdu::DeliverSm(theirs)), Pdu::DeliverSm(ours)) => {
            let strings = [
                theirs.service_type.value().as_str(),
                theirs.source_addr.as_str(),
                theirs.destination_addr.as_str(),
                theirs.schedule_delivery_time.as_str(),
                theirs.validity_period.as_str(),
            ];
            assert!(!is_alike || tlvs == theirs.tlvs().len());
            compare_sm(strings, theirs.short_message().as_ref(), ours);
        }
        (Some(rusmpp::Pdu::SubmitSmResp(theirs)), Pdu::SubmitSmResp(ours)) => {
            let message_id = ours.message_id.expect("a body").as_ascii();
            assert_eq!(message_id, Some(theirs.message_id().as_str()));
            assert!(!is_alike || tlvs == theirs.tlvs().len());
        }
        _ => {}
    }
}

fn compare_sm(strings: [&str; 5], short_message: &[u8], ours: &Sm<'_>) {
    let our_strings = [
        ours.service_type,
        ours.source_addr,
        ours.destination_addr,
        ours.schedule_delivery_time,
        ours.validity_period,
    ];
    assert_eq!(our_strings.map(|s| s.as_ascii()), strings.map(Some));
    assert_eq!(ours.short_message.as_octets(), short_message);
}

/// The whole PDU as octets again, with the status and the number of its frame.
pub fn encode(frame: &Frame<'_>, pdu: &impl Encode) -> Vec<u8> {
    let mut out = BytesMut::new();
    let header = &frame.header;
    encode_pdu(pdu, header.command_status, header.sequence_number, &mut out);
    out.to_vec()
}
