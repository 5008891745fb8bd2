//! The departures of clients from SMPP v3.4 as a piece of HTML: by session, and by check.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::fragments::{Asked, html, unknown};
use crate::api;
use crate::conformance::Departure;
use crate::smscs::Smscs;

/// Departures that are shown; the others are counted.
const ROWS_SHOWN: usize = 100;
/// Shown for a rule that is in no section of its own.
const NO_SECTION: &str = "guideline";

#[derive(Template)]
#[template(path = "conformance.html")]
struct ConformanceTemplate {
    is_checked: bool,
    rows: Vec<Row>,
    more: usize,
    checks: Vec<CheckRow>,
    failed: usize,
    clean: usize,
    idle: usize,
}

struct Row {
    session: u64,
    system_id: String,
    check: &'static str,
    section: &'static str,
    rule: &'static str,
    detail: String,
    hex: String,
}

struct CheckRow {
    name: &'static str,
    rule: &'static str,
    section: &'static str,
    result: &'static str,
    is_failed: bool,
    failed_sessions: u64,
    exercised_sessions: u64,
    times: u64,
}

/// `GET /page/conformance?smsc=`: the newest session first.
pub(super) async fn conformance(
    State(smscs): State<Smscs>,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(control) = smscs.get(&asked.smsc) else {
        return unknown(&asked.smsc);
    };
    let report = control.conformance();
    let mut departures = report.map_or_else(Vec::new, |report| report.departures(None));
    departures.sort_by_key(|departure| std::cmp::Reverse(departure.session));
    let outcomes = report.map_or_else(Vec::new, |report| report.outcomes());
    let with = |result: &str| outcomes.iter().filter(|o| o.result == result).count();
    html(&ConformanceTemplate {
        is_checked: report.is_some(),
        more: departures.len().saturating_sub(ROWS_SHOWN),
        rows: departures.iter().take(ROWS_SHOWN).map(row).collect(),
        failed: with("failed"),
        clean: with("clean"),
        idle: with("never exercised"),
        checks: outcomes
            .iter()
            .map(|outcome| CheckRow {
                name: outcome.kind.name(),
                rule: outcome.kind.rule(),
                section: outcome.kind.section().unwrap_or(NO_SECTION),
                result: outcome.result,
                is_failed: outcome.failed_sessions > 0,
                failed_sessions: outcome.failed_sessions,
                exercised_sessions: outcome.exercised_sessions,
                times: outcome.times,
            })
            .collect(),
    })
}

fn row(departure: &Departure) -> Row {
    Row {
        session: departure.session,
        system_id: departure.system_id.clone(),
        check: departure.kind.name(),
        section: departure.kind.section().unwrap_or(NO_SECTION),
        rule: departure.kind.rule(),
        detail: departure.detail.clone(),
        hex: api::hex(&departure.pdu),
    }
}
