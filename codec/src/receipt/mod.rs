//! Delivery receipts: the text that SMSCs put into `short_message` (SMPP v3.4 Appendix B, "vendor
//! specific" by its own words), the states it names, the forms of the message id.
//!
//! ```text
//! id:IIIIIIIIII sub:SSS dlvrd:DDD submit date:YYMMDDhhmm done date:YYMMDDhhmm stat:DDDDDDD
//! err:E text:…
//! ```

use std::fmt;

use crate::time::{AbsoluteTime, DateTime};

mod id;
mod parse;
mod state;
mod write;

pub use id::{canonical_id, id_candidates};
pub use parse::{parse, parse_date};
pub use state::ReceiptState;
pub use write::{DateDigits, RECEIPT_TEXT_OCTETS_MAX, write};

/// What a receipt's text says. Octets are borrowed as they stand: ids and states are nearly always
/// ASCII, `text` is a piece of the message in whatever coding it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt<'a> {
    /// Message id that the SMSC gave at submission, in one of its forms; see [`id_candidates`].
    pub id: Option<&'a [u8]>,
    /// Short messages submitted.
    pub sub: Option<u32>,
    /// Short messages delivered.
    pub dlvrd: Option<u32>,
    /// Time of submission.
    pub submit_date: Option<ReceiptDate>,
    /// Time of the final state.
    pub done_date: Option<ReceiptDate>,
    /// Time of submission, as written, where it cannot be read.
    pub submit_date_text: Option<&'a [u8]>,
    /// Time of the final state, as written, where it cannot be read.
    pub done_date_text: Option<&'a [u8]>,
    /// State, as written; see [`ReceiptState::from_stat`].
    pub stat: Option<&'a [u8]>,
    /// Error code of the network or the SMSC, as written.
    pub err: Option<&'a [u8]>,
    /// Beginning of the message.
    pub text: Option<&'a [u8]>,
}

/// Time in a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptDate {
    /// 10, 12 or 14 digits, by the SMSC's clock in a zone that the text does not tell.
    Local(DateTime),
    /// An SMPP absolute time.
    Absolute(AbsoluteTime),
}

impl<'a> Receipt<'a> {
    /// This receipt with what the TLVs say, which wins over the text: `receipted_message_id`
    /// (without NUL) and `message_state`. A state of unknown value leaves the text's.
    ///
    /// `network_error_code` has no place in the text's `err` and is for the caller to keep.
    #[must_use]
    pub fn with_tlvs(
        self,
        receipted_message_id: Option<&'a [u8]>,
        message_state: Option<u8>,
    ) -> Self {
        let id = receipted_message_id.filter(|id| !id.is_empty());
        let state = message_state.and_then(ReceiptState::from_message_state);
        Self {
            id: id.or(self.id),
            stat: state.map(|one| one.stat().as_bytes()).or(self.stat),
            ..self
        }
    }

    /// The state that `stat` names, if it is a known one.
    pub fn state(&self) -> Option<ReceiptState> {
        self.stat.and_then(ReceiptState::from_stat)
    }
}

impl fmt::Display for ReceiptDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(date) => date.fmt(f),
            Self::Absolute(time) => time.fmt(f),
        }
    }
}
