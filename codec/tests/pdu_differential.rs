//! Against rusmpp, an independent implementation: on the vectors, and on damaged vectors.

#![allow(clippy::unwrap_used)] // Test code.

mod checks;
mod pdu_support;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use checks::differential::{Exception, check_differential, compare};
use pdu_support::{Random, from_hex, vectors};
use signalbox_codec::{COMMAND_LENGTH_MAX_BOUND, Pdu, Quirks, Tag, next_frame};

/// Commands of SMPP v3.4 and v5.0. rusmpp reads all of them, and so each is compared.
const COMMANDS: usize = 33;

#[test]
fn what_it_reads_of_the_vectors_we_read_alike() {
    let mut read = 0;
    let mut commands = BTreeSet::new();
    for vector in vectors() {
        let Some(frame) = vector.frame() else {
            continue;
        };
        if let Ok(command) = rusmpp::Command::try_from(&frame) {
            read += 1;
            if let (Some(_), Some(name)) = (command.pdu(), frame.header.command_id.name()) {
                commands.insert(name);
            }
        }
        let checked = catch_unwind(AssertUnwindSafe(|| check_differential(&vector.octets)));
        assert!(checked.is_ok(), "{}", vector.id);
    }
    assert!(read > 300, "it read {read}");
    assert_eq!(commands.len(), COMMANDS, "it read {commands:?}");
}

/// Why rusmpp refuses what is within the specification.
fn reason_of_refusal(octets: &[u8], pdu: &Pdu<'_>) -> Option<&'static str> {
    let long = |string: &signalbox_codec::COctetStr<'_>| string.as_octets().len() > 20;
    let tlvs = checks::pdu::tlvs_of(pdu);
    match pdu {
        Pdu::DataSm(pdu) if long(&pdu.source_addr) || long(&pdu.destination_addr) => {
            Some("it allows data_sm addresses of 20 characters, the specification 64")
        }
        Pdu::AlertNotification(pdu) if long(&pdu.source_addr) || long(&pdu.esme_addr) => {
            Some("it allows alert_notification addresses of 20 characters")
        }
        _ if tlvs.get(Tag::BROADCAST_REP_NUM).is_some() => {
            Some("it reads broadcast_rep_num as one octet, the specification says two")
        }
        _ if octets.len() > 16 && !has_body(pdu) => Some("it knows no parameters of this PDU"),
        _ => None,
    }
}

fn has_body(pdu: &Pdu<'_>) -> bool {
    !matches!(
        pdu,
        Pdu::CancelSmResp(_) | Pdu::ReplaceSmResp(_) | Pdu::CancelBroadcastSmResp(_)
    )
}

#[test]
fn what_it_refuses_of_the_vectors_has_a_reason() {
    let mut unexplained = Vec::new();
    for vector in vectors() {
        let Some(frame) = vector.frame() else {
            continue;
        };
        let Ok(decoded) = Pdu::decode_with(&frame, Quirks::STRICT.tolerating(SEQUENCE)) else {
            continue;
        };
        if rusmpp::Command::try_from(&frame).is_err()
            && reason_of_refusal(vector.pdu_octets().unwrap(), &decoded.pdu).is_none()
        {
            unexplained.push((vector.id.clone(), frame.header.command_id));
        }
    }
    assert_eq!(unexplained, []);
}

const SEQUENCE: signalbox_codec::Deviation = signalbox_codec::Deviation::SequenceNumber;

#[test]
fn what_it_reads_of_damaged_vectors_we_read_alike() {
    let mut random = Random(0x5EED_0004);
    let vectors = vectors();
    for _ in 0..if cfg!(debug_assertions) {
        30_000
    } else {
        1_000_000
    } {
        let vector = &vectors[random.below(vectors.len())];
        let Some(octets) = vector.pdu_octets() else {
            continue;
        };
        let mut octets = octets.to_vec();
        for _ in 0..=random.below(2) {
            // The header stays whole apart from the command_id's last octet.
            let at = 15.max(random.below(octets.len()));
            match random.below(3) {
                0 if at > 15 => octets[at] = random.next().to_be_bytes()[0],
                1 if at > 15 => octets.insert(at, random.next().to_be_bytes()[0] & 0x7F),
                2 if at > 15 => {
                    octets.remove(at);
                }
                _ => octets[7] = random.next().to_be_bytes()[0] & 0x2F,
            }
        }
        let length = u32::try_from(octets.len()).unwrap();
        octets[..4].copy_from_slice(&length.to_be_bytes());
        check_differential(&octets);
    }
}

/// A PDU for each exception, so that the list holds no exception that there is not.
#[test]
fn every_exception_is_seen() {
    let submit_sm = |tlv: &str| {
        format!(
            "000000{}000000040000000000000001{}{tlv}",
            "26",
            "00".repeat(17)
        )
    };
    for exception in Exception::ALL {
        let pdu = match exception {
            Exception::RequestWithoutBody => "00000010000000040000000000000001".to_owned(),
            Exception::TlvReadByType => submit_sm("001000020102").replace("0026", "0027"),
            Exception::ReservedBitsDropped => submit_sm("00300001ff"),
        };
        let octets = from_hex(&pdu);
        let frame = next_frame(&octets, COMMAND_LENGTH_MAX_BOUND)
            .unwrap()
            .unwrap();
        let command = rusmpp::Command::try_from(&frame).unwrap();
        assert_eq!(compare(&frame, &command), Some(exception));
    }
}
