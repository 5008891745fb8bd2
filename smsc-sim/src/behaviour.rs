//! What the simulator does with a message, decided from its settings, the destination and the
//! registered_delivery. Pure: it neither waits nor sends. What a decision is, is in `decision.rs`.

use std::num::NonZeroU32;
use std::time::Duration;

use signalbox_codec::CommandStatus;
use signalbox_codec::receipt::ReceiptState;

use crate::decision::{Decision, Outcome, PlannedReceipt, wants_receipt};
use crate::delivery::ReceiptForm;
use crate::fault::ResponseFault;
use crate::ids::{IdForm, IdStyle};
use crate::registry::Disconnect;

/// How long the response waits when the receipt is to overtake it.
const RECEIPT_LEAD: Duration = Duration::from_millis(100);
/// How long a message stays ENROUTE before it is delivered.
const ENROUTE_TIME: Duration = Duration::from_secs(5);
/// How late a late response is.
const LATE_RESPONSE: Duration = Duration::from_secs(10);
/// Country code that nobody has: real numbers are never taken for magic ones.
const MAGIC_COUNTRY_CODE: &[u8] = b"999";

/// How messages are treated, unless their destination is a magic one. It can be changed while
/// sessions are bound and holds for the next message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Delays every response. Default zero.
    pub latency: Duration,
    /// Messages per second and bind, one second's worth at once; what exceeds it is answered with
    /// ESME_RTHROTTLED. Default: no limit.
    pub rate_limit: Option<NonZeroU32>,
    /// From the response to the receipt. Default zero: right after the response.
    pub receipt_delay: Duration,
    /// command_status of the responses; no receipt follows when it is not ESME_ROK.
    /// Default ESME_ROK.
    pub submit_status: CommandStatus,
    /// How message ids are written. Default hexadecimal.
    pub id_style: IdStyle,
}

/// A message that arrived, as far as the decision needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Submission<'a> {
    /// destination_addr.
    pub(crate) destination: &'a [u8],
    /// registered_delivery. SMPP v3.4 §5.2.17.
    pub(crate) registered_delivery: u8,
    /// Whether it exceeds the rate.
    pub(crate) throttled: bool,
}

impl Behaviour {
    /// Decides about a message.
    #[inline]
    pub(crate) fn decide(&self, submission: &Submission<'_>) -> Decision {
        if submission.throttled {
            return self.answer(CommandStatus::ESME_RTHROTTLED);
        }
        match magic_number(submission.destination) {
            Some(number) => self.decide_magic(number, submission.registered_delivery),
            None => self.decide_plainly(submission.registered_delivery),
        }
    }

    /// What happens to a message whose destination means nothing.
    #[inline]
    pub(crate) fn decide_plainly(&self, registered_delivery: u8) -> Decision {
        self.report(registered_delivery, ReceiptState::Delivered, 0)
    }

    /// Accepts a message, and no more.
    pub(crate) fn accept(&self) -> Decision {
        self.answer(CommandStatus::ESME_ROK)
    }

    fn decide_magic(&self, number: u8, registered_delivery: u8) -> Decision {
        let report = |state| self.report(registered_delivery, state, 0);
        let delivered = || report(ReceiptState::Delivered);
        let silent = self.accept();
        match number {
            1 => self.report(registered_delivery, ReceiptState::Undeliverable, 1),
            2 => report(ReceiptState::Expired),
            3 => report(ReceiptState::Deleted),
            4 => report(ReceiptState::Rejected),
            5 => report(ReceiptState::Unknown),
            6 => report(ReceiptState::Accepted),
            7 => self.enroute_first(registered_delivery),
            10 => silent,
            11 => {
                let mut early = delivered();
                early.respond_after = Some(self.latency + RECEIPT_LEAD);
                for receipt in &mut early.receipts {
                    receipt.after = self.latency;
                    receipt.before_response = true;
                }
                early
            }
            12 => {
                let mut twice = delivered();
                twice.receipts.extend_from_within(..);
                twice
            }
            13 => delivered().with_id_form(IdForm::Decimal),
            14 => delivered().with_id_form(IdForm::PaddedHex),
            15 => delivered().with_id_form(IdForm::Unknown),
            20 => self.answer(CommandStatus::ESME_RTHROTTLED),
            21 => self.answer(CommandStatus::ESME_RMSGQFUL),
            22 => self.answer(CommandStatus::ESME_RSYSERR),
            23 => self.answer(CommandStatus::ESME_RINVDSTADR),
            24 => self.answer(CommandStatus::ESME_RINVSRCADR),
            25 => self.answer(CommandStatus::ESME_RSUBMITFAIL),
            30 => Decision {
                respond_after: None,
                ..silent
            },
            31 => Decision {
                respond_after: Some(self.latency + LATE_RESPONSE),
                ..silent
            },
            32 => silent.with_fault(ResponseFault::DisconnectBefore(Disconnect::Fin)),
            33 => silent.with_fault(ResponseFault::DisconnectAfter(Disconnect::Fin)),
            34 => silent.with_fault(ResponseFault::DisconnectBefore(Disconnect::Rst)),
            40 => delivered().with_fault(ResponseFault::Garbage),
            _ => delivered(),
        }
    }

    /// That status in the response, and nothing more.
    #[inline]
    pub(crate) fn answer(&self, command_status: CommandStatus) -> Decision {
        let state = match command_status.is_ok() {
            true => ReceiptState::Delivered,
            false => ReceiptState::Rejected,
        };
        Decision {
            command_status,
            respond_after: Some(self.latency),
            outcome: Outcome {
                state,
                error_code: 0,
                after: self.latency + self.receipt_delay,
            },
            receipts: Vec::new(),
            silent: true,
            mo: None,
            fault: None,
        }
    }

    /// Accepts the message, unless `submit_status` says otherwise, and reports its state if that is
    /// asked for.
    #[inline]
    fn report(&self, registered_delivery: u8, state: ReceiptState, error_code: u16) -> Decision {
        let mut decision = self.answer(self.submit_status);
        if self.submit_status.is_ok() {
            decision.outcome.state = state;
            decision.outcome.error_code = error_code;
        }
        decision.silent = false;
        if self.submit_status.is_ok() && wants_receipt(registered_delivery, state) {
            decision.receipts = vec![PlannedReceipt {
                state,
                error_code,
                after: decision.outcome.after,
                before_response: false,
                id_form: IdForm::Same,
                intermediate: false,
                form: ReceiptForm::default(),
            }];
        }
        decision
    }

    /// ENROUTE, and DELIVRD later. The first is an intermediate notification if those are asked
    /// for, and else a receipt, as SMSCs do that make no difference between the two.
    fn enroute_first(&self, registered_delivery: u8) -> Decision {
        let mut decision = self.report(registered_delivery, ReceiptState::Delivered, 0);
        decision.outcome.after += ENROUTE_TIME;
        if let Some(last) = decision.receipts.first_mut() {
            let enroute = PlannedReceipt {
                state: ReceiptState::Enroute,
                intermediate: registered_delivery & 0x10 != 0,
                ..*last
            };
            last.after += ENROUTE_TIME;
            decision.receipts.insert(0, enroute);
        }
        decision
    }
}

/// The last two digits of a destination under the magic country code.
#[inline]
fn magic_number(destination: &[u8]) -> Option<u8> {
    let digits = destination.strip_prefix(b"+").unwrap_or(destination);
    let number = digits.strip_prefix(MAGIC_COUNTRY_CODE)?;
    let [.., tens @ b'0'..=b'9', units @ b'0'..=b'9'] = number else {
        return None;
    };
    Some((tens - b'0') * 10 + (units - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(behaviour: &Behaviour, destination: &str, registered_delivery: u8) -> Decision {
        behaviour.decide(&Submission {
            destination: destination.as_bytes(),
            registered_delivery,
            throttled: false,
        })
    }

    fn stats(decision: &Decision) -> Vec<&'static str> {
        let receipts = decision.receipts.iter();
        receipts.map(|receipt| receipt.state.stat()).collect()
    }

    #[test]
    fn states_of_the_magic_destinations() {
        let table: &[(&str, &[&str])] = &[
            ("+99900000", &["DELIVRD"]),
            ("99900001", &["UNDELIV"]),
            ("99902", &["EXPIRED"]),
            ("99903", &["DELETED"]),
            ("99904", &["REJECTD"]),
            ("99905", &["UNKNOWN"]),
            ("99906", &["ACCEPTD"]),
            ("99907", &["ENROUTE", "DELIVRD"]),
            ("99910", &[]),
            ("99911", &["DELIVRD"]),
            ("99912", &["DELIVRD", "DELIVRD"]),
            ("99930", &[]),
            ("99940", &["DELIVRD"]),
            ("99977", &["DELIVRD"]),
            ("4912301", &["DELIVRD"]),
            ("+4999901", &["DELIVRD"]),
            ("999", &["DELIVRD"]),
            ("9991", &["DELIVRD"]),
        ];
        for (destination, expected) in table {
            let decision = decide(&Behaviour::default(), destination, 1);
            assert_eq!(&stats(&decision), expected, "{destination}");
            assert_eq!(
                stats(&decide(&Behaviour::default(), destination, 0)).len(),
                0
            );
        }
    }

    #[test]
    fn registered_delivery_is_respected() {
        let table = [
            (1, "49123", 1),
            (2, "49123", 0),
            (3, "49123", 1),
            (2, "99901", 1),
            (3, "99901", 0),
            (2, "99906", 0),
        ];
        for (registered_delivery, destination, receipts) in table {
            let decision = decide(&Behaviour::default(), destination, registered_delivery);
            assert_eq!(
                stats(&decision).len(),
                receipts,
                "{destination} {registered_delivery}"
            );
        }
    }

    #[test]
    fn statuses_and_times_of_the_magic_destinations() {
        let table = [
            ("99920", CommandStatus::ESME_RTHROTTLED, Some(0)),
            ("99921", CommandStatus::ESME_RMSGQFUL, Some(0)),
            ("99922", CommandStatus::ESME_RSYSERR, Some(0)),
            ("99923", CommandStatus::ESME_RINVDSTADR, Some(0)),
            ("99924", CommandStatus::ESME_RINVSRCADR, Some(0)),
            ("99925", CommandStatus::ESME_RSUBMITFAIL, Some(0)),
            ("99911", CommandStatus::ESME_ROK, Some(100)),
            ("99930", CommandStatus::ESME_ROK, None),
            ("99931", CommandStatus::ESME_ROK, Some(10_000)),
        ];
        for (destination, command_status, after_ms) in table {
            let decision = decide(&Behaviour::default(), destination, 1);
            let after = after_ms.map(Duration::from_millis);
            assert_eq!(decision.command_status, command_status, "{destination}");
            assert_eq!(decision.respond_after, after, "{destination}");
        }
    }

    #[test]
    fn faults_of_the_magic_destinations() {
        let before = ResponseFault::DisconnectBefore;
        let table = [
            ("99932", Some(before(Disconnect::Fin)), false),
            (
                "99933",
                Some(ResponseFault::DisconnectAfter(Disconnect::Fin)),
                true,
            ),
            ("99934", Some(before(Disconnect::Rst)), false),
            ("99940", Some(ResponseFault::Garbage), true),
            ("99930", None, false),
            ("99920", None, false),
        ];
        for (destination, fault, accepts) in table {
            let decision = decide(&Behaviour::default(), destination, 1);
            assert_eq!(decision.fault, fault, "{destination}");
            assert_eq!(decision.accepts(), accepts, "{destination}");
        }
    }

    #[test]
    fn settings_hold_for_every_other_destination() {
        let behaviour = Behaviour {
            latency: Duration::from_millis(50),
            receipt_delay: Duration::from_millis(200),
            ..Behaviour::default()
        };
        let decision = decide(&behaviour, "49123", 1);
        assert_eq!(decision.respond_after, Some(Duration::from_millis(50)));
        let receipt = decision.receipts[0];
        assert_eq!(receipt.after, Duration::from_millis(250));

        let refusing = Behaviour {
            submit_status: CommandStatus::ESME_RSYSERR,
            ..behaviour
        };
        let decision = decide(&refusing, "49123", 1);
        assert_eq!(decision.command_status, CommandStatus::ESME_RSYSERR);
        assert_eq!(decision.receipts, []);
    }

    #[test]
    fn what_exceeds_the_rate_is_throttled_before_anything_else() {
        let decision = Behaviour::default().decide(&Submission {
            destination: b"99934",
            registered_delivery: 1,
            throttled: true,
        });
        assert_eq!(decision.command_status, CommandStatus::ESME_RTHROTTLED);
        assert!(decision.fault.is_none() && decision.receipts.is_empty());
    }
}
