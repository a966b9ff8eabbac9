//! Attribute texts: when a text is an array, and what its elements' canonical texts are.

use serde_json::Value;

/// The texts that a matcher tests: the elements' canonical texts if `text` is a JSON array, else `text` itself.
pub(super) fn elements(text: &str) -> Vec<String> {
    match serde_json::from_str::<Vec<Value>>(text) {
        Ok(elements) => elements.iter().map(canonical).collect(),
        Err(_) => vec![text.to_owned()],
    }
}

/// An array element as it would read if it were the attribute's whole value.
fn canonical(element: &Value) -> String {
    match element {
        Value::Null => String::new(),
        Value::Bool(bool) => bool.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => double(float),
            _ => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => element.to_string(),
    }
}

/// Integral doubles below 2⁵³ without `.0`, others in the shortest form that reads back the same.
#[expect(clippy::cast_possible_truncation, reason = "integral and below 2⁵³")]
fn double(float: f64) -> String {
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        (float as i64).to_string()
    } else {
        format!("{float:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_fall_into_canonical_elements_and_all_else_stays_whole() {
        for (text, expected) in [
            ("[401, 200]", vec!["401", "200"]),
            (r#"["a", "401", true, null, 1.0, 2.5]"#, vec!["a", "401", "true", "", "1", "2.5"]),
            (r#"[[1,2],{"a":1}]"#, vec!["[1,2]", r#"{"a":1}"#]),
            ("[-0.0, 1e300, 9007199254740992.0]", vec!["0", "1e300", "9007199254740992.0"]),
            ("[]", vec![]),
            ("[401", vec!["[401"]),
            ("[a]", vec!["[a]"]),
            (r#"{"a":1}"#, vec![r#"{"a":1}"#]),
            ("401", vec!["401"]),
            ("", vec![""]),
        ] {
            assert_eq!(elements(text), expected, "{text}");
        }
    }
}
