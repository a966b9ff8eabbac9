//! Expressions over spans and over aggregates.

use fluo_rules::expr::{Context, parse, parse_field};

use super::words::EXPRESSION_WORDS;
use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "expression",
    form: Form::Text,
    run: |input| {
        let text = String::from_utf8_lossy(input);
        let contexts = [Context::Where, Context::Condition { aggregates: &[] }];
        for context in contexts {
            if let Ok(expression) = parse(&text, context) {
                let printed = expression.to_string();
                assert_eq!(
                    parse(&printed, context).map(|again| again.to_string()),
                    Ok(printed.clone()),
                    "`{printed}` does not print as itself"
                );
            }
        }
        drop(parse_field(&text));
    },
    seeds: &[],
    endings: &[],
    examples: &[
        "gt(count, 5)",
        "count > 5 and rate >= 0.5",
        "not (count = 0) or count / 2 > 1_000",
        "status = error and duration > 1.5s",
        "span.http.route =~ \"/api/.*\" and .http.status_code in [500, 502, \"503\"]",
        "coalesce(span[\"weird key!\"], resource.k8s.pod.name) != \"x\"",
        "contains(lower(name), \"a\") or starts_with(status_message, \"b\")",
        "between(duration, 1ms, 2h) and root = true",
    ],
    words: EXPRESSION_WORDS,
};
