//! Template languages of other alerting tools, recognised where they stand, so that a hint can say the same in ours.

/// Returns the text to write for the construct of another language that begins near byte `at`.
pub(super) fn hint(text: &str, at: usize) -> Option<String> {
    let open = text.get(..at.saturating_add(2).min(text.len()))?.rfind("{{")?;
    let body = text[open + 2..].split("}}").next()?.trim();
    if body.contains("$value") || body.starts_with(".Value") || body.contains(" .Value") {
        return Some("values are written `{{ value.NAME }}`, NAME an aggregate such as `count`".to_owned());
    }
    if let Some(key) = label(body) {
        return Some(format!(
            "a group's values are written `{{{{ group['{key}'] }}}}`, the rule's labels `{{{{ labels['{key}'] }}}}`"
        ));
    }
    let blocks = "blocks are written `{% if state == 'firing' %}…{% endif %}`, `{% for span in evidence %}…{% endfor %}`";
    let filters = "filters stand behind: `{{ value.count | humanize }}`, `percent`, `duration`, `iso`";
    match body.split_whitespace().next()? {
        word if word.starts_with(['#', '^', '/']) => Some(blocks.to_owned()),
        word if word.starts_with(['$', '.']) => {
            Some("variables have no `$` or `.` before them: `{{ rule }}`, `{{ value.count }}`".to_owned())
        }
        "if" | "with" | "range" | "else" | "end" => Some(blocks.to_owned()),
        "printf" | "humanize" | "humanizePercentage" | "humanizeDuration" | "toUpper" | "title" => {
            Some(filters.to_owned())
        }
        _ => None,
    }
}

/// The key in `$labels.KEY`, `.Labels.KEY`, `.CommonLabels.KEY`.
fn label(body: &str) -> Option<&str> {
    let behind = ["$labels.", ".Labels.", ".CommonLabels.", ".GroupLabels."]
        .iter()
        .find_map(|prefix| Some(&body[body.find(prefix)? + prefix.len()..]))?;
    let end = behind.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(behind.len());
    (end > 0).then(|| &behind[..end])
}

#[cfg(test)]
mod tests {
    use super::super::{Names, check};

    #[test]
    fn what_other_tools_write_is_told_in_our_words() {
        for (text, part) in [
            ("{{ $value }} errors", "`{{ value.NAME }}`"),
            ("{{ $value | humanizePercentage }}", "`{{ value.NAME }}`"),
            ("{{ humanize $value }}", "`{{ value.NAME }}`"),
            ("{{ printf \"%.2f\" $value }}", "`{{ value.NAME }}`"),
            ("{{ $labels.service }} is down", "`{{ group['service'] }}`"),
            ("{{ .Labels.service }}", "`{{ group['service'] }}`"),
            ("{{ .CommonAnnotations.summary }}", "`{{ rule }}`"),
            ("{{ range .Alerts }}x{{ end }}", "`{% for span in evidence %}…"),
            ("{{#is_alert}}x{{/is_alert}}", "`{% if state == 'firing' %}…"),
            ("{{ if eq .Status \"firing\" }}x{{ end }}", "`{% if state == 'firing' %}…"),
        ] {
            let problems = check(text, &Names::default());
            let hint = problems
                .first()
                .and_then(|problem| problem.hint.as_deref().map(str::to_owned))
                .unwrap_or_default();
            assert!(hint.contains(part), "{text}: {problems:?}");
        }
    }
}
