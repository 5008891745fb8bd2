//! Conversions to and from rusmpp: the same octets both ways, and nothing beyond the frame.

mod pdu_support;

use pdu_support::{from_hex, vectors};
use signalbox_codec::interop::{CommandOctets, NotExact};
use signalbox_codec::{COMMAND_LENGTH_MAX_BOUND, CommandId, CommandStatus, Pdu, Tag, next_frame};

#[test]
fn what_rusmpp_takes_comes_back() {
    let mut same = 0;
    for vector in vectors() {
        let Some(frame) = vector.frame() else {
            continue;
        };
        let Ok(command) = rusmpp::Command::try_from(&frame) else {
            continue;
        };
        assert_eq!(CommandId::from(command.id()), frame.header.command_id);
        assert_eq!(
            CommandStatus::from(command.status()),
            frame.header.command_status
        );
        assert_eq!(command.sequence_number(), frame.header.sequence_number);
        let back = CommandOctets::from(&command);
        if back.frame() == frame {
            assert_eq!(
                Pdu::decode(&back.frame()),
                Pdu::decode(&frame),
                "{}",
                vector.id
            );
            same += 1;
        }
    }
    assert!(same > 300, "{same} PDUs came back");
}

#[test]
fn a_length_beyond_the_frame_is_refused_and_not_read_from_the_next_pdu() {
    // sm_length 255, no short_message; then another PDU.
    let sm = format!("000000210000000400000000000000010{}ff", "0".repeat(31));
    let stream = from_hex(&(sm + "00000010000000150000000000000002"));
    let frame = next_frame(&stream, COMMAND_LENGTH_MAX_BOUND);
    let frame = frame.expect("framed").expect("whole");
    let refused = rusmpp::Command::try_from(&frame);
    assert!(matches!(refused, Err(NotExact::Refused(_))), "{refused:?}");

    let enquire_link = from_hex("000000150000001500000000000000020500000000");
    let frame = next_frame(&enquire_link, COMMAND_LENGTH_MAX_BOUND);
    let frame = frame.expect("framed").expect("whole");
    let unread = rusmpp::Command::try_from(&frame);
    assert!(
        matches!(unread, Err(NotExact::Unread { octets: 5 })),
        "{unread:?}"
    );
}

#[test]
fn numbers_that_nobody_knows_are_kept() {
    for number in [0x15, 0x8000_0004, 0x0001_0200, u32::MAX] {
        assert_eq!(
            CommandId::from(rusmpp::CommandId::from(CommandId(number))).0,
            number
        );
        let status = CommandStatus(number);
        assert_eq!(
            CommandStatus::from(rusmpp::CommandStatus::from(status)),
            status
        );
        let tag = Tag(number as u16);
        assert_eq!(Tag::from(rusmpp::tlvs::TlvTag::from(tag)), tag);
    }
}
