//! `TraceQL` spanset filters.

use fluo_rules::expr::parse_spanset;

use super::words::EXPRESSION_WORDS;
use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "traceql",
    form: Form::Text,
    run: |input| drop(parse_spanset(&String::from_utf8_lossy(input))),
    seeds: &[],
    endings: &[],
    examples: &[
        "{ resource.service.name = \"auth-service\" && span.http.status_code = 401 }",
        "{ span:status = error && name =~ \"GET .*\" || duration >= 1.5s }",
        "{ .flag && !(.http.method != nil) && kind = server }",
        "{ event:name = \"exception\" && event.exception.type =~ \"Time.*\" && span.\"a b\" = `x` }",
        "{ }",
    ],
    words: EXPRESSION_WORDS,
};
