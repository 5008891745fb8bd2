//! Answers that end early, or with the connection.

use super::*;

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
