//! What a session tells its owner.

use std::fmt;

use signalbox_codec::pdu::{Bind, BindResp};
use signalbox_codec::{CommandStatus, DecodeError, FrameError, Header, Pdu};

use crate::config::BindType;

/// The owner's name for one of its requests; handed back with the response.
pub type Token = u64;

/// Something the owner should know. It may borrow from the input that caused it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// SMSC: a peer wants to bind. Answer with [`crate::Session::respond_bind`].
    BindRequested {
        /// Number to answer to.
        sequence_number: u32,
        /// Which bind.
        bind_type: BindType,
        /// Its fields.
        bind: Bind<'a>,
    },
    /// ESME: bound.
    Bound {
        /// What the SMSC said of itself.
        bind_resp: BindResp<'a>,
    },
    /// ESME: the SMSC refused the bind (a bind_resp with a status, or generic_nack). The session
    /// closes.
    BindRefused {
        /// Why.
        command_status: CommandStatus,
    },
    /// A request of the peer, legal in this state. Answer with [`crate::Session::respond`].
    /// enquire_link and unbind are answered by the session and do not come here.
    Request {
        /// Its header.
        header: Header,
        /// Its fields.
        pdu: Pdu<'a>,
        /// All of it as it came, the header included.
        octets: &'a [u8],
    },
    /// The response to one of our requests. `pdu` is its response or `GenericNack`; `Raw` when its
    /// fields cannot be read.
    Response {
        /// The request.
        token: Token,
        /// The header, with command_status.
        header: Header,
        /// The fields.
        pdu: Pdu<'a>,
    },
    /// One of our requests will have no response. Every request that was accepted ends in exactly
    /// one `Response` or `RequestFailed`.
    RequestFailed {
        /// The request.
        token: Token,
        /// Its number.
        sequence_number: u32,
        /// Why.
        failure: RequestFailure,
    },
    /// The response to a request that has failed as [`RequestFailure::TimedOut`], which stays its
    /// one ending: what was unknown of its fate is told here. At most once per request, and only on
    /// the connection that carried it; beyond 16,384 such requests the oldest is forgotten and its
    /// response is a [`PduProblem::UnexpectedResponse`].
    LateResponse {
        /// The request.
        token: Token,
        /// The header, with command_status.
        header: Header,
        /// The fields, as in `Response`.
        pdu: Pdu<'a>,
    },
    /// A PDU of the peer could not be decoded, was not legal or was not expected. It was answered
    /// where the specification wants an answer; the session lives.
    BadPdu {
        /// Its header.
        header: Header,
        /// What is wrong.
        problem: PduProblem,
    },
    /// The peer asked to unbind and was answered; the session closes once that is written.
    Unbinding,
    /// The session is over. Nothing follows.
    Closed {
        /// Why, and who began.
        reason: CloseReason,
    },
}

/// Why a request has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// It was not written, or not to its end (see [`crate::Session::handle_unwritten`]): safe to
    /// send elsewhere.
    NotSent,
    /// No response within response_timer. Its fate is unknown, unless an [`Event::LateResponse`]
    /// tells.
    TimedOut,
    /// The session closed after it was written. Its fate is unknown.
    SessionClosed,
}

/// What is wrong with a PDU of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PduProblem {
    /// Its fields cannot be read.
    Decode(DecodeError),
    /// Nobody knows this command_id.
    UnknownCommand,
    /// Not legal in this state (ESME_RINVBNDSTS or ESME_RALYBND was answered).
    IllegalState,
    /// A response that no request waits for.
    UnexpectedResponse,
    /// The peer has more unanswered requests than `inbound_window_size`.
    InboundWindowFull,
}

/// Why a session is over. The variant names who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// We unbound, and the peer answered or its time was over.
    LocalUnbind,
    /// We closed without unbind.
    LocalClose,
    /// The bind was refused.
    BindRefused(CommandStatus),
    /// The bind was not finished within session_init_timer.
    BindTimedOut,
    /// No message for inactivity_timer.
    Inactive,
    /// The peer unbound.
    PeerUnbind,
    /// The peer sent a length that cannot be.
    PeerFrame(FrameError),
    /// The peer did not answer enquire_link.
    PeerSilent,
    /// The peer began a PDU and did not finish it in time, or did not read what we wrote.
    PeerStalled,
    /// The connection ended or broke.
    Transport,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalUnbind => f.write_str("we unbound"),
            Self::LocalClose => f.write_str("we closed the connection"),
            Self::BindRefused(status) => write!(f, "the bind was refused: {status}"),
            Self::BindTimedOut => f.write_str("the bind was not finished in time"),
            Self::Inactive => f.write_str("no message for the time of the inactivity timer"),
            Self::PeerUnbind => f.write_str("the peer unbound"),
            Self::PeerFrame(error) => write!(f, "the peer sent no SMPP: {error}"),
            Self::PeerStalled => {
                f.write_str("the peer left a PDU unfinished or did not read for too long")
            }
            Self::PeerSilent => f.write_str("the peer did not answer enquire_link"),
            Self::Transport => f.write_str("the connection was lost"),
        }
    }
}

/// Why a command of the owner was not carried out. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// `window_size` requests wait for their responses already.
    WindowFull,
    /// This session is not bound, or not for such PDUs, or is closing.
    NotBound,
    /// No request with this number waits for our response.
    NoSuchRequest,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WindowFull => "the window is full",
            Self::NotBound => "the session is not bound for this PDU",
            Self::NoSuchRequest => "no request with this sequence_number waits for a response",
        })
    }
}

impl std::error::Error for SendError {}
