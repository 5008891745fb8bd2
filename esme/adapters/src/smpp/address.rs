//! Addresses between the router's form and the PDU's fields. SMPP v3.4 §5.2.5 to §5.2.9.

use signalbox_codec::COctetStr;

use super::config::Numbering;

/// Scheme of short message addresses.
pub(super) const SCHEME: &str = "sms:";
/// Octets of source_addr and destination_addr in submit_sm, without the NUL.
pub(super) const ADDRESS_OCTETS_MAX: usize = 20;

const TON_INTERNATIONAL: u8 = 1;
const TON_NATIONAL: u8 = 2;
const TON_ALPHANUMERIC: u8 = 5;
const NPI_ISDN: u8 = 1;

/// An address as three fields of a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// Type of number.
    pub(super) ton: u8,
    /// Numbering plan.
    pub(super) npi: u8,
    /// The address.
    pub(super) octets: COctetStr<'a>,
}

impl<'a> Address<'a> {
    /// Reads `sms:+491…`, `+491…`, `100`, `ACME` or an empty address (all fields empty).
    ///
    /// # Errors
    /// A description of what does not fit a PDU, without the address itself.
    pub(super) fn parse(text: &'a str, numbering: Numbering) -> Result<Self, String> {
        let bare = text.strip_prefix(SCHEME).unwrap_or(text);
        if !bare.bytes().all(|octet| matches!(octet, 0x20..=0x7E)) {
            return Err("only printable ASCII is allowed".to_owned());
        }
        let digits = bare.strip_prefix('+');
        let is_number = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|octet| octet.is_ascii_digit() || matches!(octet, b'*' | b'#'))
        };
        let (written, ton, npi) = match digits {
            _ if bare.is_empty() => (bare, 0, 0),
            Some(digits) if is_number(digits) => (digits, TON_INTERNATIONAL, NPI_ISDN),
            _ if is_number(bare) => (bare, TON_NATIONAL, NPI_ISDN),
            _ => (bare, TON_ALPHANUMERIC, 0),
        };
        if written.len() > ADDRESS_OCTETS_MAX {
            let octets = written.len();
            return Err(format!(
                "{octets} octets, at most {ADDRESS_OCTETS_MAX} are allowed"
            ));
        }
        Ok(Self {
            ton: numbering.ton.unwrap_or(ton),
            npi: numbering.npi.unwrap_or(npi),
            octets: COctetStr::new(written.as_bytes()).expect("printable ASCII has no NUL"),
        })
    }
}

/// The router's form of an address that came in: `+` in front of an international number.
#[must_use]
pub(super) fn to_text(ton: u8, address: COctetStr<'_>) -> String {
    let text = address.to_latin1();
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if ton == TON_INTERNATIONAL && is_number {
        format!("+{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_addresses() {
        let auto = Numbering::default();
        let fixed = Numbering {
            ton: Some(3),
            npi: Some(8),
        };
        let rows = [
            ("sms:+491711234567", auto, Ok((1, 1, "491711234567"))),
            ("+491711234567", auto, Ok((1, 1, "491711234567"))),
            ("sms:100", auto, Ok((2, 1, "100"))),
            ("*100#", auto, Ok((2, 1, "*100#"))),
            ("ACME", auto, Ok((5, 0, "ACME"))),
            ("+", auto, Ok((5, 0, "+"))),
            ("", auto, Ok((0, 0, ""))),
            ("ACME", fixed, Ok((3, 8, "ACME"))),
            (
                "+49",
                Numbering {
                    ton: Some(0),
                    npi: None,
                },
                Ok((0, 1, "49")),
            ),
            (
                "+12345678901234567890",
                auto,
                Ok((1, 1, "12345678901234567890")),
            ),
            (
                "123456789012345678901",
                auto,
                Err("21 octets, at most 20 are allowed"),
            ),
            ("ÄCME", auto, Err("only printable ASCII is allowed")),
            ("A\0B", auto, Err("only printable ASCII is allowed")),
        ];
        for (text, numbering, expected) in rows {
            let address = Address::parse(text, numbering);
            let fields = address.as_ref().map(|address| {
                (
                    address.ton,
                    address.npi,
                    address.octets.as_ascii().expect("ASCII went in"),
                )
            });
            assert_eq!(fields.map_err(String::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_that_came_in() {
        let rows = [
            (1, "491711", "+491711"),
            (0, "491711", "491711"),
            (5, "ACME", "ACME"),
            (1, "+4917", "+4917"),
            (1, "", ""),
        ];
        for (ton, octets, text) in rows {
            assert_eq!(
                to_text(ton, COctetStr::new(octets.as_bytes()).unwrap()),
                text
            );
        }
    }
}
