//! What the values of fields mean, in words for people.
//! SMPP v3.4 §5.2.5, §5.2.6, §5.2.12, §5.2.14, §5.2.17 to §5.2.19, §5.2.28, §7.1.1; 3GPP TS 23.038
//! §4.

use signalbox_codec::CommandId;
use signalbox_codec::pdu::{DestAddress, UnsuccessSme};
use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::text::Encoding;
use signalbox_codec::text::encoding::{is_reserved, message_class, message_waiting};
use signalbox_codec::time::{RelativeTime, SmppTime};

/// The meaning of a field's value; `None` for fields that are plain numbers. The command tells the
/// direction, which decides on the types of `esm_class`.
pub(super) fn of_field(name: &str, value: u8, command_id: CommandId) -> Option<String> {
    match name {
        "esm_class" => Some(esm_class(value, command_id)),
        "registered_delivery" => Some(registered_delivery(value)),
        "data_coding" => Some(data_coding(value)),
        "message_state" => Some(message_state(value)),
        "interface_version" => Some(version(value)),
        "priority_flag" => Some(priority(value, command_id)),
        "replace_if_present_flag" => Some(replacing(value).unwrap_or("reserved").to_owned()),
        _ if name.ends_with("_ton") => Some(ton(value).unwrap_or("reserved").to_owned()),
        _ if name.ends_with("_npi") => Some(npi(value).unwrap_or("reserved").to_owned()),
        _ => None,
    }
}

/// A version of the protocol.
pub(super) fn version(value: u8) -> String {
    format!("SMPP v{}.{}", value >> 4, value & 0x0F)
}

/// A type of number; `None` for those that are reserved.
pub(super) const fn ton(value: u8) -> Option<&'static str> {
    Some(match value {
        0 => "unknown",
        1 => "international",
        2 => "national",
        3 => "network specific",
        4 => "subscriber number",
        5 => "alphanumeric",
        6 => "abbreviated",
        _ => return None,
    })
}

/// A numbering plan; `None` for those that are reserved.
pub(super) const fn npi(value: u8) -> Option<&'static str> {
    Some(match value {
        0 => "unknown",
        1 => "ISDN, E.164",
        3 => "data, X.121",
        4 => "telex, F.69",
        6 => "land mobile, E.212",
        8 => "national",
        9 => "private",
        10 => "ERMES",
        14 => "internet",
        18 => "WAP client id",
        _ => return None,
    })
}

/// What replace_if_present_flag asks for; `None` for values that are reserved.
pub(super) const fn replacing(value: u8) -> Option<&'static str> {
    match value {
        0 => Some("do not replace"),
        1 => Some("replace"),
        _ => None,
    }
}

fn priority(value: u8, command_id: CommandId) -> String {
    match value {
        4 if command_id == CommandId::BROADCAST_SM => "background".to_owned(),
        0 => "lowest".to_owned(),
        1 | 2 => format!("level {value} of 3"),
        3 => "highest".to_owned(),
        _ => "reserved".to_owned(),
    }
}

/// A time; `None` for an empty one and for what is none.
pub(super) fn time(octets: &[u8]) -> Option<String> {
    match SmppTime::parse(octets).ok()?? {
        SmppTime::Absolute(time) => Some(time.to_string()),
        SmppTime::Relative(span) => Some(relative(span)),
    }
}

fn relative(span: RelativeTime) -> String {
    let parts = [
        (span.years, "year"),
        (span.months, "month"),
        (span.days, "day"),
        (span.hours, "hour"),
        (span.minutes, "minute"),
        (span.seconds, "second"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}{}", if number == 1 { "" } else { "s" }))
        .collect();
    match parts.as_slice() {
        [] => "at once".to_owned(),
        parts => format!("{} from receipt on", parts.join(" ")),
    }
}

/// A recipient of submit_multi.
pub(super) fn dest_address(address: DestAddress<'_>) -> String {
    match address {
        DestAddress::Sme {
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
        } => address_words(destination_addr.as_octets(), dest_addr_ton, dest_addr_npi),
        DestAddress::DistributionList { dl_name } => {
            format!("list \"{}\"", dl_name.as_octets().escape_ascii())
        }
    }
}

/// A refused recipient of submit_multi.
pub(super) fn unsuccess_sme(sme: UnsuccessSme<'_>) -> String {
    let octets = sme.destination_addr.as_octets();
    let address = address_words(octets, sme.dest_addr_ton, sme.dest_addr_npi);
    format!("{address}: {}", sme.error_status_code)
}

/// An address with its type of number and numbering plan.
pub(super) fn address_words(address: &[u8], ton_value: u8, npi_value: u8) -> String {
    let ton = ton(ton_value).unwrap_or("reserved");
    let npi = npi(npi_value).unwrap_or("reserved");
    let address = address.escape_ascii();
    format!("\"{address}\" (ton {ton_value} {ton}, npi {npi_value} {npi})")
}

/// A `message_state`, of a field or a parameter.
pub(super) fn message_state(value: u8) -> String {
    match ReceiptState::from_message_state(value) {
        Some(state) => format!("{state:?}").to_ascii_lowercase(),
        None => "reserved".to_owned(),
    }
}

/// The type of message in `esm_class`; `None` for those that are reserved in that direction.
pub(super) const fn message_type(value: u8, command_id: CommandId) -> Option<&'static str> {
    // data_sm goes both ways.
    let from_smsc = !matches!(command_id, CommandId::SUBMIT_SM | CommandId::SUBMIT_MULTI);
    match value & 0x3C {
        0x00 => Some("message"),
        0x04 if from_smsc => Some("delivery receipt"),
        0x08 => Some("delivery acknowledgement"),
        0x10 => Some("user acknowledgement"),
        0x18 if from_smsc => Some("conversation abort"),
        0x20 if from_smsc => Some("intermediate notification"),
        _ => None,
    }
}

fn esm_class(value: u8, command_id: CommandId) -> String {
    let kind = message_type(value, command_id).unwrap_or("reserved type");
    let is_deliver = matches!(command_id, CommandId::DELIVER_SM);
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

/// A coding, a class and a waiting indication.
pub(super) fn data_coding(value: u8) -> String {
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
    if is_reserved(value) {
        words = format!("reserved, read as {words}");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_in_words() {
        let (submit, deliver) = (CommandId::SUBMIT_SM, CommandId::DELIVER_SM);
        for (name, value, command_id, words) in [
            (
                "esm_class",
                0x43,
                submit,
                "message, store and forward, user data header",
            ),
            ("esm_class", 0x04, deliver, "delivery receipt"),
            (
                "esm_class",
                0x84,
                submit,
                "reserved type, default mode, reply path",
            ),
            (
                "registered_delivery",
                0x11,
                submit,
                "receipt of success or failure, intermediate notifications",
            ),
            ("data_coding", 0x00, submit, "the SMSC's default alphabet"),
            ("data_coding", 0x08, submit, "ucs2"),
            ("data_coding", 0xF0, submit, "gsm7, class 0"),
            ("message_state", 5, submit, "undeliverable"),
            ("interface_version", 0x34, submit, "SMPP v3.4"),
            ("source_addr_ton", 5, submit, "alphanumeric"),
            ("dest_addr_npi", 1, submit, "ISDN, E.164"),
            ("dest_addr_npi", 2, submit, "reserved"),
            ("priority_flag", 1, submit, "level 1 of 3"),
            ("replace_if_present_flag", 1, submit, "replace"),
            ("data_coding", 0x45, submit, "reserved, read as octets"),
        ] {
            let found = of_field(name, value, command_id);
            assert_eq!(found.as_deref(), Some(words), "{name} {value:#04x}");
        }
        assert_eq!(of_field("protocol_id", 1, submit), None);
    }

    #[test]
    fn times_are_told_in_words() {
        for (octets, words) in [
            (
                "000102030405000R",
                Some("1 month 2 days 3 hours 4 minutes 5 seconds from receipt on"),
            ),
            ("000000000000000R", Some("at once")),
            ("260230120000000+", None),
            ("", None),
        ] {
            assert_eq!(time(octets.as_bytes()).as_deref(), words, "{octets}");
        }
    }
}
