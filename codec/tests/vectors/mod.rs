//! Reads the vectors of this folder: JSON lines, each with its source and licence.

#![allow(dead_code, reason = "each test file takes what it needs")]

use serde_json::Value;

/// Rows of a file below `tests/vectors`.
pub(crate) fn rows(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(&path).expect(&path);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// Octets of a hexadecimal field; `None` when the row lacks it.
pub(crate) fn hex(row: &Value, field: &str) -> Option<Vec<u8>> {
    row[field].as_str().map(octets)
}

/// Octets of hexadecimal digits.
pub(crate) fn octets(digits: &str) -> Vec<u8> {
    let pairs = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect(pair))
        .collect()
}

/// Runs `check` over all rows. A row that fails must have an exception with its reason, and a row
/// that passes must not; `exception` looks it up.
pub(crate) fn check_all(
    file: &str,
    check: impl Fn(&Value) -> Result<(), String>,
    exception: impl Fn(&Value) -> Option<&'static str>,
) {
    let rows = rows(file);
    assert!(!rows.is_empty(), "{file} holds no rows");
    let mut wrong = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        match (check(row), exception(row)) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(reason)) => {
                wrong.push(format!(
                    "line {} passes, yet is excepted: {reason}",
                    index + 1
                ));
            }
            (Err(error), None) => {
                wrong.push(format!(
                    "line {}: {error}: {}: {}",
                    index + 1,
                    row["source"],
                    row["name"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
}
