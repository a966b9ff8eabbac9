//! The JSON Schemas (draft 2020-12) of rule files, test files, silences and `fluo.yml`, for editors: `fluo schema`.
//!
//! Printed from the table of keys (`keys`) that the loaders read by. They are a help while typing, and
//! looser than the loaders where a schema cannot say it (durations are texts of a pattern; expressions and
//! templates are any text): what a loader accepts, its schema accepts.

use serde_json::{Map, Value, json};

use crate::keys::{Key, Shape, SinkType, Table};

/// The schema of rule files, as indented JSON.
pub fn schema() -> String {
    let rules = json!({"type": "array", "items": reference(Table::Rule.name())});
    let shared = [
        ("duration", duration()),
        ("scalar", json!({"type": ["string", "number", "boolean"]})),
        ("scalars", json!({"type": "array", "items": reference("scalar"), "minItems": 1})),
        ("matcher", matcher()),
        ("rules", rules),
    ];
    printed(&Document {
        title: "fluo rules",
        description: "Behavioural rules over OpenTelemetry traces.",
        root: json!([reference("rules"), reference(Table::File.name()), {"type": "null"}]),
        tables: Table::OF_RULES.to_vec(),
        shared: &shared,
    })
}

/// The schema of test files, as indented JSON.
pub fn test_files() -> String {
    let shared = [
        ("duration", duration()),
        ("scalar", json!({"type": ["string", "number", "boolean"]})),
        ("instant", instant()),
        (
            "moment",
            json!({"anyOf": [{"type": "string", "pattern": MOMENT, "examples": ["50s", "-1m30s"]}, {"const": 0}]}),
        ),
        (
            "times",
            json!({"anyOf": [reference("moment"), {"type": "string", "pattern": RANGE, "examples": ["0s..50s"]}]}),
        ),
        ("literal", literal()),
        ("literals", json!({"type": "object", "additionalProperties": reference("literal")})),
    ];
    printed(&Document {
        title: "fluo tests",
        description: "Unit tests of rules: spans, and what must and must not be told about them.",
        root: json!([reference(Table::TestFile.name()), {"type": "null"}]),
        tables: Table::OF_TESTS.to_vec(),
        shared: &shared,
    })
}

/// The schema of `silences.yml`, as indented JSON.
pub fn silences() -> String {
    let shared = [("scalar", json!({"type": ["string", "number", "boolean"]})), ("instant", instant())];
    printed(&Document {
        title: "fluo silences",
        description: "Alerts that nobody is told about, and when.",
        root: json!([reference(Table::SilenceFile.name()), {"type": "null"}]),
        tables: Table::OF_SILENCES.to_vec(),
        shared: &shared,
    })
}

/// The schema of `fluo.yml`, as indented JSON.
pub fn config() -> String {
    let sinks: Vec<Value> =
        SinkType::ALL.into_iter().map(|kind| reference(Table::Sink(kind).name())).collect();
    let shared = [
        ("duration", duration()),
        ("scalar", json!({"type": ["string", "number", "boolean"]})),
        ("secret", json!({"anyOf": [reference("scalar"), reference(Table::SecretEnv.name())]})),
        ("sinks", json!({"type": "array", "items": {"anyOf": sinks}})),
    ];
    printed(&Document {
        title: "fluo configuration",
        description: "Where the spans and the rules are, how they are evaluated, and who is told.",
        root: json!([reference(Table::Config.name())]),
        tables: Table::of_config().collect(),
        shared: &shared,
    })
}

/// The parts that a schema is printed from.
struct Document<'a> {
    title: &'a str,
    description: &'a str,
    /// The alternatives for the whole document.
    root: Value,
    /// The mappings in it.
    tables: Vec<Table>,
    /// The definitions that several keys refer to.
    shared: &'a [(&'a str, Value)],
}

fn printed(document: &Document<'_>) -> String {
    let mappings = document.tables.iter().map(|table| (table.name(), mapping(*table)));
    let definitions = mappings.chain(document.shared.iter().cloned());
    let definitions: Map<String, Value> =
        definitions.map(|(name, definition)| (name.to_owned(), definition)).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": document.title,
        "description": document.description,
        "anyOf": document.root,
        "$defs": definitions,
    });
    format!("{schema:#}\n")
}

/// Returns the schema of a mapping.
fn mapping(table: Table) -> Value {
    let keys = table.keys().iter();
    let properties: Map<String, Value> = keys.map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    let required = table.required();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    match table {
        Table::Aggregate => {
            schema["patternProperties"] = json!({PERCENTILE_KEY: described(Shape::Field, "A percentile.")});
        }
        Table::Operators | Table::Levels => schema["minProperties"] = json!(1),
        Table::Trace => {
            let demand = |key: &str| json!({"required": [key]});
            schema["anyOf"] = ["always", "never", "sequence", "count"].map(demand).to_vec().into();
        }
        _ => {}
    }
    schema
}

/// `99.9%`.
const SHARE: &str = r"^ *[0-9]*(\.[0-9]+)? *%? *$";

/// `p50`, `p99`, `p99.9`.
const PERCENTILE_KEY: &str = r"^p(100|[0-9]{1,2})(\.[0-9]+)?$";

fn property(key: &Key) -> Value {
    let mut schema = described(key.shape, key.doc);
    if let Some(default) = key.default {
        // Defaults are shown as they would be written; `true` and numbers are themselves.
        let value = serde_json::from_str(default).unwrap_or_else(|_| Value::String(default.to_owned()));
        schema["default"] = value;
    }
    schema
}

fn described(shape: Shape, doc: &str) -> Value {
    let mut schema = of_shape(shape);
    schema["description"] = json!(doc);
    schema
}

fn of_shape(shape: Shape) -> Value {
    match shape {
        Shape::Text | Shape::Field | Shape::Scalar => reference("scalar"),
        Shape::Expression => json!({"type": ["string", "boolean"]}),
        Shape::ExpressionOr(table) => {
            json!({"anyOf": [{"type": ["string", "boolean"]}, reference(table.name())]})
        }
        Shape::Word(words) => json!({"enum": words}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Duration { .. } => reference("duration"),
        Shape::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Factor => json!({"type": "number", "minimum": 1}),
        Shape::Share => json!({"anyOf": [
            {"type": "string", "pattern": SHARE, "examples": ["99.9%"]},
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        ]}),
        Shape::Percent => json!({"type": "number", "exclusiveMinimum": 0, "maximum": 100}),
        Shape::Texts => json!({"type": "array", "items": reference("scalar")}),
        Shape::Scalars => reference("scalars"),
        Shape::TextsOr(table) => {
            let texts = json!({"type": "array", "items": reference("scalar")});
            json!({"anyOf": [texts, reference(table.name())]})
        }
        Shape::TextMap => json!({"type": "object", "additionalProperties": reference("scalar")}),
        Shape::Map(Table::Selector) => json!({"anyOf": [reference("selector"), {"type": "string"}]}),
        // `defaults:` with nothing under it is allowed.
        Shape::Map(Table::Defaults) => json!({"anyOf": [reference("defaults"), {"type": "null"}]}),
        Shape::Map(table) => reference(table.name()),
        Shape::ListOf(Table::Rule) => json!({"anyOf": [reference("rules"), {"type": "null"}]}),
        Shape::ListOf(Table::Selector) => {
            json!({"type": "array", "items": reference(Table::Selector.name()), "minItems": 1})
        }
        Shape::ListOf(table @ Table::Expectation) => {
            json!({"type": "array", "items": reference(table.name())})
        }
        // A list with all its lines commented out is allowed.
        Shape::ListOf(table) => {
            json!({"anyOf": [{"type": "array", "items": reference(table.name())}, {"type": "null"}]})
        }
        Shape::DurationOr(table) => json!({"anyOf": [reference("duration"), reference(table.name())]}),
        Shape::EmptyOr(table) => json!({"anyOf": [reference(table.name()), {"type": "null"}]}),
        Shape::Matcher => reference("matcher"),
        Shape::WordMatcher(words) => {
            let word = json!({"enum": words});
            let several = json!({"type": "array", "items": word, "minItems": 1});
            let mut operators = mapping(Table::Operators);
            for (operator, takes) in [("eq", &word), ("ne", &word), ("in", &several), ("not_in", &several)] {
                operators["properties"][operator] = takes.clone();
            }
            json!({"anyOf": [word, several, operators]})
        }
        Shape::MatcherMap => json!({"type": "object", "additionalProperties": reference("matcher")}),
        Shape::Aggregates => aggregates(),
        Shape::Step => step(),
        Shape::Steps => json!({"type": "array", "items": step(), "minItems": 1}),
        Shape::Forbidden => {
            let forbidden = json!({"anyOf": [step(), reference(Table::ForbiddenSequence.name())]});
            json!({"type": "array", "items": forbidden, "minItems": 1})
        }
        Shape::OneOrList(table) => {
            let one = reference(table.name());
            json!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
        }
        Shape::Inhibits => json!({
            "type": "array",
            "items": {"anyOf": [reference("scalar"), reference(Table::Inhibit.name())]},
        }),
        Shape::Groups => json!({"type": "array", "items": {"anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
        ]}}),
        Shape::Limits => json!({"anyOf": [
            {"type": "array", "minItems": 1, "items": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            }},
            reference(Table::LimitsFile.name()),
        ]}),
        Shape::Instant => reference("instant"),
        Shape::Moment => reference("moment"),
        Shape::Times => {
            let times = reference("times");
            json!({"anyOf": [times, {"type": "array", "items": times, "minItems": 1}]})
        }
        Shape::SpanFiles => {
            let file = json!({"anyOf": [reference("scalar"), reference(Table::SpanFile.name())]});
            json!({"anyOf": [file, {"type": "array", "items": file}]})
        }
        Shape::Links => {
            let link = json!({"anyOf": [reference("scalar"), reference(Table::SpanLink.name())]});
            json!({"type": "array", "items": link})
        }
        Shape::Literals => reference("literals"),
        Shape::OneGroup => json!({
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }),
        Shape::Expected => json!({
            "type": "object",
            "additionalProperties": {"anyOf": [reference("duration"), {"type": ["number", "null"]}]},
        }),
        Shape::SilenceMatchers => {
            let labels = |value: &Value| {
                let texts = json!({"type": "array", "items": value, "minItems": 1});
                json!({"anyOf": [value, texts, reference(Table::SilenceMatcher.name())]})
            };
            let severity = json!({"enum": crate::keys::SEVERITIES});
            let mapping = json!({
                "type": "object",
                "properties": {"severity": labels(&severity)},
                "additionalProperties": labels(&reference("scalar")),
                "minProperties": 1,
            });
            let written =
                json!({"type": "string", "pattern": "=|!~", "examples": ["rule=X", "team=~\"pay.*\""]});
            json!({"anyOf": [{"type": "array", "items": written, "minItems": 1}, mapping]})
        }
        Shape::Days => json!({
            "type": "array",
            "items": {"type": "string", "pattern": DAYS, "examples": ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "mon..fri"]},
            "minItems": 1,
        }),
        Shape::TimeOfDay => {
            json!({"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "examples": ["22:00"]})
        }
        Shape::Words(words) => json!({"type": "array", "items": {"enum": words}}),
        Shape::SinkType(word) => json!({"const": word}),
        Shape::Sinks => json!({"anyOf": [reference("sinks"), {"type": "null"}]}),
        Shape::Secret => reference("secret"),
        Shape::Secrets => json!({"type": "array", "items": reference("secret")}),
        Shape::SecretMap => json!({"type": "object", "additionalProperties": reference("secret")}),
    }
}

/// `x: count`, `count: 10`, and the mappings.
fn aggregates() -> Value {
    let any = json!({"anyOf": [{"const": "count"}, reference(Table::Aggregate.name())]});
    let evidence = json!({"type": "integer", "minimum": 0, "maximum": crate::keys::MAX_EVIDENCE});
    json!({
        "type": "object",
        "properties": {"count": {
            "anyOf": [evidence, any],
            "description": "The number of matching spans; as a number, how many of them to keep as evidence.",
        }},
        "additionalProperties": any,
    })
}

/// A selector with the keys of a step, or a text: a `TraceQL` filter, in sequences the name of a step.
fn step() -> Value {
    json!({"anyOf": [reference(Table::Step.name()), {"type": "string"}]})
}

fn matcher() -> Value {
    json!({"anyOf": [reference("scalar"), reference("scalars"), reference(Table::Operators.name())]})
}

fn duration() -> Value {
    json!({"anyOf": [
        {"type": "string", "pattern": r"^([0-9_.]+(w|d|h|m|s|ms|us|µs|μs|ns))+$|^0$", "examples": ["500ms", "1.5s", "2m", "1h30m", "7d"]},
        {"const": 0},
    ]})
}

/// A duration, possibly negative, or a moment in RFC 3339.
const MOMENT: &str = r"^-?([0-9_.]+(w|d|h|m|s|ms|us|µs|μs|ns))+$|^-?0$|^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+$";

/// Two of those.
const RANGE: &str = r"^.+\.\..+$";

/// A day of the week, or a range of them.
const DAYS: &str = r"^ *(mon|tue|wed|thu|fri|sat|sun) *(\.\. *(mon|tue|wed|thu|fri|sat|sun) *)?$";

fn instant() -> Value {
    json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+$", "examples": ["2026-11-22T11:04:51Z"]})
}

/// A value of an attribute.
fn literal() -> Value {
    json!({"anyOf": [
        reference("scalar"),
        {"type": "array", "items": reference("literal")},
        reference("literals"),
    ]})
}

fn reference(definition: &str) -> Value {
    json!({"$ref": format!("#/$defs/{definition}")})
}
