//! What was found about all clients of an SMSC: one line per check, one per command.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use signalbox_codec::CommandId;

use super::check::Kind;
use super::checker::Finding;

/// Octets of a PDU that are kept.
const PDU_OCTETS_MAX: usize = 4_096;

/// The report. Its size is bounded by the number of checks and of commands.
#[derive(Debug, Default)]
pub(crate) struct Report(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Sessions that are over.
    sessions: u64,
    pdus: u64,
    commands: BTreeMap<&'static str, u64>,
    checks: HashMap<Kind, Line>,
}

/// What was found by one check.
#[derive(Debug)]
struct Line {
    /// Sessions in which it failed.
    sessions: u64,
    /// The first of them.
    session: u64,
    system_id: String,
    detail: String,
    pdu: Vec<u8>,
}

impl Report {
    /// Adds a finding of a session.
    pub(super) fn add(&self, session: u64, system_id: &str, finding: &Finding) {
        let mut inner = self.lock();
        let line = inner.checks.entry(finding.kind).or_insert_with(|| Line {
            sessions: 0,
            session,
            system_id: system_id.to_owned(),
            detail: finding.detail.clone(),
            pdu: finding.pdu.iter().copied().take(PDU_OCTETS_MAX).collect(),
        });
        line.sessions += 1;
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

    /// The table: what the clients have sent, and how each check came out.
    pub(crate) fn to_json(&self) -> Value {
        let inner = self.lock();
        let checks: Vec<Value> = Kind::all()
            .map(|kind| {
                let line = inner.checks.get(&kind);
                json!({
                    "check": kind.name(),
                    "section": kind.section(),
                    "rule": kind.rule(),
                    "result": if line.is_some() { "failed" } else { "nothing found" },
                    "sessions": line.map_or(0, |line| line.sessions),
                    "first": line.map(first_shape),
                })
            })
            .collect();
        json!({
            "sessions": inner.sessions,
            "pdus": inner.pdus,
            "commands": inner.commands,
            "checks": checks,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first_shape(line: &Line) -> Value {
    let hex: String = line
        .pdu
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    json!({
        "session": line.session,
        "system_id": line.system_id,
        "detail": line.detail,
        "pdu": hex,
    })
}
