//! Rules about whole traces.
//!
//! Rules are YAML; spans stand in a line each: `ID<PARENT NAME START..END KEY=VALUE ->LINK`, times in seconds after
//! [`MINUTE_START`].

mod across;
mod demands;
mod evidence;
mod rows;
mod sequences;
mod spansets;
mod stops;
mod ties;

use fluo_rules::SourceFile;
use fluo_rules::rule::Rule;
use fluo_spans::span::{Link, Span};

use super::build::{MINUTE_START, SECOND, violations, violations_in};
use crate::reference::Episode;
use crate::span::{attributes, blank};

/// The rule whose keys these are.
fn rule(keys: &str) -> Rule {
    let loaded = fluo_rules::load(&[SourceFile::new("r.yml", format!("- {{name: r, {keys}}}"))]);
    assert!(loaded.rules.len() == 1, "{keys}: {:?}", loaded.findings);
    loaded.rules.into_iter().next().unwrap()
}

/// The rule about traces that demands this.
fn demanding(trace: &str) -> Rule {
    rule(&format!("trace: {{{trace}}}"))
}

/// Spans of the first trace.
fn spans(lines: &str) -> Vec<Span> {
    lines.split(", ").filter(|line| !line.is_empty()).map(span).collect()
}

fn span(line: &str) -> Span {
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap_or_else(|| panic!("{line}"));
    let id = |word: &str| [word.parse::<u8>().unwrap(); 8];
    let seconds = |word: &str| MINUTE_START + word.parse::<i64>().unwrap() * SECOND;
    let (own, parent) = next().split_once('<').map_or((line, None), |(own, parent)| (own, Some(parent)));
    let own = own.split(' ').next().unwrap();
    let name = next();
    let (start, end) = next().split_once("..").unwrap();
    let (links, pairs): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("->"));
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|pair| pair.split_once('=').unwrap()).collect();
    let link = |word: &&str| Link {
        trace_id: [1; 16],
        span_id: id(&word[2..]),
        trace_state: String::new(),
        attributes: attributes(&[]),
    };
    Span {
        trace_id: [1; 16],
        span_id: id(own),
        parent_span_id: parent.map(id),
        name: name.to_owned(),
        start_ns: seconds(start),
        end_ns: seconds(end),
        attributes: attributes(&pairs),
        links: links.iter().map(link).collect(),
        ..blank()
    }
}

/// The spans as those of another trace.
fn of_trace(trace: u8, lines: &str) -> Vec<Span> {
    let moved = |span: Span| {
        let links = span.links.iter().map(|link| Link { trace_id: [trace; 16], ..link.clone() }).collect();
        Span { trace_id: [trace; 16], links, ..span }
    };
    spans(lines).into_iter().map(moved).collect()
}

/// The demands that the one violation breaks; none without a violation.
fn failed(rule: &Rule, spans: &[Span]) -> Vec<String> {
    let episodes = violations(rule, spans);
    assert!(episodes.len() < 2, "{episodes:#?}");
    episodes.into_iter().flat_map(|episode| episode.failed).collect()
}

/// Holds what is broken in each of some traces against what is expected.
fn check(rule: &Rule, cases: &[(&str, &str, &[&str])]) {
    for (scenario, lines, expected) in cases {
        assert_eq!(failed(rule, &spans(lines)), *expected, "{scenario}");
    }
}

/// The violations' first moments, in seconds.
fn starts(episodes: &[Episode]) -> Vec<i64> {
    episodes.iter().map(|episode| (episode.starts_at - MINUTE_START) / SECOND).collect()
}

/// The ids of the spans that show a violation.
fn shown(episode: &Episode) -> Vec<u8> {
    episode.evidence.iter().map(|(_, span, _)| span[0]).collect()
}

/// The violations between two seconds.
fn between(rule: &Rule, spans: &[Span], from: Option<i64>, to: Option<i64>) -> Vec<Episode> {
    violations_in(rule, spans, from.map(|from| from * SECOND), to.map(|to| to * SECOND))
}
