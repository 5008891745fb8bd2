//! A recorded message as its readers see it: the fields of its PDU, its text, its octets.

use bytes::Bytes;
use signalbox_codec::pdu::DestAddress;
use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::text::{self, Encoding};
use signalbox_codec::udh::Udh;
use signalbox_codec::{CommandId, CommandStatus, Pdu, Tag, Tlvs};

use crate::clock::SmscTime;
use crate::record::{self, Addressee, Batch, Entry};

/// esm_class bit of user data that starts with a header. SMPP v3.4 §5.2.12.
const ESM_CLASS_UDHI: u8 = 0x40;

/// A message that came in, one part of it if it is concatenated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id, as in the response if command_status there was ESME_ROK.
    pub id: String,
    /// When it came, ms since 1970.
    pub received_unix_ms: u64,
    /// The session that it came on.
    pub session: u64,
    /// Who is bound there.
    pub system_id: String,
    /// submit_sm, submit_multi, data_sm or broadcast_sm.
    pub command_id: CommandId,
    /// The result in its response.
    pub command_status: CommandStatus,
    /// Its state when it was asked for; `None` when it was not accepted.
    pub state: Option<ReceiptState>,
    /// When it comes into its last state, ms since 1970; `None` when it was not accepted.
    pub ends_unix_ms: Option<u64>,
    /// source_addr; octets beyond ASCII are taken as Latin-1.
    pub from: String,
    /// destination_addr; those of a submit_multi with commas between, none of a broadcast.
    pub to: String,
    /// esm_class.
    pub esm_class: u8,
    /// registered_delivery.
    pub registered_delivery: u8,
    /// data_coding.
    pub data_coding: u8,
    /// short_message, or message_payload if that is there.
    pub user_data: Vec<u8>,
    /// The whole PDU.
    pub pdu: Bytes,
    /// The recipients of a submit_multi, with the members of lists in the place of these; none for
    /// any other message.
    pub recipients: Vec<Recipient>,
}

/// One recipient of a submit_multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Its address; the name of a list that nobody keeps.
    pub to: String,
    /// ESME_ROK, or why it is among the unsuccessful ones of the response.
    pub command_status: CommandStatus,
    /// Its state when the message was asked for; `None` when it was not accepted.
    pub state: Option<ReceiptState>,
    /// When it comes into its last state, ms since 1970; `None` when it was not accepted.
    pub ends_unix_ms: Option<u64>,
}

impl Message {
    /// Reads a recorded message.
    pub(crate) fn new(batch: &Batch, entry: &Entry, pdu: Bytes, at: SmscTime) -> Option<Self> {
        let (header, decoded) = record::decode(&pdu)?;
        let fields = Fields::of(&decoded)?;
        Some(Self {
            id: entry.id.0.text(entry.id.1).to_string(),
            received_unix_ms: entry.received.unix_ms(),
            session: batch.session,
            system_id: batch.system_id.to_string(),
            command_id: header.command_id,
            command_status: entry.command_status,
            state: entry.state(at),
            ends_unix_ms: entry.state(at).map(|_| entry.ends_at.unix_ms()),
            from: fields.from,
            to: fields.to,
            esm_class: fields.esm_class,
            registered_delivery: fields.registered_delivery,
            data_coding: fields.data_coding,
            user_data: fields.user_data.to_vec(),
            pdu: pdu.clone(),
            recipients: batch
                .addressees(entry.id)
                .iter()
                .map(|addressee| Recipient::new(addressee, at))
                .collect(),
        })
    }

    /// Whom it names and who gets it.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        let recipients = self.recipients.iter();
        let recipients = recipients.map(|recipient| recipient.to.as_str());
        self.to.split(',').chain(recipients)
    }

    /// Hands its optional parameters over.
    pub(crate) fn with_tlvs<R>(&self, read: impl FnOnce(&Tlvs<'_>) -> R) -> R {
        let decoded = record::decode(&self.pdu);
        let fields = decoded.as_ref().and_then(|(_, pdu)| Fields::of(pdu));
        read(&fields.map_or(Tlvs::EMPTY, |fields| fields.tlvs))
    }

    /// The word of its state in receipts, such as `DELIVRD`.
    #[must_use]
    pub fn state_name(&self) -> Option<&'static str> {
        self.state.map(ReceiptState::stat)
    }

    /// Its text, without user data header; data_coding 0 is the GSM 7-bit alphabet. `None` when
    /// the octets are no text of their coding.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        text(self.esm_class, self.data_coding, &self.user_data)
    }
}

impl Recipient {
    fn new(addressee: &Addressee, at: SmscTime) -> Self {
        let state = addressee.state(at);
        Self {
            to: latin1(&addressee.address.2),
            command_status: addressee.command_status,
            state,
            ends_unix_ms: state.map(|_| addressee.ends_at.unix_ms()),
        }
    }
}

/// An address as text.
pub(crate) fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

/// The text of user data; see [`Message::text`].
pub(crate) fn text(esm_class: u8, data_coding: u8, user_data: &[u8]) -> Option<String> {
    let (udh, octets) = if esm_class & ESM_CLASS_UDHI == 0 {
        (None, user_data)
    } else {
        let (udh, rest) = Udh::split(user_data).ok()?;
        (Some(udh), rest)
    };
    text::decode(octets, data_coding, Encoding::Gsm7, udh).ok()
}

struct Fields<'a> {
    from: String,
    to: String,
    esm_class: u8,
    registered_delivery: u8,
    data_coding: u8,
    user_data: &'a [u8],
    tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> {
    fn of(pdu: &Pdu<'a>) -> Option<Self> {
        let fields = match pdu {
            Pdu::SubmitSm(sm) => Self {
                from: sm.source_addr.to_latin1(),
                to: sm.destination_addr.to_latin1(),
                esm_class: sm.esm_class,
                registered_delivery: sm.registered_delivery,
                data_coding: sm.data_coding,
                user_data: sm.short_message.as_octets(),
                tlvs: sm.tlvs,
            },
            Pdu::DataSm(sm) => Self {
                from: sm.source_addr.to_latin1(),
                to: sm.destination_addr.to_latin1(),
                esm_class: sm.esm_class,
                registered_delivery: sm.registered_delivery,
                data_coding: sm.data_coding,
                user_data: &[],
                tlvs: sm.tlvs,
            },
            Pdu::SubmitMulti(sm) => Self {
                from: sm.source_addr.to_latin1(),
                to: recipients(sm.dest_addresses.iter()),
                esm_class: sm.esm_class,
                registered_delivery: sm.registered_delivery,
                data_coding: sm.data_coding,
                user_data: sm.short_message.as_octets(),
                tlvs: sm.tlvs,
            },
            Pdu::BroadcastSm(sm) => Self {
                from: sm.source_addr.to_latin1(),
                to: String::new(),
                esm_class: 0,
                registered_delivery: 0,
                data_coding: sm.data_coding,
                user_data: &[],
                tlvs: sm.tlvs,
            },
            _ => return None,
        };
        let payload = fields.tlvs.get(Tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value);
        Some(Self {
            user_data: payload.unwrap_or(fields.user_data),
            ..fields
        })
    }
}

fn recipients<'a>(addresses: impl Iterator<Item = DestAddress<'a>>) -> String {
    let name = |address| match address {
        DestAddress::Sme {
            destination_addr, ..
        } => destination_addr.to_latin1(),
        DestAddress::DistributionList { dl_name } => dl_name.to_latin1(),
    };
    addresses.map(name).collect::<Vec<_>>().join(",")
}
