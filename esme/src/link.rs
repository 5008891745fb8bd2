//! The handle of a supervised bind.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use signalbox_codec::{CommandId, CommandStatus, Encode};
use signalbox_session::Token;
use tokio::sync::mpsc;

use crate::config::{ClientConfig, ConfigError};
use crate::event::LinkEvents;
use crate::supervisor::Supervisor;

/// A PDU to be sent: a command_id and its encoded body.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// submit_sm, data_sm, query_sm, cancel_sm and the like.
    pub command_id: CommandId,
    /// What follows the header.
    pub body: Bytes,
}

impl Encode for Outgoing {
    fn command_id(&self) -> CommandId {
        self.command_id
    }

    fn body_octets(&self) -> usize {
        self.body.len()
    }

    fn encode_body(&self, out: &mut BytesMut) {
        out.put_slice(&self.body);
    }
}

/// A request on its way into the link's task.
pub(crate) struct Submit {
    pub(crate) token: Token,
    pub(crate) outgoing: Outgoing,
}

/// What a link's task does at once.
pub(crate) enum Control {
    Respond {
        generation: u64,
        sequence_number: u32,
        command_status: CommandStatus,
    },
    Unbind,
    Disconnect,
}

/// A supervised bind: connects, binds, comes back after every failure, until it is told to end. A
/// clone is another handle of the same one; when the last is dropped, it unbinds and ends.
///
/// A link queues nothing: a request that is submitted while it is not bound has failed as
/// [`crate::Failure::NotSent`] at once.
#[derive(Clone, Debug)]
pub struct Link {
    requests: mpsc::Sender<Submit>,
    control: mpsc::UnboundedSender<Control>,
}

impl Link {
    /// Starts the link's task. `link` is its name in [`LinkEvents`], so that many can share one
    /// channel.
    ///
    /// `events` is unbounded because its contents are not: what waits there is at most one event
    /// per submitted request, one per late response (a session knows 16,384 requests that may have
    /// one), one per request of the SMSC that was not answered (`inbound_window_size`), 256 others
    /// that the SMSC causes at will, and a few per connection.
    ///
    /// # Errors
    /// A setting out of its range.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(
        link: u32,
        config: ClientConfig,
        events: mpsc::UnboundedSender<LinkEvents>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let (requests, requests_end) = mpsc::channel(config.window_size as usize);
        let (control, control_end) = mpsc::unbounded_channel();
        let supervisor = Supervisor::new(link, config, events, requests_end, control_end);
        tokio::spawn(supervisor.run());
        Ok(Self { requests, control })
    }

    /// Submits a request. Waits while `window_size` requests wait to be taken already.
    ///
    /// # Errors
    /// [`SubmitError::Ended`].
    pub async fn submit(&self, token: Token, outgoing: Outgoing) -> Result<(), SubmitError> {
        self.requests
            .send(Submit { token, outgoing })
            .await
            .map_err(|_| SubmitError::Ended)
    }

    /// Submits a request without waiting.
    ///
    /// # Errors
    /// [`SubmitError`]; the request was not taken.
    pub fn try_submit(&self, token: Token, outgoing: Outgoing) -> Result<(), SubmitError> {
        self.requests
            .try_send(Submit { token, outgoing })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SubmitError::Full,
                mpsc::error::TrySendError::Closed(_) => SubmitError::Ended,
            })
    }

    /// Answers a request of the SMSC: deliver_sm or data_sm. An answer for another connection than
    /// the one in being is dropped; the SMSC asks again there.
    pub fn respond(&self, generation: u64, sequence_number: u32, command_status: CommandStatus) {
        self.send(Control::Respond {
            generation,
            sequence_number,
            command_status,
        });
    }

    /// Ends the link in order: takes no more requests, waits `drain_timer` for pending responses,
    /// unbinds. The last event is `Down` without `retry_in`.
    pub fn unbind(&self) {
        self.send(Control::Unbind);
    }

    /// Ends the link at once, without unbind.
    pub fn disconnect(&self) {
        self.send(Control::Disconnect);
    }

    /// A link that has ended has said so; there is nobody to tell.
    fn send(&self, control: Control) {
        drop(self.control.send(control));
    }
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// `window_size` requests wait to be taken already.
    Full,
    /// The link has ended.
    Ended,
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the link has as many requests waiting as its window allows",
            Self::Ended => "the link has ended",
        })
    }
}

impl std::error::Error for SubmitError {}
