//! What goes wrong on purpose: the kinds of fault, and which of them strike. Pure. Octets of a
//! stream are treated in `pipe.rs`, octets of one PDU in `octets.rs`.

mod octets;
mod pipe;
mod read;
mod strike;

use std::time::Duration;

use serde_json::Value as Json;
use signalbox_codec::CommandStatus;

pub(crate) use self::octets::{garbage, spoil};
pub(crate) use self::pipe::{End, Pipe};
pub(crate) use self::read::{from_json, read, status};
pub(crate) use self::strike::{SessionPlan, StreamPlan, Strikes};
use crate::registry::Disconnect;
use crate::scenario::Delay;

/// Faults that are active on an SMSC at most.
pub(crate) const FAULTS_MAX: usize = 100;

/// What is wrong with a fault of the handshake where there is none.
pub(crate) const NO_TLS: &str = "this SMSC has no TLS port, so no handshake can be struck";

/// A fault that can be switched on.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// Which way, for faults of the stream.
    pub(crate) stream: Stream,
    /// The share that it strikes: of connections, or of messages for faults of messages.
    pub(crate) toxicity: f64,
    /// The active one that it is, if it was written as that is shown.
    pub(crate) id: Option<String>,
    /// The fault as it was written, without that.
    pub(crate) written: Json,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// From the client to the SMSC.
    Up,
    /// From the SMSC to the client.
    Down,
}

/// What goes wrong, and on which level.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FaultKind {
    Stream(StreamFault),
    Session(SessionFault),
    Message(MessageFault),
}

impl Stream {
    /// Its word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl FaultKind {
    /// Whether it strikes connections of TLS only.
    pub(crate) const fn is_of_tls(&self) -> bool {
        matches!(self, Self::Session(SessionFault::Handshake(_)))
    }

    /// Whether it strikes only before a client can send a message.
    pub(crate) const fn is_before_messages(&self) -> bool {
        match self {
            Self::Session(fault) => match fault {
                SessionFault::BindRefuse { .. }
                | SessionFault::SlowBind { .. }
                | SessionFault::Handshake(_) => true,
                SessionFault::UnbindAfter { .. } | SessionFault::NoEnquireLinkResp => false,
            },
            Self::Stream(_) | Self::Message(_) => false,
        }
    }
}

/// What goes wrong with the octets of a connection, whatever they mean.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StreamFault {
    /// Octets come later, by a time that varies by up to the jitter both ways.
    Latency { latency: Duration, jitter: Duration },
    /// So many octets a second.
    Bandwidth { octets_per_second: u32 },
    /// The connection is closed later than it should be.
    SlowClose { delay: Duration },
    /// Nothing comes through any more; after the time the connection is closed.
    Timeout { timeout: Option<Duration> },
    /// The connection is reset after the time.
    ResetPeer { timeout: Duration },
    /// Octets come in pieces of this size, with a pause between two.
    Slicer {
        octets: usize,
        /// By how much a piece may be shorter or longer.
        size_variation: usize,
        delay: Duration,
    },
    /// After so many octets the connection is closed, or reset.
    LimitData { octets: u64, reset: bool },
    /// Octets are held for this long and then come in one piece.
    Merge { delay: Duration },
    /// The SMSC does not read what the client sends.
    StopReading,
}

/// What goes wrong with a session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SessionFault {
    /// Binds are answered with this status.
    BindRefuse { status: CommandStatus },
    /// The response to the bind comes later.
    SlowBind { delay: Duration },
    /// After so many messages of a bind the SMSC unbinds.
    UnbindAfter { messages: u64 },
    /// enquire_link is not answered.
    NoEnquireLinkResp,
    /// The TLS handshake goes wrong.
    Handshake(HandshakeFault),
}

/// What goes wrong with a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeFault {
    /// The SMSC says nothing.
    Stall,
    /// The SMSC closes in the middle of it.
    Close,
}

/// What goes wrong with the response to a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MessageFault {
    /// Messages beyond this rate are answered with ESME_RTHROTTLED.
    Throttle { tps: u32, burst: u32 },
    /// ESME_RMSGQFUL.
    QueueFull,
    /// No response.
    DropResponse,
    /// It comes later.
    DelayResponse { delay: Delay },
    /// The octets of the response, or what comes instead.
    Response(ResponseFault),
}

/// What goes wrong with a response when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseFault {
    /// The connection ends instead.
    DisconnectBefore(Disconnect),
    /// The connection ends once it is written.
    DisconnectAfter(Disconnect),
    /// The connection is reset once half of it is written.
    ResetInside,
    /// Octets that are no known PDU precede it; their command_length is right.
    Garbage,
    /// It comes so many times more.
    Duplicate { copies: u32 },
    /// So many responses are gathered and sent in reverse order.
    Reorder { window: u32 },
    /// Its command_length is wrong: this, or by 4 too large.
    BadLength { command_length: Option<u32> },
    /// Its command_id is one that nobody knows.
    UnknownCommand { command_id: u32 },
    /// Its sequence_number is larger by this.
    BadSequence { add: u32 },
    /// An optional parameter at its end declares more octets than there are.
    CorruptTlv,
}

/// Whether it sends a response in another order.
pub(crate) const fn is_reorder(fault: Option<ResponseFault>) -> bool {
    matches!(fault, Some(ResponseFault::Reorder { .. }))
}
