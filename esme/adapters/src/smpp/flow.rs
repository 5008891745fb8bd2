//! Which dispatch goes to which bind, and when; how much credit the router gets; what is reported
//! of each part. Pure: `now` comes in, inputs for the router and PDUs for the links come out.
//!
//! ```text
//! credit --> router --dispatch--> waiting (in order) --token, window--> in flight --> outcome
//!   ^                                 |                                     |
//!   |                                 +-- link lost, slow down: not sent ---+
//!   +--- waiting + credit <= sum of windows, and <= what the pace allows in 100 ms
//! ```
//!
//! Nothing waits here that the router did not get credit for. When the provider asks to slow down,
//! all that waits goes back, so that nothing overtakes the message that was throttled.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use signalbox_codec::CommandStatus;
use signalbox_esme::Failure;
use signalbox_router::{
    DeliveryId, Dispatch, ErrorCode, Input, Outcome, PartId, ProviderName, Timestamp,
};

use super::answer::Answer;
use super::config::SubmitConfig;
use super::encode::{SubmitPart, encode};
use super::inbound::remote_id;
use super::late::{LatePart, LateParts};
use super::outcome::{Pressure, Verdict, of_failure, of_response};
use super::pace::{Pace, PaceConfig};
use super::profile::Profile;
use super::reference::References;
use super::slot::{Slot, Slots, join, split};
use super::status::{Counters, Limiter};

/// Time whose worth of segments may be credited ahead: long enough to keep the links busy while
/// the engine makes a batch durable, short enough that little can no longer be cancelled.
const CREDIT_AHEAD: Duration = Duration::from_millis(100);
/// Octets that the bodies of PDUs are cut from at a time.
const BUFFER_OCTETS: usize = 32 * 1024;

/// What the flow wants done.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// For the router, in order.
    pub(super) inputs: Vec<Input>,
    /// For the links, in order.
    pub(super) submits: Vec<Submit>,
}

/// A submit_sm for a bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submit {
    /// The bind, by its position in the configuration.
    pub(super) bind: usize,
    /// Handed back with the response.
    pub(super) token: u64,
    /// Body of the PDU.
    pub(super) body: Bytes,
}

/// The flow of one provider.
#[derive(Debug)]
pub(super) struct Flow {
    provider: ProviderName,
    config: SubmitConfig,
    profile: Profile,
    pace: Pace,
    binds: Vec<Bind>,
    references: References,
    slots: Slots,
    waiting: VecDeque<Waiting>,
    late: LateParts,
    /// Deliveries that the router may still dispatch.
    credit: u32,
    draining: bool,
    pub(super) counters: Counters,
    buffer: BytesMut,
    parts: Vec<SubmitPart>,
}

#[derive(Clone, Copy, Debug)]
struct Bind {
    can_submit: bool,
    /// 0 while it is not bound.
    window: u32,
    in_flight: u32,
}

/// A part that has not left.
#[derive(Debug)]
struct Waiting {
    slot: usize,
    part: SubmitPart,
}

impl Flow {
    /// `can_submit` tells of each bind whether it can carry submit_sm.
    pub(super) fn new(
        provider: ProviderName,
        config: SubmitConfig,
        profile: Profile,
        pace: PaceConfig,
        can_submit: impl IntoIterator<Item = bool>,
        now: Instant,
    ) -> Self {
        let bind = |can_submit| Bind {
            can_submit,
            window: 0,
            in_flight: 0,
        };
        Self {
            provider,
            config,
            profile,
            pace: Pace::new(pace, now),
            binds: can_submit.into_iter().map(bind).collect(),
            references: References::default(),
            slots: Slots::default(),
            waiting: VecDeque::new(),
            late: LateParts::default(),
            credit: 0,
            draining: false,
            counters: Counters::default(),
            buffer: BytesMut::new(),
            parts: Vec::new(),
        }
    }

    /// A bind can be used.
    pub(super) fn bound(&mut self, bind: usize, window: u32) {
        self.binds[bind].window = window;
    }

    /// A bind is gone. What was in flight on it is reported by [`Self::failed`] part by part.
    pub(super) fn down(&mut self, bind: usize, out: &mut Output) {
        if self.binds[bind].window == 0 {
            return;
        }
        self.binds[bind].window = 0;
        if self.windows() == 0 {
            self.withdraw(out);
        } else {
            self.give_back(out, |slot| slot.bind == Some(bind));
        }
    }

    /// Dispatches of the router.
    pub(super) fn dispatch(
        &mut self,
        now: Instant,
        time: Timestamp,
        dispatches: Vec<Dispatch>,
        out: &mut Output,
    ) {
        for dispatch in dispatches {
            self.credit = self.credit.saturating_sub(1);
            self.start(now, time, &dispatch, out);
        }
    }

    /// The answer to a part.
    pub(super) fn response(
        &mut self,
        now: Instant,
        token: u64,
        answer: &Answer<'_>,
        out: &mut Output,
    ) {
        let (index, part) = split(token);
        let slot = self.slots[index];
        self.leave_window(slot.bind);
        if let Some(congestion_state) = answer.congestion_state {
            self.pace.on_congestion(now, congestion_state);
        }
        let status = answer.command_status;
        let verdict = if answer.says_nothing() {
            let error = ErrorCode::new(0, "generic_nack");
            Verdict {
                outcome: Outcome::Unknown { error },
                pressure: Pressure::None,
            }
        } else {
            let remote_id = answer.message_id.and_then(remote_id);
            of_response(&self.profile, status, remote_id, slot.receipt_wanted)
        };
        if status == CommandStatus::ESME_ROK {
            self.pace
                .on_accepted(now, 1, now.saturating_duration_since(slot.sent_at));
        }
        let part_id = PartId {
            delivery: slot.delivery,
            part,
        };
        if verdict.pressure != Pressure::SlowDown {
            self.pace.on_not_throttled(part_id);
        }
        let slowed = match verdict.pressure {
            Pressure::None => false,
            Pressure::SlowDown => self.pace.on_throttled(now, slot.sent_at, part_id),
            Pressure::Park(pause_ms) => {
                self.pace.park(now, Duration::from_millis(pause_ms));
                true
            }
        };
        if slowed {
            self.withdraw(out);
        }
        self.finish(index, part, verdict.outcome, out);
    }

    /// A part will have no answer in time.
    pub(super) fn failed(&mut self, token: u64, failure: Failure, out: &mut Output) {
        let (index, part) = split(token);
        let slot = self.slots[index];
        self.leave_window(slot.bind);
        if failure == Failure::TimedOut {
            let part = PartId {
                delivery: slot.delivery,
                part,
            };
            let late = LatePart {
                part,
                parts_total: slot.parts_total,
                receipt_wanted: slot.receipt_wanted,
            };
            self.late.insert(token, late);
        }
        self.finish(index, part, of_failure(failure), out);
    }

    /// The answer to a part that has failed as timed out: what was reported as unknown is known.
    /// It is too old to say anything of the pace.
    pub(super) fn late_response(&mut self, token: u64, answer: &Answer<'_>, out: &mut Output) {
        let Some(late) = self.late.take(token) else {
            return;
        };
        if answer.says_nothing() {
            return;
        }
        let remote_id = answer.message_id.and_then(remote_id);
        let status = answer.command_status;
        let verdict = of_response(&self.profile, status, remote_id, late.receipt_wanted);
        let PartId { delivery, part } = late.part;
        self.report(delivery, part, late.parts_total, verdict.outcome, out);
    }

    /// Takes and sends no more; what is in flight goes on.
    pub(super) fn drain(&mut self, out: &mut Output) {
        self.draining = true;
        self.withdraw(out);
    }

    /// Sends what may go, and grants the credit that is free. Called after everything else.
    pub(super) fn pump(&mut self, now: Instant, out: &mut Output) {
        self.submit_waiting(now, out);
        if self.draining {
            return;
        }
        let ahead = self.windows().min(self.pace.allowance(now, CREDIT_AHEAD));
        let used = self.credit.saturating_add(self.waiting.len() as u32);
        let credit = ahead.saturating_sub(used);
        if credit > 0 {
            self.credit += credit;
            out.inputs.push(Input::Credit {
                provider: self.provider.clone(),
                credit,
            });
        }
    }

    /// When [`Self::pump`] must be called although nothing happened.
    pub(super) fn next_wake(&mut self, now: Instant) -> Option<Instant> {
        let wanting = self.windows() > 0 && !self.draining;
        if self.pace.is_paused(now) {
            return self.pace.next_at(now).filter(|_| wanting);
        }
        let blocked = self.waiting.is_empty() || self.room() == 0;
        if blocked {
            None
        } else {
            // A token that is there already may have come after `pump` looked.
            Some(self.pace.next_at(now).unwrap_or(now))
        }
    }

    /// Parts on the wire.
    pub(super) fn in_flight(&self) -> u32 {
        self.binds.iter().map(|bind| bind.in_flight).sum()
    }

    /// What limits at the moment.
    pub(super) fn limiter(&self, now: Instant) -> Limiter {
        if self.windows() == 0 {
            Limiter::LinkDown
        } else if self.pace.is_paused(now) {
            Limiter::ClosedLoop
        } else if self.room() == 0 {
            Limiter::Window
        } else if self.waiting.is_empty() {
            Limiter::EmptyQueue
        } else if self.pace.is_throttled() {
            Limiter::ClosedLoop
        } else {
            Limiter::Pace
        }
    }

    /// Segments per second allowed at the moment.
    pub(super) const fn rate(&self) -> f64 {
        self.pace.rate()
    }

    /// Encodes a dispatch and puts its parts in line, or reports why not.
    fn start(&mut self, now: Instant, time: Timestamp, dispatch: &Dispatch, out: &mut Output) {
        if self.buffer.capacity() < BUFFER_OCTETS / 8 {
            self.buffer = BytesMut::with_capacity(BUFFER_OCTETS);
        }
        self.parts.clear();
        let submission = match encode(
            &self.config,
            dispatch,
            time,
            &mut self.references,
            &mut self.buffer,
            &mut self.parts,
        ) {
            Ok(submission) => submission,
            Err(error) => {
                let outcome = Outcome::Rejected {
                    error: error.error_code(),
                };
                return self.report(dispatch.delivery, 1, 1, outcome, out);
            }
        };
        let parts_total = submission.parts_total;
        if self.parts.is_empty() || dispatch.parts_done.iter().any(|part| *part > parts_total) {
            return self.refuse_other_plan(dispatch, parts_total, out);
        }
        if self.windows() == 0 || self.pace.is_paused(now) || self.draining {
            for part in std::mem::take(&mut self.parts) {
                let outcome = Outcome::NotSent;
                self.report(dispatch.delivery, part.number, parts_total, outcome, out);
            }
            return;
        }
        let slot = Slot {
            run: 0,
            delivery: dispatch.delivery,
            parts_total,
            receipt_wanted: submission.receipt_wanted,
            bind: None,
            parts_open: self.parts.len() as u16,
            sent_at: now,
        };
        let slot = self.slots.keep(slot);
        self.waiting
            .extend(self.parts.drain(..).map(|part| Waiting { slot, part }));
    }

    /// The message would be cut into other parts than those that the provider has: the settings of
    /// the encoding have changed since. It cannot be made whole; its first open part ends it.
    #[cold]
    fn refuse_other_plan(&mut self, dispatch: &Dispatch, parts_total: u8, out: &mut Output) {
        let is_open = |part: &u8| !dispatch.parts_done.contains(part);
        let part = (1..=u8::MAX).find(is_open).unwrap_or(u8::MAX);
        let error = ErrorCode::new(
            CommandStatus::ESME_RSUBMITFAIL.0,
            "parts of the message were sent in another encoding",
        );
        let outcome = Outcome::Rejected { error };
        self.report(dispatch.delivery, part, parts_total.max(part), outcome, out);
    }

    fn submit_waiting(&mut self, now: Instant, out: &mut Output) {
        let wanted = self.room().min(self.waiting.len() as u32);
        if wanted == 0 {
            return;
        }
        let mut tokens = self.pace.take(now, wanted);
        while tokens > 0
            && let Some(front) = self.waiting.front()
            && let Some(bind) = self.bind_for(self.slots[front.slot].bind)
        {
            let Waiting { slot: index, part } = self.waiting.pop_front().expect("seen above");
            let slot = &mut self.slots[index];
            slot.bind = Some(bind);
            slot.sent_at = now;
            self.binds[bind].in_flight += 1;
            self.counters.submitted += 1;
            tokens -= 1;
            out.submits.push(Submit {
                bind,
                token: join(slot.run, index, part.number),
                body: part.body,
            });
        }
        self.pace.give_back(tokens);
    }

    /// The bind that a message already uses, or the one with the least in flight; only with room.
    fn bind_for(&self, used: Option<usize>) -> Option<usize> {
        let has_room = |bind: &Bind| bind.can_submit && bind.in_flight < bind.window;
        match used {
            Some(index) => has_room(&self.binds[index]).then_some(index),
            None => {
                let free = self
                    .binds
                    .iter()
                    .enumerate()
                    .filter(|(_, bind)| has_room(bind));
                free.min_by_key(|(_, bind)| bind.in_flight)
                    .map(|(index, _)| index)
            }
        }
    }

    /// All credit is void and all that waits goes back to the router.
    fn withdraw(&mut self, out: &mut Output) {
        self.credit = 0;
        out.inputs.push(Input::Down {
            provider: self.provider.clone(),
        });
        self.give_back(out, |_| true);
    }

    /// Reports the waiting parts of the slots that `which` names as not sent.
    fn give_back(&mut self, out: &mut Output, which: impl Fn(&Slot) -> bool) {
        for _ in 0..self.waiting.len() {
            let waiting = self.waiting.pop_front().expect("its length was asked for");
            if which(&self.slots[waiting.slot]) {
                self.close_part(waiting.slot, waiting.part.number, Outcome::NotSent, out);
            } else {
                self.waiting.push_back(waiting);
            }
        }
    }

    /// A part has its outcome; after a refusal the parts that wait are not sent any more.
    fn finish(&mut self, index: usize, part: u8, outcome: Outcome, out: &mut Output) {
        let refused = matches!(
            outcome,
            Outcome::Rejected { .. } | Outcome::NextRoute { .. }
        );
        let others_open = self.slots[index].parts_open > 1;
        if refused && others_open {
            let delivery = self.slots[index].delivery;
            self.give_back(out, |slot| slot.delivery == delivery);
        }
        self.close_part(index, part, outcome, out);
    }

    fn close_part(&mut self, index: usize, part: u8, outcome: Outcome, out: &mut Output) {
        let slot = &mut self.slots[index];
        slot.parts_open -= 1;
        let (delivery, parts_total) = (slot.delivery, slot.parts_total);
        if slot.parts_open == 0 {
            self.slots.release(index);
        }
        self.report(delivery, part, parts_total, outcome, out);
    }

    fn report(
        &mut self,
        delivery: DeliveryId,
        part: u8,
        parts_total: u8,
        outcome: Outcome,
        out: &mut Output,
    ) {
        self.counters.count(&outcome);
        out.inputs.push(Input::Outcome {
            provider: self.provider.clone(),
            part: PartId { delivery, part },
            parts_total,
            outcome,
        });
    }

    fn leave_window(&mut self, bind: Option<usize>) {
        let bind = bind.expect("a part that was submitted has a bind");
        self.binds[bind].in_flight -= 1;
    }

    fn windows(&self) -> u32 {
        let sending = self.binds.iter().filter(|bind| bind.can_submit);
        sending.map(|bind| bind.window).sum()
    }

    fn room(&self) -> u32 {
        let sending = self.binds.iter().filter(|bind| bind.can_submit);
        sending
            .map(|bind| bind.window.saturating_sub(bind.in_flight))
            .sum()
    }
}

#[cfg(test)]
mod tests;
