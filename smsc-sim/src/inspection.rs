//! A PDU taken apart for people and tools: fields in the specification's names, where their octets
//! are, in what the PDU departs from the specification, and what a second codec says of it.

use bytes::BytesMut;
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode as _, Length as _};
use serde_json::{Value, json};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, Decoded, Frame, Item, Pdu, Quirks, Sighting, encode_pdu, inspect,
    next_frame,
};

use crate::api::{Contents, hex, pdu_field};
use crate::words::counted;

/// Octets of command_length, which rusmpp does not want to see.
const LENGTH_OCTETS: usize = 4;

/// A PDU for people.
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    /// Its command, or its command_id if nobody knows it.
    pub(crate) command: String,
    /// Its pieces in their order, the header's fields first.
    pub(crate) pieces: Vec<Piece>,
    /// In what it departs from the specification, and where that says otherwise.
    pub(crate) deviations: Vec<String>,
    /// Why it cannot be read.
    pub(crate) problem: Option<String>,
    /// What rusmpp says, if that is something else.
    pub(crate) second_opinion: Option<String>,
}

/// A field, a parameter or a rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Its first octet, counted from the first octet of the PDU.
    pub(crate) offset: usize,
    pub(crate) octets: usize,
    /// Whether a deviation or the problem is here.
    pub(crate) is_odd: bool,
}

impl Inspection {
    /// Takes a PDU apart, as far as it can be read.
    pub(crate) fn new(pdu: &[u8]) -> Self {
        let mut inspection = Self {
            command: "no PDU".to_owned(),
            pieces: header_pieces(pdu),
            deviations: Vec::new(),
            problem: None,
            second_opinion: None,
        };
        let frame = match next_frame(pdu, COMMAND_LENGTH_MAX_BOUND) {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                inspection.problem = Some(format!(
                    "the PDU ends after {}",
                    counted(pdu.len() as u64, "octet")
                ));
                return inspection;
            }
            Err(error) => {
                inspection.problem = Some(error.to_string());
                return inspection;
            }
        };
        inspection.command = frame.header.command_id.to_string();
        let mut sightings = Vec::new();
        match Pdu::decode_noting(&frame, Quirks::LENIENT, &mut sightings) {
            Ok(decoded) => {
                inspection.body_pieces(&frame, &decoded.pdu);
                inspection.second_opinion = second_opinion(&frame, &decoded.pdu, pdu);
            }
            Err(error) => {
                inspection.problem = Some(error.to_string());
                inspection.mark(error.offset);
            }
        }
        for sighting in &sightings {
            inspection.deviations.push(told(sighting));
            inspection.mark(sighting.error.offset);
        }
        inspection.add_rest(pdu, frame.header.command_length as usize);
        inspection
    }

    fn body_pieces(&mut self, frame: &Frame<'_>, decoded: &Pdu<'_>) {
        inspect(frame, decoded, |placed| {
            let (name, value) = match placed.item {
                Item::Field { name, value } => {
                    let (_, shown) = pdu_field(name, value);
                    (name.to_owned(), shown_value(&shown))
                }
                Item::Tlv(tlv) => {
                    let name = tlv
                        .tag
                        .name()
                        .map_or_else(|| format!("parameter 0x{:04X}", tlv.tag.0), str::to_owned);
                    (name, hex(tlv.value))
                }
                Item::Body(octets) => ("body".to_owned(), hex(octets)),
                Item::Trailing(octets) => ("trailing octets".to_owned(), hex(octets)),
            };
            self.pieces.push(Piece {
                name,
                value,
                offset: placed.offset,
                octets: placed.octets,
                is_odd: false,
            });
        });
    }

    /// Octets that command_length does not count.
    fn add_rest(&mut self, octets: &[u8], command_length: usize) {
        let rest = octets.get(command_length..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        let count = rest.len();
        let words = if count == 1 {
            "octet follows"
        } else {
            "octets follow"
        };
        self.deviations.push(format!("{count} {words} the PDU"));
        self.pieces.push(Piece {
            name: "behind the PDU".to_owned(),
            value: hex(rest),
            offset: command_length,
            octets: count,
            is_odd: true,
        });
    }

    /// Marks the piece that holds an octet.
    fn mark(&mut self, offset: usize) {
        let last_start = |piece: &&mut Piece| piece.offset <= offset;
        if let Some(piece) = self.pieces.iter_mut().rev().find(last_start) {
            piece.is_odd = true;
        }
    }
}

/// A PDU as `signalbox pdu decode --json` shows it: header, `fields`, `tlvs`, `deviations`, or
/// `error`.
pub(crate) fn json(pdu: &[u8]) -> Value {
    match open(pdu) {
        Ok((frame, decoded)) => opened_json(&frame, &decoded),
        Err(problem) => json!({"error": problem}),
    }
}

fn open(pdu: &[u8]) -> Result<(Frame<'_>, Decoded<'_>), Value> {
    let frame = match next_frame(pdu, COMMAND_LENGTH_MAX_BOUND) {
        Ok(Some(frame)) => frame,
        Ok(None) => {
            let detail = format!("the PDU ends after {}", counted(pdu.len() as u64, "octet"));
            return Err(json!({
                "kind": "incomplete", "field": "command_length", "offset": pdu.len(),
                "detail": detail,
            }));
        }
        Err(error) => {
            return Err(json!({
                "kind": "command_length", "field": "command_length", "offset": 0,
                "detail": error.to_string(),
            }));
        }
    };
    match Pdu::decode_with(&frame, Quirks::LENIENT) {
        Ok(decoded) => Ok((frame, decoded)),
        Err(error) => Err(json!({
            "kind": error.reason.kind(), "field": error.field, "offset": error.offset,
            "detail": error.to_string(),
        })),
    }
}

fn opened_json(frame: &Frame<'_>, decoded: &Decoded<'_>) -> Value {
    let header = &frame.header;
    let mut whole = json!({
        "command_length": header.command_length,
        "command_id": header.command_id.0,
        "command": header.command_id.name(),
        "command_status": header.command_status.0,
        "sequence_number": header.sequence_number,
    });
    if matches!(decoded.pdu, Pdu::Raw { .. }) {
        whole["body_hex"] = "".into();
    }
    let contents = Contents::of(frame, &decoded.pdu);
    if let Some(octets) = contents.body_hex {
        whole["body_hex"] = octets.into();
    }
    if let Some(octets) = contents.trailing_hex {
        whole["trailing_hex"] = octets.into();
    }
    whole["fields"] = contents.fields.into();
    whole["tlvs"] = contents.tlvs.into();
    whole["deviations"] = deviations(decoded).into();
    whole
}

fn deviations(decoded: &Decoded<'_>) -> Vec<&'static str> {
    let deviations = decoded.deviations.iter();
    deviations.map(|deviation| deviation.name()).collect()
}

fn told(sighting: &Sighting) -> String {
    let name = sighting.deviation.name().replace('_', " ");
    format!("{name}: {} ({})", sighting.error, sighting.source())
}

/// The four fields of the header, as far as they are there. SMPP v3.4 §3.2.
fn header_pieces(pdu: &[u8]) -> Vec<Piece> {
    let names = [
        "command_length",
        "command_id",
        "command_status",
        "sequence_number",
    ];
    let fields = names.into_iter().zip(pdu.as_chunks::<4>().0).enumerate();
    let pieces = fields.map(|(at, (name, octets))| {
        let number = u32::from_be_bytes(*octets);
        let value = match name {
            "command_id" => format!("{} (0x{number:08X})", signalbox_codec::CommandId(number)),
            "command_status" => format!(
                "{} (0x{number:08X})",
                signalbox_codec::CommandStatus(number)
            ),
            _ => number.to_string(),
        };
        Piece {
            name: name.to_owned(),
            value,
            offset: at * 4,
            octets: 4,
            is_odd: false,
        }
    });
    pieces.collect()
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_u64() {
            Some(number @ 10..) => format!("{number} (0x{number:02X})"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// What rusmpp, a codec by others, makes of a PDU that we can read; `None` when it sees the same
/// octets in it.
fn second_opinion(frame: &Frame<'_>, decoded: &Pdu<'_>, pdu: &[u8]) -> Option<String> {
    let length = frame.header.command_length as usize - LENGTH_OCTETS;
    let mut rest = BytesMut::from(pdu.get(LENGTH_OCTETS..LENGTH_OCTETS + length)?);
    let command = match rusmpp::Command::decode(&mut rest, length) {
        Ok((command, _)) if rest.is_empty() => command,
        Ok(_) => {
            let rest = counted(rest.len() as u64, "octet");
            return Some(format!("leaves {rest} behind"));
        }
        Err(error) => return Some(format!("refuses it: {error}")),
    };
    let mut theirs = vec![0; command.length()];
    command.encode(&mut theirs);
    let mut ours = BytesMut::new();
    let header = frame.header;
    encode_pdu(
        decoded,
        header.command_status,
        header.sequence_number,
        &mut ours,
    );
    (ours.get(LENGTH_OCTETS..) != Some(&theirs))
        .then(|| format!("would write it as {}", hex(&theirs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// submit_sm with these octets behind `destination_addr`'s number.
    fn submit_sm(rest: &[u8]) -> Vec<u8> {
        let body = [b"\0\x01\x01123\0\x01\x0149171\0", rest].concat();
        let length = (16 + body.len() as u32).to_be_bytes();
        [&length[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9], &body].concat()
    }

    #[test]
    fn pieces_cover_every_octet_once_and_both_codecs_agree() {
        let pdu = submit_sm(b"\0\0\0\0\0\0\0\0\0\x02hi");
        let inspection = Inspection::new(&pdu);
        let mut next = 0;
        for piece in &inspection.pieces {
            assert_eq!(piece.offset, next, "{piece:?}");
            next += piece.octets;
        }
        assert_eq!(next, pdu.len());
        assert_eq!(inspection.command, "submit_sm");
        let nothing = (
            &inspection.deviations,
            &inspection.problem,
            &inspection.second_opinion,
        );
        assert_eq!(nothing, (&vec![], &None, &None));
    }

    #[test]
    fn what_is_odd_is_marked_and_told_with_its_section() {
        // A NUL behind the text that sm_length does not count.
        let pdu = submit_sm(b"\0\0\0\0\0\0\0\0\0\x02hi\0");
        let inspection = Inspection::new(&pdu);
        assert_eq!(inspection.deviations.len(), 1, "{inspection:?}");
        assert!(inspection.deviations[0].contains('§'), "{inspection:?}");
        assert!(inspection.pieces.iter().any(|piece| piece.is_odd));
        assert!(inspection.second_opinion.is_some(), "{inspection:?}");
    }

    #[test]
    fn octets_behind_the_pdu_are_told() {
        let mut pdu = submit_sm(b"\0\0\0\0\0\0\0\0\0\x02hi");
        pdu.push(0xAB);
        let inspection = Inspection::new(&pdu);
        assert_eq!(inspection.deviations, ["1 octet follows the PDU"]);
        let last = inspection.pieces.last().unwrap();
        assert_eq!((last.offset, last.value.as_str()), (pdu.len() - 1, "ab"));
        assert!(last.is_odd);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (pdu, problem) in [
            (&submit_sm(b"")[..], "short"),
            (&[0, 0, 0, 16, 0], "the PDU ends after 5 octets"),
            (&[0, 0, 0, 3, 0, 0, 0, 0], "command_length 3"),
        ] {
            let seen = Inspection::new(pdu).problem.expect("a problem");
            assert!(seen.contains(problem) || problem == "short", "{seen}");
        }
    }
}
