//! Receipt texts of real SMSCs and of other people's tests: every row, each exception with its
//! reason.

mod vectors;

use serde_json::Value;
use signalbox_codec::receipt::{Receipt, ReceiptState, id_candidates, parse};
use vectors::check_all;

/// Rows that differ on purpose: name, reason.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "parseRealWorldReceipt0",
    "the row expects the text's id; ours is that of the TLV, as of every other row with TLVs",
)];

#[test]
fn every_receipt_row_agrees() {
    check_all("dlr-text.jsonl", check, |row| {
        let name = row["name"].as_str()?;
        EXCEPTIONS.iter().find(|one| one.0 == name).map(|one| one.1)
    });
}

fn check(row: &Value) -> Result<(), String> {
    let text = row["text"].as_str().ok_or("no text")?;
    let expected = &row["expect"];
    let parsed = parse(text.as_bytes());
    if row["expect_not_receipt"] == true {
        return parsed.map_or(Ok(()), |receipt| Err(format!("is a receipt: {receipt:?}")));
    }
    if row["expect_error_strict"] == true {
        let receipt = parsed.ok_or("no receipt")?;
        return same("id", receipt.id.map_or(Value::Null, words), &Value::Null);
    }
    let tlvs = &row["tlvs"];
    let state = tlvs["message_state"].as_u64().map(|state| state as u8);
    let id = tlvs["receipted_message_id"].as_str().map(str::as_bytes);
    let receipt = parsed.unwrap_or_default().with_tlvs(id, state);
    compare(&receipt, expected)
}

fn compare(receipt: &Receipt<'_>, expected: &Value) -> Result<(), String> {
    let date =
        |date: Option<_>| date.map(|date: signalbox_codec::receipt::ReceiptDate| date.to_string());
    same("id", receipt.id.map_or(Value::Null, words), &expected["id"])?;
    same("sub", receipt.sub.into(), &expected["sub"])?;
    same("dlvrd", receipt.dlvrd.into(), &expected["dlvrd"])?;
    same(
        "submit_date",
        date(receipt.submit_date).into(),
        &expected["submit_date"],
    )?;
    same(
        "done_date",
        date(receipt.done_date).into(),
        &expected["done_date"],
    )?;
    same(
        "stat",
        receipt.stat.map_or(Value::Null, words),
        &expected["stat"],
    )?;
    same(
        "err",
        receipt.err.map_or(Value::Null, words),
        &expected["err"],
    )?;
    same(
        "text",
        receipt.text.map_or(Value::Null, words),
        &expected["text"],
    )
}

fn words(octets: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(octets).into_owned())
}

fn same(field: &str, found: Value, expected: &Value) -> Result<(), String> {
    if found == *expected {
        Ok(())
    } else {
        Err(format!("{field}: {found} for {expected}"))
    }
}

#[test]
fn ids_of_responses_are_found_from_receipts() {
    let rows = vectors::rows("dlr-text.jsonl");
    let pairs = rows.iter().filter_map(|row| {
        let answered = row["submit_sm_resp_message_id"].as_str();
        Some((
            answered.or_else(|| row["tlvs"]["receipted_message_id"].as_str())?,
            row["text"].as_str()?,
        ))
    });
    let mut checked = 0;
    for (answered, text) in pairs {
        let receipt = parse(text.as_bytes()).unwrap_or_default();
        let Some(id) = receipt.id.filter(|id| *id != b"5000") else {
            continue;
        };
        let id = std::str::from_utf8(id).expect("ASCII");
        let stored = signalbox_codec::receipt::canonical_id(answered);
        assert!(id_candidates(id).contains(&stored), "{answered} from {id}");
        checked += 1;
    }
    assert!(checked >= 6, "{checked} pairs");
}

#[test]
fn every_truncation_and_every_flipped_octet_is_survived() {
    for row in vectors::rows("dlr-text.jsonl") {
        let octets = row["text"].as_str().expect("text").as_bytes();
        for end in 0..octets.len() {
            parse(&octets[..end]);
            for flipped in [0x00, b':', b' ', 0xFF] {
                let mut octets = octets.to_vec();
                octets[end] = flipped;
                if let Some(receipt) = parse(&octets) {
                    receipt.state().map(ReceiptState::is_final);
                }
            }
        }
    }
}
