//! `slo:` → the two rules that it stands for.

use std::sync::Arc;

use fluo_time::Nanos;

use super::aggregation::{Aggregation, DEFAULT_EVIDENCE};
use super::{Report, expression, shape};
use crate::condition::Condition;
use crate::decisive;
use crate::diagnostic::Code;
use crate::expr::{Comparison, EarlierCall, EarlierFunction, Expr, ExprKind};
use crate::keys::{MANY, Table};
use crate::matcher::{Number, Value};
use crate::objective::{BurnValue, Objective, Share, Urgency};
use crate::rule::{Aggregate, AggregateFunction, Inhibit, Rule, Severity, Source};
use crate::yaml::{Entry, Node, Yaml};

/// The period of a budget where the objective does not say.
const DEFAULT_PERIOD: Nanos = Nanos(30 * Nanos::DAY.0);

/// The shortest period of a budget: the longest of its windows lies within it.
const SHORTEST_PERIOD: Nanos = Nanos(3 * Nanos::DAY.0);

/// The longest period of a budget: what is kept of the past is read anew where it is lost.
const LONGEST_PERIOD: Nanos = Nanos(92 * Nanos::DAY.0);

/// Digits behind the point of an objective in percent.
const MOST_DIGITS: usize = 6;

/// The window of the spans that show an alert, and what the moments of a rule that pages are apart.
const WINDOW: Nanos = Nanos(5 * Nanos::MINUTE.0);

/// Keys that say what an objective says.
const SAID: [(&str, &str); 9] = [
    ("window", "its windows are 5m to 3d"),
    ("every", "a page is judged every minute, a ticket every five"),
    ("for", "its short windows are there in place of `for`"),
    ("aggregation", "what it counts is in `good`"),
    ("condition", "it holds where the budget burns too fast"),
    ("resolve_condition", "it is over where the budget burns no longer too fast"),
    ("severity", "a page is critical, a ticket a warning"),
    ("lookback", "its windows end now"),
    ("sampling", "it counts the spans that are stored"),
];

/// An objective, read.
pub(super) struct Slo {
    budget: Share,
    good: Expr,
    period: Nanos,
    min_events: u32,
}

/// Reports the keys of a rule, `own`, that its `slo` leaves no place for.
pub(super) fn refuse_others(report: &mut Report, own: &Node, slo: &Entry) {
    for (key, instead) in SAID {
        let Some(entry) = own.get(key) else { continue };
        let place = report.place(slo.key_at.clone());
        report
            .add(Code::Conflict, entry.key_at.clone(), format!("`{key}` has no place beside `slo`"))
            .hint(format!("leave it out: {instead}"))
            .also(place, "the objective");
    }
}

/// The rule without what `slo` says: `defaults` may say it for the other rules.
pub(super) fn without_others(node: &Node) -> Node {
    let mut node = node.clone();
    if let Yaml::Map(entries) = &mut node.value {
        entries.retain(|entry| SAID.iter().all(|(key, _)| *key != entry.key));
    }
    node
}

/// Reports a name that has no room for what stands behind it in the names of the rules.
pub(super) fn check_name(report: &mut Report, entry: &Entry, name: &str, most: usize) {
    if Urgency::ALL.iter().any(|urgency| urgency.name_of(name).len() > most) {
        let message =
            format!("with `/{}` behind it, the name is longer than {most} bytes", Urgency::Ticket.as_str());
        report.value(Code::BadName, entry, message);
    }
}

/// The value of `slo`.
pub(super) fn slo(report: &mut Report, entry: &Entry) -> Option<Slo> {
    let takes = "a mapping such as `{objective: 99.9%, good: \"status != error\"}`";
    let entries = shape::map(report, entry, takes)?;
    shape::known_keys(report, entries, Table::Slo, "`slo`");
    shape::required_keys(report, &entry.value, Table::Slo, "`slo`");
    let part = |key| entry.value.get(key);
    let budget = part("objective").and_then(|part| budget(report, part));
    let good = part("good").and_then(|part| expression::filter(report, part));
    let period = part("period").map_or(Some(DEFAULT_PERIOD), |part| period(report, part));
    let min_events = part("min_events").map_or(Some(1), |part| shape::integer(report, part, 1, MANY));
    Some(Slo { budget: budget?, good: good?, period: period?, min_events: min_events? })
}

/// The share that may fail, of one that must not.
fn budget(report: &mut Report, entry: &Entry) -> Option<Share> {
    let text = shape::some_text(report, entry)?;
    let text = text.trim();
    let percent = text.strip_suffix('%').map(str::trim_end);
    let places = if percent.is_some() { 2 } else { 0 };
    let share = share(percent.unwrap_or(text), places);
    if share.is_none() {
        let all = if percent.is_some() { 100.0 } else { 1.0 };
        let is_within =
            |text: &str, all: f64| text.parse::<f64>().is_ok_and(|number| 0.0 < number && number < all);
        let (message, hint) = if is_within(percent.unwrap_or(text), all) {
            let message =
                format!("`{text}` has more than {MOST_DIGITS} digits behind the point of its percent");
            (message, "write it in less detail: `99.9%`".to_owned())
        } else {
            let hint = if percent.is_none() && is_within(text, 100.0) {
                format!("write `{text}%`")
            } else {
                "write it in percent: `99.9%`".to_owned()
            };
            (format!("`objective` is above 0 % and below 100 %, not `{text}`"), hint)
        };
        report.value(Code::BadNumber, entry, message).hint(hint);
    }
    share
}

/// Returns one minus the number `decimal`; with `places`, a hundred minus it, as a share of the hundred.
fn share(decimal: &str, places: u32) -> Option<Share> {
    let (whole, digits) = decimal.split_once('.').unwrap_or((decimal, ""));
    let all = format!("{whole}{digits}");
    let most = MOST_DIGITS + if places == 0 { 2 } else { 0 };
    if all.is_empty() || digits.len() > most || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let of = 10_u32.checked_pow(places + u32::try_from(digits.len()).ok()?)?;
    let parts = of.checked_sub(all.parse().ok()?)?;
    (0 < parts && parts < of).then_some(Share { parts, of })
}

fn period(report: &mut Report, entry: &Entry) -> Option<Nanos> {
    let period = shape::positive_duration(report, entry)?;
    if (SHORTEST_PERIOD..=LONGEST_PERIOD).contains(&period) {
        return Some(period);
    }
    let message = format!("`period` is from {SHORTEST_PERIOD} to {LONGEST_PERIOD}, not {period}");
    let hint = if period < SHORTEST_PERIOD {
        "the longest window of its rules is of 3d, and lies within the period"
    } else {
        "usual are 7d, 28d and 30d"
    };
    report.value(Code::InvalidValue, entry, message).hint(hint);
    None
}

/// Returns the aggregation of an objective, whether it could be read or not.
pub(super) fn aggregation(slo: Option<&Slo>) -> Aggregation {
    let failed = slo.map(|slo| {
        let at = slo.good.at.clone();
        Aggregate {
            name: Objective::FAILED.to_owned(),
            function: AggregateFunction::Count,
            filter: Some(Expr { kind: ExprKind::Not(Box::new(slo.good.clone())), at }),
        }
    });
    Aggregation {
        broken: failed.is_none(),
        aggregates: failed.into_iter().collect(),
        evidence_limit: DEFAULT_EVIDENCE,
    }
}

impl Slo {
    /// The condition of one of its rules.
    pub(super) fn condition(&self, urgency: Urgency) -> Condition {
        let objective = Arc::new(Objective {
            budget: self.budget,
            period: self.period,
            pairs: urgency.pairs(),
            min_events: self.min_events,
        });
        let call =
            |value| EarlierCall::new(EarlierFunction::Burn { value, objective: Arc::clone(&objective) });
        let mut text = String::new();
        let mut written = |word: &str, kind: Option<ExprKind>| {
            let start = text.len();
            text.push_str(word);
            kind.map(|kind| Expr { kind, at: start..text.len() })
        };
        let mut all: Option<Expr> = None;
        for (value, operator, bound) in [
            (BurnValue::BurnLong, Comparison::Gt, Some(BurnValue::BurnLimit)),
            (BurnValue::BurnShort, Comparison::Gt, Some(BurnValue::BurnLimit)),
            (BurnValue::Total, Comparison::Gte, None),
        ] {
            if all.is_some() {
                written(" and ", None);
            }
            let of = |value| ExprKind::Earlier(Box::new(call(value)));
            let left = written(value.as_str(), Some(of(value)));
            written(if operator == Comparison::Gt { " > " } else { " >= " }, None);
            let least = ExprKind::Literal(Value::Number(Number::Int(self.min_events.into())));
            let right = match bound {
                Some(bound) => written(bound.as_str(), Some(of(bound))),
                None => written(&self.min_events.to_string(), Some(least)),
            };
            let compared = left.zip(right).map(|(left, right)| {
                let at = left.at.start..right.at.end;
                Expr { kind: ExprKind::Compare(operator, Box::new(left), Box::new(right)), at }
            });
            all = match (all, compared) {
                (Some(all), Some(compared)) => {
                    let at = all.at.start..compared.at.end;
                    Some(Expr { kind: ExprKind::And(Box::new(all), Box::new(compared)), at })
                }
                (all, compared) => all.or(compared),
            };
        }
        let never = Expr { kind: ExprKind::Literal(Value::Bool(false)), at: 0..0 };
        let shows = BurnValue::ALL.map(call).to_vec();
        Condition { shows, ..Condition::of(text, all.unwrap_or(never)) }
    }

    /// The rules that it stands for: `rule` is what they have in common.
    pub(super) fn rules(&self, rule: &Rule) -> Vec<Rule> {
        let of = |urgency: Urgency| {
            let (severity, every) = match urgency {
                Urgency::Page => (Severity::Critical, Nanos::MINUTE),
                Urgency::Ticket => (Severity::Warning, WINDOW),
            };
            let mut inhibit = rule.inhibit.clone();
            if urgency == Urgency::Ticket {
                inhibit.insert(0, Inhibit { rule: Urgency::Page.name_of(&rule.name), equal: None });
            }
            Rule {
                name: urgency.name_of(&rule.name),
                severity,
                window: WINDOW,
                every: Some(every),
                inhibit,
                condition: self.condition(urgency),
                source: Source {
                    hash: decisive::hash_of_part(&rule.source.hash, urgency.as_str()),
                    ..rule.source.clone()
                },
                ..rule.clone()
            }
        };
        Urgency::ALL.map(of).to_vec()
    }
}
