//! `fluo explain`: what a rule means.

use std::sync::Arc;

use fluo_plan::{RulePlan, sql, words};
use fluo_rules::objective::Urgency;
use fluo_rules::rule::Rule;
use fluo_spans::layout::Layout;

use crate::args::{Explain, ExplainFormat};
use crate::exit::{Failure, Status};
use crate::rule_files;
use crate::terminal::Output;

pub(crate) fn run(args: &Explain) -> Result<Status, Failure> {
    let loaded = match rule_files::load_or_tell(&args.rules) {
        Ok((_, loaded)) => loaded,
        Err(status) => return Ok(status),
    };
    let names: Vec<String> = loaded.rules.iter().map(|rule| rule.name.clone()).collect();
    // By its own name, or by that of the objective that it is one of the rules of.
    let is_asked = |rule: &Rule| {
        let of_objective = || Urgency::ALL.iter().any(|urgency| urgency.name_of(&args.rule) == rule.name);
        rule.name == args.rule || (rule.objective().is_some() && of_objective())
    };
    let rules: Vec<Rule> = loaded.rules.into_iter().filter(is_asked).collect();
    if rules.is_empty() {
        return Err(Failure::usage(format!("there is no rule `{}`", args.rule))
            .hint(format!("there are: {}", names.join(", "))));
    }
    let mut output = Output::new();
    for (at, rule) in rules.into_iter().enumerate() {
        if at > 0 {
            output.line("")?;
        }
        explain(&mut output, rule, args.format)?;
    }
    output.finish()?;
    Ok(Status::Done)
}

/// Prints the meaning of one rule.
fn explain(output: &mut Output, rule: Rule, format: ExplainFormat) -> Result<(), Failure> {
    let name = rule.name.clone();
    let failed = |error| Failure::because(format!("could not plan `{name}`"), error);
    let plan = RulePlan::new(Arc::new(rule)).map_err(failed)?;
    let layout = Layout::builtin();
    let statement = || sql::statement(&plan, &layout).map_err(failed);
    match format {
        ExplainFormat::Text => {
            output.line(&words(&plan, &layout))?;
            if sql::has_form(plan.rule()) {
                output.line(&statement()?)?;
            }
        }
        ExplainFormat::Sql => output.line(&statement()?)?,
        ExplainFormat::Plan => {
            let projection = plan.projection(&layout).map_err(failed)?;
            output.line(&plan.describe(&projection))?;
        }
    }
    Ok(())
}
