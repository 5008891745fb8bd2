//! The SMSC's own clock: what follows it, what it answers, and that nothing else decides.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::{Duration, Instant};

use signalbox_codec::{CommandId, CommandStatus};
use smsc_sim::{Behaviour, ClockError, ClockMode, FiredKind, Match, Scenario, Smsc};

use support::{Client, PATIENCE};

/// 2026-01-01T00:00:00Z.
const NEW_YEAR_MS: u64 = 1_767_225_600_000;
const TWO_DAYS: Duration = Duration::from_secs(48 * 3_600);

async fn virtual_smsc(behaviour: Behaviour) -> Smsc {
    let builder = Smsc::builder().seed(7).behaviour(behaviour);
    builder.virtual_clock(NEW_YEAR_MS).start().await.unwrap()
}

#[tokio::test]
async fn receipts_of_two_days_come_when_the_clock_is_advanced() {
    const MESSAGES: usize = 1_000;
    let smsc = virtual_smsc(Behaviour {
        receipt_delay: TWO_DAYS,
        ..Behaviour::default()
    })
    .await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.submit_many("49171", MESSAGES).await;
    for _ in 0..MESSAGES {
        assert_eq!(client.read().await.command_id(), CommandId::SUBMIT_SM_RESP);
    }
    let early = client.read_within(Duration::from_millis(100)).await;
    assert_eq!(early, None, "the clock stands");

    let asked = Instant::now();
    let fired = smsc.clock().advance(TWO_DAYS).await.unwrap();
    let took = asked.elapsed();
    let goal = support::goal(Duration::from_millis(100));
    assert!(took <= goal, "{took:?}");
    assert_eq!(fired.len(), MESSAGES);
    let due_ms = NEW_YEAR_MS + u64::try_from(TWO_DAYS.as_millis()).unwrap();
    assert!(fired.iter().all(|fired| fired.what == FiredKind::Delivery));
    assert!(fired.iter().all(|fired| fired.unix_ms == due_ms));
    for _ in 0..MESSAGES {
        let receipt = client.read().await;
        let text = String::from_utf8_lossy(&receipt.octets).into_owned();
        assert!(text.contains("submit date:2601010000 done date:2601030000"));
    }
}

#[tokio::test]
async fn responses_and_rates_wait_for_the_clock_too() {
    let smsc = virtual_smsc(Behaviour {
        latency: Duration::from_secs(3_600),
        rate_limit: std::num::NonZeroU32::new(1),
        ..Behaviour::default()
    })
    .await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.submit_many("49171", 2).await;
    let early = client.read_within(Duration::from_millis(100)).await;
    assert_eq!(early, None, "the clock stands");
    let fired = smsc.clock().advance(Duration::from_secs(3_600)).await;
    let kinds: Vec<FiredKind> = fired.unwrap().iter().map(|fired| fired.what).collect();
    use FiredKind::{Delivery, Response};
    assert_eq!(kinds, [Response, Delivery, Response]);
    let mut statuses = Vec::new();
    for _ in kinds {
        statuses.push(client.read().await.header.command_status.0);
    }
    assert_eq!(
        statuses,
        [0, 0, 0x58],
        "one a second, and no second has passed"
    );
}

#[tokio::test]
async fn a_real_clock_may_be_moved_and_goes_on() {
    let smsc = support::smsc(|s| s.behaviour.receipt_delay = TWO_DAYS).await;
    assert_eq!(smsc.clock().mode(), ClockMode::Real);
    let mut client = Client::transceiver(smsc.addr()).await;
    client.submit("49171", "hello").await;
    client.read().await;
    let almost = TWO_DAYS - Duration::from_millis(300);
    assert_eq!(smsc.clock().advance(almost).await.unwrap(), []);
    assert_eq!(client.read().await.command_id(), CommandId::DELIVER_SM);

    smsc.clock().set_mode(ClockMode::Virtual).await;
    let now_unix_ms = smsc.clock().unix_ms();
    let back = smsc.clock().advance_to(now_unix_ms - 1).await;
    assert_eq!(back, Err(ClockError::Backwards { now_unix_ms }));
}

/// Delays and losses that are drawn for each message.
const DRAWN: &str = "
[[rules]]
match = { destination = '49*' }
respond = { delay = { lognormal = { median = '800ms', sigma = 1.0 } } }
receipts = [{ state = 'DELIVRD', after = { uniform = { min = '1s', max = '5s' } } }]
[[faults]]
type = 'drop_response'
toxicity = 0.3
";

/// What a client reads that sends the same, one by one, with the clock at the same times, and when
/// its session did what by that clock. With `disturbed`, another bind sends too and time passes on
/// the machine's clock.
async fn transcript(seed: u64, disturbed: bool) -> (Vec<Vec<u8>>, Vec<u64>) {
    let scenario = Scenario::from_toml("drawn", DRAWN).unwrap();
    let builder = Smsc::builder().seed(seed).virtual_clock(NEW_YEAR_MS);
    let smsc = builder.scenario(scenario).start().await.unwrap();
    let mut client = Client::transceiver(smsc.addr()).await;
    let mut other = Client::connect(smsc.addr()).await;
    other
        .try_bind(CommandId::BIND_TRANSCEIVER, "other", "")
        .await;
    let (mut read, mut fired) = (Vec::new(), Vec::new());
    // Delivered, failed, in two states, early receipt, twice, other ids, errors, noise, drawn.
    let destinations = [
        "99900", "99901", "99907", "99911", "99912", "99914", "99920", "99940", "4917", "4918",
        "4919", "4920", "4921", "4922",
    ];
    for (sent, destination) in (1..).zip(destinations) {
        if disturbed {
            other.submit_many(destination, 3).await;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        client.submit(destination, "same").await;
        let ours = Match {
            system_id: Some("esme".to_owned()),
            ..Match::any()
        };
        smsc.verify(ours).at_least(sent).await.unwrap();
        let due = smsc.clock().advance(Duration::from_secs(60)).await.unwrap();
        let ours = due.iter().filter(|fired| fired.session == 1);
        fired.extend(ours.map(|fired| fired.unix_ms));
        // The noise of 99940 is a generic request that nobody answers; everything else is read.
        while let Some(pdu) = client.read_within(Duration::from_millis(60)).await {
            if pdu.command_id() == CommandId::DELIVER_SM {
                client.respond(&pdu, CommandStatus::ESME_ROK).await;
            }
            read.push(pdu.octets);
        }
    }
    (read, fired)
}

#[tokio::test]
async fn the_same_seed_and_requests_are_answered_alike_whatever_others_do() {
    let plain = tokio::time::timeout(PATIENCE, transcript(7, false))
        .await
        .unwrap();
    let disturbed = tokio::time::timeout(PATIENCE, transcript(7, true))
        .await
        .unwrap();
    assert_eq!(plain, disturbed);
    assert!(plain.0.len() >= 20 && plain.1.len() >= 10, "{plain:?}");
    let other_seed = tokio::time::timeout(PATIENCE, transcript(8, false))
        .await
        .unwrap();
    assert_ne!(plain, other_seed);
}

#[tokio::test]
async fn sessions_in_memory_need_no_socket() {
    let smsc = Smsc::in_memory().seed(7).start().await.unwrap();
    assert_eq!(smsc.addr().port(), 0);
    let mut client = Client::over(smsc.connect().await);
    client
        .try_bind(CommandId::BIND_TRANSCEIVER, "esme", "")
        .await;
    client.submit("49171", "hello").await;
    assert_eq!(client.read().await.command_id(), CommandId::SUBMIT_SM_RESP);
    assert_eq!(client.read().await.receipt().0, "DELIVRD");
    client.unbind().await;
    smsc.stop().await;
}
