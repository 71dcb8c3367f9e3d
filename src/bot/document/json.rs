//! JSON in which no name stands twice: of two, readers would silently take the last.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::super::faults::Found;
use super::{at, within};

/// Reads JSON and adds the places of names that stand twice.
///
/// # Errors
/// For a text that is not JSON.
pub(super) fn read(text: &str, found: &mut Found) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = JsonReader { place: String::new(), found }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct JsonReader<'f> {
    place: String,
    found: &'f mut Found,
}

impl<'de> DeserializeSeed<'de> for JsonReader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonReader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Self { place, found } = self;
        let mut all = Vec::new();
        while let Some(item) = items
            .next_element_seed(JsonReader { place: at(&place, all.len()), found: &mut *found })?
        {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let Self { place, found } = self;
        let mut all = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let place = within(&place, &name);
            if all.contains_key(&name) {
                found.add(&place, "stands there twice");
            }
            let value = fields.next_value_seed(JsonReader { place, found: &mut *found })?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}
