//! `fluo eval`: every violation in a range of stored spans.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use fluo_alerts::template::Renderer;
use fluo_alerts::violation::Violation;
use fluo_engine::{AsOf, Asked, Observed, Range, SpanSource, record, session};
use fluo_plan::RulePlan;
use fluo_rules::rule::Rule;
use fluo_time::moment;

use crate::args::{Eval, EvalFormat};
use crate::edge::now;
use crate::exit::{Failure, Status, chain};
use crate::progress::Progress;
use crate::rule_files;
use crate::spans::{self, Spans};
use crate::table::violations_table;
use crate::terminal::{self, Output};

pub(crate) async fn run(args: &Eval) -> Result<Status, Failure> {
    let range = range(args.from.as_deref(), args.to.as_deref())?;
    let loaded = match rule_files::load_or_tell(&args.rules) {
        Ok((_, loaded)) => loaded,
        Err(status) => return Ok(status),
    };
    let mut spans = spans::open(&args.spans).await?;
    let session = session();
    let judged = judge(&session, loaded.rules, &mut spans, range).await;
    let mut output = Output::new();
    match args.format {
        EvalFormat::Table => output.text(&violations_table(&judged.violations))?,
        EvalFormat::Json => output.json(&judged.violations)?,
        EvalFormat::Ndjson => {
            for violation in &judged.violations {
                output.json(violation)?;
            }
        }
    }
    output.finish()?;
    Ok(if judged.failed || spans.incomplete {
        Status::Failed
    } else if args.fail_on_violation && !judged.violations.is_empty() {
        Status::Found
    } else {
        Status::Done
    })
}

/// Returns the range from `--from` to `--to`.
pub(super) fn range(from: Option<&str>, to: Option<&str>) -> Result<Range, Failure> {
    let now = now();
    let moment = |text: Option<&str>| {
        let parsed = text.map(|text| moment::parse(text, now)).transpose();
        parsed.map_err(|error| Failure::usage(error.to_string()))
    };
    let range = Range { from: moment(from)?, to: moment(to)? };
    if let (Some(from), Some(to)) = (range.from, range.to)
        && from > to
    {
        return Err(Failure::usage("--from lies behind --to"));
    }
    Ok(range)
}

/// The result of judging all rules.
struct Judged {
    /// The violations, in the order of records.
    violations: Vec<Violation>,
    /// True if some rule could not be judged, and was told of.
    failed: bool,
}

async fn judge(session: &SessionContext, rules: Vec<Rule>, spans: &mut Spans, range: Range) -> Judged {
    let mut judged = Judged { violations: Vec::new(), failed: false };
    let mut plans = Vec::new();
    for rule in rules.into_iter().filter(|rule| rule.enabled).map(Arc::new) {
        match RulePlan::new(Arc::clone(&rule)) {
            Ok(plan) => plans.push(plan),
            Err(error) => judged.not(&rule, &error),
        }
    }
    let mut progress = Progress::new("eval", spans.bytes);
    let look = async |source: &SpanSource| {
        let asked = plans.iter().map(|plan| {
            let stretches = fluo_engine::moments(plan, source, range).into_iter().collect();
            Asked { as_of: range.to.map_or(AsOf::ALL, AsOf::of), ..Asked::new(plan, stretches) }
        });
        let asked: Vec<_> = asked.collect();
        let judged = fluo_engine::judge(session, source, &asked).await?;
        Ok((judged, asked.iter().map(|asked| asked.stretches.is_empty()).collect::<Vec<_>>()))
    };
    let outcome = spans.without_faulty(look).await;
    progress.add(spans.bytes, spans.count);
    match outcome {
        Ok((outcome, nothing_judged)) => {
            if outcome.id_conflicts > 0 {
                terminal::note(&format!(
                    "warning: ids were used twice: {} spans are copies that differ from another, and one of each counts",
                    outcome.id_conflicts
                ));
            }
            for ((plan, violations), nothing_judged) in plans.iter().zip(outcome.rules).zip(nothing_judged) {
                match violations {
                    Ok(violations) => judged.add(plan.rule(), &violations, nothing_judged),
                    Err(error) => judged.not(plan.rule(), &error),
                }
            }
        }
        Err(error) => plans.iter().for_each(|plan| judged.not(plan.rule(), &error)),
    }
    judged.violations.sort_by(Violation::in_order);
    judged
}

impl Judged {
    fn not(&mut self, rule: &Rule, error: &dyn std::error::Error) {
        self.failed = true;
        terminal::note(&format!("error: {} was not judged: {}", rule.name, chain(error)));
    }

    fn add(&mut self, rule: &Rule, violations: &[Observed], nothing_judged: bool) {
        if nothing_judged {
            terminal::note(&format!(
                "warning: {}: there was no moment to judge: the range lies outside the spans, or these are shorter than \
                 the window of {}; --from and --to say otherwise",
                rule.name, rule.window
            ));
        }
        let renderer = Renderer::new(None);
        for observed in violations {
            let (violation, failure) = record::violation(rule, observed, &renderer);
            if let Some(failure) = failure {
                terminal::note(&format!(
                    "warning: {}: the summary's template failed, the default stands instead: {failure}",
                    rule.name
                ));
            }
            self.violations.push(violation);
        }
    }
}
