//! Where a long text may be cut into parts: between grapheme clusters while they fit one part, and
//! never inside of a character, so never inside of an ESC pair or a surrogate pair.

use unicode_segmentation::UnicodeSegmentation;

/// Ends of the parts of `text` in octets, the last one being its length; one end for a text that
/// fits whole, also for the empty one.
///
/// `width` gives the units (septets or octets) of a character, `capacity` those of a part; no
/// character may be wider than a part.
pub fn ends(text: &str, capacity: usize, width: impl Fn(char) -> usize) -> Vec<usize> {
    let mut cutter = Cutter {
        ends: Vec::new(),
        used: 0,
        capacity,
    };
    if text.is_ascii() {
        cut_ascii(text, &mut cutter, width);
    } else {
        for (offset, cluster) in text.grapheme_indices(true) {
            let units = cluster.chars().map(&width).sum();
            if units <= capacity {
                cutter.take(offset, units);
            } else {
                for (within, character) in cluster.char_indices() {
                    cutter.take(offset + within, width(character));
                }
            }
        }
    }
    cutter.ends.push(text.len());
    cutter.ends
}

/// As [`ends`] for a coding whose octets depend on what stands before (ISO-2022-JP): `octets_of`
/// gives the octets of a whole part. Costs the square of a part's length, which is at most
/// `capacity`.
pub fn ends_stateful(text: &str, capacity: usize, octets_of: impl Fn(&str) -> usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut start = 0;
    for (offset, cluster) in text.grapheme_indices(true) {
        let cluster_end = offset + cluster.len();
        if octets_of(&text[start..cluster_end]) <= capacity {
            continue;
        }
        if octets_of(cluster) <= capacity {
            ends.push(offset);
            start = offset;
            continue;
        }
        for (within, character) in cluster.char_indices() {
            let at = offset + within;
            if at > start && octets_of(&text[start..at + character.len_utf8()]) > capacity {
                ends.push(at);
                start = at;
            }
        }
    }
    ends.push(text.len());
    ends
}

struct Cutter {
    ends: Vec<usize>,
    used: usize,
    capacity: usize,
}

impl Cutter {
    /// Puts something indivisible that starts at `offset` into this part or the next.
    fn take(&mut self, offset: usize, units: usize) {
        if self.used + units > self.capacity {
            self.ends.push(offset);
            self.used = 0;
        }
        self.used += units;
    }
}

/// In ASCII the only cluster of more than one character is CR LF.
fn cut_ascii(text: &str, cutter: &mut Cutter, width: impl Fn(char) -> usize) {
    let octets = text.as_bytes();
    let mut at = 0;
    while at < octets.len() {
        let pair = octets[at..].starts_with(b"\r\n");
        let taken = if pair { 2 } else { 1 };
        let units = octets[at..at + taken]
            .iter()
            .map(|&octet| width(char::from(octet)))
            .sum();
        cutter.take(at, units);
        at += taken;
    }
}
