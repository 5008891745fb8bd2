//! What a link tells.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use signalbox_codec::{CommandId, CommandStatus, Header};
use signalbox_session::{CloseReason, PduProblem, Token};
use tokio::sync::OwnedSemaphorePermit;

use crate::connect::ConnectError;
use crate::message_id::MessageId;
use crate::tls::TlsError;

/// Events of a connection that wait for the receiver and that neither our window nor the SMSC's
/// bounds: alert_notification and `BadPdus`. More alert_notifications are dropped and counted as
/// bad PDUs, and these are counted on until there is room to tell, or the connection ends.
pub(crate) const UNASKED_EVENTS_MAX: usize = 256;

/// What one turn of a link's task brought, in order. Batches keep the cost per message low.
#[derive(Debug)]
pub struct LinkEvents {
    /// The link, by the number it was spawned with.
    pub link: u32,
    /// Which of its connections: 1 and up. A request must be answered with the same one.
    pub generation: u64,
    /// The events.
    pub events: Vec<LinkEvent>,
    /// Taken of [`UNASKED_EVENTS_MAX`] until the receiver drops it.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

/// Something that a link tells. Every request that was submitted ends in exactly one `Response` or
/// `Failed`; one that has timed out may have a `LateResponse` after that.
#[derive(Debug)]
pub enum LinkEvent {
    /// Bound: `window` requests may be submitted.
    Bound {
        /// window_size.
        window: u32,
        /// The SMSC's name for itself.
        system_id: String,
        /// Its version, if it told.
        sc_interface_version: Option<u8>,
    },
    /// Not bound any more, or an attempt has failed.
    Down {
        /// Why.
        reason: DownReason,
        /// When the next attempt begins; `None`: never, the link was told to end.
        retry_in: Option<Duration>,
    },
    /// The response to a request.
    Response {
        /// The request.
        token: Token,
        /// Its response, or generic_nack.
        command_id: CommandId,
        /// The result.
        command_status: CommandStatus,
        /// The SMSC's id of the message, if there is one.
        message_id: Option<MessageId>,
        /// congestion_state of the SMSC, 0 to 100 (v5.0).
        congestion_state: Option<u8>,
        /// The whole body when it holds more than a message_id (query_sm_resp, optional
        /// parameters); else empty.
        body: Bytes,
    },
    /// A request without a response.
    Failed {
        /// The request.
        token: Token,
        /// Why.
        failure: Failure,
    },
    /// The response to a request that has failed as [`Failure::TimedOut`]: at most one, from the
    /// same connection.
    LateResponse {
        /// The request.
        token: Token,
        /// Its response, or generic_nack.
        command_id: CommandId,
        /// The result.
        command_status: CommandStatus,
        /// The SMSC's id of the message, if there is one.
        message_id: Option<MessageId>,
    },
    /// A request of the SMSC: answer with [`crate::Link::respond`], alert_notification excepted.
    Request {
        /// Its header.
        header: Header,
        /// The whole PDU.
        octets: Bytes,
    },
    /// PDUs of this turn that could not be decoded, were not legal, or not expected (such as a
    /// second response).
    BadPdus {
        /// How many.
        count: u32,
        /// The last one.
        header: Header,
        /// What is wrong with the last one.
        problem: PduProblem,
    },
}

/// Why a request has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It did not leave: safe to send elsewhere.
    NotSent,
    /// No response in time; its fate is unknown until a `LateResponse` tells.
    TimedOut,
    /// The connection went after it was written; its fate is unknown.
    SessionClosed,
    /// This kind of bind cannot carry it. It did not leave.
    NotAllowed,
}

/// Why a link is down.
#[derive(Debug)]
pub enum DownReason {
    /// No connection could be made.
    Connect(ConnectError),
    /// TLS was not agreed upon.
    Tls(TlsError),
    /// The session is over; a refused bind is told so.
    Closed(CloseReason),
    /// The link was told to end while it had no session.
    Stopped,
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Closed(reason) => reason.fmt(f),
            Self::Stopped => f.write_str("the link was told to end"),
        }
    }
}
