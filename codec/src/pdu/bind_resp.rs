//! bind_transmitter_resp, bind_receiver_resp, bind_transceiver_resp. SMPP v3.4 §4.1.2.

use bytes::{BufMut, BytesMut};

use crate::error::DecodeError;
use crate::pdu::put_c_octet_string;
use crate::reader::Reader;
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of the response to a bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BindResp<'a> {
    /// Who answers; at most 15 octets. `None` when there is no body, as is usual when
    /// command_status is not 0.
    pub system_id: Option<COctetStr<'a>>,
    /// Optional parameters: sc_interface_version.
    pub tlvs: Tlvs<'a>,
}

impl<'a> BindResp<'a> {
    pub(crate) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self {
            system_id: Some(reader.c_octet_string("system_id", 16)?),
            tlvs: reader.tlvs()?,
        })
    }

    pub(crate) fn wire_octets(&self) -> usize {
        self.system_id
            .map_or(0, |id| id.wire_octets() + self.tlvs.as_octets().len())
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        if let Some(system_id) = self.system_id {
            put_c_octet_string(out, system_id);
            out.put_slice(self.tlvs.as_octets());
        }
    }
}
