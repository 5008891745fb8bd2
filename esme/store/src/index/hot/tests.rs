//! Which bodies stay in memory.

use signalbox_router::{Content, Kind, Priority, State, StateSet};

use super::*;

fn message(number: u128) -> Arc<Message> {
    Arc::new(Message {
        id: MessageId(number),
        kind: Kind::Outgoing,
        account: "shop".into(),
        from: String::new(),
        to: vec!["sms:1".into()],
        subject: String::new(),
        content: Content::Text(String::new()),
        priority: Priority::Normal,
        accepted_at: Timestamp(1),
        not_before: Timestamp(0),
        expires_at: Timestamp(9),
        idempotency_key: String::new(),
        request_hash: 0,
        callback_url: "".into(),
        callback_states: StateSet::NONE,
        parent: None,
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    })
}

fn state(phase: Phase) -> DeliveryState {
    DeliveryState {
        state: State::Accepted,
        phase,
        provider: Some("acme".into()),
        ..DeliveryState::default()
    }
}

struct Rig {
    hot: Hot,
    octets_max: usize,
}

impl Rig {
    fn accept(&mut self, number: u128, phase: Phase) {
        let location = Location {
            position: 0,
            octets: 100,
        };
        let states = vec![state(phase)];
        self.hot
            .accept(&message(number), location, states, self.octets_max);
    }

    fn change(&mut self, number: u128, phase: Phase) {
        let delivery = DeliveryId {
            message: MessageId(number),
            recipient: 0,
        };
        assert!(self.hot.change(delivery, Timestamp(2), &mut state(phase)));
    }

    fn with_body(&self) -> Vec<u128> {
        let with_body = self
            .hot
            .messages
            .iter()
            .filter(|(_, hot)| hot.body.is_some());
        let mut numbers: Vec<u128> = with_body.map(|(id, _)| id.0).collect();
        numbers.sort_unstable();
        assert_eq!(
            self.hot.bodies.octets,
            numbers.len() * (100 + size_of::<Message>())
        );
        numbers
    }
}

#[test]
fn bodies_of_what_is_queued_stay_and_of_what_waits_for_a_receipt_go() {
    let mut rig = Rig {
        hot: Hot::default(),
        octets_max: 2 * (100 + size_of::<Message>()),
    };
    for number in 1..=3 {
        rig.accept(number, Phase::Queued);
    }
    assert_eq!(rig.with_body(), [1, 2], "no room for the third");
    rig.accept(4, Phase::Dispatched);
    assert_eq!(
        rig.with_body(),
        [1, 2, 4],
        "what is in flight needs no room"
    );
    rig.change(4, Phase::Done);
    rig.change(1, Phase::AwaitingReceipt);
    rig.accept(5, Phase::Queued);
    assert_eq!(rig.with_body(), [2, 5], "the first waits for its receipt");
    rig.hot.keep_body(&message(3), rig.octets_max);
    assert_eq!(rig.with_body(), [2, 3, 5], "what is asked for stays");
    for number in [1, 2, 3, 5] {
        rig.change(number, Phase::Done);
    }
    assert_eq!(rig.with_body(), []);
}

#[test]
fn the_line_of_what_was_sent_stays_short() {
    let mut rig = Rig {
        hot: Hot::default(),
        octets_max: 1 << 30,
    };
    for number in 1..=10_000 {
        rig.accept(number, Phase::Dispatched);
        rig.change(number, Phase::AwaitingReceipt);
        if number > 10 {
            rig.change(number - 10, Phase::Done);
        }
        assert!(rig.hot.bodies.sent.len() <= SENT_WITHOUT_BODY_MAX + 2 * 11);
    }
    assert_eq!(rig.with_body().len(), 10);
}

#[test]
fn many_recipients_do_not_make_the_line_long() {
    let mut rig = Rig {
        hot: Hot::default(),
        octets_max: 1 << 30,
    };
    let location = Location {
        position: 0,
        octets: 100,
    };
    for number in 1..=20 {
        let states = vec![state(Phase::Queued); 1_000];
        rig.hot
            .accept(&message(number), location, states, rig.octets_max);
    }
    for recipient in 0..1_000 {
        for number in 1..=20 {
            let delivery = DeliveryId {
                message: MessageId(number),
                recipient,
            };
            let mut waiting = state(Phase::AwaitingReceipt);
            assert!(rig.hot.change(delivery, Timestamp(2), &mut waiting));
        }
    }
    let Bodies {
        sent,
        sent_tidied,
        count,
        ..
    } = &rig.hot.bodies;
    assert_eq!(*count, 20);
    assert!(sent.len() <= 2 * sent_tidied.max(count) + SENT_WITHOUT_BODY_MAX);
}
