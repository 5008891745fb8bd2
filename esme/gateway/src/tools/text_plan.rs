//! `signalbox text plan`: how a text would be sent, and what it costs.

use std::io::{self, BufRead, Write};
use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json};
use signalbox_codec::segment::{
    LongMessage, SEGMENTS_MAX, Segment, SegmentError, SegmentOptions, USER_DATA_OCTETS,
    USER_DATA_OCTETS_RANGE,
};
use signalbox_codec::text::{
    Encoding, Language, Plan, PlanError, PlanOptions, PreferredEncoding, plan,
};

use super::json::{self, Object, Problem, list};
use super::lines::{self, Input};

const NAMES: &[&str] = &[
    "text",
    "preferred_encoding",
    "encoding_strict",
    "default_alphabet",
    "languages",
    "transliterate",
    "long_message",
    "reference",
    "segments_max",
    "segment_octets",
];

/// Plans each line of `input`. With `as_json` a line is an object with `text` and wishes, and so is
/// its answer; otherwise it is the text itself, and the answer a line for people. Returns whether
/// all could be planned.
///
/// # Errors
/// Reading or writing failed.
pub fn run(as_json: bool, input: Input<'_, impl BufRead>, output: impl Write) -> io::Result<bool> {
    lines::each(input, output, |line, out| {
        let line = line.map_err(|long| Problem::of_line("line_too_long", long.detail()));
        let done = line.and_then(|line| {
            if as_json {
                plan_object(&json::read_object(line)?, out)
            } else {
                plan_text(line, out)
            }
        });
        if let Err(problem) = &done {
            problem.write(as_json, out);
        }
        done.is_ok()
    })
}

fn plan_text(line: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let text = std::str::from_utf8(line)
        .map_err(|error| Problem::of_line("utf8", format!("the line is no UTF-8 text: {error}")))?;
    let plan = plan(text, &PlanOptions::default()).map_err(unplannable)?;
    let (encoding, octets) = (plan.encoding, plan.octets);
    let unit = if plan.septets.is_some() {
        "septets"
    } else {
        "octets"
    };
    let (segments, data_coding) = (plan.segments.count(), plan.data_coding);
    // Writing into memory cannot fail.
    let _ = writeln!(
        out,
        "{encoding}, data_coding {data_coding}, {octets} {unit}, segments: {segments}"
    );
    Ok(())
}

fn unplannable(error: PlanError) -> Problem {
    let field = match error {
        PlanError::NoDataCoding { .. } => "preferred_encoding",
        PlanError::Segment(SegmentError::HeaderTooLong { .. }) => "segment_octets",
        PlanError::Segment(_) | PlanError::Unencodable { .. } => "text",
    };
    Problem::of_field(field, error.to_string())
}

fn plan_object(line: &Map<String, Json>, out: &mut Vec<u8>) -> Result<(), Problem> {
    json::refuse_unknown(line, NAMES)?;
    let text = json::take_text(line, "text")?
        .ok_or_else(|| Problem::of_field("text", "the text is missing"))?;
    let preferred_encoding = match json::take_text(line, "preferred_encoding")? {
        None | Some("auto") => PreferredEncoding::Auto,
        Some(name) => PreferredEncoding::Only(encoding("preferred_encoding", name)?),
    };
    let default_alphabet = match json::take_text(line, "default_alphabet")? {
        None => Encoding::Gsm7,
        Some(name) => encoding("default_alphabet", name)?,
    };
    let long_message = long_message(line)?;
    let reference_max = match long_message {
        LongMessage::Udh8 => u16::from(u8::MAX),
        LongMessage::Udh16 | LongMessage::Sar | LongMessage::Payload => u16::MAX,
    };
    let reference = json::take_number(line, "reference", u64::from(reference_max))?;
    let number = |name, range: RangeInclusive<u8>| {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        json::take_number_of(line, name, range)
    };
    let languages = languages(line)?;
    let options = PlanOptions {
        preferred_encoding,
        encoding_strict: json::take_flag(line, "encoding_strict")?,
        default_alphabet,
        languages: &languages,
        transliterate: json::take_flag(line, "transliterate")?,
        segment: SegmentOptions {
            long_message,
            reference: reference.unwrap_or(0) as u16,
            segments_max: number("segments_max", 1..=SEGMENTS_MAX)?
                .map_or(SEGMENTS_MAX, |n| n as u8),
            user_data_octets_max: number("segment_octets", USER_DATA_OCTETS_RANGE)?
                .map_or(USER_DATA_OCTETS, |n| n as u8),
            elements: &[],
        },
    };
    write(&plan(text, &options).map_err(unplannable)?, out);
    Ok(())
}

pub(super) fn encoding(field: &str, name: &str) -> Result<Encoding, Problem> {
    Encoding::from_name(name).ok_or_else(|| {
        let known = Encoding::ALL.map(Encoding::name).join(", ");
        // No data_coding announces UTF-8.
        let limit = match field {
            "preferred_encoding" => " (that one only as default_alphabet too), auto",
            _ => "",
        };
        Problem::of_field(field, format!("{name:?} is none of {known}{limit}"))
    })
}

fn long_message(line: &Map<String, Json>) -> Result<LongMessage, Problem> {
    match json::take_text(line, "long_message")? {
        None | Some("udh8") => Ok(LongMessage::Udh8),
        Some("udh16") => Ok(LongMessage::Udh16),
        Some("sar") => Ok(LongMessage::Sar),
        Some("payload") => Ok(LongMessage::Payload),
        Some(other) => {
            let detail = format!("{other:?} is none of udh8, udh16, sar, payload");
            Err(Problem::of_field("long_message", detail))
        }
    }
}

fn languages(line: &Map<String, Json>) -> Result<Vec<Language>, Problem> {
    let items = match line.get("languages") {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(items)) if items.len() <= Language::ALL.len() => items,
        Some(_) => {
            let detail = format!(
                "must be a list of at most {} languages",
                Language::ALL.len()
            );
            return Err(Problem::of_field("languages", detail));
        }
    };
    let known = |item: &Json| item.as_str().and_then(Language::from_name);
    items
        .iter()
        .map(|item| {
            known(item).ok_or_else(|| {
                let codes = Language::ALL.map(Language::code).join(", ");
                Problem::of_field("languages", format!("{item} is none of {codes}"))
            })
        })
        .collect()
}

/// `short_message_hex` is the field of the PDU, so it begins with the header of `udh_hex`.
fn write(plan: &Plan, out: &mut Vec<u8>) {
    let mut whole = Object::new(out);
    whole.text("encoding", Some(plan.encoding.name()));
    whole.number("data_coding", u64::from(plan.data_coding));
    match plan.septets {
        Some(septets) => whole.number("septets", septets as u64),
        None => whole.text("septets", None),
    }
    whole.number("octets", plan.octets as u64);
    for (name, language) in [
        ("locking", plan.shifts.locking),
        ("single", plan.shifts.single),
    ] {
        if let Some(language) = language {
            whole.text(&format!("{name}_shift"), Some(language.code()));
        }
    }
    let segments: Vec<Segment<'_>> = plan.segments.iter().collect();
    list(&segments, whole.entry("segments", ""), write_segment);
    list(&plan.changed, whole.entry("changed", ""), |change, out| {
        let mut object = Object::new(out);
        object.number("offset", change.offset as u64);
        object.text("from", Some(change.from.encode_utf8(&mut [0; 4])));
        object.text("to", Some(change.to));
        object.end();
    });
    whole.end();
    out.push(b'\n');
}

fn write_segment(segment: &Segment<'_>, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.octets("udh", segment.udh());
    let field = if segment.payload {
        "message_payload"
    } else {
        "short_message"
    };
    object.octets(field, segment.user_data);
    if let Some(sar) = segment.sar {
        object.number("sar_msg_ref_num", u64::from(sar.reference));
        object.number("sar_total_segments", u64::from(sar.total));
        object.number("sar_segment_seqnum", u64::from(sar.number));
    }
    object.end();
}
