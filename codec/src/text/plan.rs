//! The plan of a text: the cheapest coding that loses nothing, its `data_coding`, its segments.
//!
//! ```text
//! preferred coding fits? ─ yes ─► it          (auto: the link's default alphabet)
//!      │ no, or national tables need fewer segments
//!      ▼
//! allowed national tables ─► transliteration (if asked for) ─► UCS-2 (unless strict)
//! ```

use std::borrow::Cow;
use std::fmt;

use super::national::{self, Candidate};
use super::transliterate::{Change, transliterate};
use super::{Encoding, Language, Shifts, Unencodable, charset, cut, gsm7};
use crate::segment::{Layout, MESSAGE_PAYLOAD_OCTETS_MAX, SEGMENTS_MAX};
use crate::segment::{LongMessage, SegmentError, SegmentOptions, Segments};

/// The coding that a text should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PreferredEncoding {
    /// The cheapest that loses nothing: the link's default alphabet, national tables of it, UCS-2.
    #[default]
    Auto,
    /// This one when it fits.
    Only(Encoding),
}

/// What a link and a message ask for.
#[derive(Debug, Clone, Copy)]
pub struct PlanOptions<'a> {
    /// Wished coding. Default [`PreferredEncoding::Auto`].
    pub preferred_encoding: PreferredEncoding,
    /// A preferred coding that lacks a character is an error and not a reason for UCS-2. Default
    /// off.
    pub encoding_strict: bool,
    /// What `data_coding` 0 means on the link. Default [`Encoding::Gsm7`].
    pub default_alphabet: Encoding,
    /// Languages whose tables the receiver may be sent. Default none.
    pub languages: &'a [Language],
    /// Replace characters by similar ones rather than go to UCS-2. Default off.
    pub transliterate: bool,
    /// How long texts are carried.
    pub segment: SegmentOptions<'a>,
}

impl Default for PlanOptions<'_> {
    fn default() -> Self {
        Self {
            preferred_encoding: PreferredEncoding::Auto,
            encoding_strict: false,
            default_alphabet: Encoding::Gsm7,
            languages: &[],
            transliterate: false,
            segment: SegmentOptions::default(),
        }
    }
}

/// How a text is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Coding chosen.
    pub encoding: Encoding,
    /// National tables chosen; they are announced in the header of each segment.
    pub shifts: Shifts,
    /// Value of `data_coding`.
    pub data_coding: u8,
    /// Septets of the text without headers, when the coding counts in them.
    pub septets: Option<usize>,
    /// Octets of the text in the PDUs without headers, one per septet.
    pub octets: usize,
    /// Segments, ready for the PDUs.
    pub segments: Segments,
    /// Characters that transliteration replaced, in order.
    pub changed: Vec<Change>,
}

/// A text that cannot be sent as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanError {
    /// The required coding lacks a character.
    Unencodable {
        /// The coding.
        encoding: Encoding,
        /// The character and where it stands.
        character: Unencodable,
    },
    /// No `data_coding` announces the coding on this link.
    NoDataCoding {
        /// The coding.
        encoding: Encoding,
    },
    /// Segmentation refused.
    Segment(SegmentError),
}

/// Plans `text`. A text of one segment costs one allocation.
///
/// # Errors
/// A strict coding lacks a character, no `data_coding` fits the link, or the text takes more
/// segments than allowed.
pub fn plan(text: &str, options: &PlanOptions<'_>) -> Result<Plan, PlanError> {
    if let Some(plan) = plan_single(text, options) {
        return Ok(plan);
    }
    let choice = choose(text, options)?;
    let encoding = choice.encoding;
    let data_coding = encoding
        .data_coding(options.default_alphabet)
        .ok_or(PlanError::NoDataCoding { encoding })?;
    let mut shifts = Vec::new();
    choice.shifts.write_elements(&mut shifts);
    let layout = Layout::new(&options.segment, &shifts).map_err(PlanError::Segment)?;
    let ends = part_ends(&choice, &layout);
    let total = ends.as_ref().map_or(1, Vec::len);
    let text = choice.text.as_ref();
    let long = choice.units > single_capacity(encoding, &layout);
    let segments = layout
        .write(total, long, choice.units, |index, out| {
            let part = match &ends {
                None => text,
                Some(ends) => {
                    let start = if index == 0 { 0 } else { ends[index - 1] };
                    &text[start..ends[index]]
                }
            };
            let written = match encoding {
                Encoding::Gsm7 => national::encode(part, choice.shifts, out),
                other => charset::encode(part, other, out),
            };
            written.expect("the chosen coding was tried on the whole text");
        })
        .map_err(PlanError::Segment)?;
    let septets = (encoding == Encoding::Gsm7).then_some(choice.units);
    let Choice {
        shifts,
        units: octets,
        changed,
        ..
    } = choice;
    Ok(Plan {
        encoding,
        shifts,
        data_coding,
        septets,
        octets,
        segments,
        changed,
    })
}

/// The commonest plan in one go: a text of the default alphabet that fits one segment without any
/// header. `None` when it is not that simple.
fn plan_single(text: &str, options: &PlanOptions<'_>) -> Option<Plan> {
    /// The widest characters of the alphabet, such as the euro sign, have 3 octets of UTF-8 and
    /// take two septets; others have at most 2.
    const TEXT_OCTETS_MAX: usize = 2 * 160;
    let wished = match options.preferred_encoding {
        PreferredEncoding::Auto => options.default_alphabet,
        PreferredEncoding::Only(encoding) => encoding,
    };
    if wished != Encoding::Gsm7 || text.len() > TEXT_OCTETS_MAX {
        return None;
    }
    let layout = Layout::new(&options.segment, &[]).ok()?;
    let septets_max = single_capacity(Encoding::Gsm7, &layout);
    let mut septets = Vec::with_capacity(text.len());
    gsm7::encode(text, &mut septets).ok()?;
    let count = septets.len();
    Some(Plan {
        encoding: Encoding::Gsm7,
        shifts: Shifts::NONE,
        data_coding: Encoding::Gsm7.data_coding(options.default_alphabet)?,
        septets: Some(count),
        octets: count,
        segments: layout.single(septets).filter(|_| count <= septets_max)?,
        changed: Vec::new(),
    })
}

/// A coding that has every character of `text`.
struct Choice<'t> {
    text: Cow<'t, str>,
    encoding: Encoding,
    shifts: Shifts,
    /// Septets with GSM 7-bit, else octets.
    units: usize,
    changed: Vec<Change>,
}

impl<'t> Choice<'t> {
    fn new(text: impl Into<Cow<'t, str>>, encoding: Encoding, units: usize) -> Self {
        Self {
            text: text.into(),
            encoding,
            shifts: Shifts::NONE,
            units,
            changed: Vec::new(),
        }
    }
}

fn choose<'t>(text: &'t str, options: &PlanOptions<'_>) -> Result<Choice<'t>, PlanError> {
    refuse_hopeless(text, options)?;
    let wished = match options.preferred_encoding {
        PreferredEncoding::Auto => options.default_alphabet,
        PreferredEncoding::Only(encoding) => encoding,
    };
    let fit = units(text, wished);
    if wished == Encoding::Gsm7
        && !options.languages.is_empty()
        && let Some(choice) = choose_national(text, fit.ok(), options)?
    {
        return Ok(choice);
    }
    let character = match fit {
        Ok(units) => return Ok(Choice::new(text, wished, units)),
        Err(character) => character,
    };
    if options.transliterate {
        let fits = |one: char| charset::has(one, wished);
        if let Ok((replaced, changed)) = transliterate(text, fits)
            && let Ok(units) = units(&replaced, wished)
        {
            return Ok(Choice {
                changed,
                ..Choice::new(replaced, wished, units)
            });
        }
    }
    if options.encoding_strict && options.preferred_encoding != PreferredEncoding::Auto {
        return Err(PlanError::Unencodable {
            encoding: wished,
            character,
        });
    }
    Ok(Choice::new(text, Encoding::Ucs2, ucs2_octets(text)))
}

/// Refuses a text that no coding could bring below the limit before time is spent on it: the
/// densest one puts one character of at most 4 octets of UTF-8 into a septet.
fn refuse_hopeless(text: &str, options: &PlanOptions<'_>) -> Result<(), PlanError> {
    const PART_CHARACTERS: usize = 160;
    let refused = match options.segment.long_message {
        LongMessage::Payload if text.len() > 4 * MESSAGE_PAYLOAD_OCTETS_MAX => {
            SegmentError::PayloadTooLong {
                octets: text.chars().count(),
            }
        }
        LongMessage::Payload => return Ok(()),
        _ if text.len() > 4 * PART_CHARACTERS * usize::from(SEGMENTS_MAX) => {
            let segments_max = options.segment.segments_max;
            let segments = text.chars().count().div_ceil(PART_CHARACTERS);
            SegmentError::TooManySegments {
                segments,
                segments_max,
            }
        }
        _ => return Ok(()),
    };
    Err(PlanError::Segment(refused))
}

/// The national tables, when they alone have all characters or need fewer segments than the
/// default alphabet (of `default_septets`) does, and no more than UCS-2 does.
fn choose_national<'t>(
    text: &'t str,
    default_septets: Option<usize>,
    options: &PlanOptions<'_>,
) -> Result<Option<Choice<'t>>, PlanError> {
    let segments_of = |choice: &Choice<'_>| -> Result<usize, PlanError> {
        let mut shifts = Vec::new();
        choice.shifts.write_elements(&mut shifts);
        let layout = Layout::new(&options.segment, &shifts).map_err(PlanError::Segment)?;
        Ok(part_ends(choice, &layout).map_or(1, |ends| ends.len()))
    };
    let rival = match default_septets {
        Some(septets) => {
            let segments = segments_of(&Choice::new(text, Encoding::Gsm7, septets))?;
            if segments == 1 {
                return Ok(None);
            }
            segments - 1
        }
        None if options.encoding_strict => usize::MAX,
        None => segments_of(&Choice::new(text, Encoding::Ucs2, ucs2_octets(text)))?,
    };
    let mut best: Option<(usize, usize, Choice<'t>)> = None;
    for Candidate { shifts, septets } in national::candidates(text, options.languages) {
        let choice = Choice {
            shifts,
            ..Choice::new(text, Encoding::Gsm7, septets)
        };
        let segments = segments_of(&choice)?;
        let octets = shifts.element_octets() * segments + septets;
        let better = match &best {
            Some((fewest, least, _)) => (segments, octets) < (*fewest, *least),
            None => true,
        };
        if segments <= rival && better {
            best = Some((segments, octets, choice));
        }
    }
    Ok(best.map(|(_, _, choice)| choice))
}

/// Ends of the parts in the text, `None` when one segment takes it all.
fn part_ends(choice: &Choice<'_>, layout: &Layout<'_>) -> Option<Vec<usize>> {
    if layout.is_payload() || choice.units <= single_capacity(choice.encoding, layout) {
        return None;
    }
    let capacity = units_of_octets(choice.encoding, layout.part_octets());
    let text = choice.text.as_ref();
    Some(match choice.encoding {
        Encoding::Gsm7 => cut::ends(text, capacity, |character| {
            choice.shifts.width(character).unwrap_or(0)
        }),
        Encoding::Ucs2 => cut::ends(text, capacity, |character| character.len_utf16() * 2),
        Encoding::Utf8 => cut::ends(text, capacity, char::len_utf8),
        Encoding::Ia5 | Encoding::Latin1 | Encoding::Iso8859_5 | Encoding::Iso8859_8 => {
            cut::ends(text, capacity, |_| 1)
        }
        other => cut::ends_stateful(text, capacity, |part| units(part, other).unwrap_or(0)),
    })
}

fn single_capacity(encoding: Encoding, layout: &Layout<'_>) -> usize {
    units_of_octets(encoding, layout.single_octets())
}

fn units_of_octets(encoding: Encoding, octets: usize) -> usize {
    if encoding == Encoding::Gsm7 {
        octets * 8 / 7
    } else {
        octets
    }
}

/// Septets of `text` with GSM 7-bit, else octets.
fn units(text: &str, encoding: Encoding) -> Result<usize, Unencodable> {
    match encoding {
        Encoding::Gsm7 => gsm7::septets(text),
        Encoding::Ucs2 => Ok(ucs2_octets(text)),
        Encoding::Utf8 => Ok(text.len()),
        other => {
            let mut octets = Vec::new();
            charset::encode(text, other, &mut octets)?;
            Ok(octets.len())
        }
    }
}

fn ucs2_octets(text: &str) -> usize {
    text.chars()
        .map(|character| character.len_utf16() * 2)
        .sum()
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unencodable {
                encoding,
                character,
            } => write!(f, "{encoding}: {character}"),
            Self::NoDataCoding { encoding } => {
                write!(
                    f,
                    "no data_coding announces {encoding}; it can only be a link's default"
                )
            }
            Self::Segment(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PlanError {}
