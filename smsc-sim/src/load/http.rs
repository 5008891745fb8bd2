//! One keep-alive connection to the gateway's HTTP API, one `POST /v1/messages` at a time: a single
//! message as JSON, or as many as are due and the window allows as NDJSON.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{sleep_until, timeout};

use super::connect::Dialer;
use super::error::LoadError;
use super::generator::{Command, News};
use super::mix::{BINARY, Kind, UCS2};
use super::plan::{Plan, SOURCE, Span, destination};
use super::results::{Answered, Asked, Batch, Gathered, Status};

/// Longest line of an answer that is read.
const LINE_OCTETS_MAX: usize = 64 * 1024;

/// Posts what is due, from [`Command::Start`] to the end of the plan, and ends when told to. With
/// the plan comes where callbacks are to go.
pub(super) async fn post_messages(
    dialer: &Dialer,
    (plan, callback_url): (Plan, Option<Arc<str>>),
    gathered: Arc<Gathered>,
    news: UnboundedSender<News>,
    mut commands: UnboundedReceiver<Command>,
) -> Result<(), LoadError> {
    let stream = dialer.connect().await?;
    let (requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let target = &plan.settings().target;
    let mut poster = Poster {
        host: target.authority(),
        authorization: format!("Bearer {}", target.password),
        plan,
        callback_url,
        requests,
        free_since: None,
        open: Vec::new(),
        answered: 0,
        batch: Batch::default(),
    };
    // Nobody listens any more when another connection has failed.
    let _ = news.send(News::Bound);
    let Some(Command::Start(started)) = commands.recv().await else {
        return Ok(());
    };
    let posted = {
        let finish = Notify::new();
        let mut posting = pin!(poster.post_all(started, &gathered, &finish));
        let mut connection = Box::pin(connection);
        loop {
            tokio::select! {
                posted = &mut posting => break posted,
                command = commands.recv() => match command {
                    Some(Command::Finish) => finish.notify_one(),
                    // To unbind, before all is posted: what is open stays unanswered.
                    Some(Command::Start(_) | Command::Unbind) | None => {
                        commands.close();
                        break Ok(());
                    }
                },
                ended = &mut connection => break match ended {
                    // The server may close it behind its last answer, which is still to be read.
                    Ok(()) => {
                        // With it go the requests that it did not take.
                        drop(connection);
                        posting.await.map_err(|error| match error {
                            LoadError::Http(_) => LoadError::HttpClosed,
                            other => other,
                        })
                    }
                    Err(error) => Err(error.into()),
                },
            }
        }
    };
    poster.leave_unanswered();
    gathered.add(Instant::now(), &mut poster.batch);
    posted?;
    // Receipts come on other connections, however long this one lives.
    let _ = news.send(News::Drained);
    while let Some(Command::Finish) = commands.recv().await {}
    Ok(())
}

struct Poster {
    plan: Plan,
    /// Where receipts are to go; `None`: none is waited for.
    callback_url: Option<Arc<str>>,
    host: String,
    authorization: String,
    requests: SendRequest<Full<Bytes>>,
    /// Since when no request is open.
    free_since: Option<Instant>,
    /// The messages of the request that is open, by their recipients.
    open: Vec<(u64, Asked)>,
    /// How many of them were answered.
    answered: usize,
    batch: Batch,
}

impl Poster {
    /// Until the plan is done, or no further request is wanted.
    async fn post_all(
        &mut self,
        started: Instant,
        gathered: &Gathered,
        finish: &Notify,
    ) -> Result<(), LoadError> {
        let span = self.plan.span(started);
        while let Some(due) = self.plan.next_due(Instant::now(), &span) {
            if Instant::now() >= span.end {
                break;
            }
            // One that is due just before the end may be late by what the timer is late.
            tokio::select! {
                biased;
                () = finish.notified() => break,
                () = sleep_until(due.into()) => {}
            }
            let now = Instant::now();
            let body = self.take_what_is_due(now, &span);
            // A callback may overtake the answer.
            gathered.add(now, &mut self.batch);
            let response_timer = self.plan.settings().response_timer;
            let posted = timeout(response_timer, self.post(body, now)).await;
            self.leave_unanswered();
            posted.map_err(|_| LoadError::HttpNoResponse(response_timer))??;
            self.free_since = Some(Instant::now());
            gathered.add(Instant::now(), &mut self.batch);
        }
        Ok(())
    }

    /// The body of the next request: a line for each message.
    fn take_what_is_due(&mut self, now: Instant, span: &Span) -> Vec<u8> {
        let mut body = Vec::new();
        self.open.clear();
        self.answered = 0;
        while self.open.len() < self.plan.settings().window_size as usize
            && let Some(due) = self.plan.next_due(now, span).filter(|due| *due <= now)
        {
            let recipient = self.plan.next_recipient();
            let kind = self.plan.settings().mix.pick(self.plan.next_number());
            let mut message = message(recipient, kind);
            if let Some(url) = &self.callback_url {
                message["callback_url"] = Value::from(&**url);
            }
            body.extend_from_slice(message.to_string().as_bytes());
            body.push(b'\n');
            let could = self.free_since.map_or(due, |at| at.max(due));
            let asked = Asked {
                scheduled: due,
                measured: span.is_measured(due),
            };
            let lag = now.saturating_duration_since(could);
            self.batch.seen(asked.measured).sent(lag);
            self.open.push((recipient, asked));
            if self.callback_url.is_some() {
                self.batch.asked.push((recipient, asked));
            }
            self.plan.advance();
        }
        body
    }

    async fn post(&mut self, body: Vec<u8>, sent: Instant) -> Result<(), LoadError> {
        let single = self.plan.settings().window_size == 1;
        let request = Request::post("/v1/messages")
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, content_type(single))
            .body(Full::from(body))
            .expect("the target takes only keys and hosts that are sound in a header");
        self.requests.ready().await?;
        let response = self.requests.send_request(request).await?;
        let status = response.status().as_u16();
        if single || !response.status().is_success() {
            read_to_end(response).await?;
            while self.answered < self.open.len() {
                self.on_answer(Status::Http(status), sent);
            }
            return Ok(());
        }
        let mut body = response.into_body();
        let mut line = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(octets) = frame?.into_data() else {
                continue;
            };
            for octet in octets {
                if octet != b'\n' {
                    if line.len() >= LINE_OCTETS_MAX {
                        return Err(LoadError::HttpLine);
                    }
                    line.push(octet);
                } else {
                    self.on_line(&line, sent)?;
                    line.clear();
                }
            }
        }
        Ok(())
    }

    /// An answer, or a problem, which names its status.
    fn on_line(&mut self, line: &[u8], sent: Instant) -> Result<(), LoadError> {
        let answer: Value = serde_json::from_slice(line).map_err(|_| LoadError::HttpLine)?;
        if self.answered == self.open.len() {
            return Err(LoadError::HttpLine);
        }
        let status = match (answer.get("id"), answer.get("status")) {
            (None, Some(status)) => status.as_u64().and_then(|status| status.try_into().ok()),
            (Some(_), _) => Some(202),
            (None, None) => None,
        };
        self.on_answer(Status::Http(status.ok_or(LoadError::HttpLine)?), sent);
        Ok(())
    }

    /// What is open has no answer, and so no receipt is waited for.
    fn leave_unanswered(&mut self) {
        for (recipient, asked) in self.open.drain(self.answered..) {
            self.batch.seen(asked.measured).unanswered += 1;
            if self.callback_url.is_some() {
                self.batch.withdrawn.push(recipient);
            }
        }
    }

    fn on_answer(&mut self, status: Status, sent: Instant) {
        let now = Instant::now();
        let (recipient, asked) = self.open[self.answered];
        if self.callback_url.is_some() && !status.is_ok() {
            self.batch.withdrawn.push(recipient);
        }
        self.batch.seen(asked.measured).answered(Answered {
            status,
            latency: now - asked.scheduled,
            service: now - sent,
        });
        self.answered += 1;
    }
}

async fn read_to_end(response: Response<Incoming>) -> Result<(), hyper::Error> {
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

const fn content_type(single: bool) -> &'static str {
    if single {
        "application/json"
    } else {
        "application/x-ndjson"
    }
}

/// A message in the gateway's words.
fn message(recipient: u64, kind: &Kind) -> Value {
    let digits = destination(recipient);
    let to = format!("+{}", std::str::from_utf8(&digits).expect("digits"));
    match kind.data_coding {
        BINARY => {
            let hex: String = kind
                .text
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect();
            json!({"to": to, "from": SOURCE, "sms": {"binary_hex": hex}})
        }
        UCS2 => {
            let units = kind.text.chunks_exact(2);
            let units: Vec<u16> = units
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            json!({"to": to, "from": SOURCE, "text": String::from_utf16_lossy(&units)})
        }
        _ => json!({"to": to, "from": SOURCE, "text": String::from_utf8_lossy(&kind.text)}),
    }
}

#[cfg(test)]
mod tests {
    use super::super::mix::Mix;
    use super::*;

    #[test]
    fn each_coding_is_said_in_the_words_of_the_gateway() {
        let table = [
            ("gsm7:3", json!({"text": "abc"})),
            ("ucs2:2", json!({"text": "аб"})),
            ("binary:2", json!({"sms": {"binary_hex": "0001"}})),
        ];
        for (mix, mut expected) in table {
            let mix: Mix = mix.parse().unwrap();
            expected["to"] = "+491700000000007".into();
            expected["from"] = SOURCE.into();
            assert_eq!(message(7, mix.pick(7)), expected);
        }
    }
}
