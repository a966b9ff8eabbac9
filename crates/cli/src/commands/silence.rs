//! `fluo silence`: sets, ends and lists silences at run time.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fluo_alerts::escape::plain;
use fluo_evaluator::live::Files;
use fluo_evaluator::silences::{self, SilencesError, Wanted};
use fluo_evaluator::status;
use fluo_rules::silence::{Matcher, Matchers, NoMatcher, Reach, Silence};
use fluo_rules::{SourceFile, load};
use fluo_time::{Nanos, moment};
use serde_json::{Value, json};

use super::status::firing;
use crate::args::{Silence as Command, SilenceAdd, SilenceEnd, SilenceList, SummaryFormat};
use crate::deployed::Configured;
use crate::edge::now;
use crate::exit::{Failure, Status, chain};
use crate::rule_files::tell_findings;
use crate::terminal::{self, Output};

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
    let files = configured.files();
    let taken: BTreeSet<String> =
        beside_rules(&files).iter().filter_map(|silence| silence.id().map(str::to_owned)).collect();
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
        added.until().map_or_else(|| "it is ended".to_owned(), moment::format),
    ))?;
    if let Some(reached) = reached_rules(&files.rules, &added) {
        output.text(&reached)?;
    }
    match status::read(&root).await {
        Ok(state) => output.text(&muted_alerts(&status::firing(&state, |labels| added.matches(labels))))?,
        Err(error) => {
            terminal::note(&format!("warning: which alerts it mutes is not known: {}", chain(&error)));
        }
    }
    output.finish()?;
    Ok(Status::Done)
}

/// The most rules and alerts that are listed.
const MOST_LISTED: usize = 20;

/// The rules that a silence is about. What of it is about none is told; none where rules are not known.
fn reached_rules(rules: &[SourceFile], silence: &Silence) -> Option<String> {
    let loaded = load(rules);
    if loaded.is_partial() {
        let broken =
            "warning: some rules are not sound, and which they are is not known here; see `fluo check`";
        terminal::note(broken);
        if loaded.rules.is_empty() {
            return None;
        }
    } else {
        for doubt in silence.matchers().doubts(&loaded.rules) {
            let hint = doubt.hint.map_or_else(String::new, |hint| format!("\n  help: {hint}"));
            terminal::note(&format!("warning: {}{hint}", doubt.message));
        }
    }
    let reached = loaded.rules.iter().filter(|rule| rule.enabled).filter_map(|rule| {
        let part = match silence.matchers().reach(rule) {
            Reach::Nothing => return None,
            Reach::Some => " (some groups)",
            Reach::Everything => "",
        };
        Some(format!("{}{part}", plain(&rule.name)))
    });
    let mut text = String::new();
    listed(&mut text, "Rules that it is about:", "It is about no rule that there is.", reached.collect());
    Some(text)
}

fn muted_alerts(alerts: &[status::Firing]) -> String {
    let mut text = String::new();
    listed(
        &mut text,
        "Alerts that fire now:",
        "None of its alerts fires now.",
        alerts.iter().map(firing).collect(),
    );
    text
}

fn listed(text: &mut String, title: &str, nothing: &str, lines: Vec<String>) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{}", if lines.is_empty() { nothing } else { title });
    let more = lines.len().saturating_sub(MOST_LISTED);
    for line in lines.into_iter().take(MOST_LISTED) {
        let _ = writeln!(text, "  {line}");
    }
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
}

/// The sound ones of the silences beside the rules; what is wrong with the others is told.
fn beside_rules(files: &Files) -> Vec<Silence> {
    for file in &files.rules {
        if let Some(reason) = &file.unread {
            let name = plain(&file.name);
            terminal::note(&format!(
                "warning: `{name}` cannot be read, and silences in it are not known: {reason}"
            ));
        }
    }
    let loaded = fluo_rules::silence::load(&files.silences);
    tell_findings(&loaded.findings, &files.silences);
    loaded.silences
}

fn wanted(args: &SilenceAdd, now: i64) -> Result<Wanted, Failure> {
    let moment = |option: &str, text: &str| {
        moment::parse(text, now).map_err(|error| Failure::usage(format!("{option}: {error}")))
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

fn matchers(given: &[String]) -> Result<Matchers, Failure> {
    let refused = |given: &str, message: &str, hint: Option<&str>| {
        let failure = Failure::usage(format!("--match {given}: {message}"));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    };
    let read = given.iter().map(|text| {
        Matcher::parse(text).map_err(|NoMatcher { message, hint, .. }| {
            refused(&format!("`{}`", plain(text)), &message, hint.as_deref())
        })
    });
    let read = read.collect::<Result<Vec<_>, _>>()?;
    Matchers::new(read).map_err(|refusals| {
        // There is at least one, and the next is told when this one is mended.
        let Some(refusal) = refusals.into_iter().next() else { return Failure::usage("--match") };
        let all: Vec<String> = given.iter().map(|text| format!("`{}`", plain(text))).collect();
        refused(&all.join(", "), &refusal.message, refusal.hint.as_deref())
    })
}

async fn end(args: &SilenceEnd) -> Result<Status, Failure> {
    let configured = Configured::read(&args.config)?;
    let root = configured.root()?;
    let now = now();
    let before = match silences::end(&root, &args.id, now).await {
        Ok(before) => before,
        Err(error @ SilencesError::Unknown(_)) => {
            let in_file = beside_rules(&configured.files())
                .iter()
                .any(|silence| silence.id() == Some(args.id.as_str()));
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
        Some(until) => format!("{id} was over already, at {}", moment::format(until)),
        None => format!("{id} is over: people are told of {} again", matched(&before)),
    })?;
    output.finish()?;
    Ok(Status::Done)
}

async fn list(args: &SilenceList) -> Result<Status, Failure> {
    let configured = Configured::read(&args.config)?;
    let root = configured.root()?;
    let files = beside_rules(&configured.files());
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
        .map_or_else(|| "without end".to_owned(), |until| format!("until {}", moment::format(until)));
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

/// `rule="a", region=~"eu.*"`
fn matched(silence: &Silence) -> String {
    plain(&silence.matchers().to_string()).into_owned()
}
