//! `fluo suggest`: rules from what the system has done, for people to review.

mod backtest;
mod folder;
mod learn;
mod summary;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use fluo_engine::{
    Asked, EngineError, SessionContext, SoughtTrace, SpanSource, judge, session, whole_traces,
};
use fluo_plan::RulePlan;
use fluo_rules::{SourceFile, load};
use fluo_suggest::TraceId;
use fluo_suggest::attributes::{self, NearAttribute};
use fluo_suggest::mark::marked;
use fluo_suggest::proposal::{Fired, Past, Proposal, Proposals, TestOf};
use fluo_time::{Nanos, TimeRange, moment};

use crate::args::{Suggest, SummaryFormat};
use crate::exit::{Failure, Status};
use crate::spans::{self, Spans};
use crate::terminal::Output;
use backtest::Backtest;
use folder::Folder;
use learn::Learned;
pub(super) use learn::{unlearned, visited};
use summary::Summary;

/// Proposals are judged over the past so often at most: each time without what fired.
const MOST_ROUNDS: usize = 6;

/// Most attributes that nearly all spans have of which traces are looked for.
const MOST_LACKING: usize = 20;

/// Most traces that are named for one.
const MOST_TRACES: usize = 3;

pub(crate) async fn run(args: &Suggest) -> Result<Status, Failure> {
    let folder = Folder::open(&args.out)?;
    let mut spans = spans::open(std::slice::from_ref(&PathBuf::from(&args.spans))).await?;
    let within = range(args, &spans)?;
    let session = session();
    let found = spans
        .without_faulty(async |source: &SpanSource| find(&session, source, within).await)
        .await
        .map_err(|error| Failure::because("could not read the spans", error))??;
    let texts = found.files();
    let kept = folder.write(&texts)?;
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Json => output.json(&Summary::of(&found, &kept))?,
        SummaryFormat::Human => output.text(&told::human(&found, &kept, &args.out))?,
    }
    output.finish()?;
    Ok(if spans.incomplete { Status::Failed } else { Status::Done })
}

/// The times in which the spans end that are learned from.
fn range(args: &Suggest, spans: &Spans) -> Result<TimeRange, Failure> {
    let Some(ends) = spans.source.ends() else {
        return Err(Failure::usage(format!("there is no span in `{}`", args.spans)));
    };
    let to = match &args.to {
        Some(text) => moment::parse(text, ends.to)
            .map_err(|error| Failure::usage(format!("--to: {error}")))?
            .min(ends.to),
        None => ends.to,
    };
    let since = match Nanos::parse(&args.since) {
        Ok(since) if since.0 > 0 => since.0,
        Ok(_) => return Err(Failure::usage("--since must be longer than nothing")),
        Err(error) => return Err(Failure::usage(format!("--since: {error}")).hint(error.hint())),
    };
    let from = to.saturating_sub(since).max(ends.from);
    if from > to {
        return Err(Failure::usage(format!(
            "no span of `{}` ended before {}",
            args.spans,
            moment::format(to)
        ))
        .hint(format!("its first span ended at {}", moment::format(ends.from))));
    }
    Ok(TimeRange { from, to })
}

/// Everything that is told and written.
pub(super) struct Found {
    pub(super) learned: Learned,
    pub(super) proposals: Proposals,
    /// The groups that fired over the past, and were left out or allowed.
    pub(super) fired: Fired,
    /// By proposal, the text of its test.
    tests: Vec<String>,
    /// Attributes that nearly all spans of an operation carry, in words, and the traces of those that do not.
    pub(super) lacking: Vec<Lacking>,
}

/// Something that nearly all spans have, and traces of those that do not.
pub(super) struct Lacking {
    pub(super) what: String,
    /// The number of spans that have it, and of all.
    pub(super) has: u64,
    pub(super) of: u64,
    pub(super) traces: Vec<TraceId>,
}

impl Found {
    pub(super) fn past(&self) -> Past<'_> {
        self.learned.past()
    }

    /// The files, by name.
    fn files(&self) -> Vec<(String, String)> {
        let of_proposal = |(proposal, test): (&Proposal, &String)| {
            [
                (format!("{}.yml", proposal.file), marked(&proposal.text)),
                (format!("{}.test.yml", proposal.file), marked(test)),
            ]
        };
        self.proposals.rules.iter().zip(&self.tests).flat_map(of_proposal).collect()
    }
}

/// Learns, proposes, and judges the proposals over what they were learned from until none of them fires.
async fn find(
    session: &SessionContext,
    source: &SpanSource,
    within: TimeRange,
) -> Result<Result<Found, Failure>, EngineError> {
    let learned = match learn::learn(session, source, within).await? {
        Ok(learned) => learned,
        Err(failure) => return Ok(Err(failure)),
    };
    let (mut fired, mut quiet) = (Fired::new(), BTreeSet::new());
    for _ in 0..MOST_ROUNDS {
        let proposals = Proposals::of(&learned.past(), &fired);
        // What did not fire does not fire the next time.
        let unjudged = proposals.rules.iter().filter(|proposal| !quiet.contains(&proposal.text));
        let unjudged: Vec<&Proposal> = unjudged.collect();
        let backtest = match Backtest::of(&sources(&unjudged)) {
            Ok(backtest) => backtest,
            Err(failure) => return Ok(Err(failure)),
        };
        let again = backtest.over(session, source, within).await?;
        if again.is_empty() {
            let tests = tests(session, source, &learned, &proposals).await?;
            let lacking = lacking(session, source, &learned).await?;
            return Ok(Ok(Found { learned, proposals, fired, tests, lacking }));
        }
        let has_fired = |proposal: &Proposal| again.iter().any(|(rule, _)| *rule == proposal.rule);
        let quiet_now = unjudged.into_iter().filter(|proposal| !has_fired(proposal));
        quiet.extend(quiet_now.map(|proposal| proposal.text.clone()));
        let before = fired.len();
        fired.extend(again);
        if fired.len() == before {
            // The next proposals would be the same.
            break;
        }
    }
    let names: BTreeSet<&str> = fired.iter().map(|(rule, _)| rule.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    Ok(Err(Failure::because("could not find rules that never fire over this past", names.join(", "))))
}

/// The traces of spans that lack what nearly all others have, found by rules as the engine finds all else.
async fn lacking(
    session: &SessionContext,
    source: &SpanSource,
    learned: &Learned,
) -> Result<Vec<Lacking>, EngineError> {
    let past = learned.past();
    let nearly: Vec<NearAttribute<'_>> = attributes::nearly(&past).into_iter().take(MOST_LACKING).collect();
    let name = |number: usize| format!("lacking-{number:02}");
    let rules = nearly.iter().enumerate().map(|(number, nearly)| nearly.rule(&name(number), &past));
    let file = SourceFile::new("lacking.yml", rules.collect::<String>().as_str());
    let plans: Vec<RulePlan> = load(&[file])
        .rules
        .into_iter()
        .map(|rule| RulePlan::new(Arc::new(rule)))
        .collect::<Result<_, _>>()?;
    let asked: Vec<Asked<'_>> = plans.iter().map(|plan| Asked::new(plan, vec![learned.within])).collect();
    let mut found = Vec::new();
    for ((number, plan), violations) in
        plans.iter().enumerate().zip(judge(session, source, &asked).await?.rules)
    {
        let Some(nearly) = nearly.get(number).filter(|_| plan.rule().name == name(number)) else { continue };
        let mut traces: Vec<TraceId> = violations?
            .into_iter()
            .flat_map(|violation| violation.evidence)
            .map(|span| span.trace_id)
            .collect();
        traces.sort_unstable();
        traces.dedup();
        traces.truncate(MOST_TRACES);
        let NearAttribute { operation, key, of, lacking, .. } = nearly;
        let what = format!("{operation} has {key}");
        found.push(Lacking { what, has: of - lacking, of: *of, traces });
    }
    Ok(found)
}

fn sources(proposals: &[&Proposal]) -> Vec<SourceFile> {
    let source = |proposal: &&Proposal| {
        SourceFile::new(format!("{}.yml", proposal.file).as_str(), proposal.text.as_str())
    };
    proposals.iter().map(source).collect()
}

/// The tests of proposals, of the traces in which they show.
async fn tests(
    session: &SessionContext,
    source: &SpanSource,
    learned: &Learned,
    proposals: &Proposals,
) -> Result<Vec<String>, EngineError> {
    let examples = proposals.rules.iter().filter_map(|proposal| match &proposal.test {
        TestOf::Trace(example, _) => Some(example),
        TestOf::Written(_) => None,
    });
    let sought: BTreeMap<[u8; 16], SoughtTrace> = examples
        .map(|example| (example.trace, SoughtTrace { ends: example.ends, spans: BTreeSet::new() }))
        .collect();
    let traces = whole_traces(session, source, &sought, usize::MAX).await?;
    let test = |proposal: &Proposal| {
        let spans = match &proposal.test {
            TestOf::Trace(example, _) => traces.get(&example.trace).map(|trace| trace.spans.as_slice()),
            TestOf::Written(_) => None,
        };
        proposal.test_file(&learned.past(), spans.unwrap_or_default())
    };
    Ok(proposals.rules.iter().map(test).collect())
}
