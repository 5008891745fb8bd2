//! Optional parameters in words, by the type that the specification gives their tag.
//! SMPP v3.4 §5.3.2; SMPP v5.0 §4.8.4.

use signalbox_codec::{Tag, Tlv};

use super::{user_data, words};

type Meanings = &'static [(u8, &'static str)];

const SUBUNITS: Meanings = &[
    (0, "unknown"),
    (1, "MS display"),
    (2, "mobile equipment"),
    (3, "smart card 1"),
    (4, "external unit 1"),
];
const NETWORKS: Meanings = &[
    (0, "unknown"),
    (1, "GSM"),
    (2, "ANSI-136"),
    (3, "IS-95"),
    (4, "PDC"),
    (5, "PHS"),
    (6, "iDEN"),
    (7, "AMPS"),
    (8, "paging"),
];
const BEARERS: Meanings = &[
    (0, "unknown"),
    (1, "SMS"),
    (2, "CSD"),
    (3, "packet data"),
    (4, "USSD"),
    (5, "CDPD"),
    (6, "DataTAC"),
    (7, "FLEX/ReFLEX"),
    (8, "cell broadcast"),
];
const NETWORK_ERRORS: Meanings = &[
    (1, "ANSI-136 access denied"),
    (2, "IS-95 access denied"),
    (3, "GSM"),
    (4, "ANSI-136 cause"),
    (5, "IS-95 cause"),
    (6, "ANSI-41"),
    (7, "SMPP"),
    (8, "message centre"),
];
const BROADCAST_NETWORKS: Meanings = &[(0, "generic"), (1, "GSM"), (2, "TDMA"), (3, "CDMA")];
const INTERVAL_UNITS: Meanings = &[
    (0x08, "seconds"),
    (0x09, "minutes"),
    (0x0A, "hours"),
    (0x0B, "days"),
    (0x0C, "weeks"),
    (0x0D, "months"),
    (0x0E, "years"),
];
const VALIDITY_UNITS: Meanings = &[
    (0, "seconds"),
    (1, "minutes"),
    (2, "hours"),
    (3, "days"),
    (4, "weeks"),
    (5, "months"),
    (6, "years"),
];
const VALIDITIES: Meanings = &[
    (0, "store indefinitely"),
    (1, "until power down"),
    (2, "within the registration area"),
    (3, "display alone"),
    (4, "for a time"),
];
const SUBADDRESSES: Meanings = &[(0x80, "NSAP even"), (0x88, "NSAP odd"), (0xA0, "user")];

/// Meanings of parameters of one octet.
const MEANINGS: &[(Tag, Meanings)] = &[
    (Tag::DEST_ADDR_SUBUNIT, SUBUNITS),
    (Tag::SOURCE_ADDR_SUBUNIT, SUBUNITS),
    (Tag::DEST_NETWORK_TYPE, NETWORKS),
    (Tag::SOURCE_NETWORK_TYPE, NETWORKS),
    (Tag::DEST_BEARER_TYPE, BEARERS),
    (Tag::SOURCE_BEARER_TYPE, BEARERS),
    (Tag::PAYLOAD_TYPE, &[(0, "WDP"), (1, "WCMP")]),
    (
        Tag::PRIVACY_INDICATOR,
        &[
            (0, "not restricted"),
            (1, "restricted"),
            (2, "confidential"),
            (3, "secret"),
        ],
    ),
    (
        Tag::LANGUAGE_INDICATOR,
        &[
            (0, "unspecified"),
            (1, "English"),
            (2, "French"),
            (3, "Spanish"),
            (4, "German"),
            (5, "Portuguese"),
        ],
    ),
    (Tag::DPF_RESULT, &[(0, "not set"), (1, "set")]),
    (Tag::SET_DPF, &[(0, "not asked for"), (1, "asked for")]),
    (
        Tag::MS_AVAILABILITY_STATUS,
        &[(0, "available"), (1, "denied"), (2, "unavailable")],
    ),
    (
        Tag::DELIVERY_FAILURE_REASON,
        &[
            (0, "destination unavailable"),
            (1, "destination address invalid"),
            (2, "permanent network error"),
            (3, "temporary network error"),
        ],
    ),
    (Tag::MORE_MESSAGES_TO_SEND, &[(0, "no"), (1, "yes")]),
    (
        Tag::USSD_SERVICE_OP,
        &[
            (0, "PSSD indication"),
            (1, "PSSR indication"),
            (2, "USSR request"),
            (3, "USSN request"),
            (16, "PSSD response"),
            (17, "PSSR response"),
            (18, "USSR confirm"),
            (19, "USSN confirm"),
        ],
    ),
    (
        Tag::DISPLAY_TIME,
        &[(0, "temporary"), (1, "default"), (2, "invoke")],
    ),
    (
        Tag::ITS_REPLY_TYPE,
        &[
            (0, "digit"),
            (1, "number"),
            (2, "telephone number"),
            (3, "password"),
            (4, "character line"),
            (5, "menu"),
            (6, "date"),
            (7, "time"),
            (8, "continue"),
        ],
    ),
];

/// The value of a parameter other than message_payload, whose text needs the PDU's `data_coding`.
pub(super) fn value(tlv: Tlv<'_>) -> String {
    match (tlv.tag, tlv.value) {
        (tag, _) if tag.is_c_octet_string() => user_data::printable(tlv.as_c_octets()),
        (Tag::NETWORK_ERROR_CODE, [network, code @ ..]) if code.len() == 2 => {
            format!("{}, {}", named(NETWORK_ERRORS, *network), number(code))
        }
        (Tag::BROADCAST_CONTENT_TYPE, [network, kind @ ..]) if kind.len() == 2 => {
            format!("{}, {}", named(BROADCAST_NETWORKS, *network), number(kind))
        }
        (Tag::BROADCAST_FREQUENCY_INTERVAL, [0, _, _]) => "as often as possible".to_owned(),
        (Tag::BROADCAST_FREQUENCY_INTERVAL, [unit, span @ ..]) if span.len() == 2 => {
            format!("{} {}", number(span), named(INTERVAL_UNITS, *unit))
        }
        (Tag::MS_VALIDITY, [behaviour]) => named(VALIDITIES, *behaviour),
        (Tag::MS_VALIDITY, [behaviour, unit, span @ ..]) if span.len() == 2 => {
            let validity = named(VALIDITIES, *behaviour);
            format!(
                "{validity}, {} {}",
                number(span),
                named(VALIDITY_UNITS, *unit)
            )
        }
        (Tag::SOURCE_SUBADDRESS | Tag::DEST_SUBADDRESS, [kind, address @ ..]) => {
            let address = user_data::printable(address);
            format!("{}, {address}", named(SUBADDRESSES, *kind))
        }
        (Tag::CALLBACK_NUM, [mode, ton, npi, digits @ ..]) => {
            let mode = named(&[(0, "DTMF"), (1, "ASCII")], *mode);
            format!("{mode}, {}", words::address_words(digits, *ton, *npi))
        }
        (Tag::CALLBACK_NUM_ATAG, [data_coding, text @ ..]) => {
            let text = user_data::text(text, *data_coding, false);
            let coding = words::data_coding(*data_coding);
            format!("{text} (data_coding {data_coding}, {coding})")
        }
        (Tag::ITS_SESSION_INFO, [session, unit]) => {
            let end = if unit & 1 == 1 { ", the last" } else { "" };
            format!("session {session}, unit {}{end}", unit >> 1)
        }
        (Tag::BROADCAST_END_TIME, time) => {
            let words = words::time(time).map_or(String::new(), |words| format!(" ({words})"));
            format!("{}{words}", user_data::printable(time))
        }
        (_, octets) if is_integer(tlv) => match meaning(tlv) {
            Some(meaning) => format!("{} ({meaning})", number(octets)),
            None => number(octets).to_string(),
        },
        (_, octets) => user_data::printable(octets),
    }
}

/// Whether the specification calls the parameter an integer, and it has that integer's size.
fn is_integer(tlv: Tlv<'_>) -> bool {
    let octets = tlv.value.len();
    let is_sized = tlv
        .tag
        .value_octets()
        .is_some_and(|(octets_min, octets_max)| {
            octets_min == octets_max && octets == usize::from(octets_max)
        });
    let is_alert = tlv.tag == Tag::ALERT_ON_MESSAGE_DELIVERY;
    matches!(octets, 1 | 2 | 4) && (is_sized || is_alert)
}

fn meaning(tlv: Tlv<'_>) -> Option<String> {
    let value = tlv.as_u8()?;
    match tlv.tag {
        Tag::MESSAGE_STATE => Some(words::message_state(value)),
        Tag::SC_INTERFACE_VERSION => Some(words::version(value)),
        Tag::CONGESTION_STATE => Some(format!("{value} of 100")),
        tag => {
            let (_, meanings) = MEANINGS.iter().find(|(of, _)| *of == tag)?;
            Some(word(meanings, value).unwrap_or("reserved").to_owned())
        }
    }
}

fn word(meanings: Meanings, value: u8) -> Option<&'static str> {
    let meaning = meanings.iter().find(|(of, _)| *of == value);
    meaning.map(|(_, word)| *word)
}

fn named(meanings: Meanings, value: u8) -> String {
    word(meanings, value).map_or_else(|| format!("reserved {value}"), str::to_owned)
}

/// An unsigned integer of at most four octets.
fn number(octets: &[u8]) -> u32 {
    let next = |number: u32, octet: &u8| number << 8 | u32::from(*octet);
    octets.iter().fold(0, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_shown_by_the_type_of_its_tag() {
        for (tag, octets, words) in [
            (Tag::RECEIPTED_MESSAGE_ID, &b"7\0"[..], "\"7\""),
            (Tag::RECEIPTED_MESSAGE_ID, b"77", "\"77\""),
            (Tag::ADDITIONAL_STATUS_INFO_TEXT, b"no\0", "\"no\""),
            (Tag::QOS_TIME_TO_LIVE, &[0, 0, 0x0E, 0x10], "3600"),
            (Tag::SOURCE_PORT, &[0x23, 0xF4], "9204"),
            (Tag::SAR_TOTAL_SEGMENTS, &[3], "3"),
            (Tag::NETWORK_ERROR_CODE, &[3, 0, 5], "GSM, 5"),
            (Tag::SOURCE_SUBADDRESS, b"\xA012", "user, \"12\""),
            (
                Tag::CALLBACK_NUM_ATAG,
                b"\x00hi",
                "\"hi\" (data_coding 0, the SMSC's default alphabet)",
            ),
            (
                Tag::CALLBACK_NUM,
                b"\x01\x01\x0149",
                "ASCII, \"49\" (ton 1 international, npi 1 ISDN, E.164)",
            ),
            (Tag::MESSAGE_STATE, &[2], "2 (delivered)"),
            (Tag::SC_INTERFACE_VERSION, &[0x34], "52 (SMPP v3.4)"),
            (Tag::DEST_BEARER_TYPE, &[1], "1 (SMS)"),
            (Tag::PRIVACY_INDICATOR, &[9], "9 (reserved)"),
            (Tag::BROADCAST_FREQUENCY_INTERVAL, &[9, 0, 5], "5 minutes"),
            (
                Tag::BROADCAST_FREQUENCY_INTERVAL,
                &[1, 0, 5],
                "5 reserved 1",
            ),
            (Tag::MS_VALIDITY, &[1], "until power down"),
            (Tag::MS_VALIDITY, &[4, 1, 0, 5], "for a time, 5 minutes"),
            (Tag::MS_VALIDITY, &[4, 5, 0, 5], "for a time, 5 months"),
            (Tag::MS_VALIDITY, &[4, 9, 0, 5], "for a time, 5 reserved 9"),
            (
                Tag::ITS_SESSION_INFO,
                &[4, 3],
                "session 4, unit 1, the last",
            ),
            (Tag::ALERT_ON_MESSAGE_DELIVERY, &[], "\"\""),
            (Tag::SOURCE_PORT, &[1, 2, 3], "\"\\x01\\x02\\x03\""),
            (Tag(0x1400), &[7], "\"\\x07\""),
        ] {
            assert_eq!(value(Tlv { tag, value: octets }), words, "{tag} {octets:?}");
        }
    }
}
