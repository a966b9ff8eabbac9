//! `trace:` → [`TraceRule`].
//!
//! Steps are read as they stand; names are looked up once all have been read, since a step may refer to one that
//! stands below it.

use std::ops::Range;

use fluo_time::Nanos;

use super::report::Report;
use super::{expression, selector, shape, trace_text};
use crate::diagnostic::Code;
use crate::expr::nearest::nearest;
use crate::keys::{MANY, Table, is_of_step};
use crate::rule::Aggregate;
use crate::trace::{Forbidden, MAX_STEPS, Sequence, Step, StepCount, Tie, TieKind, TraceRule};
use crate::yaml::{Entry, Node, Yaml};

/// The times that decide when a trace is judged, as the rule says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) settle: Nanos,
    pub(super) max_duration: Nanos,
}

/// A rule about traces, read.
#[derive(Debug)]
pub(super) struct Read {
    /// The rule; none where something of it could not be read.
    pub(super) rule: Option<TraceRule>,
    /// Its counts, as what a condition may name.
    pub(super) counts: Vec<Aggregate>,
}

/// The value of `trace:`.
pub(super) fn trace(report: &mut Report, entry: &Entry, timing: Timing) -> Read {
    let errors = report.errors();
    let Some(entries) = shape::map(report, entry, "a mapping of `when`, `always`, `never`, `sequence`")
    else {
        return Read { rule: None, counts: Vec::new() };
    };
    shape::known_keys(report, entries, Table::Trace, "`trace`");
    let part = |key| entry.value.get(key);
    let mut reader = Reader { report, steps: Vec::new(), names: Vec::new(), ties: Vec::new() };
    let when = part("when").and_then(|part| reader.step(&part.value, "`when`", false));
    let always = reader.list(part("always"), |reader, item| reader.step(item, "a step of `always`", true));
    let never = reader.list(part("never"), Reader::forbidden);
    let sequence =
        part("sequence").map(|sequence| reader.sequence(sequence, part("within"), part("overlap")));
    let counts = reader.counts(part("count"));
    let within = match part("sequence") {
        None => part("within").and_then(|part| shape::positive_duration(reader.report, part)),
        Some(_) => None,
    };
    if let (Some(overlap), None) = (part("overlap"), part("sequence")) {
        let message = "`overlap` is about the steps of a `sequence`, and there is none";
        reader.report.add(Code::Conflict, overlap.key_at.clone(), message);
    }
    if let (Some(part), None) = (part("within"), part("sequence")) {
        reader.within_needs(part, when, !always.is_empty());
    }
    if when.is_none() {
        reader.without_occasion();
    }
    for step in always.iter().flatten() {
        let step = &mut reader.steps[*step].step;
        step.within = step.within.or(within);
    }
    let Reader { names, ties, mut steps, report } = reader;
    check_unique(report, &names);
    tie(report, &mut steps, &names, ties);
    let never: Vec<Option<Forbidden>> = never
        .into_iter()
        .map(|forbidden| match forbidden? {
            Unresolved::Step(step) => Some(Forbidden::Step(step)),
            Unresolved::Sequence(steps) => steps.resolved(report, &names).map(Forbidden::Sequence),
        })
        .collect();
    let sequence = sequence.map(|sequence| sequence?.resolved(report, &names));
    let counted: Vec<Aggregate> = counts.iter().flatten().map(StepCount::as_aggregate).collect();
    if steps.len() > MAX_STEPS {
        let message = format!("{} steps: a rule has at most {MAX_STEPS}", steps.len());
        report.add(Code::BadNumber, entry.key_at.clone(), message);
    }
    if when.is_some_and(|when| steps[when].step.at_least > 1) {
        let at = part("when").and_then(|when| when.value.get("at_least"));
        if let Some(at) = at {
            let message = "every span that `when` matches is an occasion of its own";
            report
                .add(Code::Conflict, at.key_at.clone(), message)
                .hint("say how many there must be in `always`, or with `count`");
        }
    }
    let mut read = TraceRule {
        steps: steps.iter().map(|read| read.step.clone()).collect(),
        when,
        always: always.iter().flatten().copied().collect(),
        never: never.into_iter().flatten().collect(),
        sequence: sequence.flatten(),
        counts: counts.into_iter().flatten().collect(),
        condition: None,
        settle: timing.settle,
        max_duration: timing.max_duration,
    };
    if let Some(part) = part("condition")
        && let Some(text) = expression::source(report, part)
    {
        read.condition = trace_text::of_trace(report, part, &text, &mut read, &counted);
    }
    if report.errors() == errors {
        circles(report, &read, &steps);
        doubts(report, &read, &steps);
    }
    Read { rule: (report.errors() == errors).then_some(read), counts: counted }
}

/// A step, and where it stands.
struct ReadStep {
    step: Step,
    at: Range<usize>,
}

/// A relation whose other end is not looked up yet.
struct UnresolvedTie {
    of: usize,
    kind: TieKind,
    to: String,
    at: Range<usize>,
}

struct Named {
    name: String,
    step: usize,
    at: Range<usize>,
}

/// An item of `never`, its names not looked up yet.
enum Unresolved {
    Step(usize),
    Sequence(UnresolvedSequence),
}

struct UnresolvedSequence {
    steps: Vec<InOrder>,
    within: Option<Nanos>,
    overlap: bool,
}

/// A step of a sequence: as it stands there, or by its name.
enum InOrder {
    Step(usize),
    Name(String, Range<usize>),
}

struct Reader<'a> {
    report: &'a mut Report,
    steps: Vec<ReadStep>,
    names: Vec<Named>,
    ties: Vec<UnresolvedTie>,
}

impl Reader<'_> {
    /// The items of a list, each as `read` has it.
    fn list<T>(
        &mut self,
        entry: Option<&Entry>,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<Option<T>> {
        let Some(entry) = entry else { return Vec::new() };
        let Some(items) = shape::list(self.report, entry, "a list of steps: `[{name: …}]`") else {
            return Vec::new();
        };
        if items.is_empty() {
            self.report.value(Code::InvalidValue, entry, format!("`{}` lists no steps", entry.key));
        }
        items.iter().map(|item| read(self, item)).collect()
    }

    /// A step: a selector with the keys of its own, or a `TraceQL` filter. Returns its place.
    fn step(&mut self, node: &Node, within: &str, may_be_late: bool) -> Option<usize> {
        let at = node.extent();
        let place = self.steps.len();
        let mut step = Step {
            name: None,
            selector: crate::rule::Selector::All(Vec::new()),
            ties: Vec::new(),
            at_least: 1,
            within: None,
        };
        if let Yaml::Text(text) = &node.value {
            if !text.trim_start().starts_with('{') {
                let message = format!("{within} is a mapping or a TraceQL filter, not a bare name");
                self.report.at(Code::WrongType, node, message).hint(format!("write `{{name: {text}}}`"));
                return None;
            }
            let entry = Entry { key: "step".to_owned(), key_at: at.clone(), value: node.clone() };
            step.selector = expression::spanset(self.report, &entry)?;
            self.steps.push(ReadStep { step, at });
            return Some(place);
        }
        let Some(entries) = node.entries() else {
            let message = format!("{within} is a mapping or a TraceQL filter, not {}", node.describe());
            self.report.at(Code::WrongType, node, message);
            return None;
        };
        let (own, selecting): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| is_of_step(&entry.key));
        let selector = selector::of_entries(self.report, &selecting, Table::Step, within);
        for entry in own {
            match entry.key.as_str() {
                "as" => {
                    if let Some(name) = shape::some_text(self.report, entry) {
                        self.names.push(Named { name: name.clone(), step: place, at: entry.value.extent() });
                        step.name = Some(name);
                    }
                }
                "at_least" => {
                    step.at_least = shape::integer(self.report, entry, 1, MANY).unwrap_or(1);
                }
                "within" if may_be_late => step.within = shape::positive_duration(self.report, entry),
                "within" => {
                    let message = format!("{within} takes no `within`");
                    self.report
                        .add(Code::Conflict, entry.key_at.clone(), message)
                        .hint("it belongs to a step of `always`, to the rule, or beside the `sequence`");
                }
                key => {
                    let kind = TieKind::ALL.into_iter().find(|kind| kind.as_str() == key);
                    if let (Some(kind), Some(to)) = (kind, shape::some_text(self.report, entry)) {
                        let at = entry.value.extent();
                        self.ties.push(UnresolvedTie { of: place, kind, to, at });
                    }
                }
            }
        }
        // In its place, whatever is wrong with it: what refers to it is no second mistake.
        step.selector = selector.unwrap_or(step.selector);
        self.steps.push(ReadStep { step, at });
        Some(place)
    }

    /// An item of `never`: a step, or `{sequence: […]}`.
    fn forbidden(&mut self, node: &Node) -> Option<Unresolved> {
        let Some(sequence) = node.get("sequence") else {
            return self.step(node, "a step of `never`", true).map(Unresolved::Step);
        };
        let entries = node.entries().unwrap_or_default();
        shape::known_keys(self.report, entries, Table::ForbiddenSequence, "a sequence of `never`");
        self.sequence(sequence, node.get("within"), node.get("overlap")).map(Unresolved::Sequence)
    }

    fn sequence(
        &mut self,
        entry: &Entry,
        within: Option<&Entry>,
        overlap: Option<&Entry>,
    ) -> Option<UnresolvedSequence> {
        let within = within.map(|entry| shape::positive_duration(self.report, entry));
        let overlap = overlap.map(|entry| shape::boolean(self.report, entry));
        let steps = self.list(Some(entry), |reader, item| match &item.value {
            Yaml::Text(name) if !name.trim_start().starts_with('{') => {
                Some(InOrder::Name(name.clone(), item.extent()))
            }
            _ => reader.step(item, "a step of `sequence`", false).map(InOrder::Step),
        });
        if steps.len() == 1 {
            let message = "a sequence has two steps at least";
            self.report
                .value(Code::InvalidValue, entry, message)
                .hint("one step alone belongs into `always`");
        }
        Some(UnresolvedSequence {
            steps: steps.into_iter().collect::<Option<_>>()?,
            within: within.map_or(Some(None), |within| within.map(Some))?,
            overlap: overlap.map_or(Some(false), |overlap| overlap)?,
        })
    }

    /// The value of `count`: one, or a list.
    fn counts(&mut self, entry: Option<&Entry>) -> Vec<Option<StepCount>> {
        let Some(entry) = entry else { return Vec::new() };
        match &entry.value.value {
            Yaml::List(items) => items.iter().map(|item| self.count(item)).collect(),
            _ => vec![self.count(&entry.value)],
        }
    }

    fn count(&mut self, node: &Node) -> Option<StepCount> {
        shape::item_map(self.report, node, Table::StepCount, "a `count`")?;
        let of = node.get("of").and_then(|entry| self.step(&entry.value, "`of`", false));
        if let Some(at) = node.get("of").and_then(|entry| entry.value.get("at_least")) {
            let message = "every span is counted: `at_least` says nothing here";
            self.report
                .add(Code::Conflict, at.key_at.clone(), message)
                .hint("compare the count in `condition`");
        }
        let entry = node.get("as")?;
        let name = shape::some_text(self.report, entry)?;
        if !super::aggregation::can_be_name(&name) {
            let message = format!("`{name}` cannot be the name of a count");
            self.report.value(Code::BadName, entry, message).hint(
                "letters, digits and `_`, not beginning with a digit, and no word of the expression language",
            );
            return None;
        }
        Some(StepCount { name, of: of? })
    }

    /// Refuses `within` of steps where there is no occasion for them to be near.
    fn without_occasion(&mut self) {
        for ReadStep { at, .. } in self.steps.iter().filter(|read| read.step.within.is_some()) {
            let message = "`within` is from the end of an occasion, and there is no `when`";
            self.report.add(Code::Conflict, at.clone(), message);
        }
    }

    /// A rule's own `within` without a sequence is about `always` steps and their occasions.
    fn within_needs(&mut self, entry: &Entry, when: Option<usize>, always: bool) {
        if when.is_none() || !always {
            let message = "`within` has no two ends: it needs a `sequence`, or `when` and `always`";
            self.report.add(Code::Conflict, entry.key_at.clone(), message);
        }
    }
}

impl UnresolvedSequence {
    fn resolved(self, report: &mut Report, names: &[Named]) -> Option<Sequence> {
        let Self { steps, within, overlap } = self;
        let place = |step: InOrder| match step {
            InOrder::Step(place) => Some(place),
            InOrder::Name(name, at) => named(report, names, &name, at),
        };
        let steps: Vec<Option<usize>> = steps.into_iter().map(place).collect();
        Some(Sequence { steps: steps.into_iter().collect::<Option<_>>()?, within, overlap })
    }
}

/// The place of the step with this name; where there is none, that is reported.
fn named(report: &mut Report, names: &[Named], name: &str, at: Range<usize>) -> Option<usize> {
    let found = names.iter().find(|named| named.name == name).map(|named| named.step);
    if found.is_none() {
        let near = nearest(name, names.iter().map(|named| named.name.as_str()));
        let finding = report.add(Code::UnknownStep, at, format!("no step is called `{name}`"));
        match near {
            Some(near) => finding.did_you_mean(Some(near)),
            None => finding.hint(format!("name a step with `as: {name}`, or write `{{name: {name}}}`")),
        };
    }
    found
}

/// Reports names that two steps have.
fn check_unique(report: &mut Report, names: &[Named]) {
    for (at, second) in names.iter().enumerate() {
        if let Some(first) = names[..at].iter().find(|first| first.name == second.name) {
            let place = report.place(first.at.clone());
            let message = format!("two steps are called `{}`", second.name);
            report.add(Code::DuplicateStep, second.at.clone(), message).also(place, "the other one");
        }
    }
}

fn tie(report: &mut Report, steps: &mut [ReadStep], names: &[Named], ties: Vec<UnresolvedTie>) {
    for UnresolvedTie { of, kind, to, at } in ties {
        if let Some(to) = named(report, names, &to, at) {
            steps[of].step.ties.push(Tie { kind, to });
        }
    }
}

/// Reports steps that are tied to themselves.
fn circles(report: &mut Report, rule: &TraceRule, steps: &[ReadStep]) {
    if let Some(at) = (0..steps.len()).find(|at| rule.is_tied(*at, *at)) {
        let message = "this step is tied to itself, directly or through others";
        report.add(Code::TieCircle, steps[at].at.clone(), message);
    }
}

/// Warns of what can never be broken.
fn doubts(report: &mut Report, rule: &TraceRule, steps: &[ReadStep]) {
    let Some(when) = rule.when else { return };
    for step in &rule.always {
        let Step { selector, ties, at_least, .. } = &rule.steps[*step];
        if *selector == rule.steps[when].selector && ties.is_empty() && *at_least == 1 {
            let message = "the occasion itself is this step: it is always there";
            let place = report.place(steps[when].at.clone());
            report
                .add(Code::NeverBroken, steps[*step].at.clone(), message)
                .also(place, "the same spans are the occasions");
        }
    }
}
