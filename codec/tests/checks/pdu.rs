//! What holds for any octets. Each check panics when it does not; sweeps and fuzz targets call
//! them with whatever they like.

#![allow(clippy::unwrap_used, missing_docs)] // Test code.

use bytes::BytesMut;
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, Deviation, Encode, Frame, Item, Pdu, Quirks, TlvBuf, Tlvs, Value,
    encode_pdu, inspect, next_frame,
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

/// The whole PDU as octets again, with the status and the number of its frame.
pub fn encode(frame: &Frame<'_>, pdu: &impl Encode) -> Vec<u8> {
    let mut out = BytesMut::new();
    let header = &frame.header;
    encode_pdu(pdu, header.command_status, header.sequence_number, &mut out);
    out.to_vec()
}
