//! What comes back for each magic destination, over the wire.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::Duration;

use signalbox_codec::{CommandId, CommandStatus};

use support::{Client, smsc, submit_sm};

/// Destination, then what follows: `+STAT` a receipt, `resp` the response, `eof` or `rst` the end.
const STEPS: &[(&str, &[&str])] = &[
    ("+99900000", &["resp", "+DELIVRD"]),
    ("99901", &["resp", "+UNDELIV"]),
    ("99902", &["resp", "+EXPIRED"]),
    ("99903", &["resp", "+DELETED"]),
    ("99904", &["resp", "+REJECTD"]),
    ("99905", &["resp", "+UNKNOWN"]),
    ("99906", &["resp", "+ACCEPTD"]),
    ("99907", &["resp", "+ENROUTE", "+DELIVRD"]),
    ("99911", &["+DELIVRD", "resp"]),
    ("99912", &["resp", "+DELIVRD", "+DELIVRD"]),
    ("99932", &["eof"]),
    ("99933", &["resp", "eof"]),
    ("99934", &["rst"]),
    ("99940", &["garbage", "resp", "+DELIVRD"]),
    ("491711", &["resp", "+DELIVRD"]),
];

#[tokio::test]
async fn each_magic_destination_gets_its_sequence() {
    let smsc = smsc(|_| {}).await;
    for (destination, steps) in STEPS {
        let mut client = Client::transceiver(smsc.addr()).await;
        client.submit(destination, "hello").await;
        let seen = client.steps(steps.len()).await;
        assert_eq!(&seen, steps, "{destination}");
    }
    smsc.stop().await;
}

#[tokio::test]
async fn magic_destinations_are_refused_with_their_status() {
    let smsc = smsc(|_| {}).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    let table = [
        ("99920", CommandStatus::ESME_RTHROTTLED),
        ("99921", CommandStatus::ESME_RMSGQFUL),
        ("99922", CommandStatus::ESME_RSYSERR),
        ("99923", CommandStatus::ESME_RINVDSTADR),
        ("99924", CommandStatus::ESME_RINVSRCADR),
        ("99925", CommandStatus::ESME_RSUBMITFAIL),
    ];
    for (destination, command_status) in table {
        client.submit(destination, "hello").await;
        let resp = client.read().await;
        assert_eq!(resp.header.command_status, command_status, "{destination}");
        assert_eq!(resp.header.command_length, 16, "{destination}: no body");
    }
    client.unbind().await;
}

#[tokio::test]
async fn ids_in_receipts_take_the_form_that_the_destination_asks_for() {
    let smsc = smsc(|_| {}).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    for (destination, form) in [("99900", 0), ("99913", 13), ("99914", 14), ("99915", 15)] {
        client.submit(destination, "hello").await;
        let id = client.read().await.message_id();
        let number = u64::from_str_radix(&id, 16).expect("hexadecimal by default");
        let (_, receipt_id, _) = client.read().await.receipt();
        match form {
            0 => assert_eq!(receipt_id, id),
            13 => assert_eq!(receipt_id, number.to_string()),
            14 => assert_eq!(receipt_id, format!("{number:020X}")),
            _ => assert_ne!(u64::from_str_radix(&receipt_id, 16), Ok(number)),
        }
    }
    client.unbind().await;
}

#[tokio::test]
async fn no_receipt_and_no_response_leave_the_session_alive() {
    let smsc = smsc(|_| {}).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.submit("99910", "no receipt").await;
    assert_eq!(client.read().await.command_id(), CommandId::SUBMIT_SM_RESP);
    for destination in ["99930", "99931"] {
        client
            .submit(destination, "no response, or a late one")
            .await;
    }
    assert_eq!(client.read_within(Duration::from_millis(300)).await, None);
    let number = client.send(&submit_sm("49171", "still there", 0)).await;
    let resp = client.read().await;
    assert_eq!(resp.header.sequence_number, number);
    client.unbind().await;
}

/// Everything that comes back for the same messages; dates are left out.
async fn transcript(seed: u64, others: usize) -> Vec<Vec<u8>> {
    let smsc = smsc(|settings| settings.seed = seed).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    for _ in 0..others {
        let mut other = Client::transceiver(smsc.addr()).await;
        other.submit("99940", "noise beside it").await;
        other.read().await;
    }
    let mut seen = Vec::new();
    for destination in ["491711", "99913", "99915", "99940"] {
        client.submit(destination, "hello").await;
        for _ in 0..if destination == "99940" { 3 } else { 2 } {
            let pdu = client.read().await;
            seen.push(match pdu.command_id() {
                CommandId::DELIVER_SM => format!("{:?}", pdu.receipt()).into_bytes(),
                _ => pdu.octets,
            });
        }
    }
    seen
}

#[tokio::test]
async fn the_same_seed_gives_the_same_transcript_whatever_other_binds_do() {
    let first = transcript(7, 0).await;
    assert_eq!(transcript(7, 3).await, first);
    assert_ne!(transcript(8, 0).await, first);
}
