//! Replacement of characters that a coding lacks by ones that read alike: typographic signs, Latin
//! letters with marks, Greek letters. Only on request, and each replacement is reported.

use super::Unencodable;

/// One replaced character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Octet of the original UTF-8 text.
    pub offset: usize,
    /// What stood there.
    pub from: char,
    /// What stands for it; empty for marks that carry no meaning of their own.
    pub to: &'static str,
}

/// Rewrites `text` so that each of its characters `fits`, and tells what was changed.
///
/// # Errors
/// The first character that neither fits nor has a replacement that does.
pub fn transliterate(
    text: &str,
    fits: impl Fn(char) -> bool,
) -> Result<(String, Vec<Change>), Unencodable> {
    let mut out = String::with_capacity(text.len());
    let mut changed = Vec::new();
    for (offset, from) in text.char_indices() {
        if fits(from) {
            out.push(from);
            continue;
        }
        let to = replacements(from)
            .find(|to| to.chars().all(&fits))
            .ok_or(Unencodable {
                offset,
                character: from,
            })?;
        out.push_str(to);
        changed.push(Change { offset, from, to });
    }
    Ok((out, changed))
}

/// Replacements of `character`, the nearest first.
fn replacements(character: char) -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .filter(move |(from, _)| from.contains(character))
        .map(|(_, to)| *to)
}

/// Characters and what each of them may become. A character in several rows takes the first whose
/// replacement the coding has. The Greek capitals follow the look-alikes that the Unicode
/// Consortium's GSM 03.38 table names.
const TABLE: &[(&str, &str)] = &[
    (
        "\u{2018}\u{2019}\u{201A}\u{201B}\u{2032}\u{2035}\u{02B9}\u{02BC}\u{00B4}`",
        "'",
    ),
    (
        "\u{201C}\u{201D}\u{201E}\u{201F}\u{2033}\u{2036}\u{00AB}\u{00BB}\u{300C}\u{300D}",
        "\"",
    ),
    ("\u{2039}", "<"),
    ("\u{203A}", ">"),
    (
        "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}\u{FE58}\u{FF0D}",
        "-",
    ),
    (
        "\u{00AD}\u{200B}\u{200C}\u{200D}\u{2060}\u{FEFF}\u{FE0E}\u{FE0F}\u{200E}\u{200F}",
        "",
    ),
    (
        "\u{00A0}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200A}",
        " ",
    ),
    ("\u{202F}\u{205F}\u{3000}\t", " "),
    ("\u{2028}\u{2029}\u{0085}\u{000B}", "\n"),
    ("\u{2026}", "..."),
    ("\u{2022}\u{00B7}\u{2219}\u{25CF}\u{25AA}", "*"),
    ("\u{2044}\u{2215}", "/"),
    ("\u{00A9}", "(C)"),
    ("\u{00AE}", "(R)"),
    ("\u{2122}", "(TM)"),
    ("\u{00D7}", "x"),
    ("\u{00F7}", ":"),
    ("\u{00B1}", "+/-"),
    ("\u{2264}", "<="),
    ("\u{2265}", ">="),
    ("\u{2260}", "!="),
    ("\u{00BC}", "1/4"),
    ("\u{00BD}", "1/2"),
    ("\u{00BE}", "3/4"),
    ("\u{00B9}", "1"),
    ("\u{00B2}", "2"),
    ("\u{00B3}", "3"),
    ("\u{00BA}\u{00B0}", "o"),
    ("\u{00AA}", "a"),
    ("\u{20AC}", "EUR"),
    ("\u{00A3}", "GBP"),
    ("\u{00A5}", "JPY"),
    ("\u{00A2}", "c"),
    ("\u{00A6}", "|"),
    ("ç", "Ç"),
    ("ÀÁÂÃÄÅĀĂĄǍẠẢẤẦẨẪẬẮẰẲẴẶΑΆ", "A"),
    ("àáâãäåāăąǎạảấầẩẫậắằẳẵặ", "a"),
    ("Æ", "AE"),
    ("æ", "ae"),
    ("ΒḂ", "B"),
    ("ḃ", "b"),
    ("ÇĆĈĊČ", "C"),
    ("çćĉċč", "c"),
    ("ÐĎĐḊ", "D"),
    ("ďđḋð", "d"),
    ("ÈÉÊËĒĔĖĘĚẸẺẼẾỀỂỄỆΕΈ", "E"),
    ("èéêëēĕėęěẹẻẽếềểễệ", "e"),
    ("Ḟƒ", "f"),
    ("ĜĞĠĢǦ", "G"),
    ("ĝğġģǧ", "g"),
    ("ĤĦΗΉ", "H"),
    ("ĥħ", "h"),
    ("ÌÍÎÏĨĪĬĮİǏỈỊΙΊΪ", "I"),
    ("ìíîïĩīĭįıǐỉị", "i"),
    ("Ĳ", "IJ"),
    ("ĳ", "ij"),
    ("Ĵ", "J"),
    ("ĵ", "j"),
    ("ĶΚ", "K"),
    ("ķĸ", "k"),
    ("ĹĻĽĿŁ", "L"),
    ("ĺļľŀł", "l"),
    ("ΜṀ", "M"),
    ("ṁ", "m"),
    ("ÑŃŅŇŊΝ", "N"),
    ("ñńņňŉŋ", "n"),
    ("ÒÓÔÕÖØŌŎŐƠǑỌỎỐỒỔỖỘỚỜỞỠỢΟΌ", "O"),
    ("òóôõöøōŏőơǒọỏốồổỗộớờởỡợ", "o"),
    ("Œ", "OE"),
    ("œ", "oe"),
    ("ΡṖ", "P"),
    ("ṗ", "p"),
    ("ŔŖŘ", "R"),
    ("ŕŗř", "r"),
    ("ŚŜŞŠȘṠ", "S"),
    ("śŝşšșṡſ", "s"),
    ("ß", "ss"),
    ("ẞ", "SS"),
    ("ŢŤŦȚṪΤ", "T"),
    ("ţťŧțṫ", "t"),
    ("Þ", "Th"),
    ("þ", "th"),
    ("ÙÚÛÜŨŪŬŮŰŲƯǓỤỦỨỪỬỮỰ", "U"),
    ("ùúûüũūŭůűųưǔụủứừửữự", "u"),
    ("ŴẀẂẄ", "W"),
    ("ŵẁẃẅ", "w"),
    ("Χ", "X"),
    ("ÝŶŸỲỴỶỸΥΎΫ", "Y"),
    ("ýÿŷỳỵỷỹ", "y"),
    ("ŹŻŽΖ", "Z"),
    ("źżž", "z"),
    ("αά", "A"),
    ("β", "B"),
    ("γ", "Γ"),
    ("δ", "Δ"),
    ("εέ", "E"),
    ("ζ", "Z"),
    ("ηή", "H"),
    ("θ", "Θ"),
    ("ιίϊΐ", "I"),
    ("κ", "K"),
    ("λ", "Λ"),
    ("μ\u{00B5}", "M"),
    ("ν", "N"),
    ("ξ", "Ξ"),
    ("οό", "O"),
    ("π", "Π"),
    ("ρ", "P"),
    ("σς", "Σ"),
    ("τ", "T"),
    ("υύϋΰ", "Y"),
    ("φ", "Φ"),
    ("χ", "X"),
    ("ψ", "Ψ"),
    ("ωώΏ", "Ω"),
];
