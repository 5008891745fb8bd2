//! The PDUs that a gateway carries most, for the benches.

use bytes::BytesMut;
use signalbox_codec::pdu::{ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandStatus, Pdu, Tag, TlvBuf, encode_pdu};

/// A text, a text with parameters, a receipt: name and octets of each.
pub(crate) fn common() -> Vec<(String, Vec<u8>)> {
    const RECEIPT: &[u8] = b"id:0123456789 sub:001 dlvrd:001 submit date:2611220102 \
        done date:2611220103 stat:DELIVRD err:000 text:hello";
    let mut sar = TlvBuf::new();
    sar.push_u16(Tag::SAR_MSG_REF_NUM, 7);
    sar.push_u8(Tag::SAR_TOTAL_SEGMENTS, 2);
    sar.push_u8(Tag::SAR_SEGMENT_SEQNUM, 1);
    let mut receipt = TlvBuf::new();
    receipt
        .push(Tag::RECEIPTED_MESSAGE_ID, b"0123456789\0")
        .unwrap();
    receipt.push_u8(Tag::MESSAGE_STATE, 2);
    let sm = Sm {
        source_addr_ton: 5,
        source_addr: COctetStr::new(b"Signalbox").unwrap(),
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: COctetStr::new(b"447700900123").unwrap(),
        registered_delivery: 1,
        short_message: ShortMessage::new(&[b'a'; 140]).unwrap(),
        ..Sm::default()
    };
    let with_sar = Sm {
        tlvs: sar.as_tlvs(),
        ..sm
    };
    let deliver_sm = Sm {
        esm_class: 4,
        short_message: ShortMessage::new(RECEIPT).unwrap(),
        tlvs: receipt.as_tlvs(),
        ..sm
    };
    [
        ("submit_sm with a text of 140", Pdu::SubmitSm(sm)),
        (
            "submit_sm with a text of 140 and 3 TLVs",
            Pdu::SubmitSm(with_sar),
        ),
        (
            "deliver_sm with a receipt and 2 TLVs",
            Pdu::DeliverSm(deliver_sm),
        ),
    ]
    .map(|(name, pdu)| {
        let mut out = BytesMut::new();
        encode_pdu(&pdu, CommandStatus::ESME_ROK, 7, &mut out);
        (name.to_owned(), out.to_vec())
    })
    .into()
}
