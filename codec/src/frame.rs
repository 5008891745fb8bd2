//! Cuts a stream of octets into PDUs by their command_length, and nothing else: a frame's body is
//! not looked at. The length is the peer's number, so it is checked before anything is kept for it.

use std::fmt;

use crate::header::{HEADER_OCTETS, Header};
use crate::status::CommandStatus;

/// Largest command_length accepted before a bind. The largest bind PDU of the specification has 98
/// octets.
pub const COMMAND_LENGTH_MAX_UNBOUND: u32 = 256;

/// Largest command_length accepted after a bind, unless configured otherwise: a message_payload of
/// 65,535 octets with other parameters beside it.
pub const COMMAND_LENGTH_MAX_BOUND: u32 = 70_000;

/// One whole PDU within a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The header.
    pub header: Header,
    /// What follows the header: `command_length - 16` octets.
    pub body: &'a [u8],
}

/// The stream can no longer be cut into PDUs; the connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// The length that was declared.
    pub command_length: u32,
    /// The largest one allowed here.
    pub command_length_max: u32,
    /// sequence_number, if the whole header had arrived.
    pub sequence_number: Option<u32>,
}

impl FrameError {
    /// Whether the session may go on: never, because nobody knows where the next PDU starts.
    #[must_use]
    pub const fn is_recoverable(&self) -> bool {
        false
    }

    /// The command_status of the generic_nack that goes before the close. SMPP v3.4 §4.3.
    #[must_use]
    pub const fn command_status(&self) -> CommandStatus {
        CommandStatus::ESME_RINVCMDLEN
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "command_length {} is outside {HEADER_OCTETS} to {}",
            self.command_length, self.command_length_max
        )
    }
}

impl std::error::Error for FrameError {}

/// Cuts the first PDU off `octets`: `Ok(None)` when more octets are needed. The declared length is
/// judged as soon as its four octets are there.
///
/// # Errors
/// [`FrameError`] when command_length is below 16 or above `command_length_max`.
#[inline]
pub fn next_frame(octets: &[u8], command_length_max: u32) -> Result<Option<Frame<'_>>, FrameError> {
    let Some(length) = octets.first_chunk::<4>() else {
        return Ok(None);
    };
    let command_length = u32::from_be_bytes(*length);
    if command_length < HEADER_OCTETS as u32 || command_length > command_length_max {
        return Err(FrameError {
            command_length,
            command_length_max,
            sequence_number: Header::decode(octets).map(|header| header.sequence_number),
        });
    }
    let (Some(header), Some(pdu)) = (
        Header::decode(octets),
        octets.get(..command_length as usize),
    ) else {
        return Ok(None);
    };
    Ok(Some(Frame {
        header,
        body: &pdu[HEADER_OCTETS..],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENQUIRE_LINK: [u8; 16] = [0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 7];

    #[test]
    fn lengths_below_a_header_are_refused_at_the_fourth_octet() {
        for length in 0u32..16 {
            let octets = length.to_be_bytes();
            assert_eq!(next_frame(&octets[..3], 256), Ok(None));
            let error = next_frame(&octets, 256).expect_err("too short");
            assert_eq!(
                (error.command_length, error.sequence_number),
                (length, None)
            );
        }
    }

    #[test]
    fn the_cap_itself_is_accepted_and_one_more_is_not() {
        let mut pdu = ENQUIRE_LINK.to_vec();
        pdu.resize(256, 0);
        pdu[..4].copy_from_slice(&256u32.to_be_bytes());
        assert_eq!(next_frame(&pdu, 256).unwrap().unwrap().body.len(), 240);
        assert_eq!(next_frame(&pdu, 255).unwrap_err().sequence_number, Some(7));
    }

    #[test]
    fn a_cut_pdu_waits_for_its_rest() {
        for at in 0..ENQUIRE_LINK.len() {
            assert_eq!(
                next_frame(&ENQUIRE_LINK[..at], 256),
                Ok(None),
                "{at} octets"
            );
        }
        let frame = next_frame(&ENQUIRE_LINK, 256).unwrap().unwrap();
        assert_eq!((frame.header.sequence_number, frame.body), (7, &[][..]));
    }
}
