//! `smsc-sim capture replay`: a captured session, and what came of playing one side of it again.
//! How it is played is in `player`.

mod player;

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use signalbox_codec::{CommandId, CommandStatus, Header};
use tokio::net::{TcpListener, TcpStream};

use self::player::Player;
use super::decode::each;
use super::reader::CaptureError;
use super::stream::Found;

/// PDUs of a session that are played at most; those behind are left out.
const STEPS_MAX: usize = 1_000_000;
/// Which side is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that bound.
    Client,
    /// The one that was bound to.
    Server,
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "client" => Ok(Self::Client),
            "server" => Ok(Self::Server),
            _ => Err("wanted: client or server".to_owned()),
        }
    }
}

/// A captured session.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    after: Duration,
    by: Side,
    pdu: Vec<u8>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    sent: u64,
    answered: u64,
    same: u64,
    different: u64,
    unanswered: u64,
    /// Requests of the capture that were not sent, as the other side ended before.
    unsent: u64,
    /// Command of the response, captured and seen status, of the first few.
    differences: Vec<(CommandId, CommandStatus, CommandStatus)>,
    /// Command and sequence_number of the first few that were not answered.
    missing: Vec<(CommandId, u32)>,
}

impl Script {
    /// Reads session `number`, counted from 1, of a capture.
    ///
    /// # Errors
    /// [`CaptureError`] when the capture cannot be read or has no such session.
    pub fn read(input: impl Read, number: usize) -> Result<Self, CaptureError> {
        let mut ends: Vec<(SocketAddr, SocketAddr)> = Vec::new();
        let mut steps = Vec::new();
        let mut first_us = 0;
        each(input, |seen| {
            let Found::Pdu(pdu) = seen.found else {
                return;
            };
            let (from, to) = (seen.from, seen.to);
            let known = ends.contains(&(from, to)) || ends.contains(&(to, from));
            if !known && ends.len() < number {
                let header = Header::decode(pdu).expect("a PDU has a header");
                // A server speaks first only with outbind, or where the capture starts later.
                let by_server = header.command_id == CommandId::OUTBIND
                    || header.command_id.is_response()
                    || header.command_id == CommandId::DELIVER_SM;
                ends.push(if by_server { (to, from) } else { (from, to) });
            }
            let Some((client, server)) = ends.get(number.wrapping_sub(1)) else {
                return;
            };
            let by = match (from, to) {
                of if of == (*client, *server) => Side::Client,
                of if of == (*server, *client) => Side::Server,
                _ => return,
            };
            if steps.is_empty() {
                first_us = seen.at_unix_us;
            }
            if steps.len() < STEPS_MAX {
                let after = Duration::from_micros(seen.at_unix_us.saturating_sub(first_us));
                let pdu = pdu.to_vec();
                steps.push(Step { after, by, pdu });
            }
        })?;
        if steps.is_empty() {
            return Err(CaptureError::Io(io::Error::other(format!(
                "there is no session {number} in it"
            ))));
        }
        Ok(Self { steps })
    }

    /// Plays a side: connects to `to` as the client, listens there once as the server. `speed` 0
    /// leaves out the pauses.
    ///
    /// # Errors
    /// The connection could not be made; the error names `to`.
    pub async fn play(&self, side: Side, to: &str, speed: f64) -> io::Result<Outcome> {
        let failed = |what| {
            move |error: io::Error| {
                io::Error::new(error.kind(), format!("cannot {what} {to}: {error}"))
            }
        };
        let stream = match side {
            Side::Client => {
                let connected = TcpStream::connect(to).await;
                connected.map_err(failed("connect to"))?
            }
            Side::Server => {
                let listener = TcpListener::bind(to).await;
                let listener = listener.map_err(failed("listen on"))?;
                listener.accept().await.map_err(failed("accept on"))?.0
            }
        };
        stream.set_nodelay(true)?;
        Ok(Player::new(self, side, speed).play(stream).await)
    }
}

impl Outcome {
    /// Whether every request of the capture was sent, and answered as there.
    #[must_use]
    pub const fn is_as_captured(&self) -> bool {
        self.different == 0 && self.unanswered == 0 && self.unsent == 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests sent: {} answered as in the capture, {} otherwise, {} not; {} requests of the \
             other side answered",
            self.sent, self.same, self.different, self.unanswered, self.answered
        )?;
        if self.unsent > 0 {
            write!(f, "; {} requests of the capture not sent", self.unsent)?;
        }
        for (command, was, is) in &self.differences {
            write!(f, "\n  {command}: {was} in the capture, {is} here")?;
        }
        for (command, number) in &self.missing {
            write!(
                f,
                "\n  {command} with sequence_number {number}: not answered"
            )?;
        }
        Ok(())
    }
}
