//! submit_sm_resp, deliver_sm_resp, data_sm_resp: a message_id, and in v5.0 optional parameters.
//! SMPP v3.4 §4.4.2, §4.6.2, §4.7.2.

use bytes::{BufMut, BytesMut};

use crate::error::DecodeError;
use crate::pdu::put_c_octet_string;
use crate::reader::Reader;
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of a response that carries a message_id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MessageIdResp<'a> {
    /// The message's id at the SMSC, at most 64 octets; empty in deliver_sm_resp. `None` when
    /// there is no body, as is usual when command_status is not 0.
    pub message_id: Option<COctetStr<'a>>,
    /// Optional parameters (v5.0; data_sm_resp also in v3.4).
    pub tlvs: Tlvs<'a>,
}

impl<'a> MessageIdResp<'a> {
    #[inline]
    pub(crate) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self {
            message_id: Some(reader.c_octet_string("message_id", 65)?),
            tlvs: reader.tlvs()?,
        })
    }

    pub(crate) fn wire_octets(&self) -> usize {
        self.message_id
            .map_or(0, |id| id.wire_octets() + self.tlvs.as_octets().len())
    }

    #[inline]
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        if let Some(message_id) = self.message_id {
            put_c_octet_string(out, message_id);
            out.put_slice(self.tlvs.as_octets());
        }
    }
}
