//! What the values of bit fields and enumerations mean, in words for people.
//! SMPP v3.4 §5.2.12, §5.2.17, §5.2.19, §5.2.28; 3GPP TS 23.038 §4, 3GPP TS 23.040 §9.2.3.24.

use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::text::encoding::{message_class, message_waiting};
use signalbox_codec::text::{Encoding, Language};
use signalbox_codec::udh::{
    Concatenation, InformationElement, NATIONAL_LOCKING_SHIFT, NATIONAL_SINGLE_SHIFT, Udh,
};

/// The meaning of a field's value; `None` for fields that are plain numbers. `is_deliver` tells the
/// direction, which decides on the types of `esm_class`.
pub(super) fn of_field(name: &str, value: u8, is_deliver: bool) -> Option<String> {
    match name {
        "esm_class" => Some(esm_class(value, is_deliver)),
        "registered_delivery" => Some(registered_delivery(value)),
        "data_coding" => Some(data_coding(value)),
        "message_state" => Some(message_state(value)),
        "interface_version" => Some(format!("SMPP v{}.{}", value >> 4, value & 0x0F)),
        _ => None,
    }
}

/// A `message_state`, of a field or a parameter.
pub(super) fn message_state(value: u8) -> String {
    match ReceiptState::from_message_state(value) {
        Some(state) => format!("{state:?}").to_ascii_lowercase(),
        None => "reserved".to_owned(),
    }
}

fn esm_class(value: u8, is_deliver: bool) -> String {
    let kind = match (value & 0x3C, is_deliver) {
        (0x00, _) => "message",
        (0x04, true) => "delivery receipt",
        (0x08, _) => "delivery acknowledgement",
        (0x10, _) => "user acknowledgement",
        (0x18, true) => "conversation abort",
        (0x20, true) => "intermediate notification",
        _ => "reserved type",
    };
    let mode = match value & 0x03 {
        _ if is_deliver => None,
        0x00 => Some("default mode"),
        0x01 => Some("datagram"),
        0x02 => Some("transaction"),
        _ => Some("store and forward"),
    };
    let udhi = (value & 0x40 != 0).then_some("user data header");
    let reply_path = (value & 0x80 != 0).then_some("reply path");
    let words: Vec<&str> = [Some(kind), mode, udhi, reply_path]
        .into_iter()
        .flatten()
        .collect();
    words.join(", ")
}

fn registered_delivery(value: u8) -> String {
    let receipt = match value & 0x03 {
        0x00 => "no receipt",
        0x01 => "receipt of success or failure",
        0x02 => "receipt of failure",
        _ => "receipt of success (v5.0)",
    };
    let acknowledgement = match value & 0x0C {
        0x00 => None,
        0x04 => Some("delivery acknowledgement"),
        0x08 => Some("user acknowledgement"),
        _ => Some("both acknowledgements"),
    };
    let intermediate = (value & 0x10 != 0).then_some("intermediate notifications");
    let reserved = (value & 0xE0 != 0).then_some("reserved bits");
    let words = [Some(receipt), acknowledgement, intermediate, reserved];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    words.join(", ")
}

fn data_coding(value: u8) -> String {
    let mut words = match value {
        0 => "the SMSC's default alphabet".to_owned(),
        _ => Encoding::of_data_coding(value, Encoding::Gsm7).to_string(),
    };
    if let Some(class) = message_class(value) {
        words += &format!(", class {}", class as u8);
    }
    if message_waiting(value).is_some() {
        words += ", message waiting";
    }
    words
}

/// The elements of a user data header, or why it is none.
pub(super) fn of_header(user_data: &[u8]) -> String {
    match Udh::split(user_data) {
        Err(error) => error.to_string(),
        Ok((udh, body)) => {
            let elements: Vec<String> = udh.iter().map(element).collect();
            format!(
                "{} octets of header ({}), {} of text",
                udh.octets(),
                elements.join("; "),
                body.len()
            )
        }
    }
}

fn element(element: InformationElement<'_>) -> String {
    if let Some(place) = Concatenation::of_element(element) {
        let Concatenation {
            reference,
            total,
            number,
            ..
        } = place;
        return format!("part {number} of {total}, reference {reference}");
    }
    let language = |identifier: u8| match Language::from_identifier(identifier) {
        Some(language) => format!("{language:?}"),
        None => format!("language {identifier}"),
    };
    let InformationElement { id, data } = element;
    match (id, data) {
        (0x05, [d1, d0, s1, s0]) => {
            let port = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
            format!("port {} from {}", port(d1, d0), port(s1, s0))
        }
        (0x04, [destination, source]) => format!("port {destination} from {source}"),
        (NATIONAL_SINGLE_SHIFT, [one]) => format!("single shift {}", language(*one)),
        (NATIONAL_LOCKING_SHIFT, [one]) => format!("locking shift {}", language(*one)),
        _ => format!("element 0x{id:02X} of {} octets", data.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_in_words() {
        for (name, value, is_deliver, words) in [
            (
                "esm_class",
                0x43,
                false,
                "message, store and forward, user data header",
            ),
            ("esm_class", 0x04, true, "delivery receipt"),
            (
                "esm_class",
                0x84,
                false,
                "reserved type, default mode, reply path",
            ),
            (
                "registered_delivery",
                0x11,
                false,
                "receipt of success or failure, intermediate notifications",
            ),
            ("data_coding", 0x00, false, "the SMSC's default alphabet"),
            ("data_coding", 0x08, false, "ucs2"),
            ("data_coding", 0xF0, false, "gsm7, class 0"),
            ("message_state", 5, false, "undeliverable"),
            ("interface_version", 0x34, false, "SMPP v3.4"),
        ] {
            let found = of_field(name, value, is_deliver);
            assert_eq!(found.as_deref(), Some(words), "{name} {value:#04x}");
        }
        assert_eq!(of_field("protocol_id", 1, false), None);
    }

    #[test]
    fn headers_are_told_element_by_element() {
        for (user_data, words) in [
            (
                &[5, 0, 3, 7, 2, 1, b'x'][..],
                "6 octets of header (part 1 of 2, reference 7), 1 of text",
            ),
            (
                &[9, 5, 4, 0x23, 0xF4, 0, 0, 0x70, 1, 9],
                "10 octets of header (port 9204 from 0; element 0x70 of 1 octets), 0 of text",
            ),
            (
                &[3, 0x25, 1, 6],
                "4 octets of header (locking shift Hindi), 0 of text",
            ),
            (&[9], "user data header: length 9, but 0 octets follow"),
        ] {
            assert_eq!(of_header(user_data), words);
        }
    }
}
