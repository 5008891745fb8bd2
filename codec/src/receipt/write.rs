//! Writes the text of a receipt, in the order of SMPP v3.4 Appendix B.

use super::{Receipt, ReceiptDate};
use crate::time::SmppTime;

/// Octets of the message that a receipt repeats (SMPP v3.4 Appendix B).
pub const RECEIPT_TEXT_OCTETS_MAX: usize = 20;

/// How a date without zone is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateDigits {
    /// `YYMMDDhhmm`, Appendix B.
    #[default]
    Ten,
    /// `YYMMDDhhmmss`.
    Twelve,
    /// `YYYYMMDDhhmmss`.
    Fourteen,
}

/// Appends the fields that are present; of `text` the first [`RECEIPT_TEXT_OCTETS_MAX`] octets.
pub fn write(receipt: &Receipt<'_>, digits: DateDigits, out: &mut Vec<u8>) {
    let start = out.len();
    // Each key stands with the space before it and the colon behind it: half the pieces of a field.
    let mut field = |key: &str, value: &[u8]| {
        let key = key.as_bytes();
        out.extend_from_slice(if out.len() > start { key } else { &key[1..] });
        out.extend_from_slice(value);
    };
    if let Some(id) = receipt.id {
        field(" id:", id);
    }
    for (key, count) in [(" sub:", receipt.sub), (" dlvrd:", receipt.dlvrd)] {
        if let Some(count) = count {
            match three_digits(count) {
                Some(digits) => field(key, &digits),
                None => field(key, count.to_string().as_bytes()),
            }
        }
    }
    for (key, date) in [
        (" submit date:", receipt.submit_date),
        (" done date:", receipt.done_date),
    ] {
        match date {
            None => {}
            Some(ReceiptDate::Absolute(time)) => field(key, &SmppTime::Absolute(time).octets()),
            Some(ReceiptDate::Local(date)) => {
                let written = date.digits();
                field(
                    key,
                    match digits {
                        DateDigits::Ten => &written[2..12],
                        DateDigits::Twelve => &written[2..],
                        DateDigits::Fourteen => &written,
                    },
                );
            }
        }
    }
    for (key, word) in [(" stat:", receipt.stat), (" err:", receipt.err)] {
        if let Some(word) = word {
            field(key, word);
        }
    }
    if let Some(text) = receipt.text {
        field(" text:", &text[..text.len().min(RECEIPT_TEXT_OCTETS_MAX)]);
    }
}

/// A count below 1,000 with its leading zeros.
fn three_digits(count: u32) -> Option<[u8; 3]> {
    let digit = |place| b'0' + (count / place % 10) as u8;
    (count < 1_000).then(|| [100, 10, 1].map(digit))
}
