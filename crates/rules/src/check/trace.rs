//! `trace:` → [`TraceRule`].
//!
//! Steps are read as they stand; names are looked up once all have been read, since a step may refer to one that
//! stands below it.

use std::ops::Range;

use fluo_time::Nanos;

use super::report::Report;
use super::{across, expression, groups, occasions, selector, shape, trace_text};
use crate::diagnostic::Code;
use crate::expr::nearest::nearest;
use crate::keys::{MANY, Table, is_of_step};
use crate::rule::{Aggregate, GroupKey};
use crate::trace::across::Near;
use crate::trace::spanset::Spanset;
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
    /// The spans that belong together: across traces, the group of the rule.
    pub(super) by: By,
}

/// The spans that belong together.
#[derive(Debug, Clone)]
pub(super) enum By {
    /// Spans of a trace: the rule has no `by`.
    Trace,
    /// Spans with equal values of these keys.
    Keys(Vec<GroupKey>),
    /// Spans with equal values of keys that could not be read.
    Unread,
}

impl By {
    fn read(report: &mut Report, entry: Option<&Entry>) -> Self {
        let Some(entry) = entry else { return Self::Trace };
        groups::by(report, entry).map_or(Self::Unread, Self::Keys)
    }

    /// Returns whether the rule has `by`.
    pub(super) fn is_across(&self) -> bool {
        !matches!(self, Self::Trace)
    }

    fn keys(&self) -> &[GroupKey] {
        match self {
            Self::Keys(keys) => keys,
            Self::Trace | Self::Unread => &[],
        }
    }
}

/// The value of `trace:`.
pub(super) fn trace(report: &mut Report, entry: &Entry, timing: Timing) -> Read {
    report.without_kin(OF_TRACES, |report| read(report, entry, timing))
}

/// The reason why the parents and children of spans cannot be asked for in a rule about traces.
pub(super) const OF_TRACES: &str = "the rule is about traces";

fn read(report: &mut Report, entry: &Entry, timing: Timing) -> Read {
    let errors = report.errors();
    let Some(entries) = shape::map(report, entry, "a mapping of `when`, `always`, `never`, `sequence`")
    else {
        return Read { rule: None, counts: Vec::new(), by: By::Trace };
    };
    shape::known_keys(report, entries, Table::Trace, "`trace`");
    let part = |key| entry.value.get(key);
    let by = By::read(report, part("by"));
    let is_across = by.is_across();
    let mut reader = Reader { report, steps: Vec::new(), names: Vec::new(), ties: Vec::new(), is_across };
    let when = part("when").and_then(|part| reader.occasions(&part.value));
    let always = reader.list(part("always"), |reader, item| reader.step(item, "a step of `always`", true));
    let never = reader.list(part("never"), Reader::forbidden);
    let sequence =
        part("sequence").map(|sequence| reader.sequence(sequence, part("within"), part("overlap")));
    let counts = reader.counts(part("count"));
    let within = match part("sequence") {
        None => part("within").and_then(|part| reader.duration(part)),
        Some(_) => None,
    };
    if let (Some(overlap), None, false) = (part("overlap"), part("sequence"), is_across) {
        let message = "`overlap` is about the steps of a `sequence`, and there is none";
        reader.report.add(Code::Conflict, overlap.key_at.clone(), message);
    }
    if let (Some(part), None) = (part("within"), part("sequence")) {
        reader.within_needs(part, when.is_some(), !always.is_empty());
    }
    if when.is_none() {
        reader.without_occasion();
    }
    let always: Vec<usize> = always.into_iter().flatten().collect();
    for step in &always {
        let step = &mut reader.steps[*step].step;
        if is_across {
            step.near = step.near.or(within.map(Near::Within));
        } else {
            step.within = step.within.or(within);
        }
    }
    let Reader { names, ties, mut steps, report, .. } = reader;
    let occasion = when.as_ref().and_then(Spanset::filter).copied();
    check_unique(report, &names);
    if let Some(part) = part("by") {
        across::structure(report, &entry.value, &part.key_at, &steps);
        across::nearness(report, &always, &never, &steps);
        across::keys(report, by.keys(), &mut steps);
    } else {
        across::without_by(report, &steps);
        tie(report, &mut steps, &names, ties);
    }
    let resolved = |report: &mut Report, sequence: UnresolvedSequence| {
        if is_across { sequence.across(report, &names, occasion) } else { sequence.resolved(report, &names) }
    };
    let never: Vec<Option<Forbidden>> = never
        .into_iter()
        .map(|forbidden| match forbidden? {
            Unresolved::Step(step) => Some(Forbidden::Step(step)),
            Unresolved::Sequence(sequence) => resolved(report, sequence).map(Forbidden::Sequence),
        })
        .collect();
    let sequence = sequence.map(|sequence| resolved(report, sequence?));
    let counted: Vec<Aggregate> = counts.iter().flatten().map(StepCount::as_aggregate).collect();
    if steps.len() > MAX_STEPS {
        let message = format!("{} steps: a rule has at most {MAX_STEPS}", steps.len());
        report.add(Code::BadNumber, entry.key_at.clone(), message);
    }
    if occasion.is_some_and(|occasion| steps[occasion].step.at_least > 1) {
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
        always,
        never: never.into_iter().flatten().collect(),
        sequence: sequence.flatten(),
        counts: counts.into_iter().flatten().collect(),
        condition: None,
        by: by.keys().to_vec(),
        settle: if is_across { Nanos(0) } else { timing.settle },
        max_duration: if is_across { Nanos(0) } else { timing.max_duration },
    };
    if let Some(part) = part("condition").filter(|_| !is_across)
        && let Some(text) = expression::source(report, part)
    {
        read.condition = trace_text::of_trace(report, part, &text, &mut read, &counted);
    }
    if report.errors() == errors {
        circles(report, &read, &steps);
        occasions::doubts(report, &read, &steps);
        across::always_broken(report, &read, &steps);
    }
    Read { rule: (report.errors() == errors).then_some(read), counts: counted, by }
}

/// A step, and where it stands.
pub(super) struct ReadStep {
    pub(super) step: Step,
    pub(super) at: Range<usize>,
    /// The keys that are not of its selector, and where they stand.
    pub(super) keys: Vec<(String, Range<usize>)>,
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
pub(super) enum Unresolved {
    Step(usize),
    Sequence(UnresolvedSequence),
}

pub(super) struct UnresolvedSequence {
    /// The place of its key.
    at: Range<usize>,
    steps: Vec<InOrder>,
    within: Option<Nanos>,
    overlap: bool,
}

/// A step of a sequence: as it stands there, or by its name.
enum InOrder {
    Step(usize),
    Name(String, Range<usize>),
}

pub(super) struct Reader<'a> {
    pub(super) report: &'a mut Report,
    pub(super) steps: Vec<ReadStep>,
    names: Vec<Named>,
    ties: Vec<UnresolvedTie>,
    /// The rule has `by`.
    pub(super) is_across: bool,
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
    pub(super) fn step(&mut self, node: &Node, within: &str, may_be_late: bool) -> Option<usize> {
        let at = node.extent();
        let place = self.steps.len();
        let mut step = Step::of(crate::rule::Selector::All(Vec::new()));
        if let Yaml::Text(text) = &node.value {
            if !text.trim_start().starts_with('{') {
                let message = format!("{within} is a mapping or a TraceQL filter, not a bare name");
                self.report.at(Code::WrongType, node, message).hint(format!("write `{{name: {text}}}`"));
                return None;
            }
            let entry = Entry { key: "step".to_owned(), key_at: at.clone(), value: node.clone() };
            step.selector = expression::spanset(self.report, &entry)?;
            self.steps.push(ReadStep { step, at, keys: Vec::new() });
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
        let keys: Vec<_> = own.iter().map(|entry| (entry.key.clone(), entry.key_at.clone())).collect();
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
                "by" => step.by = groups::by(self.report, entry).unwrap_or_default(),
                key @ ("before" | "after" | "within") if !may_be_late => {
                    let message = format!("{within} takes no `{key}`");
                    let finding = self.report.add(Code::Conflict, entry.key_at.clone(), message);
                    match key {
                        "within" => finding
                            .hint("it belongs to a step of `always`, to the rule, or beside the `sequence`"),
                        _ => finding.hint("it belongs to a step of `always` or `never`"),
                    };
                }
                "within" if !self.is_across => step.within = shape::positive_duration(self.report, entry),
                "before" | "after" | "within" => {
                    let near = across::near(self.report, entry);
                    if step.near.is_some() {
                        let message = "a step has one of `before`, `after` and `within`";
                        self.report
                            .add(Code::Conflict, entry.key_at.clone(), message)
                            .hint("`within` looks both ways");
                    }
                    step.near = step.near.or(near);
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
        self.steps.push(ReadStep { step, at, keys });
        Some(place)
    }

    /// A time between steps.
    fn duration(&mut self, entry: &Entry) -> Option<Nanos> {
        if self.is_across {
            across::distance(self.report, entry)
        } else {
            shape::positive_duration(self.report, entry)
        }
    }

    /// An item of `never`: a step, or `{sequence: […]}`.
    fn forbidden(&mut self, node: &Node) -> Option<Unresolved> {
        let Some(sequence) = node.get("sequence") else {
            return self.step(node, "a step of `never`", true).map(Unresolved::Step);
        };
        let entries = node.entries().unwrap_or_default();
        shape::known_keys(self.report, entries, Table::ForbiddenSequence, "a sequence of `never`");
        if let Some(overlap) = node.get("overlap").filter(|_| self.is_across) {
            across::refuse_overlap(self.report, overlap);
        }
        self.sequence(sequence, node.get("within"), node.get("overlap")).map(Unresolved::Sequence)
    }

    fn sequence(
        &mut self,
        entry: &Entry,
        within: Option<&Entry>,
        overlap: Option<&Entry>,
    ) -> Option<UnresolvedSequence> {
        let within = within.map(|entry| self.duration(entry));
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
            at: entry.key_at.clone(),
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
    fn within_needs(&mut self, entry: &Entry, when: bool, always: bool) {
        if !when || !always {
            let message = "`within` has no two ends: it needs a `sequence`, or `when` and `always`";
            self.report.add(Code::Conflict, entry.key_at.clone(), message);
        }
    }
}

impl UnresolvedSequence {
    fn resolved(self, report: &mut Report, names: &[Named]) -> Option<Sequence> {
        let Self { steps, within, overlap, .. } = self;
        let place = |step: InOrder| match step {
            InOrder::Step(place) => Some(place),
            InOrder::Name(name, at) => named(report, names, &name, at),
        };
        let steps: Vec<Option<usize>> = steps.into_iter().map(place).collect();
        Some(Sequence { steps: steps.into_iter().collect::<Option<_>>()?, within, overlap })
    }

    /// The same of a rule with `by`, whose `when` stands there.
    fn across(self, report: &mut Report, names: &[Named], when: Option<usize>) -> Option<Sequence> {
        let at = self.at.clone();
        let bare: Vec<(String, Range<usize>)> = self.steps.iter().filter_map(InOrder::name).collect();
        let sequence = self.resolved(report, names)?;
        let is_other = |name: &str| {
            let known = names.iter().find(|known| known.name == name);
            known.is_some_and(|known| when.is_some_and(|when| when != known.step))
        };
        let mut sound = true;
        for (name, at) in bare.into_iter().filter(|(name, _)| is_other(name)) {
            across::only_the_occasion(report, &name, at);
            sound = false;
        }
        across::in_order(report, at, &sequence, when);
        sound.then_some(sequence)
    }
}

impl InOrder {
    fn name(&self) -> Option<(String, Range<usize>)> {
        match self {
            Self::Step(_) => None,
            Self::Name(name, at) => Some((name.clone(), at.clone())),
        }
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
