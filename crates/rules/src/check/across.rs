//! The demands of `by` on the rest of a rule about traces, and the keys that have no meaning beside it.

use std::ops::Range;

use fluo_time::Nanos;

use super::report::Report;
use super::shape;
use super::trace::{ReadStep, Unresolved};
use crate::diagnostic::Code;
use crate::expr::nearest::nearest;
use crate::rule::GroupKey;
use crate::trace::across::{FARTHEST, Near};
use crate::trace::{Forbidden, Sequence, TieKind, TraceRule};
use crate::yaml::{Entry, Node};

/// A time before or after an occasion.
pub(super) fn distance(report: &mut Report, entry: &Entry) -> Option<Nanos> {
    let value = shape::positive_duration(report, entry)?;
    if value > FARTHEST {
        let message = format!("`{}` is at most {FARTHEST} with `by`, and this is {value}", entry.key);
        report.value(Code::InvalidValue, entry, message);
        return None;
    }
    Some(value)
}

/// One of the keys that say how near its occasion a step is.
pub(super) fn near(report: &mut Report, entry: &Entry) -> Option<Near> {
    let kind = match entry.key.as_str() {
        "before" => Near::Before,
        "after" => Near::After,
        _ => Near::Within,
    };
    distance(report, entry).map(kind)
}

/// Reports keys of steps that only a rule with `by` may have.
pub(super) fn without_by(report: &mut Report, steps: &[ReadStep]) {
    for (key, at) in steps.iter().flat_map(|step| &step.keys) {
        if matches!(key.as_str(), "before" | "after" | "by") {
            let message =
                format!("`{key}` of a step is about spans of other traces, and the rule has no `by`");
            report
                .add(Code::Conflict, at.clone(), message)
                .hint("`by: [user.id]` says which spans belong together; within one trace there is `within`");
        }
    }
}

/// Reports what a rule with `by` lacks, and what has no meaning in it. `trace`: its mapping; `key_at`: where `by` stands.
pub(super) fn structure(report: &mut Report, trace: &Node, key_at: &Range<usize>, steps: &[ReadStep]) {
    if trace.get("when").is_none() {
        report
            .add(Code::MissingKey, key_at.clone(), "`by` needs a `when`: no trace is an occasion here")
            .hint("say which spans are the occasions: `when: {name: login.ok}`");
    }
    for entry in ["count", "condition"].into_iter().filter_map(|key| trace.get(key)) {
        let message =
            format!("`{}` is over the spans of one trace, and `by` is about those of any", entry.key);
        report
            .add(Code::Conflict, entry.key_at.clone(), message)
            .hint("`at_least` says how many: `never: [{name: login.failed, at_least: 4, before: 10m}]`");
    }
    if let Some(overlap) = trace.get("overlap") {
        refuse_overlap(report, overlap);
    }
    for (key, at) in steps.iter().flat_map(|step| &step.keys) {
        if TieKind::ALL.iter().any(|kind| kind.as_str() == key) {
            let message = format!("`{key}` relates spans of one trace, and `by` is about those of any");
            report.add(Code::Conflict, at.clone(), message).hint(format!("leave out `{key}`, or `by`"));
        }
    }
}

/// Reports `overlap` of a sequence.
pub(super) fn refuse_overlap(report: &mut Report, entry: &Entry) {
    let message = "with `by` a step follows another when it ends later: `overlap` has no meaning";
    report.add(Code::Conflict, entry.key_at.clone(), message);
}

/// Gives steps that have no keys of their own those of the rule, and reports those that have more or fewer.
pub(super) fn keys(report: &mut Report, by: &[GroupKey], steps: &mut [ReadStep]) {
    if by.is_empty() {
        return;
    }
    for read in steps {
        let own = read.keys.iter().find(|(key, _)| key == "by");
        let number = read.step.by.len();
        match own {
            None => read.step.by = by.to_vec(),
            // It could not be read.
            Some(_) if number == 0 => {}
            Some((_, at)) if number != by.len() => {
                let keys =
                    |number: usize| if number == 1 { "1 key".to_owned() } else { format!("{number} keys") };
                let message = format!(
                    "`by` of this step has {}, and that of the rule {}",
                    keys(number),
                    keys(by.len())
                );
                let names: Vec<&str> = by.iter().map(|key| key.key.as_str()).collect();
                report.add(Code::Conflict, at.clone(), message).hint(format!(
                    "it names, in the same order, where this step carries {}",
                    names.join(", ")
                ));
            }
            Some(_) => {}
        }
    }
}

/// Reports steps that do not say how near their occasion they are.
pub(super) fn nearness(
    report: &mut Report,
    always: &[usize],
    never: &[Option<Unresolved>],
    steps: &[ReadStep],
) {
    let never = never.iter().flatten().filter_map(|forbidden| match forbidden {
        Unresolved::Step(step) => Some(*step),
        Unresolved::Sequence(_) => None,
    });
    let both = always.iter().map(|step| (*step, "always")).chain(never.map(|step| (step, "never")));
    for (step, list) in both {
        let ReadStep { step, at, keys } = &steps[step];
        let is_said = keys.iter().any(|(key, _)| matches!(key.as_str(), "before" | "after" | "within"));
        if step.near.is_none() && !is_said {
            let message = format!("with `by`, a step of `{list}` says how near its occasion it is");
            report.add(Code::MissingKey, at.clone(), message).hint(
                "there is no end of a trace to wait for: add `before: 1h`, `after: 1h` or `within: 1h`",
            );
        }
    }
}

/// Reports what is wrong with a sequence, whose key stands at a place.
pub(super) fn in_order(report: &mut Report, at: Range<usize>, sequence: &Sequence, when: Option<usize>) {
    if sequence.within.is_none() {
        let message = "with `by`, a sequence needs a `within`";
        report.add(Code::MissingKey, at.clone(), message).hint(
            "there is no end of a trace to wait for: `within` is from the first step's end to the last one's",
        );
    }
    let Some(when) = when else { return };
    match sequence.steps.iter().filter(|step| **step == when).count() {
        1 => {}
        0 => {
            let message = "with `by`, the occasion stands in every sequence, by its name";
            report
                .add(Code::Conflict, at, message)
                .hint("`when: {name: login.ok, as: ok}`, and `sequence: [{name: login.failed}, ok]`");
        }
        _ => {
            let message = "the occasion is one span, and stands in this sequence more than once";
            report.add(Code::Conflict, at, message);
        }
    }
}

/// Reports a bare name in a sequence that is not that of the occasion.
pub(super) fn only_the_occasion(report: &mut Report, name: &str, at: Range<usize>) {
    let message = format!("with `by`, a bare name stands for the occasion, and `{name}` is another step");
    report.add(Code::Conflict, at, message).hint("write the step itself: `{name: …}`");
}

/// Warns of steps that must not be there, and that every occasion is.
pub(super) fn always_broken(report: &mut Report, rule: &TraceRule, steps: &[ReadStep]) {
    let Some(when) = rule.occasion() else { return };
    let of_occasion = &rule.steps[when];
    for forbidden in &rule.never {
        let Forbidden::Step(at) = forbidden else { continue };
        let step = &rule.steps[*at];
        let is_met = step.near.is_some_and(|near| near.before() > 0) && step.at_least == 1;
        if is_met && step.selector == of_occasion.selector && step.by == of_occasion.by {
            let place = report.place(steps[when].at.clone());
            report
                .add(
                    Code::AlwaysBroken,
                    steps[*at].at.clone(),
                    "the occasion itself is this step: it is never absent",
                )
                .also(place, "the same spans are the occasions")
                .hint("`at_least: 2` asks for another one beside it");
        }
    }
}

/// Reports keys of `group_by` that are not among those of `by`. `items`: where they stand.
pub(super) fn groups(report: &mut Report, by: &[GroupKey], group_by: &[GroupKey], items: &[Node]) {
    for (key, item) in group_by.iter().zip(items) {
        if by.iter().any(|known| known.field == key.field) {
            continue;
        }
        let message = format!("`{}` is no key of `by`, which is the group of the rule", key.key);
        let near = nearest(&key.key, by.iter().map(|known| known.key.as_str()));
        let finding = report.at(Code::Conflict, item, message);
        match near {
            Some(near) => finding.did_you_mean(Some(near)),
            None => finding.hint("`group_by` may list some keys of `by`; left out, it is all of them"),
        };
    }
}
