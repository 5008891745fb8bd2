//! Text, segments, receipts: what the gateway does for each message besides its PDU.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use signalbox_codec::receipt::{self, id_candidates};
use signalbox_codec::segment::{LongMessage, SegmentOptions};
use signalbox_codec::text::{Encoding, Language, PlanOptions, gsm7, packed, plan, ucs2};

const ASCII: &str = "Your order 4711 has left our house today and will reach you by tomorrow at \
    noon. Questions? Call 0800 123456, we are glad to help, any day from 8 to 20. Bye";
const RECEIPT: &[u8] = b"id:0059113978 sub:001 dlvrd:001 submit date:1002101730 \
    done date:1002101731 stat:DELIVRD err:000 text:Your order 4711 has ";

/// Cuts or fills `text` to 160 characters.
fn of_160(text: &str) -> String {
    text.chars().cycle().take(160).collect()
}

fn codings(criterion: &mut Criterion) {
    let texts = [
        ("ascii", of_160(ASCII)),
        (
            "mixed",
            of_160("Prix: 12 € [TTC], à payer @ caisse_1 {é}; "),
        ),
    ];
    let mut group = criterion.benchmark_group("gsm7");
    for (name, text) in &texts {
        let mut septets = Vec::new();
        gsm7::encode(text, &mut septets).expect("in the alphabet");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("encode_160_{name}"), |bencher| {
            let mut out = Vec::with_capacity(400);
            bencher.iter(|| {
                out.clear();
                gsm7::encode(black_box(text), &mut out).expect("in the alphabet");
                black_box(out.len())
            });
        });
        group.bench_function(format!("decode_160_{name}"), |bencher| {
            bencher.iter(|| gsm7::decode(black_box(&septets)).expect("septets"));
        });
        group.bench_function(format!("pack_160_{name}"), |bencher| {
            let mut out = Vec::with_capacity(400);
            bencher.iter(|| {
                out.clear();
                packed::pack(black_box(&septets), 1, packed::Padding::Zero, &mut out)
            });
        });
    }
    let long =
        "Plain text of a bulk mailing without any sign of note, over and over. ".repeat(1000);
    group.throughput(Throughput::Bytes(long.len() as u64));
    group.bench_function("encode_70k_ascii", |bencher| {
        let mut out = Vec::with_capacity(long.len());
        bencher.iter(|| {
            out.clear();
            gsm7::encode(black_box(&long), &mut out).expect("in the alphabet");
            black_box(out.len())
        });
    });
    group.bench_function("decode_70k_ascii", |bencher| {
        bencher.iter(|| gsm7::decode(black_box(long.as_bytes())).expect("septets"));
    });
    group.finish();
    let cyrillic: String = "Привет, ваш заказ ".chars().cycle().take(70).collect();
    let mut octets = Vec::new();
    ucs2::encode(&cyrillic, &mut octets);
    criterion.bench_function("ucs2/decode_70", |bencher| {
        bencher.iter(|| ucs2::decode(black_box(&octets)).expect("UTF-16"));
    });
}

fn plans(criterion: &mut Criterion) {
    let default = PlanOptions::default();
    let udh16 = PlanOptions {
        segment: SegmentOptions {
            long_message: LongMessage::Udh16,
            ..Default::default()
        },
        ..default
    };
    let turkish = PlanOptions {
        languages: &[Language::Turkish],
        ..default
    };
    let all = PlanOptions {
        languages: &Language::ALL,
        ..default
    };
    let latin1 = PlanOptions {
        default_alphabet: Encoding::Latin1,
        ..default
    };
    let turkish_text: String = "Sayın müşterimiz, siparişiniz "
        .chars()
        .cycle()
        .take(140)
        .collect();
    let cyrillic: String = "Привет, ваш заказ ".chars().cycle().take(200).collect();
    for (name, text, options) in [
        ("160_ascii", of_160(ASCII), &default),
        (
            "160_mixed",
            of_160("Prix: 12,50, à payer à la caisse, é; "),
            &default,
        ),
        ("160_ascii_latin1", of_160(ASCII), &latin1),
        ("140_turkish", turkish_text.clone(), &turkish),
        ("140_turkish_all_languages", turkish_text, &all),
        (
            "800_ascii_udh16",
            ASCII.chars().cycle().take(800).collect(),
            &udh16,
        ),
        ("200_cyrillic_udh8", cyrillic, &default),
    ] {
        criterion.bench_function(&format!("plan/{name}"), |bencher| {
            bencher.iter(|| plan(black_box(&text), options).expect("fits"));
        });
    }
}

fn receipts(criterion: &mut Criterion) {
    criterion.bench_function("receipt/parse", |bencher| {
        bencher.iter(|| receipt::parse(black_box(RECEIPT)).expect("a receipt"));
    });
    criterion.bench_function("receipt/id_candidates", |bencher| {
        bencher.iter(|| id_candidates(black_box("0059113978")));
    });
}

criterion_group!(benches, codings, plans, receipts);
criterion_main!(benches);
