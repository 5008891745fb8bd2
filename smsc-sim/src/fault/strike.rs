//! Which of the active faults strike a connection or a message. Pure: each answer follows from the
//! faults, what was drawn, and the rate that was used up.

use std::time::Duration;

use signalbox_codec::CommandStatus;

use super::{Fault, FaultKind, HandshakeFault, MessageFault, SessionFault, Stream, StreamFault};
use crate::clock::SmscTime;
use crate::decision::Decision;
use crate::random::Draws;
use crate::rate::Rate;

/// Faults of the stream of one connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StreamPlan {
    /// What the client sends.
    pub(crate) up: Vec<StreamFault>,
    /// What the SMSC sends.
    pub(crate) down: Vec<StreamFault>,
    /// How much later the connection is closed.
    pub(crate) slow_close: Option<Duration>,
}

impl StreamPlan {
    /// Adds the faults of the stream that strike this connection.
    pub(crate) fn add(&mut self, faults: &[Fault], draws: &mut Draws) {
        for fault in faults {
            let FaultKind::Stream(kind) = &fault.kind else {
                continue;
            };
            if !draws.chance(fault.toxicity) {
                continue;
            }
            match (kind, fault.stream) {
                (StreamFault::SlowClose { delay }, _) => self.slow_close = Some(*delay),
                (kind, Stream::Up) => self.up.push(kind.clone()),
                (kind, Stream::Down) => self.down.push(kind.clone()),
            }
        }
    }
}

/// Faults of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionPlan {
    /// What binds are answered with.
    pub(crate) bind_status: Option<CommandStatus>,
    /// How much later they are answered.
    pub(crate) bind_delay: Duration,
    /// After how many messages the SMSC unbinds.
    pub(crate) unbind_after: Option<u64>,
    /// Whether enquire_link is left without an answer.
    pub(crate) silent: bool,
    /// What goes wrong with the TLS handshake.
    pub(crate) handshake: Option<HandshakeFault>,
}

impl SessionPlan {
    /// Adds the faults that strike this session.
    pub(crate) fn add(&mut self, faults: &[Fault], draws: &mut Draws) {
        for fault in faults {
            let FaultKind::Session(kind) = &fault.kind else {
                continue;
            };
            if !draws.chance(fault.toxicity) {
                continue;
            }
            match *kind {
                SessionFault::BindRefuse { status } => self.bind_status = Some(status),
                SessionFault::SlowBind { delay } => self.bind_delay = delay,
                SessionFault::UnbindAfter { messages } => self.unbind_after = Some(messages),
                SessionFault::NoEnquireLinkResp => self.silent = true,
                SessionFault::Handshake(fault) => self.handshake = Some(fault),
            }
        }
    }
}

/// Faults of messages of one bind, with what they have to remember.
#[derive(Debug)]
pub(crate) struct Strikes {
    rate: Rate,
}

impl Strikes {
    /// At the start of a connection.
    pub(crate) const fn new() -> Self {
        Self { rate: Rate::full() }
    }

    /// Changes what happens to a message by each fault that strikes it. Of several that change the
    /// octets of the response the first one counts.
    pub(crate) fn strike<'f>(
        &mut self,
        faults: impl IntoIterator<Item = &'f Fault>,
        now: SmscTime,
        decision: &mut Decision,
        draws: &mut Draws,
    ) {
        for fault in faults {
            let FaultKind::Message(kind) = &fault.kind else {
                continue;
            };
            if !draws.chance(fault.toxicity) {
                continue;
            }
            match kind {
                MessageFault::Throttle { tps, burst } => {
                    if !self.rate.take_of(now, *tps, *burst) {
                        decision.refuse(CommandStatus::ESME_RTHROTTLED);
                    }
                }
                MessageFault::QueueFull => decision.refuse(CommandStatus::ESME_RMSGQFUL),
                MessageFault::DropResponse => decision.respond_after = None,
                MessageFault::DelayResponse { delay } => {
                    decision.respond_later(delay.draw(draws));
                }
                MessageFault::Response(fault) => {
                    decision.fault.get_or_insert(*fault);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::behaviour::Behaviour;
    use crate::fault::{ResponseFault, from_json};

    fn fault(name: &str, attributes: serde_json::Value, toxicity: f64) -> Fault {
        let written = json!({"type": name, "attributes": attributes, "toxicity": toxicity});
        from_json(&written).unwrap()
    }

    fn struck(faults: &[Fault], messages: u64) -> Vec<Decision> {
        let now = SmscTime::from_unix_ms(1_000_000);
        let mut strikes = Strikes::new();
        let strike = |message| {
            let mut decision = Behaviour::default().accept();
            strikes.strike(faults, now, &mut decision, &mut Draws::new(message));
            decision
        };
        (0..messages).map(strike).collect()
    }

    #[test]
    fn faults_of_messages_change_what_was_decided() {
        let status = |faults: &[Fault]| struck(faults, 1)[0].command_status;
        let full = fault("queue_full", json!({}), 1.0);
        assert_eq!(status(&[full]), CommandStatus::ESME_RMSGQFUL);

        let dropped = struck(&[fault("drop_response", json!({}), 1.0)], 1);
        assert_eq!(dropped[0].respond_after, None);
        let late = struck(&[fault("delay_response", json!({"delay": "2s"}), 1.0)], 1);
        assert_eq!(late[0].respond_after, Some(Duration::from_secs(2)));
        assert_eq!(late[0].outcome.after, Duration::from_secs(2));

        let two = [
            fault("corrupt_tlv", json!({}), 1.0),
            fault("garbage", json!({}), 1.0),
        ];
        assert_eq!(struck(&two, 1)[0].fault, Some(ResponseFault::CorruptTlv));
    }

    #[test]
    fn a_throttle_lets_its_burst_through() {
        let throttle = fault("throttle", json!({"tps": 100, "burst": 7}), 1.0);
        let decisions = struck(&[throttle], 50);
        let accepted = decisions.iter().filter(|d| d.command_status.is_ok());
        assert_eq!(accepted.count(), 7);
    }

    #[test]
    fn toxicity_is_the_share_that_is_struck() {
        for share in [0.0, 0.3, 1.0] {
            let faults = [fault("queue_full", json!({}), share)];
            let decisions = struck(&faults, 10_000);
            let full = decisions
                .iter()
                .filter(|d| !d.command_status.is_ok())
                .count();
            let wanted = share * 10_000.0;
            assert!((full as f64 - wanted).abs() < 200.0, "{share}: {full}");
        }
    }

    #[test]
    fn faults_of_connections_are_sorted_by_direction() {
        let faults = [
            fault("stop_reading", json!({}), 1.0),
            fault("slicer", json!({}), 1.0),
            fault("slow_close", json!({"delay": "1s"}), 1.0),
            fault("bind_refuse", json!({}), 1.0),
            fault("unbind_after", json!({"messages": 3}), 1.0),
            fault("slicer", json!({}), 0.0),
        ];
        let mut stream = StreamPlan::default();
        stream.add(&faults, &mut Draws::new(1));
        assert_eq!(stream.up, [StreamFault::StopReading]);
        assert_eq!(stream.down.len(), 1);
        assert_eq!(stream.slow_close, Some(Duration::from_secs(1)));
        let mut session = SessionPlan::default();
        session.add(&faults, &mut Draws::new(1));
        assert_eq!(session.bind_status, Some(CommandStatus::ESME_RBINDFAIL));
        assert_eq!((session.unbind_after, session.silent), (Some(3), false));
    }
}
