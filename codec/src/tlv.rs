//! Optional parameters: tag, length, value. SMPP v3.4 §5.3. They keep their order, unknown ones
//! stay, and values are not interpreted here.
//!
//! ```text
//! +--------+--------+-----------------+
//! | tag 2  | length 2 (value only)    | value ...
//! +--------+--------+-----------------+
//! ```

use std::fmt;

use crate::tag::Tag;

/// Octets of a tag and a length.
pub(crate) const TLV_HEADER_OCTETS: usize = 4;

/// By tag, the octets of a value that can have one size only; 0 where there is more to look at.
/// The tags behind it are rare.
static ONE_SIZE: [u8; 0x0500] = {
    let mut sizes = [0; 0x0500];
    let mut tag = 0;
    while tag < sizes.len() {
        if let Some((octets_min, octets_max)) = Tag(tag as u16).value_octets()
            && octets_min == octets_max
        {
            sizes[tag] = octets_min as u8;
        }
        tag += 1;
    }
    sizes
};

/// One optional parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its tag.
    pub tag: Tag,
    /// Its value, as it stands on the wire.
    pub value: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// The value as a one-octet integer; `None` for another length.
    #[must_use]
    pub const fn as_u8(&self) -> Option<u8> {
        match self.value {
            [octet] => Some(*octet),
            _ => None,
        }
    }

    /// The value as a two-octet integer; `None` for another length.
    #[must_use]
    pub const fn as_u16(&self) -> Option<u16> {
        match self.value {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// Whether the value has the size, and the NUL, that the specification gives its tag.
    #[inline]
    pub(crate) const fn has_size_of_its_tag(&self) -> bool {
        let tag = self.tag.0 as usize;
        if tag < ONE_SIZE.len() && ONE_SIZE[tag] != 0 {
            return self.value.len() == ONE_SIZE[tag] as usize;
        }
        self.has_one_of_the_sizes_of_its_tag()
    }

    /// [`Tlv::has_size_of_its_tag`] for any tag.
    const fn has_one_of_the_sizes_of_its_tag(&self) -> bool {
        let Some((octets_min, octets_max)) = self.tag.value_octets() else {
            return true;
        };
        self.value.len() >= octets_min as usize
            && self.value.len() <= octets_max as usize
            && (!self.tag.is_c_octet_string() || matches!(self.value, [.., 0]))
    }

    /// The value up to its first NUL, or all of it: several SMSCs leave the NUL out.
    #[must_use]
    pub fn as_c_octets(&self) -> &'a [u8] {
        let end = self
            .value
            .iter()
            .position(|octet| *octet == 0)
            .unwrap_or(self.value.len());
        &self.value[..end]
    }
}

/// The optional parameters of one PDU, already known to fit into it. When
/// [`Deviation::TlvOverrun`](crate::Deviation::TlvOverrun) was tolerated, the last one is shorter
/// than it declares.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    /// None.
    pub const EMPTY: Tlvs<'static> = Tlvs(&[]);

    /// Wraps octets that are parameters one after the other; the last may be cut.
    #[inline]
    pub(crate) const fn of_wire(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets on the wire.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.0
    }

    /// Whether the last parameter is as long as it declares, and nothing follows it.
    pub(crate) fn is_whole(&self) -> bool {
        let mut rest = self.0;
        while let Some((_, next)) = split_first(rest) {
            rest = next;
        }
        rest.is_empty()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in their order.
    #[must_use]
    pub const fn iter(&self) -> TlvIter<'a> {
        TlvIter(self.0)
    }

    /// The first with this tag.
    #[must_use]
    pub fn get(&self, tag: Tag) -> Option<Tlv<'a>> {
        self.iter().find(|tlv| tlv.tag == tag)
    }
}

impl fmt::Debug for Tlvs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Tlvs<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;

    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

/// Iterates over [`Tlvs`].
#[derive(Clone, Debug)]
pub struct TlvIter<'a>(&'a [u8]);

impl<'a> Iterator for TlvIter<'a> {
    type Item = Tlv<'a>;

    #[inline]
    fn next(&mut self) -> Option<Tlv<'a>> {
        let (tlv, rest) = split_first(self.0).or_else(|| cut(self.0))?;
        self.0 = rest;
        Some(tlv)
    }
}

/// Optional parameters to be sent. They fill at most one PDU: [`TlvBuf::push`] refuses a value of
/// more than 65,535 octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlvBuf(Vec<u8>);

impl TlvBuf {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// None yet, with room for so many octets, each parameter's tag and length counted in.
    #[must_use]
    pub fn with_capacity(octets: usize) -> Self {
        Self(Vec::with_capacity(octets))
    }

    /// Appends a parameter.
    ///
    /// # Errors
    /// `Err` with the length when the value has more than 65,535 octets.
    pub fn push(&mut self, tag: Tag, value: &[u8]) -> Result<(), usize> {
        let length = u16::try_from(value.len()).map_err(|_| value.len())?;
        self.0.extend_from_slice(&tag.0.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        Ok(())
    }

    /// Appends a one-octet integer.
    pub fn push_u8(&mut self, tag: Tag, value: u8) {
        self.push(tag, &[value])
            .expect("one octet is below the limit");
    }

    /// Appends a two-octet integer.
    pub fn push_u16(&mut self, tag: Tag, value: u16) {
        self.push(tag, &value.to_be_bytes())
            .expect("two octets are below the limit");
    }

    /// The parameters, to be put into a PDU.
    #[must_use]
    pub fn as_tlvs(&self) -> Tlvs<'_> {
        Tlvs(&self.0)
    }
}

/// The last parameter, when it declares more octets than are there: its value is what is there.
#[cold]
fn cut(octets: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (header, value) = octets.split_first_chunk::<TLV_HEADER_OCTETS>()?;
    let tag = Tag(u16::from_be_bytes([header[0], header[1]]));
    Some((Tlv { tag, value }, &[]))
}

/// The length that a parameter declares; `None` when tag and length are not whole.
pub(crate) fn declared_length(octets: &[u8]) -> Option<usize> {
    let header: &[u8; TLV_HEADER_OCTETS] = octets.first_chunk()?;
    Some(usize::from(u16::from_be_bytes([header[2], header[3]])))
}

/// Cuts the first whole parameter off.
#[inline]
pub(crate) fn split_first(octets: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let header: &[u8; TLV_HEADER_OCTETS] = octets.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let value = octets.get(TLV_HEADER_OCTETS..TLV_HEADER_OCTETS + length)?;
    let tag = Tag(u16::from_be_bytes([header[0], header[1]]));
    Some((Tlv { tag, value }, &octets[TLV_HEADER_OCTETS + length..]))
}
