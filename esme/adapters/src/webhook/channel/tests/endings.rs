//! Answers that end early, or late, on a connection that several requests share.

use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::*;

/// More answers on a kept connection than it takes until requests are pipelined.
const KEPT_ANSWERS: usize = 100;
const KEPT: &[u8] = b"HTTP/1.1 204 x\r\n\r\n";

/// Requests on one connection, as they come.
struct Requests {
    stream: TcpStream,
    octets: Vec<u8>,
}

impl Requests {
    /// Waits until so many have come; false: the other side has closed before.
    async fn come(&mut self, count: usize) -> bool {
        while self.count() < count {
            if !matches!(self.stream.read_buf(&mut self.octets).await, Ok(1..)) {
                return false;
            }
        }
        true
    }

    fn count(&self) -> usize {
        let text = str::from_utf8(&self.octets).unwrap();
        text.matches("webhook-id: ").count()
    }

    async fn answer(&mut self, answer: &[u8]) {
        // Whoever has gone wants no answer.
        drop(self.stream.write_all(answer).await);
    }
}

/// A server that does the same with each connection; its URL.
async fn server<F: Future<Output = ()> + Send + 'static>(
    each: impl Fn(Requests) -> F + Send + 'static,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let octets = Vec::new();
            tokio::spawn(each(Requests { stream, octets }));
        }
    });
    (url, task)
}

fn over_one_connection() -> WebhookConfig {
    WebhookConfig {
        connections_max: 1,
        ..signed()
    }
}

#[tokio::test]
async fn an_answer_counts_once_its_head_is_read() {
    let body_to_come = "HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\nab";
    let broken_body = "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let half_a_head = "HTTP/1.1 200 x\r\ncontent-le";
    for (answer, closes, counts) in [
        (body_to_come, false, true),
        (body_to_come, true, true),
        (broken_body, false, true),
        (half_a_head, false, false),
        (half_a_head, true, false),
    ] {
        let (url, task) = server(move |mut requests| async move {
            while requests.come(1).await {
                requests.octets.clear();
                requests.answer(answer.as_bytes()).await;
                if closes {
                    return;
                }
            }
        })
        .await;
        let outcome = Rig::new(signed()).outcome_of(&url).await;
        let delivered = outcome == Outcome::Delivered;
        assert_eq!(
            delivered, counts,
            "{answer:?}, closes: {closes}: {outcome:?}"
        );
        task.abort();
    }
}

#[tokio::test]
async fn a_server_that_begins_to_close_each_connection_gets_few_copies() {
    const COUNT: usize = 1_000;
    let (answers, copies) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let seen = Arc::clone(&copies);
    let (url, task) = server(move |mut requests| {
        let (answers, copies) = (Arc::clone(&answers), Arc::clone(&seen));
        async move {
            let mut own = 0;
            while requests.come(own + 1).await {
                own += 1;
                if answers.fetch_add(1, Ordering::Relaxed) < KEPT_ANSWERS {
                    requests.answer(KEPT).await;
                    continue;
                }
                let last = b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n";
                requests.answer(last).await;
                drop(requests.stream.shutdown().await);
                assert!(!requests.come(usize::MAX).await, "never so many");
                break;
            }
            copies.fetch_add(requests.count(), Ordering::Relaxed);
        }
    })
    .await;
    let mut rig = Rig::new(over_one_connection());
    rig.dispatch(vec![callback(&url, State::Delivered); COUNT]);
    for (number, outcome) in rig.outcomes(COUNT).await {
        assert_eq!(outcome, Outcome::Delivered, "{number}");
    }
    let copies = copies.load(Ordering::Relaxed);
    assert!(
        copies < 3 * COUNT,
        "{copies} requests for {COUNT} callbacks"
    );
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
