//! National languages of the GSM 7-bit alphabet: a locking table in place of the default alphabet,
//! a single shift table in place of the extension, announced by the user data header elements 0x25
//! and 0x24 (3GPP TS 23.038 §6.2.1.2, 3GPP TS 23.040 §9.2.3.24.15 and .16).

use std::sync::LazyLock;

use super::gsm7::{self, DEFAULT, ESC, EXTENSION};
use super::{TextError, Unencodable};
use crate::udh::{NATIONAL_LOCKING_SHIFT, NATIONAL_SINGLE_SHIFT, Udh};

mod locking;
mod single_shift;

/// A language with tables of its own; the value is its National Language Identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Language {
    /// Turkish.
    Turkish = 1,
    /// Spanish; single shift only.
    Spanish = 2,
    /// Portuguese.
    Portuguese = 3,
    /// Bengali and Assamese.
    Bengali = 4,
    /// Gujarati.
    Gujarati = 5,
    /// Hindi.
    Hindi = 6,
    /// Kannada.
    Kannada = 7,
    /// Malayalam.
    Malayalam = 8,
    /// Oriya.
    Oriya = 9,
    /// Punjabi.
    Punjabi = 10,
    /// Tamil.
    Tamil = 11,
    /// Telugu.
    Telugu = 12,
    /// Urdu.
    Urdu = 13,
}

impl Language {
    /// All languages by identifier.
    pub const ALL: [Self; 13] = [
        Self::Turkish,
        Self::Spanish,
        Self::Portuguese,
        Self::Bengali,
        Self::Gujarati,
        Self::Hindi,
        Self::Kannada,
        Self::Malayalam,
        Self::Oriya,
        Self::Punjabi,
        Self::Tamil,
        Self::Telugu,
        Self::Urdu,
    ];

    /// National Language Identifier, 1 to 13.
    pub fn identifier(self) -> u8 {
        self as u8
    }

    /// The language of a National Language Identifier.
    pub fn from_identifier(identifier: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.identifier() == identifier)
    }

    /// ISO 639-1 code, the name in configuration.
    pub fn code(self) -> &'static str {
        match self {
            Self::Turkish => "tr",
            Self::Spanish => "es",
            Self::Portuguese => "pt",
            Self::Bengali => "bn",
            Self::Gujarati => "gu",
            Self::Hindi => "hi",
            Self::Kannada => "kn",
            Self::Malayalam => "ml",
            Self::Oriya => "or",
            Self::Punjabi => "pa",
            Self::Tamil => "ta",
            Self::Telugu => "te",
            Self::Urdu => "ur",
        }
    }

    /// The language of an ISO 639-1 code or of its English name; case does not count.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| {
            language.code().eq_ignore_ascii_case(name)
                || format!("{language:?}").eq_ignore_ascii_case(name)
        })
    }

    fn locking(self) -> Option<&'static [u16; 128]> {
        match self {
            Self::Turkish => Some(&locking::TURKISH),
            Self::Spanish => None,
            Self::Portuguese => Some(&locking::PORTUGUESE),
            Self::Bengali => Some(&locking::BENGALI),
            Self::Gujarati => Some(&locking::GUJARATI),
            Self::Hindi => Some(&locking::HINDI),
            Self::Kannada => Some(&locking::KANNADA),
            Self::Malayalam => Some(&locking::MALAYALAM),
            Self::Oriya => Some(&locking::ORIYA),
            Self::Punjabi => Some(&locking::PUNJABI),
            Self::Tamil => Some(&locking::TAMIL),
            Self::Telugu => Some(&locking::TELUGU),
            Self::Urdu => Some(&locking::URDU),
        }
    }

    fn single_shift(self) -> &'static [u16; 128] {
        match self {
            Self::Turkish => &single_shift::TURKISH,
            Self::Spanish => &single_shift::SPANISH,
            Self::Portuguese => &single_shift::PORTUGUESE,
            Self::Bengali => &single_shift::BENGALI,
            Self::Gujarati => &single_shift::GUJARATI,
            Self::Hindi => &single_shift::HINDI,
            Self::Kannada => &single_shift::KANNADA,
            Self::Malayalam => &single_shift::MALAYALAM,
            Self::Oriya => &single_shift::ORIYA,
            Self::Punjabi => &single_shift::PUNJABI,
            Self::Tamil => &single_shift::TAMIL,
            Self::Telugu => &single_shift::TELUGU,
            Self::Urdu => &single_shift::URDU,
        }
    }
}

/// Which tables a text is written with; `None` is the default alphabet or extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shifts {
    /// Language in place of the default alphabet.
    pub locking: Option<Language>,
    /// Language in place of the default extension.
    pub single: Option<Language>,
}

impl Shifts {
    /// Default alphabet and extension.
    pub const NONE: Self = Self {
        locking: None,
        single: None,
    };

    /// What a user data header announces. Unknown identifiers, and a locking table for a language
    /// that has none, leave the default in place (3GPP TS 23.040 §9.2.3.24.15).
    pub fn of_udh(udh: Udh<'_>) -> Self {
        let mut shifts = Self::NONE;
        for element in udh.iter() {
            match (element.id, element.data) {
                (NATIONAL_SINGLE_SHIFT, &[identifier]) => {
                    shifts.single = Language::from_identifier(identifier);
                }
                (NATIONAL_LOCKING_SHIFT, &[identifier]) => {
                    shifts.locking = Language::from_identifier(identifier);
                }
                _ => {}
            }
        }
        shifts
    }

    /// Appends the header elements that announce these tables: 3 octets each.
    pub fn write_elements(self, out: &mut Vec<u8>) {
        let elements = [
            (NATIONAL_SINGLE_SHIFT, self.single),
            (NATIONAL_LOCKING_SHIFT, self.locking),
        ];
        for (id, language) in elements {
            if let Some(language) = language {
                out.extend_from_slice(&[id, 1, language.identifier()]);
            }
        }
    }

    /// Octets of those elements: 0, 3 or 6.
    pub fn element_octets(self) -> usize {
        3 * (usize::from(self.locking.is_some()) + usize::from(self.single.is_some()))
    }

    fn locking_table(self) -> &'static [u16; 128] {
        self.locking.and_then(Language::locking).unwrap_or(&DEFAULT)
    }

    fn single_table(self) -> &'static [u16; 128] {
        self.single.map_or(&EXTENSION, Language::single_shift)
    }

    /// Number of septets of one character: 1, 2 with ESC, or none when the tables lack it.
    pub fn width(self, character: char) -> Option<usize> {
        if self == Self::NONE {
            return gsm7::width(character);
        }
        self.septet(character)
            .map(|(shifted, _)| 1 + usize::from(shifted))
    }

    /// Whether ESC goes in front, and the septet.
    fn septet(self, character: char) -> Option<(bool, u8)> {
        let unit = u16::try_from(u32::from(character))
            .ok()
            .filter(|&unit| unit != 0)?;
        let in_table = |table: &[u16; 128]| match table.get(usize::from(unit)) {
            Some(&same) if same == unit => Some(unit as u8),
            _ => table
                .iter()
                .position(|&one| one == unit)
                .map(|septet| septet as u8),
        };
        let shifted = || in_table(self.single_table()).map(|septet| (true, septet));
        in_table(self.locking_table())
            .map(|septet| (false, septet))
            .or_else(shifted)
    }
}

/// Appends the septets of `text`, one per octet, written with `shifts`.
///
/// # Errors
/// The first character that the tables do not have; `out` then holds what stands before it.
pub fn encode(text: &str, shifts: Shifts, out: &mut Vec<u8>) -> Result<(), Unencodable> {
    if shifts == Shifts::NONE {
        return gsm7::encode(text, out);
    }
    for (offset, character) in text.char_indices() {
        match shifts.septet(character) {
            Some((false, septet)) => out.push(septet),
            Some((true, septet)) => out.extend_from_slice(&[ESC, septet]),
            None => return Err(Unencodable { offset, character }),
        }
    }
    Ok(())
}

/// Text of septets, one per octet, written with `shifts`; ESC is read as in [`gsm7::decode`].
///
/// # Errors
/// The first octet above 0x7F, with its offset.
pub fn decode(septets: &[u8], shifts: Shifts) -> Result<String, TextError> {
    if shifts == Shifts::NONE {
        return gsm7::decode(septets);
    }
    let (locking, single) = (shifts.locking_table(), shifts.single_table());
    let mut out = Vec::with_capacity(septets.len() * 3);
    let mut at = 0;
    while at < septets.len() {
        let (unit, taken) = gsm7::decode_one(septets, at, locking, single)?;
        gsm7::push_utf8(unit, &mut out);
        at += taken;
    }
    Ok(String::from_utf8(out).expect("only whole characters are appended"))
}

/// Tables that have a character: bit n stands for the language of identifier n, bit 0 for the
/// default alphabet or extension.
#[derive(Debug, Clone, Copy)]
struct Presence {
    unit: u16,
    locking: u16,
    single: u16,
}

/// Presence of all characters of all tables, ordered by `unit`: about 900 entries, built once.
static PRESENCE: LazyLock<Vec<Presence>> = LazyLock::new(|| {
    let mut all = Vec::new();
    let mut add = |table: &[u16; 128], locking: u16, single: u16| {
        let units = table.iter().filter(|&&unit| unit != 0);
        all.extend(units.map(|&unit| Presence {
            unit,
            locking,
            single,
        }));
    };
    add(&DEFAULT, 1, 0);
    add(&EXTENSION, 0, 1);
    for language in Language::ALL {
        let bit = 1 << language.identifier();
        if let Some(table) = language.locking() {
            add(table, bit, 0);
        }
        add(language.single_shift(), 0, bit);
    }
    all.sort_unstable_by_key(|presence| presence.unit);
    all.dedup_by(|later, kept| {
        let same = later.unit == kept.unit;
        if same {
            kept.locking |= later.locking;
            kept.single |= later.single;
        }
        same
    });
    all
});

/// What a text costs with one pair of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The tables.
    pub shifts: Shifts,
    /// Septets of the text, without header.
    pub septets: usize,
}

/// The pairs of tables out of `languages` and the defaults that have every character of `text`: for
/// each locking table the cheapest header, at most 14. The septets depend on the locking table
/// alone, since whatever it lacks costs two.
pub fn candidates(text: &str, languages: &[Language]) -> Vec<Candidate> {
    const TABLES: usize = 14;
    let allowed = languages
        .iter()
        .fold(1_u16, |bits, one| bits | 1 << one.identifier());
    let mut septets = [0_usize; TABLES];
    let mut singles = [allowed; TABLES];
    for character in text.chars() {
        let Some(presence) = presence_of(character) else {
            return Vec::new();
        };
        for (table, cost) in septets.iter_mut().enumerate() {
            if presence.locking >> table & 1 == 1 {
                *cost += 1;
            } else {
                *cost += 2;
                singles[table] &= presence.single;
            }
        }
    }
    let of_bit = |bit: usize| Language::from_identifier(bit as u8);
    let usable = |table: &usize| {
        let exists = *table == 0 || of_bit(*table).is_some_and(|one| one.locking().is_some());
        exists && allowed >> table & 1 == 1 && singles[*table] != 0
    };
    (0..TABLES)
        .filter(usable)
        .map(|table| {
            let single = of_bit(singles[table].trailing_zeros() as usize);
            let shifts = Shifts {
                locking: of_bit(table),
                single,
            };
            Candidate {
                shifts,
                septets: septets[table],
            }
        })
        .collect()
}

fn presence_of(character: char) -> Option<Presence> {
    let unit = u16::try_from(u32::from(character)).ok()?;
    let found = PRESENCE
        .binary_search_by_key(&unit, |presence| presence.unit)
        .ok()?;
    Some(PRESENCE[found])
}
