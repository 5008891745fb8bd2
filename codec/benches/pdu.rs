//! Decoding and encoding of the commonest PDUs, beside rusmpp in the same run.

#![allow(missing_docs, clippy::unwrap_used)] // Bench code.

mod samples;

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode as _, Length as _};
use signalbox_codec::pdu::MessageIdResp;
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, COctetStr, CommandStatus, Pdu, encode_pdu, next_frame,
};

fn samples() -> Vec<(String, Vec<u8>)> {
    let submit_sm_resp = Pdu::SubmitSmResp(MessageIdResp {
        message_id: COctetStr::new(b"0123456789abcdef"),
        ..MessageIdResp::default()
    });
    let mut all = samples::common();
    for (name, pdu) in [
        ("submit_sm_resp", submit_sm_resp),
        ("enquire_link", Pdu::EnquireLink),
    ] {
        let mut out = BytesMut::new();
        encode_pdu(&pdu, CommandStatus::ESME_ROK, 7, &mut out);
        all.push((name.to_owned(), out.to_vec()));
    }
    all
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
