//! Settings that are more than a number or a text: lists, pairs, switches and addresses.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Where to listen, `HOST:PORT`. A host is an address or a name, which is looked up when listening
/// begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

impl Address {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Address {
    fn default() -> Self {
        Self("127.0.0.1:8080".to_owned())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = || {
            let (host, port) = text.rsplit_once(':')?;
            let host_is_name = !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
            (host_is_name && port.parse::<u16>().is_ok()).then_some(())
        };
        if text.parse::<SocketAddr>().is_err() && named().is_none() {
            return Err(format!(
                "{text:?} is not HOST:PORT, such as 127.0.0.1:8080, localhost:8080 or, for every \
                 address of this machine, 0.0.0.0:8080"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A list, or text with commas: variables have no lists.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a list of texts, or one text with commas")]
    enum Either {
        Text(String),
        List(Vec<String>),
    }
    let list: Vec<String> = match Either::deserialize(deserializer)? {
        Either::Text(text) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        }
        Either::List(list) => list,
    };
    let parsed = |text: &String| {
        text.parse().map_err(|error| serde::de::Error::custom(format_args!("{text:?}: {error}")))
    };
    list.iter().map(parsed).collect()
}

/// A table, or `name=value` in a list.
pub(super) fn pairs<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a table of texts, or NAME=VALUE in a list")]
    enum Either {
        Table(BTreeMap<String, String>),
        List(#[serde(deserialize_with = "list")] Vec<String>),
    }
    let pair = |text: String| match text.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err(serde::de::Error::custom(format_args!("{text:?} is not NAME=VALUE"))),
    };
    match Either::deserialize(deserializer)? {
        Either::Table(table) => Ok(table),
        Either::List(list) => list.into_iter().map(pair).collect(),
    }
}

/// The old spelling of a switch: true, false or unsaid.
pub(super) fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    figment::util::bool_from_str_or_int(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_or_a_number_with_a_port() {
        for good in ["127.0.0.1:8080", "localhost:8080", "[::1]:0", "0.0.0.0:1", "a-b.example:80"] {
            assert_eq!(good.parse::<Address>().expect(good).as_str(), good);
        }
        for bad in ["8080", ":8080", "localhost", "localhost:", "localhost:99999", "a b:1", "::1"] {
            let error = bad.parse::<Address>().expect_err(bad);
            assert!(error.contains("HOST:PORT"), "{bad}: {error}");
        }
    }
}
