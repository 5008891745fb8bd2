//! What is checked: every check with the section of SMPP v3.4 that it follows from; none for the
//! window, whose ten open requests are a guideline in passing.

use signalbox_codec::Deviation;

/// Declares the checks: variant, name, what a client must do, section.
macro_rules! checks {
    ($($(#[$meta:meta])* $variant:ident, $name:literal, $rule:literal, $section:literal;)*) => {
        /// A check that is made here, beside those of the codec.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub(crate) enum Check { $($(#[$meta])* $variant,)* }

        impl Check {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            const fn rule(self) -> &'static str {
                match self { $(Self::$variant => $rule,)* }
            }

            const fn section(self) -> &'static str {
                match self { $(Self::$variant => $section,)* }
            }
        }
    };
}

checks! {
    CommandLength, "command_length", "command_length is the length of the PDU", "§5.1.1";
    CommandId, "command_id", "command_id is one of the specification", "§5.1.2";
    CommandStatus, "command_status", "command_status of a request is 0", "§5.1.3";
    SequenceStart, "sequence_start", "the first sequence_number of a session is 1", "§5.1.4";
    SequenceOrder, "sequence_order", "sequence_number grows with each request", "§5.1.4";
    SequenceReused, "sequence_reused", "a number is not used again before its response", "§5.1.4";
    Undecodable, "undecodable", "the fields of a PDU can be read", "§3.2";
    NotBound, "not_bound", "nothing is sent before the bind but the bind", "§2.2";
    BoundTwice, "bound_twice", "a session is bound once", "§2.2";
    BindType, "bind_type", "requests fit the type of the bind", "§2.3";
    AfterUnbind, "after_unbind", "nothing is asked after unbind", "§4.2";
    MissingUnbind, "missing_unbind", "a session ends with unbind", "§4.2";
    UnbindUnanswered, "unbind_unanswered", "unbind is answered", "§4.2.2";
    EnquireLinkUnanswered, "enquire_link_unanswered", "enquire_link is answered", "§4.11.2";
    DeliverUnanswered, "deliver_unanswered", "deliver_sm and data_sm are answered", "§4.6.2";
    ResponseUnexpected, "response_unexpected", "a response belongs to a request", "§3.2";
    ResponseType, "response_type", "a response is that of its request", "§2.3";
    DeliverRespId, "deliver_resp_id", "message_id of deliver_sm_resp is empty", "§4.6.2";
    Window, "window", "not more requests are open than agreed", "";
    InterfaceVersion, "interface_version", "interface_version is 0x34 or below", "§5.2.4";
    TlvOfOldVersion, "tlv_of_old_version", "a v3.3 client sends no optional parameters", "§3.4";
    AddressType, "address_type", "TON and NPI have values of the tables", "§5.2.5";
    AddressDigits, "address_digits", "an address that is no name has digits only", "§5.2.8";
    DestinationEmpty, "destination_empty", "there is a destination", "§5.2.9";
    EsmClass, "esm_class", "esm_class of a message to the SMSC is no receipt", "§5.2.12";
    UdhMalformed, "udh_malformed", "with UDHI set the content starts with a header", "§5.2.12";
    UdhiMissing, "udhi_missing", "a content with a header has UDHI set", "§5.2.12";
    PriorityFlag, "priority_flag", "priority_flag is 0 to 3", "§5.2.14";
    ScheduleTime, "schedule_delivery_time", "schedule_delivery_time is a time", "§5.2.15";
    ValidityPeriod, "validity_period", "validity_period is a time", "§5.2.16";
    RegisteredDelivery, "registered_delivery", "reserved bits are 0", "§5.2.17";
    ReplaceFlag, "replace_if_present_flag", "replace_if_present_flag is 0 or 1", "§5.2.18";
    DataCoding, "data_coding", "data_coding is no reserved value", "§5.2.19";
    TwoContents, "two_contents", "short_message is empty if there is a message_payload", "§5.3.2.32";
    SarIncomplete, "sar_incomplete", "the three sar parameters come together", "§5.3.2.22";
}

/// A check of any origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Made here.
    Own(Check),
    /// Made by the codec while it reads.
    Codec(Deviation),
}

impl Kind {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let codec = Deviation::ALL.iter().copied().map(Self::Codec);
        Check::ALL.iter().copied().map(Self::Own).chain(codec)
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Own(check) => check.name(),
            Self::Codec(deviation) => deviation.name(),
        }
    }

    /// What a client must do.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::Own(check) => check.rule(),
            Self::Codec(deviation) => rule_of(deviation),
        }
    }

    /// The section of SMPP v3.4 that it follows from; `None` for a guideline that no section of
    /// its own gives.
    pub(crate) const fn section(self) -> Option<&'static str> {
        let section = match self {
            Self::Own(check) => check.section(),
            Self::Codec(deviation) => deviation.section(),
        };
        if section.is_empty() {
            None
        } else {
            Some(section)
        }
    }
}

/// What a client must do not to deviate so; the codec says only what it saw.
const fn rule_of(deviation: Deviation) -> &'static str {
    match deviation {
        Deviation::MissingNul => "each string ends with NUL",
        Deviation::OverlongString => "no string is longer than its maximum",
        Deviation::NotAscii => "strings are ASCII",
        Deviation::TimeLength => "a time has 0 or 16 characters",
        Deviation::SmLength255 => "sm_length is 0 to 254",
        Deviation::NumberOfDests => "number_of_dests is 1 to 254",
        Deviation::TrailingOctets => "nothing follows the last field but optional parameters",
        Deviation::TlvOverrun => "an optional parameter has as many octets as it declares",
        Deviation::TlvLength => "an optional parameter has the length that is specified",
        Deviation::TlvMissingNul => "an optional parameter that is a string ends with NUL",
        Deviation::RespBodyMissing => "the response to a success has a body",
        Deviation::ErrorBodyUnreadable => {
            "the body of an error response can be read, if it has one"
        }
        Deviation::SequenceNumber => "sequence_number is 1 to 0x7FFFFFFF",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_check_has_a_name_of_its_own_and_a_section() {
        let names: HashSet<&str> = Kind::all().map(Kind::name).collect();
        assert_eq!(names.len(), Kind::all().count());
        for kind in Kind::all() {
            let named = kind
                .section()
                .is_some_and(|section| section.starts_with('§'));
            assert!(named || kind.name() == "window", "{kind:?}");
            assert!(!kind.rule().is_empty(), "{kind:?}");
        }
    }
}
