//! Kill -9 under load, again and again. The ledger is outside the process: what the caller was told
//! is accepted, and what the SMSC received.

mod support;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;
use signalbox::client::Client;
use smsc_sim::Smsc;
use support::{GatewayProcess, Home, KEY, PATIENCE, Settings, wait_for_message};
use tokio::time::Instant;

const CYCLES: u64 = 20;
const WINDOW: u64 = 50;
const SENDERS: u64 = 4;

/// What callers were told: text of the message → id.
type Accepted = HashMap<String, String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_and_copies_are_few_and_marked() {
    let seed = seed();
    support::note(&format!("seed {seed}; set CRASH_SEED to repeat it"));
    let smsc = Smsc::builder()
        .seed(seed)
        .with(|settings| settings.record_messages_max = 1_000_000)
        .start()
        .await
        .unwrap();
    let mut settings = Settings::new(smsc.addr().port());
    settings.bind = format!("window_size = {WINDOW}");
    let home = Home::new(&settings);

    let mut random = seed;
    let numbers = Arc::new(AtomicU64::new(0));
    let mut accepted = Accepted::new();
    for cycle in 1..=CYCLES {
        let gateway = GatewayProcess::start(&home);
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| tokio::spawn(send_until_dead(gateway.http(), Arc::clone(&numbers))))
            .collect();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // The instant of the kill is the point of the test, not a way to wait for something.
        tokio::time::sleep(Duration::from_millis(20 + (random >> 33) % 200)).await;
        gateway.kill();
        for sender in senders {
            accepted.extend(sender.await.unwrap());
        }
        let copies = copies(&received(&smsc));
        let copies_max = cycle * WINDOW;
        assert!(
            copies <= copies_max,
            "{copies} copies after {cycle} crashes"
        );
    }

    let gateway = GatewayProcess::start(&home);
    let received = wait_until_received(&smsc, &accepted).await;
    let copies = copies(&received);
    let lost: Vec<_> = accepted
        .keys()
        .filter(|text| !received.contains_key(*text))
        .collect();
    assert!(
        lost.is_empty(),
        "{} accepted and lost, such as {:?}",
        lost.len(),
        lost[0]
    );

    support::note(&format!(
        "{} accepted, 0 lost, {copies} copies",
        accepted.len()
    ));
    assert!(
        accepted.len() as u64 > CYCLES,
        "the test put no load on: {}",
        accepted.len()
    );
    assert!(
        copies <= CYCLES * WINDOW,
        "{copies} copies in {CYCLES} crashes of window {WINDOW}"
    );

    let mut client = gateway.client().await;
    for (text, id) in &accepted {
        if received[text] > 1 {
            let view = wait_for_message(&mut client, id, |view| view["state"].is_string()).await;
            let marked = &view["recipients"][0]["duplicate_possible"];
            assert_eq!(
                marked,
                &json!(true),
                "{} copies of {view:#}",
                received[text]
            );
        }
    }
    assert_eq!(gateway.terminate(), Some(0));
    smsc.stop().await;
}

/// Sends one message after the other until the gateway dies; returns what it accepted.
async fn send_until_dead(url: String, numbers: Arc<AtomicU64>) -> Accepted {
    let mut accepted = Accepted::new();
    let Ok(mut client) = Client::connect(&url, KEY).await else {
        return accepted;
    };
    loop {
        let text = format!("message {}", numbers.fetch_add(1, Ordering::Relaxed));
        let body = json!({"to": "+491700000001", "from": "100", "text": text});
        match client
            .request(Method::POST, "/v1/messages", Some(&body))
            .await
        {
            Ok((StatusCode::ACCEPTED, answer)) => {
                let id = answer["id"]
                    .as_str()
                    .expect("an accepted message has an id");
                accepted.insert(text, id.to_owned());
            }
            Ok((status, answer)) => panic!("refused with {status}: {answer:#}"),
            Err(_) => return accepted,
        }
    }
}

/// How often each text arrived at the SMSC, once every accepted one did or patience ends.
async fn wait_until_received(smsc: &Smsc, accepted: &Accepted) -> HashMap<String, u64> {
    let until = Instant::now() + PATIENCE;
    let mut count = accepted.len() as u64;
    loop {
        let received = received(smsc);
        let missing = accepted
            .keys()
            .filter(|text| !received.contains_key(*text))
            .count();
        if missing == 0 || Instant::now() >= until {
            return received;
        }
        count += missing as u64;
        // More may be on its way, or nothing: the next look tells.
        let _ = smsc
            .wait_for_messages(count, Duration::from_millis(500))
            .await;
    }
}

/// How often each text arrived at the SMSC.
fn received(smsc: &Smsc) -> HashMap<String, u64> {
    let mut received = HashMap::new();
    for message in smsc.messages() {
        let text = message.text().expect("every message has a text");
        *received.entry(text).or_default() += 1;
    }
    received
}

fn copies(received: &HashMap<String, u64>) -> u64 {
    received.values().map(|count| count - 1).sum()
}

fn seed() -> u64 {
    let given = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()))
}
