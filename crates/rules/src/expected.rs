//! The keys and values that may stand at a place of a file, by the keys that lead there: for editors, which complete and
//! explain.
//!
//! Read from the table of keys that the loaders read by. A place is known by its path alone, so that it can be asked for
//! in a file that is being written and does not parse.

use crate::expr::documentation::Documented;
use crate::files::Kind;
use crate::keys::{Key, Shape, SinkType, Table};

/// One step of the way from the root of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into the value of this key.
    Key(String),
    /// Into an item of a list.
    Item,
}

/// The keys and values that may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// The keys of the mapping that may stand there.
    pub keys: Vec<Documented>,
    /// The scalar that may stand there.
    pub value: Value,
    /// The keys of the mapping are attributes.
    pub attribute_keys: bool,
}

/// A scalar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// Nothing, or nothing that is known.
    #[default]
    Unknown,
    /// One of these words.
    Words(Vec<&'static str>),
    /// A duration.
    Duration,
    /// An expression over the fields of a span.
    OfSpan,
    /// An expression over the values of a window.
    OfWindow,
    /// A field's name.
    Field,
    /// The name of a service.
    Service,
    /// The name of a span.
    SpanName,
    /// A value of this attribute.
    Attribute(String),
    /// The name of a rule.
    Rule,
    /// A path from the folder of the file.
    Path,
}

/// Returns what may stand at the end of `path`. `sink` is the type of the sink that the path leads into.
pub fn expected(kind: Kind, path: &[Step], sink: Option<&str>) -> Expected {
    let Some(place) = Place::of(kind, path, sink) else { return Expected::default() };
    let keys = place.mapping().map(Table::keys).unwrap_or_default();
    Expected {
        keys: keys.iter().map(documented).collect(),
        value: place.value(),
        attribute_keys: place.shape == Shape::MatcherMap || place.shape == Shape::Literals,
    }
}

/// Returns the key that `path` ends with, where it is known.
pub fn key_at(kind: Kind, path: &[Step], sink: Option<&str>) -> Option<Documented> {
    let (Step::Key(name), above) = path.split_last()? else { return None };
    Place::of(kind, above, sink)?.mapping()?.key(name).map(documented)
}

fn documented(key: &Key) -> Documented {
    Documented { name: key.name, written: None, doc: key.doc, default: key.default }
}

/// A place, with the shape of what may stand there.
#[derive(Debug, Clone)]
struct Place<'a> {
    shape: Shape,
    /// The mapping that the last key belongs to.
    table: Option<Table>,
    /// The last keys.
    key: &'a str,
    above: &'a str,
    sink: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(kind: Kind, path: &'a [Step], sink: Option<&'a str>) -> Option<Self> {
        let shape = match kind {
            Kind::Rules if path.first() == Some(&Step::Item) => Shape::ListOf(Table::Rule),
            // Also of an empty file, which may become a list or a mapping.
            Kind::Rules => Shape::Map(Table::File),
            Kind::Tests => Shape::Map(Table::TestFile),
            Kind::Silences => Shape::Map(Table::SilenceFile),
            Kind::Config => Shape::Map(Table::Config),
        };
        let root = Self { shape, table: None, key: "", above: "", sink };
        path.iter().try_fold(root, Place::step)
    }

    fn step(self, step: &'a Step) -> Option<Self> {
        match step {
            Step::Item => Some(Self { shape: self.item()?, ..self }),
            Step::Key(key) => {
                let shape = match (self.shape, self.mapping()) {
                    (Shape::MatcherMap, _) => Shape::Matcher,
                    (Shape::Aggregates, _) => Shape::Map(Table::Aggregate),
                    (Shape::WordMatcher(words), Some(table)) => match table.key(key)?.shape {
                        Shape::Scalar => Shape::Word(words),
                        Shape::Scalars => Shape::Words(words),
                        shape => shape,
                    },
                    (
                        Shape::TextMap | Shape::Literals | Shape::OneGroup | Shape::Expected | Shape::Groups,
                        _,
                    ) => Shape::Text,
                    (_, Some(Table::Aggregate)) if is_percentile(key) => Shape::Field,
                    (_, Some(table)) => table.key(key)?.shape,
                    (_, None) => return None,
                };
                let table = self.mapping().or(self.table);
                // Operators are about the key that they stand below.
                let (key, above) = match table {
                    Some(Table::Operators) => (self.key, self.above),
                    _ => (key.as_str(), self.key),
                };
                let table = if table == Some(Table::Operators) { self.table } else { table };
                Some(Self { shape, table, key, above, ..self })
            }
        }
    }

    /// The shape of an item, where there may be a list.
    fn item(&self) -> Option<Shape> {
        Some(match self.shape {
            Shape::ListOf(table) | Shape::OneOrList(table) => Shape::Map(table),
            Shape::Texts | Shape::TextsOr(_) | Shape::SilenceMatchers | Shape::Days => Shape::Text,
            Shape::Matcher | Shape::Scalars => Shape::Scalar,
            Shape::WordMatcher(words) | Shape::Words(words) => Shape::Word(words),
            Shape::Steps | Shape::Forbidden => Shape::Map(Table::Step),
            Shape::Groups | Shape::Limits => Shape::OneGroup,
            Shape::Inhibits => Shape::Map(Table::Inhibit),
            Shape::Sinks => Shape::Map(self.of_sink()),
            Shape::SpanFiles => Shape::Map(Table::SpanFile),
            Shape::Links => Shape::Map(Table::SpanLink),
            Shape::Secrets => Shape::Secret,
            Shape::Times => Shape::Moment,
            _ => return None,
        })
    }

    fn of_sink(&self) -> Table {
        let known = SinkType::ALL.into_iter().find(|kind| self.sink == Some(kind.word()));
        known.map_or(Table::AnySink, Table::Sink)
    }

    /// The mapping that may stand there.
    fn mapping(&self) -> Option<Table> {
        match self.shape {
            Shape::Map(table)
            | Shape::EmptyOr(table)
            | Shape::DurationOr(table)
            | Shape::ExpressionOr(table)
            | Shape::TextsOr(table)
            | Shape::OneOrList(table) => Some(table),
            Shape::Matcher | Shape::WordMatcher(_) => Some(Table::Operators),
            Shape::Step => Some(Table::Step),
            Shape::Limits => Some(Table::LimitsFile),
            Shape::Secret => Some(Table::SecretEnv),
            Shape::SpanFiles => Some(Table::SpanFile),
            _ => None,
        }
    }

    /// The scalar that may stand there.
    fn value(&self) -> Value {
        let is_of_spans = matches!(
            self.table,
            Some(Table::Selector | Table::Step | Table::Span | Table::ForbiddenSequence | Table::Trace)
        );
        match self.shape {
            Shape::Word(words) | Shape::Words(words) | Shape::WordMatcher(words) => {
                Value::Words(words.to_vec())
            }
            Shape::Bool => Value::Words(vec!["true", "false"]),
            Shape::SinkType(_) => Value::Words(SinkType::ALL.map(SinkType::word).to_vec()),
            Shape::Duration { .. } | Shape::DurationOr(_) => Value::Duration,
            Shape::Field => Value::Field,
            Shape::Expression if matches!(self.key, "where" | "good") => Value::OfSpan,
            Shape::Expression | Shape::ExpressionOr(_) => Value::OfWindow,
            Shape::Map(Table::Aggregate) => Value::Words(vec!["count"]),
            Shape::Map(Table::Inhibit) => Value::Rule,
            _ if matches!((self.table, self.key), (Some(Table::Inhibit | Table::Expectation), "rule")) => {
                Value::Rule
            }
            _ if matches!((self.table, self.key), (Some(Table::LimitsFile | Table::SpanFile), "file")) => {
                Value::Path
            }
            _ if matches!((self.table, self.key), (Some(Table::TestFile | Table::Config), "rules")) => {
                Value::Path
            }
            _ if matches!(self.key, "group_by" | "top" | "redact" | "by" | "evidence" | "only") => {
                Value::Field
            }
            Shape::Matcher | Shape::Scalar | Shape::Text => match self.key {
                "attributes" | "resource" | "scope" => Value::Unknown,
                _ if matches!(self.above, "attributes" | "resource") => Value::Attribute(self.key.to_owned()),
                "service_name" if is_of_spans => Value::Service,
                "name" if is_of_spans => Value::SpanName,
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }
}

/// `p99`, `p99.9`
fn is_percentile(key: &str) -> bool {
    key.strip_prefix('p').is_some_and(|number| number.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `span.attributes.http.route` with `/` between steps, and `-` for an item.
    fn path(text: &str) -> Vec<Step> {
        let step = |part: &str| if part == "-" { Step::Item } else { Step::Key(part.to_owned()) };
        text.split('/').filter(|part| !part.is_empty()).map(step).collect()
    }

    #[test]
    fn a_place_is_known_by_the_keys_that_lead_there() {
        for (kind, at, key, value) in [
            (Kind::Rules, "", Some("rules"), Value::Unknown),
            (Kind::Rules, "-", Some("condition"), Value::Unknown),
            (Kind::Rules, "rules/-", Some("condition"), Value::Unknown),
            (Kind::Rules, "-/span", Some("service_name"), Value::Unknown),
            (Kind::Rules, "-/span/service_name", Some("starts_with"), Value::Service),
            (Kind::Rules, "-/span/service_name/-", None, Value::Service),
            (Kind::Rules, "-/span/service_name/in/-", None, Value::Service),
            (Kind::Rules, "-/span/any/-/name/eq", None, Value::SpanName),
            (Kind::Rules, "-/span/event/name", Some("eq"), Value::Unknown),
            (Kind::Rules, "-/span/kind", Some("not_in"), Value::Words(crate::keys::KINDS.to_vec())),
            (Kind::Rules, "-/span/kind/in/-", None, Value::Words(crate::keys::KINDS.to_vec())),
            (
                Kind::Rules,
                "-/span/attributes/http.route",
                Some("eq"),
                Value::Attribute("http.route".to_owned()),
            ),
            (Kind::Rules, "-/span/where", None, Value::OfSpan),
            (Kind::Rules, "-/condition", Some("critical"), Value::OfWindow),
            (Kind::Rules, "-/condition/critical", None, Value::OfWindow),
            (Kind::Rules, "-/aggregation/errors", Some("count_distinct"), Value::Words(vec!["count"])),
            (Kind::Rules, "-/aggregation/slow/p99.9", None, Value::Field),
            (Kind::Rules, "-/aggregation/errors/count/where", None, Value::OfSpan),
            (Kind::Rules, "-/group_by/-", None, Value::Field),
            (Kind::Rules, "-/window", None, Value::Duration),
            (Kind::Rules, "-/trace/always/-", Some("at_least"), Value::Unknown),
            (Kind::Rules, "-/trace/always/-/name", Some("eq"), Value::SpanName),
            (Kind::Rules, "-/trace/when/service_name", Some("eq"), Value::Service),
            (Kind::Rules, "-/inhibit/-", Some("equal"), Value::Rule),
            (Kind::Rules, "-/limits/file", None, Value::Path),
            (Kind::Rules, "-/nonsense/x", None, Value::Unknown),
            (Kind::Tests, "tests/-/spans/-", Some("service_name"), Value::Unknown),
            (Kind::Tests, "tests/-/spans/-/service_name", None, Value::Service),
            (
                Kind::Tests,
                "tests/-/spans/-/attributes/http.route",
                None,
                Value::Attribute("http.route".to_owned()),
            ),
            (Kind::Tests, "tests/-/expect/-/rule", None, Value::Rule),
            (Kind::Silences, "silences/-", Some("matchers"), Value::Unknown),
            (Kind::Config, "sinks/-", Some("type"), Value::Unknown),
            (Kind::Config, "every", None, Value::Duration),
        ] {
            let found = expected(kind, &path(at), None);
            let names: Vec<&str> = found.keys.iter().map(|key| key.name).collect();
            assert_eq!(found.value, value, "{at}");
            match key {
                Some(key) => assert!(names.contains(&key), "{at}: {names:?}"),
                None => assert!(names.is_empty(), "{at}: {names:?}"),
            }
        }
        let slack = expected(Kind::Config, &path("sinks/-"), Some("slack"));
        assert!(slack.keys.iter().any(|key| key.name == "url"), "{slack:?}");
        assert!(expected(Kind::Rules, &path("-/span/attributes"), None).attribute_keys);
        let window = key_at(Kind::Rules, &path("-/window"), None).unwrap();
        assert_eq!((window.name, window.default), ("window", Some("1m")));
    }
}
