//! Rules of receipts that no single vector shows: order, gaps, states, ids, and the way back.

use signalbox_codec::receipt::{
    DateDigits, Receipt, ReceiptDate, ReceiptState, canonical_id, id_candidates, parse, parse_date,
    write,
};
use signalbox_codec::time::DateTime;

fn text(octets: Option<&[u8]>) -> Option<&str> {
    octets.map(|octets| std::str::from_utf8(octets).expect("UTF-8"))
}

#[test]
fn keys_are_found_in_any_case_order_and_distance() {
    for (octets, id, stat, err) in [
        ("STAT:EXPIRED ID:7", Some("7"), Some("EXPIRED"), None),
        (
            "id: 7 stat: DELIVRD err: 001",
            Some("7"),
            Some("DELIVRD"),
            Some("001"),
        ),
        (
            "id:7,sub:1;stat:DELIVRD,err:5",
            Some("7"),
            Some("DELIVRD"),
            Some("5"),
        ),
        (
            "id:7 sub: dlvrd: submit date: done date: stat:UNDELIV err: text:",
            Some("7"),
            Some("UNDELIV"),
            None,
        ),
        (
            "id:7\r\nstat:DELIVRD\r\nerr:0",
            Some("7"),
            Some("DELIVRD"),
            Some("0"),
        ),
        (
            "id:7 stat:DELIVRD err:0C1 id:8 stat:EXPIRED",
            Some("7"),
            Some("DELIVRD"),
            Some("0C1"),
        ),
        (
            "id:7 stat:DELIVRD text:id:8 stat:EXPIRED err:9",
            Some("7"),
            Some("DELIVRD"),
            None,
        ),
        ("grid:7 substat:3 stat:DELIVRD", None, Some("DELIVRD"), None),
        (
            "id:1 text:hi status:DELIVRD err:000",
            Some("1"),
            Some("DELIVRD"),
            Some("000"),
        ),
        (
            "id:1 status:000 stat:DELIVRD",
            Some("1"),
            Some("DELIVRD"),
            None,
        ),
        (
            "message id:77 status:DELIVRD",
            Some("77"),
            Some("DELIVRD"),
            None,
        ),
        (
            "id:1\tsub:001\tstat:DELIVRD",
            Some("1"),
            Some("DELIVRD"),
            None,
        ),
        (
            "id:0x1F4 stat:EXPIRED err:0x45",
            Some("0x1F4"),
            Some("EXPIRED"),
            Some("0x45"),
        ),
        (
            "id:00000123 stat:2 err:-1",
            Some("00000123"),
            Some("2"),
            Some("-1"),
        ),
        (
            "err:000 stat:DELIVRD done date:2611220103 dlvrd:001 id:9 text:id:8",
            Some("9"),
            Some("DELIVRD"),
            Some("000"),
        ),
        (
            "id:1 sub:abc dlvrd:-1 submit date:9999999999 stat:UNKNOWN err:",
            Some("1"),
            Some("UNKNOWN"),
            None,
        ),
        ("id: stat: err:", None, None, None),
    ] {
        let receipt = parse(octets.as_bytes()).expect(octets);
        let found = (text(receipt.id), text(receipt.stat), text(receipt.err));
        assert_eq!(found, (id, stat, err), "{octets}");
    }
}

#[test]
fn fields_behind_the_text_are_read_while_the_state_is_missing() {
    let receipt = parse(b"id:7 text:see you stat:UNDELIV err:2").expect("receipt");
    assert_eq!(text(receipt.text), Some("see you"));
    assert_eq!(
        (text(receipt.stat), text(receipt.err)),
        (Some("UNDELIV"), Some("2"))
    );
    let receipt = parse(b"id:7 text:text:a stat:UNDELIV").expect("receipt");
    assert_eq!(text(receipt.text), Some("text:a"));
}

#[test]
fn dates_have_ten_twelve_fourteen_digits_or_the_form_of_smpp() {
    for (octets, iso) in [
        ("2002291830", Some("2020-02-29T18:30:00")),
        ("200229183059", Some("2020-02-29T18:30:59")),
        ("201512311830", Some("2015-12-31T18:30:00")),
        ("20200229183059", Some("2020-02-29T18:30:59")),
        ("200229183059704-", Some("2020-02-29T18:30:59.7-01:00")),
        ("000000020630000R", None),
        ("2512312359", Some("2025-12-31T23:59:00")),
        ("0002291200", Some("2000-02-29T12:00:00")),
        ("261122010203048-", Some("2026-11-22T01:02:03.0-12:00")),
        ("2302291200", None),
        ("2611222460", None),
        ("26112201020", None),
        ("0000000000", None),
        ("1902291830", None),
        ("20-02-29", None),
        ("", None),
    ] {
        let date = parse_date(octets.as_bytes()).map(|date| date.to_string());
        assert_eq!(date.as_deref(), iso, "{octets}");
    }
}

#[test]
fn written_receipts_are_read_back() {
    let date = DateTime::new(2026, 11, 22, 1, 2, 0).expect("exists");
    let receipt = Receipt {
        id: Some(b"0a1b"),
        sub: Some(1),
        dlvrd: Some(0),
        submit_date: Some(ReceiptDate::Local(date)),
        done_date: Some(ReceiptDate::Local(date)),
        stat: Some(b"REJECTD"),
        err: Some(b"012"),
        text: Some(b"twenty octets are it"),
        ..Receipt::default()
    };
    for digits in [DateDigits::Ten, DateDigits::Twelve, DateDigits::Fourteen] {
        let mut octets = Vec::new();
        write(&receipt, digits, &mut octets);
        assert_eq!(parse(&octets), Some(receipt));
    }
    let mut octets = Vec::new();
    write(
        &Receipt {
            text: Some(b"twenty octets are it, no more"),
            ..receipt
        },
        DateDigits::Ten,
        &mut octets,
    );
    let expected: &[u8] = b"id:0a1b sub:001 dlvrd:000 submit date:2611220102 done date:2611220102 \
        stat:REJECTD err:012 text:twenty octets are it";
    assert_eq!(octets, expected);
}

#[test]
fn states_have_a_word_a_number_and_an_end() {
    for state in ReceiptState::ALL {
        assert_eq!(
            ReceiptState::from_stat(state.stat().as_bytes()),
            Some(state)
        );
        assert_eq!(
            ReceiptState::from_message_state(state.message_state()),
            Some(state)
        );
        assert_eq!(state.stat().len(), 7);
    }
    assert_eq!(ReceiptState::from_message_state(10), None);
    for (stat, is_final) in [
        ("delivrd", Some(true)),
        ("FAILED", Some(true)),
        ("ENROUTE", Some(false)),
        ("ACCEPTD", Some(false)),
        ("UNKNOWN", Some(false)),
        ("2", None),
        ("BADSTAT", None),
    ] {
        let state = ReceiptState::from_stat(stat.as_bytes());
        assert_eq!(state.map(ReceiptState::is_final), is_final, "{stat}");
    }
}

#[test]
fn tlvs_win_when_they_say_something() {
    let receipt = parse(b"id:1 stat:DELIVRD").expect("receipt");
    assert_eq!(receipt.with_tlvs(None, None), receipt);
    assert_eq!(receipt.with_tlvs(Some(b""), Some(200)), receipt);
    let both = receipt.with_tlvs(Some(b"2"), Some(5));
    assert_eq!(
        (text(both.id), text(both.stat)),
        (Some("2"), Some("UNDELIV"))
    );
}

#[test]
fn ids_are_compared_by_value() {
    for (id, canonical) in [
        ("0012AF", "12af"),
        ("0 012AF ", "12af"),
        ("0000", "0"),
        ("", ""),
        (
            "74E02EE1-4e2f-4a6e-a78b-4b247d756a22",
            "74e02ee14e2f4a6ea78b4b247d756a22",
        ),
        ("1-0007", "1-0007"),
    ] {
        assert_eq!(canonical_id(id), canonical);
    }
    for (id, candidates) in [
        ("763421309", &["763421309", "2d80e27d", "31730045705"][..]),
        ("2D80E27D", &["2d80e27d", "763421309"]),
        ("5", &["5"]),
        ("xyz", &["xyz"]),
        (
            "18446744073709551616",
            &[
                "18446744073709551616",
                "10000000000000000",
                "114598615266301018707478",
            ],
        ),
        (
            "10000000000000000",
            &[
                "10000000000000000",
                "2386f26fc10000",
                "18446744073709551616",
            ],
        ),
    ] {
        assert_eq!(id_candidates(id), candidates, "{id}");
    }
    let longest = "f".repeat(64);
    assert_eq!(id_candidates(&longest).len(), 2);
    assert_eq!(id_candidates(&"f".repeat(65)).len(), 1);
}

/// `status` alone is a word of many messages.
#[test]
fn a_subscriber_who_writes_of_a_status_sends_no_receipt() {
    for text in ["Order 12 status:paid", "status: on my way", "STATUS:"] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
}
