//! Who may bind, where receipts and mobile-originated messages go, how sessions end.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use signalbox_codec::pdu::{DataSm, SubmitMulti};
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Pdu, Tag, TlvBuf};
use smsc_sim::{
    Behaviour, DeliveryError, Disconnect, IdStyle, Mo, Recipient, Scenario, Smsc, StartError,
};

use support::{Client, PATIENCE, named, smsc, submit_sm};

#[tokio::test]
async fn accounts_are_checked_when_there_are_any() {
    let smsc = Smsc::builder().account("shop", "pw").start().await.unwrap();
    let table = [
        ("shop", "pw", CommandStatus::ESME_ROK),
        ("shop", "no", CommandStatus::ESME_RINVPASWD),
        ("pub", "pw", CommandStatus::ESME_RINVSYSID),
    ];
    for (system_id, password, status) in table {
        let mut client = Client::connect(smsc.addr()).await;
        let bind = CommandId::BIND_TRANSCEIVER;
        assert_eq!(client.try_bind(bind, system_id, password).await, status);
    }
}

#[tokio::test]
async fn a_receipt_goes_to_another_bind_of_the_same_system_id_or_waits_for_one() {
    let smsc = smsc(|_| {}).await;
    let mut stranger = Client::connect(smsc.addr()).await;
    let bind = CommandId::BIND_TRANSCEIVER;
    stranger.try_bind(bind, "stranger", "").await;
    let mut transmitter = Client::bind(smsc.addr(), CommandId::BIND_TRANSMITTER).await;

    transmitter.submit("49171", "first").await;
    let first = transmitter.read().await.message_id();
    let mut receiver = Client::bind(smsc.addr(), CommandId::BIND_RECEIVER).await;
    assert_eq!(
        receiver.read().await.receipt().1,
        first,
        "put aside until now"
    );

    transmitter.submit("49171", "second").await;
    let second = transmitter.read().await.message_id();
    assert_eq!(receiver.read().await.receipt().1, second);
    assert_eq!(stranger.read_within(Duration::from_millis(200)).await, None);
}

#[tokio::test]
async fn receipts_of_a_session_that_ends_go_to_the_next_bind() {
    let smsc = smsc(|s| s.behaviour.receipt_delay = Duration::from_secs(1)).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.submit("49171", "hello").await;
    let id = client.read().await.message_id();
    client.unbind().await;
    let mut next = Client::transceiver(smsc.addr()).await;
    assert_eq!(next.read().await.receipt().1, id);
}

#[tokio::test]
async fn deliveries_respect_the_window_and_all_come() {
    let smsc = smsc(|s| s.session.window_size = 2).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    for _ in 0..10 {
        client.submit("49171", "hello").await;
    }
    let (mut responses, mut receipts) = (0, Vec::new());
    while responses < 10 || receipts.len() < 2 {
        let pdu = client.try_read().await.unwrap();
        match pdu.command_id() {
            CommandId::DELIVER_SM => receipts.push(pdu),
            _ => responses += 1,
        }
    }
    assert_eq!(
        client.read_within(Duration::from_millis(200)).await,
        None,
        "window of 2"
    );
    for receipt in &receipts {
        client.respond(receipt, CommandStatus::ESME_ROK).await;
    }
    for _ in 2..10 {
        assert_eq!(client.read().await.command_id(), CommandId::DELIVER_SM);
    }
    client.unbind().await;
}

#[tokio::test]
async fn a_mobile_originated_message_brings_back_the_status_of_its_response() {
    let smsc = smsc(|_| {}).await;
    let mo = Mo::text("+49171", "100", "STOP").unwrap().remove(0);
    assert_eq!(smsc.inject_mo(&mo).await, Err(DeliveryError::NoReceiver));

    let mut client = Client::transceiver(smsc.addr()).await;
    for status in [CommandStatus::ESME_ROK, CommandStatus::ESME_RX_T_APPN] {
        let reading = async {
            let pdu = client.try_read().await.unwrap();
            let Pdu::DeliverSm(sm) = pdu.pdu() else {
                panic!("{pdu:?}");
            };
            assert_eq!(sm.short_message.as_octets(), b"STOP");
            assert_eq!(
                (sm.esm_class, sm.source_addr_ton, sm.dest_addr_ton),
                (0, 1, 0)
            );
            assert_eq!(sm.source_addr.as_octets(), b"49171");
            client.respond(&pdu, status).await;
        };
        let (result, ()) = tokio::join!(smsc.inject_mo(&mo), reading);
        assert_eq!(result, Ok(status));
    }
    let parts = Mo::text("+49171", "100", &"ü€".repeat(100)).unwrap();
    assert!(parts.len() > 1 && parts.iter().all(|part| part.esm_class == 0x40));
    let unsendable = Mo {
        to: "1".repeat(21),
        ..mo
    };
    let error = DeliveryError::NotEncodable { field: "to" };
    assert_eq!(smsc.inject_mo(&unsendable).await, Err(error));
}

#[tokio::test]
async fn messages_are_kept_with_their_fields() {
    let smsc = smsc(|s| s.behaviour.id_style = IdStyle::Decimal).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.send(&submit_sm("49171", "hello {world}", 0)).await;
    let id = client.read().await.message_id();
    let mut tlvs = TlvBuf::new();
    tlvs.push(Tag::MESSAGE_PAYLOAD, &[0x04, 0x1F, 0x04, 0x40])
        .unwrap();
    client
        .send(&Pdu::DataSm(DataSm {
            destination_addr: COctetStr::new(b"49172").unwrap(),
            data_coding: 8,
            tlvs: tlvs.as_tlvs(),
            ..DataSm::default()
        }))
        .await;
    let resp = client.read().await;
    assert_eq!(resp.command_id(), CommandId::DATA_SM_RESP);

    let messages = smsc.wait_for_messages(2, PATIENCE).await.unwrap();
    assert_eq!(messages[0].id, id);
    assert_eq!((&*messages[0].from, &*messages[0].to), ("100", "49171"));
    // 0x7B and 0x7D are other characters in the GSM 7-bit alphabet.
    assert_eq!(messages[0].text().as_deref(), Some("hello äworldñ"));
    assert_eq!(messages[1].text().as_deref(), Some("Пр"));
    assert_eq!(messages[1].command_id, CommandId::DATA_SM);
    smsc.clear_messages();
    let missing = smsc.wait_for_messages(1, Duration::from_millis(50)).await;
    assert_eq!(missing, Err(0));
}

#[tokio::test]
async fn the_rate_the_latency_and_the_status_can_be_changed_while_bound() {
    let smsc = smsc(|s| s.behaviour.rate_limit = NonZeroU32::new(5)).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    let mut throttled = 0;
    for _ in 0..10 {
        client.send(&submit_sm("49171", "hello", 0)).await;
        throttled += usize::from(
            client.read().await.header.command_status == CommandStatus::ESME_RTHROTTLED,
        );
    }
    assert!((3..=5).contains(&throttled), "{throttled} of 10 at 5/s");

    let latency = Duration::from_millis(150);
    smsc.set_behaviour(Behaviour {
        latency,
        submit_status: CommandStatus::ESME_RSYSERR,
        ..Behaviour::default()
    });
    let sent = tokio::time::Instant::now();
    client.send(&submit_sm("49171", "hello", 1)).await;
    let resp = client.read().await;
    assert_eq!(resp.header.command_status, CommandStatus::ESME_RSYSERR);
    assert!(sent.elapsed() >= latency);
}

#[tokio::test]
async fn sessions_end_as_asked_and_the_simulator_goes_on() {
    let smsc = smsc(|_| {}).await;
    for how in [Disconnect::Unbind, Disconnect::Fin, Disconnect::Rst] {
        let mut client = Client::transceiver(smsc.addr()).await;
        assert_eq!(smsc.sessions().len(), 1);
        smsc.disconnect_all(how);
        match (how, client.try_read().await) {
            (Disconnect::Unbind, Ok(pdu)) => assert_eq!(pdu.command_id(), CommandId::UNBIND),
            (Disconnect::Fin, Err(kind)) => assert_eq!(kind, std::io::ErrorKind::UnexpectedEof),
            (Disconnect::Rst, Err(kind)) => assert_eq!(kind, std::io::ErrorKind::ConnectionReset),
            (how, other) => panic!("{how:?}: {other:?}"),
        }
        drop(client);
        let gone = async {
            while !smsc.sessions().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.unwrap();
    }
}

#[tokio::test]
async fn commands_that_nobody_knows_are_refused_and_the_session_lives() {
    let smsc = smsc(|_| {}).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    // No such request is known.
    let mut octets = vec![0, 0, 0, 16, 0, 0, 0, 10];
    octets.extend([0, 0, 0, 0, 0, 0, 0, 99]);
    client.send_octets(&octets).await;
    let resp = client.read().await;
    assert_eq!(resp.header.sequence_number, 99);
    assert_eq!(resp.header.command_status, CommandStatus::ESME_RINVCMDID);
    client.unbind().await;
}

#[tokio::test]
async fn stopping_unbinds_and_dropping_frees_the_port() {
    let smsc = smsc(|_| {}).await;
    let address = smsc.addr();
    let mut client = Client::transceiver(address).await;
    let reading = async {
        let unbind = client.try_read().await.unwrap();
        assert_eq!(unbind.command_id(), CommandId::UNBIND);
        client.respond_unbind(&unbind).await;
        assert!(client.try_read().await.is_err());
    };
    tokio::join!(smsc.stop(), reading);
    let again = support::smsc(|s| s.smpp_address = address).await;
    assert_eq!(again.addr(), address);
    let taken = Smsc::builder()
        .with(|s| s.smpp_address = address)
        .start()
        .await;
    let error = taken.expect_err("the port is taken");
    assert!(matches!(
        &error,
        StartError::Listen {
            setting: "smpp_address",
            ..
        }
    ));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_message_whose_receipt_finds_no_place_is_refused() {
    const DELIVERIES_MAX: usize = 100_000;
    const BATCH: usize = 1_000;
    let smsc = smsc(|s| s.behaviour.receipt_delay = Duration::from_secs(3_600)).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    let mut accepted = 0;
    for _ in 0..DELIVERIES_MAX / BATCH + 1 {
        client.submit_many("49171", BATCH).await;
        for _ in 0..BATCH {
            let status = client.read().await.header.command_status;
            match status {
                CommandStatus::ESME_ROK => accepted += 1,
                status => assert_eq!(status, CommandStatus::ESME_RMSGQFUL),
            }
        }
    }
    assert_eq!(accepted, DELIVERIES_MAX);
    client
        .send(&submit_sm("49171", "no receipt wanted", 0))
        .await;
    assert!(client.read().await.header.command_status.is_ok());
}

/// The receipts of one message to many, and those that follow a response which is still to be put
/// into another order, count as those that wait.
#[tokio::test]
async fn receipts_of_a_held_response_to_many_find_no_more_place_than_others() {
    const DELIVERIES_MAX: usize = 100_000;
    const RECEIPTS: usize = 16;
    const MEMBERS: usize = 250;
    let members: Vec<String> = (0..MEMBERS).map(|n| format!("49{n}")).collect();
    let receipt = json!({"state": "ACCEPTD", "unasked": true});
    let scenario = json!({
        "rules": [{"receipts": vec![receipt; RECEIPTS]}],
        "faults": [{"type": "reorder", "attributes": {"window": 1_000}}],
        "lists": [{"name": "many", "members": members}],
    });
    let smsc = Smsc::builder().virtual_clock(0);
    let smsc = smsc.scenario(Scenario::from_json(&scenario).unwrap());
    let smsc = smsc.start().await.unwrap();
    let mut client = Client::transceiver(smsc.addr()).await;
    let lists = named(&["[many]"; DELIVERIES_MAX / RECEIPTS / MEMBERS + 1]);
    let multi = Pdu::SubmitMulti(SubmitMulti {
        dest_addresses: lists.as_dest_addresses(),
        ..SubmitMulti::default()
    });
    let mut sent = 0;
    for accepted in [DELIVERIES_MAX / RECEIPTS, 0] {
        client.send(&multi).await;
        sent += 1;
        let messages = smsc.wait_for_messages(sent, PATIENCE).await.unwrap();
        let recipients = &messages.last().unwrap().recipients;
        let is_ok = |r: &&Recipient| r.command_status.is_ok();
        assert_eq!(recipients.iter().filter(is_ok).count(), accepted);
    }
}
