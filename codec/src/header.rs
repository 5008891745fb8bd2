//! The sixteen octets that start every PDU. SMPP v3.4 §3.2.

use crate::command::CommandId;
use crate::status::CommandStatus;

/// Octets of a header.
pub const HEADER_OCTETS: usize = 16;

/// Largest sequence_number that may be generated. SMPP v3.4 §3.2: 0x00000001 to 0x7FFFFFFF.
pub const SEQUENCE_NUMBER_MAX: u32 = 0x7FFF_FFFF;

/// A PDU header. All integers are unsigned and big-endian on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Octets of the whole PDU, this field included.
    pub command_length: u32,
    /// Which PDU it is.
    pub command_id: CommandId,
    /// Result of the request; 0 in requests.
    pub command_status: CommandStatus,
    /// Ties a response to its request. Real peers send 0 and values above
    /// [`SEQUENCE_NUMBER_MAX`]; they are kept and echoed.
    pub sequence_number: u32,
}

impl Header {
    /// Reads a header from the first sixteen octets of `octets`; `None` when there are fewer.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let octets: &[u8; HEADER_OCTETS] = octets.first_chunk()?;
        let word = |at: usize| {
            u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
        };
        Some(Self {
            command_length: word(0),
            command_id: CommandId(word(4)),
            command_status: CommandStatus(word(8)),
            sequence_number: word(12),
        })
    }

    /// The header as octets.
    #[must_use]
    pub fn to_octets(self) -> [u8; HEADER_OCTETS] {
        let mut octets = [0; HEADER_OCTETS];
        octets[0..4].copy_from_slice(&self.command_length.to_be_bytes());
        octets[4..8].copy_from_slice(&self.command_id.0.to_be_bytes());
        octets[8..12].copy_from_slice(&self.command_status.0.to_be_bytes());
        octets[12..16].copy_from_slice(&self.sequence_number.to_be_bytes());
        octets
    }
}
