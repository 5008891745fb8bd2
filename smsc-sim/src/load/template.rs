//! A submit_sm that is written once and sent often: messages of one kind differ by their recipient
//! alone. Encoding each anew was a quarter of what a message cost here.

use bytes::BytesMut;
use signalbox_codec::pdu::{ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandId, Encode, Pdu};

use super::mix::Kind;
use super::plan::{DESTINATION_DIGITS, SOURCE, destination};
use crate::delivery::EncodedBody;

/// Where destination_addr stands: behind an empty service_type, twice a type of number and a
/// numbering plan, and source_addr with its NUL. SMPP v3.4 §4.4.1.
const DESTINATION_AT: usize = 1 + 2 + (SOURCE.len() + 1) + 2;

/// The submit_sm of one kind of text.
#[derive(Debug)]
pub(super) struct Template {
    body: BytesMut,
}

impl Template {
    /// Writes it.
    pub(super) fn new(kind: &Kind, receipts: bool) -> Self {
        let anybody = destination(0);
        let sm = Pdu::SubmitSm(Sm {
            source_addr: COctetStr::new(SOURCE.as_bytes()).expect("digits"),
            destination_addr: COctetStr::new(&anybody).expect("digits"),
            dest_addr_ton: 1,
            dest_addr_npi: 1,
            registered_delivery: u8::from(receipts),
            data_coding: kind.data_coding,
            short_message: ShortMessage::new(&kind.text).expect("at most 254 octets"),
            ..Sm::default()
        });
        let mut body = BytesMut::with_capacity(sm.body_octets());
        sm.encode_body(&mut body);
        Self { body }
    }

    /// It, to that recipient.
    #[inline]
    pub(super) fn submit_sm(&mut self, recipient: u64) -> EncodedBody<'_> {
        self.body[DESTINATION_AT..DESTINATION_AT + DESTINATION_DIGITS]
            .copy_from_slice(&destination(recipient));
        EncodedBody {
            command_id: CommandId::SUBMIT_SM,
            body: &self.body,
        }
    }
}

#[cfg(test)]
mod tests {
    use signalbox_codec::{CommandStatus, encode_pdu};

    use super::super::mix::Mix;
    use super::*;
    use crate::record;

    #[test]
    fn only_the_recipient_changes() {
        let mix: Mix = "ucs2:3".parse().unwrap();
        let mut template = Template::new(mix.pick(0), true);
        for number in [7, 99_999_999_999] {
            let mut octets = BytesMut::new();
            let body = template.submit_sm(number);
            encode_pdu(&body, CommandStatus::ESME_ROK, 1, &mut octets);
            let Some((_, Pdu::SubmitSm(sm))) = record::decode(&octets) else {
                panic!("{octets:?}");
            };
            assert_eq!(sm.destination_addr.as_octets(), destination(number));
            assert_eq!(sm.source_addr.as_octets(), SOURCE.as_bytes());
            assert_eq!(sm.short_message.as_octets(), mix.pick(0).text);
            assert_eq!((sm.registered_delivery, sm.data_coding), (1, 8));
        }
    }
}
