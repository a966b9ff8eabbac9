//! `fluo eval`: every violation in a range of stored spans.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use datafusion::prelude::SessionContext;
use fluo_alerts::template::Renderer;
use fluo_alerts::time;
use fluo_alerts::violation::Violation;
use fluo_engine::{Range, evaluate, record, session};
use fluo_plan::RulePlan;
use fluo_rules::rule::Rule;

use crate::args::{Eval, EvalFormat};
use crate::exit::{Failure, Status, chain};
use crate::progress::Progress;
use crate::spans::{self, Spans};
use crate::table::violations_table;
use crate::terminal::{self, Output};
use crate::rule_files;

pub(crate) async fn run(args: &Eval) -> Result<Status, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let moment = |text: &Option<String>| {
        let parsed = text.as_deref().map(|text| time::parse(text, now)).transpose();
        parsed.map_err(|error| Failure::usage(error.to_string()))
    };
    let range = Range { from: moment(&args.from)?, to: moment(&args.to)? };
    if let (Some(from), Some(to)) = (range.from, range.to)
        && from > to
    {
        return Err(Failure::usage("--from lies behind --to"));
    }
    let loaded = match rule_files::load_or_tell(&args.rules) {
        Ok(loaded) => loaded,
        Err(status) => return Ok(status),
    };
    let spans = spans::open(&args.spans).await?;
    let session = session();
    let judged = judge(&session, loaded.rules, &spans, range).await;
    let mut output = Output::new();
    match args.format {
        EvalFormat::Table => output.text(&violations_table(&judged.violations))?,
        EvalFormat::Json => output.line(&json(&judged.violations)?)?,
        EvalFormat::Ndjson => {
            for violation in &judged.violations {
                output.line(&json(violation)?)?;
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

/// What judging all rules gave.
struct Judged {
    /// In the order of records.
    violations: Vec<Violation>,
    /// Some rule could not be judged, and was told of.
    failed: bool,
}

async fn judge(session: &SessionContext, rules: Vec<Rule>, spans: &Spans, range: Range) -> Judged {
    let renderer = Renderer::new(None);
    let mut judged = Judged { violations: Vec::new(), failed: false };
    let rules: Vec<Rule> = rules.into_iter().filter(|rule| rule.enabled).collect();
    // Each rule is a pass of its own over the spans.
    let mut progress = Progress::new("eval", spans.bytes * rules.len() as u64);
    for rule in rules {
        let rule = Arc::new(rule);
        let outcome = match RulePlan::new(Arc::clone(&rule)) {
            Ok(plan) => evaluate(session, &plan, &spans.source, range).await,
            Err(error) => Err(error.into()),
        };
        progress.add(spans.bytes, spans.spans);
        match outcome {
            Ok(outcome) => {
                if outcome.id_conflicts > 0 {
                    terminal::note(&format!(
                        "warning: {}: ids were used twice: {} spans have copies that differ, and one of each counts",
                        rule.name, outcome.id_conflicts
                    ));
                }
                for observed in &outcome.violations {
                    let (violation, failure) = record::violation(&rule, observed, &renderer);
                    if let Some(failure) = failure {
                        terminal::note(&format!(
                            "warning: {}: the summary's template failed, the default stands instead: {failure}",
                            rule.name
                        ));
                    }
                    judged.violations.push(violation);
                }
            }
            Err(error) => {
                judged.failed = true;
                terminal::note(&format!("error: {} was not judged: {}", rule.name, chain(&error)));
            }
        }
    }
    judged.violations.sort_by(Violation::in_order);
    judged
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::because("could not write JSON", error))
}
