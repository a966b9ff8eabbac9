//! Every form of a matcher: taken, with what it means on labels that there are, or refused, with what to do.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rule::Rule;
use crate::silence::{Matchers, Reach, load};
use crate::{SourceFile, load as load_rules};

/// Four alerts: a rule of payments in two groups, one of nobody's, one whose values are odd.
const ALERTS: [&[(&str, &str)]; 4] = [
    &[("rule", "AuthFailures"), ("severity", "critical"), ("team", "payments"), ("http.route", "/login")],
    &[("rule", "AuthFailures"), ("severity", "critical"), ("team", "payments"), ("http.route", "/a,b")],
    &[("rule", "slow-checkout"), ("severity", "warning")],
    &[("rule", "odd"), ("severity", "info"), ("team", "say \"hi\"\\o/"), ("weird key!", "a b")],
];

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The numbers of the alerts that a matcher is about.
fn about(matcher: &Matcher) -> Vec<usize> {
    let value = |alert: &[(&str, &str)]| labels(alert).remove(matcher.label()).unwrap_or_default();
    (0..ALERTS.len()).filter(|number| matcher.matches(&value(ALERTS[*number]))).collect()
}

/// Matchers that are taken, and the alerts that they are about.
const TAKEN: &[(&str, &[usize])] = &[
    ("rule=AuthFailures", &[0, 1]),
    ("rule=\"AuthFailures\"", &[0, 1]),
    ("rule='AuthFailures'", &[0, 1]),
    ("rule=`AuthFailures`", &[0, 1]),
    ("\"rule\"=AuthFailures", &[0, 1]),
    ("  rule  =  AuthFailures  ", &[0, 1]),
    ("rule = \"AuthFailures\"", &[0, 1]),
    ("rule=authfailures", &[]),
    ("rule=Auth", &[]),
    ("rule!=AuthFailures", &[2, 3]),
    ("rule != AuthFailures", &[2, 3]),
    ("rule=~Auth", &[]),
    ("rule=~^Auth", &[]),
    ("rule=~Auth.*", &[0, 1]),
    ("rule=~^Auth.*$", &[0, 1]),
    ("rule=~\"Auth.*|odd\"", &[0, 1, 3]),
    ("rule=~a|odd", &[3]),
    ("rule=~(?i)auth.*", &[0, 1]),
    ("rule=~.+", &[0, 1, 2, 3]),
    ("rule!~Auth", &[0, 1, 2, 3]),
    ("rule!~Auth.*", &[2, 3]),
    ("rule!~\".*-.*\"", &[0, 1, 3]),
    ("severity=critical", &[0, 1]),
    ("severity!=critical", &[2, 3]),
    ("severity=~\"info|warning\"", &[2, 3]),
    ("team=payments", &[0, 1]),
    // A label that is not there is the empty text.
    ("team!=payments", &[2, 3]),
    ("team=~.*", &[0, 1, 2, 3]),
    ("team=~.+", &[0, 1, 3]),
    ("team!~.+", &[2]),
    ("team!~pay.*", &[2, 3]),
    ("nosuch=x", &[]),
    ("nosuch!=x", &[0, 1, 2, 3]),
    ("http.route=/login", &[0]),
    ("\"http.route\"=\"/login\"", &[0]),
    ("http.route=/a,b", &[1]),
    ("http.route=~/(login|a,b)", &[0, 1]),
    ("http.route=~\"/[a-z]{5}\"", &[0]),
    ("http.route=~/[a-z]{1,9}", &[0]),
    ("http.route=~\"\\\\/login\"", &[0]),
    ("http.route=~\"/\\w+\"", &[0]),
    ("http.route=~\"/login\\b\"", &[0]),
    ("\"weird key!\"=a b", &[3]),
    ("'weird key!' = \"a b\"", &[3]),
    ("\"weird key!\"=\"a\\u0020b\"", &[3]),
    ("\"weird key!\"=\"a\\x20b\"", &[3]),
    ("team=\"say \\\"hi\\\"\\\\o/\"", &[3]),
    ("team='say \"hi\"\\\\o/'", &[3]),
    ("team=`say \"hi\"\\o/`", &[3]),
    // What is no escape stays.
    ("team=\"say \\\"hi\\\"\\o/\"", &[3]),
    ("rule=<none>", &[]),
];

#[test]
fn what_is_taken_does_what_it_says() {
    for (text, expected) in TAKEN {
        let matcher = Matcher::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(about(&matcher), *expected, "{text}");
        // As it is shown, it can be given again.
        let shown = matcher.to_string();
        let again = Matcher::parse(&shown).unwrap_or_else(|error| panic!("{text}, {shown}: {error}"));
        assert_eq!((about(&again), again.to_string()), (about(&matcher), shown), "{text}");
    }
}

/// Matchers that are refused: the text, the fault, a part of what to do, and the bytes that it is about.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("", "there is no operator", "write `rule=`", ""),
    ("AuthFailures", "there is no operator", "write `rule=AuthFailures`", "AuthFailures"),
    ("rule:AuthFailures", "there is no operator", "write `rule=", "rule:AuthFailures"),
    ("rule AuthFailures", "there is no operator", "label=value", "rule AuthFailures"),
    ("=x", "there is no label before the operator", "rule=X", "=x"),
    ("\"\"=x", "there is no label before the operator", "rule=X", "\"\"=x"),
    ("rule~=", "`~=` is no operator", "rule=~", "~="),
    ("rule~=Auth", "`~=` is no operator", "`rule=~\"…\"`", "~="),
    ("rule ~= Auth", "`~=` is no operator", "anchored at both ends", "~="),
    ("rule~Auth", "`~` is no operator", "`rule=~", "~"),
    ("rule==Auth", "`==` is no operator", "`rule=…`", "=="),
    ("rule=!Auth", "`=!` is no operator", "`rule!=…`", "=!"),
    ("rule!Auth", "`!` is no operator", "`rule!=…`", "!"),
    ("rule<>Auth", "`<>` is no operator", "`rule!=…`", "<>"),
    ("rule~!Auth", "`~!` is no operator", "`rule!~", "~!"),
    ("rule=~=Auth", "`=~=` is no operator", "stands in quotes", "=~="),
    ("rule= ~Auth", "a value that begins with `~` stands in quotes", "rule=\"~Auth\"", "~Auth"),
    ("rule=~ =Auth", "a value that begins with `=` stands in quotes", "rule=~\"=Auth\"", "=Auth"),
    ("rule=\"Auth", "a quote is not closed", "", "\""),
    ("rule='Auth", "a quote is not closed", "", "'"),
    ("\"rule=Auth", "a quote is not closed", "", "\""),
    ("rule=\"Auth\" x", "there is something behind the quotes", "one value", " x"),
    ("rule=\"a\", team=b", "there is something behind the quotes", "one value", ", team=b"),
    ("rule=a\"b", "there is a quote within the value", "\\\"", "\""),
    ("rule=a,team=b", "there are two matchers in one text", "each by itself", "a,team=b"),
    ("{rule=\"a\"}", "a matcher stands without braces", "rule=X", "{rule=\"a\"}"),
    ("a{b=c", "the label a{b needs quotes", "double quotes", "a{b"),
    ("rule=~(", "not a regular expression: unclosed group", "", "("),
    ("rule=~\"a)|(b\"", "not a regular expression: unopened group", "", "\"a)|(b\""),
    ("rule!~[z-a]", "not a regular expression: invalid character class range", "", "[z-a]"),
];

#[test]
fn what_is_refused_says_what_to_write() {
    for (text, message, hint, at) in REFUSED {
        let error = Matcher::parse(text).unwrap_err();
        assert!(error.message.starts_with(message), "{text}: {}", error.message);
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint);
        assert_eq!(&text[error.at], *at, "{text}");
    }
}

/// Matchers that are read, and make no sense in a silence.
const SENSELESS: &[(&[&str], &str, &str)] = &[
    (&["rule="], "the matcher of `rule` has an empty value", "a variable that is not set looks like this"),
    (&["rule= "], "the matcher of `rule` has an empty value", "rule=~\".+\""),
    (&["rule=\"\""], "the matcher of `rule` has an empty value", "rule!~\".+\""),
    (&["rule!="], "the matcher of `rule` has an empty value", ""),
    (&["rule=~"], "the matcher of `rule` has an empty pattern", ""),
    (&["rule!~\"\""], "the matcher of `rule` has an empty pattern", ""),
    (&["rule=a", "team="], "the matcher of `team` has an empty value", "team=~\".+\""),
    (&["severity=high"], "`high` is not a severity", "info, warning and critical"),
    (&["severity=critcal"], "`critcal` is not a severity", "did you mean `critical`?"),
    (&["rule=a", "severity!=fatal"], "`fatal` is not a severity", ""),
    (&["severity=~crit"], "`crit` matches no severity as a whole", "info, warning and critical"),
    (&["rule!=X"], "`rule!=\"X\"` also matches what has no such label", "rule=~\".+\""),
    (&["rule!~X.*"], "`rule!~\"X.*\"` also matches", ""),
    (&["rule=~.*"], "`rule=~\".*\"` also matches", ""),
    (&["rule!=X", "team!=y"], "`rule!=\"X\", team!=\"y\"` also matches", ""),
    (&[], "a silence needs a matcher", "rule=X"),
];

#[test]
fn what_makes_no_sense_is_refused_wherever_it_is_written() {
    for (texts, message, hint) in SENSELESS {
        let matchers = texts.iter().map(|text| Matcher::parse(text).unwrap());
        let refusals = Matchers::new(matchers).unwrap_err();
        assert!(refusals[0].message.starts_with(message), "{texts:?}: {refusals:?}");
        assert!(refusals[0].hint.as_deref().unwrap_or_default().contains(hint), "{texts:?}: {refusals:?}");
        let yaml = serde_json::json!({"silences": [{"comment": "c", "matchers": texts}]}).to_string();
        let loaded = load(&[SourceFile::new("silences.yml", yaml)]);
        let told: Vec<&str> = loaded.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!((told, loaded.silences.len()), (vec![refusals[0].message.as_str()], 0), "{texts:?}");
    }
}

#[test]
fn of_equals_about_one_label_one_must_be_so_and_of_all_else_everything() {
    for (texts, expected) in [
        (&["rule=AuthFailures", "rule=odd"][..], &[0, 1, 3][..]),
        (&["rule=AuthFailures", "http.route=/login"], &[0]),
        (&["rule=~.+", "rule!=AuthFailures", "rule!=odd"], &[2]),
        (&["rule=AuthFailures", "rule!~Auth.*"], &[]),
        (&["severity=critical", "team!=payments"], &[]),
        (&["severity=warning", "team!=payments"], &[2]),
    ] {
        let matchers = Matchers::new(texts.iter().map(|text| Matcher::parse(text).unwrap())).unwrap();
        let about: Vec<usize> =
            (0..ALERTS.len()).filter(|number| matchers.match_all(&labels(ALERTS[*number]))).collect();
        assert_eq!(about, expected, "{texts:?}");
    }
}

#[test]
fn yaml_and_the_command_line_mean_the_same() {
    for (yaml, texts) in [
        ("{rule: AuthFailures}", &["rule=AuthFailures"][..]),
        (
            "{rule: [AuthFailures, odd], severity: critical}",
            &["rule=AuthFailures", "rule=odd", "severity=critical"],
        ),
        ("[rule=AuthFailures, 'team!~\"x\"']", &["rule=AuthFailures", "team!~x"]),
        ("{rule: {matches: Fail}}", &["rule=~(?s:.*)(?:Fail)(?s:.*)"]),
    ] {
        let loaded =
            load(&[SourceFile::new("s.yml", format!("silences: [{{comment: c, matchers: {yaml}}}]"))]);
        assert_eq!(loaded.findings, [], "{yaml}");
        let given = Matchers::new(texts.iter().map(|text| Matcher::parse(text).unwrap())).unwrap();
        assert_eq!(loaded.silences[0].matchers(), &given, "{yaml}");
    }
}

fn rules() -> Vec<Rule> {
    let text = "
- {name: AuthFailures, labels: {team: payments}, severity: critical, span: {}, group_by: [service_name, http.route], condition: count > 5}
- {name: slow-checkout, labels: {team: shop, area: \"{{ group['http.route'] }}\"}, span: {}, group_by: [http.route], condition: count > 5}
";
    let loaded = load_rules(&[SourceFile::new("r.yml", text)]);
    assert_eq!(loaded.findings, []);
    loaded.rules
}

#[test]
fn what_is_about_nothing_there_is_is_doubted_with_what_was_meant() {
    for (texts, code, message, hint) in [
        (&["rule=AuthFailures"][..], "", "", ""),
        (&["rule=~.+"], "", "", ""),
        (&["service_name=x"], "", "", ""),
        (&["area=x"], "", "", ""),
        (
            &["rule=AuthFailure"],
            "W0601",
            "no rule named `AuthFailure` is loaded",
            "did you mean `AuthFailures`?",
        ),
        (
            &["rule=~^Auth"],
            "W0601",
            "`^Auth` matches the whole name of no rule",
            "patterns are anchored at both ends: write `Auth.*`",
        ),
        (
            &["rule=~Fail"],
            "W0601",
            "`Fail` matches the whole name of no rule",
            "anchored at both ends: write `.*Fail.*`",
        ),
        (&["rule=~nosuch.*"], "W0601", "`nosuch.*` matches the whole name of no rule", ""),
        (&["rule=~.+", "rule!=nosuch"], "W0601", "no rule named `nosuch` is loaded", ""),
        (
            &["servce_name=x"],
            "W0602",
            "no rule has a label or a group key `servce_name`",
            "did you mean `service_name`?",
        ),
        (
            &["Rule=AuthFailures"],
            "W0602",
            "no rule has a label or a group key `Rule`",
            "did you mean `rule`?",
        ),
        (&["team=paymnts"], "W0603", "no rule has the label `team` `paymnts`", "did you mean `payments`?"),
        (&["severity=info"], "W0603", "no rule has the severity `info`", ""),
        (
            &["rule=slow-checkout", "team=payments"],
            "W0604",
            "no rule has all of `rule=\"slow-checkout\", team=\"payments\"`",
            "",
        ),
        (&["rule=slow-checkout", "service_name=x"], "W0604", "no rule has all of", ""),
    ] {
        let matchers = Matchers::new(texts.iter().map(|text| Matcher::parse(text).unwrap())).unwrap();
        let doubts = matchers.doubts(&rules());
        let first = doubts.first();
        assert_eq!(first.map_or("", |doubt| doubt.code.as_str()), code, "{texts:?}: {doubts:?}");
        assert!(first.map_or("", |doubt| &doubt.message).starts_with(message), "{texts:?}: {doubts:?}");
        let told = first.and_then(|doubt| doubt.hint.as_deref()).unwrap_or_default();
        assert!(told.contains(hint) && (told.is_empty() == hint.is_empty()), "{texts:?}: {doubts:?}");
    }
}

#[test]
fn rules_are_reached_wholly_in_part_or_not_at_all() {
    for (texts, expected) in [
        (&["rule=AuthFailures"][..], [Reach::Everything, Reach::Nothing]),
        (&["rule=~.+"], [Reach::Everything, Reach::Everything]),
        (&["http.route=/login"], [Reach::Some, Reach::Some]),
        (&["service_name=x"], [Reach::Some, Reach::Nothing]),
        (&["team=shop", "http.route!=/login"], [Reach::Nothing, Reach::Some]),
        (&["severity=critical", "area!=x"], [Reach::Everything, Reach::Nothing]),
        (&["area=x"], [Reach::Nothing, Reach::Some]),
    ] {
        let matchers = Matchers::new(texts.iter().map(|text| Matcher::parse(text).unwrap())).unwrap();
        let reached: Vec<Reach> = rules().iter().map(|rule| matchers.reach(rule)).collect();
        assert_eq!(reached, expected, "{texts:?}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in any::<String>()) {
        drop(Matcher::parse(&text));
    }

    #[test]
    fn what_is_shown_is_read_as_the_same(label in any::<String>(), value in any::<String>(), negated in any::<bool>()) {
        let matcher = Matcher::equal(label, value.as_str());
        let matcher = if negated { matcher.negated() } else { matcher };
        let shown = matcher.to_string();
        if !matcher.label().is_empty() {
            let again = Matcher::parse(&shown).unwrap();
            prop_assert_eq!(again.label(), matcher.label());
            prop_assert_eq!((again.matches(&value), again.is_negated()), (!negated, negated));
            prop_assert_eq!(again.to_string(), shown);
        }
    }

    #[test]
    fn several_texts_are_shown_as_a_pattern_of_these_alone(one in ".{1,12}", other in ".{1,12}", third in ".{1,12}") {
        let matchers = [&one, &other].map(|value| (Matcher::equal("team", value.as_str()), ()));
        let (matcher, _) = joined(matchers).pop().unwrap();
        let again = Matcher::parse(&matcher.to_string()).unwrap();
        for value in [&one, &other, &third] {
            prop_assert_eq!(again.matches(value), matcher.matches(value), "{}", matcher);
        }
    }
}
