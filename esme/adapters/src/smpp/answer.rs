//! What of a response decides about a part.

use signalbox_codec::{CommandId, CommandStatus};

/// A response, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// Which PDU it is.
    pub(super) command_id: CommandId,
    /// Its result.
    pub(super) command_status: CommandStatus,
    /// The id of the message, if there is one.
    pub(super) message_id: Option<&'a [u8]>,
    /// How busy the provider is (v5.0).
    pub(super) congestion_state: Option<u8>,
}

impl Answer<'_> {
    /// A generic_nack without an error: whether the request was understood is not known.
    pub(super) fn says_nothing(&self) -> bool {
        self.command_id == CommandId::GENERIC_NACK && self.command_status == CommandStatus::ESME_ROK
    }
}
