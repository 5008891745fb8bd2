//! The `sms` object of a message: wishes that only the SMPP channel understands. They are checked
//! here and travel as options named `sms.…`.

use serde_json::Value;

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
            options.push((format!("sms.{name}"), "true".into()));
        }
    }
    if let Some(service_type) = fields.string("service_type", 5)? {
        if !service_type.is_ascii() {
            return Err(fields.problem("service_type", "not ASCII"));
        }
        options.push(("sms.service_type".into(), service_type));
    }
    for name in ["validity_period", "schedule_delivery_time"] {
        if let Some(time) = fields.string(name, 16)? {
            if !is_smpp_time(&time) {
                let detail = format!("`{time}` is no SMPP time: YYMMDDhhmmsstnnp, p one of + - R");
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
        if octets_of_hex(&hex).is_none() {
            return Err(fields.problem(&name, "not hexadecimal: two digits an octet"));
        }
        options.push((format!("sms.tlv.{tag}"), hex));
    }
    Ok(())
}

fn is_smpp_time(text: &str) -> bool {
    let Some((digits, sign)) = text.split_at_checked(15) else {
        return text.is_empty();
    };
    digits.bytes().all(|octet| octet.is_ascii_digit()) && matches!(sign, "+" | "-" | "R")
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
