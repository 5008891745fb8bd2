//! From when until when a message may be delivered, and what that makes of its outcome. Pure.
//! SMPP v3.4 §5.2.15 (schedule_delivery_time), §5.2.16 (validity_period), §7.1.1 (times).

use std::time::Duration;

use signalbox_codec::time::SmppTime;
use signalbox_codec::{COctetStr, CommandStatus, Pdu, Tag};

use crate::clock::SmscTime;
use crate::decision::Decision;

/// When a message may be delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// From its arrival to its schedule.
    starts_after: Duration,
    /// From its arrival to the end of its validity; `None`: it does not end.
    ends_after: Option<Duration>,
}

impl Lifetime {
    /// Of a message that comes at `at`; `Err` is what it is answered with.
    #[inline]
    pub(crate) fn of(pdu: &Pdu<'_>, at: SmscTime) -> Result<Self, CommandStatus> {
        let (schedule, validity) = match pdu {
            Pdu::SubmitSm(sm) => (sm.schedule_delivery_time, sm.validity_period),
            Pdu::SubmitMulti(sm) => (sm.schedule_delivery_time, sm.validity_period),
            Pdu::BroadcastSm(sm) => (sm.schedule_delivery_time, sm.validity_period),
            Pdu::DataSm(sm) => {
                let seconds = sm.tlvs.get(Tag::QOS_TIME_TO_LIVE);
                let seconds = seconds.and_then(|tlv| <[u8; 4]>::try_from(tlv.value).ok());
                let seconds = seconds.map(|octets| u64::from(u32::from_be_bytes(octets)));
                return Ok(Self {
                    starts_after: Duration::ZERO,
                    ends_after: seconds.map(Duration::from_secs),
                });
            }
            _ => return Ok(Self::default()),
        };
        Self::of_fields(schedule, validity, at)
    }

    #[inline]
    fn of_fields(
        schedule: COctetStr<'_>,
        validity: COctetStr<'_>,
        at: SmscTime,
    ) -> Result<Self, CommandStatus> {
        if schedule.is_empty() && validity.is_empty() {
            return Ok(Self::default());
        }
        let schedule = time(schedule, at).ok_or(CommandStatus::ESME_RINVSCHED)?;
        let validity = time(validity, at).ok_or(CommandStatus::ESME_RINVEXPIRY)?;
        if validity.is_some_and(|ends| ends < at) {
            return Err(CommandStatus::ESME_RINVEXPIRY);
        }
        Ok(Self {
            // A time in the past means at once.
            starts_after: schedule.map_or(Duration::ZERO, |starts| starts.since(at)),
            ends_after: validity.map(|ends| ends.since(at)),
        })
    }

    /// The decision about a message with this lifetime: everything happens after the schedule, and
    /// what would be delivered after the end has expired by then.
    #[inline]
    pub(crate) fn applied_to(self, decision: Decision, registered_delivery: u8) -> Decision {
        let decision = match self.starts_after {
            Duration::ZERO => decision,
            later => decision.delivered_later(later),
        };
        match self.ends_after {
            Some(after) if after < decision.outcome.after => {
                decision.expired(after, registered_delivery)
            }
            _ => decision,
        }
    }
}

/// An absolute or relative time; `None` when it is neither, `Some(None)` when it is empty.
fn time(field: COctetStr<'_>, at: SmscTime) -> Option<Option<SmscTime>> {
    let now_unix_ms = i64::try_from(at.unix_ms()).ok()?;
    let Some(time) = SmppTime::parse(field.as_octets()).ok()? else {
        return Some(None);
    };
    let unix_ms = time.to_unix_ms(now_unix_ms)?;
    // A relative time that is zero ends with this very instant, not with its last whole ms.
    let time = SmscTime::from_unix_ms(u64::try_from(unix_ms).unwrap_or(0));
    let is_this_instant = unix_ms == now_unix_ms;
    Some(Some(if is_this_instant { at } else { time }))
}

#[cfg(test)]
mod tests {
    use signalbox_codec::pdu::Sm;
    use signalbox_codec::receipt::ReceiptState;

    use super::*;
    use crate::behaviour::{Behaviour, Submission};

    /// 2026-01-01T00:00:00Z.
    const AT: SmscTime = SmscTime::from_unix_ms(1_767_225_600_000);

    fn of(schedule: &str, validity: &str) -> Result<Lifetime, CommandStatus> {
        let sm = Sm {
            schedule_delivery_time: COctetStr::new(schedule.as_bytes()).unwrap(),
            validity_period: COctetStr::new(validity.as_bytes()).unwrap(),
            ..Sm::default()
        };
        Lifetime::of(&Pdu::SubmitSm(sm), AT)
    }

    #[test]
    fn times_are_absolute_or_relative_or_refused() {
        let hour = Duration::from_secs(3_600);
        let table = [
            ("", "", Ok((Duration::ZERO, None))),
            ("260101010000000+", "", Ok((hour, None))),
            (
                "000000010000000R",
                "000000020000000R",
                Ok((hour, Some(2 * hour))),
            ),
            ("250101010000000+", "", Ok((Duration::ZERO, None))),
            (
                "",
                "000000000000000R",
                Ok((Duration::ZERO, Some(Duration::ZERO))),
            ),
            ("", "250101010000000+", Err(CommandStatus::ESME_RINVEXPIRY)),
            ("", "000000020000000X", Err(CommandStatus::ESME_RINVEXPIRY)),
            ("261301010000000+", "", Err(CommandStatus::ESME_RINVSCHED)),
        ];
        for (schedule, validity, expected) in table {
            let expected = expected.map(|(starts_after, ends_after)| Lifetime {
                starts_after,
                ends_after,
            });
            assert_eq!(
                of(schedule, validity),
                expected,
                "{schedule:?} {validity:?}"
            );
        }
    }

    #[test]
    fn what_is_delivered_after_its_end_has_expired_at_its_end() {
        let behaviour = Behaviour {
            receipt_delay: Duration::from_secs(3_600),
            ..Behaviour::default()
        };
        let table = [
            ("", "000000020000000R", 1, ReceiptState::Delivered, 3_600, 1),
            ("", "000000003000000R", 1, ReceiptState::Expired, 1_800, 1),
            ("", "000000003000000R", 3, ReceiptState::Expired, 1_800, 0),
            ("", "000000003000000R", 0, ReceiptState::Expired, 1_800, 0),
            (
                "000000020000000R",
                "",
                1,
                ReceiptState::Delivered,
                10_800,
                1,
            ),
            (
                "000000020000000R",
                "000000023000000R",
                2,
                ReceiptState::Expired,
                9_000,
                1,
            ),
        ];
        for (schedule, validity, registered_delivery, state, after, receipts) in table {
            let decision = behaviour.decide(&Submission {
                destination: b"49171",
                registered_delivery,
                throttled: false,
            });
            let lifetime = of(schedule, validity).expect("the times are valid");
            let decision = lifetime.applied_to(decision, registered_delivery);
            let case = format!("{schedule:?} {validity:?} {registered_delivery}");
            let after = Duration::from_secs(after);
            assert_eq!(decision.outcome.state, state, "{case}");
            assert_eq!(decision.outcome.after, after, "{case}");
            let planned: Vec<_> = decision.receipts.iter().collect();
            assert_eq!(planned.len(), receipts, "{case}");
            assert!(planned.iter().all(|r| (r.state, r.after) == (state, after)));
        }
    }

    #[test]
    fn what_was_refused_or_is_to_be_silent_does_not_tell_that_it_expired() {
        let behaviour = Behaviour {
            receipt_delay: Duration::from_secs(3_600),
            ..Behaviour::default()
        };
        let half_an_hour = of("", "000000003000000R").expect("the time is valid");
        let table = [
            (
                "99920",
                false,
                CommandStatus::ESME_RTHROTTLED,
                ReceiptState::Rejected,
            ),
            (
                "49171",
                true,
                CommandStatus::ESME_RTHROTTLED,
                ReceiptState::Rejected,
            ),
            (
                "99910",
                false,
                CommandStatus::ESME_ROK,
                ReceiptState::Expired,
            ),
            (
                "99930",
                false,
                CommandStatus::ESME_ROK,
                ReceiptState::Expired,
            ),
        ];
        for (destination, throttled, status, state) in table {
            let decision = behaviour.decide(&Submission {
                destination: destination.as_bytes(),
                registered_delivery: 1,
                throttled,
            });
            let decision = half_an_hour.applied_to(decision, 1);
            let ended = (decision.command_status, decision.outcome.state);
            assert_eq!(ended, (status, state), "{destination}");
            assert!(decision.receipts.is_empty(), "{destination}");
        }
    }
}
