//! `verify`: waits for messages and answers 406 with what came instead.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::fields::{Fields, required};
use super::messages::{read_match, shape};
use super::problem::Problem;
use crate::control::Control;
use crate::filter::{Difference, Filter};
use crate::message::Message;
use crate::verify::{Count, Miss, VerifyError};
use crate::wait::{WITHIN_DEFAULT, verify, verify_sequence};

/// How long may be waited at most.
const WITHIN_MAX: Duration = Duration::from_secs(10 * 60);
/// Messages that an answer names at most; `matched` counts all.
const MESSAGES_MAX: usize = 100;
/// Messages of a sequence at most.
const SEQUENCE_MAX: usize = 1_000;

/// `POST verify {match: {to, from, text, "text~", state, system_id, since, data_coding, tlvs}, count: {exactly |
/// at_least | at_most}, within: "5s"}`: a list of matches is a sequence, in any order unless
/// `in_order` is true.
pub(crate) async fn one(
    State(control): State<Control>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::new(body)?;
    let wanted = fields.take("match").unwrap_or_else(|| json!({}));
    if wanted.is_array() {
        return sequence_of(&control, fields, Some(wanted), "match", false).await;
    }
    let wanted = match_of("match", wanted)?;
    let count = fields.take("count").map(count_of).transpose()?;
    let within = fields.duration("within", WITHIN_MAX)?;
    fields.end()?;
    let count = count.unwrap_or(Count {
        at_least: 1,
        at_most: None,
    });
    let within = within.unwrap_or(WITHIN_DEFAULT);
    Ok(matched(&verify(&control, &wanted, count, within).await?))
}

/// `POST verify-sequence {matches: […], within, in_order}`: a message for each, in their order
/// unless `in_order` is false.
pub(crate) async fn sequence(
    State(control): State<Control>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::new(body)?;
    let wanted = fields.take("matches");
    sequence_of(&control, fields, wanted, "matches", true).await
}

async fn sequence_of(
    control: &Control,
    mut fields: Fields,
    wanted: Option<Value>,
    name: &str,
    in_order_default: bool,
) -> Result<Json<Value>, Problem> {
    let in_order = fields.boolean("in_order")?.unwrap_or(in_order_default);
    let within = fields.duration("within", WITHIN_MAX)?;
    fields.end()?;
    let Value::Array(wanted) = required(name, wanted)? else {
        return Err(Problem::field(name, "is no list"));
    };
    if !(1..=SEQUENCE_MAX).contains(&wanted.len()) {
        let detail = format!("has 1 to {SEQUENCE_MAX} items");
        return Err(Problem::field(name, detail));
    }
    let wanted: Result<Vec<Filter>, Problem> = wanted
        .into_iter()
        .enumerate()
        .map(|(at, wanted)| match_of(&format!("{name}[{at}]"), wanted))
        .collect();
    let within = within.unwrap_or(WITHIN_DEFAULT);
    Ok(matched(
        &verify_sequence(control, &wanted?, in_order, within).await?,
    ))
}

impl From<VerifyError> for Problem {
    fn from(error: VerifyError) -> Self {
        let nearest: Vec<Value> = error.nearest.iter().map(near).collect();
        Self::body(StatusCode::NOT_ACCEPTABLE, error.to_string())
            .with("wanted", error.wanted.into())
            .with("matched", error.matched.into())
            .with("nearest", nearest.into())
            .with("too_many", error.too_many.iter().map(shape).collect())
    }
}

fn match_of(path: &str, wanted: Value) -> Result<Filter, Problem> {
    let mut fields = Fields::of_value(path, wanted)?;
    let wanted = read_match(&mut fields);
    let wanted = wanted.and_then(|wanted| fields.end().map(|()| wanted));
    wanted.map_err(|problem| problem.below(path))
}

fn count_of(count: Value) -> Result<Count, Problem> {
    let mut fields = Fields::of_value("count", count)?;
    let mut numbers = || -> Result<_, Problem> {
        let mut number = |name| fields.number(name, u64::MAX).map(Option::flatten);
        Ok((number("exactly")?, number("at_least")?, number("at_most")?))
    };
    let numbers = numbers().and_then(|numbers| fields.end().map(|()| numbers));
    match numbers.map_err(|problem| problem.below("count"))? {
        (Some(count), None, None) => Ok(Count::exactly(count)),
        (None, Some(at_least), Some(at_most)) if at_least > at_most => {
            let detail = format!("at_least {at_least} is more than at_most {at_most}");
            Err(Problem::field("count", detail))
        }
        (None, Some(at_least), at_most) => Ok(Count { at_least, at_most }),
        (None, None, Some(count)) => Ok(Count::at_most(count)),
        _ => Err(Problem::field(
            "count",
            "wanted: exactly, or at_least, or at_most",
        )),
    }
}

fn matched(messages: &[Message]) -> Json<Value> {
    let shown: Vec<Value> = messages.iter().take(MESSAGES_MAX).map(shape).collect();
    Json(json!({"matched": messages.len(), "messages": shown}))
}

fn near(miss: &Miss) -> Value {
    let difference = |difference: &Difference| {
        json!({
            "field": difference.field,
            "wanted": difference.wanted,
            "found": difference.found,
        })
    };
    let differences: Vec<Value> = miss.differences.iter().map(difference).collect();
    json!({"message": shape(&miss.message), "differences": differences})
}
