//! Forms of a message id. SMSCs answer submit_sm with one form and send the receipt with another:
//! other case, leading zeros, hexadecimal here and decimal there, a UUID with and without dashes.

/// Longest id whose base is converted; `message_id` has at most 64 octets.
const CONVERTED_DIGITS_MAX: usize = 64;

/// The form under which an id is stored and looked up: lower case, without leading zeros, and a
/// UUID without its dashes. An id of zeros alone is `0`.
pub fn canonical_id(id: &str) -> String {
    let mut canonical = id.trim().to_ascii_lowercase();
    if is_uuid(canonical.as_bytes()) {
        canonical.retain(|character| character != '-');
    }
    // Blanks as well: what is left has to be its own canonical form.
    let kept = canonical.trim_start_matches(|one: char| one == '0' || one.is_whitespace());
    match (canonical.is_empty(), kept.is_empty()) {
        (true, _) => canonical,
        (false, true) => "0".to_owned(),
        (false, false) => kept.to_owned(),
    }
}

/// Keys under which the message of `id` may have been stored with [`canonical_id`], the likeliest
/// first and each once: the id itself, its decimal digits as hexadecimal, its hexadecimal digits as
/// decimal. At most 3; numbers may have any length up to 64 digits.
pub fn id_candidates(id: &str) -> Vec<String> {
    let canonical = canonical_id(id);
    let mut candidates = Vec::with_capacity(3);
    let converted = [(10, 16), (16, 10)].map(|(from, to)| convert(&canonical, from, to));
    for candidate in [Some(canonical)].into_iter().chain(converted).flatten() {
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}

/// Digits of base `from` as digits of base `to`; `None` when something else is among them.
fn convert(digits: &str, from: u32, to: u32) -> Option<String> {
    if digits.is_empty() || digits.len() > CONVERTED_DIGITS_MAX {
        return None;
    }
    // Digits of base `to`, the least significant first.
    let mut converted: Vec<u32> = Vec::with_capacity(CONVERTED_DIGITS_MAX * 5 / 4);
    for character in digits.chars() {
        let mut carry = character.to_digit(from)?;
        for digit in &mut converted {
            let value = *digit * from + carry;
            *digit = value % to;
            carry = value / to;
        }
        while carry > 0 {
            converted.push(carry % to);
            carry /= to;
        }
    }
    if converted.is_empty() {
        converted.push(0);
    }
    let digit_of = |&digit: &u32| char::from_digit(digit, to).expect("a digit is below its base");
    Some(converted.iter().rev().map(digit_of).collect())
}

/// Five groups of 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_uuid(id: &[u8]) -> bool {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    let fits = |(at, octet): (usize, &u8)| match DASHES.contains(&at) {
        true => *octet == b'-',
        false => octet.is_ascii_hexdigit(),
    };
    id.len() == 36 && id.iter().enumerate().all(fits)
}
