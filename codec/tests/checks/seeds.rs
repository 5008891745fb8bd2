//! First inputs of the fuzz targets, made of the vectors.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Different inputs for a target, smallest first. `vectors` is the folder `tests/vectors`.
pub fn seeds(target: &str, vectors: &Path) -> Vec<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    let mut add = |prefix: &[u8], octets: &[u8]| {
        seeds.insert([prefix, octets].concat());
    };
    match target {
        "text" => {
            for row in rows(vectors, "text-gsm7-ucs2") {
                // Each as octets of some codings, as a text, as septets, and to be planned.
                let derived = &row["derived"];
                add(&[0, 0, 0, 0], &octets_of(&derived["unpacked_hex"]));
                add(&[0, 8, 0, 0], &octets_of(&derived["ucs2_hex"]));
                let text = row["text"].as_str().unwrap_or_default().as_bytes();
                add(&[1, 0], text);
                add(&[2, 1, 1], &octets_of(&derived["packed_hex"]));
                add(&[3, 1, 1], text);
                add(&[4, 1, 1, 15, 2, 0, 0, 255, 140], text);
            }
        }
        "udh" => {
            for row in rows(vectors, "udh-concat") {
                add(&[0], &octets_of(&row["hex"]));
                add(&[1], &octets_of(&row["hex"]));
            }
        }
        "receipt" => {
            for row in rows(vectors, "dlr-text") {
                let text = row["text"].as_str().unwrap_or_default();
                add(&[], text.as_bytes());
            }
        }
        "time" => {
            for time in ["120305124350000+", "000000020630000R", "991231235959948-"] {
                add(&[], time.as_bytes());
            }
            add(&[], &[0x11; 17]);
        }
        _ => {
            for row in pdu_rows(vectors) {
                add(&[], &octets_of(&row["hex"]));
            }
        }
    }
    let mut seeds: Vec<Vec<u8>> = seeds.into_iter().collect();
    seeds.sort_by_key(Vec::len);
    seeds
}

fn pdu_rows(vectors: &Path) -> Vec<Value> {
    let mut names: Vec<String> = std::fs::read_dir(vectors)
        .expect("the folder of the vectors")
        .filter_map(|entry| {
            Path::new(&entry.ok()?.file_name())
                .file_stem()?
                .to_str()
                .map(str::to_owned)
        })
        .filter(|name| name.starts_with("pdu-"))
        .collect();
    names.sort();
    names.iter().flat_map(|name| rows(vectors, name)).collect()
}

fn rows(vectors: &Path, name: &str) -> Vec<Value> {
    let path = vectors.join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(&path).expect("a vector file");
    let rows = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    rows.collect()
}

fn octets_of(hex: &Value) -> Vec<u8> {
    let pairs = hex.as_str().unwrap_or_default().as_bytes().chunks_exact(2);
    pairs
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
