//! Fields of request bodies that are judged by us and not while parsing.
//!
//! poem-openapi gives up at the first fault and does not name a missing field. A [`Field`] takes
//! whatever stands there, so that a handler can name every faulty field at once, in its surface's
//! words; in the documents it looks like the type it holds.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{
    ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type,
};
use serde_json::Value;

use crate::domain::error::Fault;

/// What stood in a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field<T> {
    /// Nothing, or null.
    Absent,
    /// Something of another JSON type.
    Wrong,
    Given(T),
}

impl<T> Field<T> {
    /// The value, if any; notes a fault when it is of another type.
    pub(super) fn optional(
        self,
        name: &'static str,
        expected: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Wrong => {
                faults.push(Fault { field: name, problem: format!("must be {expected}") });
                None
            }
            Self::Given(value) => Some(value),
        }
    }

    /// The value; notes a fault when there is none.
    pub(super) fn required(
        self,
        name: &'static str,
        expected: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        if matches!(self, Self::Absent) {
            faults.push(Fault { field: name, problem: "is required".to_owned() });
        }
        self.optional(name, expected, faults)
    }
}

impl<T: Type> Type for Field<T> {
    const IS_REQUIRED: bool = T::IS_REQUIRED;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        // What may be left out may be null.
        T::schema_ref().merge(MetaSchema { nullable: !T::IS_REQUIRED, ..MetaSchema::ANY })
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Field<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(match value {
            None | Some(Value::Null) => Self::Absent,
            given => T::parse_from_json(given).map_or(Self::Wrong, Self::Given),
        })
    }
}

impl<T: ToJSON> ToJSON for Field<T> {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Given(value) => value.to_json(),
            Self::Absent | Self::Wrong => None,
        }
    }
}

/// A text, a number, a boolean or null, as the documents say; what came is judged later.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar(pub(super) Value);

impl Type for Scalar {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "scalar".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let one = |name, nullable| {
            MetaSchemaRef::Inline(Box::new(MetaSchema { nullable, ..MetaSchema::new(name) }))
        };
        // `nullable` stands beside a type, else it means nothing.
        let any_of = vec![one("string", true), one("number", false), one("boolean", false)];
        MetaSchemaRef::Inline(Box::new(MetaSchema { any_of, ..MetaSchema::ANY }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Scalar {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Self(value.unwrap_or_default()))
    }
}

impl ToJSON for Scalar {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}

/// Parses a text into a type that checks itself, noting what it finds wrong.
pub(super) fn parsed<T>(
    text: Option<String>,
    name: &'static str,
    faults: &mut Vec<Fault>,
) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.and_then(|text| match text.parse::<T>() {
        Ok(value) => Some(value),
        Err(problem) => {
            faults.push(Fault { field: name, problem: problem.to_string() });
            None
        }
    })
}

macro_rules! documented {
    ($(#[$doc:meta])* $name:ident, $json:literal, $fill:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub(super) struct $name<const MIN: u64, const MAX: u64>(pub(super) String);

        impl<const MIN: u64, const MAX: u64> ToJSON for $name<MIN, MAX> {
            fn to_json(&self) -> Option<Value> {
                Some(Value::String(self.0.clone()))
            }
        }

        impl<const MIN: u64, const MAX: u64> Type for $name<MIN, MAX> {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                format!("{}_{MIN}_{MAX}", $json).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                let fill: fn(u64, u64, &mut MetaSchema) = $fill;
                let mut schema = MetaSchema::new($json);
                fill(MIN, MAX, &mut schema);
                MetaSchemaRef::Inline(Box::new(schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

macro_rules! documented_text {
    ($(#[$doc:meta])* $name:ident, $format:literal, $pattern:literal) => {
        documented!(
            $(#[$doc])*
            $name,
            "string",
            |min, max, schema| {
                schema.min_length = usize::try_from(min).ok();
                schema.max_length = usize::try_from(max).ok();
                // Not `format.is_empty()`: poem's `Type` has one too, which says that no text is.
                schema.format = Some($format).filter(|format| !str::is_empty(format));
                schema.pattern = Some($pattern.to_owned()).filter(|pattern| !pattern.is_empty());
            }
        );

        impl<const MIN: u64, const MAX: u64> From<$name<MIN, MAX>> for String {
            fn from(text: $name<MIN, MAX>) -> Self {
                text.0
            }
        }

        impl<const MIN: u64, const MAX: u64> ParseFromJSON for $name<MIN, MAX> {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                match value {
                    Some(Value::String(text)) => Ok(Self(text)),
                    other => Err(ParseError::expected_type(other.unwrap_or_default())),
                }
            }
        }
    };
}

documented_text!(
    /// A text of `MIN` to `MAX` characters as the documents say; what came is judged later.
    Text,
    "",
    ""
);
documented_text!(
    /// The same, with more in it than space.
    Words,
    "",
    r"\S"
);
documented_text!(
    /// The same, of a person's name.
    Name,
    "",
    r"^[^\x00-\x1f\x7f-\x9f]*$"
);
documented_text!(
    /// The same, of an email address.
    Address,
    "email",
    ""
);
documented_text!(
    /// The same, of a phone number, or of none.
    PhoneNumber,
    "",
    r"^ *(\+?[ .\-/()]*([0-9][ .\-/()]*){5,15})?$"
);
documented_text!(
    /// The same, of a message's id.
    Hex,
    "",
    "^[0-9a-f]*$"
);

documented_text!(
    /// The same, of a moment.
    Moment,
    "date-time",
    ""
);

impl<const MIN: u64, const MAX: u64> ParseFromParameter for Moment<MIN, MAX> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Ok(Self(value.to_owned()))
    }
}

documented!(
    /// A whole number of `MIN` to `MAX` as the documents say, as it was written; read it with
    /// [`Number::read`].
    Number,
    "integer",
    |min, max, schema| {
        schema.minimum = Some(min as f64);
        if max < u64::MAX {
            schema.maximum = Some(max as f64);
        }
    }
);

impl<const MIN: u64, const MAX: u64> ParseFromJSON for Number<MIN, MAX> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::Number(number)) => Ok(Self(number.to_string())),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl<const MIN: u64, const MAX: u64> ParseFromParameter for Number<MIN, MAX> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Ok(Self(value.to_owned()))
    }
}

impl<const MIN: u64, const MAX: u64> Number<MIN, MAX> {
    /// The number; `default` when there is none, or when it is out of bounds, which is noted.
    pub(super) fn read(
        given: Option<Self>,
        name: &'static str,
        default: u64,
        faults: &mut Vec<Fault>,
    ) -> u64 {
        let Some(Self(text)) = given else { return default };
        match text.parse() {
            Ok(number) if (MIN..=MAX).contains(&number) => number,
            _ => {
                let problem = if MAX == u64::MAX {
                    format!("must be a whole number of at least {MIN}")
                } else {
                    format!("must be a whole number from {MIN} to {MAX}")
                };
                faults.push(Fault { field: name, problem });
                default
            }
        }
    }
}
