//! A PDU as a table for people: offset, octets, field, value. What deviates is marked with `!`, and
//! the line below says how.

use std::io::Write as _;
use std::ops::Range;

use signalbox_codec::{Item, Sighting, Tag, Tlv, Value, inspect};

use super::pdu_decode::{Failure, Opened};
use super::pdu_marks::{Context, Mark, is_time};
use super::{hex, tlv_words, user_data, words};

/// Octets in one row; a longer field goes on in the next.
const ROW_OCTETS: usize = 16;

/// Writes the table, with an empty line behind it.
pub(super) fn write(opened: &Opened<'_>, out: &mut Vec<u8>) {
    let header = &opened.frame.header;
    let mut table = Table {
        octets: opened.octets,
        sightings: opened.sightings.clone(),
        out,
    };
    let mut context = Context::new(header.command_id);
    table.rows(
        0,
        4,
        "command_length",
        &header.command_length.to_string(),
        &[],
    );
    table.rows(4, 4, "command_id", &header.command_id.to_string(), &[]);
    table.rows(
        8,
        4,
        "command_status",
        &header.command_status.to_string(),
        &[],
    );
    table.rows(
        12,
        4,
        "sequence_number",
        &header.sequence_number.to_string(),
        &[],
    );
    inspect(&opened.frame, &opened.decoded.pdu, |placed| {
        let marks = context.judge(placed.item);
        let (name, value) = match placed.item {
            Item::Field { name, value } => (name.to_owned(), value_text(name, value, &context)),
            Item::Tlv(tlv) => (tlv_name(tlv.tag), tlv_text(tlv, &context)),
            Item::Body(octets) => ("body".to_owned(), user_data::count(octets.len())),
            Item::Trailing(octets) => ("trailing".to_owned(), user_data::count(octets.len())),
        };
        table.rows(placed.offset, placed.octets, &name, &value, &marks);
        if context.has_header
            && let Some(octets) = octets_of_text(placed.item)
        {
            table.line(format_args!("{:41}{}", "", user_data::header(octets)));
        }
    });
    table.deviations(0..usize::MAX);
    if opened.octets_after > 0 {
        table.line(format_args!(
            "   ! {} behind the PDU",
            user_data::count(opened.octets_after)
        ));
    }
    table.line(format_args!(""));
}

/// Writes why there is no table.
pub(super) fn write_failure(failure: &Failure, octets: &[u8], out: &mut Vec<u8>) {
    let mut table = Table {
        octets,
        sightings: Vec::new(),
        out,
    };
    table.line(format_args!(
        "error: {} (offset {})",
        failure.detail, failure.offset
    ));
    if let Some(field) = failure.field {
        let command_status = failure.command_status;
        table.line(format_args!(
            "   field {field}; to be answered with {command_status}"
        ));
        table.rows(0, octets.len(), "", "", &[]);
    }
    table.line(format_args!(""));
}

struct Table<'t> {
    octets: &'t [u8],
    /// Deviations that were not shown yet.
    sightings: Vec<Sighting>,
    out: &'t mut Vec<u8>,
}

impl Table<'_> {
    fn rows(&mut self, offset: usize, octets: usize, name: &str, value: &str, marks: &[Mark]) {
        let field = self.octets.get(offset..offset + octets).unwrap_or_default();
        let mut rows = field.chunks(ROW_OCTETS);
        let mut digits = Vec::new();
        hex::write(rows.next().unwrap_or_default(), &mut digits);
        let digits = String::from_utf8_lossy(&digits);
        let place = offset..offset + octets;
        let here = |one: &Sighting| place.contains(&one.error.offset);
        let is_marked = !marks.is_empty() || self.sightings.iter().any(here);
        let mark = if is_marked { '!' } else { ' ' };
        self.line(format_args!(
            "{offset:5}{mark} {digits:32}  {name:24} {value}"
        ));
        for (row, octets) in (1..).zip(rows) {
            let mut digits = Vec::new();
            hex::write(octets, &mut digits);
            let digits = String::from_utf8_lossy(&digits);
            self.line(format_args!("{:5}  {digits}", offset + row * ROW_OCTETS));
        }
        self.deviations(place);
        for Mark { what, source } in marks {
            self.line(format_args!("   ! {what} ({source})"));
        }
    }

    /// Shows the deviations at these octets.
    fn deviations(&mut self, place: Range<usize>) {
        let here = |one: &Sighting| place.contains(&one.error.offset);
        for sighting in self.sightings.clone().into_iter().filter(here) {
            let meaning = sighting.deviation.meaning();
            self.line(format_args!("   ! {meaning} ({})", sighting.source()));
        }
        self.sightings.retain(|one| !here(one));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let start = self.out.len();
        // Writing into memory cannot fail.
        let _ = self.out.write_fmt(line);
        let end = self.out[start..].trim_ascii_end().len();
        self.out.truncate(start + end);
        self.out.push(b'\n');
    }
}

/// The octets that may begin with a user data header.
fn octets_of_text(item: Item<'_>) -> Option<&[u8]> {
    match item {
        Item::Field {
            name: "short_message",
            value: Value::Octets(octets),
        } if !octets.is_empty() => Some(octets),
        Item::Tlv(tlv) if tlv.tag == Tag::MESSAGE_PAYLOAD => Some(tlv.value),
        _ => None,
    }
}

fn tlv_name(tag: Tag) -> String {
    match tag.name() {
        Some(name) => format!("tlv {name}"),
        None => format!("tlv 0x{:04X}", tag.0),
    }
}

fn tlv_text(tlv: Tlv<'_>, context: &Context) -> String {
    match tlv.tag {
        Tag::MESSAGE_PAYLOAD => user_data::text(tlv.value, context.data_coding, context.has_header),
        _ => tlv_words::value(tlv),
    }
}

fn value_text(name: &str, value: Value<'_>, context: &Context) -> String {
    let with = |shown: String, words: Option<String>| match words {
        Some(words) => format!("{shown} ({words})"),
        None => shown,
    };
    match value {
        Value::Integer(value) => with(
            value.to_string(),
            words::of_field(name, value as u8, context.command_id),
        ),
        Value::String(time) if is_time(name) => {
            with(format!("{time:?}"), words::time(time.as_octets()))
        }
        Value::String(string) => format!("{string:?}"),
        Value::Octets(octets) if name == "short_message" => {
            user_data::text(octets, context.data_coding, context.has_header)
        }
        Value::Octets(octets) => user_data::printable(octets),
        Value::DestAddresses(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(words::dest_address).collect();
            addresses.join(", ")
        }
        Value::UnsuccessSmes(smes) => {
            let smes: Vec<String> = smes.iter().map(words::unsuccess_sme).collect();
            smes.join(", ")
        }
    }
}
