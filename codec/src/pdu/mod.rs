//! The PDUs, one file each: fields in the specification's names and order, decode and encode side
//! by side. Message content (text, segments, receipts) stands above and is not known here.

use bytes::{BufMut, BytesMut};

use crate::command::CommandId;
use crate::error::DecodeError;
use crate::frame::Frame;
use crate::header::{HEADER_OCTETS, Header};
use crate::reader::Reader;
use crate::status::CommandStatus;

mod bind;
mod bind_resp;
mod data_sm;
mod message_id_resp;
mod sm;

pub use bind::Bind;
pub use bind_resp::BindResp;
pub use data_sm::DataSm;
pub use message_id_resp::MessageIdResp;
pub use sm::{SHORT_MESSAGE_OCTETS_MAX, ShortMessage, Sm};

/// A decoded PDU. It borrows from the frame that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// bind_receiver. SMPP v3.4 §4.1.3.
    BindReceiver(Bind<'a>),
    /// bind_transmitter. SMPP v3.4 §4.1.1.
    BindTransmitter(Bind<'a>),
    /// bind_transceiver. SMPP v3.4 §4.1.5.
    BindTransceiver(Bind<'a>),
    /// bind_receiver_resp. SMPP v3.4 §4.1.4.
    BindReceiverResp(BindResp<'a>),
    /// bind_transmitter_resp. SMPP v3.4 §4.1.2.
    BindTransmitterResp(BindResp<'a>),
    /// bind_transceiver_resp. SMPP v3.4 §4.1.6.
    BindTransceiverResp(BindResp<'a>),
    /// submit_sm. SMPP v3.4 §4.4.1.
    SubmitSm(Sm<'a>),
    /// submit_sm_resp. SMPP v3.4 §4.4.2.
    SubmitSmResp(MessageIdResp<'a>),
    /// deliver_sm. SMPP v3.4 §4.6.1.
    DeliverSm(Sm<'a>),
    /// deliver_sm_resp. SMPP v3.4 §4.6.2.
    DeliverSmResp(MessageIdResp<'a>),
    /// data_sm. SMPP v3.4 §4.7.1.
    DataSm(DataSm<'a>),
    /// data_sm_resp. SMPP v3.4 §4.7.2.
    DataSmResp(MessageIdResp<'a>),
    /// enquire_link. SMPP v3.4 §4.11.1.
    EnquireLink,
    /// enquire_link_resp. SMPP v3.4 §4.11.2.
    EnquireLinkResp,
    /// unbind. SMPP v3.4 §4.2.1.
    Unbind,
    /// unbind_resp. SMPP v3.4 §4.2.2.
    UnbindResp,
    /// generic_nack. SMPP v3.4 §4.3.1.
    GenericNack,
    /// Any other command_id, with its body as it stands on the wire.
    Raw {
        /// Which.
        command_id: CommandId,
        /// What follows the header.
        body: &'a [u8],
    },
}

/// A PDU that can be written. Whatever implements it cannot hold a value that has no form on the
/// wire, so writing does not fail.
pub trait Encode {
    /// Which PDU it is.
    fn command_id(&self) -> CommandId;

    /// Octets of the body.
    fn body_octets(&self) -> usize;

    /// Appends the body. There is room for [`Encode::body_octets`].
    fn encode_body(&self, out: &mut BytesMut);
}

/// Appends a whole PDU to `out`.
#[inline]
pub fn encode_pdu(
    pdu: &impl Encode,
    command_status: CommandStatus,
    sequence_number: u32,
    out: &mut BytesMut,
) {
    let command_length = HEADER_OCTETS + pdu.body_octets();
    out.reserve(command_length);
    let header = Header {
        command_length: u32::try_from(command_length).expect("a PDU is below 4 GiB"),
        command_id: pdu.command_id(),
        command_status,
        sequence_number,
    };
    out.put_slice(&header.to_octets());
    let start = out.len();
    pdu.encode_body(out);
    debug_assert_eq!(
        out.len() - start,
        pdu.body_octets(),
        "body_octets of {}",
        header.command_id
    );
}

impl<'a> Pdu<'a> {
    /// Reads the fields of a frame.
    ///
    /// # Errors
    /// [`DecodeError`] with the field, where it stands, and the command_status to answer with.
    #[inline]
    pub fn decode(frame: &Frame<'a>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame.body);
        let reader = &mut reader;
        Ok(match frame.header.command_id {
            CommandId::SUBMIT_SM => Self::SubmitSm(Sm::decode(reader)?),
            CommandId::SUBMIT_SM_RESP => Self::SubmitSmResp(MessageIdResp::decode(reader)?),
            CommandId::DELIVER_SM => Self::DeliverSm(Sm::decode(reader)?),
            CommandId::DELIVER_SM_RESP => Self::DeliverSmResp(MessageIdResp::decode(reader)?),
            CommandId::DATA_SM => Self::DataSm(DataSm::decode(reader)?),
            CommandId::DATA_SM_RESP => Self::DataSmResp(MessageIdResp::decode(reader)?),
            CommandId::BIND_RECEIVER => Self::BindReceiver(Bind::decode(reader)?),
            CommandId::BIND_TRANSMITTER => Self::BindTransmitter(Bind::decode(reader)?),
            CommandId::BIND_TRANSCEIVER => Self::BindTransceiver(Bind::decode(reader)?),
            CommandId::BIND_RECEIVER_RESP => Self::BindReceiverResp(BindResp::decode(reader)?),
            CommandId::BIND_TRANSMITTER_RESP => {
                Self::BindTransmitterResp(BindResp::decode(reader)?)
            }
            CommandId::BIND_TRANSCEIVER_RESP => {
                Self::BindTransceiverResp(BindResp::decode(reader)?)
            }
            // The specification gives these no body. Octets that follow are passed over: most
            // peers do so, and the frame has an end of its own.
            CommandId::ENQUIRE_LINK => Self::EnquireLink,
            CommandId::ENQUIRE_LINK_RESP => Self::EnquireLinkResp,
            CommandId::UNBIND => Self::Unbind,
            CommandId::UNBIND_RESP => Self::UnbindResp,
            CommandId::GENERIC_NACK => Self::GenericNack,
            command_id => Self::Raw {
                command_id,
                body: frame.body,
            },
        })
    }
}

impl Encode for Pdu<'_> {
    fn command_id(&self) -> CommandId {
        match self {
            Self::BindReceiver(_) => CommandId::BIND_RECEIVER,
            Self::BindTransmitter(_) => CommandId::BIND_TRANSMITTER,
            Self::BindTransceiver(_) => CommandId::BIND_TRANSCEIVER,
            Self::BindReceiverResp(_) => CommandId::BIND_RECEIVER_RESP,
            Self::BindTransmitterResp(_) => CommandId::BIND_TRANSMITTER_RESP,
            Self::BindTransceiverResp(_) => CommandId::BIND_TRANSCEIVER_RESP,
            Self::SubmitSm(_) => CommandId::SUBMIT_SM,
            Self::SubmitSmResp(_) => CommandId::SUBMIT_SM_RESP,
            Self::DeliverSm(_) => CommandId::DELIVER_SM,
            Self::DeliverSmResp(_) => CommandId::DELIVER_SM_RESP,
            Self::DataSm(_) => CommandId::DATA_SM,
            Self::DataSmResp(_) => CommandId::DATA_SM_RESP,
            Self::EnquireLink => CommandId::ENQUIRE_LINK,
            Self::EnquireLinkResp => CommandId::ENQUIRE_LINK_RESP,
            Self::Unbind => CommandId::UNBIND,
            Self::UnbindResp => CommandId::UNBIND_RESP,
            Self::GenericNack => CommandId::GENERIC_NACK,
            Self::Raw { command_id, .. } => *command_id,
        }
    }

    fn body_octets(&self) -> usize {
        match self {
            Self::BindReceiver(pdu) | Self::BindTransmitter(pdu) | Self::BindTransceiver(pdu) => {
                pdu.wire_octets()
            }
            Self::BindReceiverResp(pdu)
            | Self::BindTransmitterResp(pdu)
            | Self::BindTransceiverResp(pdu) => pdu.wire_octets(),
            Self::SubmitSm(pdu) | Self::DeliverSm(pdu) => pdu.wire_octets(),
            Self::SubmitSmResp(pdu) | Self::DeliverSmResp(pdu) | Self::DataSmResp(pdu) => {
                pdu.wire_octets()
            }
            Self::DataSm(pdu) => pdu.wire_octets(),
            Self::EnquireLink
            | Self::EnquireLinkResp
            | Self::Unbind
            | Self::UnbindResp
            | Self::GenericNack => 0,
            Self::Raw { body, .. } => body.len(),
        }
    }

    fn encode_body(&self, out: &mut BytesMut) {
        match self {
            Self::BindReceiver(pdu) | Self::BindTransmitter(pdu) | Self::BindTransceiver(pdu) => {
                pdu.encode(out);
            }
            Self::BindReceiverResp(pdu)
            | Self::BindTransmitterResp(pdu)
            | Self::BindTransceiverResp(pdu) => pdu.encode(out),
            Self::SubmitSm(pdu) | Self::DeliverSm(pdu) => pdu.encode(out),
            Self::SubmitSmResp(pdu) | Self::DeliverSmResp(pdu) | Self::DataSmResp(pdu) => {
                pdu.encode(out);
            }
            Self::DataSm(pdu) => pdu.encode(out),
            Self::EnquireLink
            | Self::EnquireLinkResp
            | Self::Unbind
            | Self::UnbindResp
            | Self::GenericNack => {}
            Self::Raw { body, .. } => out.put_slice(body),
        }
    }
}

/// Appends a C-octet string with its NUL.
#[inline]
fn put_c_octet_string(out: &mut BytesMut, string: crate::string::COctetStr<'_>) {
    out.put_slice(string.as_octets());
    out.put_u8(0);
}
