//! Answers of an application, read from octets as they come: the status counts, the body is passed
//! over so that the connection can be used again (RFC 9112 §6.3). Pure; heads are parsed by
//! `httparse`.

use bytes::{Buf as _, BytesMut};
use httparse::Status;

/// Octets of an answer's head; an answer with more is broken.
pub(super) const HEAD_OCTETS_MAX: usize = 16 * 1024;
/// Octets of an answer's body that are read so that the connection can be used again; with more it
/// is closed.
const BODY_OCTETS_MAX: u64 = 64 * 1024;
/// Fields of an answer's head; an answer with more is broken.
const FIELDS_MAX: usize = 64;
/// Octets of the line before a chunk, or of a trailer; a line with more is broken.
const LINE_OCTETS_MAX: usize = 1_024;

/// Octets of the line end behind a chunk.
const LINE_END_OCTETS: u64 = 2;

/// What counts of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Vec<u8>>,
    /// The connection can be used for another request.
    pub(super) keep: bool,
}

/// The octets are no answer of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// Reads one answer after another.
#[derive(Debug, Default)]
pub(super) struct ResponseReader {
    /// The answer whose body is being passed over, and where that stands.
    reading: Option<(Answer, Body)>,
}

#[derive(Clone, Copy, Debug)]
enum Body {
    /// So many octets are left.
    Length(u64),
    /// The size of a chunk is next; so many octets came before.
    ChunkSize {
        before: u64,
    },
    /// So many octets of a chunk are left, its line end included; `before`: with this chunk.
    Chunk {
        left: u64,
        before: u64,
    },
    Trailers,
}

impl ResponseReader {
    /// Takes the next whole answer from the front of `input`; `None`: more octets are needed.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Answer>, Broken> {
        while self.reading.is_none() {
            match head(input)? {
                None => return Ok(None),
                Some((answer, _)) if (100..=199).contains(&answer.status) => {
                    // Informational; the answer follows. Nobody asked for another protocol.
                    if answer.status == 101 {
                        return Err(Broken);
                    }
                }
                Some((answer, None)) => return Ok(Some(answer)),
                Some((answer, Some(body))) => self.reading = Some((answer, body)),
            }
        }
        let passed = match &mut self.reading {
            Some((_, body)) => body.pass_over(input)?,
            None => return Ok(None),
        };
        Ok(match passed {
            Passed::NotAll => None,
            Passed::All => self.reading.take().map(|(answer, _)| answer),
            Passed::TooMuch => self.closed(),
        })
    }

    /// The connection has ended, or is to end: an answer whose body is not complete counts.
    pub(super) fn closed(&mut self) -> Option<Answer> {
        let (answer, _) = self.reading.take()?;
        Some(Answer {
            keep: false,
            ..answer
        })
    }
}

enum Passed {
    NotAll,
    All,
    TooMuch,
}

impl Body {
    /// Drops octets of the body from the front of `input`.
    fn pass_over(&mut self, input: &mut BytesMut) -> Result<Passed, Broken> {
        loop {
            match self {
                Self::Length(left) => {
                    return Ok(match drop_octets(input, left) {
                        true => Passed::All,
                        false => Passed::NotAll,
                    });
                }
                Self::Chunk { left, before } => {
                    if !drop_octets(input, left) {
                        return Ok(Passed::NotAll);
                    }
                    *self = Self::ChunkSize { before: *before };
                }
                Self::ChunkSize { before } => match httparse::parse_chunk_size(input) {
                    Ok(Status::Complete((octets, size))) => {
                        input.advance(octets);
                        let octets = before.saturating_add(size);
                        if octets > BODY_OCTETS_MAX {
                            return Ok(Passed::TooMuch);
                        }
                        *self = match size {
                            0 => Self::Trailers,
                            _ => Self::Chunk {
                                left: size + LINE_END_OCTETS,
                                before: octets,
                            },
                        };
                    }
                    Ok(Status::Partial) if input.len() <= LINE_OCTETS_MAX => {
                        return Ok(Passed::NotAll);
                    }
                    _ => return Err(Broken),
                },
                Self::Trailers => match input.iter().position(|octet| *octet == b'\n') {
                    Some(end) => {
                        let is_last = input[..end].trim_ascii().is_empty();
                        input.advance(end + 1);
                        if is_last {
                            return Ok(Passed::All);
                        }
                    }
                    None if input.len() <= LINE_OCTETS_MAX => return Ok(Passed::NotAll),
                    None => return Err(Broken),
                },
            }
        }
    }
}

/// Drops up to `left` octets; whether those were all.
fn drop_octets(input: &mut BytesMut, left: &mut u64) -> bool {
    let dropped = (input.len() as u64).min(*left);
    input.advance(dropped as usize);
    *left -= dropped;
    *left == 0
}

/// Takes a head from the front of `input`: the answer, and its body if that is to be passed over.
/// An answer whose body ends with the connection has none here: it is complete, and the last.
fn head(input: &mut BytesMut) -> Result<Option<(Answer, Option<Body>)>, Broken> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let octets = match response.parse(input) {
        Ok(Status::Complete(octets)) => octets,
        Ok(Status::Partial) if input.len() <= HEAD_OCTETS_MAX => return Ok(None),
        _ => return Err(Broken),
    };
    let status = response.code.ok_or(Broken)?;
    let mut answer = Answer {
        status,
        retry_after: None,
        keep: response.version == Some(1),
    };
    let mut length = None;
    let mut coding: Option<&[u8]> = None;
    for field in response.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let octets = str::from_utf8(field.value).map_err(|_| Broken)?;
            let octets: u64 = octets.trim().parse().map_err(|_| Broken)?;
            if length.is_some_and(|known| known != octets) {
                return Err(Broken);
            }
            length = Some(octets);
        } else if is("transfer-encoding") {
            coding = Some(field.value);
        } else if is("connection") {
            answer.keep = keeps(field.value, answer.keep);
        } else if is("retry-after") {
            answer.retry_after = Some(field.value.to_vec());
        }
    }
    let chunked = coding.map(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked"));
    let body = match (chunked, length) {
        // RFC 9110 §6.4.1: these never have one.
        _ if status < 200 || status == 204 || status == 304 => Some(Body::Length(0)),
        (Some(true), None) => Some(Body::ChunkSize { before: 0 }),
        (None, Some(octets)) if octets <= BODY_OCTETS_MAX => Some(Body::Length(octets)),
        _ => None,
    };
    answer.keep &= body.is_some();
    input.advance(octets);
    Ok(Some((answer, body)))
}

/// What a field `connection` says, of a connection that is otherwise kept or not.
fn keeps(value: &[u8], otherwise: bool) -> bool {
    let mut options = value.split(|octet| *octet == b',').map(<[u8]>::trim_ascii);
    if options
        .clone()
        .any(|option| option.eq_ignore_ascii_case(b"close"))
    {
        return false;
    }
    otherwise || options.any(|option| option.eq_ignore_ascii_case(b"keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of octets that come in pieces, in short, and how many octets are left.
    fn read(octets: &[u8], piece_octets: usize) -> (Vec<String>, usize) {
        let mut reader = ResponseReader::default();
        let mut input = BytesMut::new();
        let mut answers = Vec::new();
        for piece in octets.chunks(piece_octets) {
            input.extend_from_slice(piece);
            loop {
                match reader.next(&mut input) {
                    Ok(Some(answer)) => {
                        answers.push(in_short(&answer));
                        if !answer.keep {
                            return (answers, input.len());
                        }
                    }
                    Ok(None) => break,
                    Err(Broken) => {
                        answers.push("broken".to_owned());
                        return (answers, 0);
                    }
                }
            }
        }
        answers.extend(
            reader
                .closed()
                .map(|answer| format!("cut {}", in_short(&answer))),
        );
        (answers, input.len())
    }

    fn in_short(answer: &Answer) -> String {
        let after = answer.retry_after.as_deref().map(String::from_utf8_lossy);
        let after = after.map_or_else(String::new, |after| format!(" after {after}"));
        format!(
            "{}{}{after}",
            answer.status,
            if answer.keep { "" } else { " last" }
        )
    }

    #[test]
    fn answers_are_read_whatever_the_pieces() {
        let long = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            BODY_OCTETS_MAX + 1
        );
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(HEAD_OCTETS_MAX));
        let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let many = format!(
            "{chunks}{}",
            "4000\r\n".to_owned() + &"x".repeat(0x4000) + "\r\n"
        );
        let too_many = format!("{many}{}", "c001\r\n");
        let rows: [(&str, &[&str], usize); 19] = [
            (
                "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 503 no\r\n\r\n",
                &["204", "503 last"],
                0,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 2",
                &["200"],
                10,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
                &["cut 200 last"],
                0,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
                &["204"],
                0,
            ),
            ("HTTP/1.1 101 Switching\r\n\r\n", &["broken"], 0),
            ("HTTP/1.0 204 x\r\n\r\n", &["204 last"], 0),
            (
                "HTTP/1.0 204 x\r\nConnection: Keep-Alive\r\n\r\n",
                &["204"],
                0,
            ),
            (
                "HTTP/1.1 204 x\r\nConnection: x, close\r\n\r\n",
                &["204 last"],
                0,
            ),
            (
                "HTTP/1.1 429 x\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
                &["429 after 3"],
                0,
            ),
            (
                "HTTP/1.1 200 x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
                &["broken"],
                0,
            ),
            (
                "HTTP/1.1 200 x\r\ncontent-length: -1\r\n\r\n",
                &["broken"],
                0,
            ),
            (
                "HTTP/1.1 200 x\r\ntransfer-encoding: gzip\r\n\r\n",
                &["200 last"],
                0,
            ),
            ("SSH-2.0-server\r\n\r\n", &["broken"], 0),
            (
                &format!("{chunks}2;a=b\r\nab\r\n0\r\nx: y\r\n\r\nH"),
                &["200"],
                1,
            ),
            (&format!("{chunks}0\r\n\r\n"), &["200"], 0),
            (&format!("{chunks}zz\r\n"), &["broken"], 0),
            (&long, &["200 last"], 0),
            (&endless, &["broken"], 0),
            (&too_many, &["200 last"], 0),
        ];
        for (text, expected, left) in rows {
            for piece_octets in [1, 7, usize::MAX] {
                let read = read(text.as_bytes(), piece_octets);
                assert_eq!(
                    read,
                    (expected.iter().map(ToString::to_string).collect(), left),
                    "{text}"
                );
            }
        }
    }
}
