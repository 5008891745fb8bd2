//! Which rule applies to a message: the first whose conditions hold. Pure; what is counted and the
//! states of the machines are handed in.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use signalbox_codec::Tlvs;

use super::Scenario;
use super::rule::{Match, Rule, Scope};
use crate::message;
use crate::random::Draws;

/// State in which every machine begins.
pub(crate) const STATE_FIRST: &str = "started";

/// A message as far as rules look at it.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    system_id: &'a str,
    source: &'a [u8],
    destination: &'a [u8],
    esm_class: u8,
    data_coding: u8,
    sequence_number: u32,
    user_data: &'a [u8],
    tlvs: Tlvs<'a>,
    text: OnceCell<Option<String>>,
}

impl<'a> Subject<'a> {
    /// `addresses`: source and destination; `coding`: esm_class and data_coding; `content`: user
    /// data and optional parameters.
    pub(crate) const fn new(
        system_id: &'a str,
        addresses: (&'a [u8], &'a [u8]),
        coding: (u8, u8),
        sequence_number: u32,
        content: (&'a [u8], Tlvs<'a>),
    ) -> Self {
        Self {
            system_id,
            source: addresses.0,
            destination: addresses.1,
            esm_class: coding.0,
            data_coding: coding.1,
            sequence_number,
            user_data: content.0,
            tlvs: content.1,
            text: OnceCell::new(),
        }
    }

    /// The decoded text; decoded once, and only if a rule asks.
    fn text(&self) -> Option<&str> {
        let text = self
            .text
            .get_or_init(|| message::text(self.esm_class, self.data_coding, self.user_data));
        text.as_deref()
    }
}

/// What the rules have counted, by their ids. Ordered, because to compare a few short ids costs
/// less than to hash one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(BTreeMap<String, Count>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Messages for which the conditions on the message held.
    seen: u64,
    /// Messages to which the rule was applied.
    applied: u64,
}

impl Counts {
    fn of(&mut self, id: &str) -> &mut Count {
        if !self.0.contains_key(id) {
            self.0.insert(id.to_owned(), Count::default());
        }
        self.0.get_mut(id).expect("it is there by now")
    }

    /// How often a rule was applied.
    pub(crate) fn applied(&self, id: &str) -> u64 {
        self.0.get(id).map_or(0, |count| count.applied)
    }

    /// Forgets the rules that are not kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|id, _| keep(id));
    }
}

/// What all binds of an SMSC share: counts, and the states of the machines. At most one machine
/// per rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) counts: Counts,
    states: HashMap<String, String>,
}

impl Progress {
    /// The state of a machine.
    pub(crate) fn state(&self, machine: &str) -> &str {
        self.states.get(machine).map_or(STATE_FIRST, String::as_str)
    }

    /// Machines that have left their first state, with their states.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&str, &str)> {
        self.states
            .iter()
            .map(|(machine, state)| (machine.as_str(), state.as_str()))
    }
}

impl Match {
    /// Whether everything holds that depends on the message alone.
    fn holds(&self, subject: &Subject<'_>) -> bool {
        let address = |pattern: &Option<crate::pattern::Pattern>, address: &[u8]| {
            pattern.as_ref().is_none_or(|p| p.matches_address(address))
        };
        address(&self.destination, subject.destination)
            && address(&self.source, subject.source)
            && self
                .data_coding
                .is_none_or(|wanted| wanted == subject.data_coding)
            && self
                .sequence_number_is_even
                .is_none_or(|even| even == subject.sequence_number.is_multiple_of(2))
            && self
                .system_id
                .as_ref()
                .is_none_or(|p| p.matches(subject.system_id))
            && self.tlvs.iter().all(|wanted| wanted.matches(&subject.tlvs))
            && self
                .text
                .as_ref()
                .is_none_or(|p| subject.text().is_some_and(|text| p.matches(text)))
    }
}

impl Scenario {
    /// The place of the first rule whose conditions on the message hold; from there on
    /// [`Scenario::choose`] goes on. Apart, because most messages concern no rule and need no
    /// state.
    pub(crate) fn first_candidate(&self, subject: &Subject<'_>) -> Option<usize> {
        self.rules.iter().position(|rule| rule.concerns(subject))
    }

    /// The rule that applies to a message, searched from `first` on, and the progress that this
    /// makes. `of_bind` is what this bind alone has counted.
    pub(crate) fn choose(
        &self,
        first: usize,
        subject: &Subject<'_>,
        progress: &mut Progress,
        of_bind: &mut Counts,
        draws: &mut Draws,
    ) -> Option<&Rule> {
        let mut rules = self.rules.iter().enumerate().skip(first);
        let found = rules.find(|(at, rule)| {
            (*at == first || rule.concerns(subject)) && rule.applies(progress, of_bind, draws)
        });
        found.map(|(_, rule)| &**rule)
    }
}

impl Rule {
    /// Whether it is enabled and everything holds that depends on the message alone.
    fn concerns(&self, subject: &Subject<'_>) -> bool {
        self.is_enabled && self.matching.holds(subject)
    }

    /// Whether the conditions on state, counts and chance hold; counts and changes the state.
    fn applies(&self, progress: &mut Progress, of_bind: &mut Counts, draws: &mut Draws) -> bool {
        let required = self.state.as_ref().and_then(|state| {
            let required = state.required.as_deref()?;
            Some(required == progress.state(&state.machine))
        });
        if required == Some(false) {
            return false;
        }
        let count = match self.scope {
            Scope::Smsc => progress.counts.of(&self.id),
            Scope::Bind => of_bind.of(&self.id),
        };
        if self.times.is_some_and(|times| count.applied >= times) {
            return false;
        }
        count.seen += 1;
        let matching = &self.matching;
        let wanted = matching.nth.is_none_or(|nth| count.seen == nth)
            && matching.every.is_none_or(|every| count.seen % every == 0)
            && matching.chance.is_none_or(|share| draws.chance(share));
        if !wanted {
            return false;
        }
        count.applied += 1;
        if self.scope == Scope::Bind {
            progress.counts.of(&self.id).applied += 1;
        }
        if let Some(state) = &self.state
            && let Some(new) = &state.new
        {
            progress.states.insert(state.machine.clone(), new.clone());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use signalbox_codec::{Tag, TlvBuf};

    use super::*;

    /// The ids of the rules that apply to messages of two binds: `a:text` or `b:text`.
    fn run(toml: &str, messages: &[&str]) -> Vec<String> {
        let scenario = Scenario::from_toml("test", toml).unwrap_or_else(|e| panic!("{e}"));
        let (mut progress, mut binds) = (Progress::default(), HashMap::new());
        let mut tlvs = TlvBuf::new();
        tlvs.push_u16(Tag::USER_MESSAGE_REFERENCE, 17);
        let applied = messages.iter().enumerate().map(|(number, message)| {
            let (bind, text) = message.split_once(':').unwrap();
            let of_bind: &mut Counts = binds.entry(bind).or_default();
            let user_data = text.as_bytes();
            let subject = Subject::new(
                bind,
                (b"100", b"49171"),
                (0, 0),
                1,
                (user_data, tlvs.as_tlvs()),
            );
            let mut draws = Draws::new(number as u64);
            let first = scenario.first_candidate(&subject);
            let rule = first.and_then(|first| {
                scenario.choose(first, &subject, &mut progress, of_bind, &mut draws)
            });
            rule.map_or_else(|| "-".to_owned(), |rule| rule.id.clone())
        });
        applied.collect()
    }

    #[test]
    fn the_first_rule_whose_conditions_hold_applies() {
        let messages = ["a:STOP", "b:STOP", "a:hello", "b:hello", "a:STOP", "b:STOP"];
        let table = [
            ("", "- - - - - -"),
            ("[[rules]]\nid = 'x'", "x x x x x x"),
            (
                "[[rules]]\nid = 'x'\nmatch = { text = 'STOP' }",
                "x x - - x x",
            ),
            (
                "[[rules]]\nid = 'x'\nmatch = { system_id = 'b' }",
                "- x - x - x",
            ),
            (
                "[[rules]]\nid = 'x'\nmatch = { source = '+100' }",
                "x x x x x x",
            ),
            (
                "[[rules]]\nid = 'x'\nmatch = { destination = '48*' }",
                "- - - - - -",
            ),
            (
                "[[rules]]\nid = 'x'\nmatch = { data_coding = 8 }",
                "- - - - - -",
            ),
            (
                "[[rules]]\nid = 'x'\nmatch = { tlvs = { user_message_reference = 17 } }",
                "x x x x x x",
            ),
            (
                "[[rules]]\nid = 'x'\nmatch = { tlvs = { 0x0204 = 17, source_port = true } }",
                "- - - - - -",
            ),
            ("[[rules]]\nid = 'x'\ntimes = 2", "x x - - - -"),
            (
                "[[rules]]\nid = 'x'\ntimes = 2\nper = 'bind'",
                "x x x x - -",
            ),
            ("[[rules]]\nid = 'x'\nenabled = false", "- - - - - -"),
            (
                "[[rules]]\nid = 'x'\nenabled = false\n[[rules]]\nid = 'y'",
                "y y y y y y",
            ),
            ("[[rules]]\nid = 'x'\nmatch = { nth = 3 }", "- - x - - -"),
            ("[[rules]]\nid = 'x'\nmatch = { every = 2 }", "- x - x - x"),
            (
                "[[rules]]\nid = 'x'\nmatch = { every = 2 }\nper = 'bind'",
                "- - x x - -",
            ),
            ("[[rules]]\nid = 'x'\nmatch = { chance = 0 }", "- - - - - -"),
            (
                "[[rules]]\nid = 'x'\ntimes = 1\n[[rules]]\nid = 'y'\nmatch = { text = 'S*' }",
                "x y - - y y",
            ),
        ];
        for (toml, expected) in table {
            assert_eq!(run(toml, &messages).join(" "), expected, "{toml}");
        }
    }

    #[test]
    fn a_machine_goes_from_state_to_state() {
        let toml = "
            [[rules]]
            id = 'on'
            match = { text = 'START' }
            state = 'subscription'
            required_state = 'started'
            new_state = 'on'
            [[rules]]
            id = 'off'
            match = { text = 'STOP' }
            state = 'subscription'
            required_state = 'on'
            new_state = 'started'";
        let messages = [
            "a:STOP", "a:START", "b:START", "b:STOP", "a:STOP", "a:START",
        ];
        assert_eq!(run(toml, &messages).join(" "), "- on - off - on");
    }

    #[test]
    fn a_chance_is_the_same_for_the_same_draws_and_near_its_share() {
        let toml = "[[rules]]\nid = 'x'\nmatch = { chance = 0.3 }";
        let messages = vec!["a:hello"; 10_000];
        let applied = run(toml, &messages);
        assert_eq!(applied, run(toml, &messages));
        let count = applied.iter().filter(|id| *id == "x").count();
        assert!((2_800..3_200).contains(&count), "{count}");
    }
}
