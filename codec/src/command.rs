//! Which PDU it is. SMPP v3.4 §5.1.2.1, SMPP v5.0 §4.7.5.

use crate::wire::wire_number;

wire_number! {
    /// A command_id. Unknown values are kept.
    pub struct CommandId(u32);
    GENERIC_NACK = 0x80000000, "generic_nack";
    BIND_RECEIVER = 0x00000001, "bind_receiver";
    BIND_RECEIVER_RESP = 0x80000001, "bind_receiver_resp";
    BIND_TRANSMITTER = 0x00000002, "bind_transmitter";
    BIND_TRANSMITTER_RESP = 0x80000002, "bind_transmitter_resp";
    QUERY_SM = 0x00000003, "query_sm";
    QUERY_SM_RESP = 0x80000003, "query_sm_resp";
    SUBMIT_SM = 0x00000004, "submit_sm";
    SUBMIT_SM_RESP = 0x80000004, "submit_sm_resp";
    DELIVER_SM = 0x00000005, "deliver_sm";
    DELIVER_SM_RESP = 0x80000005, "deliver_sm_resp";
    UNBIND = 0x00000006, "unbind";
    UNBIND_RESP = 0x80000006, "unbind_resp";
    REPLACE_SM = 0x00000007, "replace_sm";
    REPLACE_SM_RESP = 0x80000007, "replace_sm_resp";
    CANCEL_SM = 0x00000008, "cancel_sm";
    CANCEL_SM_RESP = 0x80000008, "cancel_sm_resp";
    BIND_TRANSCEIVER = 0x00000009, "bind_transceiver";
    BIND_TRANSCEIVER_RESP = 0x80000009, "bind_transceiver_resp";
    OUTBIND = 0x0000000B, "outbind";
    ENQUIRE_LINK = 0x00000015, "enquire_link";
    ENQUIRE_LINK_RESP = 0x80000015, "enquire_link_resp";
    SUBMIT_MULTI = 0x00000021, "submit_multi";
    SUBMIT_MULTI_RESP = 0x80000021, "submit_multi_resp";
    ALERT_NOTIFICATION = 0x00000102, "alert_notification";
    DATA_SM = 0x00000103, "data_sm";
    DATA_SM_RESP = 0x80000103, "data_sm_resp";
    BROADCAST_SM = 0x00000111, "broadcast_sm";
    BROADCAST_SM_RESP = 0x80000111, "broadcast_sm_resp";
    QUERY_BROADCAST_SM = 0x00000112, "query_broadcast_sm";
    QUERY_BROADCAST_SM_RESP = 0x80000112, "query_broadcast_sm_resp";
    CANCEL_BROADCAST_SM = 0x00000113, "cancel_broadcast_sm";
    CANCEL_BROADCAST_SM_RESP = 0x80000113, "cancel_broadcast_sm_resp";
}

impl CommandId {
    const RESPONSE: u32 = 0x8000_0000;

    /// Whether it is a response; generic_nack is one.
    #[must_use]
    pub const fn is_response(self) -> bool {
        self.0 & Self::RESPONSE != 0
    }

    /// The response that answers this request.
    #[must_use]
    pub const fn response(self) -> Self {
        Self(self.0 | Self::RESPONSE)
    }

    /// Whether a request with this id is answered at all: outbind and alert_notification are not.
    #[must_use]
    pub const fn has_response(self) -> bool {
        !self.is_response() && !matches!(self, Self::OUTBIND | Self::ALERT_NOTIFICATION)
    }

    /// Whether the PDU is a header and nothing else.
    #[must_use]
    pub const fn is_without_fields(self) -> bool {
        matches!(
            self,
            Self::ENQUIRE_LINK
                | Self::ENQUIRE_LINK_RESP
                | Self::UNBIND
                | Self::UNBIND_RESP
                | Self::GENERIC_NACK
        )
    }
}
