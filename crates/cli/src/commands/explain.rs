//! `fluo explain`: what a rule means.

use std::sync::Arc;

use fluo_plan::{RulePlan, sql, words};
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
    let Some(rule) = loaded.rules.into_iter().find(|rule| rule.name == args.rule) else {
        return Err(Failure::usage(format!("there is no rule `{}`", args.rule))
            .hint(format!("there are: {}", names.join(", "))));
    };
    let failed = |error| Failure::because(format!("could not plan `{}`", args.rule), error);
    let plan = RulePlan::new(Arc::new(rule)).map_err(failed)?;
    let layout = Layout::builtin();
    let statement = || sql::statement(&plan, &layout).map_err(failed);
    let mut output = Output::new();
    match args.format {
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
    output.finish()?;
    Ok(Status::Done)
}
