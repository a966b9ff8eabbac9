//! The forms of values in payloads and in the state: for `#[serde(with = "…")]`.

use std::fmt;
use std::marker::PhantomData;

use fluo_rules::rule::Severity;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Pairs as an object, in their own order.
pub struct Object<'a, V>(pub &'a [(String, V)]);

impl<V: Serialize> Serialize for Object<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Pairs as an object, in their own order.
pub mod pairs {
    use super::{
        Deserialize, Deserializer, MapAccess, Object, PhantomData, Serialize, Serializer, Visitor, fmt,
    };

    /// Writes them.
    pub fn serialize<S: Serializer, V: Serialize>(
        pairs: &[(String, V)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Object(pairs).serialize(serializer)
    }

    /// Reads them.
    pub fn deserialize<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, V)>, D::Error> {
        struct Ordered<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Ordered<V> {
            type Value = Vec<(String, V)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Ordered(PhantomData))
    }
}

/// Nanoseconds since the epoch as RFC 3339.
pub mod moment {
    use serde::de::Error as _;

    use super::{Deserialize, Deserializer, Serializer};
    use fluo_time::moment;

    /// Writes it.
    pub fn serialize<S: Serializer>(ns: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&moment::format(*ns))
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        // No relative time has a `now` of 0.
        moment::parse(&String::deserialize(deserializer)?, 0).map_err(D::Error::custom)
    }
}

/// Nanoseconds since the epoch as RFC 3339, or null.
pub mod optional_moment {
    use serde::de::Error as _;

    use super::{Deserialize, Deserializer, Serializer};
    use fluo_time::moment;

    /// Writes it.
    pub fn serialize<S: Serializer>(ns: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match ns {
            Some(ns) => serializer.serialize_some(&moment::format(*ns)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| moment::parse(&text, 0)).transpose().map_err(D::Error::custom)
    }
}

/// A duration as rules write it.
pub mod duration {
    use fluo_time::Nanos;
    use serde::de::Error as _;

    use super::{Deserialize, Deserializer, Serializer};

    /// Writes it.
    pub fn serialize<S: Serializer>(duration: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(duration)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
        Nanos::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A severity by its name.
pub mod severity {
    use serde::de::Error as _;

    use super::{Deserialize, Deserializer, Serializer, Severity};

    /// Writes it.
    pub fn serialize<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(severity.as_str())
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
        let text = String::deserialize(deserializer)?;
        Severity::ALL
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not a severity")))
    }
}

/// A severity by its name, or nothing.
pub mod optional_severity {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Severity};
    use crate::wire::Named;

    /// Writes it.
    pub fn serialize<S: Serializer>(severity: &Option<Severity>, serializer: S) -> Result<S::Ok, S::Error> {
        severity.map(Named).serialize(serializer)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Severity>, D::Error> {
        Ok(Option::<Named>::deserialize(deserializer)?.map(|Named(severity)| severity))
    }
}

/// Severities by their names.
pub mod severities {
    use super::{Deserialize, Deserializer, Serializer, Severity};
    use crate::wire::Named;

    /// Writes them.
    pub fn serialize<S: Serializer>(severities: &[Severity], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(severities.iter().copied().map(Named))
    }

    /// Reads them.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Severity>, D::Error> {
        let named = Vec::<Named>::deserialize(deserializer)?;
        Ok(named.into_iter().map(|Named(severity)| severity).collect())
    }
}

/// A severity by its name, as a part of other values.
#[derive(Serialize, Deserialize)]
struct Named(#[serde(with = "severity")] Severity);

/// Names and values that keep their types, which payloads do not: for the state.
pub mod typed_values {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    use crate::value::Value;

    /// Whole numbers as texts: they may be larger than JSON's readers hold.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Typed {
        None,
        Int(String),
        Float(f64),
        Duration(String),
        Moment(i64),
    }

    /// Writes them.
    pub fn serialize<S: Serializer>(values: &[(String, Value)], serializer: S) -> Result<S::Ok, S::Error> {
        let typed = values.iter().map(|(name, value)| {
            let typed = match value {
                Value::Int(int) => Typed::Int(int.to_string()),
                Value::Duration(nanos) => Typed::Duration(nanos.to_string()),
                Value::Float(float) if float.is_finite() => Typed::Float(*float),
                Value::Moment(ns) => Typed::Moment(*ns),
                Value::Float(_) | Value::None => Typed::None,
            };
            (name, typed)
        });
        serializer.collect_seq(typed)
    }

    /// Reads them.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Value)>, D::Error> {
        use serde::de::Error as _;
        let typed = Vec::<(String, Typed)>::deserialize(deserializer)?;
        let whole = |text: String| text.parse::<i128>().map_err(D::Error::custom);
        typed
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    Typed::None => Value::None,
                    Typed::Int(text) => Value::Int(whole(text)?),
                    Typed::Float(float) => Value::Float(float),
                    Typed::Duration(text) => Value::Duration(whole(text)?),
                    Typed::Moment(ns) => Value::Moment(ns),
                };
                Ok((name, value))
            })
            .collect()
    }
}
