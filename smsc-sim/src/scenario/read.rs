//! Reads a scenario and its rules from a table of values.

use std::collections::HashSet;
use std::sync::Arc;

use signalbox_codec::receipt::ReceiptState;

use super::delay::Delay;
use super::list::{LISTS_MAX, List};
use super::rule::{Match, MoContent, MoRule, ReceiptRule, Rule, Scope, StateRule};
use super::{RULES_MAX, Scenario, profile};
use crate::delivery::{self, ReceiptForm, ReceiptText};
use crate::fault::{self, FAULTS_MAX, Fault};
use crate::ids::IdForm;
use crate::input::{Allowed, InputErrors, Node, Table};
use crate::pattern::Pattern;
use crate::tlv::{TLVS_MAX, TlvPattern};

/// Receipts of one rule at most.
const RECEIPTS_MAX: usize = 16;
/// Characters of an id, and of the name of a machine or a state, at most.
const NAME_CHARACTERS_MAX: usize = 64;

/// Reads `{profile, rules, faults, lists}`. What the profile says comes behind what is written out.
/// What an SMSC tells of its own about a scenario is passed over.
pub(super) fn scenario(table: &mut Table<'_, '_>) -> Scenario {
    let mut scenario = Scenario::default();
    table.pass_over("states");
    let mut ids = HashSet::new();
    let rules = table.list("rules", RULES_MAX, |table| {
        let rule = rule(table);
        if !rule.id.is_empty() {
            report_second(table, "id", &rule.id, &mut ids);
        }
        rule
    });
    let mut of_tls = Vec::new();
    let faults = table.list("faults", FAULTS_MAX, |table| {
        let fault = fault::read(table)?;
        if fault.kind.is_of_tls() {
            of_tls.push(table.error("type", fault::NO_TLS));
        }
        Some(fault)
    });
    let mut names = HashSet::new();
    let lists = table.list("lists", LISTS_MAX, |table| {
        let list = List::read(table)?;
        report_second(table, "name", &list.name, &mut names);
        Some(list)
    });
    scenario.lists = lists.into_iter().flatten().flatten().collect();
    scenario.rules = rules.into_iter().flatten().map(Arc::new).collect();
    scenario.faults = faults.into_iter().flatten().flatten().collect();
    scenario.errors_without_tls = (!of_tls.is_empty()).then(|| InputErrors::new("", of_tls));
    let allowed = Allowed {
        text: profile::ALLOWED,
        words: profile::NAMES,
    };
    let profile = table.parse_text("profile", allowed, |name| Scenario::profile(name).ok());
    scenario.followed_by(profile.unwrap_or_default())
}

/// Reports a name that another one has already.
fn report_second(
    table: &mut Table<'_, '_>,
    key: &'static str,
    name: &str,
    known: &mut HashSet<String>,
) {
    if !known.insert(name.to_owned()) {
        table.report(key, format!("{name:?} is there twice"));
    }
}

/// Reads one rule; its id is empty when it has none of its own.
pub(super) fn rule(table: &mut Table<'_, '_>) -> Rule {
    table.pass_over("applied");
    let id = name(table, "id").unwrap_or_default();
    let matching = table.table("match", matching).unwrap_or_default();
    let times = table
        .integer("times", 1..=i64::MAX)
        .map(|times| times as u64);
    let scopes = [("smsc", Scope::Smsc), ("bind", Scope::Bind)];
    let scope = table.choice("per", &scopes).unwrap_or_default();
    let respond = table.table("respond", |table| {
        (fault::status(table, "status"), Delay::read(table, "delay"))
    });
    let (status, delay) = respond.unwrap_or_default();
    Rule {
        id,
        is_enabled: table.boolean("enabled").unwrap_or(true),
        matching,
        times,
        scope,
        state: state(table),
        status,
        delay,
        receipts: table
            .list("receipts", RECEIPTS_MAX, receipt)
            .map(|receipts| receipts.into_iter().flatten().collect()),
        fault: table.table("fault", fault_of_a_message).flatten(),
        mo: table.table("mo", mobile_originated).flatten(),
        written: table.written(),
    }
}

/// A fault of binding or of the handshake is over before the first message comes.
fn fault_of_a_message(table: &mut Table<'_, '_>) -> Option<Fault> {
    let fault = fault::read(table)?;
    if fault.kind.is_before_messages() {
        let problem = "strikes before there is a message: it belongs to the faults of the SMSC";
        table.report("type", problem);
    }
    Some(fault)
}

fn matching(table: &mut Table<'_, '_>) -> Match {
    if table.has("nth") && table.has("every") {
        table.report("every", "nth and every exclude each other");
    }
    let from = table.either("from", "source");
    let to = table.either("to", "destination");
    Match {
        system_id: pattern(table, "system_id", Pattern::new),
        source: pattern(table, from, Pattern::of_address),
        destination: pattern(table, to, Pattern::of_address),
        text: pattern(table, "text", Pattern::new),
        data_coding: table
            .integer("data_coding", 0..=255)
            .map(|coding| coding as u8),
        tlvs: table.entries("tlvs", TLVS_MAX, tlv).unwrap_or_default(),
        sequence_number_is_even: table.choice("sequence_number", &[("even", true), ("odd", false)]),
        nth: table.integer("nth", 1..=i64::MAX).map(|nth| nth as u64),
        every: table
            .integer("every", 1..=i64::MAX)
            .map(|every| every as u64),
        chance: table.number("chance", 0.0..=1.0),
    }
}

fn tlv(tag: &str, value: &Node) -> Result<TlvPattern, String> {
    TlvPattern::read(tag, &value.to_json())
}

fn pattern(
    table: &mut Table<'_, '_>,
    key: &'static str,
    compile: fn(&str) -> Result<Pattern, String>,
) -> Option<Pattern> {
    match compile(table.text(key)?) {
        Ok(pattern) => Some(pattern),
        Err(problem) => {
            table.report(key, problem);
            None
        }
    }
}

/// `state` names the machine; it stands for nothing without one of the other two.
fn state(table: &mut Table<'_, '_>) -> Option<StateRule> {
    let machine = name(table, "state");
    let required = name(table, "required_state");
    let new = name(table, "new_state");
    match (machine, required.is_some() || new.is_some()) {
        (Some(machine), true) => Some(StateRule {
            machine,
            required,
            new,
        }),
        (None, false) => None,
        (Some(_), false) => {
            table.report("state", "needs required_state, new_state or both");
            None
        }
        (None, true) => {
            table.report("state", "missing: the name of the state machine");
            None
        }
    }
}

/// A short name.
fn name(table: &mut Table<'_, '_>, key: &'static str) -> Option<String> {
    let text = format!("1 to {NAME_CHARACTERS_MAX} characters without slash and space");
    table.parse_text(key, Allowed::text(&text), |text| {
        let legal = |c: char| !c.is_whitespace() && !c.is_control() && c != '/';
        let length = text.chars().count();
        ((1..=NAME_CHARACTERS_MAX).contains(&length) && text.chars().all(legal))
            .then(|| text.to_owned())
    })
}

fn receipt(table: &mut Table<'_, '_>) -> Option<ReceiptRule> {
    if !table.has("state") {
        table.report(
            "state",
            "missing: the state of the message, such as DELIVRD",
        );
    }
    let states = ReceiptState::ALL.map(|state| (state.stat(), state));
    let state = table.choice("state", &states);
    let id_formats = IdForm::ALL.map(|form| (form.name(), form));
    let texts = ReceiptText::ALL.map(|text| (text.name(), text));
    let receipt = ReceiptRule {
        state: ReceiptState::Delivered,
        error_code: table.integer("err", 0..=999).unwrap_or(0) as u16,
        after: Delay::read(table, "after").unwrap_or(Delay::ZERO),
        before_response: table.boolean("before_response").unwrap_or(false),
        unasked: table.boolean("unasked").unwrap_or(false),
        intermediate: table.boolean("intermediate").unwrap_or(false),
        id_form: table.choice("id_format", &id_formats).unwrap_or_default(),
        form: ReceiptForm {
            tlvs: table.boolean("tlv").unwrap_or(true),
            text: table.choice("text_format", &texts).unwrap_or_default(),
        },
    };
    state.map(|state| ReceiptRule { state, ..receipt })
}

fn mobile_originated(table: &mut Table<'_, '_>) -> Option<MoRule> {
    let from = phone(table, "from");
    let to = phone(table, "to");
    let after = Delay::read(table, "after").unwrap_or(Delay::ZERO);
    let text = table.text("text").map(str::to_owned);
    let hex = table.parse_text(
        "hex",
        Allowed::text("octets as pairs of hex digits"),
        octets,
    );
    let data_coding = table.integer("data_coding", 0..=255);
    let content = match (text, hex) {
        (Some(text), None) => MoContent::Text(text),
        (None, Some(octets)) => MoContent::Octets {
            data_coding: data_coding.unwrap_or(0) as u8,
            octets,
        },
        _ => {
            table.report("text", "wanted: either text or hex");
            return None;
        }
    };
    if data_coding.is_some() && matches!(content, MoContent::Text(_)) {
        table.report(
            "data_coding",
            "belongs to hex; the coding of a text follows from it",
        );
    }
    Some(MoRule {
        from,
        to,
        content,
        after,
    })
}

fn phone(table: &mut Table<'_, '_>, key: &'static str) -> Option<String> {
    let allowed = Allowed::text("an address of at most 20 characters");
    table.parse_text(key, allowed, |text| {
        delivery::is_address(text).then(|| text.to_owned())
    })
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| {
        let digits = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(digits, 16).ok()
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(toml: &str) -> InputErrors {
        Scenario::from_toml("s.toml", toml).expect_err("it is wrong")
    }

    const WHOLE: &str = r#"
        profile = "throttling(50)"
        [[rules]]
        id = "everything"
        match = { system_id = "e*", source = "100", destination = "/^49/", text = "S?OP" }
        times = 3
        per = "bind"
        state = "m"
        required_state = "started"
        new_state = "next"
        respond = { status = "ESME_RTHROTTLED", delay = { uniform = { min = "1ms", max = "2ms" } } }
        receipts = [
            { state = "ENROUTE", after = "1s", intermediate = true, unasked = true },
            { state = "UNDELIV", err = 17, id_format = "decimal", tlv = false, text_format = "short" },
            { state = "DELIVRD", before_response = true },
        ]
        fault = { type = "bad_sequence", attributes = { add = 3 } }
        mo = { text = "You said stop", after = "2s" }
        [[rules]]
        match = { data_coding = 8, every = 2, chance = 0.5, tlvs = { 0x1401 = "0x00ff" } }
        mo = { from = "+4917", to = "100", hex = "00FF", data_coding = 4 }
        [[faults]]
        type = "slicer"
        [[lists]]
        name = "friends"
        members = ["+49171", "100"]
        "#;

    #[test]
    fn a_scenario_with_everything_is_read_and_the_same_as_json() {
        let scenario = Scenario::from_toml("s.toml", WHOLE).unwrap();
        assert_eq!((scenario.rules.len(), scenario.faults.len()), (2, 2));
        let rule = &scenario.rules[0];
        assert_eq!(
            (rule.id.as_str(), rule.times, rule.scope),
            ("everything", Some(3), Scope::Bind)
        );
        let receipts = rule.receipts.as_ref().unwrap();
        assert_eq!((receipts.len(), receipts[1].error_code), (3, 17));
        assert_eq!(receipts[1].form.text, ReceiptText::Short);
        assert!(rule.fault.is_some() && rule.mo.is_some() && rule.state.is_some());

        let json = scenario.to_json();
        let again = Scenario::from_json(&json).unwrap();
        assert_eq!(again.to_json(), json);
    }

    #[test]
    fn all_errors_are_named_with_line_column_and_suggestion() {
        let toml = "\
            [[rules]]\n\
            macth = { destination = '49*' }\n\
            respond = { status = 'ESME_RTHROTLED', delay = 5 }\n\
            [[rules]]\n\
            match = { text = '/[/', nth = 0 }\n\
            receipts = [{ state = 'DELIVERED' }, {}]\n\
            mo = { text = 'a', hex = '00' }\n\
            [[fault]]\n";
        let found = errors(toml).to_string();
        let expected = [
            "s.toml:2:1: rules[0].macth: unknown key; there are ",
            "(did you mean \"match\"?)",
            "s.toml:3:22: rules[0].respond.status: 'ESME_RTHROTLED': wanted: a name such as",
            "(did you mean \"ESME_RTHROTTLED\"?)",
            "s.toml:3:48: rules[0].respond.delay: 5: wanted: a time such as",
            "s.toml:5:18: rules[1].match.text: '/[/': ",
            "s.toml:5:31: rules[1].match.nth: 0: wanted: a whole number from 1",
            "s.toml:6:23: rules[1].receipts[0].state: 'DELIVERED': wanted: one of ",
            "(did you mean \"DELIVRD\"?)",
            "s.toml:6:38: rules[1].receipts[1].state: missing",
            "s.toml:7:15: rules[1].mo.text: 'a': wanted: either text or hex",
            "s.toml:8:3: fault: unknown key; there are rules, faults, lists, profile (did you mean",
        ];
        for part in expected {
            assert!(found.contains(part), "{part}\nis not in\n{found}");
        }
        assert_eq!(found.lines().count(), 9, "{found}");
    }

    #[test]
    fn errors_come_in_the_order_of_lines_and_what_is_there_twice_has_its_own() {
        let toml = "\
            [[lists]]\n\
            name = 'l'\n\
            members = ['1']\n\
            [[rules]]\n\
            id = 'a'\n\
            colour = 'red'\n\
            times = 0\n\
            [[rules]]\n\
            id = 'a'\n\
            [[lists]]\n\
            name = 'l'\n\
            members = ['2']\n";
        let found = errors(toml).errors;
        let found: Vec<(u32, u32, &str)> = found
            .iter()
            .map(|error| (error.line, error.column, error.key.as_str()))
            .collect();
        let expected = [
            (6, 1, "rules[0].colour"),
            (7, 9, "rules[0].times"),
            (9, 6, "rules[1].id"),
            (11, 8, "lists[1].name"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_wrong_with_json_is_said_in_the_words_of_json() {
        let table = [
            (serde_json::json!([]), "wanted: an object"),
            (
                serde_json::json!({"rules": {}}),
                "rules: wanted: a list of at most 1000, each an object",
            ),
            (
                serde_json::json!({"rules": [5]}),
                "rules[0]: 5: wanted: an object",
            ),
        ];
        for (json, expected) in table {
            let found = Scenario::from_json(&json).expect_err("it is wrong");
            assert_eq!(found.to_string(), expected);
        }
    }

    #[test]
    fn a_scenario_that_is_cut_or_garbled_anywhere_is_refused_or_read() {
        for at in (0..WHOLE.len()).filter(|at| WHOLE.is_char_boundary(*at)) {
            let garbled = format!("{}{}", &WHOLE[..at], &WHOLE[(at + 3).min(WHOLE.len())..]);
            for toml in [&WHOLE[..at], &garbled] {
                if let Err(found) = Scenario::from_toml("s.toml", toml) {
                    assert!(!found.errors.is_empty(), "{toml}");
                    assert!(found.to_string().starts_with("s.toml:"), "{found}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_together_is_refused() {
        let table = [
            ("profile = 'flakey'", "profile"),
            ("[[rules]]\nid = 'a'\n[[rules]]\nid = 'a'", "rules[1].id"),
            ("[[rules]]\nid = 'a/b'", "rules[0].id"),
            (
                "[[rules]]\nmatch = { nth = 1, every = 2 }",
                "rules[0].match.every",
            ),
            (
                "[[rules]]\nmatch = { to = '49*', destination = '49*' }",
                "rules[0].match.destination",
            ),
            ("[[rules]]\nstate = 'm'", "rules[0].state"),
            ("[[rules]]\nnew_state = 'm'", "rules[0].state"),
            (
                "[[rules]]\nrespond = { delay = { uniform = { min = '2s', max = '1s' } } }",
                "rules[0].respond.delay.uniform.max",
            ),
            (
                "[[rules]]\nrespond = { delay = {} }",
                "rules[0].respond.delay",
            ),
            (
                "[[rules]]\nrespond = { delay = '366d' }",
                "rules[0].respond.delay",
            ),
            (
                "[[rules]]\nmo = { text = 'a', data_coding = 8 }",
                "rules[0].mo.data_coding",
            ),
            (
                "[[rules]]\nmo = { text = 'a', from = '+1234567890123456789012' }",
                "rules[0].mo.from",
            ),
            (
                "[[rules]]\nfault = { type = 'slicr' }",
                "rules[0].fault.type",
            ),
            (
                "[[rules]]\nfault = { type = 'bind_refuse' }",
                "rules[0].fault.type",
            ),
            (
                "[[rules]]\nfault = { type = 'tls_stall' }",
                "rules[0].fault.type",
            ),
            (
                "[[rules]]\nfault = { type = 'drop_response', stream = 'up' }",
                "rules[0].fault.stream",
            ),
            ("[[lists]]\nname = 'a'", "lists[0].members"),
            ("[[lists]]\nname = 'a'\nmembers = []", "lists[0].members"),
            (
                "[[lists]]\nname = 'a'\nmembers = ['+1234567890123456789012']",
                "lists[0].members",
            ),
            (
                "lists = [{name = 'a', members = ['1']}, {name = 'a', members = ['2']}]",
                "lists[1].name",
            ),
            (
                "[[rules]]\nmatch = { tlvs = { colour = 1 } }",
                "rules[0].match.tlvs.colour",
            ),
            (
                "[[rules]]\nmatch = { tlvs = { source_port = -1 } }",
                "rules[0].match.tlvs.source_port",
            ),
            ("[[rules]]\nmatch = { tlvs = 1 }", "rules[0].match.tlvs"),
            ("rules = 5", "rules"),
            ("rules = [5]", "rules[0]"),
        ];
        for (toml, key) in table {
            let found = errors(toml);
            let keys: Vec<&str> = found
                .errors
                .iter()
                .map(|error| error.key.as_str())
                .collect();
            assert_eq!(keys, [key], "{toml}: {found}");
        }
        let syntax = errors("[[rules]]\nid = \n").to_string();
        assert!(syntax.starts_with("s.toml:2:6: "), "{syntax}");
    }
}
