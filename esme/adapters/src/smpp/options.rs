//! A message's own wishes for its submit_sm: the options `sms.*`. All are read at once, before
//! anything is planned, so that a wrong one is refused by name.
//!
//! | option | value |
//! |---|---|
//! | `sms.data_coding`, `sms.protocol_id`, `sms.registered_delivery` | 0 to 255, decimal or `0x…` |
//! | `sms.flash`, `sms.replace_if_present` | `true` or `false` |
//! | `sms.binary_hex`, `sms.udh_hex` | hexadecimal digits; the header with its length octet |
//! | `sms.service_type` | at most 5 octets |
//! | `sms.validity_period`, `sms.schedule_delivery_time` | 16 octets, `YYMMDDhhmmsstnnp` |
//! | `sms.tlv.TAG` | hexadecimal digits, or a form of [`tlv_value`]; TAG: number or name |

use std::fmt;

use signalbox_codec::Tag;
use signalbox_codec::time::SmppTime;
use signalbox_codec::udh::Udh;
use signalbox_router::Message;

/// Start of the names of all options of this channel.
pub const PREFIX: &str = "sms.";
/// Octets of service_type, without the NUL.
pub const SERVICE_TYPE_OCTETS_MAX: usize = 5;
/// Octets of the value of a TLV.
pub const TLV_OCTETS_MAX: usize = 65_535;

/// The options of one message, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmsOptions<'m> {
    /// Value of data_coding; the text is coded as it says.
    pub data_coding: Option<u8>,
    /// Content, in place of the text.
    pub binary: Option<Vec<u8>>,
    /// User data header, its length octet included; a valid one.
    pub udh: Option<Vec<u8>>,
    /// Message class 0: shown at once.
    pub flash: bool,
    /// service_type.
    pub service_type: Option<&'m str>,
    /// protocol_id.
    pub protocol_id: Option<u8>,
    /// validity_period; a valid time.
    pub validity_period: Option<&'m str>,
    /// schedule_delivery_time; a valid time.
    pub schedule_delivery_time: Option<&'m str>,
    /// registered_delivery.
    pub registered_delivery: Option<u8>,
    /// replace_if_present_flag.
    pub replace_if_present: bool,
    /// Optional parameters.
    pub tlvs: Vec<(Tag, Vec<u8>)>,
}

impl<'m> SmsOptions<'m> {
    /// Reads the options of a message. Options without the prefix `sms.` are not looked at.
    ///
    /// # Errors
    /// The first option that is unknown or has a wrong value.
    pub fn parse(message: &'m Message) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for (name, value) in &message.options {
            if let Some(short) = name.strip_prefix(PREFIX) {
                options.set(short, value).map_err(|reason| OptionError {
                    option: name.clone(),
                    reason,
                })?;
            }
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &'m str) -> Result<(), String> {
        match name {
            "data_coding" => self.data_coding = Some(octet(value)?),
            "binary_hex" => self.binary = Some(hex(value)?),
            "udh_hex" => {
                let octets = hex(value)?;
                match Udh::split(&octets) {
                    Ok((_, [])) => self.udh = Some(octets),
                    Ok((_, rest)) => return Err(format!("{} octets too many", rest.len())),
                    Err(error) => return Err(error.to_string()),
                }
            }
            "flash" => self.flash = boolean(value)?,
            "service_type" if value.len() <= SERVICE_TYPE_OCTETS_MAX && printable(value) => {
                self.service_type = Some(value);
            }
            "service_type" => {
                return Err(format!("at most {SERVICE_TYPE_OCTETS_MAX} octets of ASCII"));
            }
            "protocol_id" => self.protocol_id = Some(octet(value)?),
            "validity_period" => self.validity_period = Some(time(value)?),
            "schedule_delivery_time" => self.schedule_delivery_time = Some(time(value)?),
            "registered_delivery" => self.registered_delivery = Some(octet(value)?),
            "replace_if_present" => self.replace_if_present = boolean(value)?,
            _ => {
                let tag = name.strip_prefix("tlv.").ok_or("there is no such option")?;
                let octets = if value.contains(':') {
                    tlv_value(value)
                } else {
                    hex(value).and_then(within_tlv)
                };
                self.tlvs.push((tlv_tag(tag)?, octets?));
            }
        }
        Ok(())
    }
}

/// An option that is unknown or has a wrong value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// Name of the option.
    pub option: String,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.option, self.reason)
    }
}

impl std::error::Error for OptionError {}

/// The tag of an optional parameter: `0x1400`, `5120` or a name of the specification.
///
/// # Errors
/// What is allowed.
pub fn tlv_tag(text: &str) -> Result<Tag, String> {
    Tag::from_name(text)
        .or_else(|| {
            number(text)
                .and_then(|value| u16::try_from(value).ok())
                .map(Tag)
        })
        .ok_or_else(|| "a tag is a name of the specification or 0 to 0xFFFF".to_owned())
}

/// The value of an optional parameter: `text:…` (UTF-8 as it stands), `cstring:…` (a NUL is
/// added), `hex:…`, `u8:…`, `u16:…`, `u32:…` (big-endian).
///
/// # Errors
/// What is allowed.
pub fn tlv_value(text: &str) -> Result<Vec<u8>, String> {
    const FORMS: &str = "a value starts with text:, cstring:, hex:, u8:, u16: or u32:";
    let (form, value) = text.split_once(':').ok_or(FORMS)?;
    let integer = |octets: usize| {
        let limit = 1u64 << (8 * octets);
        match number(value) {
            Some(number) if number < limit => Ok(number.to_be_bytes()[8 - octets..].to_vec()),
            _ => Err(format!("{value:?} is no number from 0 to {}", limit - 1)),
        }
    };
    let octets = match form {
        "text" => value.as_bytes().to_vec(),
        "cstring" if value.contains('\0') => return Err("a cstring holds no NUL".to_owned()),
        "cstring" => [value.as_bytes(), &[0]].concat(),
        "hex" => hex(value)?,
        "u8" => integer(1)?,
        "u16" => integer(2)?,
        "u32" => integer(4)?,
        _ => return Err(FORMS.to_owned()),
    };
    within_tlv(octets)
}

/// The octets, if a TLV can hold so many.
fn within_tlv(octets: Vec<u8>) -> Result<Vec<u8>, String> {
    if octets.len() > TLV_OCTETS_MAX {
        return Err(format!(
            "{} octets, at most {TLV_OCTETS_MAX} are allowed",
            octets.len()
        ));
    }
    Ok(octets)
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None if text.bytes().all(|octet| octet.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

fn octet(text: &str) -> Result<u8, String> {
    number(text)
        .and_then(|value| u8::try_from(value).ok())
        .ok_or_else(|| format!("{text:?} is no number from 0 to 255"))
}

fn boolean(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is neither true nor false"))
}

fn printable(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, 0x20..=0x7E))
}

fn time(text: &str) -> Result<&str, String> {
    match SmppTime::parse(text.as_bytes()) {
        Ok(_) => Ok(text),
        Err(error) => Err(error.to_string()),
    }
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |octet: u8| char::from(octet).to_digit(16).map(|digit| digit as u8);
    let wrong = || "an even number of hexadecimal digits is wanted".to_owned();
    if !text.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smpp::testing::message_with;

    #[test]
    fn all_options() {
        let message = message_with(&[
            ("sms.data_coding", "0xF5"),
            ("sms.binary_hex", "00ff"),
            ("sms.udh_hex", "0605040b8423f0"),
            ("sms.flash", "true"),
            ("sms.service_type", "WAP"),
            ("sms.protocol_id", "57"),
            ("sms.validity_period", "000000020630000R"),
            ("sms.schedule_delivery_time", "150203040506708+"),
            ("sms.registered_delivery", "17"),
            ("sms.replace_if_present", "true"),
            ("sms.tlv.0x1400", "text:abc"),
            ("sms.tlv.5121", "0aFF"),
            ("sms.tlv.user_message_reference", "u16:513"),
            ("email.subject", "not ours"),
        ]);
        let expected = SmsOptions {
            data_coding: Some(0xF5),
            binary: Some(vec![0, 0xFF]),
            udh: Some(vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0]),
            flash: true,
            service_type: Some("WAP"),
            protocol_id: Some(57),
            validity_period: Some("000000020630000R"),
            schedule_delivery_time: Some("150203040506708+"),
            registered_delivery: Some(17),
            replace_if_present: true,
            tlvs: vec![
                (Tag(0x1400), b"abc".to_vec()),
                (Tag(0x1401), vec![0x0A, 0xFF]),
                (Tag::USER_MESSAGE_REFERENCE, vec![2, 1]),
            ],
        };
        assert_eq!(SmsOptions::parse(&message), Ok(expected));
    }

    #[test]
    fn wrong_options_are_named() {
        let rows = [
            ("sms.data_coding", "256", "0 to 255"),
            ("sms.protocol_id", "-1", "0 to 255"),
            ("sms.binary_hex", "0", "even number"),
            ("sms.binary_hex", "0g", "even number"),
            ("sms.udh_hex", "05", "header"),
            ("sms.udh_hex", "0000", "1 octets too many"),
            ("sms.flash", "yes", "neither true nor false"),
            ("sms.service_type", "TOOLONG", "at most 5"),
            ("sms.validity_period", "tomorrow", "octets"),
            ("sms.tlv.0x10000", "text:a", "0xFFFF"),
            ("sms.tlv.0x1400", "abc", "even number"),
            ("sms.tlv.0x1400", "u9:1", "starts with"),
            ("sms.tlv.0x1400", "u8:256", "0 to 255"),
            ("sms.flsh", "true", "no such option"),
        ];
        let long = "00".repeat(TLV_OCTETS_MAX + 1);
        let rows = rows
            .into_iter()
            .chain([("sms.tlv.0x1400", long.as_str(), "at most 65535")]);
        for (option, value, reason) in rows {
            let message = message_with(&[(option, value)]);
            let error = SmsOptions::parse(&message).expect_err(option);
            assert_eq!(error.option, option);
            assert!(error.reason.contains(reason), "{option}: {}", error.reason);
        }
    }

    #[test]
    fn forms_of_tlv_values() {
        let rows: [(&str, &[u8]); 6] = [
            ("text:é", &[0xC3, 0xA9]),
            ("cstring:ab", b"ab\0"),
            ("hex:00FF", &[0, 0xFF]),
            ("u8:255", &[255]),
            ("u16:0x0102", &[1, 2]),
            ("u32:65536", &[0, 1, 0, 0]),
        ];
        for (text, octets) in rows {
            assert_eq!(tlv_value(text).as_deref(), Ok(octets), "{text}");
        }
    }
}
