//! Several requests with one write, on a connection that the server has kept.

use tokio::sync::Notify;

use super::*;
use crate::webhook::pool::JOBS_MAX;

/// A server that answers none before all have come gets all, so they are one batch and one write.
#[tokio::test]
async fn what_is_dispatched_together_goes_with_one_write() {
    let (url, task) = server(|mut requests| async move {
        for own in 0..KEPT_ANSWERS {
            assert!(requests.come(own + 1).await, "one after the other");
            requests.answer(KEPT).await;
        }
        if requests.come(KEPT_ANSWERS + JOBS_MAX).await {
            requests.answer(&KEPT.repeat(JOBS_MAX)).await;
        }
    })
    .await;
    let mut rig = Rig::new(over_one_connection());
    for count in [KEPT_ANSWERS, JOBS_MAX] {
        rig.dispatch(vec![callback(&url, State::Delivered); count]);
        for (number, outcome) in rig.outcomes(count).await {
            assert_eq!(outcome, Outcome::Delivered, "{number}");
        }
    }
    task.abort();
}

#[tokio::test]
async fn outcomes_are_reported_while_a_pipeline_is_being_answered() {
    /// Answered before the server waits, each in a time of its own.
    const AHEAD: usize = 4;
    const COUNT: usize = KEPT_ANSWERS + 2 * JOBS_MAX;
    let go_on = Arc::new(Notify::new());
    let waits = Arc::clone(&go_on);
    let (url, task) = server(move |mut requests| {
        let waits = Arc::clone(&waits);
        async move {
            for own in 0.. {
                if !requests.come(own + 1).await {
                    return;
                }
                if (KEPT_ANSWERS..KEPT_ANSWERS + AHEAD).contains(&own) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                if own == KEPT_ANSWERS + AHEAD {
                    waits.notified().await;
                }
                requests.answer(KEPT).await;
            }
        }
    })
    .await;
    let mut rig = Rig::new(WebhookConfig {
        timeout: 2 * PATIENCE,
        ..over_one_connection()
    });
    rig.dispatch(vec![callback(&url, State::Delivered); COUNT]);
    let ahead = rig.outcomes(KEPT_ANSWERS + AHEAD).await.len();
    go_on.notify_one();
    rig.outcomes(COUNT - ahead).await;
    task.abort();
}

/// Answers the first request that it finds in what it reads, and forgets the rest, or (`closes`)
/// closes the connection then. `forgotten` counts how often there was a rest.
async fn serve_without_pipelining(
    listener: TcpListener,
    forgotten: Arc<AtomicUsize>,
    closes: bool,
) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let forgotten = Arc::clone(&forgotten);
        tokio::spawn(async move {
            let mut octets = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut octets).await {
                let text = str::from_utf8(&octets[..count]).unwrap();
                let has_rest = text.matches("webhook-id").count() > 1;
                forgotten.fetch_add(usize::from(has_rest), Ordering::Relaxed);
                if has_rest && closes {
                    return;
                }
                stream.write_all(b"HTTP/1.1 204 x\r\n\r\n").await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn what_a_server_forgets_of_a_pipeline_is_sent_again_one_by_one() {
    const COUNT: usize = 400;
    for closes in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let forgotten = Arc::new(AtomicUsize::new(0));
        let server = serve_without_pipelining(listener, Arc::clone(&forgotten), closes);
        let server = tokio::spawn(server);
        let mut rig = Rig::new(WebhookConfig {
            connections_max: 1,
            ..signed()
        });
        rig.dispatch(vec![callback(&url, State::Delivered); COUNT]);
        let outcomes = rig.outcomes(COUNT).await;
        let delivered = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == Outcome::Delivered);
        assert_eq!(delivered.count(), COUNT, "closes: {closes}");
        assert_eq!(
            forgotten.load(Ordering::Relaxed),
            1,
            "closes: {closes}, tried once"
        );
        server.abort();
    }
}
