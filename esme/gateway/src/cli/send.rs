//! `signalbox send`: one message through the API, followed until it gets where it should.

use std::process::ExitCode;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use signalbox_router::State;
use tokio::time::Instant;

use super::{EXIT_FAILED, EXIT_UNWANTED, EXIT_USAGE, SendArgs};
use crate::client::{Client, ClientError};
use crate::output::{errln, outln};

/// Pause between two looks at the message.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) fn send(args: &SendArgs) -> ExitCode {
    let Some(wanted) = State::from_name(&args.wait) else {
        let names: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
        errln!(
            "signalbox: --wait {}: one of {}",
            args.wait,
            names.join(", ")
        );
        return ExitCode::from(EXIT_USAGE);
    };
    super::block_on(async {
        match send_and_wait(args, wanted).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(EXIT_UNWANTED),
            Err(error) => {
                errln!("signalbox: {error}");
                ExitCode::from(EXIT_FAILED)
            }
        }
    })
}

async fn send_and_wait(args: &SendArgs, wanted: State) -> Result<bool, ClientError> {
    let mut client = Client::connect(&args.url, &args.key).await?;
    let body = json!({"to": args.to, "from": args.from, "text": args.text});
    let (status, answer) = client
        .request(Method::POST, "/v1/messages", Some(&body))
        .await?;
    if status != StatusCode::ACCEPTED {
        errln!("signalbox: refused: {}", problem_line(&answer));
        return Ok(false);
    }
    let id = answer["id"].as_str().unwrap_or_default().to_owned();
    outln!("{id}");
    let until = Instant::now() + Duration::from_secs(args.timeout);
    let mut shown = 0;
    loop {
        let (_, view) = client
            .request(Method::GET, &format!("/v1/messages/{id}"), None)
            .await?;
        shown = print_timeline(&view, shown);
        let state = view["state"]
            .as_str()
            .and_then(State::from_name)
            .unwrap_or_default();
        if state == wanted || is_last(state) {
            outln!("{}", state.name());
            return Ok(state == wanted || wanted == State::Sent && state == State::Delivered);
        }
        if Instant::now() >= until {
            errln!("signalbox: still {} after {} s", state.name(), args.timeout);
            return Ok(false);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether nothing better can follow.
pub(super) const fn is_last(state: State) -> bool {
    !matches!(state, State::Accepted | State::Sent | State::Unknown)
}

/// One line of a problem.
pub(super) fn problem_line(problem: &Value) -> String {
    let part = |name: &str| problem[name].as_str().unwrap_or_default();
    match part("field") {
        "" => format!("{}: {}", part("title"), part("detail")),
        field => format!("{field}: {}", part("detail")),
    }
}

/// Prints the entries of a timeline from the given one on; returns how many there are.
fn print_timeline(view: &Value, from: usize) -> usize {
    let entries = view["timeline"].as_array().map_or(&[][..], Vec::as_slice);
    for entry in entries.iter().skip(from) {
        outln!("{}", timeline_line(entry));
    }
    entries.len().max(from)
}

/// One entry of a timeline: time, event, and whatever else it has.
pub(super) fn timeline_line(entry: &Value) -> String {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut line = format!("{}  {}", text(&entry["at"]), text(&entry["event"]));
    for (name, value) in entry.as_object().into_iter().flatten() {
        if !matches!(name.as_str(), "at" | "event") && !value.is_null() {
            line.push_str(&format!("  {name}={}", text(value)));
        }
    }
    line
}
