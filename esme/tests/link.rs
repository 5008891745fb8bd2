//! A link against a scripted SMSC: bind, messages both ways, every way to go down and come back.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Smsc, Tested, assert_about};
use signalbox_codec::{CommandId, CommandStatus, Frame, Pdu};
use signalbox_esme::{BindType, Failure, LinkEvent, Outgoing, SubmitError};

const ROK: CommandStatus = CommandStatus::ESME_ROK;

#[tokio::test]
async fn each_bind_type_sends_its_settings() {
    let smsc = Smsc::start().await;
    for (bind_type, command_id) in [
        (BindType::Transmitter, CommandId::BIND_TRANSMITTER),
        (BindType::Receiver, CommandId::BIND_RECEIVER),
        (BindType::Transceiver, CommandId::BIND_TRANSCEIVER),
    ] {
        for (address_range_null, address_range) in [(true, ""), (false, "^4477")] {
            let mut config = smsc.config();
            config.bind_type = bind_type;
            config.system_type = "sms".to_owned();
            config.addr_ton = 1;
            config.addr_npi = 2;
            config.address_range = "^4477".to_owned();
            config.address_range_null = address_range_null;
            let mut tested = Tested::spawn(config);
            let mut peer = smsc.accept().await;
            let (header, body) = peer.answer_bind(ROK).await;
            assert_eq!(header.command_id, command_id);
            let frame = Frame {
                header,
                body: &body,
            };
            let (Ok(Pdu::BindTransmitter(bind))
            | Ok(Pdu::BindReceiver(bind))
            | Ok(Pdu::BindTransceiver(bind))) = Pdu::decode(&frame)
            else {
                panic!("{header:?}")
            };
            assert_eq!(bind.system_id.as_octets(), b"esme");
            assert_eq!(bind.password.as_octets(), b"secret");
            assert_eq!(bind.system_type.as_octets(), b"sms");
            assert_eq!((bind.addr_ton, bind.addr_npi), (1, 2));
            assert_eq!(bind.interface_version, 0x34);
            assert_eq!(bind.address_range.as_octets(), address_range.as_bytes());
            let LinkEvent::Bound {
                window,
                system_id,
                sc_interface_version,
            } = tested.next().await
            else {
                panic!("bound is first")
            };
            assert_eq!((window, sc_interface_version), (100, Some(0x34)));
            assert_eq!(system_id, "smsc");
        }
    }
}

#[tokio::test]
async fn a_response_brings_its_id_and_its_parameters() {
    let smsc = Smsc::start().await;
    let (mut tested, mut peer) = Tested::bound(&smsc, smsc.config()).await;
    for (body, id, congestion, rest) in [
        (&b"id-1\0"[..], Some(&b"id-1"[..]), None, 0),
        (b"id-2\0\x04\x28\0\x01\x55", Some(b"id-2"), Some(85), 10),
        (b"\0", None, None, 0),
        (b"", None, None, 0),
    ] {
        tested.submit(3).await;
        let (request, _) = peer.expect(CommandId::SUBMIT_SM).await;
        peer.answer(&request, body).await;
        let LinkEvent::Response {
            token: 3,
            command_id: CommandId::SUBMIT_SM_RESP,
            command_status: ROK,
            message_id,
            congestion_state,
            body,
        } = tested.next().await
        else {
            panic!("the response")
        };
        assert_eq!(message_id.as_ref().map(|id| id.as_octets()), id);
        assert_eq!(congestion_state, congestion);
        assert_eq!(body.len(), rest);
    }
}

#[tokio::test]
async fn a_request_of_the_smsc_is_answered_on_its_own_connection_only() {
    let smsc = Smsc::start().await;
    let (mut tested, mut peer) = Tested::bound(&smsc, smsc.config()).await;
    let requests = [
        (CommandId::DELIVER_SM, &[0; 17][..], 9),
        (CommandId::DATA_SM, &[0; 10], 10),
    ];
    for (command_id, body, number) in requests {
        peer.write(command_id, ROK, number, body).await;
        let LinkEvent::Request { header, octets } = tested.next().await else {
            panic!("the request")
        };
        assert_eq!(
            (header.command_id, header.sequence_number),
            (command_id, number)
        );
        assert_eq!(octets[16..], *body);
    }
    let status = CommandStatus::ESME_RX_T_APPN;
    tested.link.respond(tested.generation + 1, 9, status);
    tested.link.respond(tested.generation, 10, status);
    tested.link.respond(tested.generation, 9, ROK);
    tested.link.respond(tested.generation, 9, ROK);
    for (command_id, _, number) in requests.into_iter().rev() {
        let (answer, body) = peer.expect(command_id.response()).await;
        let expected = if number == 9 { ROK } else { status };
        assert_eq!(
            (answer.sequence_number, answer.command_status),
            (number, expected)
        );
        assert_eq!(body, [0]);
    }
    assert!(peer.try_read(Duration::from_millis(50)).await.is_none());
}

#[tokio::test]
async fn a_lost_connection_comes_back_as_another_generation() {
    let smsc = Smsc::start().await;
    let (mut tested, peer) = Tested::bound(&smsc, smsc.config()).await;
    assert_eq!(tested.generation, 1);
    drop(peer);
    let (reason, retry_in) = tested.expect_down().await;
    assert_eq!(reason, "the connection was lost");
    assert_about(retry_in, Duration::from_millis(20));
    let _peer = smsc.accept_bind().await;
    tested.expect_bound().await;
    assert_eq!(tested.generation, 2);
}

#[tokio::test]
async fn pauses_grow_while_the_smsc_refuses() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    config.bind_retry_delay = Duration::from_millis(4);
    config.bind_retry_delay_max = Duration::from_millis(16);
    let mut tested = Tested::spawn(config);
    for (attempt, wanted_ms) in [4, 8, 16, 16].into_iter().enumerate() {
        let mut peer = smsc.accept().await;
        peer.answer_bind(CommandStatus::ESME_RSYSERR).await;
        let (reason, retry_in) = tested.expect_down().await;
        assert_eq!(reason, "the bind was refused: ESME_RSYSERR");
        let wanted = Duration::from_millis(wanted_ms);
        let delay = retry_in.expect("another attempt follows");
        assert!(delay.abs_diff(wanted) <= wanted / 4, "{attempt}: {delay:?}");
    }
}

#[tokio::test]
async fn refusals_that_time_does_not_mend_wait_long() {
    let smsc = Smsc::start().await;
    for (status, wanted_s) in [
        (CommandStatus::ESME_RINVPASWD, 60),
        (CommandStatus::ESME_RINVSYSID, 60),
        (CommandStatus::ESME_RALYBND, 30),
    ] {
        let mut tested = Tested::spawn(smsc.config());
        let mut peer = smsc.accept().await;
        peer.answer_bind(status).await;
        let (_, retry_in) = tested.expect_down().await;
        assert_about(retry_in, Duration::from_secs(wanted_s));
        assert!(peer.is_closed().await);
    }
}

#[tokio::test]
async fn nobody_listening_is_told_with_the_address() {
    let smsc = Smsc::start().await;
    let config = smsc.config();
    let port = config.port;
    drop(smsc);
    let mut tested = Tested::spawn(config);
    let (reason, retry_in) = tested.expect_down().await;
    let expected = format!("cannot connect to 127.0.0.1:{port} (127.0.0.1): ");
    assert!(reason.starts_with(&expected), "{reason}");
    assert_about(retry_in, Duration::from_millis(20));
}

#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    // Where it has two addresses, only the second has a listener.
    config.host = "localhost".to_owned();
    config.local_address = None;
    Tested::bound(&smsc, config).await;
}

#[tokio::test]
async fn unbind_waits_for_pending_responses() {
    let smsc = Smsc::start().await;
    let (mut tested, mut peer) = Tested::bound(&smsc, smsc.config()).await;
    tested.submit(1).await;
    let (request, _) = peer.expect(CommandId::SUBMIT_SM).await;
    tested.link.unbind();
    assert!(peer.try_read(Duration::from_millis(50)).await.is_none());
    peer.answer(&request, b"id\0").await;
    let (unbind, _) = peer.expect(CommandId::UNBIND).await;
    peer.answer(&unbind, b"").await;
    assert!(matches!(
        tested.next().await,
        LinkEvent::Response { token: 1, .. }
    ));
    assert_eq!(tested.expect_down().await, ("we unbound".to_owned(), None));
    assert!(peer.is_closed().await);
    let outgoing = Outgoing {
        command_id: CommandId::SUBMIT_SM,
        body: Bytes::new(),
    };
    assert_eq!(tested.link.try_submit(2, outgoing), Err(SubmitError::Ended));
}

#[tokio::test]
async fn unbind_does_not_wait_for_ever() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    config.drain_timer = Duration::from_millis(30);
    config.response_timer = Duration::from_millis(200);
    let (mut tested, mut peer) = Tested::bound(&smsc, config).await;
    tested.submit(1).await;
    peer.expect(CommandId::SUBMIT_SM).await;
    tested.link.unbind();
    peer.expect(CommandId::UNBIND).await;
    // Neither is answered.
    let event = tested.next().await;
    assert!(
        matches!(event, LinkEvent::Failed { token: 1, .. }),
        "{event:?}"
    );
    assert_eq!(tested.expect_down().await.1, None);
}

#[tokio::test]
async fn a_late_response_is_told_after_the_failure() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    config.response_timer = Duration::from_millis(30);
    let (mut tested, mut peer) = Tested::bound(&smsc, config).await;
    tested.submit(1).await;
    let (request, _) = peer.expect(CommandId::SUBMIT_SM).await;
    assert!(matches!(
        tested.next().await,
        LinkEvent::Failed {
            token: 1,
            failure: Failure::TimedOut
        }
    ));
    peer.answer(&request, b"id-1\0").await;
    let LinkEvent::LateResponse {
        token: 1,
        command_id: CommandId::SUBMIT_SM_RESP,
        command_status: ROK,
        message_id: Some(message_id),
    } = tested.next().await
    else {
        panic!("the late response")
    };
    assert_eq!(message_id.as_octets(), b"id-1");
}

#[tokio::test]
async fn the_last_handle_unbinds() {
    let smsc = Smsc::start().await;
    let (tested, mut peer) = Tested::bound(&smsc, smsc.config()).await;
    drop(tested);
    peer.expect(CommandId::UNBIND).await;
}

#[tokio::test]
async fn a_link_ends_in_its_pause_too() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    config.bind_retry_delay = Duration::from_secs(50);
    drop(smsc);
    for disconnect in [false, true] {
        let mut tested = Tested::spawn(config.clone());
        assert!(tested.expect_down().await.1.is_some());
        if disconnect {
            tested.link.disconnect();
        } else {
            tested.link.unbind();
        }
        assert_eq!(
            tested.expect_down().await,
            ("the link was told to end".to_owned(), None)
        );
    }
}

#[tokio::test]
async fn the_smscs_unbind_is_answered_and_we_bind_again() {
    let smsc = Smsc::start().await;
    let (mut tested, mut peer) = Tested::bound(&smsc, smsc.config()).await;
    tested.submit(1).await;
    peer.expect(CommandId::SUBMIT_SM).await;
    peer.write(CommandId::UNBIND, ROK, 44, &[]).await;
    let (answer, _) = peer.expect(CommandId::UNBIND_RESP).await;
    assert_eq!(answer.sequence_number, 44);
    assert!(peer.is_closed().await);
    assert!(matches!(
        tested.next().await,
        LinkEvent::Failed {
            token: 1,
            failure: Failure::SessionClosed
        }
    ));
    assert_eq!(tested.expect_down().await.0, "the peer unbound");
    let _peer = smsc.accept_bind().await;
    tested.expect_bound().await;
}

#[tokio::test]
async fn a_dead_smsc_is_found_by_enquire_link() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    config.enquire_link_timer = Duration::from_millis(30);
    config.response_timer = Duration::from_millis(30);
    let (mut tested, mut peer) = Tested::bound(&smsc, config).await;
    let (enquire_link, _) = peer.expect(CommandId::ENQUIRE_LINK).await;
    peer.answer(&enquire_link, b"").await;
    peer.expect(CommandId::ENQUIRE_LINK).await;
    assert_eq!(
        tested.expect_down().await.0,
        "the peer did not answer enquire_link"
    );
}

#[tokio::test]
async fn what_was_not_sent_is_told_from_what_nobody_knows() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    config.window_size = 1;
    config.bind_retry_delay = Duration::from_secs(50);
    let (mut tested, mut peer) = Tested::bound(&smsc, config).await;
    tested.submit(1).await;
    peer.expect(CommandId::SUBMIT_SM).await;
    // The window is full: this one waits in the channel.
    tested.submit(2).await;
    drop(peer);
    let mut failures = Vec::new();
    while failures.len() < 2 {
        match tested.next().await {
            LinkEvent::Failed { token, failure } => failures.push((token, failure)),
            LinkEvent::Down { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        failures,
        [(1, Failure::SessionClosed), (2, Failure::NotSent)]
    );
    // Nothing is queued while it is down.
    tested.submit(3).await;
    let event = tested.next().await;
    assert!(
        matches!(
            event,
            LinkEvent::Failed {
                token: 3,
                failure: Failure::NotSent
            }
        ),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_receiver_carries_no_messages_out() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    config.bind_type = BindType::Receiver;
    let (mut tested, _peer) = Tested::bound(&smsc, config).await;
    tested.submit(1).await;
    let event = tested.next().await;
    assert!(
        matches!(
            event,
            LinkEvent::Failed {
                token: 1,
                failure: Failure::NotAllowed
            }
        ),
        "{event:?}"
    );
}

#[tokio::test]
async fn the_window_is_never_exceeded() {
    let smsc = Smsc::start().await;
    let mut config = smsc.config();
    config.window_size = 5;
    let (mut tested, mut peer) = Tested::bound(&smsc, config).await;
    let link = tested.link.clone();
    let submitting = tokio::spawn(async move {
        for token in 0..50 {
            let outgoing = Outgoing {
                command_id: CommandId::SUBMIT_SM,
                body: Bytes::from_static(&[0; 17]),
            };
            link.submit(token, outgoing).await.expect("it runs");
        }
    });
    for _ in 0..10 {
        let mut window = Vec::new();
        for _ in 0..5 {
            window.push(peer.expect(CommandId::SUBMIT_SM).await.0);
        }
        let more = peer.try_read(Duration::from_millis(5)).await;
        assert!(more.is_none(), "a sixth request");
        for request in window.iter().rev() {
            peer.answer(request, b"id\0").await;
        }
    }
    for _ in 0..50 {
        let event = tested.next().await;
        assert!(matches!(event, LinkEvent::Response { .. }), "{event:?}");
    }
    submitting.await.expect("all were taken");
}

#[tokio::test]
async fn bad_pdus_are_counted_once_a_turn() {
    let smsc = Smsc::start().await;
    let (mut tested, mut peer) = Tested::bound(&smsc, smsc.config()).await;
    for number in 0..5 {
        peer.write(CommandId::SUBMIT_SM_RESP, ROK, 1_000 + number, b"\0")
            .await;
    }
    let mut total = 0;
    while total < 5 {
        match tested.next().await {
            LinkEvent::BadPdus { count, .. } => total += count,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(total, 5);
}

/// An SMSC that sends what nobody asked for while the receiver is busy fills no memory.
#[tokio::test]
async fn unasked_events_are_bounded_and_the_dropped_ones_counted() {
    const SENT: u32 = 5_000;
    const PASSED_ON_MAX: u32 = 256;
    let smsc = Smsc::start().await;
    let (mut tested, mut peer) = Tested::bound(&smsc, smsc.config()).await;
    for number in 1..=SENT {
        peer.write(CommandId::ALERT_NOTIFICATION, ROK, number, &[0; 6])
            .await;
    }
    // Its answer tells that all before it were taken.
    peer.write(CommandId::ENQUIRE_LINK, ROK, SENT + 1, &[])
        .await;
    peer.expect(CommandId::ENQUIRE_LINK_RESP).await;
    let (mut passed_on, mut counted) = (0, 0);
    while passed_on + counted < SENT + 1 {
        match tested.next().await {
            LinkEvent::Request { .. } => passed_on += 1,
            LinkEvent::BadPdus { count, .. } => counted += count,
            other => panic!("{other:?}"),
        }
        if passed_on == PASSED_ON_MAX && counted == 0 {
            // The receiver has caught up: there is room again, and the next turn tells the count.
            peer.write(CommandId::ALERT_NOTIFICATION, ROK, SENT + 2, &[0; 6])
                .await;
        }
    }
    assert_eq!(passed_on, PASSED_ON_MAX + 1);
}
