//! Octets as hexadecimal digits.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends lower-case digits.
pub(super) fn write(octets: &[u8], out: &mut Vec<u8>) {
    out.reserve(2 * octets.len());
    for octet in octets {
        out.push(DIGITS[usize::from(octet >> 4)]);
        out.push(DIGITS[usize::from(octet & 0x0F)]);
    }
}

/// Reads digits into `octets`, which is cleared first. Spaces, tabs, colons between them and `0x`
/// in front are passed over.
///
/// # Errors
/// The position of the first character that is no digit, or of the end when a digit is missing.
pub(super) fn read(text: &[u8], octets: &mut Vec<u8>) -> Result<(), usize> {
    octets.clear();
    octets.reserve(text.len() / 2);
    let start = if text.starts_with(b"0x") || text.starts_with(b"0X") {
        2
    } else {
        0
    };
    let mut high = None;
    for (at, character) in text.iter().enumerate().skip(start) {
        let value = match character {
            b'0'..=b'9' => character - b'0',
            b'a'..=b'f' => character - b'a' + 10,
            b'A'..=b'F' => character - b'A' + 10,
            b' ' | b'\t' | b':' => continue,
            _ => return Err(at),
        };
        match high.take() {
            None => high = Some(value << 4),
            Some(high) => octets.push(high | value),
        }
    }
    if high.is_none() {
        Ok(())
    } else {
        Err(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_the_forms_that_people_paste() {
        for (text, expected) in [
            ("", Ok(&[][..])),
            ("00ff1A", Ok(&[0x00, 0xFF, 0x1A][..])),
            ("0x00 ff:1a\t", Ok(&[0x00, 0xFF, 0x1A][..])),
            ("00f", Err(3)),
            ("00fg", Err(3)),
            ("0x", Ok(&[][..])),
        ] {
            let mut octets = vec![9];
            let result = read(text.as_bytes(), &mut octets);
            assert_eq!(result.map(|()| octets.as_slice()), expected, "{text}");
        }
    }
}
