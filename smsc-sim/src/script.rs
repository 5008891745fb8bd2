//! What an SMSC was told to do: its scenario and the faults that are active. Pure state; sessions
//! work with a view of it that is replaced as a whole.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::fault::{self, FAULTS_MAX, Fault};
use crate::input::{InputError, InputErrors};
use crate::scenario::{ReadRule, Scenario};

/// What sessions work with.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) scenario: Scenario,
    pub(crate) faults: Vec<Fault>,
    /// Which scenario it is: what was counted for another one is void.
    pub(crate) generation: u64,
}

impl View {
    /// Whether it has nothing to say about any message.
    pub(crate) const fn is_plain(&self) -> bool {
        self.scenario.rules.is_empty() && self.faults.is_empty()
    }
}

/// The scenario and the active faults.
#[derive(Debug, Default)]
pub(crate) struct Script {
    scenario: Scenario,
    faults: Vec<ActiveFault>,
    next_fault: u64,
    generation: u64,
}

/// A fault that is switched on.
#[derive(Clone, Debug)]
pub(crate) struct ActiveFault {
    /// Its name in the control API.
    pub(crate) id: String,
    pub(crate) fault: Fault,
    of_scenario: bool,
}

impl ActiveFault {
    /// The fault as it was written, with its name.
    pub(crate) fn to_json(&self) -> Json {
        let mut json = self.fault.written.clone();
        json["id"] = Json::from(self.id.as_str());
        json
    }
}

impl Script {
    /// With a scenario and its faults.
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut script = Self::default();
        script.replace(scenario);
        script
    }

    /// A view of how it stands.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::new(View {
            scenario: self.scenario.clone(),
            faults: self
                .faults
                .iter()
                .map(|active| active.fault.clone())
                .collect(),
            generation: self.generation,
        })
    }

    /// The scenario.
    pub(crate) const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Puts another scenario in the place of this one. Its faults take the place of those that came
    /// with the old one and of those whose ids they have; others stay. Its rules without an id get
    /// numbers that no rule had.
    pub(crate) fn replace(&mut self, mut scenario: Scenario) {
        scenario.number_rules_after(self.scenario.last_id());
        self.put(scenario);
    }

    /// Puts the scenario of [`Script::new`] back, whose rules have the ids of then.
    pub(crate) fn restore(&mut self, mut scenario: Scenario) {
        scenario.number_rules_after(0);
        scenario.go_on_after(self.scenario.last_id());
        self.put(scenario);
    }

    fn put(&mut self, scenario: Scenario) {
        self.generation += 1;
        let is_there = |id: &str| {
            let mut ids = scenario
                .faults
                .iter()
                .filter_map(|fault| fault.id.as_deref());
            ids.any(|other| other == id)
        };
        self.faults
            .retain(|active| !active.of_scenario && !is_there(&active.id));
        for fault in scenario.faults.clone() {
            self.push_fault(fault, true);
        }
        self.scenario = scenario;
    }

    /// Puts a rule in front of the others.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn prepend(&mut self, json: &Json) -> Result<Arc<ReadRule>, InputErrors> {
        self.scenario.prepend(json)
    }

    /// Removes a rule; false when there is none of this id.
    pub(crate) fn remove_rule(&mut self, id: &str) -> bool {
        self.scenario.remove(id)
    }

    /// Switches a rule on or off; `None` when there is none of this id.
    pub(crate) fn enable_rule(&mut self, id: &str, is_enabled: bool) -> Option<Arc<ReadRule>> {
        self.scenario.enable(id, is_enabled)
    }

    /// The active faults, oldest first.
    pub(crate) fn faults(&self) -> &[ActiveFault] {
        &self.faults
    }

    /// Switches a fault on.
    ///
    /// # Errors
    /// Everything that is wrong with it, or that there are too many.
    pub(crate) fn add_fault(&mut self, json: &Json) -> Result<ActiveFault, InputErrors> {
        let fault = fault::from_json(json)?;
        if self.faults.len() >= FAULTS_MAX {
            let error = InputError {
                problem: format!("{FAULTS_MAX} faults are active, and no more are taken"),
                ..InputError::default()
            };
            return Err(InputErrors {
                source: String::new(),
                errors: vec![error],
            });
        }
        Ok(self.push_fault(fault, false))
    }

    /// Switches a fault off; false when there is none of this id.
    pub(crate) fn remove_fault(&mut self, id: &str) -> bool {
        let before = self.faults.len();
        self.faults.retain(|active| active.id != id);
        self.faults.len() < before
    }

    /// Switches all faults off, those of the scenario too.
    pub(crate) fn clear_faults(&mut self) {
        self.faults.clear();
    }

    fn push_fault(&mut self, fault: Fault, of_scenario: bool) -> ActiveFault {
        self.next_fault += 1;
        let active = ActiveFault {
            id: format!("fault-{}", self.next_fault),
            fault,
            of_scenario,
        };
        self.faults.push(active.clone());
        active
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ids(script: &Script) -> Vec<&str> {
        script
            .faults()
            .iter()
            .map(|active| active.id.as_str())
            .collect()
    }

    #[test]
    fn faults_of_a_scenario_go_with_it_and_others_stay() {
        let with_fault = Scenario::profile("dead").unwrap();
        let mut script = Script::new(with_fault);
        script.add_fault(&json!({"type": "slicer"})).unwrap();
        assert_eq!(ids(&script), ["fault-1", "fault-2"]);
        script.replace(Scenario::default());
        assert_eq!(ids(&script), ["fault-2"]);
        assert!(script.remove_fault("fault-2") && !script.remove_fault("fault-2"));
        script.replace(Scenario::profile("slow").unwrap());
        script.clear_faults();
        assert_eq!((ids(&script).len(), script.view().faults.len()), (0, 0));
    }

    #[test]
    fn faults_are_bounded() {
        let mut script = Script::default();
        for _ in 0..FAULTS_MAX {
            script.add_fault(&json!({"type": "garbage"})).unwrap();
        }
        assert!(script.add_fault(&json!({"type": "garbage"})).is_err());
    }

    fn rules(script: &Script) -> Vec<&str> {
        let rules = script.scenario().rules.iter();
        rules.map(|rule| rule.id.as_str()).collect()
    }

    #[test]
    fn rules_are_put_in_front_and_taken_away_by_their_ids() {
        let mut script = Script::default();
        for id in ["a", "b"] {
            script.prepend(&json!({"id": id})).unwrap();
        }
        let unnamed = script.prepend(&json!({})).unwrap();
        assert_eq!(rules(&script), [unnamed.id.as_str(), "b", "a"]);
        assert!(
            script.prepend(&json!({"id": "a"})).is_err(),
            "it is there already"
        );
        assert!(script.remove_rule("b") && !script.remove_rule("b"));
        assert_eq!(rules(&script), [unnamed.id.as_str(), "a"]);
    }

    #[test]
    fn a_number_names_one_rule_for_good() {
        let scenario = |rules| Scenario::from_json(&json!({"rules": rules})).unwrap();
        let first = scenario(json!([{}, {"id": "named"}, {"id": "rule-1"}, {}]));
        let mut script = Script::new(first.clone());
        assert_eq!(rules(&script), ["rule-2", "named", "rule-1", "rule-3"]);
        script.replace(scenario(json!([{"id": "named"}, {}])));
        assert_eq!(rules(&script), ["named", "rule-4"]);
        script.replace(Scenario::default());
        script.prepend(&json!({})).unwrap();
        assert_eq!(rules(&script), ["rule-5"]);
        script.restore(first);
        script.prepend(&json!({})).unwrap();
        let restored = ["rule-6", "rule-2", "named", "rule-1", "rule-3"];
        assert_eq!(rules(&script), restored);
    }

    #[test]
    fn a_rule_finds_a_number_beside_those_of_a_profile() {
        let own = Scenario::from_json(&json!({"rules": [{"id": "slow"}], "profile": "slow"}));
        let mut script = Script::new(own.unwrap());
        script.prepend(&json!({})).unwrap();
        assert_eq!(rules(&script), ["rule-2", "slow", "rule-1"]);
    }
}
