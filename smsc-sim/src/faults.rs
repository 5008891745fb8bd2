//! Octets that are wrong on purpose.

use crate::random;

/// Octets of the garbage PDU.
const GARBAGE_OCTETS: usize = 48;

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
