//! User data for people: the elements of its header, and its text by `data_coding`.
//! 3GPP TS 23.040 §9.2.3.24; SMPP v3.4 §5.2.19.

use signalbox_codec::text::encoding::is_reserved;
use signalbox_codec::text::{self, Encoding, Language, TextError};
use signalbox_codec::udh::{
    CONCATENATION_8, CONCATENATION_16, Concatenation, InformationElement, NATIONAL_LOCKING_SHIFT,
    NATIONAL_SINGLE_SHIFT, Udh,
};

/// The text behind the header, if there is one, in quotes; octets that are no text as ASCII with
/// escapes. `data_coding` 0 is taken as the GSM 7-bit default alphabet.
pub(super) fn text(user_data: &[u8], data_coding: u8, has_header: bool) -> String {
    let (udh, body) = split(user_data, has_header);
    match text::decode(body, data_coding, Encoding::Gsm7, udh) {
        Ok(text) => format!("{text:?}"),
        Err(_) => printable(body),
    }
}

/// The header, unless it is broken, and what follows it.
pub(super) fn split(user_data: &[u8], has_header: bool) -> (Option<Udh<'_>>, &[u8]) {
    match Udh::split(user_data) {
        Ok((udh, body)) if has_header => (Some(udh), body),
        _ => (None, user_data),
    }
}

/// Octets as ASCII, with escapes for what is none.
pub(super) fn printable(octets: &[u8]) -> String {
    format!("\"{}\"", octets.escape_ascii())
}

/// How many octets, in words.
pub(super) fn count(octets: usize) -> String {
    match octets {
        1 => "1 octet".to_owned(),
        _ => format!("{octets} octets"),
    }
}

/// Why octets of that `data_coding` are no text.
pub(super) fn no_text(error: TextError, data_coding: u8) -> String {
    match error {
        TextError::NotText { .. } if is_reserved(data_coding) => {
            format!("data_coding 0x{data_coding:02X} is reserved (SMPP v3.4 §5.2.19), so no text")
        }
        TextError::NotText { .. } => {
            format!("data_coding 0x{data_coding:02X} announces octets that are no text")
        }
        error => error.to_string(),
    }
}

/// The elements of a header, or why it is none.
pub(super) fn header(user_data: &[u8]) -> String {
    match Udh::split(user_data) {
        Err(error) => error.to_string(),
        Ok((udh, body)) => {
            let elements: Vec<String> = udh.iter().map(element).collect();
            let elements = match elements.as_slice() {
                [] => "without elements".to_owned(),
                elements => format!("({})", elements.join("; ")),
            };
            let header = count(user_data.len() - body.len());
            format!("{header} of header {elements}, {} of text", body.len())
        }
    }
}

/// Whether the element tells a place of a part that cannot be.
pub(super) fn is_broken_place(element: InformationElement<'_>) -> bool {
    matches!(element.id, CONCATENATION_8 | CONCATENATION_16)
        && Concatenation::of_element(element).is_none()
}

fn element(element: InformationElement<'_>) -> String {
    if let Some(place) = Concatenation::of_element(element) {
        let (number, total, reference) = (place.number, place.total, place.reference);
        return format!("part {number} of {total}, reference {reference}");
    }
    let language = |identifier: u8| match Language::from_identifier(identifier) {
        Some(language) => format!("{language:?}"),
        None => format!("language {identifier}"),
    };
    let InformationElement { id, data } = element;
    match (id, data) {
        (CONCATENATION_8, [.., total, number]) | (CONCATENATION_16, [.., total, number]) => {
            format!("impossible part {number} of {total}")
        }
        (0x05, [d1, d0, s1, s0]) => {
            let port = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
            format!("port {} from {}", port(d1, d0), port(s1, s0))
        }
        (0x04, [destination, source]) => format!("port {destination} from {source}"),
        (NATIONAL_SINGLE_SHIFT, [one]) => format!("single shift {}", language(*one)),
        (NATIONAL_LOCKING_SHIFT, [one]) => format!("locking shift {}", language(*one)),
        _ => format!("element 0x{id:02X} of {}", count(data.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_element_by_element() {
        for (user_data, words) in [
            (
                &[5, 0, 3, 7, 2, 1, b'x'][..],
                "6 octets of header (part 1 of 2, reference 7), 1 of text",
            ),
            (
                &[5, 0, 3, 7, 3, 4],
                "6 octets of header (impossible part 4 of 3), 0 of text",
            ),
            (
                &[9, 5, 4, 0x23, 0xF4, 0, 0, 0x70, 1, 9],
                "10 octets of header (port 9204 from 0; element 0x70 of 1 octet), 0 of text",
            ),
            (
                &[3, 0x25, 1, 6],
                "4 octets of header (locking shift Hindi), 0 of text",
            ),
            (&[0, b'x'], "1 octet of header without elements, 1 of text"),
            (&[9], "user data header: length 9, but 0 octets follow"),
        ] {
            assert_eq!(header(user_data), words);
        }
    }

    #[test]
    fn text_is_read_by_its_data_coding() {
        for (user_data, data_coding, has_header, shown) in [
            (&[0x00, 0x1B, 0x65][..], 0, false, "\"@€\""),
            (&[0x04, 0x1F, 0x04, 0x40], 8, false, "\"Пр\""),
            (&[5, 0, 3, 7, 2, 1, 0x20, 0xAC], 8, true, "\"€\""),
            (&[0x20, 0xAC, 0x20], 8, false, "\" \\xac \""),
            (&[0xFF], 0, false, "\"\\xff\""),
            (&[0xFF], 4, false, "\"\\xff\""),
        ] {
            assert_eq!(text(user_data, data_coding, has_header), shown);
        }
    }
}
