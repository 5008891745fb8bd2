//! The SMPP channel against the simulator: what the engine would see.

#![allow(clippy::unwrap_used)] // the helpers of a test may fail as the test does

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use signalbox_adapters::smpp::{
    BindConfig, InboundConfig, PaceConfig, Profile, SmppChannel, SmppProviderConfig, SubmitConfig,
};
use signalbox_adapters::{Inbox, ToChannel};
use signalbox_codec::CommandStatus;
use signalbox_esme::{BindType, ClientConfig, Secret};
use signalbox_router::{
    Content, DeliveryId, Dispatch, Input, Kind, Message, MessageId, Outcome, Priority,
    ProviderName, RemoteId, State, StateSet, Timestamp, Token,
};
use smsc_sim::{Behaviour, Disconnect, Mo, Smsc};
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

struct Rig {
    smsc: Smsc,
    channel: SmppChannel,
    inbox: mpsc::Receiver<Vec<Input>>,
    /// Taken from the inbox and not yet looked at.
    inputs: Vec<Input>,
    messages: u128,
}

impl Rig {
    async fn start(behaviour: Behaviour, bind_types: &[BindType]) -> Self {
        Self::start_with(behaviour, bind_types, |_| ()).await
    }

    async fn start_with(
        behaviour: Behaviour,
        bind_types: &[BindType],
        change: impl Fn(&mut ClientConfig),
    ) -> Self {
        let smsc = Smsc::builder()
            .seed(7)
            .behaviour(behaviour)
            .start()
            .await
            .unwrap();
        let binds = bind_types.iter().enumerate().map(|(number, bind_type)| {
            let mut client = ClientConfig::new(
                smsc.addr().ip().to_string(),
                "esme",
                Secret::new("password"),
            );
            client.port = smsc.addr().port();
            client.bind_type = *bind_type;
            client.window_size = 10;
            client.bind_retry_delay = Duration::from_millis(20);
            change(&mut client);
            BindConfig {
                name: number.to_string(),
                client,
            }
        });
        let config = SmppProviderConfig {
            name: ProviderName::from("acme"),
            binds: binds.collect(),
            profile: Profile::default(),
            pace: PaceConfig::default(),
            submit: SubmitConfig::default(),
            inbound: InboundConfig::default(),
        };
        let (sender, inbox): (Inbox, _) = mpsc::channel(64);
        let channel = SmppChannel::spawn(config, 1, sender).unwrap();
        Self {
            smsc,
            channel,
            inbox,
            inputs: Vec::new(),
            messages: 0,
        }
    }

    fn dispatch(&mut self, to: &str, texts: &[&str]) {
        let dispatches = texts.iter().map(|text| {
            self.messages += 1;
            let message = message(self.messages, to, text);
            Dispatch {
                delivery: DeliveryId {
                    message: message.id,
                    recipient: 0,
                },
                message: Arc::new(message),
                parts_done: Vec::new(),
                attempt: 1,
            }
        });
        let dispatches = dispatches.collect();
        self.channel
            .handle
            .send(ToChannel::Dispatch(dispatches))
            .unwrap();
    }

    fn acknowledge(&self, token: Token) {
        self.channel
            .handle
            .send(ToChannel::Acknowledge(vec![token]))
            .unwrap();
    }

    /// The next input that `want` makes something of; others are passed over.
    async fn next<T>(&mut self, want: impl Fn(&Input) -> Option<T>) -> T {
        loop {
            for (at, input) in self.inputs.iter().enumerate() {
                if let Some(found) = want(input) {
                    self.inputs.drain(..=at);
                    return found;
                }
            }
            self.inputs = timeout(PATIENCE, self.inbox.recv())
                .await
                .expect("an input in time")
                .expect("the channel lives");
        }
    }

    async fn credit(&mut self) -> u32 {
        self.next(|input| match input {
            Input::Credit { credit, .. } => Some(*credit),
            _ => None,
        })
        .await
    }

    async fn outcome(&mut self) -> (u128, u8, u8, Outcome) {
        self.next(|input| match input {
            Input::Outcome {
                part,
                parts_total,
                outcome,
                ..
            } => {
                let message = part.delivery.message.0;
                Some((message, part.part, *parts_total, outcome.clone()))
            }
            _ => None,
        })
        .await
    }

    async fn receipt(&mut self) -> (Vec<RemoteId>, State, Token) {
        self.next(|input| match input {
            Input::Receipt {
                remote_ids,
                state,
                token,
                ..
            } => Some((remote_ids.clone(), *state, *token)),
            _ => None,
        })
        .await
    }
}

fn message(id: u128, to: &str, text: &str) -> Message {
    Message {
        id: MessageId(id),
        kind: Kind::Outgoing,
        account: Arc::from("shop"),
        from: "100".to_owned(),
        to: vec![to.to_owned()],
        subject: String::new(),
        content: Content::Text(text.to_owned()),
        priority: Priority::Normal,
        accepted_at: Timestamp(0),
        not_before: Timestamp(0),
        expires_at: Timestamp(4_000_000_000_000),
        idempotency_key: String::new(),
        request_hash: 0,
        callback_url: "".into(),
        callback_states: StateSet::NONE,
        parent: None,
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    }
}

fn accepted_id(outcome: Outcome) -> RemoteId {
    match outcome {
        Outcome::Accepted {
            remote_id: Some(remote_id),
            receipt_expected: true,
        } => remote_id,
        other => panic!("not accepted: {other:?}"),
    }
}

#[tokio::test]
async fn a_message_and_its_receipt() {
    let mut rig = Rig::start(Behaviour::default(), &[BindType::Transceiver]).await;
    assert_eq!(rig.credit().await, 10);
    rig.dispatch("sms:+491711234567", &["hello"]);
    let (message, part, parts_total, outcome) = rig.outcome().await;
    assert_eq!((message, part, parts_total), (1, 1, 1));
    let remote_id = accepted_id(outcome);
    let (remote_ids, state, token) = rig.receipt().await;
    assert!(
        remote_ids.contains(&remote_id),
        "{remote_ids:?} without {remote_id:?}"
    );
    assert_eq!(state, State::Delivered);
    rig.acknowledge(token);
    let seen = rig.smsc.messages();
    assert_eq!(seen[0].text().as_deref(), Some("hello"));
    assert_eq!(
        (seen[0].from.as_str(), seen[0].to.as_str()),
        ("100", "491711234567")
    );
}

/// A response after response_timer names the message, so that its receipt is not an orphan.
#[tokio::test]
async fn a_late_response_brings_the_remote_id_before_the_receipt() {
    let behaviour = Behaviour {
        latency: Duration::from_millis(600),
        receipt_delay: Duration::from_millis(200),
        ..Behaviour::default()
    };
    let mut rig = Rig::start_with(behaviour, &[BindType::Transceiver], |client| {
        client.response_timer = Duration::from_millis(200);
    })
    .await;
    rig.credit().await;
    rig.dispatch("sms:+491711234567", &["late"]);
    let (message, part, parts_total, outcome) = rig.outcome().await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    let (late_message, late_part, late_total, outcome) = rig.outcome().await;
    assert_eq!(
        (late_message, late_part, late_total),
        (message, part, parts_total)
    );
    let remote_id = accepted_id(outcome);
    let (remote_ids, state, _) = rig.receipt().await;
    assert!(remote_ids.contains(&remote_id), "{remote_ids:?}");
    assert_eq!(state, State::Delivered);
}

#[tokio::test]
async fn receipt_on_other_bind() {
    let binds = [BindType::Transmitter, BindType::Receiver];
    let mut rig = Rig::start(Behaviour::default(), &binds).await;
    rig.credit().await;
    rig.dispatch("sms:+99900001", &["fails"]);
    let remote_id = accepted_id(rig.outcome().await.3);
    let (remote_ids, state, _) = rig.receipt().await;
    assert!(remote_ids.contains(&remote_id));
    assert_eq!(state, State::Failed);
}

#[tokio::test]
async fn a_long_message_goes_in_parts() {
    let mut rig = Rig::start(Behaviour::default(), &[BindType::Transceiver]).await;
    rig.credit().await;
    let text = "0123456789".repeat(40);
    rig.dispatch("sms:+491711234567", &[&text]);
    for number in 1..=3 {
        let (_, part, parts_total, outcome) = rig.outcome().await;
        assert_eq!((part, parts_total), (number, 3));
        accepted_id(outcome);
    }
    let parts = rig.smsc.messages();
    assert!(parts.iter().all(|part| part.esm_class & 0x40 != 0));
    let texts: Vec<String> = parts.iter().filter_map(smsc_sim::Message::text).collect();
    assert_eq!(texts.concat(), text);
}

#[tokio::test]
async fn an_inbound_message_is_acknowledged_only_when_stored() {
    let mut rig = Rig::start(Behaviour::default(), &[BindType::Transceiver]).await;
    rig.credit().await;
    let mo = Mo::text("+491711234567", "100", "grüße").unwrap().remove(0);
    let smsc = &rig.smsc;
    let answer = smsc.inject_mo(&mo);
    tokio::pin!(answer);
    let inbound = timeout(PATIENCE, async {
        loop {
            for input in rig.inbox.recv().await.unwrap() {
                if let Input::Inbound { message, token } = input {
                    return (message, token);
                }
            }
        }
    });
    let (message, token) = tokio::select! {
        inbound = inbound => inbound.unwrap(),
        answer = &mut answer => panic!("answered before it was stored: {answer:?}"),
    };
    assert_eq!(message.content, Content::Text("grüße".to_owned()));
    assert_eq!(message.from, "+491711234567");
    rig.channel
        .handle
        .send(ToChannel::Acknowledge(vec![token]))
        .unwrap();
    let answer = timeout(PATIENCE, answer).await.unwrap();
    assert_eq!(answer, Ok(CommandStatus::ESME_ROK));
}

#[tokio::test]
async fn throttled_messages_go_back_and_credit_returns_after_the_pause() {
    let behaviour = Behaviour {
        rate_limit: NonZeroU32::new(5),
        ..Behaviour::default()
    };
    let mut rig = Rig::start(behaviour, &[BindType::Transceiver]).await;
    rig.credit().await;
    rig.dispatch("sms:+491711234567", &["x"; 10]);
    rig.next(|input| matches!(input, Input::Down { .. }).then_some(()))
        .await;
    let (mut throttled, mut returned) = (0, 0);
    while throttled == 0 {
        match rig.outcome().await.3 {
            Outcome::Throttled { error } => {
                assert_eq!(error.name(), "ESME_RTHROTTLED");
                throttled += 1;
            }
            Outcome::NotSent => returned += 1,
            other => assert!(matches!(other, Outcome::Accepted { .. }), "{other:?}"),
        }
    }
    assert!(rig.credit().await >= 1, "{returned} came back unsent");
}

#[tokio::test]
async fn a_lost_link_voids_the_credit_and_comes_back() {
    let mut rig = Rig::start(Behaviour::default(), &[BindType::Transceiver]).await;
    rig.credit().await;
    rig.dispatch("sms:+99900030", &["never answered"]);
    rig.smsc
        .wait_for_messages(1, PATIENCE)
        .await
        .expect("it arrives");
    rig.smsc.disconnect_all(Disconnect::Rst);
    match rig.outcome().await.3 {
        Outcome::Unknown { error } => assert_eq!(error.name(), "link_lost"),
        other => panic!("{other:?}"),
    }
    rig.next(|input| matches!(input, Input::Down { .. }).then_some(()))
        .await;
    assert_eq!(rig.credit().await, 10);
    rig.dispatch("sms:+491711234567", &["again"]);
    accepted_id(rig.outcome().await.3);
}

#[tokio::test]
async fn drain_unbinds_and_ends() {
    let mut rig = Rig::start(Behaviour::default(), &[BindType::Transceiver]).await;
    rig.credit().await;
    assert!(rig.channel.status.borrow().bound() == 1);
    rig.channel.handle.send(ToChannel::Drain).unwrap();
    timeout(PATIENCE, rig.channel.task)
        .await
        .expect("it ends")
        .unwrap();
    assert_eq!(rig.channel.status.borrow().bound(), 0);
}
