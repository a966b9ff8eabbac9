//! Tables of limits in CSV files, read with the rule that names them.

use fluo_rules::standalone::standalone;
use fluo_rules::{SourceFile, load, render};

use crate::target::{Form, Target};

const RULE: &str = "- name: calls
  span: {kind: client}
  group_by: [service_name, name]
  limits: {file: limits.csv}
  aggregation: {slow_calls: {count: {where: duration > limit.slow}}}
  condition: slow_calls > limit.calls
";

pub(crate) const TARGET: Target = Target {
    name: "limits",
    form: Form::Text,
    run: |input| {
        let files = [SourceFile::new("rules.yml", RULE), SourceFile::new("limits.csv", input)];
        let loaded = load(&files);
        drop(render::human::render(&loaded.findings, &files, false));
        for rule in &loaded.rules {
            let alone = standalone(rule);
            let again = load(&[SourceFile::new("alone.yml", alone.as_str())]);
            assert_eq!(again.rules.len(), 1, "its own text does not load: {alone}\n{:?}", again.findings);
            assert_eq!(again.rules[0].limits, rule.limits, "its own text has other limits: {alone}");
        }
    },
    seeds: &["docs/examples", "crates/rules/tests/bad"],
    endings: &[".csv"],
    examples: &[
        "service_name,name,slow,calls\ncheckout,POST /pay,540ms,3\n,,2s,10\n",
        "\u{feff}name,slow,calls\r\n\"GET /a,b\",\"1s\",5\r\n(none),1m,5%\r\n",
    ],
    words: &[",", "\"", "\n", "\r\n", ";", "(none)", "540ms", "2s", "3", "5%", "-1", "1e9", "name", "slow"],
};
