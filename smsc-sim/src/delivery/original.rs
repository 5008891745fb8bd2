//! What a receipt needs to know of the message that it is about.

use signalbox_codec::pdu::{BroadcastSm, DestAddress, SubmitMulti};
use signalbox_codec::{COctetStr, Pdu, Tag, Tlvs};

/// The fields of a message that decide about receipts or stand in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original<'a> {
    pub(crate) service_type: COctetStr<'a>,
    pub(crate) source: (u8, u8, COctetStr<'a>),
    pub(crate) destination: (u8, u8, COctetStr<'a>),
    pub(crate) esm_class: u8,
    pub(crate) registered_delivery: u8,
    pub(crate) data_coding: u8,
    /// replace_if_present_flag.
    pub(crate) replaces: bool,
    /// short_message, or message_payload if that is there.
    pub(crate) user_data: &'a [u8],
    pub(crate) tlvs: Tlvs<'a>,
}

impl<'a> Original<'a> {
    /// Of a message; for submit_multi with its first recipient. `None` for any other PDU.
    #[inline]
    pub(crate) fn of(pdu: &Pdu<'a>) -> Option<Self> {
        match pdu {
            Pdu::SubmitSm(sm) => Some(Self {
                service_type: sm.service_type,
                source: (sm.source_addr_ton, sm.source_addr_npi, sm.source_addr),
                destination: (sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr),
                esm_class: sm.esm_class,
                registered_delivery: sm.registered_delivery,
                replaces: sm.replace_if_present_flag == 1,
                data_coding: sm.data_coding,
                user_data: payload(&sm.tlvs).unwrap_or(sm.short_message.as_octets()),
                tlvs: sm.tlvs,
            }),
            Pdu::DataSm(sm) => Some(Self {
                service_type: sm.service_type,
                source: (sm.source_addr_ton, sm.source_addr_npi, sm.source_addr),
                destination: (sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr),
                esm_class: sm.esm_class,
                registered_delivery: sm.registered_delivery,
                replaces: false,
                data_coding: sm.data_coding,
                user_data: payload(&sm.tlvs).unwrap_or_default(),
                tlvs: sm.tlvs,
            }),
            Pdu::SubmitMulti(multi) => {
                let first = multi.dest_addresses.iter().next()?;
                Some(Self::of_multi(multi, address_of(first)))
            }
            Pdu::BroadcastSm(broadcast) => Some(Self::of_broadcast(broadcast)),
            _ => None,
        }
    }

    /// Of a submit_multi as far as one recipient is concerned.
    pub(crate) fn of_multi(multi: &SubmitMulti<'a>, destination: (u8, u8, COctetStr<'a>)) -> Self {
        Self {
            service_type: multi.service_type,
            source: (
                multi.source_addr_ton,
                multi.source_addr_npi,
                multi.source_addr,
            ),
            destination,
            esm_class: multi.esm_class,
            registered_delivery: multi.registered_delivery,
            data_coding: multi.data_coding,
            replaces: false,
            user_data: match payload(&multi.tlvs) {
                Some(payload) => payload,
                None => multi.short_message.as_octets(),
            },
            tlvs: multi.tlvs,
        }
    }

    /// Of a broadcast, which has no recipients and no receipts.
    pub(crate) const fn of_broadcast(broadcast: &BroadcastSm<'a>) -> Self {
        Self {
            service_type: broadcast.service_type,
            source: (
                broadcast.source_addr_ton,
                broadcast.source_addr_npi,
                broadcast.source_addr,
            ),
            destination: (0, 0, COctetStr::EMPTY),
            esm_class: 0,
            registered_delivery: 0,
            data_coding: broadcast.data_coding,
            replaces: false,
            user_data: &[],
            tlvs: broadcast.tlvs,
        }
    }
}

/// Type of number, numbering plan and digits of a recipient; a list has its name only.
const fn address_of(address: DestAddress<'_>) -> (u8, u8, COctetStr<'_>) {
    match address {
        DestAddress::Sme {
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
        } => (dest_addr_ton, dest_addr_npi, destination_addr),
        DestAddress::DistributionList { dl_name } => (0, 0, dl_name),
    }
}

#[inline]
fn payload<'a>(tlvs: &Tlvs<'a>) -> Option<&'a [u8]> {
    tlvs.get(Tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value)
}
