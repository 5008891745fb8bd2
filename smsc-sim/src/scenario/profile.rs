//! Named profiles: scenarios for those who want no file.

/// Names without their arguments.
pub(super) const NAMES: &[&str] = &[
    "healthy",
    "flaky",
    "throttling",
    "slow",
    "dead",
    "reorder",
    "memory-hog",
    "failed_submits",
    "smppsim",
];

/// What may be written.
pub(super) const ALLOWED: &str = "healthy, flaky, throttling(TPS), slow, dead(bind_refused), \
    dead(timeout_all), reorder, memory-hog, failed_submits or smppsim";

/// Messages per second that pass unless `throttling` says how many.
const TPS: u32 = 10;

/// A few of everything that goes wrong at a bad operator: refusals that may be tried again, late
/// and lost responses, failed and lost receipts, lost connections.
const FLAKY: &str = r#"
[[rules]]
id = "throttled"
match = { chance = 0.02 }
respond = { status = "ESME_RTHROTTLED" }
[[rules]]
id = "system-error"
match = { chance = 0.01 }
respond = { status = "ESME_RSYSERR" }
[[rules]]
id = "queue-full"
match = { chance = 0.01 }
respond = { status = "ESME_RMSGQFUL" }
[[rules]]
id = "no-response"
match = { chance = 0.005 }
fault = { type = "drop_response" }
[[rules]]
id = "disconnect"
match = { chance = 0.001 }
fault = { type = "disconnect" }
[[rules]]
id = "no-receipt"
match = { chance = 0.02 }
receipts = []
[[rules]]
id = "undeliverable"
match = { chance = 0.05 }
receipts = [{ state = "UNDELIV", err = 1, after = "500ms" }]
[[rules]]
id = "late"
respond = { delay = { lognormal = { median = "40ms", sigma = 1.0 } } }
receipts = [{ state = "DELIVRD", after = { exponential = { mean = "2s" } } }]
"#;

/// Everything takes long.
const SLOW: &str = r#"
[[rules]]
id = "slow"
respond = { delay = { lognormal = { median = "1s", sigma = 0.7 } } }
receipts = [{ state = "DELIVRD", after = { uniform = { min = "5s", max = "60s" } } }]
[[faults]]
type = "slow_bind"
attributes = { delay = "2s" }
"#;

/// Binds, and is silent from then on.
const DEAD_TIMEOUT: &str = r#"
[[rules]]
id = "silent"
receipts = []
fault = { type = "drop_response" }
[[faults]]
type = "no_enquire_link_resp"
"#;

/// Nobody may bind.
const DEAD_REFUSED: &str = r#"
[[faults]]
type = "bind_refuse"
"#;

/// Responses come in another order than messages, and receipts before responses.
const REORDER: &str = r#"
[[rules]]
id = "early-receipt"
match = { chance = 0.5 }
respond = { delay = { uniform = { min = "20ms", max = "100ms" } } }
receipts = [{ state = "DELIVRD", before_response = true }]
[[rules]]
id = "shuffled"
respond = { delay = { uniform = { min = "0ms", max = "100ms" } } }
"#;

/// Whoever keeps what waits for a response, a receipt or the next part of a text keeps much.
const MEMORY_HOG: &str = r#"
[[rules]]
id = "hoarded"
respond = { delay = { uniform = { min = "30s", max = "60s" } } }
receipts = [
    { state = "ENROUTE", after = "10m", intermediate = true, unasked = true },
    { state = "DELIVRD", after = "1h", unasked = true },
]
"#;

/// As smscsim with FAILED_SUBMITS: an even sequence_number is answered with ESME_RSYSERR, an odd
/// one gets a receipt UNDELIV after 2 s.
const FAILED_SUBMITS: &str = r#"
[[rules]]
id = "failed-submit"
match = { sequence_number = "even" }
respond = { status = "ESME_RSYSERR" }
[[rules]]
id = "failed-delivery"
receipts = [{ state = "UNDELIV", after = "2s" }]
"#;

/// How a message ends by the first digit of its destination, as with SMPPSim.
const SMPPSIM: [(&str, &str); 5] = [
    ("1", "EXPIRED"),
    ("2", "DELETED"),
    ("3", "UNDELIV"),
    ("4", "ACCEPTD"),
    ("5", "REJECTD"),
];

/// The TOML of a profile: `name` or `name(argument)`.
pub(super) fn text(name: &str) -> Result<String, String> {
    let (bare, argument) = match name.split_once('(') {
        Some((bare, rest)) => (bare, rest.strip_suffix(')')),
        None => (name, None),
    };
    let closed = name.contains('(') == argument.is_some();
    let text = match (bare, argument) {
        _ if !closed => None,
        ("healthy", None) => Some(String::new()),
        ("flaky", None) => Some(FLAKY.to_owned()),
        ("slow", None) => Some(SLOW.to_owned()),
        ("reorder", None) => Some(REORDER.to_owned()),
        ("memory-hog", None) => Some(MEMORY_HOG.to_owned()),
        ("failed_submits", None) => Some(FAILED_SUBMITS.to_owned()),
        ("smppsim", None) => Some(SMPPSIM.map(smppsim).concat()),
        ("dead", None | Some("bind_refused")) => Some(DEAD_REFUSED.to_owned()),
        ("dead", Some("timeout_all")) => Some(DEAD_TIMEOUT.to_owned()),
        ("throttling", None) => Some(throttling(TPS)),
        ("throttling", Some(tps)) => tps
            .parse()
            .ok()
            .filter(|tps| (1..=10_000_000).contains(tps))
            .map(throttling),
        _ => None,
    };
    text.ok_or_else(|| format!("{name:?} is no profile; there are {ALLOWED}"))
}

fn smppsim((digit, state): (&str, &str)) -> String {
    format!(
        "[[rules]]\nid = \"smppsim-{digit}\"\nmatch = {{ destination = \"{digit}*\" }}\n\
         receipts = [{{ state = \"{state}\" }}]\n"
    )
}

fn throttling(tps: u32) -> String {
    format!("[[faults]]\ntype = \"throttle\"\nattributes = {{ tps = {tps} }}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn every_profile_is_a_scenario() {
        let table = [
            ("healthy", 0, 0),
            ("flaky", 8, 0),
            ("slow", 1, 1),
            ("reorder", 2, 0),
            ("dead", 0, 1),
            ("dead(bind_refused)", 0, 1),
            ("dead(timeout_all)", 1, 1),
            ("throttling", 0, 1),
            ("memory-hog", 1, 0),
            ("failed_submits", 2, 0),
            ("smppsim", 5, 0),
            ("throttling(250)", 0, 1),
        ];
        for (name, rules, faults) in table {
            let scenario = Scenario::profile(name).unwrap();
            assert_eq!(
                (scenario.rules.len(), scenario.faults.len()),
                (rules, faults),
                "{name}"
            );
        }
        for name in [
            "flakey",
            "dead(",
            "dead(x)",
            "throttling(0)",
            "healthy(1)",
            "slow)",
        ] {
            assert!(text(name).is_err(), "{name}");
        }
    }
}
