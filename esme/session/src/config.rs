//! Settings of a session. Timers: SMPP v3.4 §7.2; their values are the implementation's choice.

use std::time::Duration;

use signalbox_codec::COMMAND_LENGTH_MAX_BOUND;

/// Which side of the connection the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The client: it binds.
    Esme,
    /// The message centre: it is bound to.
    Smsc,
}

/// What a session may carry. SMPP v3.4 §2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindType {
    /// Messages from the ESME only.
    Transmitter,
    /// Messages to the ESME only.
    Receiver,
    /// Both.
    Transceiver,
}

/// Settings of one session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Which side this is.
    pub role: Role,
    /// Requests that may wait for a response at the same time, 1 to 2^31. Default 100.
    pub window_size: u32,
    /// Requests of the peer that may wait for our response at the same time; one more is answered
    /// at once: submit_sm with ESME_RTHROTTLED, others with ESME_RMSGQFUL. Default 1,000.
    pub inbound_window_size: u32,
    /// Largest command_length once bound. Default 70,000 octets.
    pub command_length_max: u32,
    /// How long a response may take; then the request has failed. Default 30 s.
    pub response_timer: Duration,
    /// Silence of the peer after which an enquire_link is sent; zero: never. Its answer is awaited
    /// for `response_timer`, then the link is dead. Any octet received proves life. Default 30 s.
    pub enquire_link_timer: Duration,
    /// How long the bind may take from the start of the connection. Default 5 s.
    pub session_init_timer: Duration,
    /// Time without any message (enquire_link does not count) after which the session is unbound;
    /// zero: never. Default zero.
    pub inactivity_timer: Duration,
    /// Whether enquire_link and unbind of the peer are answered here. Default true. Without it they
    /// come as [`crate::Event::Request`]: for a simulator that plays a peer which does not answer.
    pub automatic_answers: bool,
}

impl SessionConfig {
    /// Defaults for a role.
    #[must_use]
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            window_size: 100,
            inbound_window_size: 1_000,
            command_length_max: COMMAND_LENGTH_MAX_BOUND,
            response_timer: Duration::from_secs(30),
            enquire_link_timer: Duration::from_secs(30),
            session_init_timer: Duration::from_secs(5),
            inactivity_timer: Duration::ZERO,
            automatic_answers: true,
        }
    }
}
