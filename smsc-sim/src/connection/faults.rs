//! The faults of one connection: those of the SMSC that strike it, and those that rules added.

use std::sync::Arc;
use std::time::Duration;

use signalbox_session::Session;

use crate::clock::SmscTime;
use crate::decision::Decision;
use crate::fault::{Fault, FaultKind, SessionPlan, StreamFault, StreamPlan, Strikes};
use crate::random::Draws;
use crate::socket::Gate;

/// Faults that rules add to one connection at most; more are passed over.
const OF_RULES_MAX: usize = 16;

/// The faults of one connection.
#[derive(Debug)]
pub(super) struct Faults {
    /// Treats the octets.
    gate: Arc<Gate>,
    /// Decides which connections are struck.
    draws: Draws,
    pub(super) session: SessionPlan,
    stream: StreamPlan,
    strikes: Strikes,
    of_rules: Vec<Fault>,
}

impl Faults {
    /// At the start of a connection.
    pub(super) fn new(gate: Arc<Gate>, draws: Draws) -> Self {
        Self {
            gate,
            draws,
            session: SessionPlan::default(),
            stream: StreamPlan::default(),
            strikes: Strikes::new(),
            of_rules: Vec::new(),
        }
    }

    /// Takes the faults that are active on the SMSC.
    pub(super) fn set(&mut self, faults: &[Fault]) {
        // Each time the same draws: who is struck stays struck while the faults are the same.
        let mut draws = self.draws;
        let mut stream = StreamPlan::default();
        self.session = SessionPlan::default();
        for faults in [faults, &self.of_rules] {
            stream.add(faults, &mut draws);
            self.session.add(faults, &mut draws);
        }
        if stream != self.stream {
            self.gate.set(stream.clone());
            self.stream = stream;
        }
    }

    /// Tells the session what it may do by itself. `enquire_link_timer` is the usual one.
    pub(super) fn tame(&self, session: &mut Session, enquire_link_timer: Duration) {
        session.set_automatic_answers(!self.session.silent);
        let deaf = |faults: &[StreamFault]| {
            faults.iter().any(|fault| {
                matches!(
                    fault,
                    StreamFault::Timeout { .. } | StreamFault::StopReading
                )
            })
        };
        // One that hears nothing would take its peer for dead.
        let timer = if deaf(&self.stream.up) || deaf(&self.stream.down) {
            Duration::ZERO
        } else {
            enquire_link_timer
        };
        session.set_enquire_link_timer(timer);
    }

    /// Changes what happens to a message by the faults of the SMSC, and by that of its rule. One
    /// of the connection holds from here on: then true, and the session is to be told.
    pub(super) fn strike(
        &mut self,
        faults: &[Fault],
        of_rule: Option<&Fault>,
        now: SmscTime,
        decision: &mut Decision,
        draws: &mut Draws,
    ) -> bool {
        self.strikes
            .strike(of_rule.into_iter().chain(faults), now, decision, draws);
        let lasting = of_rule.filter(|fault| !matches!(fault.kind, FaultKind::Message(_)));
        match lasting {
            Some(fault) if self.of_rules.len() < OF_RULES_MAX && draws.chance(fault.toxicity) => {
                self.of_rules.push(Fault {
                    toxicity: 1.0,
                    ..fault.clone()
                });
                self.set(faults);
                true
            }
            _ => false,
        }
    }

    /// Whether the SMSC unbinds after that many messages.
    pub(super) fn unbinds_after(&self, messages: u64) -> bool {
        self.session
            .unbind_after
            .is_some_and(|after| messages >= after)
    }
}
