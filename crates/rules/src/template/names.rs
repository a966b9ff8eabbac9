//! Looks up the names of templates: the variables, what stands below each, and whether a rule has it.
//!
//! `MiniJinja` makes nothing of a name that is not there, and the text is sent without it. So every path that can be
//! read without running the template (`labels.team`, `group['http.route']`, `evidence[0].name`) is looked up here.

use std::collections::BTreeSet;
use std::ops::Range;

use super::lexer::{Kind, Tag, Token};
use super::problem::TemplateProblem;
use crate::diagnostic::{Code, Hint};
use crate::expr::nearest::nearest;
use crate::rule::Aggregate;

/// A variable of templates.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// As templates name it.
    pub name: &'static str,
    /// The kind of its value.
    pub holds: Holds,
}

/// The kind of a variable's value, which is what may stand behind its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A text or a number.
    Plain,
    /// A function.
    Function,
    /// A mapping with these keys.
    Fields(&'static [&'static str]),
    /// A list of mappings with these keys.
    List(&'static [&'static str]),
    /// A mapping with the rule's labels.
    Labels,
    /// A mapping with the rule's group keys.
    Group,
    /// A mapping with the rule's aggregates.
    Aggregates,
    /// A mapping with the limits of the group.
    Limits,
}

/// The variables that a template may use. The renderer makes them all.
pub const VARIABLES: &[Variable] = &[
    variable("rule", Holds::Plain),
    variable("severity", Holds::Plain),
    variable("labels", Holds::Labels),
    variable("group", Holds::Group),
    variable("value", Holds::Aggregates),
    variable("first", Holds::Aggregates),
    variable("peak", Holds::Aggregates),
    variable("limit", Holds::Limits),
    variable("condition", Holds::Plain),
    variable("window", Holds::Fields(&["start", "end"])),
    variable("started_at", Holds::Plain),
    variable("firing_for", Holds::Plain),
    variable(
        "evidence",
        Holds::List(&[
            "trace_id",
            "span_id",
            "service_name",
            "name",
            "end_time",
            "duration_ns",
            "status",
            "status_message",
            "attributes",
        ]),
    ),
    variable("top", Holds::List(&["key", "spans", "values"])),
    variable("trace_url", Holds::Function),
    variable("runbook_url", Holds::Plain),
    variable("state", Holds::Plain),
];

/// Those of which labels may be made: an alert is routed by its labels from its first message to its last, so they are
/// of what never changes in its life.
const OF_LABELS: [&str; 3] = ["rule", "severity", "group"];

const fn variable(name: &'static str, holds: Holds) -> Variable {
    Variable { name, holds }
}

/// The names that the templates of one rule may use. A field that is `None` is not known, and its names are not looked
/// at.
#[derive(Debug, Clone, Default)]
pub struct Names<'a> {
    /// The declared aggregates (`count` always is one), and the calls of functions over earlier windows.
    pub aggregates: Option<Vec<&'a str>>,
    /// True if it is not known which such calls there are.
    pub any_call: bool,
    /// The keys of its labels.
    pub labels: Option<Vec<&'a str>>,
    /// Its group keys.
    pub group: Option<Vec<&'a str>>,
    /// Its limits by group.
    pub limits: Option<Vec<&'a str>>,
    /// True if the text is a label: it may name less.
    pub of_label: bool,
}

impl Names<'_> {
    /// The same for a label.
    #[must_use]
    pub fn of_label(&self) -> Self {
        Self { of_label: true, ..self.clone() }
    }

    pub(super) fn may_use(&self, variable: &str) -> bool {
        !self.of_label || OF_LABELS.contains(&variable)
    }

    fn variables(&self) -> impl Iterator<Item = &'static str> + '_ {
        VARIABLES.iter().map(|variable| variable.name).filter(|name| self.may_use(name))
    }

    /// A hint that lists what may be named.
    pub(super) fn all_variables(&self) -> String {
        format!("it may use {}", self.variables().collect::<Vec<_>>().join(", "))
    }

    /// Names for "did you mean" and the keys below a variable; none where they are not known.
    fn below(&self, holds: Holds) -> Option<Vec<&str>> {
        match holds {
            Holds::Labels => self.labels.clone(),
            Holds::Group => self.group.clone(),
            Holds::Limits => self.limits.clone(),
            Holds::Aggregates => {
                let declared = self.aggregates.as_ref()?.iter().copied();
                Some(declared.filter(|name| *name != Aggregate::COUNT).chain([Aggregate::COUNT]).collect())
            }
            Holds::Fields(fields) | Holds::List(fields) => Some(fields.to_vec()),
            Holds::Plain | Holds::Function => None,
        }
    }

    /// Returns the text to write in place of an unknown variable.
    pub(super) fn instead_of(&self, name: &str) -> Hint {
        let has = |holds| self.below(holds).is_some_and(|names| names.contains(&name));
        let meant = match name {
            _ if has(Holds::Group) => format!("group.{name}"),
            _ if self.of_label => match nearest(name, self.variables()) {
                Some(near) => near.to_owned(),
                None => return self.all_variables().into(),
            },
            _ if has(Holds::Aggregates) => format!("value.{name}"),
            _ if has(Holds::Labels) => format!("labels.{name}"),
            "name" | "alertname" | "alert" | "rule_name" | "monitor" => "rule".to_owned(),
            "status" | "event" => "state".to_owned(),
            "priority" | "level" => "severity".to_owned(),
            "tags" | "label" => "labels".to_owned(),
            "groups" | "group_by" => "group".to_owned(),
            "spans" | "span" | "traces" | "exemplars" => "evidence".to_owned(),
            _ => match nearest(name, self.variables()) {
                Some(near) => near.to_owned(),
                None => return self.all_variables().into(),
            },
        };
        Hint::did_you_mean(&meant)
    }
}

/// A variable, and what stands behind it as far as that can be read.
struct Path<'t> {
    variable: Variable,
    steps: Vec<Step<'t>>,
    /// `true` where the template only asks whether it is there.
    asked: bool,
}

/// `.key`, `['key']` or `[0]`.
#[derive(Clone)]
struct Step<'t> {
    /// None where it is a number.
    key: Option<&'t str>,
    /// `true` behind a dot.
    dotted: bool,
    at: Range<usize>,
}

/// Every path that leads to nothing in a rule with these names.
pub(super) fn unknown(tags: &[Tag<'_>], names: &Names<'_>) -> Vec<TemplateProblem> {
    let own = assigned(tags);
    let paths: Vec<Path<'_>> = tags.iter().flat_map(|tag| paths(tag, &own)).collect();
    // `{% if labels.team %}{{ labels.team }}{% endif %}`: the template is prepared for either.
    let first = |path: &Path<'_>| Some((path.variable.name, path.steps.first()?.key?.to_owned()));
    let asked: BTreeSet<_> = paths.iter().filter(|path| path.asked).filter_map(first).collect();
    let relied_on = paths.iter().filter(|path| first(path).is_none_or(|first| !asked.contains(&first)));
    relied_on.filter_map(|path| path.problem(names)).collect()
}

/// Names that the template gives to values of its own.
fn assigned<'t>(tags: &[Tag<'t>]) -> BTreeSet<&'t str> {
    let mut own = BTreeSet::new();
    for tag in tags {
        let end = match tag.statement() {
            Some("set") => "=",
            Some("for") => "in",
            Some("with") => {
                let pairs =
                    tag.tokens.windows(2).filter(|pair| pair[0].kind == Kind::Word && pair[1].is("="));
                own.extend(pairs.map(|pair| pair[0].text));
                continue;
            }
            _ => continue,
        };
        let targets = tag.tokens.iter().skip(1).take_while(|token| !token.is(end));
        own.extend(targets.filter(|token| token.kind == Kind::Word).map(|token| token.text));
    }
    own
}

fn paths<'t>(tag: &Tag<'t>, own: &BTreeSet<&str>) -> Vec<Path<'t>> {
    let tokens = &tag.tokens;
    let mut paths = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &tokens[before]);
        let named = token.kind == Kind::Word && !own.contains(token.text);
        // Behind these stands an attribute, a filter or a test; and before `=` in a call, an argument's name.
        let other = before.is_some_and(Token::precedes_part)
            || tokens.get(index + 1).is_some_and(|next| next.is("="));
        let Some(variable) = VARIABLES.iter().find(|variable| named && !other && variable.name == token.text)
        else {
            continue;
        };
        let (steps, end) = steps(tokens, index + 1);
        let asked = is_asked(tag.block, before, &tokens[end..]);
        paths.push(Path { variable: *variable, steps, asked });
    }
    paths
}

/// The steps from token `at` on, and the token behind them.
fn steps<'t>(tokens: &[Token<'t>], mut at: usize) -> (Vec<Step<'t>>, usize) {
    let mut steps = Vec::new();
    loop {
        let (step, taken) = match &tokens[at.min(tokens.len())..] {
            [dot, key, ..] if dot.is(".") && key.kind == Kind::Word => {
                (Step { key: Some(key.text), dotted: true, at: key.at.clone() }, 2)
            }
            [dot, index, ..] if dot.is(".") && index.kind == Kind::Number => {
                (Step { key: None, dotted: true, at: index.at.clone() }, 2)
            }
            [open, index, close, ..] if open.is("[") && index.kind == Kind::Number && close.is("]") => {
                (Step { key: None, dotted: false, at: index.at.clone() }, 3)
            }
            [open, key, close, ..] if open.is("[") && close.is("]") && key.kind == Kind::Text => {
                let Some(text) = key.quoted() else { return (steps, at) };
                (Step { key: Some(text), dotted: false, at: key.at.clone() }, 3)
            }
            _ => return (steps, at),
        };
        steps.push(step);
        at += taken;
    }
}

/// Returns whether a path with these tokens around it is only asked for, not relied upon.
fn is_asked(block: bool, before: Option<&Token<'_>>, behind: &[Token<'_>]) -> bool {
    let any = |token: &Token<'_>, words: &[&str]| words.iter().any(|word| token.is(word));
    match behind {
        [is, test, ..] if is.is("is") && any(test, &["defined", "undefined"]) => true,
        [is, not, test, ..] if is.is("is") && not.is("not") && any(test, &["defined", "undefined"]) => true,
        [pipe, filter, ..] if pipe.is("|") && any(filter, &["default", "d"]) => true,
        [or, ..] if or.is("or") => true,
        _ => {
            let condition =
                before.is_some_and(|before| any(before, &["if", "elif", "not", "and", "or", "("]));
            let whole = behind.first().map_or(block, |next| any(next, &["else", "and", "or", ")"]));
            condition && whole
        }
    }
}

impl Path<'_> {
    /// Returns what is wrong with it in a rule with these names.
    fn problem(&self, names: &Names<'_>) -> Option<TemplateProblem> {
        let [step, behind @ ..] = self.steps.as_slice() else { return None };
        match self.variable.holds {
            Holds::Plain | Holds::Function => Some(self.nothing_below(step, names)),
            Holds::List(fields) => self.of_list(fields, step, behind.first()),
            holds => self.of_mapping(&names.below(holds)?, names.any_call, step),
        }
    }

    /// `rule.name`
    fn nothing_below(&self, step: &Step<'_>, names: &Names<'_>) -> TemplateProblem {
        let name = self.variable.name;
        let hint = match step.key {
            Some(key) if self.variable.holds == Holds::Plain && name != "rule" => {
                names.instead_of(key).without_edit()
            }
            _ => Hint::from(format!("write `{name}`")),
        };
        problem(step.at.clone(), format!("nothing is below `{name}`"), hint)
    }

    /// `evidence.name`, `evidence[0].nmae`
    fn of_list(&self, fields: &[&str], step: &Step<'_>, next: Option<&Step<'_>>) -> Option<TemplateProblem> {
        let name = self.variable.name;
        if step.key.is_some() {
            let hint = format!("the first of it is `{name}[0]`, and each of it `{{% for one in {name} %}}`");
            return Some(problem(step.at.clone(), format!("`{name}` is a list"), hint));
        }
        let Some(Step { key: Some(key), at, .. }) = next else { return None };
        let hint =
            did_you_mean(key, fields).unwrap_or_else(|| format!("it has {}", fields.join(", ")).into());
        (!fields.contains(key))
            .then(|| problem(at.clone(), format!("an entry of `{name}` has no `{key}`"), hint))
    }

    /// `labels.nope`, `group['nope']`, `value.nope`, `window.nope`
    fn of_mapping(&self, known: &[&str], any_call: bool, step: &Step<'_>) -> Option<TemplateProblem> {
        let (name, key) = (self.variable.name, step.key?);
        let is_any_call = any_call && self.variable.holds == Holds::Aggregates && key.contains('(');
        if known.contains(&key) || is_any_call {
            return None;
        }
        // `group.http.route` is the key `route` of the key `http`, which hardly anybody means.
        let dotted: Vec<&Step<'_>> =
            self.steps.iter().take_while(|step| step.dotted && step.key.is_some()).collect();
        let joined =
            |length: usize| dotted[..length].iter().filter_map(|step| step.key).collect::<Vec<_>>().join(".");
        if let Some(length) =
            (2..=dotted.len()).rev().find(|&length| known.contains(&joined(length).as_str()))
        {
            let whole = joined(length);
            let at = step.at.start..dotted[length - 1].at.end;
            let message =
                format!("`{name}.{whole}` asks for `{key}` in `{name}`, and for the rest below that");
            let hint = format!("a key with a dot stands in brackets: `{name}['{whole}']`");
            return Some(problem(at, message, hint));
        }
        let listed = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let (message, none) = match self.variable.holds {
            Holds::Labels => (format!("the rule has no label `{key}`"), "it has no `labels`"),
            Holds::Limits => (format!("the rule has no limit `{key}`"), "it has no `limits`"),
            Holds::Group => (format!("the rule is not grouped by `{key}`"), "it has no `group_by`"),
            Holds::Aggregates => (format!("the rule has no aggregate `{key}`"), ""),
            _ => (format!("`{name}` has no `{key}`"), ""),
        };
        let hint =
            did_you_mean(&joined(dotted.len()), known).or_else(|| did_you_mean(key, known)).unwrap_or_else(
                || if known.is_empty() { none.into() } else { format!("there is {listed}").into() },
            );
        Some(problem(step.at.clone(), message, hint))
    }
}

fn problem(at: Range<usize>, message: String, hint: impl Into<Hint>) -> TemplateProblem {
    TemplateProblem { code: Code::TemplateName, at, message, hint: Some(hint.into()) }
}

/// Without an edit: what stands there may be in quotes, and the key may need them.
fn did_you_mean(word: &str, known: &[&str]) -> Option<Hint> {
    nearest(word, known.iter().copied()).map(Hint::did_you_mean).map(Hint::without_edit)
}

#[cfg(test)]
mod tests;
