//! The `sms` object of a message: wishes that only the SMPP channel understands. They are checked
//! here and travel as options named `sms.…`.

use serde_json::Value;
use signalbox_router::parse_rfc3339;

use super::fields::Fields;
use super::problem::Problem;

const FIELDS: &[&str] = &[
    "data_coding",
    "binary_hex",
    "udh_hex",
    "tlvs",
    "flash",
    "service_type",
    "protocol_id",
    "validity_period",
    "schedule_delivery_time",
    "registered_delivery",
    "replace_if_present",
];

/// Most octets of binary content: what one message_payload can hold.
const BINARY_OCTETS_MAX: usize = 65_535;
/// Most octets of a user data header given by the caller.
const UDH_OCTETS_MAX: usize = 140;
const TLVS_MAX: usize = 32;
/// Most octets of a TLV's value: its length is written in two.
const TLV_OCTETS_MAX: usize = 65_535;
/// TLVs that Signalbox sets itself, as the content wants them: message_payload,
/// sar_msg_ref_num, sar_total_segments, sar_segment_seqnum (SMPP v3.4 §5.3.2).
const TLVS_OF_THE_CONTENT: [u16; 4] = [0x0424, 0x020C, 0x020E, 0x020F];
/// Octets of a time (SMPP v3.4 §7.1.1).
const TIME_OCTETS: usize = 16;
/// Most quarter hours of a time's offset from UTC: 12 hours.
const OFFSET_QUARTERS_MAX: u8 = 48;

/// Takes and checks the `sms` object.
pub(super) fn take(message: &mut Fields) -> Result<Vec<(String, String)>, Problem> {
    let Some(value) = message.take("sms") else {
        return Ok(Vec::new());
    };
    let mut fields = Fields::new(value, "sms")?;
    let mut options = Vec::new();
    for name in ["data_coding", "protocol_id", "registered_delivery"] {
        if let Some(number) = fields.integer(name, 0, 255)? {
            options.push((format!("sms.{name}"), number.to_string()));
        }
    }
    for (name, octets_max) in [
        ("binary_hex", BINARY_OCTETS_MAX),
        ("udh_hex", UDH_OCTETS_MAX),
    ] {
        if let Some(hex) = fields.string(name, octets_max * 2)? {
            let Some(octets) = octets_of_hex(&hex) else {
                return Err(fields.problem(name, "not hexadecimal: two digits an octet"));
            };
            if name == "udh_hex" && !is_user_data_header(&octets) {
                let detail = "no user data header: its length octet, and whole elements behind it";
                return Err(fields.problem(name, detail));
            }
            options.push((format!("sms.{name}"), hex));
        }
    }
    for name in ["flash", "replace_if_present"] {
        if fields.boolean(name)? == Some(true) {
            if name == "flash" && options.iter().any(|(other, _)| other == "sms.data_coding") {
                return Err(fields.problem(name, "give only one of data_coding, flash"));
            }
            options.push((format!("sms.{name}"), "true".into()));
        }
    }
    if let Some(service_type) = fields.string("service_type", 5)? {
        if !is_printable(&service_type) {
            return Err(fields.problem("service_type", "not printable ASCII"));
        }
        options.push(("sms.service_type".into(), service_type));
    }
    for name in ["validity_period", "schedule_delivery_time"] {
        if let Some(time) = fields.string(name, TIME_OCTETS)? {
            if !is_smpp_time(&time) {
                let detail = format!(
                    "`{time}` is no SMPP time: YYMMDDhhmmsstnnp; p is + or - with a date that \
                     exists and nn up to {OFFSET_QUARTERS_MAX}, or R with a span above zero"
                );
                return Err(fields.problem(name, detail));
            }
            options.push((format!("sms.{name}"), time));
        }
    }
    tlvs(&mut fields, &mut options)?;
    fields.end(FIELDS)?;
    Ok(options)
}

/// Whether it is the length octet and, as long as that says, elements of id, length and data
/// (3GPP TS 23.040 §9.2.3.24).
fn is_user_data_header(octets: &[u8]) -> bool {
    let Some((&length, mut elements)) = octets.split_first() else {
        return false;
    };
    let right_length = usize::from(length) == elements.len();
    while let [_, length, rest @ ..] = elements {
        match rest.get(usize::from(*length)..) {
            Some(next) => elements = next,
            None => return false,
        }
    }
    right_length && elements.is_empty()
}

/// `{"0x1400": "hex", …}`: each becomes an option `sms.tlv.5120`.
fn tlvs(fields: &mut Fields, options: &mut Vec<(String, String)>) -> Result<(), Problem> {
    for (key, hex) in fields.strings("tlvs", TLVS_MAX)? {
        let name = format!("tlvs.{key}");
        let tag = match key.strip_prefix("0x") {
            Some(digits) => u16::from_str_radix(digits, 16).ok(),
            None => key.parse().ok(),
        };
        let Some(tag) = tag else {
            return Err(fields.problem(&name, "no tag: a number up to 65535, or 0x and hex"));
        };
        if TLVS_OF_THE_CONTENT.contains(&tag) {
            let detail = "Signalbox sets this TLV itself; give text, content or binary_hex";
            return Err(fields.problem(&name, detail));
        }
        let option = format!("sms.tlv.{tag}");
        if options.iter().any(|(known, _)| *known == option) {
            let detail = format!("tag {tag} is given twice, in two spellings");
            return Err(fields.problem(&name, detail));
        }
        match octets_of_hex(&hex) {
            Some(octets) if octets.len() <= TLV_OCTETS_MAX => options.push((option, hex)),
            Some(_) => {
                let detail = format!("more than {TLV_OCTETS_MAX} octets");
                return Err(fields.problem(&name, detail));
            }
            None => return Err(fields.problem(&name, "not hexadecimal: two digits an octet")),
        }
    }
    Ok(())
}

/// Whether SMPP has such a time (SMPP v3.4 §7.1.1): an empty one, a date that exists, or a span.
/// A span of nothing is refused, as no message lives that long.
fn is_smpp_time(text: &str) -> bool {
    let Some((digits, sign)) = text.split_at_checked(TIME_OCTETS - 1) else {
        return text.is_empty();
    };
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return false;
    }
    let pair = |at: usize| &digits[at..at + 2];
    match sign {
        "+" | "-" => {
            let date = format!("20{}-{}-{}", pair(0), pair(2), pair(4));
            let time = format!("{}:{}:{}", pair(6), pair(8), pair(10));
            // A leap second, which RFC 3339 has and SMPP has not.
            let leaps = pair(10) == "60";
            let near = pair(13)
                .parse()
                .is_ok_and(|quarters: u8| quarters <= OFFSET_QUARTERS_MAX);
            near && !leaps && parse_rfc3339(&format!("{date}T{time}Z")).is_some()
        }
        "R" => digits[..12].bytes().any(|digit| digit != b'0'),
        _ => false,
    }
}

/// Whether it is ASCII without control characters: what the text fields of a PDU take.
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, 0x20..=0x7E))
}

/// The octets that hexadecimal digits stand for.
pub(super) fn octets_of_hex(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |octet: u8| char::from(octet).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok())
        .collect()
}

/// The `sms` object that options were made from, for status answers.
pub(super) fn to_json(options: &[(String, String)]) -> Option<Value> {
    let mut map = serde_json::Map::new();
    for (name, value) in options {
        if let Some(name) = name.strip_prefix("sms.") {
            map.insert(name.to_owned(), Value::String(value.clone()));
        }
    }
    (!map.is_empty()).then_some(Value::Object(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_smsc_can_read_are_none() {
        for (text, valid) in [
            ("", true),
            ("261122013000000+", true),
            ("240229235959948-", true),
            ("000000000001000R", true),
            ("999999999999000R", true),
            ("250229000000000+", false),
            ("261301000000000+", false),
            ("260001000000000+", false),
            ("261132000000000+", false),
            ("261100000000000+", false),
            ("261122240000000+", false),
            ("261122006000000+", false),
            ("261122000060000+", false),
            ("261122000000049-", false),
            ("000000000000000R", false),
            ("000000000000999R", false),
            ("261122013000000Z", false),
            ("26112201300000+", false),
            ("26112201300000é", false),
        ] {
            assert_eq!(is_smpp_time(text), valid, "{text}");
        }
    }
}
