//! Scenarios that need more than a file and what is told of it (`tests/bad_configs`).

use super::*;
use crate::render::{github, human, json, sarif};
use crate::{SourceFile, load as load_rules};

fn file(text: &str) -> SourceFile {
    SourceFile::new("fluo.yml", text)
}

#[test]
fn a_sound_file_is_its_document() {
    let loaded = load(&file(
        "store: s3://b/p\nrules: [rules, more.yml]\nevery: 90s\nrule_memory_mib: 64\nsinks:\n  \
         - {type: slack, url: {env: SLACK}, severity: [critical], labels: {team: 7}, timeout: 5s}\n  \
         - {type: webhook, name: hook, url: https://a/b, headers: {authorization: Bearer x}, signing_keys: [{env: KEY}, abc]}\n",
    ));
    assert_eq!(loaded.findings, []);
    let expected = serde_json::json!({
        "store": "s3://b/p", "rules": ["rules", "more.yml"], "every": "1m30s", "rule_memory_mib": 64,
        "sinks": [
            {"type": "slack", "url": {"env": "SLACK"}, "severity": ["critical"], "labels": {"team": "7"}, "timeout": "5s"},
            {"type": "webhook", "name": "hook", "url": "https://a/b", "headers": {"authorization": "Bearer x"},
             "signing_keys": [{"env": "KEY"}, "abc"]},
        ],
    });
    assert_eq!(loaded.document, Some(expected));
    let names: Vec<&str> = loaded.sinks.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!(names, ["slack", "hook"]);
    let keys: Vec<&str> = loaded.sinks[1].keys.keys().map(String::as_str).collect();
    assert_eq!(keys, ["headers", "headers.authorization", "name", "signing_keys", "type", "url"]);
    let rules: Vec<&str> = loaded.rules.iter().map(|rules| rules.text.as_str()).collect();
    assert_eq!(rules, ["rules", "more.yml"]);
}

#[test]
fn sinks_with_all_their_lines_commented_out_are_none() {
    let loaded = load(&file("store: a\nrules: [b]\nsinks:\n#  - {type: stdout}\n"));
    assert_eq!((loaded.findings, loaded.document.unwrap()["sinks"].clone()), (vec![], serde_json::json!([])));
}

/// Files with the secret `S3CR3T` in every place where somebody may put one, each with a mistake beside it.
const LEAKY: &[&str] = &[
    "{type: slack, url: https://hooks.example/S3CR3T, severity: [x]}",
    "{type: slack, urll: https://hooks.example/S3CR3T}",
    "{type: slack, url: {https://hooks.example/S3CR3T}}",
    "{type: slack, url: {env: S3CR3T-x}}",
    "{type: slack, url: {env: A, or: S3CR3T}}",
    "{type: slack, url: {env: A, S3CR3T: A}}",
    "{type: slack, url: [S3CR3T]}",
    "{type: slck, url: https://hooks.example/S3CR3T}",
    "{type: https://hooks.example/S3CR3T}",
    "{https://hooks.example/S3CR3T: type}",
    "{type: slack, url: $S3CR3T-x, nme: a}",
    "{type: pagerduty, routing_key: S3CR3T, routng_key: S3CR3T}",
    "{type: pagerduty, routing_key: S3CR3T, routing_key: S3CR3T}",
    "{type: webhook, url: 'https://me:S3CR3T@a.example', headers: {authorization: S3CR3T, authorization: S3CR3T}, x: y}",
    "{type: webhook, url: https://a.example, headers: Bearer S3CR3T}",
    "{type: webhook, url: https://a.example, headers: [authorization, S3CR3T]}",
    "{type: webhook, url: https://a.example, signing_keys: S3CR3T}",
    "{type: webhook, url: https://a.example, signing_keys: [[S3CR3T]]}",
    "{type: stdout, x: y}  # was https://hooks.example/S3CR3T",
    "{type: slack, url: 'https://hooks.example/S3CR3T}",
    "{type: slack, url: \"https://hooks.example/\\S3CR3T\"}",
    "{type: slack, url: *S3CR3T}",
    "{type: slack, url: !S3CR3T x}",
    "{type: slack, url: `S3CR3T}",
    "[https://hooks.example/S3CR3T]",
    "https://hooks.example/S3CR3T",
    "{type: otlp, endpoint: 'https://a?token=S3CR3T', timeout: 5}",
    "{type: sns, topic_arn: 'https://me:S3CR3T@sns', nope: a}",
    "{type: file, path: 'https://me:S3CR3T@sns', nope: a}",
    "{type: teams, url: |\n    https://hooks.example/S3CR3T\n, timeout: 5}",
    "&x {type: teams, url: &y https://hooks.example/S3CR3T, timeout: 5}\n  - {<<: *x, url: *y, name: S3CR3T-b, sevrity: [a]}",
];

#[test]
fn no_secret_is_in_any_message_or_line_of_source() {
    let whole = LEAKY.iter().map(|sink| format!("store: s\nrules: [r]\nsinks:\n  - {sink}\n"));
    let more = [
        "store: s3://id:S3CR3T@bucket/x\nrules: [r]\n",
        "stroe: s3://id:S3CR3T@bucket/x\nrules: [r]\n",
        "store: a\nrules: [r]\ntrace_url: https://me:S3CR3T@a.example\n",
        "S3CR3T\n",
        "S3CR3T: x\n",
        "store: [\nslack_url: https://hooks.example/S3CR3T\n",
        "password: S3CR3T\n---\npassword: S3CR3T\n",
    ];
    for text in whole.chain(more.map(str::to_owned)) {
        for (what, loaded) in [("fluo.yml", load(&file(&text))), ("sinks", load_sinks(&file(&text)))] {
            let shown = loaded.shown();
            assert!(loaded.has_errors(), "{what}: {text}");
            assert_eq!(shown.content.len(), text.len(), "{what}: {text}");
            let files = [shown];
            for told in [
                human::render(&loaded.findings, &files, false),
                json::render(&loaded.findings),
                sarif::render(&loaded.findings),
                github::render(&loaded.findings),
                String::from_utf8_lossy(&files[0].content).into_owned(),
            ] {
                let harmless = told.replace("S3CR3T-b", "");
                assert!(!harmless.contains("S3CR3T"), "{what}: {text}\n{told}");
            }
        }
    }
}

#[test]
fn lists_of_sinks_stand_alone() {
    let loaded = load_sinks(&file("[{type: slack, url: {env: A}}, {type: slack, url: {env: B}}]"));
    let messages: Vec<&str> = loaded.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["a sink is called `slack` already"]);
    let loaded = load_sinks(&file("- {type: stdout}\n- {type: file, path: x}\n"));
    assert_eq!((loaded.findings, loaded.sinks.len()), (vec![], 2));
    for nothing in ["", "sinks: [{type: stdout}]", "a: b"] {
        assert!(load_sinks(&file(nothing)).has_errors(), "{nothing}");
    }
}

#[test]
fn labels_that_no_rule_has_are_told() {
    let rules = load_rules(&[SourceFile::new(
        "r.yml",
        "- {name: a, labels: {team: payments, area: eu}, span: {}, condition: count > 5}\n\
         - {name: b, labels: {zone: '{{ group.zone }}'}, group_by: [zone], span: {}, condition: count > 5}\n",
    )]);
    for (labels, told, hint) in [
        ("{team: payments, area: eu}", "", None),
        ("{zone: z7}", "", None),
        ("{taem: payments}", "no rule has a label `taem`: the sink `stdout` hears of no alert", Some("team")),
        (
            "{team: paymnts}",
            "no rule has the label `team` with the value `paymnts`: the sink `stdout` hears of no alert",
            Some("payments"),
        ),
    ] {
        let loaded =
            load(&file(&format!("store: a\nrules: [b]\nsinks: [{{type: stdout, labels: {labels}}}]\n")));
        assert_eq!(loaded.findings, []);
        let found = loaded.against(&rules.rules);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages.join("\n"), told);
        let hints: Vec<_> =
            found.iter().filter_map(|finding| finding.hint.as_deref().map(str::to_owned)).collect();
        assert_eq!(hints, hint.map(|hint| format!("did you mean `{hint}`?")).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_long_secret_that_repeats_itself_holds_nothing_up() {
    let secret = "not ".repeat(25_000);
    let began = cpu_time::ThreadTime::now();
    let loaded = load(&file(&format!("store: s\nrules: [r]\nexpect: {secret}\n")));
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    let told: Vec<_> = loaded.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(told, ["unknown key `expect` in the configuration"]);
}
