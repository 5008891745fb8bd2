//! `signalbox text decode`: octets of a message to its text.

use std::io::{self, BufRead, Write};

use serde_json::{Map, Value as Json};
use signalbox_codec::text::{self, Encoding};
use signalbox_codec::udh::Udh;

use super::json::{self, Object, Problem};
use super::lines::{self, Input};
use super::{hex, text_plan, user_data};

const NAMES: &[&str] = &["data_coding", "hex", "udh_hex", "default_alphabet"];

/// Decodes each line of `input`. With `as_json` a line is an object with `data_coding` and `hex`,
/// and its answer one with `text`; otherwise it is `DATA_CODING HEX`, and its answer the text with
/// escapes for what would break the line. Returns whether all could be decoded.
///
/// # Errors
/// Reading or writing failed.
pub fn run(as_json: bool, input: Input<'_, impl BufRead>, output: impl Write) -> io::Result<bool> {
    lines::each(input, output, |line, out| {
        let line = line.map_err(|long| Problem::of_line("line_too_long", long.detail()));
        let text = line.and_then(|line| {
            if as_json {
                decode_object(&json::read_object(line)?)
            } else {
                decode_words(line)
            }
        });
        match &text {
            Ok(text) if as_json => {
                let mut object = Object::new(out);
                object.text("text", Some(text));
                object.end();
                out.push(b'\n');
            }
            Ok(text) => {
                for character in text.chars() {
                    if character.is_control() || character == '\\' {
                        out.extend(character.escape_default().map(|c| c as u8));
                    } else {
                        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
                out.push(b'\n');
            }
            Err(problem) => problem.write(as_json, out),
        }
        text.is_ok()
    })
}

fn decode_words(line: &[u8]) -> Result<String, Problem> {
    let usage = || Problem::of_line("line", "the line must be DATA_CODING HEX, such as 8 0041");
    let line = std::str::from_utf8(line).map_err(|_| usage())?;
    let (data_coding, digits) = line.trim().split_once([' ', '\t']).ok_or_else(usage)?;
    let data_coding = match data_coding.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => data_coding.parse(),
    };
    let data_coding = data_coding.map_err(|_| usage())?;
    let mut octets = Vec::new();
    hex::read(digits.as_bytes(), &mut octets).map_err(|_| usage())?;
    text::decode(&octets, data_coding, Encoding::Gsm7, None)
        .map_err(|error| no_text(error, data_coding))
}

fn no_text(error: text::TextError, data_coding: u8) -> Problem {
    Problem::of_field("hex", user_data::no_text(error, data_coding))
}

fn decode_object(line: &Map<String, Json>) -> Result<String, Problem> {
    json::refuse_unknown(line, NAMES)?;
    let data_coding = json::take_number(line, "data_coding", u64::from(u8::MAX))?.unwrap_or(0);
    let default_alphabet = match json::take_text(line, "default_alphabet")? {
        None => Encoding::Gsm7,
        Some(name) => text_plan::encoding("default_alphabet", name)?,
    };
    let octets = json::take_octets(line, "hex")?
        .ok_or_else(|| Problem::of_field("hex", "the octets are missing"))?;
    let header = json::take_octets(line, "udh_hex")?.filter(|header| !header.is_empty());
    let (udh, body) = match &header {
        None => (None, octets.as_slice()),
        Some(header) => {
            let (udh, _) = Udh::split(header)
                .map_err(|error| Problem::of_field("udh_hex", error.to_string()))?;
            // A whole short_message has its header in front.
            (
                Some(udh),
                octets.strip_prefix(header.as_slice()).unwrap_or(&octets),
            )
        }
    };
    let data_coding = data_coding as u8;
    text::decode(body, data_coding, default_alphabet, udh)
        .map_err(|error| no_text(error, data_coding))
}
