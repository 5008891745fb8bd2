//! `POST /v1/messages` as a stream of lines: each line is a message of its own, answered by a line
//! in the same place. A broken line is refused alone. Lines are submitted in groups, as they
//! arrive; while a group is on its way to the disk the next one is read.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
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

/// Reads the request's lines and writes the answer's.
pub(super) fn respond(api: Arc<Api>, caller: Arc<Caller>, body: Body) -> Response {
    let (groups, groups_in) = mpsc::channel(GROUPS_MAX);
    let (answers, answers_in) = mpsc::channel(GROUPS_MAX);
    tokio::spawn(read_lines(
        Arc::clone(&api),
        Arc::clone(&caller),
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

/// Cuts the body into lines and hands them on in groups. Ends with the body or the receiver.
async fn read_lines(
    api: Arc<Api>,
    caller: Arc<Caller>,
    mut body: Body,
    groups: mpsc::Sender<Vec<Parsed>>,
) {
    let mut lines = Lines::default();
    let mut group = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            // The caller went away in mid-line: what was whole is submitted, the rest is not.
            break;
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let defaults = defaults(&api, &caller.account);
        lines.push(&data, |line| group.push(parse_line(line, &defaults)));
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
    lines.finish(|line| group.push(parse_line(line, &defaults)));
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
    mut groups: mpsc::Receiver<Vec<Parsed>>,
    answers: mpsc::Sender<Bytes>,
) {
    while let Some(group) = groups.recv().await {
        let own: Vec<Option<Problem>> = group
            .iter()
            .map(|parsed| parsed.as_ref().err().cloned())
            .collect();
        let lines = match submit_parsed(&api, &caller, group, true).await {
            Ok(lines) => lines,
            // What was wrong with a line is still wrong with it.
            Err(problem) => own
                .into_iter()
                .map(|own| Line::Problem(own.unwrap_or_else(|| problem.clone())))
                .collect(),
        };
        let count = lines.len();
        let mut octets = Vec::with_capacity(count * 160);
        for line in lines {
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
/// and reported once. Empty lines are nothing.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
    too_long: bool,
}

impl Lines {
    fn push(&mut self, mut octets: &[u8], mut each: impl FnMut(Result<&[u8], ()>)) {
        while let Some(end) = memchr::memchr(b'\n', octets) {
            let (line, rest) = octets.split_at(end);
            octets = &rest[1..];
            if self.partial.is_empty() && !self.too_long && line.len() <= LINE_OCTETS_MAX {
                emit(line, &mut each);
            } else {
                self.extend(line);
                self.finish(&mut each);
            }
        }
        self.extend(octets);
    }

    fn finish(&mut self, mut each: impl FnMut(Result<&[u8], ()>)) {
        if self.too_long {
            each(Err(()));
        } else {
            emit(&self.partial, &mut each);
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

fn emit(line: &[u8], each: &mut impl FnMut(Result<&[u8], ()>)) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        each(Ok(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<Result<String, ()>> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut each = |line: Result<&[u8], ()>| {
            found.push(line.map(|line| String::from_utf8_lossy(line).into_owned()));
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
        let expected: Vec<_> = ["{1}", "{22}", "{333}"]
            .map(|line| Ok(line.to_owned()))
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
        assert_eq!(found, [Ok("a".to_owned()), Err(()), Ok("b".to_owned())]);
    }
}
