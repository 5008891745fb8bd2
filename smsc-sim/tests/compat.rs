//! What users of other simulators find again.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use support::Client;
use support::program::{Program, command};

#[tokio::test]
async fn smppsim_ends_messages_by_the_first_digit_of_the_destination() {
    let program = Program::start(&["--compat", "smppsim"]);
    let mut client = Client::transceiver(program.smpp).await;
    let table = [
        ("1234", "+EXPIRED"),
        ("2234", "+DELETED"),
        ("3234", "+UNDELIV"),
        ("4234", "+ACCEPTD"),
        ("5234", "+REJECTD"),
        ("6234", "+DELIVRD"),
    ];
    for (destination, receipt) in table {
        client.submit(destination, "hello").await;
        assert_eq!(client.steps(2).await, ["resp", receipt], "{destination}");
    }
}

#[tokio::test]
async fn smppsim_injects_messages_from_phones() {
    let program = Program::start(&["--compat", "smppsim"]);
    let mut client = Client::transceiver(program.smpp).await;
    let path = "/inject_mo?short_message=Hello+you&source_addr=491711&destination_addr=100\
                &service_type=&source_addr_ton=1&submit=Submit+Message";
    let injecting = program.http("GET", path, "");
    let (answer, steps) = tokio::join!(injecting, client.steps(1));
    assert_eq!(
        (answer.status, steps),
        (200, vec!["mo Hello you".to_owned()])
    );

    let answer = program.http("GET", "/inject_mo?data_coding=x", "").await;
    assert_eq!(
        (answer.status, &answer.body["field"]),
        (422, &"data_coding".into())
    );
    let plain = Program::start(&[]);
    assert_eq!(plain.http("GET", path, "").await.status, 404);
}

/// As in smscsim's README: even sequence numbers are refused, odd ones not delivered. The bind has
/// the number 1.
#[tokio::test]
async fn messages_fail_by_their_sequence_number_if_the_environment_says_so() {
    let program = Program::start_command(command(&[]).env("FAILED_SUBMITS", "true"));
    let mut client = Client::transceiver(program.smpp).await;
    for steps in [&["resp ESME_RSYSERR"][..], &["resp", "+UNDELIV"]] {
        client.submit("491711", "hello").await;
        assert_eq!(client.steps(steps.len()).await, steps);
    }
}
