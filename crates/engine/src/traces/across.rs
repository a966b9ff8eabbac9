//! Rules across traces: occasions that break them, among spans that belong together by the values of keys.
//!
//! ```text
//! matched   one pass: the spans that can be steps of any rule, with the values of its keys
//! verdict   the spans of each combination of values against the rule: what each occasion breaks, and since when
//! ```
//!
//! Of a span that can be no step nothing is kept, and of one that can be some its ids, its end and the number of its keys.

mod matched;
mod verdict;

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use fluo_spans::identity::SpanKey;

use super::{Found, Question, Violation, reads};
use crate::error::EngineError;
use crate::source::SpanSource;
use crate::work::each;
use matched::{Matched, matched};
use verdict::{Broken, Known, Point, Together};

/// The violations of each of these rules.
pub(super) async fn violations(
    questions: &[Question<'_>],
    session: &SessionContext,
    source: &SpanSource,
) -> Result<Found, EngineError> {
    let reads = reads(questions);
    if reads.is_empty() {
        return Ok(questions.iter().map(|_| Ok(Vec::new())).collect());
    }
    let matched = matched(session, source, questions, &reads).await?;
    let of_rules: Vec<_> = questions.iter().zip(matched).collect();
    Ok(each(of_rules, |(question, matched)| Ok(of_rule(question, matched, source))).await)
}

/// The violations of one rule, by moment and occasion.
fn of_rule(question: &Question<'_>, mut matched: Matched, source: &SpanSource) -> Vec<Violation> {
    let known =
        Known { settled_to: question.asked.as_of.settled_to, is_damaged: &|ends| source.is_damaged(ends) };
    matched.sort();
    let most = question.asked.plan.rule().evidence_limit as usize;
    let mut found = Vec::new();
    for (keys, points) in matched.by_keys() {
        let broken = Together::of(question.rule, &points, most).violations(known);
        found.extend(broken.into_iter().map(|broken| Violation::of_occasion(broken, &points, keys)));
    }
    found.sort_by(|one, other| {
        let place = |of: &Violation| (of.at, of.subject.0, of.subject.1, of.subject.2);
        place(one).cmp(&place(other)).then_with(|| one.keys.cmp(&other.keys))
    });
    found
}

impl Violation {
    /// Of an occasion among spans with these keys.
    fn of_occasion(broken: Broken, points: &[Point], keys: &Arc<[String]>) -> Self {
        let key = |at: usize| -> SpanKey { (points[at].trace, points[at].span, points[at].end) };
        let Broken { at, demands, occasion, evidence } = broken;
        Self {
            at,
            demands,
            counts: Vec::new(),
            subject: key(occasion),
            root: None,
            own: None,
            keys: Arc::clone(keys),
            evidence: evidence.into_iter().map(key).collect(),
        }
    }
}
