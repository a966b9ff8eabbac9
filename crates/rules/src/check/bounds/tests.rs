//! Conditions that are decided, and conditions that are not.

use crate::{SourceFile, load};

/// The codes of a rule's findings, with the part that they underline.
fn found(condition: &str) -> Vec<(String, String)> {
    let text = format!(
        "- name: r\n  span: {{}}\n  aggregation: {{errors: {{count: {{where: status = error}}}}, users: {{count_distinct: user.id}}, p95: {{p95: duration}}, bytes: {{sum: size}}, speed: {{rate: 1s}}}}\n  condition: {condition}\n"
    );
    let findings = load(&[SourceFile::new("r.yml", text.as_str())]).findings;
    let shown = |finding: &crate::diagnostic::Finding| {
        (finding.code.to_string(), text[finding.place.bytes.clone()].to_owned())
    };
    findings.iter().map(shown).collect()
}

#[test]
fn what_is_decided_is_told_and_what_is_not_is_left_alone() {
    for (condition, code, part) in [
        ("errors / count > 5", "E0212", "errors / count > 5"),
        ("errors / count > 500%", "E0212", "errors / count > 500%"),
        ("count > 100 and errors / count > 5", "E0212", "errors / count > 5"),
        ("gt(errors / count, 5)", "E0212", "gt(errors / count, 5)"),
        ("5 < errors / count", "E0212", "5 < errors / count"),
        ("users / count > 1", "E0212", "users / count > 1"),
        ("errors * 100 / count > 5", "", ""),
        ("100 * (errors / count) > 101", "E0212", "100 * (errors / count) > 101"),
        ("errors / count >= 1", "", ""),
        ("errors / count > 5%", "", ""),
        ("count / errors > 5", "", ""),
        ("errors / users > 5", "", ""),
        ("count < 0", "E0212", "count < 0"),
        ("count > -1", "E0212", "count > -1"),
        ("count >= 0", "E0212", "count >= 0"),
        ("count <= 0", "", ""),
        ("count = 0", "", ""),
        ("count = -1", "E0212", "count = -1"),
        ("count != -1", "E0212", "count != -1"),
        ("not (count < 0)", "E0212", "(count < 0)"),
        ("between(count, -5, -1)", "E0212", "between(count, -5, -1)"),
        ("between(count, 0, 10)", "", ""),
        ("p95 < 0s", "E0212", "p95 < 0s"),
        ("p95 > -1s", "E0212", "p95 > -1s"),
        ("bytes < 0", "", ""),
        ("bytes - count > 0", "", ""),
        ("speed >= 0", "E0212", "speed >= 0"),
        ("abs(count - 5) < 0", "E0212", "abs(count - 5) < 0"),
        ("count > 5 and errors >= 0", "W0209", "errors >= 0"),
        ("count > 5 or errors < 0", "W0209", "errors < 0"),
        ("errors > 5%", "E0211", "errors > 5%"),
        ("count > 5 and errors > 0.5%", "E0211", "errors > 0.5%"),
        ("errors > 5 or count > 7", "", ""),
    ] {
        let told = found(condition);
        let first = told.first().map_or(("", ""), |(code, part)| (code.as_str(), part.as_str()));
        assert_eq!((first, told.len() <= 1), ((code, part), true), "{condition}: {told:?}");
    }
}
