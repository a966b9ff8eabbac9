//! `fluo silence`: sets, ends and lists silences at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fluo_alerts::escape::plain;
use fluo_alerts::time;
use fluo_evaluator::silences::{self, SilencesError, Wanted};
use fluo_rules::duration::Nanos;
use fluo_rules::silence::{Labels, Pattern, Silence};
use serde_json::{Value, json};

use crate::args::{Silence as Command, SilenceAdd, SilenceEnd, SilenceList, SummaryFormat};
use crate::deployed::Configured;
use crate::edge::now;
use crate::exit::{Failure, Status};
use crate::rule_files::tell_findings;
use crate::terminal::Output;

pub(crate) async fn run(command: &Command) -> Result<Status, Failure> {
    match command {
        Command::Add(args) => add(args).await,
        Command::End(args) => end(args).await,
        Command::List(args) => list(args).await,
    }
}

async fn add(args: &SilenceAdd) -> Result<Status, Failure> {
    let now = now();
    let wanted = wanted(args, now)?;
    let configured = Configured::read(&args.config)?;
    let root = configured.root()?;
    let files = beside_rules(&configured)?;
    let taken: BTreeSet<String> =
        files.iter().filter_map(|silence| silence.id().map(str::to_owned)).collect();
    let added = silences::add(&root, &wanted, &taken, now).await.map_err(|error| match error {
        SilencesError::Taken(_) => {
            Failure::usage(format!("could not set the silence: {error}")).hint("give another --id, or none")
        }
        SilencesError::Silence(_) => Failure::usage(format!("could not set the silence: {error}")),
        error => Failure::because("could not set the silence", error),
    })?;
    let mut output = Output::new();
    output.line(&format!(
        "{}: nobody is told of {} until {}",
        plain(added.id().unwrap_or_default()),
        matched(&added),
        added.until().map_or_else(|| "it is ended".to_owned(), time::format),
    ))?;
    output.finish()?;
    Ok(Status::Done)
}

/// The sound ones of the silences beside the rules; what is wrong with the others is told.
fn beside_rules(configured: &Configured) -> Result<Vec<Silence>, Failure> {
    let files = configured.silences()?;
    let loaded = fluo_rules::silence::load(&files);
    tell_findings(&loaded.findings, &files);
    Ok(loaded.silences)
}

fn wanted(args: &SilenceAdd, now: i64) -> Result<Wanted, Failure> {
    let moment = |option: &str, text: &str| {
        time::parse(text, now).map_err(|error| Failure::usage(format!("{option}: {error}")))
    };
    let from = moment("--from", &args.from)?;
    let until = match (&args.length, &args.until) {
        (Some(length), _) => {
            let length = Nanos::parse(length)
                .map_err(|error| Failure::usage(format!("--for: {error}")).hint(error.hint()))?;
            from.saturating_add(length.0)
        }
        (None, Some(until)) => moment("--until", until)?,
        // clap asks for one of the two.
        (None, None) => return Err(Failure::usage("a silence needs --for or --until")),
    };
    if until <= now {
        return Err(Failure::usage("the silence would be over already"));
    }
    if args.id.as_ref().is_some_and(|id| id.trim().is_empty() || plain(id) != id.as_str()) {
        return Err(Failure::usage(
            "--id must be a line of text of at most 1 KiB, without control characters",
        ));
    }
    let matchers = matchers(&args.matchers)?;
    Ok(Wanted { id: args.id.clone(), comment: args.comment.clone(), matchers, from, until })
}

/// `label=value`, where a label given twice has one of two values, or `label~=pattern`.
fn matchers(given: &[String]) -> Result<BTreeMap<String, Labels>, Failure> {
    let mut matchers: BTreeMap<String, Labels> = BTreeMap::new();
    for text in given {
        let wrong = |reason: &str| {
            Failure::usage(format!("--match `{}`: {reason}", plain(text))).hint(
                "write `--match rule=AuthFailuresRule`, or `--match 'rule~=^auth-'` for a regular expression",
            )
        };
        let (label, value) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        let (label, is_pattern) = label.strip_suffix('~').map_or((label, false), |label| (label, true));
        if label.is_empty() {
            return Err(wrong("there is no label before the `=`"));
        }
        match (matchers.get_mut(label), is_pattern) {
            (None, true) => {
                let pattern = Pattern::new(value).map_err(|error| wrong(&error.to_string()))?;
                matchers.insert(label.to_owned(), Labels::Matches(pattern));
            }
            (None, false) => {
                matchers.insert(label.to_owned(), Labels::AnyOf(vec![value.to_owned()]));
            }
            (Some(Labels::AnyOf(values)), false) => values.push(value.to_owned()),
            (Some(_), _) => return Err(wrong("a label has one regular expression, and nothing beside it")),
        }
    }
    Ok(matchers)
}

async fn end(args: &SilenceEnd) -> Result<Status, Failure> {
    let configured = Configured::read(&args.config)?;
    let root = configured.root()?;
    let now = now();
    let before = match silences::end(&root, &args.id, now).await {
        Ok(before) => before,
        Err(error @ SilencesError::Unknown(_)) => {
            let files = beside_rules(&configured)?;
            let in_file = files.iter().any(|silence| silence.id() == Some(args.id.as_str()));
            let hint = if in_file {
                "it stands in silences.yml: end it there, with `until`"
            } else {
                "`fluo silence list` names them"
            };
            return Err(Failure::usage(format!("could not end the silence: {error}")).hint(hint));
        }
        Err(error) => return Err(Failure::because("could not end the silence", error)),
    };
    let id = plain(&args.id);
    let mut output = Output::new();
    output.line(&match before.until().filter(|until| *until <= now) {
        Some(until) => format!("{id} was over already, at {}", time::format(until)),
        None => format!("{id} is over: people are told of {} again", matched(&before)),
    })?;
    output.finish()?;
    Ok(Status::Done)
}

async fn list(args: &SilenceList) -> Result<Status, Failure> {
    let configured = Configured::read(&args.config)?;
    let root = configured.root()?;
    let files = beside_rules(&configured)?;
    let (at_run_time, _) = silences::read(&root)
        .await
        .map_err(|error| Failure::because("could not read the silences of the run time", error))?;
    let now = now();
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Human => {
            if files.is_empty() && at_run_time.is_empty() {
                output.line("No silences.")?;
            }
            for (silence, source) in sourced(&files, &at_run_time) {
                output.text(&human(silence, source, now))?;
            }
        }
        SummaryFormat::Json => {
            let all: Vec<Value> = sourced(&files, &at_run_time)
                .map(|(silence, source)| as_json(silence, source, now))
                .collect();
            output.json(&all)?;
        }
    }
    output.finish()?;
    Ok(Status::Done)
}

const FILE: &str = "silences.yml";
const RUN_TIME: &str = "run time";

fn sourced<'a>(
    files: &'a [Silence],
    at_run_time: &'a [Silence],
) -> impl Iterator<Item = (&'a Silence, &'static str)> {
    files.iter().map(|silence| (silence, FILE)).chain(at_run_time.iter().map(|silence| (silence, RUN_TIME)))
}

fn state(silence: &Silence, now: i64) -> &'static str {
    if silence.active(now) {
        "in force"
    } else if silence.until().is_some_and(|until| until <= now) {
        "over"
    } else {
        "waiting"
    }
}

fn human(silence: &Silence, source: &str, now: i64) -> String {
    let mut text = String::new();
    let until = silence
        .until()
        .map_or_else(|| "without end".to_owned(), |until| format!("until {}", time::format(until)));
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        "{}  {}, {until} ({source})\n    {}\n    {}",
        plain(silence.id().unwrap_or("(no id)")),
        state(silence, now),
        matched(silence),
        plain(silence.comment()),
    );
    text
}

fn as_json(silence: &Silence, source: &str, now: i64) -> Value {
    let mut value = json!(silence);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("state".to_owned(), json!(state(silence, now)));
        fields.insert("source".to_owned(), json!(source));
    }
    value
}

/// `rule=a|b, region~=^eu`
fn matched(silence: &Silence) -> String {
    let one = |(label, labels): (&String, &Labels)| match labels {
        Labels::AnyOf(values) => format!("{}={}", plain(label), plain(&values.join("|"))),
        Labels::Matches(pattern) => format!("{}~={}", plain(label), plain(pattern.as_str())),
    };
    silence.matchers().iter().map(one).collect::<Vec<_>>().join(", ")
}
