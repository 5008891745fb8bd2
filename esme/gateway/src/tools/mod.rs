//! Command-line tools that need no daemon: pure functions from a line to a line, and the loop
//! around them.
//!
//! Each `run` reads lines until its input ends and writes one answer for each, in order. A line
//! that cannot be handled gets an answer that says why; the result tells whether all were good.
//! Memory does not grow with the number of lines.

mod hex;
mod json;
mod lines;
mod pdu_marks;
mod pdu_text;
mod pdu_values;
mod tlv_words;
mod user_data;
mod words;

pub mod pdu_decode;
pub mod pdu_encode;
pub mod receipt_parse;
pub mod text_decode;
pub mod text_plan;

pub use lines::{Input, LINE_OCTETS_MAX};
