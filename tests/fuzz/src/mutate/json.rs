//! Changes of values of a JSON document.

use fastrand::Rng;
use serde_json::{Number, Value};

use super::amount::{copies, times};

/// Texts that mean something to whoever reads OTLP, or should not.
const TEXTS: [&str; 20] = [
    "",
    "0",
    "-1",
    "1.5",
    "9223372036854775808",
    "18446744073709551615",
    "1e99",
    "NaN",
    "Infinity",
    "true",
    "5b8efff798038103d269b633813fc60c",
    "EEE19B7EC3C1B174",
    "W47/95gDgQPSabYzgT/GDA==",
    "00000000000000000000000000000000",
    "SPAN_KIND_SERVER",
    "STATUS_CODE_ERROR",
    "\u{0}\u{1b}[31m",
    "\u{202e}x",
    "raw/%zz+%20/traces.json",
    "ot=th:c;rv:ffffffffffffff",
];

/// `input` with one value changed; none where it is no JSON.
pub(super) fn change(input: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(input).ok()?;
    let whole = document.clone();
    let steps = random.usize(..24);
    change_below(&mut document, &whole, steps, random);
    let mut text = document.to_string();
    if random.u8(..24) == 0 {
        // Deeper than any parser of values goes.
        let depth = times(random);
        text = format!("{}{text}{}", "[".repeat(depth), "]".repeat(depth));
    }
    Some(text.into_bytes())
}

/// Goes down `steps` steps at random, and changes what stands there.
fn change_below(value: &mut Value, whole: &Value, steps: usize, random: &mut Rng) {
    if steps > 0 {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let at = random.usize(..items.len());
                return change_below(&mut items[at], whole, steps - 1, random);
            }
            Value::Object(fields) if !fields.is_empty() => {
                let at = random.usize(..fields.len());
                if let Some((_, field)) = fields.iter_mut().nth(at) {
                    return change_below(field, whole, steps - 1, random);
                }
            }
            _ => {}
        }
    }
    change_here(value, whole, random);
}

fn change_here(value: &mut Value, whole: &Value, random: &mut Rng) {
    match (random.u8(..8), &mut *value) {
        (0, Value::Array(items)) if !items.is_empty() => {
            let item = items[random.usize(..items.len())].clone();
            let copies = copies(item.to_string().len(), random);
            items.extend(std::iter::repeat_n(item, copies));
        }
        (1, Value::Array(items)) if !items.is_empty() => drop(items.remove(random.usize(..items.len()))),
        (0, Value::Object(fields)) if !fields.is_empty() => {
            let name = fields.keys().nth(random.usize(..fields.len())).cloned();
            drop(name.and_then(|name| fields.remove(&name)));
        }
        (1, Value::Object(fields)) if !fields.is_empty() => {
            // Under another's name: of another type, then.
            let names: Vec<String> = fields.keys().cloned().collect();
            let from = &names[random.usize(..names.len())];
            let to = &names[random.usize(..names.len())];
            if let Some(field) = fields.get(from).cloned() {
                fields.insert(to.clone(), field);
            }
        }
        (2, _) => *value = Value::Array(vec![value.take()]),
        (3, _) => *value = Value::Object([("value".to_owned(), value.take())].into_iter().collect()),
        (4, _) => *value = some_part(whole, random),
        _ => *value = scalar(random),
    }
}

/// Some value of the document.
fn some_part(whole: &Value, random: &mut Rng) -> Value {
    let mut part = whole;
    for _ in 0..random.usize(1..16) {
        let inner = match part {
            Value::Array(items) => items.get(random.usize(..items.len().max(1))),
            Value::Object(fields) => fields.values().nth(random.usize(..fields.len().max(1))),
            _ => None,
        };
        match inner {
            Some(inner) => part = inner,
            None => break,
        }
    }
    part.clone()
}

fn scalar(random: &mut Rng) -> Value {
    match random.u8(..8) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2 => random.choice([0, 1, -1, i64::MAX, i64::MIN, 1 << 32, 6]).unwrap_or_default().into(),
        3 => u64::MAX.into(),
        4 => Number::from_f64(random.choice([1.5, -0.0, 1e308, 5e-324, 9e15]).unwrap_or_default())
            .map_or(Value::Null, Value::Number),
        5 => Value::Array(Vec::new()),
        6 => Value::Object(serde_json::Map::new()),
        _ => Value::String(random.choice(TEXTS).unwrap_or_default().to_owned()),
    }
}
