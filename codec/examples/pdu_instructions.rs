//! Repeats one operation so that `valgrind --tool=callgrind` can count its instructions:
//! `pdu_instructions OPERATION COUNT`. The difference between two counts, divided, is the cost of
//! one operation without the start of the program.

use std::hint::black_box;

use bytes::BytesMut;
use signalbox_codec::pdu::{MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, COctetStr, CommandStatus, Pdu, Tag, TlvBuf, encode_pdu, next_frame,
};

fn submit_sm(tlvs: &TlvBuf) -> BytesMut {
    let mut out = BytesMut::new();
    let pdu = Pdu::SubmitSm(Sm {
        source_addr_ton: 5,
        source_addr: COctetStr::new(b"Signalbox").expect("no NUL"),
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: COctetStr::new(b"447700900123").expect("no NUL"),
        registered_delivery: 1,
        short_message: ShortMessage::new(&[b'a'; 140]).expect("short enough"),
        tlvs: tlvs.as_tlvs(),
        ..Sm::default()
    });
    encode_pdu(&pdu, CommandStatus::ESME_ROK, 7, &mut out);
    out
}

fn submit_sm_resp() -> BytesMut {
    let mut out = BytesMut::new();
    let pdu = Pdu::SubmitSmResp(MessageIdResp {
        message_id: COctetStr::new(b"0123456789abcdef"),
        ..MessageIdResp::default()
    });
    encode_pdu(&pdu, CommandStatus::ESME_ROK, 7, &mut out);
    out
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let operation = arguments.next().expect("OPERATION");
    let count: usize = arguments
        .next()
        .and_then(|count| count.parse().ok())
        .expect("COUNT");
    let mut tlvs = TlvBuf::new();
    if operation.ends_with("_3_tlvs") {
        tlvs.push_u16(Tag::USER_MESSAGE_REFERENCE, 7);
        tlvs.push_u8(Tag::SAR_TOTAL_SEGMENTS, 2);
        tlvs.push_u8(Tag::SAR_SEGMENT_SEQNUM, 1);
    }
    let octets = if operation.contains("resp") {
        submit_sm_resp()
    } else {
        submit_sm(&tlvs)
    };
    let frame = next_frame(&octets, COMMAND_LENGTH_MAX_BOUND)
        .expect("well framed")
        .expect("whole");
    let pdu = Pdu::decode(&frame).expect("valid");
    let mut out = BytesMut::with_capacity(1024);
    for _ in 0..count {
        if operation.starts_with("decode") {
            let frame = next_frame(black_box(&octets), COMMAND_LENGTH_MAX_BOUND)
                .expect("well framed")
                .expect("whole");
            let _ = black_box(&Pdu::decode(&frame));
        } else {
            out.clear();
            encode_pdu(black_box(&pdu), CommandStatus::ESME_ROK, 7, &mut out);
            black_box(&out);
        }
    }
}
