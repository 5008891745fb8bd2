//! Scenarios: ordered rules that say what happens to which message, and the faults that are active
//! from the start. Pure: read from text, then asked per message.

mod delay;
mod fluent;
mod list;
mod profile;
mod read;
mod rule;
mod state;

use std::fmt;
use std::sync::Arc;

use serde_json::{Value as Json, json};

pub(crate) use self::delay::Delay;
pub use self::fluent::{Rule, RuleReceipt};
pub(crate) use self::list::List;
pub(crate) use self::rule::{MoRule, Rule as ReadRule};
pub(crate) use self::state::{Counts, Progress, Subject};
use crate::fault::Fault;
use crate::input::{self, InputError, InputErrors, Node};

/// Rules of a scenario at most.
pub(crate) const RULES_MAX: usize = 1_000;

/// What an SMSC does with which message. Made from TOML, JSON or the name of a profile.
#[derive(Clone, Default)]
pub struct Scenario {
    pub(crate) rules: Vec<Arc<ReadRule>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) lists: Vec<List>,
    /// What is wrong with its faults if the SMSC has no TLS.
    errors_without_tls: Option<InputErrors>,
    /// The last number that a rule without an id was given.
    last_id: u64,
}

impl Scenario {
    /// Reads TOML. `source` is what errors name, such as the path of the file.
    ///
    /// # Errors
    /// Everything that is wrong, each with line, column, key and what was probably meant.
    pub fn from_toml(source: &str, text: &str) -> Result<Self, InputErrors> {
        Self::from_node(source, &input::from_toml(source, text)?)
    }

    /// Reads the same structure from JSON.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key and what was probably meant.
    pub fn from_json(json: &Json) -> Result<Self, InputErrors> {
        Self::from_node("", &input::from_json(json))
    }

    /// Of rules that were written in Rust, in their order.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key and what was probably meant.
    pub fn of_rules(rules: impl IntoIterator<Item = Rule>) -> Result<Self, InputErrors> {
        let rules: Vec<Json> = rules.into_iter().map(Rule::into_json).collect();
        Self::from_json(&json!({"rules": rules}))
    }

    /// A profile by its name: `healthy`, `flaky`, `throttling(TPS)`, `slow`,
    /// `dead(bind_refused)`, `dead(timeout_all)`, `reorder`, `memory-hog`, `failed_submits`,
    /// `smppsim`.
    ///
    /// # Errors
    /// There is no such profile, or its argument is none.
    pub fn profile(name: &str) -> Result<Self, String> {
        let text = profile::text(name)?;
        Ok(Self::from_toml(name, &text).expect("the profiles are tested"))
    }

    /// With the rules, faults and lists of another one behind its own. Rules of the other whose ids
    /// are there already get a number; lists whose names are there already do not count.
    #[must_use]
    pub fn followed_by(mut self, other: Self) -> Self {
        for rule in other.rules {
            let mut rule = Arc::unwrap_or_clone(rule);
            if self.has_rule(&rule.id) {
                rule.id.clear();
            }
            self.rules.push(Arc::new(rule));
        }
        self.number_rules_after(0);
        self.faults.extend(other.faults);
        self.errors_without_tls = self.errors_without_tls.or(other.errors_without_tls);
        let known = |lists: &[List], name: &str| lists.iter().any(|own| own.name == name);
        for list in other.lists {
            if !known(&self.lists, &list.name) {
                self.lists.push(list);
            }
        }
        self
    }

    /// The same as JSON, each rule as it was written and with its id.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let rules: Vec<Json> = self.rules.iter().map(|rule| rule.to_json()).collect();
        let faults: Vec<&Json> = self.faults.iter().map(|fault| &fault.written).collect();
        let lists: Vec<Json> = self.lists.iter().map(List::to_json).collect();
        json!({"rules": rules, "faults": faults, "lists": lists})
    }

    /// Whether an SMSC without TLS can have it.
    ///
    /// # Errors
    /// Its faults that strike only the handshake.
    pub(crate) fn check_without_tls(&self) -> Result<(), InputErrors> {
        self.errors_without_tls.clone().map_or(Ok(()), Err)
    }

    /// The same for an SMSC without TLS: faults of the handshake are left out.
    pub(crate) fn without_tls(mut self) -> Self {
        self.faults.retain(|fault| !fault.kind.is_of_tls());
        self.errors_without_tls = None;
        self
    }

    /// The members of a distribution list; `None`: there is no such list.
    pub(crate) fn list(&self, name: &[u8]) -> Option<&[String]> {
        let found = self.lists.iter().find(|list| list.name.as_bytes() == name);
        found.map(|list| &*list.members)
    }

    /// Puts a rule in front of the others.
    ///
    /// # Errors
    /// Everything that is wrong with it; that there is a rule of its id, or no room.
    pub(crate) fn prepend(&mut self, json: &Json) -> Result<Arc<ReadRule>, InputErrors> {
        let node = input::from_json(json);
        let mut errors = Vec::new();
        let rule = input::read_table("", &node, &mut errors, |table| {
            let rule = read::rule(table);
            if self.has_rule(&rule.id) {
                table.report("id", "there is a rule of this id");
            }
            if self.rules.len() >= RULES_MAX {
                table.report(
                    "",
                    format!("there are {RULES_MAX} rules, and no more are taken"),
                );
            }
            rule
        });
        let mut rule = finish("", rule, errors)?;
        if rule.id.is_empty() {
            rule.id = self.next_id();
        }
        let rule = Arc::new(rule);
        self.rules.insert(0, Arc::clone(&rule));
        Ok(rule)
    }

    /// Removes a rule; false when there is none of this id.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    /// Switches a rule on or off; `None` when there is none of this id.
    pub(crate) fn enable(&mut self, id: &str, is_enabled: bool) -> Option<Arc<ReadRule>> {
        let rule = self.rules.iter_mut().find(|rule| rule.id == id)?;
        Arc::make_mut(rule).is_enabled = is_enabled;
        Some(Arc::clone(rule))
    }

    /// The last number that a rule without an id was given.
    pub(crate) const fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Lets the numbers of rules to come go on behind this one.
    pub(crate) fn go_on_after(&mut self, last_id: u64) {
        self.last_id = self.last_id.max(last_id);
    }

    /// Gives each rule that has no id of its own a number behind `last_id`.
    pub(crate) fn number_rules_after(&mut self, last_id: u64) {
        self.last_id = last_id;
        // What they were given before is free again.
        for rule in self.rules.iter_mut().filter(|rule| !rule.is_named()) {
            Arc::make_mut(rule).id.clear();
        }
        for at in 0..self.rules.len() {
            if self.rules[at].id.is_empty() {
                let id = self.next_id();
                Arc::make_mut(&mut self.rules[at]).id = id;
            }
        }
    }

    /// The next number that no rule has.
    fn next_id(&mut self) -> String {
        loop {
            self.last_id += 1;
            let id = format!("rule-{}", self.last_id);
            if !self.has_rule(&id) {
                return id;
            }
        }
    }

    fn has_rule(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }

    fn from_node(source: &str, node: &Node) -> Result<Self, InputErrors> {
        let mut errors = Vec::new();
        let scenario = input::read_table("", node, &mut errors, read::scenario);
        let mut scenario = finish(source, scenario, errors)?;
        if let Some(errors) = &mut scenario.errors_without_tls {
            source.clone_into(&mut errors.source);
        }
        Ok(scenario)
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scenario({})", self.to_json())
    }
}

/// The value, unless something was wrong.
fn finish<T>(source: &str, value: Option<T>, errors: Vec<InputError>) -> Result<T, InputErrors> {
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(InputErrors::new(source, errors)),
    }
}
