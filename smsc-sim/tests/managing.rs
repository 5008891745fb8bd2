//! What an ESME asks about its messages and changes of them: query, cancel, replace, schedules,
//! validity and broadcasts, and peers of other versions.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::Duration;

use signalbox_codec::pdu::{
    BroadcastSm, CancelBroadcastSm, QueryBroadcastSm, ReplaceSm, ShortMessage, Sm,
};
use signalbox_codec::{CommandId, CommandStatus, Pdu, Tag, TlvBuf};
use smsc_sim::{Behaviour, Smsc};

use support::managing::{HOUR, NEW_YEAR_MS, cancel, query, slow_smsc, string};
use support::{Client, submit_sm};

async fn submitted(client: &mut Client, pdu: &Pdu<'_>) -> String {
    client.send(pdu).await;
    client.read().await.message_id()
}

#[tokio::test]
async fn a_query_tells_the_state_and_since_when() {
    let (smsc, mut client) = slow_smsc().await;
    let good = submitted(&mut client, &submit_sm("49171", "hello", 0)).await;
    let bad = submitted(&mut client, &submit_sm("99901", "hello", 0)).await;
    let enroute = Ok((1, String::new(), 0));
    assert_eq!(query(&mut client, &good, "100").await, enroute);
    smsc.clock().advance(HOUR).await.unwrap();
    let date = "260101010000000+".to_owned();
    assert_eq!(
        query(&mut client, &good, "100").await,
        Ok((2, date.clone(), 0))
    );
    assert_eq!(query(&mut client, &bad, "100").await, Ok((5, date, 1)));

    let refused = Err(CommandStatus::ESME_RQUERYFAIL);
    assert_eq!(query(&mut client, "7", "100").await, refused);
    assert_eq!(
        query(&mut client, &good, "200").await,
        refused,
        "another sender"
    );
    let mut stranger = Client::connect(smsc.addr()).await;
    stranger
        .try_bind(CommandId::BIND_TRANSCEIVER, "stranger", "")
        .await;
    assert_eq!(
        query(&mut stranger, &good, "100").await,
        refused,
        "another system_id"
    );
}

#[tokio::test]
async fn ids_of_every_style_are_found() {
    use smsc_sim::IdStyle::{Decimal, Hex, Uuid};
    for style in [Hex, Decimal, Uuid] {
        let smsc = support::smsc(|s| s.behaviour.id_style = style).await;
        let mut client = Client::transceiver(smsc.addr()).await;
        let id = submitted(&mut client, &submit_sm("49171", "hello", 0)).await;
        let (state, _, _) = query(&mut client, &id, "100").await.unwrap();
        assert_eq!(state, 2, "{style:?}");
    }
}

#[tokio::test]
async fn a_cancelled_message_is_deleted_and_not_delivered() {
    let (smsc, mut client) = slow_smsc().await;
    let id = submitted(&mut client, &submit_sm("49171", "hello", 1)).await;
    let refused = CommandStatus::ESME_RCANCELFAIL;
    assert_eq!(
        cancel(&mut client, &id, "49172").await,
        refused,
        "another recipient"
    );
    assert_eq!(
        cancel(&mut client, &id, "49171").await,
        CommandStatus::ESME_ROK
    );
    let receipt = client.read().await.receipt();
    assert_eq!((&*receipt.0, &*receipt.1), ("DELETED", &*id));
    assert_eq!(query(&mut client, &id, "100").await.unwrap().0, 4);
    assert_eq!(
        cancel(&mut client, &id, "49171").await,
        refused,
        "it is over"
    );
    smsc.clock().advance(HOUR).await.unwrap();
    let later = client.read_within(Duration::from_millis(100)).await;
    assert_eq!(later, None, "its receipt was planned and is not sent");

    for _ in 0..3 {
        submitted(&mut client, &submit_sm("49173", "hello", 0)).await;
    }
    assert_eq!(
        cancel(&mut client, "", "49174").await,
        refused,
        "there is none"
    );
    assert_eq!(
        cancel(&mut client, "", "49173").await,
        CommandStatus::ESME_ROK
    );
    let messages = smsc.messages();
    let deleted = messages
        .iter()
        .filter(|message| message.state_name() == Some("DELETED"));
    assert_eq!(deleted.count(), 4);
}

#[tokio::test]
async fn a_replaced_message_has_its_text_and_times_anew() {
    let (smsc, mut client) = slow_smsc().await;
    let id = submitted(&mut client, &submit_sm("49171", "first", 0)).await;
    smsc.clock().advance(HOUR / 2).await.unwrap();
    let replace = |id, text: &'static str| {
        Pdu::ReplaceSm(ReplaceSm {
            message_id: string(id),
            source_addr: string("100"),
            validity_period: string("000000003000000R"),
            registered_delivery: 1,
            short_message: ShortMessage::new(text.as_bytes()).unwrap(),
            ..ReplaceSm::default()
        })
    };
    for (id, status) in [
        (&*id, CommandStatus::ESME_ROK),
        ("7", CommandStatus::ESME_RREPLACEFAIL),
    ] {
        client.send(&replace(id, "second")).await;
        let resp = client.read().await;
        assert_eq!(resp.command_id(), CommandId::REPLACE_SM_RESP);
        assert_eq!(resp.header.command_status, status);
    }
    assert_eq!(smsc.messages()[0].text().as_deref(), Some("second"));
    smsc.clock().advance(HOUR).await.unwrap();
    assert_eq!(client.read().await.receipt().0, "EXPIRED");
    client.send(&replace(&id, "third")).await;
    let late = client.read().await.header.command_status;
    assert_eq!(late, CommandStatus::ESME_RREPLACEFAIL);
}

#[tokio::test]
async fn a_replacement_that_is_refused_leaves_the_message_as_it_is() {
    let (smsc, mut client) = slow_smsc().await;
    let id = submitted(&mut client, &submit_sm("49171", "first", 1)).await;
    smsc.set_behaviour(Behaviour {
        submit_status: CommandStatus::ESME_RMSGQFUL,
        ..Behaviour::default()
    });
    let replace = ReplaceSm {
        message_id: string(&id),
        source_addr: string("100"),
        registered_delivery: 1,
        short_message: ShortMessage::new(b"second").unwrap(),
        ..ReplaceSm::default()
    };
    client.send(&Pdu::ReplaceSm(replace)).await;
    let status = client.read().await.header.command_status;
    assert_eq!(status, CommandStatus::ESME_RMSGQFUL);
    assert_eq!(smsc.messages()[0].text().as_deref(), Some("first"));
    smsc.clock().advance(HOUR).await.unwrap();
    assert_eq!(client.read().await.receipt().0, "DELIVRD");
}

#[tokio::test]
async fn replace_if_present_takes_the_place_of_a_pending_message() {
    let (smsc, mut client) = slow_smsc().await;
    let older = submitted(&mut client, &submit_sm("49171", "older", 1)).await;
    let Pdu::SubmitSm(sm) = submit_sm("49171", "newer", 1) else {
        unreachable!("it is one");
    };
    let sm = Sm {
        replace_if_present_flag: 1,
        ..sm
    };
    let newer = submitted(&mut client, &Pdu::SubmitSm(sm)).await;
    assert_eq!(query(&mut client, &older, "100").await.unwrap().0, 4);
    smsc.clock().advance(HOUR).await.unwrap();
    assert_eq!(
        client.read().await.receipt().1,
        newer,
        "only one is delivered"
    );
    assert_eq!(client.read_within(Duration::from_millis(100)).await, None);
}

#[tokio::test]
async fn schedules_and_validity_are_respected() {
    let smsc = Smsc::builder()
        .virtual_clock(NEW_YEAR_MS)
        .start()
        .await
        .unwrap();
    let mut client = Client::transceiver(smsc.addr()).await;
    let with_times = |schedule, validity| {
        let Pdu::SubmitSm(sm) = submit_sm("49171", "later", 1) else {
            unreachable!("it is one");
        };
        Pdu::SubmitSm(Sm {
            schedule_delivery_time: string(schedule),
            validity_period: string(validity),
            ..sm
        })
    };
    let id = submitted(&mut client, &with_times("260101010000000+", "")).await;
    assert_eq!(query(&mut client, &id, "100").await.unwrap().0, 1);
    assert_eq!(smsc.clock().advance(HOUR).await.unwrap().len(), 1);
    assert_eq!(client.read().await.receipt().0, "DELIVRD");

    submitted(
        &mut client,
        &with_times("000000020000000R", "000000010000000R"),
    )
    .await;
    smsc.clock().advance(HOUR).await.unwrap();
    assert_eq!(client.read().await.receipt().0, "EXPIRED");
    for (schedule, validity, status) in [
        ("269901010000000+", "", CommandStatus::ESME_RINVSCHED),
        ("", "250101010000000+", CommandStatus::ESME_RINVEXPIRY),
    ] {
        client.send(&with_times(schedule, validity)).await;
        assert_eq!(client.read().await.header.command_status, status);
    }
}

#[tokio::test]
async fn broadcasts_are_taken_queried_and_cancelled() {
    let (smsc, mut client) = slow_smsc().await;
    let mut tlvs = TlvBuf::new();
    tlvs.push(Tag::BROADCAST_AREA_IDENTIFIER, b"\x00berlin")
        .unwrap();
    tlvs.push(Tag::BROADCAST_CONTENT_TYPE, &[0, 0, 1]).unwrap();
    tlvs.push_u16(Tag::BROADCAST_REP_NUM, 1);
    tlvs.push(Tag::BROADCAST_FREQUENCY_INTERVAL, &[9, 0, 1])
        .unwrap();
    tlvs.push(Tag::MESSAGE_PAYLOAD, b"storm").unwrap();
    let broadcast = BroadcastSm {
        source_addr: string("100"),
        validity_period: string("000001000000000R"),
        tlvs: tlvs.as_tlvs(),
        ..BroadcastSm::default()
    };
    client
        .send(&Pdu::BroadcastSm(BroadcastSm {
            tlvs: signalbox_codec::Tlvs::EMPTY,
            ..broadcast
        }))
        .await;
    let status = client.read().await.header.command_status;
    assert_eq!(status, CommandStatus::ESME_RMISSINGOPTPARAM);

    client.send(&Pdu::BroadcastSm(broadcast)).await;
    let resp = client.read().await;
    let Pdu::BroadcastSmResp(fields) = resp.pdu() else {
        panic!("{resp:?}");
    };
    let id = fields.message_id.unwrap();
    let query = Pdu::QueryBroadcastSm(QueryBroadcastSm {
        message_id: id,
        source_addr: string("100"),
        ..QueryBroadcastSm::default()
    });
    let cancel = Pdu::CancelBroadcastSm(CancelBroadcastSm {
        message_id: id,
        source_addr: string("100"),
        ..CancelBroadcastSm::default()
    });
    client.send(&query).await;
    let resp = client.read().await;
    let Pdu::QueryBroadcastSmResp(fields) = resp.pdu() else {
        panic!("{resp:?}");
    };
    assert_eq!(
        fields.tlvs.get(Tag::MESSAGE_STATE).unwrap().as_u8(),
        Some(1)
    );
    let area = fields.tlvs.get(Tag::BROADCAST_AREA_IDENTIFIER).unwrap();
    assert_eq!(area.value, b"\x00berlin");
    for status in [
        CommandStatus::ESME_ROK,
        CommandStatus::ESME_RBCASTCANCELFAIL,
    ] {
        client.send(&cancel).await;
        assert_eq!(client.read().await.header.command_status, status);
    }
    assert_eq!(smsc.messages()[1].text().as_deref(), Some("storm"));
}

#[tokio::test]
async fn a_peer_of_version_3_3_gets_no_optional_parameters() {
    let smsc = support::smsc(|_| {}).await;
    for (version, tlvs) in [(0x33, false), (0x34, true), (0x50, true)] {
        let mut client = Client::connect(smsc.addr()).await;
        let bind = signalbox_codec::pdu::Bind {
            system_id: string("esme"),
            interface_version: version,
            ..signalbox_codec::pdu::Bind::default()
        };
        client.send(&Pdu::BindTransceiver(bind)).await;
        let resp = client.read().await;
        let Pdu::BindTransceiverResp(fields) = resp.pdu() else {
            panic!("{resp:?}");
        };
        let answered = fields.tlvs.get(Tag::SC_INTERFACE_VERSION);
        let answered = answered.and_then(|tlv| tlv.as_u8());
        assert_eq!(answered, tlvs.then_some(version));
        client.submit("49171", "hello").await;
        client.read().await;
        let receipt = client.read().await;
        let Pdu::DeliverSm(sm) = receipt.pdu() else {
            panic!("{receipt:?}");
        };
        assert_eq!(!sm.tlvs.is_empty(), tlvs, "{version:x}");
        assert!(sm.short_message.as_octets().starts_with(b"id:"));
        client.unbind().await;
    }
}
