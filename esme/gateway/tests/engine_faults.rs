//! The engine over a disk that fails: nobody is told what is not on the disk, nothing is done twice
//! when it comes back, and what came from a provider meanwhile is neither lost nor acknowledged too
//! early.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../../store/tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::Duration;

use common::faulty::{Fault, FaultyDisk};
use signalbox::clock::Clock;
use signalbox::engine::{Ending, Engine, EngineConfig, EngineHandle, EngineParts, Refusal};
use signalbox_adapters::{ChannelHandle, Inbox, ToChannel};
use signalbox_router::{
    DeliveryState, Input, Kind, Ledger as _, Message, Phase, ProviderName, Record, Route, Router,
    RouterConfig, Timestamp, Token, UnknownOutcome,
};
use signalbox_store::{Store, StoreConfig};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::oneshot;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

struct Rig {
    disk: FaultyDisk,
    engine: EngineHandle,
    ending: oneshot::Receiver<Ending>,
    inbox: Inbox,
    channel: UnboundedReceiver<ToChannel>,
    clock: Clock,
    _folder: tempfile::TempDir,
}

fn rig() -> Rig {
    rig_with(&[], None)
}

/// An engine over a store that holds these records, on a disk with this fault.
fn rig_with(records: &[Record], fault: Option<Fault>) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new();
    let config = StoreConfig::new(folder.path());
    let open = || Store::open_on(config.clone(), Arc::new(disk.clone())).unwrap();
    let (mut store, _) = open();
    for record in records {
        store.apply(record.clone()).unwrap();
    }
    store.commit().unwrap();
    drop(store);
    let (store, _) = open();
    disk.fail_always(fault);
    let (handle, channel) = ChannelHandle::new(provider());
    let (inbox, inbox_end) = mpsc::channel(16);
    let router = RouterConfig {
        routes: vec![Route {
            name: "10-default".into(),
            scheme: "sms".into(),
            prefix: String::new(),
            providers: vec![provider()],
            unknown_outcome: UnknownOutcome::HoldForReceipt,
        }],
        ..RouterConfig::default()
    };
    let clock = Clock::start();
    let parts = EngineParts {
        router: Router::new(router, 1),
        store,
        channels: vec![handle],
        inbox: inbox_end,
        clock,
    };
    let config = EngineConfig {
        inbox_messages_max: 100,
        drain_timeout: Duration::from_secs(1),
    };
    let (engine, ending) = Engine::spawn(parts, &config).unwrap();
    Rig {
        disk,
        engine,
        ending,
        inbox,
        channel,
        clock,
        _folder: folder,
    }
}

fn provider() -> ProviderName {
    "acme".into()
}

impl Rig {
    fn message(&self, number: u64) -> Message {
        let now = self.clock.now();
        Message {
            to: vec!["sms:+491700000001".into()],
            accepted_at: now,
            expires_at: now.plus_ms(3_600_000),
            ..common::message(number)
        }
    }

    async fn next(&mut self) -> ToChannel {
        timeout(PATIENCE, self.channel.recv())
            .await
            .expect("something is sent")
            .unwrap()
    }
}

#[tokio::test]
async fn nothing_is_done_twice_or_told_too_early_when_the_disk_fails_for_a_while() {
    let mut rig = rig();
    rig.disk.fail_always(Some(Fault::Io));
    let refusal = rig.engine.submit(vec![rig.message(1)]).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Undecided(_)), "{refusal}");
    let refusal = rig.engine.submit(vec![rig.message(2)]).await.unwrap_err();
    assert!(matches!(refusal, Refusal::StoreFailed(_)), "{refusal}");
    assert!(!rig.engine.is_ready());

    // The channel goes on, not knowing: credit, and a message from a phone.
    let inbound = Message {
        kind: Kind::Inbound,
        provider: Some("acme".into()),
        not_before: Timestamp(0),
        ..rig.message(3)
    };
    let credit = Input::Credit {
        provider: provider(),
        credit: 10,
    };
    let inbound = Input::Inbound {
        message: Box::new(inbound),
        token: Token(77),
    };
    rig.inbox.send(vec![credit, inbound]).await.unwrap();
    let early = timeout(Duration::from_millis(500), rig.channel.recv()).await;
    assert!(early.is_err(), "{early:?} before the disk was back");

    rig.disk.fail_always(None);
    let (mut dispatched, mut acknowledged) = (Vec::new(), Vec::new());
    while dispatched.is_empty() || acknowledged.is_empty() {
        match rig.next().await {
            ToChannel::Dispatch(dispatches) => dispatched.extend(dispatches),
            ToChannel::Acknowledge(tokens) => acknowledged.extend(tokens),
            ToChannel::Drain => panic!("nobody asked to stop"),
        }
    }
    assert_eq!(acknowledged, [Token(77)]);
    assert_eq!(
        dispatched.len(),
        1,
        "one message was written, and it goes out once"
    );
    assert!(rig.engine.submit(vec![rig.message(4)]).await.is_ok());
    match rig.next().await {
        ToChannel::Dispatch(dispatches) => assert_eq!(dispatches.len(), 1),
        other => panic!("{other:?}"),
    }
    assert!(rig.channel.try_recv().is_err(), "nothing is sent again");
}

/// What was under way when the process ended needs a record each before anything else is done.
#[tokio::test]
async fn an_engine_that_starts_on_a_full_disk_waits_for_space() {
    let under_way = Record::Accepted {
        message: Arc::new(common::message(1)),
        states: vec![DeliveryState {
            phase: Phase::Dispatched,
            provider: Some(provider()),
            ..DeliveryState::default()
        }],
    };
    let mut rig = rig_with(&[under_way], Some(Fault::Full));
    for _ in 0..3 {
        let refusal = rig.engine.submit(vec![rig.message(2)]).await.unwrap_err();
        assert!(matches!(refusal, Refusal::DiskFull), "{refusal}");
    }
    assert!(rig.ending.try_recv().is_err(), "it goes on");
    rig.disk.fail_always(None);
    let accepted = async {
        while rig.engine.submit(vec![rig.message(3)]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, accepted).await.expect("work is taken");
}

#[tokio::test]
async fn an_engine_that_cannot_write_its_last_batch_says_so_at_its_end() {
    let rig = rig_with(&[], Some(Fault::Io));
    let refusal = rig.engine.submit(vec![rig.message(1)]).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Undecided(_)), "{refusal}");
    rig.engine.stop().await;
    let ending = timeout(PATIENCE, rig.ending).await.expect("it ends");
    assert_eq!(ending, Ok(Ending::Broken));
}
