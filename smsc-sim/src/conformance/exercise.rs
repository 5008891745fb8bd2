//! Which checks a client has given something to: a check that never had anything to look at says
//! nothing about the client. Pure.

use signalbox_codec::{Deviation, HEADER_OCTETS, Header, Pdu};

use super::check::{Check, Kind};
use super::checker::VERSION_3_4;
use super::fields::{Fields, UDHI, has_sar};

/// A set of checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exercised(u64);

const _: () = assert!(Check::ALL.len() + Deviation::ALL.len() <= u64::BITS as usize);

/// What every request of a client is looked at for.
const OF_REQUEST: [Check; 7] = [
    Check::CommandStatus,
    Check::SequenceStart,
    Check::SequenceOrder,
    Check::SequenceReused,
    Check::NotBound,
    Check::BoundTwice,
    Check::Window,
];
/// Every message.
const OF_MESSAGE: [Check; 6] = [
    Check::AddressType,
    Check::AddressDigits,
    Check::DestinationEmpty,
    Check::EsmClass,
    Check::RegisteredDelivery,
    Check::DataCoding,
];
/// Every PDU with a body.
const OF_BODY: [Deviation; 3] = [
    Deviation::MissingNul,
    Deviation::OverlongString,
    Deviation::NotAscii,
];
/// Every PDU with optional parameters.
const OF_TLVS: [Deviation; 3] = [
    Deviation::TlvOverrun,
    Deviation::TlvLength,
    Deviation::TlvMissingNul,
];

impl Exercised {
    /// Whether it holds this check.
    pub(super) const fn contains(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// Those that are not in `others`.
    pub(super) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Adds a check of any origin.
    pub(super) const fn add_kind(&mut self, kind: Kind) {
        self.0 |= bit(kind);
    }

    /// Adds a check.
    pub(super) const fn add(&mut self, check: Check) {
        self.add_kind(Kind::Own(check));
    }

    fn add_all(&mut self, checks: &[Check]) {
        for check in checks {
            self.add(*check);
        }
    }

    fn add_codec(&mut self, deviations: &[Deviation]) {
        for deviation in deviations {
            self.add_kind(Kind::Codec(*deviation));
        }
    }

    /// Adds what a PDU of the client is looked at for; `bound`: it is bound.
    pub(super) fn by_pdu(&mut self, header: Header, pdu: &Pdu<'_>, bound: bool, version: u8) {
        self.add_all(&[Check::CommandLength, Check::CommandId, Check::Undecodable]);
        self.add_codec(&[Deviation::SequenceNumber, Deviation::TrailingOctets]);
        if has_body(header) {
            self.add_codec(&OF_BODY);
        }
        if header.command_id.is_response() {
            return self.by_response(header, pdu);
        }
        self.add_all(&OF_REQUEST);
        if bound {
            self.add(Check::BindType);
        }
        match pdu {
            Pdu::BindTransmitter(_) | Pdu::BindReceiver(_) | Pdu::BindTransceiver(_) => {
                self.add(Check::InterfaceVersion);
            }
            Pdu::Unbind => self.add_all(&[Check::AfterUnbind, Check::MissingUnbind]),
            Pdu::SubmitMulti(_) => self.add_codec(&[Deviation::NumberOfDests]),
            Pdu::ReplaceSm(_) => self.by_stored_message(),
            _ => {}
        }
        if let Some(fields) = Fields::of(pdu) {
            self.by_message(&fields, version);
            if matches!(pdu, Pdu::SubmitSm(_) | Pdu::SubmitMulti(_)) {
                self.by_stored_message();
                self.add_all(&[Check::PriorityFlag, Check::ReplaceFlag]);
            }
        }
    }

    fn by_stored_message(&mut self) {
        self.add_codec(&[Deviation::TimeLength, Deviation::SmLength255]);
    }

    fn by_response(&mut self, header: Header, pdu: &Pdu<'_>) {
        self.add_all(&[Check::ResponseUnexpected, Check::ResponseType]);
        if let Pdu::DeliverSmResp(_) = pdu {
            self.add(Check::DeliverRespId);
        }
        if header.command_status.is_ok() {
            if matches!(pdu, Pdu::DeliverSmResp(_) | Pdu::DataSmResp(_)) {
                self.add_codec(&[Deviation::RespBodyMissing]);
            }
        } else if has_body(header) {
            self.add_codec(&[Deviation::ErrorBodyUnreadable]);
        }
    }

    fn by_message(&mut self, fields: &Fields<'_>, version: u8) {
        self.add_all(&OF_MESSAGE);
        self.add(if fields.esm_class & UDHI != 0 {
            Check::UdhMalformed
        } else {
            Check::UdhiMissing
        });
        let times = [Check::ScheduleTime, Check::ValidityPeriod];
        for (check, time) in times.into_iter().zip(fields.times) {
            if !time.is_empty() {
                self.add(check);
            }
        }
        if fields.payload().is_some() {
            self.add(Check::TwoContents);
        }
        if has_sar(&fields.tlvs) {
            self.add(Check::SarIncomplete);
        }
        if fields.tlvs.iter().next().is_some() {
            self.add_codec(&OF_TLVS);
        }
        if version < VERSION_3_4 {
            self.add(Check::TlvOfOldVersion);
        }
    }
}

const fn has_body(header: Header) -> bool {
    header.command_length as usize > HEADER_OCTETS
}

const fn bit(kind: Kind) -> u64 {
    let at = match kind {
        Kind::Own(check) => check as usize,
        Kind::Codec(deviation) => Check::ALL.len() + deviation as usize,
    };
    1 << at
}
