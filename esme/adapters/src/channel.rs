//! The border between the engine and a channel: what goes down, what comes up, and its limits.

use signalbox_router::{Dispatch, Input, ProviderName, Token};
use tokio::sync::mpsc;

/// Batches that may wait in the engine's inbox. A channel that finds it full waits, which slows
/// its own peers and nobody else.
pub const INBOX_BATCHES_MAX: usize = 1_024;

/// Where a channel sends what happened: batches of inputs, in order.
pub type Inbox = mpsc::Sender<Vec<Input>>;

/// What the engine asks of a channel.
#[derive(Debug)]
pub enum ToChannel {
    /// Hand these over. Never more than the credit granted and not yet used.
    Dispatch(Vec<Dispatch>),
    /// What these tokens stand for is on the disk: answer the peer.
    Acknowledge(Vec<Token>),
    /// Take no more, finish what is under way, unbind, and end.
    Drain,
}

/// The engine's end of a channel. The queue behind it is unbounded in type and bounded in fact: by
/// the credit that the channel granted and by the inbound messages that it has not yet seen
/// acknowledged.
#[derive(Clone, Debug)]
pub struct ChannelHandle {
    /// Name of the provider that the channel serves.
    pub provider: ProviderName,
    sender: mpsc::UnboundedSender<ToChannel>,
}

impl ChannelHandle {
    /// A handle and the channel's end of it.
    #[must_use]
    pub fn new(provider: ProviderName) -> (Self, mpsc::UnboundedReceiver<ToChannel>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { provider, sender }, receiver)
    }

    /// Sends to the channel. Returns what was sent when the channel has ended.
    pub fn send(&self, message: ToChannel) -> Result<(), ToChannel> {
        self.sender.send(message).map_err(|error| error.0)
    }
}
