//! Receipts of any octets: never a panic, values that stand in the octets, and the same values
//! again from what is written of them.

use signalbox_codec::receipt::{
    DateDigits, Receipt, canonical_id, id_candidates, parse, parse_date, write,
};

pub fn check_receipt(octets: &[u8]) {
    check_id(&String::from_utf8_lossy(octets));
    let _ = parse_date(octets);
    let Some(receipt) = parse(octets) else {
        assert!(
            !has_id_and_stat(octets),
            "an id and a state, yet no receipt"
        );
        return;
    };
    for value in [receipt.id, receipt.stat, receipt.err, receipt.text] {
        let value = value.unwrap_or_default();
        assert!(value.is_empty() || octets.windows(value.len()).any(|piece| piece == value));
    }
    check_written(&receipt);
}

/// The beginning that nearly all receipts have, in its plainest form.
fn has_id_and_stat(octets: &[u8]) -> bool {
    let rest = octets.strip_prefix(b"id:1 ");
    rest.is_some_and(|rest| rest.starts_with(b"stat:DELIVRD "))
}

/// What is written is read back, as far as one can tell where a value ends: a word without blank
/// or separator, a text of at most 20 octets behind a state.
fn check_written(receipt: &Receipt<'_>) {
    let words = [receipt.id, receipt.stat, receipt.err];
    let is_word = |octet: &u8| *octet > b' ' && !matches!(octet, b',' | b';');
    let are_words = words.iter().flatten().all(|word| word.iter().all(is_word));
    if !are_words || receipt.stat.is_none() || receipt.id.is_none() {
        return;
    }
    for digits in [DateDigits::Twelve, DateDigits::Fourteen] {
        let mut octets = Vec::new();
        write(receipt, digits, &mut octets);
        let again = parse(&octets).expect("it was written");
        assert_eq!((again.id, again.stat, again.err), words.into());
        assert_eq!((again.sub, again.dlvrd), (receipt.sub, receipt.dlvrd));
        if digits == DateDigits::Fourteen {
            assert_eq!(again.submit_date, receipt.submit_date);
            assert_eq!(again.done_date, receipt.done_date);
        }
    }
}

/// The canonical form is its own, and every candidate leads back to it.
fn check_id(id: &str) {
    let canonical = canonical_id(id);
    assert_eq!(canonical_id(&canonical), canonical);
    let candidates = id_candidates(id);
    assert!((1..=3).contains(&candidates.len()));
    assert_eq!(candidates[0], canonical);
    for candidate in &candidates[1..] {
        assert_ne!(*candidate, canonical);
        assert_eq!(canonical_id(candidate), *candidate);
        let back = candidate.len() > 64 || id_candidates(candidate).contains(&canonical);
        assert!(back, "{candidate} does not lead back to {canonical}");
    }
}
