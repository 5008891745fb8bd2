//! Reads a fault: `{type, stream, toxicity, attributes}`, in the words of Toxiproxy where it has
//! some.

use std::time::Duration;

use serde_json::Value as Json;
use signalbox_codec::CommandStatus;

use super::{
    Fault, FaultKind, HandshakeFault, MessageFault, ResponseFault, SessionFault, Stream,
    StreamFault,
};
use crate::input::{self, Allowed, InputError, InputErrors, Node, Table, Value};
use crate::registry::Disconnect;
use crate::scenario::Delay;

/// Responses that `reorder` gathers at most.
const REORDER_WINDOW_MAX: i64 = 1_000;
/// Copies that `duplicate_response` sends at most.
const COPIES_MAX: i64 = 100;
/// Unless it is said otherwise: a command_id that no version of SMPP has.
const COMMAND_ID_UNKNOWN: u32 = 0x8000_0FFF;

/// What a time without a unit is in.
const MS: (Duration, &str) = (Duration::from_millis(1), "ms");
/// The same where Toxiproxy has microseconds.
const US: (Duration, &str) = (Duration::from_micros(1), "us");

/// Reads the attributes of one type.
type ReadKind = fn(&mut Table<'_, '_>) -> FaultKind;

/// All types.
const KINDS: &[(&str, ReadKind)] = &[
    ("latency", |t| {
        stream(StreamFault::Latency {
            latency: required_time(t, "latency"),
            jitter: t.time("jitter", MS).unwrap_or_default(),
        })
    }),
    ("bandwidth", |t| {
        stream(StreamFault::Bandwidth {
            octets_per_second: if t.has("rate") && !t.has("octets_per_second") {
                t.known("octets_per_second");
                required_number(t, "rate", 1, u32::MAX / 1_000) * 1_000
            } else {
                t.known("rate");
                required_number(t, "octets_per_second", 1, u32::MAX)
            },
        })
    }),
    ("slow_close", |t| {
        stream(StreamFault::SlowClose {
            delay: required_time(t, "delay"),
        })
    }),
    ("timeout", |t| {
        let timeout = t.time("timeout", MS).filter(|time| !time.is_zero());
        stream(StreamFault::Timeout { timeout })
    }),
    ("reset_peer", |t| match t.time("timeout", MS) {
        Some(timeout) => stream(StreamFault::ResetPeer { timeout }),
        None => response(ResponseFault::ResetInside),
    }),
    ("slicer", |t| {
        stream(StreamFault::Slicer {
            octets: {
                let key = t.either("octets", "average_size");
                t.integer(key, 1..=65_536).unwrap_or(1) as usize
            },
            size_variation: t.integer("size_variation", 0..=65_536).unwrap_or(0) as usize,
            delay: t.time("delay", US).unwrap_or(Duration::from_millis(10)),
        })
    }),
    ("limit_data", |t| {
        stream(StreamFault::LimitData {
            octets: {
                let key = t.either("octets", "bytes");
                u64::from(required_number(t, key, 0, u32::MAX))
            },
            reset: t.boolean("reset").unwrap_or(false),
        })
    }),
    ("merge", |t| {
        stream(StreamFault::Merge {
            delay: t.time("delay", MS).unwrap_or(Duration::from_millis(100)),
        })
    }),
    ("stop_reading", |_| stream(StreamFault::StopReading)),
    ("bind_refuse", |t| {
        FaultKind::Session(SessionFault::BindRefuse {
            status: status(t, "status").unwrap_or(CommandStatus::ESME_RBINDFAIL),
        })
    }),
    ("slow_bind", |t| {
        FaultKind::Session(SessionFault::SlowBind {
            delay: required_time(t, "delay"),
        })
    }),
    ("unbind_after", |t| {
        FaultKind::Session(SessionFault::UnbindAfter {
            messages: u64::from(required_number(t, "messages", 1, u32::MAX)),
        })
    }),
    ("no_enquire_link_resp", |_| {
        FaultKind::Session(SessionFault::NoEnquireLinkResp)
    }),
    ("tls_stall", |_| {
        FaultKind::Session(SessionFault::Handshake(HandshakeFault::Stall))
    }),
    ("tls_close", |_| {
        FaultKind::Session(SessionFault::Handshake(HandshakeFault::Close))
    }),
    ("throttle", |t| {
        let tps = required_number(t, "tps", 1, 10_000_000);
        let burst = t.integer("burst", 1..=10_000_000).map(|burst| burst as u32);
        message(MessageFault::Throttle {
            tps,
            burst: burst.unwrap_or(tps),
        })
    }),
    ("queue_full", |_| message(MessageFault::QueueFull)),
    ("drop_response", |_| message(MessageFault::DropResponse)),
    ("delay_response", |t| {
        let delay = required_delay(t, "delay");
        message(MessageFault::DelayResponse { delay })
    }),
    ("reorder", |t| {
        let window = t.integer("window", 2..=REORDER_WINDOW_MAX).unwrap_or(4) as u32;
        response(ResponseFault::Reorder { window })
    }),
    ("duplicate_response", |t| {
        let copies = t.integer("copies", 1..=COPIES_MAX).unwrap_or(1) as u32;
        response(ResponseFault::Duplicate { copies })
    }),
    ("bad_length", |t| {
        let length = t.integer("command_length", 0..=i64::from(u32::MAX));
        response(ResponseFault::BadLength {
            command_length: length.map(|l| l as u32),
        })
    }),
    ("unknown_command", |t| {
        let allowed = Allowed::text("a whole number from 0 to 4294967295, or \"0x…\"");
        let command_id = t.parse("command_id", allowed, command_id);
        response(ResponseFault::UnknownCommand {
            command_id: command_id.unwrap_or(COMMAND_ID_UNKNOWN),
        })
    }),
    ("bad_sequence", |t| {
        let add = t
            .integer("add", 1..=i64::from(u32::MAX))
            .unwrap_or(1_000_000) as u32;
        response(ResponseFault::BadSequence { add })
    }),
    ("corrupt_tlv", |_| response(ResponseFault::CorruptTlv)),
    ("garbage", |_| response(ResponseFault::Garbage)),
    ("disconnect", |t| {
        let hows = [
            ("fin", Disconnect::Fin),
            ("rst", Disconnect::Rst),
            ("unbind", Disconnect::Unbind),
        ];
        let how = t.choice("how", &hows).unwrap_or(Disconnect::Fin);
        let whens: [(_, fn(_) -> _); 2] = [
            ("before_response", ResponseFault::DisconnectBefore),
            ("after_response", ResponseFault::DisconnectAfter),
        ];
        let when = t
            .choice("when", &whens)
            .unwrap_or(ResponseFault::DisconnectBefore);
        response(when(how))
    }),
];

/// Reads the table of a fault; `None` after it was reported what is wrong.
pub(crate) fn read(table: &mut Table<'_, '_>) -> Option<Fault> {
    if !table.has("type") {
        table.report("type", "missing: the type of the fault");
    }
    let read_kind = table.choice("type", KINDS);
    let streams = [
        ("up", Stream::Up),
        ("down", Stream::Down),
        ("upstream", Stream::Up),
        ("downstream", Stream::Down),
    ];
    let stream = table.choice("stream", &streams);
    let toxicity = table.number("toxicity", 0.0..=1.0).unwrap_or(1.0);
    // Toxiproxy's; what is written is kept.
    let _name = table.text("name");
    table.known("attributes");
    let id = match table.pass_over("id") {
        Some(Value::Text(id)) => Some(id.clone()),
        _ => None,
    };
    let written = table.written();
    let read_kind = read_kind?;
    let kind = if table.has("attributes") {
        table.table("attributes", read_kind)?
    } else {
        let empty = input::from_json(&Json::Object(serde_json::Map::new()));
        let mut errors = Vec::new();
        let kind = input::read_table("attributes", &empty, &mut errors, read_kind);
        for error in errors {
            table.report(&error.key, error.problem);
        }
        kind?
    };
    let only = match kind {
        FaultKind::Stream(StreamFault::StopReading) => Some(Stream::Up),
        // The SMSC is who closes later.
        FaultKind::Stream(StreamFault::SlowClose { .. }) => Some(Stream::Down),
        FaultKind::Stream(_) => None,
        FaultKind::Session(_) | FaultKind::Message(_) => Some(Stream::Down),
    };
    if let (Some(only), Some(stream)) = (only, stream)
        && only != stream
    {
        table.report(
            "stream",
            format!("this type has no other than {}", only.name()),
        );
    }
    let stream = only.or(stream).unwrap_or(Stream::Down);
    Some(Fault {
        kind,
        stream,
        toxicity,
        id,
        written,
    })
}

/// Reads a fault of the control API.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn from_json(json: &Json) -> Result<Fault, InputErrors> {
    let node = input::from_json(json);
    let mut errors: Vec<InputError> = Vec::new();
    let fault = input::read_table("", &node, &mut errors, read).flatten();
    match fault {
        Some(fault) if errors.is_empty() => Ok(fault),
        _ => Err(InputErrors {
            source: String::new(),
            errors,
        }),
    }
}

/// A command_status by its name or as 0x….
pub(crate) fn status(table: &mut Table<'_, '_>, key: &'static str) -> Option<CommandStatus> {
    let words: Vec<&str> = (0..0x500).filter_map(|n| CommandStatus(n).name()).collect();
    let allowed = Allowed {
        text: "a name such as ESME_RTHROTTLED, or \"0x…\"",
        words: &words,
    };
    table.parse_text(key, allowed, |text| {
        let digits = text.strip_prefix("0x");
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        CommandStatus::from_name(text).or_else(|| number.map(CommandStatus))
    })
}

/// A number, or such a text.
fn command_id(node: &Node) -> Option<u32> {
    match &node.value {
        Value::Integer(number) => u32::try_from(*number).ok(),
        Value::Text(text) => u32::from_str_radix(text.strip_prefix("0x")?, 16).ok(),
        _ => None,
    }
}

const fn stream(fault: StreamFault) -> FaultKind {
    FaultKind::Stream(fault)
}

const fn message(fault: MessageFault) -> FaultKind {
    FaultKind::Message(fault)
}

const fn response(fault: ResponseFault) -> FaultKind {
    message(MessageFault::Response(fault))
}

fn required_time(table: &mut Table<'_, '_>, key: &'static str) -> Duration {
    if !table.has(key) {
        table.report(key, "missing: a time such as \"50ms\"");
    }
    table.time(key, MS).unwrap_or_default()
}

/// A time, or how it is drawn.
fn required_delay(table: &mut Table<'_, '_>, key: &'static str) -> Delay {
    match table.get(key).map(|node| &node.value) {
        Some(Value::Integer(_)) => Delay::Fixed(required_time(table, key)),
        Some(_) => Delay::read(table, key).unwrap_or(Delay::ZERO),
        None => {
            let problem = "missing: a time such as \"50ms\", or a distribution";
            table.report(key, problem);
            Delay::ZERO
        }
    }
}

fn required_number(table: &mut Table<'_, '_>, key: &'static str, min: u32, max: u32) -> u32 {
    if !table.has(key) {
        table.report(key, format!("missing: a whole number from {min} to {max}"));
    }
    let number = table.integer(key, i64::from(min)..=i64::from(max));
    number
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(min)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_is_read_with_its_attributes() {
        let table = [
            ("latency", json!({"latency": "50ms", "jitter": "5ms"})),
            ("bandwidth", json!({"octets_per_second": 1024})),
            ("bandwidth", json!({"rate": 1})),
            ("slicer", json!({"average_size": 3})),
            ("limit_data", json!({"bytes": 100})),
            ("slow_close", json!({"delay": "1s"})),
            ("timeout", json!({"timeout": "30s"})),
            ("timeout", json!({})),
            ("reset_peer", json!({"timeout": "1s"})),
            ("reset_peer", json!({})),
            ("slicer", json!({"octets": 1, "delay": "10ms"})),
            ("limit_data", json!({"octets": 100, "reset": true})),
            ("merge", json!({"delay": "100ms"})),
            ("stop_reading", json!({})),
            ("bind_refuse", json!({"status": "ESME_RINVPASWD"})),
            ("slow_bind", json!({"delay": "2s"})),
            ("unbind_after", json!({"messages": 10})),
            ("no_enquire_link_resp", json!({})),
            ("tls_stall", json!({})),
            ("tls_close", json!({})),
            ("throttle", json!({"tps": 10, "burst": 2})),
            ("queue_full", json!({})),
            ("drop_response", json!({})),
            (
                "delay_response",
                json!({"delay": {"normal": {"mean": "1s", "deviation": "1ms"}}}),
            ),
            ("reorder", json!({"window": 8})),
            ("duplicate_response", json!({"copies": 2})),
            ("bad_length", json!({"command_length": 7})),
            ("unknown_command", json!({"command_id": 7})),
            ("bad_sequence", json!({"add": 7})),
            ("corrupt_tlv", json!({})),
            ("garbage", json!({})),
            (
                "disconnect",
                json!({"when": "after_response", "how": "rst"}),
            ),
        ];
        for (name, _) in KINDS {
            assert!(
                table.iter().any(|(tested, _)| tested == name),
                "{name} is not tested"
            );
        }
        let page = include_str!("../../assets/switches.js");
        for (name, _) in KINDS {
            let switch = format!("[\"{name}\", ");
            assert!(page.contains(&switch), "{name} has no switch on the page");
        }
        for (name, attributes) in table {
            let written = json!({"type": name, "attributes": attributes});
            let fault = from_json(&written).unwrap_or_else(|errors| panic!("{name}: {errors}"));
            assert_eq!(fault.written, written);
        }
    }

    #[test]
    fn a_command_id_is_a_number_or_written_as_the_specification_does() {
        for id in [json!(0x8000_0FFE_u32), json!("0x80000FFE")] {
            let written = json!({"type": "unknown_command", "attributes": {"command_id": id}});
            let command_id = 0x8000_0FFE;
            let expected = response(ResponseFault::UnknownCommand { command_id });
            assert_eq!(
                from_json(&written).map(|fault| fault.kind),
                Ok(expected),
                "{id}"
            );
        }
        for id in [json!("80000FFE"), json!("0x180000FFE"), json!(-1)] {
            let written = json!({"type": "unknown_command", "attributes": {"command_id": id}});
            assert!(from_json(&written).is_err(), "{id}");
        }
    }

    #[test]
    fn times_are_numbers_of_ms_too() {
        let ms = Duration::from_millis(100);
        let table = [
            (
                "slow_bind",
                FaultKind::Session(SessionFault::SlowBind { delay: ms }),
            ),
            (
                "delay_response",
                message(MessageFault::DelayResponse {
                    delay: Delay::Fixed(ms),
                }),
            ),
        ];
        for (name, expected) in table {
            let read = |delay: Json| {
                let written = json!({"type": name, "attributes": {"delay": delay}});
                from_json(&written).map(|fault| fault.kind)
            };
            assert_eq!(read(json!(100)), Ok(expected), "{name}");
            for delay in [json!(-1), json!("1"), json!([])] {
                assert!(read(delay.clone()).is_err(), "{name} {delay}");
            }
        }
    }

    #[test]
    fn the_json_of_toxiproxy_is_read() {
        let ms = Duration::from_millis;
        let table = [
            (
                json!({"name": "l", "type": "latency", "stream": "downstream", "toxicity": 1.0,
                    "attributes": {"latency": 100, "jitter": 0}}),
                StreamFault::Latency {
                    latency: ms(100),
                    jitter: ms(0),
                },
            ),
            (
                json!({"name": "s", "type": "slicer", "stream": "upstream",
                    "attributes": {"average_size": 64, "size_variation": 32, "delay": 10}}),
                StreamFault::Slicer {
                    octets: 64,
                    size_variation: 32,
                    delay: Duration::from_micros(10),
                },
            ),
            (
                json!({"type": "timeout", "attributes": {"timeout": 0}}),
                StreamFault::Timeout { timeout: None },
            ),
            (
                json!({"type": "slow_close", "attributes": {"delay": 1_000}}),
                StreamFault::SlowClose { delay: ms(1_000) },
            ),
        ];
        for (written, expected) in table {
            let fault = from_json(&written).unwrap_or_else(|errors| panic!("{written}: {errors}"));
            assert_eq!(fault.kind, FaultKind::Stream(expected));
            let is_up = written["stream"] == "upstream";
            assert_eq!(fault.stream == Stream::Up, is_up, "{written}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            (json!({}), "type: missing: the type of the fault"),
            (json!({"type": "latncy"}), "(did you mean \"latency\"?)"),
            (json!({"type": "latency"}), "attributes.latency: missing"),
            (
                json!({"type": "latency", "attributes": {"latency": "5"}}),
                "attributes.latency: \"5\": wanted: a whole number with ms",
            ),
            (
                json!({"type": "slicer", "atributes": {}}),
                "atributes: unknown key; there are type, stream, toxicity, name, attributes (did \
                 you mean \"attributes\"?)",
            ),
            (
                json!({"type": "bind_refuse", "attributes": {"status": "ESME_RINVPASWRD"}}),
                "(did you mean \"ESME_RINVPASWD\"?)",
            ),
            (
                json!({"bogus": 1}),
                "bogus: unknown key; there are type, stream, toxicity, name, attributes",
            ),
            (
                json!({"type": "slicer", "attributes": {"size": 1}}),
                "attributes.size: unknown key; there are octets, average_size, size_variation, \
                 delay",
            ),
            (
                json!({"type": "drop_response", "stream": "up"}),
                "stream: \"up\": this type has no other than down",
            ),
            (
                json!({"type": "slow_close", "stream": "up", "attributes": {"delay": "1s"}}),
                "stream: \"up\": this type has no other than down",
            ),
            (
                json!({"type": "stop_reading", "stream": "downstream"}),
                "stream: \"downstream\": this type has no other than up",
            ),
            (
                json!({"type": "slicer", "toxicity": 2}),
                "toxicity: 2: wanted: a number from 0 to 1",
            ),
        ];
        for (written, expected) in table {
            let errors = from_json(&written).expect_err("it is wrong").to_string();
            assert!(errors.contains(expected), "{written}: {errors}");
        }
    }
}
