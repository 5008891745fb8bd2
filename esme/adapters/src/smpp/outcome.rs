//! From what happened to a submit_sm to the router's [`Outcome`]. Pure; the one table of this
//! channel.

use signalbox_codec::CommandStatus;
use signalbox_esme::Failure;
use signalbox_router::{ErrorCode, Outcome, RemoteId};

use super::profile::{Action, Profile};

/// An outcome, and what it means for the pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// For the router.
    pub outcome: Outcome,
    /// For the pace.
    pub pressure: Pressure,
}

/// What an answer asks of the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Nothing.
    None,
    /// Slow down.
    SlowDown,
    /// Send nothing for so many milliseconds.
    Park(u64),
}

/// The verdict of a response. `remote_id` is the id of the message at the provider, in its
/// canonical form; without one no receipt can be matched, so none is expected.
#[must_use]
pub fn of_response(
    profile: &Profile,
    command_status: CommandStatus,
    remote_id: Option<RemoteId>,
    receipt_wanted: bool,
) -> Verdict {
    if command_status == CommandStatus::ESME_ROK {
        let receipt_expected = receipt_wanted && remote_id.is_some();
        let outcome = Outcome::Accepted {
            remote_id,
            receipt_expected,
        };
        return Verdict {
            outcome,
            pressure: Pressure::None,
        };
    }
    let error = error_of_status(command_status);
    let (outcome, pressure) = match profile.action(command_status) {
        Action::Retry { after_ms } => (Outcome::RetryAfter { error, after_ms }, Pressure::None),
        Action::SlowDown => (Outcome::Throttled { error }, Pressure::SlowDown),
        Action::NextRoute => (Outcome::NextRoute { error }, Pressure::None),
        Action::ParkRoute { pause_ms } => (Outcome::Throttled { error }, Pressure::Park(pause_ms)),
        Action::Permanent => (Outcome::Rejected { error }, Pressure::None),
    };
    Verdict { outcome, pressure }
}

/// The outcome of a request that has no response.
#[must_use]
pub fn of_failure(failure: Failure) -> Outcome {
    let unknown = |name: &str| Outcome::Unknown {
        error: ErrorCode::new(0, name),
    };
    match failure {
        // A bind that cannot carry it is as good as none.
        Failure::NotSent | Failure::NotAllowed => Outcome::NotSent,
        Failure::TimedOut => unknown("response_timer"),
        Failure::SessionClosed => unknown("link_lost"),
    }
}

/// A status as the router's error: the value, and the specification's name where it has one.
#[must_use]
pub fn error_of_status(command_status: CommandStatus) -> ErrorCode {
    match command_status.name() {
        Some(name) => ErrorCode::new(command_status.0, name),
        None => ErrorCode::new(command_status.0, command_status.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(value: u32, name: &str) -> ErrorCode {
        ErrorCode::new(value, name)
    }

    #[test]
    fn accepted_expects_a_receipt_only_with_an_id() {
        let rows = [
            (Some("7"), true, true),
            (Some("7"), false, false),
            (None, true, false),
            (None, false, false),
        ];
        for (id, receipt_wanted, receipt_expected) in rows {
            let remote_id = id.map(RemoteId::from);
            let status = CommandStatus::ESME_ROK;
            let verdict = of_response(
                &Profile::default(),
                status,
                remote_id.clone(),
                receipt_wanted,
            );
            assert_eq!(
                verdict.outcome,
                Outcome::Accepted {
                    remote_id,
                    receipt_expected
                }
            );
            assert_eq!(verdict.pressure, Pressure::None);
        }
    }

    #[test]
    fn each_action_has_its_outcome() {
        let profile = Profile {
            statuses: [
                (0x400, Action::NextRoute),
                (0x401, Action::ParkRoute { pause_ms: 9_000 }),
                (0x402, Action::Retry { after_ms: Some(7) }),
            ]
            .into(),
            ..Profile::default()
        };
        let rows = [
            (
                0x58,
                Outcome::Throttled {
                    error: error(0x58, "ESME_RTHROTTLED"),
                },
                Pressure::SlowDown,
            ),
            (
                0x14,
                Outcome::Throttled {
                    error: error(0x14, "ESME_RMSGQFUL"),
                },
                Pressure::SlowDown,
            ),
            (
                0x08,
                Outcome::RetryAfter {
                    error: error(0x08, "ESME_RSYSERR"),
                    after_ms: None,
                },
                Pressure::None,
            ),
            (
                0x0B,
                Outcome::Rejected {
                    error: error(0x0B, "ESME_RINVDSTADR"),
                },
                Pressure::None,
            ),
            (
                0x400,
                Outcome::NextRoute {
                    error: error(0x400, "0x00000400"),
                },
                Pressure::None,
            ),
            (
                0x401,
                Outcome::Throttled {
                    error: error(0x401, "0x00000401"),
                },
                Pressure::Park(9_000),
            ),
            (
                0x402,
                Outcome::RetryAfter {
                    error: error(0x402, "0x00000402"),
                    after_ms: Some(7),
                },
                Pressure::None,
            ),
        ];
        for (value, outcome, pressure) in rows {
            let verdict = of_response(&profile, CommandStatus(value), None, true);
            assert_eq!(verdict, Verdict { outcome, pressure }, "{value:#x}");
        }
    }

    #[test]
    fn no_response_is_unknown_unless_nothing_was_sent() {
        assert_eq!(of_failure(Failure::NotSent), Outcome::NotSent);
        assert_eq!(of_failure(Failure::NotAllowed), Outcome::NotSent);
        let rows = [
            (Failure::TimedOut, "response_timer"),
            (Failure::SessionClosed, "link_lost"),
        ];
        for (failure, name) in rows {
            assert_eq!(
                of_failure(failure),
                Outcome::Unknown {
                    error: error(0, name)
                }
            );
        }
    }
}
