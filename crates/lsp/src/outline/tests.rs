//! The place of a byte, which `¦` marks.

use super::*;

/// `-/span/name` with a role, and the word around it.
fn seen(marked: &str) -> (String, Role, String) {
    let offset = marked.find('¦').unwrap();
    let text = marked.replace('¦', "");
    let place = Place::of(&text, offset);
    let steps = place.path.iter().map(|step| match step {
        Step::Key(key) => key.as_str(),
        Step::Item => "-",
    });
    (steps.collect::<Vec<_>>().join("/"), place.role, text[place.word].to_owned())
}

#[test]
fn a_place_is_found_in_what_is_being_written() {
    for (text, path, role, word) in [
        ("¦", "", Role::Any, ""),
        ("- ¦", "-", Role::Any, ""),
        ("- na¦", "-", Role::Any, "na"),
        ("- name: a\n  ¦", "-", Role::Any, ""),
        ("- name: a\n  sp¦\n", "-", Role::Any, "sp"),
        ("- name: a\n  sp¦an:\n", "-", Role::Key, "span"),
        ("- name: a\n  span:\n    ¦\n  window: 1m\n", "-/span", Role::Any, ""),
        ("- name: a\n  span:\n    serv¦\n  window: 1m\n", "-/span", Role::Any, "serv"),
        ("- name: a\n  span:\n    service_name: au¦\n", "-/span/service_name", Role::Value, "au"),
        ("- name: a\n  span:\n    service_name: ¦\n", "-/span/service_name", Role::Value, ""),
        ("- name: a\n  span:\n    attributes:\n      http.¦\n", "-/span/attributes", Role::Any, "http."),
        ("- name: a\n  condition: count > ¦5\n", "-/condition", Role::Value, "count > 5"),
        ("- name: a\n  condition: >-\n    count > 5\n    and err¦\n", "-/condition", Role::Value, "and err"),
        ("- name: a\n  group_by:\n    - ser¦\n", "-/group_by/-", Role::Any, "ser"),
        ("- name: a\n  group_by:\n  - ser¦\n", "-/group_by/-", Role::Any, "ser"),
        ("- name: a\n  group_by: [service_name, ¦]\n", "-/group_by/-", Role::Value, "]"),
        ("- name: a\n  group_by: [ser¦\n", "-/group_by/-", Role::Value, "ser"),
        ("- name: a\n  span: {¦", "-/span", Role::Key, ""),
        ("- name: a\n  span: {service_name: pay, na¦}\n", "-/span", Role::Key, "na"),
        (
            "- name: a\n  span: {service_name: p¦ay, name: x}\n",
            "-/span/service_name",
            Role::Value,
            "pay, name: x}",
        ),
        ("- {name: a,\n   span: {kind: ¦\n", "-/span/kind", Role::Value, ""),
        ("rules:\n  - name: a\n    win¦\n", "rules/-", Role::Any, "win"),
        ("- name: a\n- name: b\n  eve¦\n", "-", Role::Any, "eve"),
        ("- name: a # co¦mment\n", "", Role::Nothing, "comment"),
        ("- name: \"a: {b\"\n  win¦\n", "-", Role::Any, "win"),
        ("- \"na¦me\": a\n", "-", Role::Key, "\"name\""),
        ("- name: a\n  annotations:\n    summary: |\n      key: x\n    ¦\n", "-/annotations", Role::Any, ""),
        ("sinks:\n  - type: slack\n    u¦\n", "sinks/-", Role::Any, "u"),
    ] {
        let (found_path, found_role, found_word) = seen(text);
        assert_eq!((found_path.as_str(), found_role), (path, role), "{text}");
        if role != Role::Nothing {
            assert_eq!(found_word, word, "{text}");
        }
    }
}

#[test]
fn what_stands_beside_a_place_is_known() {
    let text = "- name: a\n  aggregation:\n    errors: count\n    total: {count: {}}\n  condition: er\n  window: 1m\n- name: b\n";
    let place = Place::of(text, text.find("er\n").unwrap() + 1);
    assert_eq!(place.aggregates, ["errors", "total"]);
    let place = Place::of(text, text.find("window").unwrap() + 2);
    assert_eq!(place.siblings, ["name", "aggregation", "condition"]);
    let text = "sinks:\n  - {type: \"slack\", url: x}\n  - type: sns\n    topic_arn: y\n";
    assert_eq!(Place::of(text, text.find("url").unwrap()).sink.as_deref(), Some("slack"));
    assert_eq!(Place::of(text, text.find("topic").unwrap()).sink.as_deref(), Some("sns"));
}

#[test]
fn no_text_is_too_odd() {
    let text = "- {a: [b, {c: 'd', \"e\": f}], 'ü: ä\n  g: |\n   😀\n- - - x\n---\n? [a]\n: *b\n%x\n}]";
    for offset in 0..=text.len() {
        let place = Place::of(text, offset);
        assert!(place.word.end <= text.len() && place.word.start <= place.word.end, "{offset}: {place:?}");
        let mut cut = text.to_owned();
        cut.truncate(text.floor_char_boundary(offset));
        Place::of(&cut, cut.len());
    }
}
