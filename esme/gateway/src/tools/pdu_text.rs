//! A PDU as a table for people: offset, octets, field, value. Deviations are marked with `!`.

use std::io::Write as _;

use signalbox_codec::{Item, Value, inspect};

use super::hex;
use super::pdu_decode::{Failure, Opened};

/// Octets in one row; a longer field goes on in the next.
const ROW_OCTETS: usize = 16;

/// Writes the table, with an empty line behind it.
pub(super) fn write(opened: &Opened<'_>, out: &mut Vec<u8>) {
    let header = &opened.frame.header;
    let mut table = Table {
        octets: opened.octets,
        out,
    };
    table.rows(0, 4, "command_length", &header.command_length.to_string());
    table.rows(4, 4, "command_id", &header.command_id.to_string());
    table.rows(8, 4, "command_status", &header.command_status.to_string());
    table.rows(
        12,
        4,
        "sequence_number",
        &header.sequence_number.to_string(),
    );
    inspect(&opened.frame, &opened.decoded.pdu, |placed| {
        let (name, value) = match placed.item {
            Item::Field { name, value } => (name.to_owned(), value_text(value)),
            Item::Tlv(tlv) => {
                let name = format!("tlv {}", tlv.tag);
                (name, printable(tlv.value))
            }
            Item::Body(octets) => ("body".to_owned(), format!("{} octets", octets.len())),
            Item::Trailing(octets) => ("trailing".to_owned(), format!("{} octets", octets.len())),
        };
        table.rows(placed.offset, placed.octets, &name, &value);
    });
    for deviation in opened.decoded.deviations.iter() {
        table.line(format_args!(
            "   ! {} (SMPP v3.4 {})",
            deviation.meaning(),
            deviation.section()
        ));
    }
    if opened.octets_after > 0 {
        table.line(format_args!(
            "   ! {} octets follow the PDU",
            opened.octets_after
        ));
    }
    table.line(format_args!(""));
}

/// Writes why there is no table.
pub(super) fn write_failure(failure: &Failure, octets: &[u8], out: &mut Vec<u8>) {
    let mut table = Table { octets, out };
    table.line(format_args!(
        "error: {} (offset {})",
        failure.detail, failure.offset
    ));
    if let Some(field) = failure.field {
        let command_status = failure.command_status;
        table.line(format_args!(
            "   field {field}; to be answered with {command_status}"
        ));
        table.rows(0, octets.len(), "", "");
    }
    table.line(format_args!(""));
}

struct Table<'t> {
    octets: &'t [u8],
    out: &'t mut Vec<u8>,
}

impl Table<'_> {
    fn rows(&mut self, offset: usize, octets: usize, name: &str, value: &str) {
        let field = self.octets.get(offset..offset + octets).unwrap_or_default();
        let mut rows = field.chunks(ROW_OCTETS);
        let mut digits = Vec::new();
        hex::write(rows.next().unwrap_or_default(), &mut digits);
        let digits = String::from_utf8_lossy(&digits);
        self.line(format_args!("{offset:5}  {digits:32}  {name:24} {value}"));
        for (row, octets) in (1..).zip(rows) {
            let mut digits = Vec::new();
            hex::write(octets, &mut digits);
            let digits = String::from_utf8_lossy(&digits);
            self.line(format_args!("{:5}  {digits}", offset + row * ROW_OCTETS));
        }
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

fn value_text(value: Value<'_>) -> String {
    match value {
        Value::Integer(value) => value.to_string(),
        Value::String(string) => format!("{string:?}"),
        Value::Octets(octets) => printable(octets),
        Value::DestAddresses(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(|one| format!("{one:?}")).collect();
            addresses.join(", ")
        }
        Value::UnsuccessSmes(smes) => {
            let smes: Vec<String> = smes.iter().map(|one| format!("{one:?}")).collect();
            smes.join(", ")
        }
    }
}

/// Octets as ASCII, with escapes for what is none.
fn printable(octets: &[u8]) -> String {
    format!("\"{}\"", octets.escape_ascii())
}
