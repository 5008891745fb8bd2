//! Decoding and encoding of the commonest PDUs, beside rusmpp in the same run.

#![allow(missing_docs, clippy::unwrap_used)] // Bench code.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode as _, Length as _};
use signalbox_codec::pdu::{MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, COctetStr, CommandStatus, Pdu, Tag, TlvBuf, encode_pdu, next_frame,
};

const RECEIPT: &[u8] = b"id:0123456789 sub:001 dlvrd:001 submit date:2611220102 \
    done date:2611220103 stat:DELIVRD err:000 text:hello";

fn samples() -> Vec<(&'static str, BytesMut)> {
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
    let submit_sm = Pdu::SubmitSm(sm);
    let submit_sm_sar = Pdu::SubmitSm(Sm {
        tlvs: sar.as_tlvs(),
        ..sm
    });
    let deliver_sm = Pdu::DeliverSm(Sm {
        esm_class: 4,
        short_message: ShortMessage::new(RECEIPT).unwrap(),
        tlvs: receipt.as_tlvs(),
        ..sm
    });
    let submit_sm_resp = Pdu::SubmitSmResp(MessageIdResp {
        message_id: COctetStr::new(b"0123456789abcdef"),
        ..MessageIdResp::default()
    });
    [
        ("submit_sm 140", submit_sm),
        ("submit_sm 140 + 3 TLVs", submit_sm_sar),
        ("deliver_sm receipt + 2 TLVs", deliver_sm),
        ("submit_sm_resp", submit_sm_resp),
        ("enquire_link", Pdu::EnquireLink),
    ]
    .map(|(name, pdu)| {
        let mut out = BytesMut::new();
        encode_pdu(&pdu, CommandStatus::ESME_ROK, 7, &mut out);
        (name, out)
    })
    .into()
}

fn decode(criterion: &mut Criterion) {
    for (name, octets) in samples() {
        let mut group = criterion.benchmark_group(format!("decode {name}"));
        group.bench_function("signalbox", |bencher| {
            bencher.iter(|| {
                let frame = next_frame(black_box(&octets), COMMAND_LENGTH_MAX_BOUND);
                let _ = black_box(&Pdu::decode(&frame.unwrap().unwrap()));
            });
        });
        group.bench_function("rusmpp", |bencher| {
            bencher.iter_batched(
                || BytesMut::from(&octets[4..]),
                |mut rest| {
                    let length = rest.len();
                    rusmpp::Command::decode(&mut rest, length).unwrap()
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

fn encode(criterion: &mut Criterion) {
    for (name, octets) in samples() {
        let frame = next_frame(&octets, COMMAND_LENGTH_MAX_BOUND).unwrap();
        let pdu = Pdu::decode(&frame.unwrap()).unwrap();
        let mut rest = BytesMut::from(&octets[4..]);
        let length = rest.len();
        let (command, _) = rusmpp::Command::decode(&mut rest, length).unwrap();
        let mut group = criterion.benchmark_group(format!("encode {name}"));
        let mut out = BytesMut::with_capacity(1024);
        group.bench_function("signalbox", |bencher| {
            bencher.iter(|| {
                out.clear();
                encode_pdu(black_box(&pdu), CommandStatus::ESME_ROK, 7, &mut out);
                black_box(&out);
            });
        });
        let mut buffer = vec![0; 1024];
        group.bench_function("rusmpp", |bencher| {
            bencher.iter(|| {
                let command = black_box(&command);
                let size = command.length();
                command.encode(&mut buffer[..size]);
                black_box(&buffer);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
