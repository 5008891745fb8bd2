//! What the simulator sends by itself: receipts and mobile-originated messages, as bodies of
//! deliver_sm that wait for their time and for a bind. SMPP v3.4 §4.6.

mod mo;
mod original;
mod receipt;

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use signalbox_codec::pdu::{ShortMessage, Sm};
use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::{CommandId, CommandStatus, Encode, Pdu, Tag, Tlvs, encode_pdu};
use tokio::sync::oneshot;

pub use self::mo::Mo;
pub(crate) use self::mo::{address, is_address};
pub(crate) use self::original::Original;
pub(crate) use self::receipt::{Receipt, ReceiptForm, ReceiptText};
use crate::clock::SmscTime;
use crate::ids::{IdStyle, MessageId};
use crate::message::latin1;
use crate::record;

/// Octets of short_message at most. SMPP v3.3 §6.2.9.
const SHORT_MESSAGE_OCTETS_MAX: usize = 254;

/// Octets of an address at most. SMPP v3.4 §5.2.8.
const DIGITS_MAX: usize = 20;

/// How a delivery ended: the command_status of its deliver_sm_resp, or why there is none.
pub type DeliveryResult = Result<CommandStatus, DeliveryError>;

/// Why a delivery has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// No session that may receive is bound, or not for that system_id.
    NoReceiver,
    /// The queue of the bind is full.
    QueueFull,
    /// No response in time.
    TimedOut,
    /// The session ended first.
    SessionClosed,
    /// A field of the message has no form on the wire.
    NotEncodable {
        /// Which.
        field: &'static str,
    },
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEncodable { field } => return write!(f, "{field} has no form on the wire"),
            Self::NoReceiver => "no receiver or transceiver is bound",
            Self::QueueFull => "the queue of the bind is full",
            Self::TimedOut => "no deliver_sm_resp came in time",
            Self::SessionClosed => "the session ended before its deliver_sm_resp",
        })
    }
}

impl std::error::Error for DeliveryError {}

/// A deliver_sm to be sent.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Not before.
    pub(crate) due: SmscTime,
    /// Body of the deliver_sm.
    pub(crate) body: Bytes,
    /// The message that a receipt is about.
    pub(crate) about: Option<About>,
    /// The state in the receipt; `None`: it is none.
    pub(crate) state: Option<ReceiptState>,
    /// Who waits for the response.
    pub(crate) answer: Option<oneshot::Sender<DeliveryResult>>,
}

/// The message that a receipt is about, and how often that had changed when it was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// Its id.
    pub(crate) id: (MessageId, IdStyle),
    /// See [`crate::record::Entry::plan`].
    pub(crate) plan: u8,
    /// It went to many recipients: its receipts are told apart by their addresses.
    pub(crate) to_many: bool,
}

/// A receipt that was sent, for those who follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentReceipt {
    /// The state in it.
    pub(crate) state: ReceiptState,
    /// The recipient that it is about: source_addr of its deliver_sm.
    to: Digits,
}

/// An address without its type of number and numbering plan. Many are kept, and of their own each:
/// what is usual stands here, so that none of them is a piece of memory to be taken and given back.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Digits {
    /// As many as the specification allows, and how many they are.
    Usual([u8; DIGITS_MAX], u8),
    /// More.
    Overlong(Box<[u8]>),
}

impl SentReceipt {
    /// `None` for a delivery that is no receipt.
    pub(crate) fn of(delivery: &Delivery) -> Option<Self> {
        let state = delivery.state?;
        let to = Digits::of_source(&delivery.body);
        Some(Self { state, to })
    }

    /// The recipient that it is about.
    pub(crate) fn to(&self) -> String {
        latin1(self.to.as_octets())
    }
}

impl Digits {
    /// source_addr of a deliver_sm, behind service_type, type of number and numbering plan.
    fn of_source(body: &[u8]) -> Self {
        let service_type = body.iter().take_while(|octet| **octet != 0).count();
        let address = body.get(service_type + 3..).unwrap_or_default();
        let end = address.iter().position(|octet| *octet == 0);
        let octets = &address[..end.unwrap_or(address.len())];
        let mut usual = [0; DIGITS_MAX];
        match usual.get_mut(..octets.len()) {
            Some(room) => {
                room.copy_from_slice(octets);
                Self::Usual(usual, octets.len() as u8)
            }
            None => Self::Overlong(octets.into()),
        }
    }

    fn as_octets(&self) -> &[u8] {
        match self {
            Self::Usual(octets, length) => &octets[..usize::from(*length)],
            Self::Overlong(octets) => octets,
        }
    }
}

/// A PDU whose body is encoded already.
pub(crate) struct EncodedBody<'a> {
    /// Which PDU.
    pub(crate) command_id: CommandId,
    /// Its body.
    pub(crate) body: &'a [u8],
}

impl Encode for EncodedBody<'_> {
    #[inline]
    fn command_id(&self) -> CommandId {
        self.command_id
    }

    #[inline]
    fn body_octets(&self) -> usize {
        self.body.len()
    }

    #[inline]
    fn encode_body(&self, out: &mut BytesMut) {
        out.put_slice(self.body);
    }
}

/// The body of a deliver_sm for a peer of SMPP v3.3, which knows no optional parameters; `None`
/// when the content does not fit without them.
pub(crate) fn without_tlvs(body: &[u8]) -> Option<Bytes> {
    let mut octets = BytesMut::new();
    let command_id = CommandId::DELIVER_SM;
    let encoded = EncodedBody { command_id, body };
    encode_pdu(&encoded, CommandStatus::ESME_ROK, 1, &mut octets);
    let (_, Pdu::DeliverSm(sm)) = record::decode(&octets)? else {
        return None;
    };
    let content = match sm.tlvs.get(Tag::MESSAGE_PAYLOAD) {
        None => sm.short_message,
        Some(payload) if payload.value.len() > SHORT_MESSAGE_OCTETS_MAX => return None,
        Some(payload) => ShortMessage::new(payload.value)?,
    };
    Some(body_of(Sm {
        short_message: content,
        tlvs: Tlvs::EMPTY,
        ..sm
    }))
}

/// Encodes the body of a deliver_sm.
fn body_of(sm: Sm<'_>) -> Bytes {
    let pdu = Pdu::DeliverSm(sm);
    let mut body = BytesMut::with_capacity(pdu.body_octets());
    pdu.encode_body(&mut body);
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_optional_parameters_the_content_moves_or_does_not_fit() {
        for (octets, fits) in [(0, true), (140, true), (254, true), (255, false)] {
            let mo = Mo {
                from: "49171".to_owned(),
                to: "100".to_owned(),
                data_coding: 4,
                esm_class: 0,
                content: vec![7; octets],
                system_id: None,
            };
            let body = mo.body().expect("it has a form on the wire");
            let stripped = without_tlvs(&body);
            assert_eq!(stripped.is_some(), fits, "{octets}");
            let is_the_same = stripped.is_none_or(|stripped| stripped == body);
            assert!(is_the_same, "there was nothing to strip from {octets}");
        }
    }
}
