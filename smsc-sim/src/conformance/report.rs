//! What was found about all clients of an SMSC: one line per check, one per command.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use signalbox_codec::CommandId;

use super::check::Kind;
use super::checker::Finding;
use super::exercise::Exercised;
use crate::api;

/// Octets of a PDU that are kept.
const PDU_OCTETS_MAX: usize = 4_096;

/// Departures that are kept, each with its PDU; the oldest go.
const DEPARTURES_MAX: usize = 1_000;

/// The report. Its size is bounded by the number of checks and of commands, and by
/// [`DEPARTURES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Report(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Sessions that are over.
    sessions: u64,
    pdus: u64,
    commands: BTreeMap<&'static str, u64>,
    checks: HashMap<Kind, Line>,
    /// Sessions by the checks that they exercised.
    exercised: HashMap<Kind, u64>,
    /// The newest last.
    departures: VecDeque<Departure>,
}

/// What was found by one check.
#[derive(Debug)]
struct Line {
    /// Sessions in which it failed.
    sessions: u64,
    /// How often, in all of them.
    times: u64,
    /// The first time in the first of them.
    first: Departure,
}

/// What a client did that it must not: the first time in its session.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) session: u64,
    pub(crate) system_id: String,
    pub(crate) kind: Kind,
    /// The value, or what was expected.
    pub(crate) detail: String,
    /// At most 4,096 octets; empty when it is about a PDU that did not come.
    pub(crate) pdu: Vec<u8>,
}

/// How a check came out for all sessions.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) kind: Kind,
    /// `failed`, `clean`, or `never exercised`: no client gave it anything to look at.
    pub(crate) result: &'static str,
    /// Sessions in which it failed.
    pub(crate) failed_sessions: u64,
    /// How often it failed, in all of them.
    pub(crate) times: u64,
    /// Sessions that gave it something to look at.
    pub(crate) exercised_sessions: u64,
    first: Option<Departure>,
}

impl Report {
    /// Adds a finding of a session.
    pub(super) fn add(&self, session: u64, system_id: &str, finding: &Finding) {
        let departure = Departure {
            session,
            system_id: system_id.to_owned(),
            kind: finding.kind,
            detail: finding.detail.clone(),
            pdu: finding.pdu.iter().copied().take(PDU_OCTETS_MAX).collect(),
        };
        let mut inner = self.lock();
        let line = inner.checks.entry(finding.kind).or_insert_with(|| Line {
            sessions: 0,
            times: 0,
            first: departure.clone(),
        });
        line.sessions += 1;
        if inner.departures.len() >= DEPARTURES_MAX {
            inner.departures.pop_front();
        }
        inner.departures.push_back(departure);
    }

    /// Departures were seen so often; each kind was added before.
    pub(super) fn count(&self, times: &HashMap<Kind, u64>) {
        let mut inner = self.lock();
        for (kind, count) in times {
            if let Some(line) = inner.checks.get_mut(kind) {
                line.times += count;
            }
        }
    }

    /// A session has given these checks something to look at; each once.
    pub(super) fn exercise(&self, checks: Exercised) {
        let mut inner = self.lock();
        for kind in Kind::all().filter(|kind| checks.contains(*kind)) {
            *inner.exercised.entry(kind).or_default() += 1;
        }
    }

    /// A session is over that has sent these PDUs.
    pub(super) fn end(&self, commands: &HashMap<CommandId, u64>) {
        let mut inner = self.lock();
        inner.sessions += 1;
        for (command_id, count) in commands {
            inner.pdus += count;
            *inner
                .commands
                .entry(command_id.name().unwrap_or("unknown"))
                .or_default() += count;
        }
    }

    /// How each check came out.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let inner = self.lock();
        let outcome = |kind: Kind| {
            let line = inner.checks.get(&kind);
            let exercised_sessions = inner.exercised.get(&kind).copied().unwrap_or(0);
            Outcome {
                kind,
                result: match (line, exercised_sessions) {
                    (Some(_), _) => "failed",
                    (None, 0) => "never exercised",
                    (None, _) => "clean",
                },
                failed_sessions: line.map_or(0, |line| line.sessions),
                times: line.map_or(0, |line| line.times),
                exercised_sessions,
                first: line.map(|line| line.first.clone()),
            }
        };
        Kind::all().map(outcome).collect()
    }

    /// The last departures of all sessions or of one, the newest last.
    pub(crate) fn departures(&self, session: Option<u64>) -> Vec<Departure> {
        let inner = self.lock();
        let wanted = inner
            .departures
            .iter()
            .filter(|departure| session.is_none_or(|session| session == departure.session));
        wanted.cloned().collect()
    }

    /// The table: what the clients have sent, how each check came out, and the departures of all
    /// sessions or of one.
    pub(crate) fn to_json(&self, session: Option<u64>) -> Value {
        let checks: Vec<Value> = self.outcomes().iter().map(outcome_shape).collect();
        let departures: Vec<Value> = self.departures(session).iter().map(shape).collect();
        let inner = self.lock();
        json!({
            "sessions": inner.sessions,
            "pdus": inner.pdus,
            "commands": inner.commands,
            "checks": checks,
            "departures": departures,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outcome_shape(outcome: &Outcome) -> Value {
    json!({
        "check": outcome.kind.name(),
        "section": outcome.kind.section(),
        "rule": outcome.kind.rule(),
        "result": outcome.result,
        "sessions": outcome.failed_sessions,
        "times": outcome.times,
        "exercised": outcome.exercised_sessions,
        "first": outcome.first.as_ref().map(shape),
    })
}

fn shape(departure: &Departure) -> Value {
    json!({
        "session": departure.session,
        "system_id": departure.system_id,
        "check": departure.kind.name(),
        "section": departure.kind.section(),
        "detail": departure.detail,
        "pdu": api::hex(&departure.pdu),
    })
}
