//! A condition that speaks of traces by itself: `trace.has(a).where(x > 1) and not trace.has(b)`, `when { a } always { b }`.
//!
//! Every `trace.has(…)` and `trace.count(…)` is a step and the number of its spans, and the rest is an expression over
//! these numbers: each call is replaced by a name, and mistakes are told where they stood before.

use std::ops::Range;

use super::report::Report;
use super::trace::Timing;
use crate::condition::Written;
use crate::diagnostic::Code;
use crate::expr::{self, Comparison, Context, Expr, ExprKind, Problem, parse_where, quoted_text};
use crate::field::{Field, Intrinsic};
use crate::matcher::{Matcher, Number, Test, Value};
use crate::rule::{Aggregate, Selector};
use crate::trace::spanset::Spanset;
use crate::trace::{Forbidden, MAX_STEPS, Step, StepCount, TraceRule};
use crate::yaml::Entry;

/// Returns whether a condition speaks of traces.
pub(super) fn is_about_traces(text: &str) -> bool {
    let bare = blanked(text);
    let first = bare.trim_start();
    let sections = ["when", "always", "never"];
    let opens = |word: &str| first.strip_prefix(word).is_some_and(|rest| rest.trim_start().starts_with('{'));
    [HAS, COUNT].iter().any(|call| bare.contains(call)) || sections.iter().any(|word| opens(word))
}

const HAS: &str = "trace.has";
const COUNT: &str = "trace.count";

/// The rule that a condition is. Mistakes are told where they stand in `entry`.
pub(super) fn rule(report: &mut Report, entry: &Entry, text: &str, timing: Timing) -> Option<TraceRule> {
    let mut rule = TraceRule {
        steps: Vec::new(),
        when: None,
        always: Vec::new(),
        never: Vec::new(),
        sequence: None,
        counts: Vec::new(),
        condition: None,
        by: Vec::new(),
        settle: timing.settle,
        max_duration: timing.max_duration,
    };
    let read = match sections(text) {
        Ok(None) => {
            let at = 0..text.len();
            condition(text, &at, &mut rule, &[], false).map(|expr| {
                rule.condition = Some(Written { text: text.to_owned(), expr });
            })
        }
        Ok(Some(sections)) => of_sections(text, &sections, &mut rule),
        Err(problem) => Err(vec![problem]),
    };
    if let Err(problems) = read {
        tell(report, entry, text, problems);
        return None;
    }
    if rule.steps.len() > MAX_STEPS {
        let message = format!("{} calls: a condition has at most {MAX_STEPS}", rule.steps.len());
        report.value(Code::BadNumber, entry, message);
        return None;
    }
    warn_of_presence(report, entry, &rule);
    Some(rule)
}

/// A condition of `trace`, which may name calls beside the rule's counts; these are added to the rule.
pub(super) fn of_trace(
    report: &mut Report,
    entry: &Entry,
    text: &str,
    rule: &mut TraceRule,
    counts: &[Aggregate],
) -> Option<Written> {
    match condition(text, &(0..text.len()), rule, counts, false) {
        Ok(expr) => Some(Written { text: text.to_owned(), expr }),
        Err(problems) => {
            tell(report, entry, text, problems);
            None
        }
    }
}

fn tell(report: &mut Report, entry: &Entry, text: &str, problems: Vec<Problem>) {
    for problem in problems {
        report.problem(&entry.value, text, problem);
    }
}

/// A part of the form `when { … } always { … } never { … }`.
struct Section {
    word: &'static str,
    inner: Range<usize>,
}

/// The sections of a text; none where it is an expression.
fn sections(text: &str) -> Result<Option<Vec<Section>>, Problem> {
    let bare = blanked(text);
    let mut found: Vec<Section> = Vec::new();
    let mut from = 0;
    loop {
        let rest = &bare[from..];
        let start = from + rest.len() - rest.trim_start().len();
        let word = ["when", "always", "never"].into_iter().find(|word| bare[start..].starts_with(word));
        let open = word.and_then(|word| {
            let behind = &bare[start + word.len()..];
            let gap = behind.len() - behind.trim_start().len();
            behind.trim_start().starts_with('{').then_some(start + word.len() + gap)
        });
        let (Some(word), Some(open)) = (word, open) else {
            if found.is_empty() {
                return Ok(None);
            }
            if bare[start..].is_empty() {
                break;
            }
            let problem = Problem::new(Code::ExprSyntax, start..bare.len(), "only sections may stand here");
            return Err(problem.hint("`when { … } always { … } never { … }`"));
        };
        let Some(close) = bare[open..].find('}').map(|at| open + at) else {
            return Err(Problem::new(Code::ExprSyntax, open..open + 1, "a brace that is not closed"));
        };
        if found.iter().any(|section| section.word == word) {
            let message = format!("`{word}` stands twice");
            return Err(Problem::new(Code::ExprSyntax, start..start + word.len(), message));
        }
        found.push(Section { word, inner: open + 1..close });
        from = close + 1;
    }
    if !found.iter().any(|section| section.word == "when") || found.len() == 1 {
        let at = found[0].inner.start..found[0].inner.start;
        let problem = Problem::new(Code::ExprSyntax, at, "`when` stands with `always` or `never`");
        return Err(problem.hint("`when { payment.charge_card } always { payment.fraud_check }`"));
    }
    Ok(Some(found))
}

/// Sections that name steps only are what `trace` says with lists; all else is an expression over counts.
fn of_sections(text: &str, sections: &[Section], rule: &mut TraceRule) -> Result<(), Vec<Problem>> {
    let mut read = Vec::new();
    let mut problems = Vec::new();
    for Section { word, inner } in sections {
        match condition(text, inner, rule, &[], true) {
            Ok(expr) => read.push((*word, expr)),
            Err(more) => problems.extend(more),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let of = |word: &str| read.iter().find(|(known, _)| *known == word).map(|(_, expr)| expr);
    let step_of = |expr: &Expr| {
        let name = presence(expr)?;
        rule.counts.iter().find(|count| count.name == name).map(|count| count.of)
    };
    let listed = |word: &str, parts: fn(&Expr) -> Vec<&Expr>| -> Option<Vec<usize>> {
        of(word).map_or(Some(Vec::new()), |expr| parts(expr).into_iter().map(step_of).collect())
    };
    let when = of("when").and_then(step_of);
    if let (Some(when), Some(always), Some(never)) = (when, listed("always", all), listed("never", any)) {
        rule.when = Some(Spanset::Filter(when));
        rule.always = always;
        rule.never = never.into_iter().map(Forbidden::Step).collect();
        rule.counts.clear();
        return Ok(());
    }
    let whole = 0..text.len();
    let join = |kind: fn(Box<Expr>, Box<Expr>) -> ExprKind, left: Expr, right: Expr| Expr {
        kind: kind(Box::new(left), Box::new(right)),
        at: whole.clone(),
    };
    let not_always =
        of("always").map(|expr| Expr { kind: ExprKind::Not(Box::new(expr.clone())), at: whole.clone() });
    let broken = match (not_always, of("never").cloned()) {
        (Some(always), Some(never)) => Some(join(ExprKind::Or, always, never)),
        (always, never) => always.or(never),
    };
    if let (Some(when), Some(broken)) = (of("when").cloned(), broken) {
        let expr = join(ExprKind::And, when, broken);
        rule.condition = Some(Written { text: text.to_owned(), expr });
    }
    Ok(())
}

/// The parts of which all must hold.
fn all(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::And(left, right) => [all(left), all(right)].concat(),
        _ => vec![expr],
    }
}

/// The parts of which one must hold.
fn any(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Or(left, right) => [any(left), any(right)].concat(),
        _ => vec![expr],
    }
}

/// The count that an expression asks to be there, and nothing else.
fn presence(expr: &Expr) -> Option<&str> {
    let ExprKind::Compare(Comparison::Gt, left, right) = &expr.kind else { return None };
    let zero = ExprKind::Literal(Value::Number(Number::Int(0)));
    match &left.kind {
        ExprKind::Aggregate(name) if right.kind == zero => Some(name),
        _ => None,
    }
}

/// Warns of `A and B` without a `not`: a condition is what must not be.
fn warn_of_presence(report: &mut Report, entry: &Entry, rule: &TraceRule) {
    let Some(condition) = &rule.condition else { return };
    let parts = all(&condition.expr);
    let names: Option<Vec<&str>> = parts.iter().map(|part| presence(part)).collect();
    if let Some([first, others @ ..]) = names.as_deref()
        && !others.is_empty()
    {
        let inner = |name: &&str| name.trim_start_matches("trace.has(").replacen(')', "", 1);
        let rest: Vec<String> = others.iter().map(inner).collect();
        report
            .value(Code::PresenceAlone, entry, "a trace that has all of these is a violation")
            .hint(format!("did you mean `when {{ {} }} always {{ {} }}`?", inner(first), rest.join(" and ")));
    }
}

/// The expression that a part of a text is, over the counts that are known and those of its calls. `bare`: a name alone
/// stands for `trace.has` of it.
fn condition(
    text: &str,
    at: &Range<usize>,
    rule: &mut TraceRule,
    known: &[Aggregate],
    bare: bool,
) -> Result<Expr, Vec<Problem>> {
    let calls = calls(text, at, known, bare).map_err(|problem| vec![problem])?;
    let blanked = blank_comments(text);
    let (mut names, mut replaced) = (Vec::new(), Replaced::default());
    let mut from = at.start;
    for (number, call) in calls.iter().enumerate() {
        let name = format!("_{number}_");
        replaced.keep(&blanked, from..call.at.start);
        let written = if call.is_presence { format!("({name}>0)") } else { name.clone() };
        replaced.put(&written, call.at.clone());
        from = call.at.end;
        names.push((name, call.name.clone()));
    }
    replaced.keep(&blanked, from..at.end);
    let mut counts = known.to_vec();
    counts
        .extend(names.iter().map(|(name, _)| Aggregate { name: name.clone(), ..Aggregate::implied_count() }));
    let parsed = expr::parse(&replaced.text, Context::Counts { counts: &counts });
    let mut expr = parsed.map_err(|problems| {
        let shown = |message: String| {
            names.iter().fold(message, |message, (name, call)| {
                message.replace(&format!("({name}>0)"), call).replace(name, call)
            })
        };
        let problem = |problem: Problem| Problem {
            at: replaced.back(problem.at.start, false)..replaced.back(problem.at.end, true),
            message: shown(problem.message),
            hint: problem.hint.map(|hint| hint.without_edit().map(shown)),
            ..problem
        };
        problems.into_iter().map(problem).collect::<Vec<_>>()
    })?;
    rename(&mut expr, &names, at);
    for call in calls {
        if rule.counts.iter().any(|count| count.name == call.name) {
            continue;
        }
        rule.counts.push(StepCount { name: call.name, of: rule.steps.len() });
        rule.steps.push(Step::of(call.selector));
    }
    Ok(expr)
}

/// A text in which calls are replaced by names.
#[derive(Default)]
struct Replaced {
    text: String,
    /// Pieces by where they end, with the bytes of the first text that they stand for, and whether these are kept.
    pieces: Vec<(usize, Range<usize>, bool)>,
}

impl Replaced {
    fn keep(&mut self, text: &str, at: Range<usize>) {
        self.text.push_str(&text[at.clone()]);
        self.pieces.push((self.text.len(), at, true));
    }

    fn put(&mut self, name: &str, at: Range<usize>) {
        self.text.push_str(name);
        self.pieces.push((self.text.len(), at, false));
    }

    /// The byte of the first text that one of this stands for; `end`: as the end of a range.
    fn back(&self, byte: usize, end: bool) -> usize {
        let mut start = 0;
        for (to, at, kept) in &self.pieces {
            if byte < *to || (end && byte == *to) {
                return match (kept, end) {
                    (true, _) => at.start + (byte - start),
                    (false, false) => at.start,
                    (false, true) => at.end,
                };
            }
            start = *to;
        }
        self.pieces.last().map_or(0, |(_, at, _)| at.end)
    }
}

/// Gives counts their names, and all of the expression the place of the whole.
fn rename(expr: &mut Expr, names: &[(String, String)], at: &Range<usize>) {
    expr.at = at.clone();
    match &mut expr.kind {
        ExprKind::Aggregate(name) => {
            if let Some((_, call)) = names.iter().find(|(known, _)| known == name) {
                name.clone_from(call);
            }
        }
        // One trace has no earlier windows, and no limits.
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Limit(_) | ExprKind::Earlier(_) => {}
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::In(inner, _) => rename(inner, names, at),
        ExprKind::Regex { item, .. } => rename(item, names, at),
        ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Compare(_, left, right)
        | ExprKind::Arithmetic(_, left, right) => {
            rename(left, names, at);
            rename(right, names, at);
        }
        ExprKind::Between(item, low, high) => {
            for one in [item, low, high] {
                rename(one, names, at);
            }
        }
        ExprKind::Call(_, arguments) => arguments.iter_mut().for_each(|one| rename(one, names, at)),
    }
}

/// A call, `trace.has(name).where(…)`.
struct Call {
    at: Range<usize>,
    is_presence: bool,
    /// As it is shown: the same whatever its white space.
    name: String,
    selector: Selector,
}

/// The calls in a part of a text.
fn calls(text: &str, at: &Range<usize>, known: &[Aggregate], bare: bool) -> Result<Vec<Call>, Problem> {
    let blanked = blank_comments(text);
    let mut calls = Vec::new();
    let mut from = at.start;
    while from < at.end {
        let rest = &blanked[from..at.end];
        let Some(first) = rest.chars().next() else { break };
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':');
        if first == '"' || first == '\'' {
            let Some((name, length)) = quoted_text(rest) else {
                return Err(Problem::new(Code::ExprSyntax, from..from + 1, "a text that does not end"));
            };
            if bare {
                let call = chained(&blanked, at, from, from + length, true, name)?;
                from = call.at.end;
                calls.push(call);
            } else {
                from += length;
            }
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            // `pay.where(…)`: what stands before the last dot is the name.
            let asks_more = rest[length..].trim_start().starts_with('(');
            let word = rest[..length].strip_suffix(".where").filter(|_| asks_more).unwrap_or(&rest[..length]);
            let length = word.len();
            let presence = if word == HAS {
                true
            } else if word == COUNT {
                false
            } else if bare && !matches!(word, "and" | "or" | "not" | "in" | "true" | "false") {
                let call = chained(&blanked, at, from, from + length, true, word.to_owned())?;
                from = call.at.end;
                calls.push(call);
                continue;
            } else {
                if word.starts_with("trace.") && known.iter().all(|count| count.name != word) {
                    let message = format!("`{word}` is no question about a trace");
                    return Err(Problem::new(Code::UnknownFunction, from..from + length, message)
                        .hint("there are `trace.has(NAME)` and `trace.count(NAME)`"));
                }
                from += length;
                continue;
            };
            let (name, end) = argument(&blanked, at, from, from + length)?;
            let call = chained(&blanked, at, from, end, presence, name)?;
            from = call.at.end;
            calls.push(call);
        } else {
            from += first.len_utf8();
        }
    }
    Ok(calls)
}

/// The name in `(name)`, and where it ends.
fn argument(text: &str, at: &Range<usize>, start: usize, open: usize) -> Result<(String, usize), Problem> {
    let wrong = |at: Range<usize>| {
        let word = &text[start..open];
        Problem::new(Code::WrongArguments, at, format!("`{word}` takes the name of a span"))
            .hint(format!("write `{word}(payment.charge_card)`"))
    };
    let inner = parenthesis(text, at, open).ok_or_else(|| wrong(start..open))?;
    let written = text[inner.clone()].trim();
    let name = if written.starts_with(['"', '\'']) {
        quoted_text(written).filter(|(_, length)| *length == written.len()).map(|(name, _)| name)
    } else {
        let is_bare =
            !written.is_empty() && !written.contains([' ', '(', ')', ',', '"', '\'', '=', '<', '>']);
        is_bare.then(|| written.to_owned())
    };
    name.map(|name| (name, inner.end + 1)).ok_or_else(|| wrong(inner))
}

/// Returns the inside of the parenthesis that opens, after white space, at `open`.
fn parenthesis(text: &str, at: &Range<usize>, open: usize) -> Option<Range<usize>> {
    let rest = &text[open..at.end];
    let first = open + (rest.len() - rest.trim_start().len());
    if !text[first..at.end].starts_with('(') {
        return None;
    }
    let bare = blanked(text);
    let mut depth = 0;
    for (offset, byte) in bare.as_bytes()[first..at.end].iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(first + 1..first + offset);
                }
            }
            _ => {}
        }
    }
    None
}

/// A call with the `.where(…)` behind it.
fn chained(
    text: &str,
    at: &Range<usize>,
    start: usize,
    mut end: usize,
    is_presence: bool,
    name: String,
) -> Result<Call, Problem> {
    let word = if is_presence { HAS } else { COUNT };
    let mut shown = format!("{word}({name})");
    let of_name = Selector::Match(
        Field::Intrinsic(Intrinsic::Name),
        Matcher { tests: vec![Test::Eq(Value::Text(name))] },
    );
    let mut all = vec![of_name];
    loop {
        let rest = &text[end..at.end];
        let dot = end + (rest.len() - rest.trim_start().len());
        let Some(behind) = text[dot..at.end].strip_prefix(".where") else { break };
        let open = at.end - behind.len();
        let Some(inner) = parenthesis(text, at, open) else {
            let problem =
                Problem::new(Code::WrongArguments, dot..open, "`.where` takes a condition in parentheses");
            return Err(problem.hint("write `.where(amount > 1000)`"));
        };
        all.push(parse_where(text, inner.clone())?);
        let words: Vec<&str> = text[inner.clone()].split_whitespace().collect();
        shown.extend([".where(", words.join(" ").as_str(), ")"]);
        end = inner.end + 1;
    }
    let selector = if all.len() == 1 { all.remove(0) } else { Selector::All(all) };
    Ok(Call { at: start..end, is_presence, name: shown, selector })
}

/// The text with comments, from `//` to the end of their lines, blanked byte for byte.
fn blank_comments(text: &str) -> String {
    blank(text, false)
}

/// The same, with what stands in quotes blanked, too.
fn blanked(text: &str) -> String {
    blank(text, true)
}

fn blank(text: &str, quoted_too: bool) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut quote: Option<char> = None;
    let (mut escaped, mut comment) = (false, false);
    for (at, c) in text.char_indices() {
        comment = match c {
            '\n' => false,
            '/' if quote.is_none() && text[at..].starts_with("//") => true,
            _ => comment,
        };
        let inside = quote.is_some();
        if !comment {
            match (quote, c) {
                _ if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(open), c) if c == open => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                _ => {}
            }
        }
        if (comment && c != '\n') || (quoted_too && inside && quote.is_some()) {
            blanked.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            blanked.push(c);
        }
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_about_traces_are_recognised() {
        for (text, is_one) in [
            ("trace.has(payment.charge_card) and not trace.has(x)", true),
            ("5 < trace.count(x)", true),
            ("when { trace_has_no_such } always { x }", true),
            ("  when{a}", true),
            ("count > 5", false),
            ("whenever > 5", false),
            ("a = \"trace.has(\"", false),
        ] {
            assert_eq!(is_about_traces(text), is_one, "{text}");
        }
    }
}
