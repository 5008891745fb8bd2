//! Octets of one PDU that are wrong on purpose.

use bytes::BytesMut;
use signalbox_codec::Tag;

use super::ResponseFault;
use crate::random;

/// Octets of the garbage PDU.
const GARBAGE_OCTETS: usize = 48;
/// What a wrong command_length is larger by, unless it is named.
const LENGTH_ADD: u32 = 4;
/// Octets that a corrupt optional parameter declares; none follow.
const TLV_LENGTH_CORRUPT: u16 = 0x00FF;

/// A PDU whose command_length is right and whose rest is noise: a request that nobody knows.
pub(crate) fn garbage(seed: u64, bind_ordinal: u64, counter: u64) -> [u8; GARBAGE_OCTETS] {
    let key = random::number(seed, bind_ordinal, counter);
    let mut octets = [0; GARBAGE_OCTETS];
    for (lane, chunk) in octets.chunks_exact_mut(8).enumerate() {
        let noise = random::mix(key ^ lane as u64);
        chunk.copy_from_slice(&noise.to_be_bytes());
    }
    octets[..4].copy_from_slice(&(GARBAGE_OCTETS as u32).to_be_bytes());
    // Neither a response, which would be ignored, nor one of the known commands.
    octets[4] = octets[4] & 0x7F | 0x40;
    octets
}

/// Makes a whole PDU wrong in the way of `fault`; false when that is no fault of its octets.
pub(crate) fn spoil(pdu: &mut BytesMut, fault: ResponseFault) -> bool {
    let field = |pdu: &BytesMut, at: usize| {
        u32::from_be_bytes(pdu[at..at + 4].try_into().expect("a header has 16 octets"))
    };
    let (at, value) = match fault {
        ResponseFault::BadLength { command_length } => {
            let length = command_length.unwrap_or_else(|| field(pdu, 0).wrapping_add(LENGTH_ADD));
            (0, length)
        }
        ResponseFault::UnknownCommand { command_id } => (4, command_id),
        ResponseFault::BadSequence { add } => (12, field(pdu, 12).wrapping_add(add)),
        ResponseFault::CorruptTlv => {
            pdu.extend_from_slice(&Tag::ADDITIONAL_STATUS_INFO_TEXT.0.to_be_bytes());
            pdu.extend_from_slice(&TLV_LENGTH_CORRUPT.to_be_bytes());
            (0, u32::try_from(pdu.len()).unwrap_or(u32::MAX))
        }
        ResponseFault::ResetInside => {
            pdu.truncate(pdu.len() / 2);
            return true;
        }
        ResponseFault::DisconnectBefore(_)
        | ResponseFault::DisconnectAfter(_)
        | ResponseFault::Garbage
        | ResponseFault::Duplicate { .. }
        | ResponseFault::Reorder { .. } => return false,
    };
    pdu[at..at + 4].copy_from_slice(&value.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use signalbox_codec::{CommandId, CommandStatus, Pdu, encode_pdu, next_frame};

    use super::*;

    #[test]
    fn each_fault_spoils_its_field() {
        let table: [(ResponseFault, &[u8]); 6] = [
            (
                ResponseFault::BadLength {
                    command_length: None,
                },
                &[0, 0, 0, 20],
            ),
            (
                ResponseFault::BadLength {
                    command_length: Some(5),
                },
                &[0, 0, 0, 5],
            ),
            (
                ResponseFault::UnknownCommand {
                    command_id: 0x8000_0FFF,
                },
                &[0, 0, 0, 16, 0x80, 0, 15],
            ),
            (ResponseFault::CorruptTlv, &[0, 0, 0, 20]),
            (ResponseFault::ResetInside, &[0, 0, 0, 16, 0x80, 0, 0, 0x15]),
            (ResponseFault::BadSequence { add: 7 }, &[0, 0, 0, 16]),
        ];
        for (fault, start) in table {
            let mut pdu = BytesMut::new();
            encode_pdu(&Pdu::EnquireLinkResp, CommandStatus::ESME_ROK, 1, &mut pdu);
            assert!(spoil(&mut pdu, fault));
            assert!(pdu.starts_with(start), "{fault:?}: {pdu:?}");
            match fault {
                ResponseFault::BadSequence { .. } => assert_eq!(pdu[12..], [0, 0, 0, 8]),
                ResponseFault::CorruptTlv => assert_eq!(pdu[16..], [0, 0x1D, 0, 0xFF]),
                ResponseFault::ResetInside => assert_eq!(pdu.len(), 8),
                _ => {}
            }
        }
    }

    #[test]
    fn garbage_is_a_request_that_nobody_knows() {
        for counter in 0..1_000 {
            let octets = garbage(1, 2, counter);
            let frame = next_frame(&octets, 1_000)
                .unwrap()
                .expect("its length is right");
            assert_eq!(frame.header.command_length as usize, octets.len());
            let command_id: CommandId = frame.header.command_id;
            assert!(!command_id.is_response() && command_id.name().is_none());
        }
        assert_eq!(garbage(1, 2, 3), garbage(1, 2, 3));
    }
}
