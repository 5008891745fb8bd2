//! Conversions to and from rusmpp 0.4, behind the feature `rusmpp`. rusmpp gets exactly one frame
//! and has to use all of it: by itself it would read on into the octets of the next PDU.

use std::fmt;

use bytes::{BufMut, BytesMut};
use rusmpp::decode::{DecodeError, DecodeWithLength};
use rusmpp::encode::{Encode as _, Length as _};

use crate::command::CommandId;
use crate::frame::{Frame, next_frame};
use crate::status::CommandStatus;
use crate::tag::Tag;

/// Octets of a command_length, which rusmpp's `Command` does not count.
const COMMAND_LENGTH_OCTETS: usize = 4;

/// A PDU of rusmpp as octets of its own, to be read as one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOctets(BytesMut);

impl CommandOctets {
    /// The PDU, ready for [`Pdu::decode`](crate::Pdu::decode).
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        next_frame(&self.0, u32::MAX)
            .ok()
            .flatten()
            .expect("command_length is that of the octets")
    }
}

/// Why rusmpp does not have a PDU that we have.
#[derive(Debug)]
pub enum NotExact {
    /// It refuses the PDU.
    Refused(DecodeError),
    /// It leaves octets of the PDU unread.
    Unread {
        /// How many.
        octets: usize,
    },
}

impl fmt::Display for NotExact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "rusmpp refuses the PDU: {error}"),
            Self::Unread { octets } => write!(f, "rusmpp leaves {octets} octets of the PDU unread"),
        }
    }
}

impl std::error::Error for NotExact {}

impl TryFrom<&Frame<'_>> for rusmpp::Command {
    type Error = NotExact;

    fn try_from(frame: &Frame<'_>) -> Result<Self, NotExact> {
        let header = &frame.header.to_octets()[COMMAND_LENGTH_OCTETS..];
        let length = header.len() + frame.body.len();
        let mut rest = BytesMut::with_capacity(length);
        rest.put_slice(header);
        rest.put_slice(frame.body);
        let (command, _) = Self::decode(&mut rest, length).map_err(NotExact::Refused)?;
        match rest.len() {
            0 => Ok(command),
            octets => Err(NotExact::Unread { octets }),
        }
    }
}

impl From<&rusmpp::Command> for CommandOctets {
    fn from(command: &rusmpp::Command) -> Self {
        let length = COMMAND_LENGTH_OCTETS + command.length();
        let mut octets = BytesMut::zeroed(length);
        let command_length = u32::try_from(length).expect("a PDU is below 4 GiB");
        octets[..COMMAND_LENGTH_OCTETS].copy_from_slice(&command_length.to_be_bytes());
        let _ = command.encode(&mut octets[COMMAND_LENGTH_OCTETS..]);
        Self(octets)
    }
}

/// Numbers of the wire, which both sides keep whatever they are.
macro_rules! same_number {
    ($($ours:ident, $theirs:ty, $number:ty;)*) => {$(
        impl From<$ours> for $theirs {
            fn from(ours: $ours) -> Self {
                Self::from(ours.0)
            }
        }

        impl From<$theirs> for $ours {
            fn from(theirs: $theirs) -> Self {
                Self(<$number>::from(theirs))
            }
        }
    )*};
}

same_number! {
    CommandId, rusmpp::CommandId, u32;
    CommandStatus, rusmpp::CommandStatus, u32;
    Tag, rusmpp::tlvs::TlvTag, u16;
}
