//! Long random lives of two sessions: whatever happens, every accepted request ends exactly once.

#![expect(
    clippy::disallowed_methods,
    reason = "a failing seed is repeated through the environment"
)]

use std::collections::HashSet;
use std::time::Duration;

use bytes::BytesMut;
use signalbox_codec::{CommandId, CommandStatus, Pdu};
use signalbox_session::{BindType, SendError};

use crate::common::{End, Pair, Seen, deliver_sm, raw, submit_sm, submit_sm_resp};

/// Lives per run of the test; `SEED=n` in the environment repeats one.
const SEEDS: u64 = 300;

const STEPS: usize = 400;

struct Random(u64);

impl Random {
    /// xorshift64*.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % limit
    }
}

/// Requests of one side that were accepted and have not ended.
#[derive(Default)]
struct Open(HashSet<u64>);

impl Open {
    fn settle(&mut self, end: &mut End, seed: u64) -> Vec<u32> {
        let mut asked = Vec::new();
        for seen in end.take_seen() {
            match seen {
                Seen::Response(token, ..) | Seen::Failed(token, _) => {
                    assert!(self.0.remove(&token), "seed {seed}: {token} ended twice");
                }
                Seen::Request(_, number) => asked.push(number),
                _ => {}
            }
        }
        assert_eq!(
            end.session.in_flight() as usize,
            self.0.len(),
            "seed {seed}"
        );
        asked
    }
}

#[test]
fn every_accepted_request_ends_exactly_once() {
    let seeds = match std::env::var("SEED").map(|seed| seed.parse()) {
        Ok(Ok(seed)) => seed..seed + 1,
        _ => 1..SEEDS,
    };
    for seed in seeds {
        life(seed);
    }
}

fn life(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let window = 1 + random.below(20) as u32;
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| {
        config.window_size = window;
        config.inbound_window_size = 15;
    });
    if random.below(2) == 0 {
        pair.esme.session.set_next_sequence_number(0x7FFF_FFFF - 50);
    }
    pair.latency = Duration::from_millis(random.below(200));
    let (mut esme, mut smsc) = (Open::default(), Open::default());
    let mut to_answer = (Vec::new(), Vec::new());
    for token in 0..STEPS as u64 {
        step(
            &mut pair,
            &mut random,
            token,
            (&mut esme, &mut smsc),
            &mut to_answer,
        );
        to_answer.0.extend(esme.settle(&mut pair.esme, seed));
        to_answer.1.extend(smsc.settle(&mut pair.smsc, seed));
        assert!(pair.esme.session.in_flight() <= window, "seed {seed}");
    }
    pair.esme.session.handle_transport_closed(pair.now);
    pair.smsc.session.handle_transport_closed(pair.now);
    esme.settle(&mut pair.esme, seed);
    smsc.settle(&mut pair.smsc, seed);
    assert!(esme.0.is_empty() && smsc.0.is_empty(), "seed {seed}");
}

fn step(
    pair: &mut Pair,
    random: &mut Random,
    token: u64,
    (esme, smsc): (&mut Open, &mut Open),
    to_answer: &mut (Vec<u32>, Vec<u32>),
) {
    let now = pair.now;
    match random.below(100) {
        0..=39 => request(&mut pair.esme, esme, token, now, &submit_sm(b"text")),
        40..=49 => request(&mut pair.smsc, smsc, token, now, &deliver_sm(b"text")),
        50..=69 => answer(
            &mut pair.smsc,
            &mut to_answer.1,
            random,
            now,
            &submit_sm_resp(),
        ),
        70..=74 => {
            let resp = Pdu::DeliverSmResp(signalbox_codec::pdu::MessageIdResp::default());
            answer(&mut pair.esme, &mut to_answer.0, random, now, &resp);
        }
        75..=84 => pair.run(),
        85..=94 => pair.advance(Duration::from_millis(random.below(2_000))),
        95 => pair.advance(Duration::from_secs(random.below(40))),
        96 => {
            // A response that is made up, perhaps right.
            let number = random.below(40) as u32;
            let response = raw(
                CommandId::SUBMIT_SM_RESP,
                CommandStatus::ESME_ROK,
                number,
                b"\0",
            );
            pair.run();
            pair.esme.feed(now, &response);
        }
        97 if random.below(10) == 0 => pair.esme.session.unbind(now),
        98 if random.below(20) == 0 => pair.smsc.session.close(now),
        99 if random.below(20) == 0 => {
            let mut octets = BytesMut::new();
            pair.esme.session.poll_transmit(&mut octets);
            let unwritten = random.below(octets.len() as u64 + 1);
            pair.esme.session.handle_unwritten(unwritten as usize);
            pair.esme.session.handle_transport_closed(now);
        }
        _ => {}
    }
}

fn request(end: &mut End, open: &mut Open, token: u64, now: std::time::Instant, pdu: &Pdu<'_>) {
    match end.session.request(now, token, pdu) {
        Ok(_) => {
            open.0.insert(token);
        }
        Err(SendError::WindowFull) => assert_eq!(end.session.window_free(), 0),
        Err(error) => assert_eq!((error, end.session.window_free()), (SendError::NotBound, 0)),
    }
}

fn answer(
    end: &mut End,
    numbers: &mut Vec<u32>,
    random: &mut Random,
    now: std::time::Instant,
    pdu: &Pdu<'_>,
) {
    if numbers.is_empty() {
        return;
    }
    let index = random.below(numbers.len() as u64) as usize;
    let number = numbers.swap_remove(index);
    let answered = end
        .session
        .respond(now, number, CommandStatus::ESME_ROK, pdu);
    assert!(
        answered != Err(SendError::NoSuchRequest),
        "{number} was asked"
    );
}
