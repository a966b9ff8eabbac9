//! One tick over what is deployed: the files of the store as they arrive, rule files, silences.

use std::collections::BTreeMap;

use fluo_alerts::life_cycle::Mutes;
use fluo_alerts::log::Level;
use fluo_alerts::step;
use fluo_alerts::step::traced;
use fluo_rules::SourceFile;
use fluo_time::moment;
use object_store::path::Path;
use serde_json::{Value, json};

use crate::arrivals::Live;
use crate::chain;
use crate::error::TickError;
use crate::evaluate::Evaluator;
use crate::host::Host;
use crate::layout::LayoutChange;
use crate::request::Request;
use crate::silences::{self, Silences};
use crate::tick::{Deployed, Ticked, tick};

/// The files that are deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Rule files.
    pub rules: Vec<SourceFile>,
    /// Silences beside them.
    pub silences: Vec<SourceFile>,
}

/// The result of a tick, and what was wrong around it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveTick {
    /// The tick's result.
    pub ticked: Ticked,
    /// Warnings that there is no rule yet, and of what is wrong with silences: those that are not sound are not in
    /// force. Better told than silent.
    pub warnings: Vec<String>,
}

impl LiveTick {
    /// Returns its log lines beside those of its evaluations, which were told as they were made ([`Host::evaluated`]).
    pub fn lines(&self) -> Vec<(Level, &str, Value)> {
        let Ticked {
            troubles,
            broken_files,
            delivered,
            overtaken,
            unfinished,
            future,
            page_error,
            layout,
            ..
        } = &self.ticked;
        let mut lines: Vec<(Level, &str, Value)> = Vec::new();
        lines.extend(future.map(|future| {
            let message = "the state is from the future: nothing is evaluated. `fluo set-back` sets it right";
            (Level::Error, message, json!({"state": moment::format(future)}))
        }));
        lines.extend(self.warnings.iter().map(|warning| (Level::Warning, warning.as_str(), Value::Null)));
        // These at every evaluation: they are the user's to mend.
        let broken = broken_files.iter().map(|(file, reason)| {
            (Level::Error, "a rule file does not load", json!({"file": file, "reason": reason}))
        });
        lines.extend(broken);
        lines.extend(troubles.iter().map(|told| {
            let (level, message) = if told.event.is_closed() {
                (Level::Info, "a trouble is over")
            } else {
                (Level::Warning, "a trouble was told")
            };
            (level, message, json!({"event": told.event, "title": told.title, "reason": told.reason}))
        }));
        let failed = |level, message| move |failure: &String| (level, message, json!({"delivery": failure}));
        lines.extend(
            delivered.failed.iter().map(failed(Level::Warning, "not delivered, and tried again later")),
        );
        lines.extend(delivered.given_up.iter().map(failed(Level::Error, "given up")));
        if let Some(change) = layout {
            let is_new = matches!(change, LayoutChange::New { .. });
            let (message, fields) = change.line();
            lines.push((if is_new { Level::Info } else { Level::Warning }, message, fields));
        }
        lines.extend(page_error.iter().map(|reason| {
            (
                Level::Warning,
                "the page could not be written: the next evaluation tries again",
                json!({"reason": reason}),
            )
        }));
        if *overtaken {
            lines.push((Level::Info, "another evaluator was first", Value::Null));
        }
        if delivered.postponed > 0 {
            let waiting = json!({"deliveries": delivered.postponed});
            lines.push((Level::Warning, "not all is delivered: the next tick goes on", waiting));
        }
        if *unfinished {
            lines.push((Level::Warning, "not caught up yet: the next tick goes on", Value::Null));
        }
        lines
    }
}

/// Evaluates up to the request's time what arrived in `spans/` of the host's store, and delivers.
pub async fn tick_live(
    evaluator: &Evaluator,
    files: &Files,
    host: Host<'_>,
    request: Request,
) -> Result<LiveTick, TickError> {
    let tick = step!("tick", fluo.eval_time = moment::format(request.eval_time));
    traced(tick, Box::pin(evaluate_and_deliver(evaluator, files, host, request))).await
}

async fn evaluate_and_deliver(
    evaluator: &Evaluator,
    files: &Files,
    host: Host<'_>,
    request: Request,
) -> Result<LiveTick, TickError> {
    let loaded = fluo_rules::silence::load(&files.silences);
    let mut warnings: Vec<String> = loaded
        .findings
        .iter()
        .map(|finding| format!("{}:{}: {}", finding.place.file, finding.place.start.line, finding.message))
        .collect();
    if files.rules.is_empty() {
        warnings.push("there is no rule yet: nothing is judged until there is one".to_owned());
    }
    let mut silenced = Silences(loaded.silences);
    match silences::read(host.root).await {
        Ok((more, _)) => silenced.0.extend(more),
        Err(error) => warnings.push(format!("silences are not in force: {}", chain(&error))),
    }
    let covering = |labels: &BTreeMap<String, String>| silenced.covering(labels, request.eval_time);
    let deployed = Deployed { rules: &files.rules, mutes: Mutes { silenced: &covering } };
    let arrivals = Live { store: host.root.store.clone(), spans: host.root.at(&Path::from("spans")) };
    let ticked = tick(evaluator, &arrivals, deployed, host, request).await?;
    if ticked.nothing_new {
        // They are told with every evaluation, and this is none.
        warnings.clear();
    }
    Ok(LiveTick { ticked, warnings })
}

#[cfg(test)]
mod tests;
