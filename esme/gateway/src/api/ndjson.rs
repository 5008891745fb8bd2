//! `POST /v1/messages` as a stream of lines: each line is a message of its own, answered by a line
//! in the same place. A broken line is refused alone. Lines are submitted in groups, as they
//! arrive; while a group is on its way to the disk the next one is read.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use super::accounts::Caller;
use super::problem::Problem;
use super::request::{Defaults, message};
use super::send::{Line, NDJSON, Parsed, defaults, submit_parsed};
use super::{Api, LINE_OCTETS_MAX};

/// Lines submitted at once.
const GROUP_LINES_MAX: usize = 512;

/// Groups under way at once. A sender that does not read its answers is stopped by this.
const GROUPS_MAX: usize = 8;

/// A line that was read, with its number.
type NumberedLine = (u64, Parsed);

/// What reading the body gives: the next piece, or that there is none.
type Frame = Option<Result<hyper::body::Frame<Bytes>, axum::Error>>;

/// Reads the request's lines and writes the answer's.
pub(super) async fn respond(
    api: Arc<Api>,
    caller: Arc<Caller>,
    headers: &HeaderMap,
    mut body: Body,
) -> Response {
    // `100 Continue` goes out when the body is asked for, and no longer once the answer has begun:
    // a caller who waits for it would wait in vain.
    let expects = headers.get(header::EXPECT);
    let first = match expects.filter(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        Some(_) => Some(body.frame().await),
        None => None,
    };
    let (groups, groups_in) = mpsc::channel(GROUPS_MAX);
    let (answers, answers_in) = mpsc::channel(GROUPS_MAX);
    tokio::spawn(read_lines(
        Arc::clone(&api),
        Arc::clone(&caller),
        first,
        body,
        groups,
    ));
    tokio::spawn(submit_groups(api, caller, groups_in, answers));
    let stream = super::stream::ChannelBody::new(answers_in);
    (
        StatusCode::ACCEPTED,
        [(header::CONTENT_TYPE, NDJSON)],
        Body::new(stream),
    )
        .into_response()
}

/// Cuts the body, whose first piece may have been read, into lines and hands them on in groups.
/// Ends with the body or the receiver.
async fn read_lines(
    api: Arc<Api>,
    caller: Arc<Caller>,
    mut first: Option<Frame>,
    mut body: Body,
    groups: mpsc::Sender<Vec<NumberedLine>>,
) {
    let mut lines = Lines::default();
    let mut group = Vec::new();
    loop {
        let frame = match first.take() {
            Some(frame) => frame,
            None => body.frame().await,
        };
        let Some(frame) = frame else {
            break;
        };
        let Ok(frame) = frame else {
            // The caller went away in mid-line: what was whole is submitted, the rest is not.
            break;
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let defaults = defaults(&api, &caller.account);
        lines.push(&data, |at, line| {
            group.push((at, parse_line(line, &defaults)));
        });
        while !group.is_empty() {
            let rest = group.split_off(group.len().min(group_lines_max(&api)));
            if groups
                .send(std::mem::replace(&mut group, rest))
                .await
                .is_err()
            {
                return;
            }
        }
    }
    let defaults = defaults(&api, &caller.account);
    lines.finish(|at, line| group.push((at, parse_line(line, &defaults))));
    if !group.is_empty() {
        // Nobody left to answer: nothing to submit for either.
        let _ = groups.send(group).await;
    }
}

/// Lines submitted at once: never more than the inbox can hold.
fn group_lines_max(api: &Api) -> usize {
    api.engine.inbox_messages_max().clamp(1, GROUP_LINES_MAX)
}

async fn submit_groups(
    api: Arc<Api>,
    caller: Arc<Caller>,
    mut groups: mpsc::Receiver<Vec<NumberedLine>>,
    answers: mpsc::Sender<Bytes>,
) {
    while let Some(group) = groups.recv().await {
        let (numbers, group): (Vec<u64>, Vec<Parsed>) = group.into_iter().unzip();
        // Few lines are wrong, so that this is short.
        let errors = group.iter().enumerate();
        let errors = errors.filter_map(|(at, parsed)| Some((at, parsed.as_ref().err()?.clone())));
        let errors: Vec<(usize, Problem)> = errors.collect();
        let lines = match submit_parsed(&api, &caller, group, true).await {
            Ok(lines) => lines,
            // What was wrong with a line is still wrong with it.
            Err(problem) => {
                let mut problems = vec![problem; numbers.len()];
                for (at, own) in errors {
                    problems[at] = own;
                }
                problems.into_iter().map(Line::Problem).collect()
            }
        };
        let count = lines.len();
        let mut octets = Vec::with_capacity(count * 160);
        for (number, mut line) in numbers.into_iter().zip(lines) {
            if let Line::Problem(problem) = &mut line {
                problem.line = Some(number);
            }
            serde_json::to_writer(&mut octets, &line).expect("a Vec takes any JSON value");
            octets.push(b'\n');
        }
        if answers.send(octets.into()).await.is_err() {
            return;
        }
    }
}

fn parse_line(line: Result<&[u8], ()>, defaults: &Defaults) -> Parsed {
    let line = line.map_err(|()| Problem::too_large(LINE_OCTETS_MAX))?;
    message(line, defaults)
}

/// Cuts octets into lines of at most [`LINE_OCTETS_MAX`]; a longer one is passed over to its end
/// and reported once. Empty lines are nothing but counted: each line is told with its number.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
    too_long: bool,
    /// Number of the last whole line.
    number: u64,
}

impl Lines {
    fn push(&mut self, mut octets: &[u8], mut each: impl FnMut(u64, Result<&[u8], ()>)) {
        while let Some(end) = memchr::memchr(b'\n', octets) {
            let (line, rest) = octets.split_at(end);
            octets = &rest[1..];
            if self.partial.is_empty() && !self.too_long && line.len() <= LINE_OCTETS_MAX {
                self.number += 1;
                emit(self.number, line, &mut each);
            } else {
                self.extend(line);
                self.finish(&mut each);
            }
        }
        self.extend(octets);
    }

    fn finish(&mut self, mut each: impl FnMut(u64, Result<&[u8], ()>)) {
        self.number += 1;
        if self.too_long {
            each(self.number, Err(()));
        } else {
            emit(self.number, &self.partial, &mut each);
        }
        self.partial.clear();
        self.too_long = false;
    }

    fn extend(&mut self, octets: &[u8]) {
        if self.partial.len() + octets.len() > LINE_OCTETS_MAX {
            self.too_long = true;
            self.partial.clear();
        }
        if !self.too_long {
            self.partial.extend_from_slice(octets);
        }
    }
}

fn emit(number: u64, line: &[u8], each: &mut impl FnMut(u64, Result<&[u8], ()>)) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        each(number, Ok(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<(u64, Result<String, ()>)> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut each = |at: u64, line: Result<&[u8], ()>| {
            let line = line.map(|line| String::from_utf8_lossy(line).into_owned());
            found.push((at, line));
        };
        for piece in pieces {
            lines.push(piece, &mut each);
        }
        lines.finish(&mut each);
        found
    }

    #[test]
    fn lines_are_the_same_however_the_octets_arrive() {
        let whole = b"{1}\r\n\n {22} \n{333}";
        let expected: Vec<_> = [(1, "{1}"), (3, "{22}"), (4, "{333}")]
            .map(|(at, line)| (at, Ok(line.to_owned())))
            .into();
        for at in 0..whole.len() {
            let (first, second) = whole.split_at(at);
            assert_eq!(cut(&[first, second]), expected, "cut at {at}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_refused_alone() {
        let long = vec![b'x'; LINE_OCTETS_MAX];
        let found = cut(&[b"a\n", &long, b"y\nb\n"]);
        let expected = [
            (1, Ok("a".to_owned())),
            (2, Err(())),
            (3, Ok("b".to_owned())),
        ];
        assert_eq!(found, expected);
    }
}
