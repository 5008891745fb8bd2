//! How what a session says is cut into writes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::Role;
use signalbox_session::driver::DriverConfig;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

use crate::common::raw;
use crate::rig::{Driven, config, read_pdu};

#[tokio::test(start_paused = true)]
async fn one_write_per_pdu_for_peers_that_need_it() {
    let driver = DriverConfig {
        one_write_per_pdu: true,
        ..DriverConfig::default()
    };
    let (ours, mut peer) = duplex(4096);
    let counted = CountingWrites {
        stream: ours,
        writes: Arc::default(),
    };
    let writes = Arc::clone(&counted.writes);
    let driven = Driven::start_with(counted, config(Role::Esme), false, driver);
    let resp = raw(
        CommandId::BIND_TRANSCEIVER_RESP,
        CommandStatus::ESME_ROK,
        1,
        b"\0",
    );
    peer.write_all(&resp).await.unwrap();
    for token in 0..4 {
        driven.requests.send(token).await.unwrap();
    }
    // The bind, and four submit_sm that come in batches.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(writes.lock().unwrap().len(), 5);
}

/// A peer with a full window need not wait until all of it is handled.
#[tokio::test(start_paused = true)]
async fn the_first_piece_of_a_long_read_is_answered_before_the_rest_is_handled() {
    for (asked, answered) in [
        (1, vec![1]),
        (16, vec![16]),
        (17, vec![16, 1]),
        (64, vec![16, 48]),
        (100, vec![25, 75]),
    ] {
        let (ours, mut peer) = duplex(4096);
        let counted = CountingWrites {
            stream: ours,
            writes: Arc::default(),
        };
        let writes = Arc::clone(&counted.writes);
        let _driven =
            Driven::start_with(counted, config(Role::Smsc), false, DriverConfig::default());
        peer.write_all(&raw(
            CommandId::BIND_TRANSCEIVER,
            CommandStatus::ESME_ROK,
            1,
            b"u\0p\0\0\x34\0\0\0",
        ))
        .await
        .unwrap();
        read_pdu(&mut peer).await;
        writes.lock().unwrap().clear();

        let mut all = Vec::new();
        for sequence_number in 2..2 + asked {
            all.extend(raw(
                CommandId::ENQUIRE_LINK,
                CommandStatus::ESME_ROK,
                sequence_number,
                b"",
            ));
        }
        peer.write_all(&all).await.unwrap();
        let mut answers = vec![0; 16 * asked as usize];
        peer.read_exact(&mut answers).await.unwrap();
        for (answer, sequence_number) in answers.chunks(16).zip(2..) {
            let resp = raw(
                CommandId::ENQUIRE_LINK_RESP,
                CommandStatus::ESME_ROK,
                sequence_number,
                b"",
            );
            assert_eq!(answer, resp);
        }
        let pdus: Vec<usize> = writes
            .lock()
            .unwrap()
            .iter()
            .map(|octets| octets / 16)
            .collect();
        assert_eq!(pdus, answered, "{asked} in one read");
    }
}

struct CountingWrites {
    stream: DuplexStream,
    /// Octets of each write.
    writes: Arc<Mutex<Vec<usize>>>,
}

impl AsyncRead for CountingWrites {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountingWrites {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(octets)) = written {
            self.writes.lock().expect("no panic").push(octets);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
