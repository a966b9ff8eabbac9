//! The JSON Schema (draft 2020-12) of rule files, for editors: `fluo schema`.
//!
//! Printed from the table of keys (`keys`) that the loader reads by. It is a help while typing, and
//! looser than the loader where a schema cannot say it (durations are texts of a pattern; expressions and
//! templates are any text): what the loader accepts, the schema accepts.

use serde_json::{Map, Value, json};

use crate::keys::{Key, Shape, Table};

/// The schema, as indented JSON.
pub fn schema() -> String {
    format!("{:#}\n", document())
}

fn document() -> Value {
    let mut definitions = Map::new();
    for table in Table::ALL {
        definitions.insert(table.name().to_owned(), mapping(table));
    }
    definitions.insert("duration".to_owned(), duration());
    definitions.insert("scalar".to_owned(), json!({"type": ["string", "number", "boolean"]}));
    definitions
        .insert("scalars".to_owned(), json!({"type": "array", "items": reference("scalar"), "minItems": 1}));
    definitions.insert("matcher".to_owned(), matcher());
    definitions.insert("rules".to_owned(), json!({"type": "array", "items": reference(Table::Rule.name())}));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fluo rules",
        "description": "Behavioural rules over OpenTelemetry traces.",
        "anyOf": [reference("rules"), reference(Table::File.name()), {"type": "null"}],
        "$defs": definitions,
    })
}

/// What a mapping looks like.
fn mapping(table: Table) -> Value {
    let keys = table.keys().iter().filter(|key| key.shape != Shape::Later);
    let properties: Map<String, Value> = keys.map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    let required = table.required();
    if !required.is_empty() && table != Table::Rule {
        schema["required"] = json!(required);
    }
    match table {
        // A rule may take anything but its name from `defaults`.
        Table::Rule => schema["required"] = json!(["name"]),
        Table::Aggregate => {
            schema["patternProperties"] = json!({PERCENTILE_KEY: described(Shape::Field, "A percentile.")});
        }
        Table::Operators => schema["minProperties"] = json!(1),
        _ => {}
    }
    schema
}

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
        Shape::Word(words) => json!({"enum": words}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Duration { .. } => reference("duration"),
        Shape::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Factor => json!({"type": "number", "minimum": 1}),
        Shape::Percent => json!({"type": "number", "exclusiveMinimum": 0, "maximum": 100}),
        Shape::Texts => json!({"type": "array", "items": reference("scalar")}),
        Shape::Scalars => reference("scalars"),
        Shape::TextMap => json!({"type": "object", "additionalProperties": reference("scalar")}),
        Shape::Map(Table::Selector) => json!({"anyOf": [reference("selector"), {"type": "string"}]}),
        // `defaults:` with nothing under it is allowed.
        Shape::Map(Table::Defaults) => json!({"anyOf": [reference("defaults"), {"type": "null"}]}),
        Shape::Map(table) => reference(table.name()),
        Shape::ListOf(Table::Rule) => json!({"anyOf": [reference("rules"), {"type": "null"}]}),
        Shape::ListOf(table) => json!({"type": "array", "items": reference(table.name()), "minItems": 1}),
        Shape::DurationOr(table) => json!({"anyOf": [reference("duration"), reference(table.name())]}),
        Shape::EmptyOr(table) => json!({"anyOf": [reference(table.name()), {"type": "null"}]}),
        Shape::Matcher => reference("matcher"),
        Shape::MatcherMap => json!({"type": "object", "additionalProperties": reference("matcher")}),
        Shape::Aggregates => aggregates(),
        Shape::Groups => json!({"type": "array", "items": {"anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
        ]}}),
        Shape::Later => json!(false),
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

fn matcher() -> Value {
    json!({"anyOf": [reference("scalar"), reference("scalars"), reference(Table::Operators.name())]})
}

fn duration() -> Value {
    json!({"anyOf": [
        {"type": "string", "pattern": r"^([0-9_.]+(w|d|h|m|s|ms|us|µs|μs|ns))+$|^0$", "examples": ["500ms", "1.5s", "2m", "1h30m", "7d"]},
        {"const": 0},
    ]})
}

fn reference(definition: &str) -> Value {
    json!({"$ref": format!("#/$defs/{definition}")})
}
