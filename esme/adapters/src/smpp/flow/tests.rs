//! Credit, binds, windows and outcomes, without a clock and without a link.

use std::collections::HashMap;

use signalbox_codec::CommandId;
use signalbox_codec::segment::LongMessage;
use signalbox_router::{
    Action, Effects, Ledger as _, MemoryLedger, MessageId, Phase, Route, Router, RouterConfig,
    State, Token, UnknownOutcome,
};

use super::*;
use crate::random::Random;
use crate::smpp::testing::{NOW, dispatch, message};

struct Rig {
    flow: Flow,
    now: Instant,
    out: Output,
    messages: u128,
}

impl Rig {
    fn new(can_submit: &[bool], pace: PaceConfig) -> Self {
        let now = Instant::now();
        let (config, profile) = (SubmitConfig::default(), Profile::default());
        let binds = can_submit.iter().copied();
        let flow = Flow::new(
            ProviderName::from("acme"),
            config,
            profile,
            pace,
            binds,
            now,
        );
        Self {
            flow,
            now,
            out: Output::default(),
            messages: 0,
        }
    }

    fn bound(mut self, windows: &[u32]) -> Self {
        for (bind, window) in windows.iter().enumerate() {
            self.flow.bound(bind, *window);
        }
        self
    }

    /// Dispatches texts of so many parts.
    fn dispatch(&mut self, parts: &[usize]) {
        let dispatches = parts.iter().map(|parts| {
            self.messages += 1;
            let mut message = message(&"x".repeat(if *parts == 1 { 1 } else { parts * 153 }));
            message.id = MessageId(self.messages);
            dispatch(message)
        });
        let dispatches = dispatches.collect();
        self.flow.dispatch(self.now, NOW, dispatches, &mut self.out);
    }

    fn answer(&mut self, token: u64, command_status: CommandStatus) {
        let answer = answer(CommandId::SUBMIT_SM_RESP, command_status);
        self.flow.response(self.now, token, &answer, &mut self.out);
    }

    /// Pumps, and says in short what came out for the router.
    fn pump(&mut self) -> Vec<String> {
        self.flow.pump(self.now, &mut self.out);
        self.out
            .inputs
            .drain(..)
            .map(|input| in_short(&input))
            .collect()
    }

    /// What was submitted: bind, message, part.
    fn submits(&mut self) -> Vec<(usize, usize, u8)> {
        let submits = self.out.submits.drain(..);
        submits
            .map(|submit| {
                let (slot, part) = split(submit.token);
                (submit.bind, slot, part)
            })
            .collect()
    }
}

fn answer(command_id: CommandId, command_status: CommandStatus) -> Answer<'static> {
    Answer {
        command_id,
        command_status,
        message_id: Some(b"id"),
        congestion_state: None,
    }
}

fn in_short(input: &Input) -> String {
    match input {
        Input::Credit { credit, .. } => format!("credit {credit}"),
        Input::Down { .. } => "down".to_owned(),
        Input::Outcome {
            part,
            parts_total,
            outcome,
            ..
        } => {
            let word = match outcome {
                Outcome::Accepted { .. } => "accepted",
                Outcome::NotSent => "not sent",
                Outcome::Throttled { .. } => "throttled",
                Outcome::Rejected { .. } => "rejected",
                Outcome::Unknown { .. } => "unknown",
                _ => "other",
            };
            let message = part.delivery.message.0;
            format!("{message}: {}/{parts_total} {word}", part.part)
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn credit_is_the_sum_of_the_windows_that_can_send() {
    let mut rig = Rig::new(&[true, true, false], PaceConfig::default());
    assert_eq!(rig.pump(), [""; 0], "nothing is bound");
    rig.flow.bound(2, 50);
    assert_eq!(rig.pump(), [""; 0], "a receiver cannot send");
    rig.flow.bound(0, 10);
    assert_eq!(rig.pump(), ["credit 10"]);
    rig.flow.bound(1, 5);
    assert_eq!(rig.pump(), ["credit 5"]);
    assert_eq!(rig.pump(), [""; 0], "what was granted is not granted again");
    rig.dispatch(&[1, 1, 1]);
    assert_eq!(rig.pump(), ["credit 3"]);
}

#[test]
fn windows_are_kept_and_the_least_busy_bind_is_taken() {
    let mut rig = Rig::new(&[true, true], PaceConfig::default()).bound(&[2, 2]);
    rig.dispatch(&[1; 6]);
    rig.pump();
    let binds: Vec<usize> = rig.submits().iter().map(|(bind, ..)| *bind).collect();
    assert_eq!(binds, [0, 1, 0, 1]);
    assert_eq!(rig.flow.limiter(rig.now), Limiter::Window);
    rig.answer(join(0, 1, 1), CommandStatus::ESME_ROK);
    let reported = rig.pump();
    assert_eq!(reported[0], "2: 1/1 accepted");
    assert_eq!(rig.submits(), [(1, 4, 1)]);
}

#[test]
fn parts_of_a_message_go_in_order_on_one_bind() {
    let mut rig = Rig::new(&[true, true], PaceConfig::default()).bound(&[2, 9]);
    rig.dispatch(&[3, 1]);
    rig.pump();
    assert_eq!(
        rig.submits(),
        [(0, 0, 1), (0, 0, 2)],
        "the third waits for its bind"
    );
    rig.answer(join(0, 0, 1), CommandStatus::ESME_ROK);
    assert_eq!(rig.pump()[0], "1: 1/3 accepted");
    assert_eq!(rig.submits(), [(0, 0, 3), (1, 1, 1)]);
}

#[test]
fn a_lost_link_gives_back_what_waits_and_voids_the_credit() {
    let mut rig = Rig::new(&[true], PaceConfig::default()).bound(&[1]);
    rig.dispatch(&[1, 1]);
    rig.pump();
    rig.flow
        .failed(join(0, 0, 1), Failure::SessionClosed, &mut rig.out);
    rig.flow.down(0, &mut rig.out);
    assert_eq!(rig.pump(), ["1: 1/1 unknown", "down", "2: 1/1 not sent"]);
    rig.dispatch(&[1]);
    assert_eq!(
        rig.pump(),
        ["3: 1/1 not sent"],
        "a dispatch that crossed the loss"
    );
    rig.flow.bound(0, 1);
    assert_eq!(rig.pump(), ["credit 1"]);
}

#[test]
fn one_of_two_links_lost_keeps_the_other_going() {
    let mut rig = Rig::new(&[true, true], PaceConfig::default()).bound(&[1, 1]);
    rig.dispatch(&[2, 1, 1]);
    rig.pump();
    assert_eq!(rig.submits(), [(0, 0, 1)]);
    rig.flow.down(0, &mut rig.out);
    rig.flow
        .failed(join(0, 0, 1), Failure::NotSent, &mut rig.out);
    let reported = rig.pump();
    assert_eq!(reported[..2], ["1: 2/2 not sent", "1: 1/2 not sent"]);
    assert_eq!(rig.submits(), [(1, 1, 1)]);
}

#[test]
fn throttled_in_order() {
    let mut rig = Rig::new(&[true], PaceConfig::default()).bound(&[2]);
    rig.dispatch(&[1, 1, 1]);
    rig.pump();
    rig.now += Duration::from_millis(1);
    rig.answer(join(0, 0, 1), CommandStatus::ESME_RTHROTTLED);
    assert_eq!(rig.pump(), ["down", "3: 1/1 not sent", "1: 1/1 throttled"]);
    rig.answer(join(0, 1, 1), CommandStatus::ESME_RMSGQFUL);
    assert_eq!(
        rig.pump(),
        ["2: 1/1 throttled"],
        "one reduction for what was under way"
    );
    assert_eq!(rig.flow.limiter(rig.now), Limiter::ClosedLoop);
    let wake = rig.flow.next_wake(rig.now).expect("the pause ends");
    rig.now = wake;
    assert_eq!(rig.pump(), ["credit 1"]);
    rig.dispatch(&[1]);
    rig.pump();
    assert_eq!(
        rig.submits().len(),
        2 + 1 - usize::from(rig.flow.waiting.len() == 1)
    );
}

#[test]
fn a_refused_part_stops_its_siblings() {
    let mut rig = Rig::new(&[true], PaceConfig::default()).bound(&[1]);
    rig.dispatch(&[3, 1]);
    rig.pump();
    rig.answer(join(0, 0, 1), CommandStatus::ESME_RINVDSTADR);
    let reported = rig.pump();
    assert_eq!(
        reported[..3],
        ["1: 2/3 not sent", "1: 3/3 not sent", "1: 1/3 rejected"]
    );
    assert_eq!(rig.submits(), [(0, 0, 1), (0, 1, 1)]);
}

/// A token that came between sending and asking for the next wake-up made the channel sleep with
/// messages in hand until something else woke it.
#[test]
fn a_token_that_has_just_come_is_a_reason_to_wake() {
    let pace = PaceConfig {
        segments_per_second: Some(100.0),
        burst: Some(1),
        ..PaceConfig::default()
    };
    let mut rig = Rig::new(&[true], pace).bound(&[50]);
    rig.pump();
    rig.dispatch(&[3]);
    rig.pump();
    let later = rig.now + Duration::from_millis(15);
    assert_eq!(rig.flow.next_wake(later), Some(later));
}

#[test]
fn the_pace_limits_credit_and_parts() {
    let pace = PaceConfig {
        segments_per_second: Some(100.0),
        burst: Some(1),
        ..PaceConfig::default()
    };
    let mut rig = Rig::new(&[true], pace).bound(&[50]);
    assert_eq!(rig.pump(), ["credit 10"], "a tenth of a second");
    rig.dispatch(&[3]);
    rig.pump();
    assert_eq!(rig.submits().len(), 1, "a token for each part");
    assert_eq!(
        rig.flow.next_wake(rig.now),
        Some(rig.now + Duration::from_millis(10))
    );
    rig.now += Duration::from_millis(10);
    rig.pump();
    assert_eq!(rig.submits().len(), 1);
}

#[test]
fn what_cannot_be_encoded_is_rejected_and_does_not_count() {
    let mut rig = Rig::new(&[true], PaceConfig::default()).bound(&[5]);
    rig.pump();
    let mut wrong = message("x");
    wrong.to = vec!["sms:".to_owned()];
    rig.flow
        .dispatch(rig.now, NOW, vec![dispatch(wrong)], &mut rig.out);
    assert_eq!(rig.pump(), ["7: 1/1 rejected", "credit 1"]);
}

#[test]
fn a_drained_flow_takes_no_more() {
    let mut rig = Rig::new(&[true], PaceConfig::default()).bound(&[1]);
    rig.dispatch(&[1, 1]);
    rig.pump();
    rig.flow.drain(&mut rig.out);
    assert_eq!(rig.pump(), ["down", "2: 1/1 not sent"]);
    rig.answer(join(0, 0, 1), CommandStatus::ESME_ROK);
    rig.dispatch(&[1]);
    assert_eq!(rig.pump(), ["1: 1/1 accepted", "3: 1/1 not sent"]);
}

/// A router with a delivery of three parts, of which it has dispatched those without an outcome;
/// `outcomes` are those of the first dispatch.
fn dispatched_again(outcomes: [Outcome; 3]) -> (Router, MemoryLedger, Dispatch) {
    let route = Route {
        name: "all".to_owned(),
        scheme: "sms".to_owned(),
        prefix: String::new(),
        providers: vec![ProviderName::from("acme")],
        unknown_outcome: UnknownOutcome::default(),
    };
    let config = RouterConfig {
        routes: vec![route],
        ..RouterConfig::default()
    };
    let mut router = Router::new(config, 1);
    let mut ledger = MemoryLedger::new();
    let message = message(&"x".repeat(400));
    let delivery = dispatch(message.clone()).delivery;
    let credit = Input::Credit {
        provider: ProviderName::from("acme"),
        credit: 2,
    };
    let submit = Input::Submit {
        token: Token(1),
        messages: vec![message],
    };
    hand(&mut router, &mut ledger, credit);
    hand(&mut router, &mut ledger, submit);
    let mut dispatches = Vec::new();
    for (part, outcome) in (1..).zip(outcomes) {
        let outcome = Input::Outcome {
            provider: ProviderName::from("acme"),
            part: PartId { delivery, part },
            parts_total: 3,
            outcome,
        };
        dispatches = hand(&mut router, &mut ledger, outcome);
    }
    if dispatches.is_empty() {
        dispatches = hand(&mut router, &mut ledger, Input::Tick);
    }
    let dispatch = dispatches.pop().expect("it goes again");
    (router, ledger, dispatch)
}

/// Gives the router an input; answers with what it dispatches.
fn hand(router: &mut Router, ledger: &mut MemoryLedger, input: Input) -> Vec<Dispatch> {
    let mut effects = Effects::default();
    router
        .handle(NOW, input, ledger, &mut effects)
        .expect("a ledger in memory");
    for record in effects.records {
        ledger.apply(record).expect("a ledger in memory");
    }
    let dispatches = effects
        .actions
        .into_iter()
        .filter_map(|action| match action {
            Action::Dispatch { dispatch, .. } => Some(dispatch),
            _ => None,
        });
    dispatches.collect()
}

/// Parts are open that another encoding does not have: no outcome would leave the delivery
/// dispatched for ever.
#[test]
fn a_change_of_the_encoding_between_parts_ends_the_delivery() {
    let taken = || Outcome::Accepted {
        remote_id: Some("7".into()),
        receipt_expected: true,
    };
    let rows = [
        [taken(), Outcome::NotSent, Outcome::NotSent],
        [taken(), taken(), Outcome::NotSent],
        [taken(), Outcome::NotSent, taken()],
        [Outcome::NotSent, Outcome::NotSent, taken()],
    ];
    for outcomes in rows {
        let (mut router, mut ledger, dispatch) = dispatched_again(outcomes);
        let (delivery, parts_done) = (dispatch.delivery, dispatch.parts_done.clone());
        let mut rig = Rig::new(&[true], PaceConfig::default()).bound(&[5]);
        rig.flow.config.long_message = LongMessage::Payload;
        let dispatches = vec![dispatch];
        rig.flow.dispatch(rig.now, NOW, dispatches, &mut rig.out);
        assert!(rig.out.submits.is_empty());
        for input in std::mem::take(&mut rig.out.inputs) {
            hand(&mut router, &mut ledger, input);
        }
        let known = ledger
            .delivery(delivery)
            .expect("in memory")
            .expect("known");
        let state = (known.state.state, known.state.phase);
        assert_eq!(state, (State::Failed, Phase::Done), "{parts_done:?}");
    }
}

#[test]
fn a_late_response_tells_what_was_unknown_once() {
    const RESP: CommandId = CommandId::SUBMIT_SM_RESP;
    let rows: [(_, _, &[&str]); 5] = [
        (RESP, 0x00, &["1: 2/2 accepted"]),
        (RESP, 0x0B, &["1: 2/2 rejected"]),
        (RESP, 0x58, &["1: 2/2 throttled"]),
        (CommandId::GENERIC_NACK, 0x03, &["1: 2/2 rejected"]),
        (CommandId::GENERIC_NACK, 0x00, &[]),
    ];
    for (command_id, command_status, expected) in rows {
        let mut rig = Rig::new(&[true], PaceConfig::default()).bound(&[2]);
        rig.dispatch(&[2]);
        rig.pump();
        rig.answer(join(0, 0, 1), CommandStatus::ESME_ROK);
        let token = join(0, 0, 2);
        rig.flow.failed(token, Failure::TimedOut, &mut rig.out);
        assert_eq!(rig.pump()[1], "1: 2/2 unknown");
        // The slot serves another message meanwhile.
        rig.dispatch(&[2]);
        rig.pump();
        let answer = answer(command_id, CommandStatus(command_status));
        for expected in [expected, &[]] {
            rig.flow.late_response(token, &answer, &mut rig.out);
            assert_eq!(rig.pump(), expected, "{command_id} {command_status:#x}");
        }
        let lost = join(1, 0, 1);
        rig.flow.failed(lost, Failure::SessionClosed, &mut rig.out);
        rig.pump();
        rig.flow.late_response(lost, &answer, &mut rig.out);
        assert_eq!(rig.pump(), [""; 0], "only what has timed out can be late");
    }
}

/// Whatever happens, each part that was dispatched has exactly one outcome in the end, windows
/// hold, and no more waits than was credited.
#[test]
fn each_part_has_exactly_one_outcome() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut rig = Rig::new(&[true, true], PaceConfig::default());
        let mut credit = 0u32;
        let mut open: HashMap<(u128, u8), u32> = HashMap::new();
        let mut on_wire: Vec<(usize, u64)> = Vec::new();
        let mut windows = [0u32; 2];
        for _ in 0..300 {
            rig.now += Duration::from_millis(random.next_u64() % 20);
            let bind = (random.next_u64() % 2) as usize;
            match random.next_u64() % 8 {
                0 if windows[bind] == 0 => {
                    windows[bind] = 1 + (random.next_u64() % 5) as u32;
                    rig.flow.bound(bind, windows[bind]);
                }
                1 if random.next_u64().is_multiple_of(4) => {
                    windows[bind] = 0;
                    let lost = on_wire.extract_if(.., |(used, _)| *used == bind);
                    for (_, token) in lost.collect::<Vec<_>>() {
                        let failures = [Failure::NotSent, Failure::SessionClosed];
                        let failure = failures[(random.next_u64() % 2) as usize];
                        rig.flow.failed(token, failure, &mut rig.out);
                    }
                    rig.flow.down(bind, &mut rig.out);
                }
                2..=4 if credit > 0 => {
                    credit -= 1;
                    let parts = 1 + (random.next_u64() % 4) as usize;
                    rig.dispatch(&[parts]);
                    for part in 1..=parts {
                        open.insert((rig.messages, part as u8), 0);
                    }
                }
                _ if !on_wire.is_empty() => {
                    let at = (random.next_u64() % on_wire.len() as u64) as usize;
                    let (_, token) = on_wire.swap_remove(at);
                    let statuses = [0, 0, 0, 0, 0x58, 0x0B, 0x08];
                    let status = statuses[(random.next_u64() % 7) as usize];
                    rig.answer(token, CommandStatus(status));
                }
                _ => {}
            }
            rig.flow.pump(rig.now, &mut rig.out);
            for input in rig.out.inputs.drain(..) {
                match input {
                    Input::Credit { credit: more, .. } => credit += more,
                    Input::Down { .. } => credit = 0,
                    Input::Outcome { part, .. } => {
                        let key = (part.delivery.message.0, part.part);
                        let outcomes = open.get_mut(&key).expect("it was dispatched");
                        *outcomes += 1;
                        assert_eq!(*outcomes, 1, "seed {seed}: {key:?}");
                    }
                    other => panic!("seed {seed}: {other:?}"),
                }
            }
            on_wire.extend(
                rig.out
                    .submits
                    .drain(..)
                    .map(|submit| (submit.bind, submit.token)),
            );
            for (bind, window) in windows.iter().enumerate() {
                let used = on_wire.iter().filter(|(used, _)| *used == bind).count();
                assert!(
                    used <= *window as usize,
                    "seed {seed}: window of bind {bind}"
                );
            }
        }
        let mut end = Output::default();
        rig.flow.drain(&mut end);
        for (_, token) in on_wire.drain(..) {
            rig.flow.failed(token, Failure::TimedOut, &mut end);
        }
        for input in end.inputs {
            if let Input::Outcome { part, .. } = input {
                *open
                    .get_mut(&(part.delivery.message.0, part.part))
                    .expect("dispatched") += 1;
            }
        }
        let wrong: Vec<_> = open
            .iter()
            .filter(|(_, outcomes)| **outcomes != 1)
            .collect();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:?}");
    }
}
