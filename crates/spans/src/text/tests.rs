//! Canonical text, case by case, and the laws that hold for every value.

use super::*;
use proptest::prelude::*;

fn text(value: &str) -> Value<'_> {
    Value::String(value.into())
}

#[test]
fn every_kind_of_value_has_one_text() {
    let cases = [
        ("empty", Value::Empty, ""),
        ("string", text("a\"b"), "a\"b"),
        ("true", Value::Boolean(true), "true"),
        ("integer", Value::Integer(401), "401"),
        ("smallest integer", Value::Integer(i128::from(i64::MIN)), "-9223372036854775808"),
        ("unsigned above i64", Value::Integer(i128::from(u64::MAX)), "18446744073709551615"),
        ("integral double", Value::Double(401.0), "401"),
        ("minus zero", Value::Double(-0.0), "0"),
        ("negative integral double", Value::Double(-3.0), "-3"),
        ("largest exact integral double", Value::Double(9_007_199_254_740_991.0), "9007199254740991"),
        ("2^53 is a double", Value::Double(9_007_199_254_740_992.0), "9007199254740992.0"),
        ("fraction", Value::Double(0.1), "0.1"),
        ("smallest positional fraction", Value::Double(0.0001), "0.0001"),
        ("smaller fraction", Value::Double(0.000_099), "9.9e-5"),
        ("largest positional double", Value::Double(9_999_999_999_999_998.0), "9999999999999998.0"),
        ("larger double", Value::Double(1e16), "1e16"),
        ("huge double has no hundreds of digits", Value::Double(1e300), "1e300"),
        ("smallest double", Value::Double(5e-324), "5e-324"),
        ("not a number", Value::Double(f64::NAN), "NaN"),
        ("infinity", Value::Double(f64::INFINITY), "Infinity"),
        ("minus infinity", Value::Double(f64::NEG_INFINITY), "-Infinity"),
        ("bytes", Value::Bytes(vec![0xfb, 0xff].into()), "+/8="),
        ("empty array", Value::Array(vec![]), "[]"),
        (
            "array of everything",
            Value::Array(vec![
                text("a\"\\\n\u{1}é"),
                Value::Integer(1),
                Value::Double(1.0),
                Value::Double(0.5),
                Value::Double(f64::NAN),
                Value::Boolean(false),
                Value::Empty,
                Value::Bytes(vec![1].into()),
                Value::Array(vec![Value::Integer(2)]),
            ]),
            r#"["a\"\\\n\u0001é",1,1,0.5,"NaN",false,null,"AQ==",[2]]"#,
        ),
        (
            "map: sorted, last of equal keys",
            Value::Map(vec![
                ("b".into(), Value::Integer(1)),
                ("a".into(), text("x")),
                ("b".into(), Value::Integer(2)),
            ]),
            r#"{"a":"x","b":2}"#,
        ),
    ];
    for (scenario, value, expected) in cases {
        assert_eq!(canonical(value), expected, "{scenario}");
    }
}

#[test]
fn numeric_texts() {
    let cases = [
        ("401", Some(401.0), Some(401)),
        ("-0", Some(0.0), Some(0)),
        ("+7", Some(7.0), Some(7)),
        ("007", Some(7.0), Some(7)),
        ("1.5", Some(1.5), None),
        (".5", Some(0.5), None),
        ("1e3", Some(1000.0), None),
        ("9223372036854775807", Some(9_223_372_036_854_775_807.0), Some(i64::MAX)),
        ("9223372036854775808", Some(9_223_372_036_854_775_808.0), None),
        ("", None, None),
        (" 1", None, None),
        ("1_000", None, None),
        ("0x10", None, None),
        ("nan", None, None),
        ("-inf", None, None),
        ("Infinity", None, None),
        ("+infinity", None, None),
        ("1e999", None, None),
        ("4o1", None, None),
    ];
    for (text, as_number, as_integer) in cases {
        assert_eq!((number(text), integer(text)), (as_number, as_integer), "{text:?}");
    }
}

#[test]
fn array_texts() {
    let cases: [(&str, Option<&[&str]>); 12] = [
        ("[]", Some(&[])),
        (" [ \"a\" ,\n\"b\\u00e9\" ] ", Some(&["a", "bé"])),
        ("[1,1.0,0.5,1e300,-0.0]", Some(&["1", "1", "0.5", "1e300", "0"])),
        ("[18446744073709551615]", Some(&["18446744073709551615"])),
        ("[true,null,\"NaN\"]", Some(&["true", "", "NaN"])),
        ("[[1, 2],{\"b\":1,\"a\":[ ]}]", Some(&["[1,2]", "{\"a\":[],\"b\":1}"])),
        ("[1", None),
        ("[1] x", None),
        ("{\"a\":1}", None),
        ("plain", None),
        ("", None),
        ("\u{a0}[1]", None),
    ];
    for (text, expected) in cases {
        let elements = array(text);
        let elements: Option<Vec<&str>> =
            elements.as_ref().map(|elements| elements.iter().map(String::as_str).collect());
        assert_eq!(elements.as_deref(), expected, "{text:?}");
    }
}

#[test]
fn a_text_of_brackets_is_no_array_and_no_crash() {
    assert_eq!(array(&"[".repeat(1_000_000)), None);
}

fn any_value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        any::<String>().prop_map(|text| Value::String(text.into())),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(|integer| Value::Integer(integer.into())),
        any::<f64>().prop_map(Value::Double),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Value::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec(("[a-c]{0,2}".prop_map(Into::into), inner), 0..6).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn a_finite_double_reads_back_as_itself(double in any::<f64>()) {
        prop_assume!(double.is_finite());
        prop_assert_eq!(number(&double_text(double)), Some(double));
    }

    #[test]
    fn an_integer_reads_back_as_itself(value in any::<i64>()) {
        prop_assert_eq!(integer(&canonical(Value::Integer(value.into()))), Some(value));
    }

    #[test]
    fn an_array_reads_back_as_its_elements_texts(values in proptest::collection::vec(any_value(), 0..6)) {
        let texts: Vec<String> = values.iter().cloned().map(canonical).collect();
        prop_assert_eq!(array(&canonical(Value::Array(values))), Some(texts));
    }

    #[test]
    fn any_text_is_judged_without_panic(text in any::<String>()) {
        let (_, _, _) = (number(&text), integer(&text), array(&text));
    }
}
