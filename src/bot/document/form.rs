//! The form of a definition, by its schema: that part of JSON Schema which ours is written in.
//!
//! Bounds are left to the bots, which say more about them. Of several forms the one is taken that the
//! document means by its tag (`kind`, `type`), else by its JSON type, so that a fault is told where it
//! is rather than as "none of these".

use regex::Regex;
use serde_json::{Map, Value};

use super::super::faults::Found;
use super::{at, kind_of, within};

/// Adds whatever a document has that its schema has not, or lacks.
pub(super) fn check(schema: &Value, document: &Value, found: &mut Found) {
    Form { root: schema, found }.value("", schema, document);
}

struct Form<'a> {
    root: &'a Value,
    found: &'a mut Found,
}

impl<'a> Form<'a> {
    fn value(&mut self, place: &str, schema: &'a Value, value: &Value) {
        let schema = self.resolved(schema);
        if let Some(forms) = forms(schema) {
            let forms: Vec<_> = forms.iter().map(|form| self.resolved(form)).collect();
            return self.one_of(place, &forms, value);
        }
        if !has_type(schema, value) {
            let wanted = types(schema).join(" or ");
            return self.add(place, format!("is of type {}, not {wanted}", kind_of(value)));
        }
        match value {
            Value::String(text) => self.text(place, schema, text),
            Value::Number(_) if !fits(schema, value) => {
                self.add(place, format!("is {value}, not a whole number that fits"));
            }
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.value(&at(place, number), &schema["items"], item);
                }
            }
            Value::Object(fields) => self.object(place, schema, fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn one_of(&mut self, place: &str, forms: &[&'a Value], value: &Value) {
        if let (Some(tag), Value::Object(fields)) = (tag(forms), value) {
            let given = fields.get(tag);
            let meant = |form: &&&Value| form["properties"][tag].get("const") == given;
            if let Some(form) = forms.iter().find(meant) {
                return self.object(place, form, fields);
            }
            let is = given.map_or("is missing".to_owned(), |given| format!("is {given}"));
            let known = listed(forms.iter().map(|form| &form["properties"][tag]["const"]));
            return self.add(&within(place, tag), format!("{is}; there are {known}"));
        }
        let alike: Vec<_> = forms.iter().filter(|form| has_type(form, value)).collect();
        match alike.as_slice() {
            [] => {
                let mut wanted: Vec<_> = forms.iter().flat_map(|form| types(form)).collect();
                wanted.dedup();
                let problem = format!("is of type {}, not {}", kind_of(value), wanted.join(" or "));
                self.add(place, problem);
            }
            [form] => self.value(place, form, value),
            several if several.iter().any(|form| allows(form, value)) => {}
            several => {
                let all: Vec<_> = several.iter().flat_map(|form| allowed(form)).collect();
                self.add(place, format!("is {value}, none of {}", listed(all.into_iter())));
            }
        }
    }

    fn object(&mut self, place: &str, schema: &'a Value, fields: &Map<String, Value>) {
        let known = schema["properties"].as_object();
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.add(&within(place, name), "is missing");
            }
        }
        for (name, value) in fields {
            let place = within(place, name);
            if let Some(field) = known.and_then(|known| known.get(name)) {
                self.value(&place, field, value);
                continue;
            }
            let by_pattern =
                schema["patternProperties"].as_object().and_then(|all| all.iter().next());
            match (&schema["additionalProperties"], by_pattern) {
                (_, Some((pattern, form))) if matches(pattern, name) => {
                    self.value(&place, form, value);
                }
                (_, Some((pattern, _))) => {
                    self.add(&place, format!("is not named as {pattern} says"));
                }
                (Value::Bool(false), None) => {
                    let all = known.into_iter().flat_map(Map::keys).map(String::as_str);
                    let all: Vec<_> = all.collect();
                    self.add(&place, format!("is unknown: there are {}", all.join(", ")));
                }
                (form, None) => self.value(&place, form, value),
            }
        }
    }

    fn text(&mut self, place: &str, schema: &Value, text: &str) {
        if !allows(schema, &Value::from(text)) {
            let all = listed(allowed(schema).into_iter());
            self.add(place, format!("is {text:?}, none of {all}"));
        }
        if let Some(pattern) = schema["pattern"].as_str().filter(|pattern| !matches(pattern, text))
        {
            self.add(place, format!("is {text:?}, not as {pattern} says"));
        }
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let target = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        target.and_then(|target| self.root.pointer(target)).unwrap_or(schema)
    }

    fn add(&mut self, place: &str, problem: impl Into<String>) {
        self.found.add(if place.is_empty() { "definition" } else { place }, problem);
    }
}

fn forms(schema: &Value) -> Option<&Vec<Value>> {
    schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())
}

/// The field that says which of several forms is meant: one that is constant in each.
fn tag<'a>(forms: &[&'a Value]) -> Option<&'a str> {
    let fields = forms.first()?["properties"].as_object()?;
    let is_tag = |name: &&String| {
        forms.iter().all(|form| form["properties"][name.as_str()].get("const").is_some())
    };
    fields.keys().find(is_tag).map(String::as_str)
}

fn listed<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let all: Vec<_> = values.map(|value| value.as_str().unwrap_or_default()).collect();
    all.join(", ")
}

/// The values a schema names; none where it takes any.
fn allowed(schema: &Value) -> Vec<&Value> {
    match schema["enum"].as_array() {
        Some(all) => all.iter().collect(),
        None => schema.get("const").into_iter().collect(),
    }
}

fn allows(schema: &Value, value: &Value) -> bool {
    let all = allowed(schema);
    all.is_empty() || all.contains(&value)
}

/// The JSON types a schema takes; none where it takes all.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let types = types(schema);
    let is = |wanted: &&str| match *wanted {
        "integer" => value.is_i64() || value.is_u64(),
        wanted => wanted == kind_of(value),
    };
    types.is_empty() || types.iter().any(is)
}

/// Whether a whole number is one of its format.
fn fits(schema: &Value, value: &Value) -> bool {
    match schema["format"].as_str() {
        Some("uint32") => value.as_u64().is_some_and(|number| u32::try_from(number).is_ok()),
        Some(format) if format.starts_with("uint") => value.is_u64(),
        _ => true,
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}
