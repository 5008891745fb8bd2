//! The PDUs, one file each: fields in the specification's names and order, decode and encode side
//! by side. Message content (text, segments, receipts) stands above and is not known here.

use bytes::{BufMut, BytesMut};

use crate::command::CommandId;
use crate::error::DecodeError;
use crate::fields::{Counter, FieldPass, Fields, FillPass, Writer};
use crate::frame::Frame;
use crate::header::{HEADER_OCTETS, Header, SEQUENCE_NUMBER_MAX};
use crate::quirks::{Deviation, Deviations, Quirks, Sighting};
use crate::reader::Reader;
use crate::status::CommandStatus;
use crate::tlv::Tlvs;

mod alert_notification;
mod bind;
mod bind_resp;
mod broadcast_sm;
mod cancel_broadcast_sm;
mod cancel_sm;
mod data_sm;
mod message_id_resp;
mod outbind;
mod query_broadcast_sm;
mod query_sm;
mod replace_sm;
mod sm;
mod submit_multi;
mod submit_multi_resp;

pub use alert_notification::AlertNotification;
pub use bind::Bind;
pub use bind_resp::BindResp;
pub use broadcast_sm::BroadcastSm;
pub use cancel_broadcast_sm::CancelBroadcastSm;
pub use cancel_sm::CancelSm;
pub use data_sm::DataSm;
pub use message_id_resp::MessageIdResp;
pub use outbind::Outbind;
pub use query_broadcast_sm::QueryBroadcastSm;
pub use query_sm::{QuerySm, QuerySmResp};
pub use replace_sm::ReplaceSm;
pub use sm::{SHORT_MESSAGE_OCTETS_MAX, ShortMessage, Sm};
pub use submit_multi::{
    DestAddress, DestAddressBuf, DestAddresses, NUMBER_OF_DESTS_MAX, SubmitMulti,
};
pub use submit_multi_resp::{
    NO_UNSUCCESS_MAX, SubmitMultiResp, UnsuccessSme, UnsuccessSmeBuf, UnsuccessSmes,
};

pub(crate) use submit_multi::{DEST_FLAG_DISTRIBUTION_LIST, DEST_FLAG_SME};

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
    /// submit_multi. SMPP v3.4 §4.5.1.
    SubmitMulti(SubmitMulti<'a>),
    /// submit_multi_resp. SMPP v3.4 §4.5.2.
    SubmitMultiResp(Option<SubmitMultiResp<'a>>),
    /// query_sm. SMPP v3.4 §4.8.1.
    QuerySm(QuerySm<'a>),
    /// query_sm_resp. SMPP v3.4 §4.8.2.
    QuerySmResp(Option<QuerySmResp<'a>>),
    /// cancel_sm. SMPP v3.4 §4.9.1.
    CancelSm(CancelSm<'a>),
    /// cancel_sm_resp: optional parameters only (v5.0). SMPP v3.4 §4.9.2.
    CancelSmResp(Tlvs<'a>),
    /// replace_sm. SMPP v3.4 §4.10.1.
    ReplaceSm(ReplaceSm<'a>),
    /// replace_sm_resp: optional parameters only (v5.0). SMPP v3.4 §4.10.2.
    ReplaceSmResp(Tlvs<'a>),
    /// outbind. SMPP v3.4 §4.1.7.
    Outbind(Outbind<'a>),
    /// alert_notification. SMPP v3.4 §4.12.1.
    AlertNotification(AlertNotification<'a>),
    /// broadcast_sm. SMPP v5.0 §4.4.1.1.
    BroadcastSm(BroadcastSm<'a>),
    /// broadcast_sm_resp. SMPP v5.0 §4.4.1.2.
    BroadcastSmResp(MessageIdResp<'a>),
    /// query_broadcast_sm. SMPP v5.0 §4.6.1.1.
    QueryBroadcastSm(QueryBroadcastSm<'a>),
    /// query_broadcast_sm_resp. SMPP v5.0 §4.6.1.3.
    QueryBroadcastSmResp(MessageIdResp<'a>),
    /// cancel_broadcast_sm. SMPP v5.0 §4.6.2.1.
    CancelBroadcastSm(CancelBroadcastSm<'a>),
    /// cancel_broadcast_sm_resp: optional parameters only. SMPP v5.0 §4.6.2.3.
    CancelBroadcastSmResp(Tlvs<'a>),
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
    /// Any other command_id, with its body as it stands on the wire. Also a PDU without fields
    /// (such as enquire_link) when optional parameters follow its header all the same.
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

/// A PDU, and how it differs from the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The PDU.
    pub pdu: Pdu<'a>,
    /// What was tolerated.
    pub deviations: Deviations,
}

impl<'a> Pdu<'a> {
    /// Reads the fields of a frame, with [`Quirks::LENIENT`].
    ///
    /// # Errors
    /// [`DecodeError`] with the field, where it stands, and the command_status to answer with.
    #[inline]
    pub fn decode(frame: &Frame<'a>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame, Quirks::LENIENT, None);
        read(frame, &mut reader, Quirks::LENIENT)
    }

    /// Reads the fields of a frame, tolerates what `quirks` tolerate, and says what that was.
    ///
    /// # Errors
    /// [`DecodeError`] with the field, where it stands, and the command_status to answer with.
    #[inline]
    pub fn decode_with(frame: &Frame<'a>, quirks: Quirks) -> Result<Decoded<'a>, DecodeError> {
        let mut reader = Reader::new(frame, quirks, None);
        let pdu = read(frame, &mut reader, quirks)?;
        let deviations = reader.deviations();
        Ok(Decoded { pdu, deviations })
    }

    /// As [`Pdu::decode_with`], and appends to `sightings` where each deviation was tolerated, in
    /// the order of the wire: at most three of a string, two of an optional parameter, one of any
    /// other field. For tools.
    ///
    /// # Errors
    /// As [`Pdu::decode_with`].
    pub fn decode_noting(
        frame: &Frame<'a>,
        quirks: Quirks,
        sightings: &mut Vec<Sighting>,
    ) -> Result<Decoded<'a>, DecodeError> {
        let mut reader = Reader::new(frame, quirks, Some(sightings));
        let pdu = read(frame, &mut reader, quirks)?;
        let deviations = reader.deviations();
        Ok(Decoded { pdu, deviations })
    }

    /// Shows the fields to `pass`.
    #[inline]
    pub(crate) fn pass<P: FieldPass<'a>>(&self, pass: &mut P) -> Result<(), P::Error> {
        match self {
            Self::SubmitSm(pdu) | Self::DeliverSm(pdu) => shown(pdu, pass),
            Self::SubmitSmResp(pdu)
            | Self::DeliverSmResp(pdu)
            | Self::DataSmResp(pdu)
            | Self::BroadcastSmResp(pdu)
            | Self::QueryBroadcastSmResp(pdu) => shown(pdu, pass),
            Self::DataSm(pdu) => shown(pdu, pass),
            Self::BindReceiver(pdu) | Self::BindTransmitter(pdu) | Self::BindTransceiver(pdu) => {
                shown(pdu, pass)
            }
            Self::BindReceiverResp(pdu)
            | Self::BindTransmitterResp(pdu)
            | Self::BindTransceiverResp(pdu) => shown(pdu, pass),
            Self::SubmitMulti(pdu) => shown(pdu, pass),
            Self::SubmitMultiResp(pdu) => shown(pdu, pass),
            Self::QuerySm(pdu) => shown(pdu, pass),
            Self::QuerySmResp(pdu) => shown(pdu, pass),
            Self::CancelSm(pdu) => shown(pdu, pass),
            Self::ReplaceSm(pdu) => shown(pdu, pass),
            Self::Outbind(pdu) => shown(pdu, pass),
            Self::AlertNotification(pdu) => shown(pdu, pass),
            Self::BroadcastSm(pdu) => shown(pdu, pass),
            Self::QueryBroadcastSm(pdu) => shown(pdu, pass),
            Self::CancelBroadcastSm(pdu) => shown(pdu, pass),
            Self::CancelSmResp(tlvs)
            | Self::ReplaceSmResp(tlvs)
            | Self::CancelBroadcastSmResp(tlvs) => shown(tlvs, pass),
            Self::EnquireLink
            | Self::EnquireLinkResp
            | Self::Unbind
            | Self::UnbindResp
            | Self::GenericNack
            | Self::Raw { .. } => Ok(()),
        }
    }

    /// The PDU of that command_id with its fields filled by `pass`. An id that is not known keeps
    /// `body` as it is.
    #[inline(always)]
    pub(crate) fn build<P: FillPass<'a>>(
        command_id: CommandId,
        body: &'a [u8],
        pass: &mut P,
    ) -> Result<Self, P::Refusal> {
        match command_id {
            CommandId::SUBMIT_SM => filled(pass, Self::SubmitSm),
            CommandId::SUBMIT_SM_RESP => filled(pass, Self::SubmitSmResp),
            CommandId::DELIVER_SM => filled(pass, Self::DeliverSm),
            CommandId::DELIVER_SM_RESP => filled(pass, Self::DeliverSmResp),
            CommandId::DATA_SM => filled(pass, Self::DataSm),
            CommandId::DATA_SM_RESP => filled(pass, Self::DataSmResp),
            CommandId::BIND_RECEIVER => filled(pass, Self::BindReceiver),
            CommandId::BIND_TRANSMITTER => filled(pass, Self::BindTransmitter),
            CommandId::BIND_TRANSCEIVER => filled(pass, Self::BindTransceiver),
            CommandId::BIND_RECEIVER_RESP => filled(pass, Self::BindReceiverResp),
            CommandId::BIND_TRANSMITTER_RESP => filled(pass, Self::BindTransmitterResp),
            CommandId::BIND_TRANSCEIVER_RESP => filled(pass, Self::BindTransceiverResp),
            CommandId::SUBMIT_MULTI => filled(pass, Self::SubmitMulti),
            CommandId::SUBMIT_MULTI_RESP => filled(pass, Self::SubmitMultiResp),
            CommandId::QUERY_SM => filled(pass, Self::QuerySm),
            CommandId::QUERY_SM_RESP => filled(pass, Self::QuerySmResp),
            CommandId::CANCEL_SM => filled(pass, Self::CancelSm),
            CommandId::CANCEL_SM_RESP => filled(pass, Self::CancelSmResp),
            CommandId::REPLACE_SM => filled(pass, Self::ReplaceSm),
            CommandId::REPLACE_SM_RESP => filled(pass, Self::ReplaceSmResp),
            CommandId::OUTBIND => filled(pass, Self::Outbind),
            CommandId::ALERT_NOTIFICATION => filled(pass, Self::AlertNotification),
            CommandId::BROADCAST_SM => filled(pass, Self::BroadcastSm),
            CommandId::BROADCAST_SM_RESP => filled(pass, Self::BroadcastSmResp),
            CommandId::QUERY_BROADCAST_SM => filled(pass, Self::QueryBroadcastSm),
            CommandId::QUERY_BROADCAST_SM_RESP => filled(pass, Self::QueryBroadcastSmResp),
            CommandId::CANCEL_BROADCAST_SM => filled(pass, Self::CancelBroadcastSm),
            CommandId::CANCEL_BROADCAST_SM_RESP => filled(pass, Self::CancelBroadcastSmResp),
            CommandId::ENQUIRE_LINK => without_fields(Self::EnquireLink, command_id, pass),
            CommandId::ENQUIRE_LINK_RESP => without_fields(Self::EnquireLinkResp, command_id, pass),
            CommandId::UNBIND => without_fields(Self::Unbind, command_id, pass),
            CommandId::UNBIND_RESP => without_fields(Self::UnbindResp, command_id, pass),
            CommandId::GENERIC_NACK => without_fields(Self::GenericNack, command_id, pass),
            _ => Ok(Self::Raw { command_id, body }),
        }
    }
}

/// Reads the frame that `reader` stands at the start of.
#[inline(always)]
fn read<'a>(
    frame: &Frame<'a>,
    reader: &mut Reader<'a, '_>,
    quirks: Quirks,
) -> Result<Pdu<'a>, DecodeError> {
    let header = &frame.header;
    if header.sequence_number.wrapping_sub(1) >= SEQUENCE_NUMBER_MAX {
        check_sequence_number(header, reader)?;
    }
    let command_id = header.command_id;
    if command_id.is_response() && !header.command_status.is_ok() {
        return read_error_response(frame, reader, quirks);
    }
    Pdu::build(command_id, frame.body, reader)
}

#[cold]
fn check_sequence_number(header: &Header, reader: &mut Reader<'_, '_>) -> Result<(), DecodeError> {
    if header.sequence_number == 0 && header.command_id == CommandId::GENERIC_NACK {
        return Ok(());
    }
    reader
        .deviate_sequence_number(header.sequence_number)
        .map_err(|error| reader.refusal(error))
}

/// Reads a response that reports an error. The status is what counts: a body that cannot be read,
/// or only by guessing its end, is as good as none.
#[cold]
fn read_error_response<'a>(
    frame: &Frame<'a>,
    reader: &mut Reader<'a, '_>,
    quirks: Quirks,
) -> Result<Pdu<'a>, DecodeError> {
    let command_id = frame.header.command_id;
    if !quirks.tolerates(Deviation::ErrorBodyUnreadable) {
        return Pdu::build(command_id, frame.body, reader);
    }
    reader.stop_tolerating(Deviation::MissingNul);
    Pdu::build(command_id, frame.body, reader).or_else(|error| {
        reader.pass_over(Deviation::ErrorBodyUnreadable, error);
        Pdu::build(command_id, frame.body, reader)
    })
}

/// The PDU that `pdu_of` makes of a body with its fields filled by `pass`. One function per PDU,
/// never inlined: each then writes its result where the caller wants it. Side by side in one
/// function, all would share one place, and the largest PDU would be copied for any of them.
/// The commonest bodies have their pass inlined here: their fields stay in registers until they are
/// written, and no copy waits for octets that were written just before.
#[inline(never)]
fn filled<'a, T: Fields<'a> + Default, P: FillPass<'a>>(
    pass: &mut P,
    pdu_of: impl FnOnce(T) -> Pdu<'a>,
) -> Result<Pdu<'a>, P::Refusal> {
    let mut fields = T::default();
    match fields.pass(pass) {
        Ok(()) => Ok(pdu_of(fields)),
        Err(error) => Err(pass.refusal(error)),
    }
}

/// A PDU that is only a header.
fn without_fields<'a, P: FillPass<'a>>(
    pdu: Pdu<'a>,
    command_id: CommandId,
    pass: &mut P,
) -> Result<Pdu<'a>, P::Refusal> {
    let mut tlvs = Tlvs::EMPTY;
    match pass.stray_tlvs(&mut tlvs) {
        Ok(()) if tlvs.is_empty() => Ok(pdu),
        Ok(()) => Ok(Pdu::Raw {
            command_id,
            body: tlvs.as_octets(),
        }),
        Err(error) => Err(pass.refusal(error)),
    }
}

/// Shows the fields of a body to a pass that changes none.
#[inline]
fn shown<'a, T: Fields<'a> + Copy, P: FieldPass<'a>>(
    fields: &T,
    pass: &mut P,
) -> Result<(), P::Error> {
    { *fields }.pass(pass)
}

/// Appends a body. Never inlined: the fields then come from memory one by one as they are written,
/// instead of all at once, more than there are registers for.
#[inline(never)]
fn write<'a>(fields: &mut impl Fields<'a>, out: &mut BytesMut) {
    let Ok(()) = fields.pass(&mut Writer::new(out));
}

/// Appends the body of any PDU. Never inlined, so that the commonest do without the room that this
/// takes on the stack.
#[inline(never)]
fn write_any(pdu: &Pdu<'_>, out: &mut BytesMut) {
    if let Pdu::Raw { body, .. } = pdu {
        return out.put_slice(body);
    }
    let Ok(()) = pdu.pass(&mut Writer::new(out));
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
            Self::SubmitMulti(_) => CommandId::SUBMIT_MULTI,
            Self::SubmitMultiResp(_) => CommandId::SUBMIT_MULTI_RESP,
            Self::QuerySm(_) => CommandId::QUERY_SM,
            Self::QuerySmResp(_) => CommandId::QUERY_SM_RESP,
            Self::CancelSm(_) => CommandId::CANCEL_SM,
            Self::CancelSmResp(_) => CommandId::CANCEL_SM_RESP,
            Self::ReplaceSm(_) => CommandId::REPLACE_SM,
            Self::ReplaceSmResp(_) => CommandId::REPLACE_SM_RESP,
            Self::Outbind(_) => CommandId::OUTBIND,
            Self::AlertNotification(_) => CommandId::ALERT_NOTIFICATION,
            Self::BroadcastSm(_) => CommandId::BROADCAST_SM,
            Self::BroadcastSmResp(_) => CommandId::BROADCAST_SM_RESP,
            Self::QueryBroadcastSm(_) => CommandId::QUERY_BROADCAST_SM,
            Self::QueryBroadcastSmResp(_) => CommandId::QUERY_BROADCAST_SM_RESP,
            Self::CancelBroadcastSm(_) => CommandId::CANCEL_BROADCAST_SM,
            Self::CancelBroadcastSmResp(_) => CommandId::CANCEL_BROADCAST_SM_RESP,
            Self::EnquireLink => CommandId::ENQUIRE_LINK,
            Self::EnquireLinkResp => CommandId::ENQUIRE_LINK_RESP,
            Self::Unbind => CommandId::UNBIND,
            Self::UnbindResp => CommandId::UNBIND_RESP,
            Self::GenericNack => CommandId::GENERIC_NACK,
            Self::Raw { command_id, .. } => *command_id,
        }
    }

    fn body_octets(&self) -> usize {
        if let Self::Raw { body, .. } = self {
            return body.len();
        }
        let mut counter = Counter::default();
        let Ok(()) = self.pass(&mut counter);
        counter.octets
    }

    fn encode_body(&self, out: &mut BytesMut) {
        match self {
            Self::SubmitSm(pdu) | Self::DeliverSm(pdu) => write(&mut { *pdu }, out),
            Self::SubmitSmResp(pdu) | Self::DeliverSmResp(pdu) => write(&mut { *pdu }, out),
            _ => write_any(self, out),
        }
    }
}
