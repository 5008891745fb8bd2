//! Whether JSON is as a schema of the description says: as much of JSON Schema as that uses.

use serde_json::{Map, Value};

/// In what `value` departs from the schema, each with its place; keys that an object has and the
/// schema does not name are departures too.
pub(crate) fn departures(description: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check {
        description,
        found: Vec::new(),
    };
    check.value(schema, value, "");
    check.found
}

struct Check<'a> {
    description: &'a Value,
    found: Vec<String>,
}

impl<'a> Check<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value, place: &str) {
        let parts = self.parts(schema);
        for part in &parts {
            self.kind(part, value, place);
            if let Some(choices) = part.get("oneOf").and_then(Value::as_array) {
                let fits = |choice| departures(self.description, choice, value).is_empty();
                if choices.iter().filter(|choice| fits(choice)).count() != 1 {
                    self.report(place, format!("{value} is not one of {choices:?}"));
                }
            }
        }
        if let Value::Object(fields) = value {
            self.object(&parts, fields, place);
        }
        for (at, item) in value.as_array().into_iter().flatten().enumerate() {
            for items in parts.iter().filter_map(|part| part.get("items")) {
                self.value(items, item, &format!("{place}[{at}]"));
            }
        }
    }

    /// The schema, and those that it refers to and that hold as well.
    fn parts(&self, schema: &'a Value) -> Vec<&'a Value> {
        let mut parts = vec![schema];
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            parts.extend(self.parts(self.description.pointer(pointer).unwrap()));
        }
        let all = schema.get("allOf").and_then(Value::as_array);
        parts.extend(all.into_iter().flatten().flat_map(|part| self.parts(part)));
        parts
    }

    fn kind(&mut self, schema: &Value, value: &Value, place: &str) {
        let kinds = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.clone(),
            kind => kind.cloned().into_iter().collect(),
        };
        let is = |kind: &Value| match kind.as_str().unwrap() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("{other} is no type"),
        };
        if !kinds.is_empty() && !kinds.iter().any(is) {
            self.report(place, format!("{value} is no {kinds:?}"));
        }
        let words = schema.get("enum").and_then(Value::as_array);
        if words.is_some_and(|words| !words.contains(value)) {
            self.report(place, format!("{value} is not one of {words:?}"));
        }
    }

    fn object(&mut self, parts: &[&'a Value], fields: &Map<String, Value>, place: &str) {
        let lists = parts.iter().filter_map(|part| part.get("required"));
        for name in lists.flat_map(|list| list.as_array().unwrap()) {
            if !fields.contains_key(name.as_str().unwrap()) {
                self.report(place, format!("{name} is missing"));
            }
        }
        let others = parts
            .iter()
            .find_map(|part| part.get("additionalProperties"));
        let is_closed = parts.iter().any(|part| part.get("properties").is_some());
        for (name, value) in fields {
            let place = format!("{place}.{name}");
            let described = parts.iter().filter_map(|part| part["properties"].get(name));
            let described: Vec<&Value> = described.collect();
            match others.filter(|_| described.is_empty()) {
                Some(others) if others.is_object() => self.value(others, value, &place),
                _ if described.is_empty() && is_closed => {
                    self.report(&place, "is not described".to_owned());
                }
                _ => described
                    .into_iter()
                    .for_each(|schema| self.value(schema, value, &place)),
            }
        }
    }

    fn report(&mut self, place: &str, problem: String) {
        self.found.push(format!("{place}: {problem}"));
    }
}
