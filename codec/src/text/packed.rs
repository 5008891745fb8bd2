//! Septets packed eight into seven octets, as they go over the air and as some links carry them
//! (3GPP TS 23.038 §6.1.2). Knows bits only, no characters.

use super::TextError;

const CR: u8 = 0x0D;

/// What stands in seven bits that are left over after the last septet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Zeros: SMS, where the number of septets is known.
    Zero,
    /// Carriage return: USSD and cell broadcast, where it is not (3GPP TS 23.038 §6.1.2.3.1).
    CarriageReturn,
}

/// Bits of zeros that follow a user data header of `udh_octets`, its length octet included, so that
/// the text starts on a septet boundary (3GPP TS 23.040 §9.2.3.24).
pub fn fill_bits(udh_octets: usize) -> usize {
    (7 - udh_octets * 8 % 7) % 7
}

/// Appends `septets`, one per octet, packed behind `fill_bits` zeros (0 to 6; a 7th and more start
/// whole septets anew).
///
/// # Errors
/// The first octet above 0x7F; `out` is unchanged then.
pub fn pack(
    septets: &[u8],
    fill_bits: usize,
    padding: Padding,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    if let Some(offset) = septets.iter().position(|&octet| octet > 0x7F) {
        return Err(TextError::NotASeptet {
            offset,
            octet: septets[offset],
        });
    }
    let fill_bits = fill_bits % 7;
    let bits = fill_bits + septets.len() * 7;
    let padded = padding == Padding::CarriageReturn
        && !septets.is_empty()
        && (bits % 8 == 1 || (bits.is_multiple_of(8) && septets.last() == Some(&CR)));
    out.reserve(bits.div_ceil(8) + 1);
    let mut held: u32 = 0;
    let mut held_bits = fill_bits;
    for &septet in septets.iter().chain(padded.then_some(&CR)) {
        held |= u32::from(septet) << held_bits;
        held_bits += 7;
        if held_bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            held_bits -= 8;
        }
    }
    if held_bits > 0 && !septets.is_empty() {
        out.push(held as u8);
    }
    Ok(())
}

/// Number of whole septets in `octets` behind `fill_bits`.
pub fn septets_max(octets: usize, fill_bits: usize) -> usize {
    (octets * 8).saturating_sub(fill_bits % 7) / 7
}

/// Takes `count` septets out of `octets`, one per octet of the result. Only the count tells a last
/// `@` (septet 0) from seven bits left over.
///
/// # Errors
/// `octets` hold fewer than `count` septets.
pub fn unpack(octets: &[u8], fill_bits: usize, count: usize) -> Result<Vec<u8>, TextError> {
    let available = septets_max(octets.len(), fill_bits);
    if count > available {
        return Err(TextError::TooFewSeptets {
            wanted: count,
            available,
        });
    }
    let mut septets = Vec::with_capacity(count);
    let mut bit = fill_bits % 7;
    for _ in 0..count {
        let low = u16::from(octets[bit / 8]);
        let high = octets.get(bit / 8 + 1).map_or(0, |&octet| u16::from(octet));
        septets.push(((low | high << 8) >> (bit % 8)) as u8 & 0x7F);
        bit += 7;
    }
    Ok(septets)
}

/// Takes all septets out of `octets` whose last seven bits may be the padding of
/// [`Padding::CarriageReturn`], which is dropped.
pub fn unpack_padded(octets: &[u8], fill_bits: usize) -> Vec<u8> {
    let count = septets_max(octets.len(), fill_bits);
    let mut septets = unpack(octets, fill_bits, count).expect("the count is what they hold");
    let ends_octet = |count: usize| (fill_bits % 7 + count * 7).is_multiple_of(8);
    let doubled = septets.ends_with(&[CR, CR]) && ends_octet(septets.len() - 1);
    if doubled || (septets.last() == Some(&CR) && ends_octet(septets.len())) {
        septets.pop();
    }
    septets
}
