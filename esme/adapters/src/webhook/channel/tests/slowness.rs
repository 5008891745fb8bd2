//! Many callbacks at a time, and servers that cannot keep up with them.

use std::collections::HashSet;

use super::*;
use crate::webhook::pool::JOBS_MAX;

#[tokio::test]
async fn many_callbacks_over_few_connections_each_once() {
    const COUNT: usize = 3_000;
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        connections_max: 5,
        ..signed()
    });
    let url = server.url("/200");
    rig.dispatch(
        (0..COUNT)
            .map(|_| callback(&url, State::Delivered))
            .collect(),
    );
    let outcomes = rig.outcomes(COUNT).await;
    let numbers: HashSet<u128> = outcomes.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers.len(), COUNT);
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Delivered)
    );
    assert!(
        server.connections() <= 5,
        "{} connections",
        server.connections()
    );
    assert_eq!(server.seen.requests.lock().unwrap().len(), COUNT);
}

#[tokio::test]
async fn slow_callback_does_not_stall() {
    let (slow, quick) = (Server::start(None).await, Server::start(None).await);
    let patient = WebhookConfig {
        connections_max: 4,
        timeout: Duration::from_secs(60),
        ..signed()
    };
    let mut rig = Rig::new(patient);
    let hanging = callback(&slow.url("/hang"), State::Sent);
    rig.dispatch(vec![hanging; 100]);
    assert_eq!(rig.outcome_of(&quick.url("/200")).await, Outcome::Delivered);
    assert!(slow.connections() <= 4);
}

/// Nothing is known of the server yet, and its first answer is far away.
#[tokio::test]
async fn a_server_without_a_sign_does_not_keep_all_credit() {
    const CONNECTIONS_MAX: usize = 4;
    // Each connection has one, and as many may wait.
    const KEPT_MAX: usize = CONNECTIONS_MAX * 2;
    let (slow, quick) = (Server::start(None).await, Server::start(None).await);
    let mut rig = Rig::new(WebhookConfig {
        connections_max: CONNECTIONS_MAX,
        timeout: Duration::from_secs(60),
        ..signed()
    });
    let hanging = callback(&slow.url("/hang"), State::Sent);
    rig.dispatch(vec![hanging; CREDIT as usize]);
    let returned = rig.outcomes(CREDIT as usize - KEPT_MAX).await;
    let is_later = |outcome: &Outcome| matches!(outcome, Outcome::RetryAfter { .. });
    assert!(returned.iter().all(|(_, outcome)| is_later(outcome)));
    assert_eq!(rig.outcome_of(&quick.url("/200")).await, Outcome::Delivered);
}

#[tokio::test]
async fn a_slow_answer_gives_back_what_waits() {
    // The first is quick; then the worker has a batch of which one is answered, and one may wait.
    const RETURNED: usize = 100 - 1 - JOBS_MAX - 1;
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        connections_max: 1,
        timeout: Duration::from_secs(60),
        ..signed()
    });
    let mut callbacks = vec![callback(&server.url("/slow"), State::Sent); 100];
    callbacks[0] = callback(&server.url("/200"), State::Sent);
    rig.dispatch(callbacks);
    let outcomes = rig.outcomes(2 + RETURNED).await;
    let later = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::RetryAfter { .. }));
    assert_eq!(later.count(), RETURNED);
}

#[tokio::test]
async fn a_server_that_does_not_answer_gets_little() {
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        connections_max: 2,
        ..signed()
    });
    let hanging = callback(&server.url("/hang"), State::Sent);
    rig.dispatch(vec![hanging.clone(); 100]);
    let outcomes = rig.outcomes(100).await;
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::RetryAfter { .. }))
    );
    let tried = server.seen.requests.lock().unwrap().len();
    assert!(tried <= 6, "{tried} of 100 were tried");
    assert_eq!(
        rig.outcome_of(&server.url("/200")).await,
        Outcome::Delivered
    );
}

#[tokio::test]
async fn drain_gives_back_what_waits_and_ends() {
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        connections_max: 1,
        ..signed()
    });
    let url = server.url("/200");
    rig.dispatch((0..200).map(|_| callback(&url, State::Delivered)).collect());
    rig.channel.handle.send(ToChannel::Drain).unwrap();
    let outcomes = rig.outcomes(200).await;
    assert!(
        outcomes
            .iter()
            .any(|(_, outcome)| *outcome == Outcome::NotSent)
    );
    timeout(PATIENCE, rig.channel.task)
        .await
        .expect("it ends")
        .unwrap();
}
