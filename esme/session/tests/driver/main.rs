//! The driver over in-memory streams with a paused clock, and over loopback TCP.

#[path = "../common/mod.rs"]
mod common;
mod rig;
mod timeouts;
mod writes;

use common::{Seen, deliver_sm, headers, raw, submit_sm};
use rig::{Command, Driven, bound, config, read_pdu};
use signalbox_codec::pdu::Bind;
use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::driver::DriverConfig;
use signalbox_session::{CloseReason, RequestFailure, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

#[tokio::test]
async fn a_thousand_messages_over_tcp_all_end_and_the_window_holds() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let mut esme_config = config(Role::Esme);
    esme_config.window_size = 7;
    let mut smsc_config = config(Role::Smsc);
    // One request more than the window would be refused.
    smsc_config.inbound_window_size = 7;
    let mut smsc = Driven::start(accepted, smsc_config, false);
    let mut esme = Driven::start(stream, esme_config, false);
    for token in 0..1_000 {
        esme.requests.send(token).await.unwrap();
    }
    let mut tokens = Vec::new();
    while tokens.len() < 1_000 {
        match esme.next().await {
            Seen::Bound => {}
            Seen::Response(token, _, CommandStatus::ESME_ROK) => tokens.push(token),
            other => panic!("{other:?}"),
        }
    }
    tokens.sort_unstable();
    assert!(tokens.iter().copied().eq(0..1_000));
    esme.control.send(Command::Unbind).unwrap_or_default();
    assert_eq!(esme.task.await.unwrap(), CloseReason::LocalUnbind);
    assert_eq!(
        smsc.rest().await.last(),
        Some(&Seen::Closed(CloseReason::PeerUnbind))
    );
}

#[tokio::test(start_paused = true)]
async fn pdus_cut_at_every_octet_are_the_same_pdus() {
    let (mut driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let mut octets = bytes::BytesMut::new();
    signalbox_codec::encode_pdu(
        &deliver_sm(&[b'x'; 140]),
        CommandStatus::ESME_ROK,
        9,
        &mut octets,
    );
    for octet in &octets {
        peer.write_all(&[*octet]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(driven.next().await, Seen::Request(CommandId::DELIVER_SM, 9));
}

#[tokio::test(start_paused = true)]
async fn a_pdu_larger_than_the_buffer_is_read_whole() {
    let (mut driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let mut payload = vec![0; 16];
    payload.extend_from_slice(&[0x04, 0x24, 0xFF, 0xF0]);
    payload.resize(payload.len() + 0xFFF0, b'x');
    // The mandatory fields are 17 NULs and zeros; then message_payload.
    let body: Vec<u8> = std::iter::repeat_n(0, 17)
        .chain(payload[16..].iter().copied())
        .collect();
    let pdu = raw(CommandId::DELIVER_SM, CommandStatus::ESME_ROK, 5, &body);
    peer.write_all(&pdu).await.unwrap();
    assert_eq!(driven.next().await, Seen::Request(CommandId::DELIVER_SM, 5));
}

#[tokio::test(start_paused = true)]
async fn a_pdu_that_is_not_finished_closes_after_its_deadline() {
    let (mut driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let started = tokio::time::Instant::now();
    let half = [0, 0, 0x0F, 0xFF, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 1];
    peer.write_all(&half).await.unwrap();
    assert_eq!(
        driven.rest().await,
        [Seen::Closed(CloseReason::PeerStalled)]
    );
    assert_eq!(started.elapsed().as_secs(), 10);
    let mut octets = Vec::new();
    peer.read_to_end(&mut octets).await.unwrap();
    let nack = headers(&octets).pop().expect("a generic_nack");
    assert_eq!(
        (nack.command_id, nack.command_status, nack.sequence_number),
        (CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDLEN, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_given_up_and_the_unwritten_is_not_sent() {
    // The stream takes 256 octets: the first submit_sm and the start of the second.
    let (mut driven, _peer) = bound(256, config(Role::Esme), DriverConfig::default()).await;
    let started = tokio::time::Instant::now();
    for token in 0..4 {
        driven.requests.send(token).await.unwrap();
    }
    assert_eq!(
        driven.rest().await,
        [
            Seen::Failed(1, RequestFailure::NotSent),
            Seen::Failed(2, RequestFailure::NotSent),
            Seen::Failed(3, RequestFailure::NotSent),
            Seen::Failed(0, RequestFailure::SessionClosed),
            Seen::Closed(CloseReason::PeerStalled),
        ]
    );
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_asks_and_does_not_read_is_not_listened_to_for_ever() {
    let driver = DriverConfig {
        write_limit_octets: 1_024,
        ..DriverConfig::default()
    };
    let (mut driven, mut peer) = bound(512, config(Role::Esme), driver).await;
    let flood = tokio::spawn(async move {
        let enquire_link = raw(CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK, 1, &[]);
        let mut octets = 0usize;
        while peer.write_all(&enquire_link).await.is_ok() {
            octets += enquire_link.len();
        }
        octets
    });
    assert_eq!(
        driven.rest().await,
        [Seen::Closed(CloseReason::PeerStalled)]
    );
    let octets = flood.await.unwrap();
    assert!(octets < 16 * 1_024, "{octets} octets were taken");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_closes() {
    let (mut driven, peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    driven.requests.send(3).await.unwrap();
    tokio::task::yield_now().await;
    drop(peer);
    assert_eq!(
        driven.rest().await.last(),
        Some(&Seen::Closed(CloseReason::Transport))
    );
    assert_eq!(driven.task.await.unwrap(), CloseReason::Transport);
}

#[tokio::test(start_paused = true)]
async fn half_a_close_still_gets_the_answers() {
    let (ours, mut peer) = duplex(4096);
    let mut driven = Driven::start(ours, config(Role::Smsc), false);
    let mut octets = bytes::BytesMut::new();
    let bind = signalbox_codec::Pdu::BindTransceiver(Bind::default());
    signalbox_codec::encode_pdu(&bind, CommandStatus::ESME_ROK, 1, &mut octets);
    signalbox_codec::encode_pdu(&submit_sm(b""), CommandStatus::ESME_ROK, 2, &mut octets);
    peer.write_all(&octets).await.unwrap();
    peer.shutdown().await.unwrap();
    let mut answers = Vec::new();
    peer.read_to_end(&mut answers).await.unwrap();
    let answers: Vec<_> = headers(&answers).iter().map(|h| h.command_id).collect();
    assert_eq!(
        answers,
        [CommandId::BIND_TRANSCEIVER_RESP, CommandId::SUBMIT_SM_RESP]
    );
    assert_eq!(
        driven.rest().await.last(),
        Some(&Seen::Closed(CloseReason::Transport))
    );
}

#[tokio::test(start_paused = true)]
async fn senders_that_are_gone_mean_unbind() {
    let (driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let Driven {
        requests,
        control,
        task,
        seen: _seen,
    } = driven;
    drop((requests, control));
    let mut unbind = [0; 16];
    peer.read_exact(&mut unbind).await.unwrap();
    assert_eq!(headers(&unbind)[0].command_id, CommandId::UNBIND);
    // Nobody answers: the response timer ends it.
    assert_eq!(task.await.unwrap(), CloseReason::LocalUnbind);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_asked_and_given_up() {
    let (mut driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let started = tokio::time::Instant::now();
    let mut enquire_link = [0; 16];
    peer.read_exact(&mut enquire_link).await.unwrap();
    assert_eq!(
        headers(&enquire_link)[0].command_id,
        CommandId::ENQUIRE_LINK
    );
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!(driven.rest().await, [Seen::Closed(CloseReason::PeerSilent)]);
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn a_panic_of_an_owner_costs_its_connection_only() {
    let (one, two) = duplex(4096);
    let (three, four) = duplex(4096);
    let mut broken = Driven::start(one, config(Role::Esme), true);
    let mut broken_smsc = Driven::start(two, config(Role::Smsc), false);
    let mut sound = Driven::start(three, config(Role::Esme), false);
    let mut sound_smsc = Driven::start(four, config(Role::Smsc), false);
    for smsc in [&mut broken_smsc, &mut sound_smsc] {
        assert!(matches!(smsc.next().await, Seen::BindRequested(..)));
        smsc.control.send(Command::Deliver).unwrap_or_default();
    }
    assert!(broken.task.await.unwrap_err().is_panic());
    assert_eq!(broken.seen.recv().await, Some(Seen::Bound));
    assert_eq!(
        broken_smsc.rest().await.last(),
        Some(&Seen::Closed(CloseReason::Transport))
    );
    assert_eq!(sound.next().await, Seen::Bound);
    assert!(matches!(sound.next().await, Seen::Request(..)));
    sound.requests.send(1).await.unwrap();
    assert!(matches!(sound.next().await, Seen::Response(1, ..)));
}

#[tokio::test(start_paused = true)]
async fn responses_behind_an_unbind_in_the_same_read_end_their_requests() {
    const REQUESTS: u64 = 60;
    let mut config = config(Role::Esme);
    config.window_size = 100;
    let (mut driven, mut peer) = bound(64 * 1024, config, DriverConfig::default()).await;
    let mut responses = raw(CommandId::UNBIND, CommandStatus::ESME_ROK, 1, b"");
    for token in 0..REQUESTS {
        driven.requests.send(token).await.unwrap();
        let sequence_number = read_pdu(&mut peer).await.sequence_number;
        let status = CommandStatus::ESME_ROK;
        responses.extend(raw(
            CommandId::SUBMIT_SM_RESP,
            status,
            sequence_number,
            b"id\0",
        ));
    }
    peer.write_all(&responses).await.unwrap();
    let seen = driven.rest().await;
    let answered = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Response(..)));
    assert_eq!(answered.count() as u64, REQUESTS, "{seen:?}");
}
