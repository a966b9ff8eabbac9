//! `TraceQL`: what is spelt otherwise in a spanset filter, `{ … }`, and what one span cannot know.
//!
//! The lexer below makes of a filter the tokens of an expression, so that one parser and one checker read both. It differs
//! in keys (`span.a-b/c`, `.a."b c"`), in intrinsics with their scope (`span:status`), in texts in back-quotes, and in `nil`.

use std::ops::Range;

use super::lexer::{Lexer, Token, TokenKind, in_word};
use super::nearest::nearest;
use super::problem::Problem;
use crate::diagnostic::{Code, Hint};

/// Scopes before a dot, and what expressions call them.
const SCOPES: [(&str, &str); 6] = [
    ("span", "span"),
    ("resource", "resource"),
    ("event", "event"),
    ("link", "link"),
    ("instrumentation", "scope"),
    ("scope", "scope"),
];

/// Intrinsics, with and without scope: what expressions call them, or the scope and key that they are.
const INTRINSICS: [(&str, Known); 17] = [
    ("span:status", Known::Word("status")),
    ("span:statusMessage", Known::Word("status_message")),
    ("statusMessage", Known::Word("status_message")),
    ("span:name", Known::Word("name")),
    ("span:kind", Known::Word("kind")),
    ("span:duration", Known::Word("duration")),
    ("span:id", Known::Word("span_id")),
    ("trace:id", Known::Word("trace_id")),
    ("span:parentID", Known::Word(PARENT_ID)),
    ("event:name", Known::Key("event", "name")),
    ("link:traceID", Known::Key("link", "trace_id")),
    ("link:spanID", Known::Key("link", "span_id")),
    ("instrumentation:name", Known::Key("scope", "name")),
    ("instrumentation:version", Known::Key("scope", "version")),
    ("scope:name", Known::Key("scope", "name")),
    ("scope:version", Known::Key("scope", "version")),
    ("nil", Known::Nil),
];

#[derive(Clone, Copy)]
enum Known {
    Word(&'static str),
    Key(&'static str, &'static str),
    Nil,
}

/// The parent's id, which can be asked for and not be compared.
pub(super) const PARENT_ID: &str = "span:parentID";

/// The fields that one span does not know, with the text that says where they are asked for instead.
const BEYOND: [(&str, &str); 15] = [
    ("trace:duration", WHOLE),
    ("trace:rootName", ROOT),
    ("trace:rootService", ROOT),
    ("traceDuration", WHOLE),
    ("rootName", ROOT),
    ("rootServiceName", ROOT),
    ("span:childCount", WHOLE),
    ("childCount", WHOLE),
    ("nestedSetLeft", WHOLE),
    ("nestedSetRight", WHOLE),
    ("nestedSetParent", "the root span is `root`, or `span:parentID = nil`"),
    ("parent", "the root span is `root`, or `span:parentID = nil`"),
    ("event:timeSinceStart", "the times of events are not supported yet"),
    ("trace:rootServiceName", ROOT),
    ("trace:spanCount", WHOLE),
];

const WHOLE: &str = "rules about whole traces are written with `trace:`";
const ROOT: &str = "a filter of the root span itself is `{ root && name = \"…\" }`; rules about whole traces are written with `trace:`";
const BETWEEN: &str = "filters stand with operators between them in `trace: {when: '{ … } >> { … }'}` alone; another step is tied to one by `child_of`, `descendant_of` or `sibling_of`";

/// The tokens of a text that is one filter, with where it ends as the last one.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Vec<Problem>> {
    let start = text.len() - text.trim_start().len();
    if !text[start..].starts_with('{') {
        let first = text[start..].find(char::is_whitespace).map_or(text.len(), |end| start + end);
        let problem = Problem::new(Code::ExprSyntax, start..first, "a spanset filter starts with `{`");
        let hint = "write `span: '{ resource.service.name = \"auth\" }'`, or a mapping: `span: {service_name: auth}`";
        return Err(vec![problem.hint(hint)]);
    }
    let Filter { tokens, mut problems, end } = filter(text, start);
    problems.extend(end.and_then(|end| behind(text, end)));
    if problems.is_empty() { Ok(tokens) } else { Err(problems) }
}

/// A filter, read.
pub(super) struct Filter {
    /// The tokens between the braces, with where it ends as the last one.
    pub(super) tokens: Vec<Token>,
    /// Everything that is no token.
    pub(super) problems: Vec<Problem>,
    /// The byte behind it; none where it is not closed.
    pub(super) end: Option<usize>,
}

/// Reads the filter that opens at byte `start`.
pub(super) fn filter(text: &str, start: usize) -> Filter {
    let mut lexer = Lexer::new(text, start + 1);
    let close = loop {
        match lexer.rest().chars().next() {
            None => {
                let end = text.len()..text.len();
                lexer.problems.push(Problem::new(Code::ExprSyntax, end, "a spanset filter ends with `}`"));
                return Filter { tokens: lexer.tokens, problems: lexer.problems, end: None };
            }
            Some('}') => break lexer.at,
            Some(first) => {
                if !lexer.traceql(first) {
                    lexer.token(first);
                }
            }
        }
    };
    lexer.tokens.push(Token { kind: TokenKind::End, at: close..close + 1 });
    Filter { tokens: lexer.tokens, problems: lexer.problems, end: Some(close + 1) }
}

impl Lexer<'_> {
    /// Reads what is spelt otherwise than in expressions. Says whether something was.
    fn traceql(&mut self, first: char) -> bool {
        let start = self.at;
        let rest = self.rest();
        if first == '`' {
            let Some(end) = rest[1..].find('`') else {
                self.at = self.text.len();
                let problem = Problem::new(Code::ExprSyntax, start..self.at, "the text is not closed");
                self.problems.push(problem.hint("it lacks a ` at its end"));
                return true;
            };
            self.at += end + 2;
            self.push(start, TokenKind::Text(rest[1..=end].to_owned()));
            return true;
        }
        if first == '.' && !rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            self.key(start, "any", 1);
            return true;
        }
        if !in_word(first) || first == '.' || first.is_ascii_digit() {
            return false;
        }
        let length = |text: &str| text.find(|c| !in_word(c) || c == '.').unwrap_or(text.len());
        let word = length(rest);
        let behind = &rest[word..];
        if behind.starts_with('.') {
            return match SCOPES.iter().find(|(scope, _)| *scope == &rest[..word]) {
                Some((_, scope)) => {
                    self.key(start, scope, word + 1);
                    true
                }
                None if &rest[..word] == "parent" => {
                    self.of_parent(start, word + 1);
                    true
                }
                None => false,
            };
        }
        let whole = behind.strip_prefix(':').map_or(word, |behind| word + 1 + length(behind));
        self.intrinsic(start, whole)
    }

    /// The field behind `parent.`, `skip` bytes behind `start`: an attribute with its scope, an intrinsic, or an attribute of
    /// the parent or its resource.
    fn of_parent(&mut self, start: usize, skip: usize) {
        const SCOPES: [(&str, &str); 4] = [
            ("span.", "parent.span"),
            ("resource.", "parent.resource"),
            ("instrumentation.", "parent.scope"),
            ("scope.", "parent.scope"),
        ];
        const INTRINSICS: [(&str, &str); 5] = [
            ("name", "parent.name"),
            ("kind", "parent.kind"),
            ("status", "parent.status"),
            ("statusMessage", "parent.status_message"),
            ("duration", "parent.duration"),
        ];
        let behind = &self.text[start + skip..];
        if let Some((scope, called)) = SCOPES.iter().find(|(scope, _)| behind.starts_with(scope)) {
            self.key(start, called, skip + scope.len());
            return;
        }
        let word = &behind[..behind.find(|c| !in_key(c)).unwrap_or(behind.len())];
        if let Some((_, called)) = INTRINSICS.iter().find(|(name, _)| *name == word) {
            self.at = start + skip + word.len();
            self.push(start, TokenKind::Word((*called).to_owned()));
            return;
        }
        self.key(start, "parent.any", skip);
        if behind.starts_with("parent.") {
            let message = "the parent of the parent cannot be asked for";
            self.problems.push(Problem::new(Code::KinMisplaced, start..self.at, message));
        }
    }

    /// The intrinsic of this length, if `TraceQL` knows it and expressions do not.
    fn intrinsic(&mut self, start: usize, length: usize) -> bool {
        let name = &self.text[start..start + length];
        let at = start..start + length;
        if let Some((_, known)) = INTRINSICS.iter().find(|(known, _)| *known == name) {
            self.at = at.end;
            let kind = match *known {
                Known::Word(word) => TokenKind::Word(word.to_owned()),
                Known::Key(scope, key) => TokenKind::Key { scope, key: key.to_owned() },
                Known::Nil => TokenKind::Nil,
            };
            self.push(start, kind);
            return true;
        }
        let beyond = BEYOND.iter().find(|(beyond, _)| *beyond == name);
        if beyond.is_none() && !name.contains(':') {
            return false;
        }
        self.at = at.end;
        self.problems.push(if let Some((_, hint)) = beyond {
            Problem::new(Code::BeyondOneSpan, at, format!("`{name}` is not known of one span")).hint(*hint)
        } else {
            let all =
                INTRINSICS.iter().map(|(known, _)| *known).chain(BEYOND.iter().map(|(known, _)| *known));
            let hint = nearest(name, all).map_or_else(
                || Hint::from("an attribute is written `span.key`, with a dot"),
                Hint::did_you_mean,
            );
            Problem::new(Code::UnknownName, at, format!("TraceQL knows no `{name}`")).hint(hint)
        });
        true
    }

    /// A key, which begins `skip` bytes behind `start`: it goes on to white space or one of `{}()=~!<>&|^,`, and parts of it
    /// may be in quotes.
    fn key(&mut self, start: usize, scope: &'static str, skip: usize) {
        self.at = start + skip;
        let mut key = String::new();
        while let Some(c) = self.rest().chars().next().filter(|c| in_key(*c)) {
            if matches!(c, '"' | '`') {
                let rest = &self.rest()[1..];
                let Some((part, length)) = quoted(rest, c) else {
                    let at = self.at..self.text.len();
                    self.at = self.text.len();
                    self.problems.push(
                        Problem::new(Code::ExprSyntax, at, "the key is not closed")
                            .hint(format!("it lacks a {c} at its end")),
                    );
                    return;
                };
                key.push_str(&part);
                self.at += 1 + length;
            } else {
                key.push(c);
                self.at += c.len_utf8();
            }
        }
        if key.is_empty() {
            self.problems.push(
                Problem::new(Code::ExprSyntax, start..self.at, "a key is missing behind the dot")
                    .hint("write `span.http.route`"),
            );
        }
        self.push(start, TokenKind::Key { scope, key });
    }
}

fn in_key(c: char) -> bool {
    !c.is_whitespace() && !"{}()=~!<>&|^,".contains(c)
}

/// The text up to `quote`, and how many bytes it takes with it. Only double quotes have escapes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut part = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            c if c == quote => return Some((part, at + 1)),
            '\\' if quote == '"' => part.push(characters.next()?.1),
            c => part.push(c),
        }
    }
    None
}

/// Returns what is wrong behind the filter; none where nothing stands there.
fn behind(text: &str, close: usize) -> Option<Problem> {
    let rest = text[close..].trim();
    if rest.is_empty() {
        return None;
    }
    let start = close + text[close..].find(rest).unwrap_or(0);
    let beyond = |message: String, hint: &str| {
        Some(Problem::new(Code::BeyondOneSpan, start..start + rest.len(), message).hint(hint))
    };
    if let Some(pipeline) = rest.strip_prefix('|').filter(|pipeline| !pipeline.starts_with('|')) {
        return Some(stage(pipeline.trim_start(), start..start + rest.len()));
    }
    let operator = &rest[..rest.find(|c: char| !"><~!&|".contains(c)).unwrap_or(rest.len())];
    match operator {
        "&&" | "||" => beyond(
            format!("`{operator}` between filters is about the spans of a trace"),
            "tests of one span stand within one pair of braces; `trace.when` takes several filters, and `always` and `never` take a list of steps",
        ),
        "" => beyond("more than one spanset filter".to_owned(), WHOLE),
        _ => beyond(format!("`{operator}` is about how the spans of a trace relate"), BETWEEN),
    }
}

/// A stage of a pipeline, and what says the same in a rule.
fn stage(stage: &str, at: Range<usize>) -> Problem {
    let end = stage.find(|c| !in_word(c)).unwrap_or(stage.len());
    let (name, rest) = stage.split_at(end);
    let inner = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (argument, compared) = inner.map_or(("", ""), |(argument, behind)| (argument.trim(), behind.trim()));
    let compared = compared.split('|').next().unwrap_or("").trim();
    let compared = if compared.is_empty() { "> …" } else { compared };
    let field =
        if argument.is_empty() { "duration" } else { argument.split(',').next().unwrap_or("").trim() };
    let hint = match name {
        "count" => format!("write it beside `span:`: `condition: count {compared}`"),
        "avg" | "sum" | "min" | "max" => format!(
            "write it beside `span:`: `aggregation: {{x: {{{name}: {field}}}}}`, `condition: x {compared}`"
        ),
        "by" => format!("write it beside `span:`: `group_by: [{argument}]`"),
        "rate" | "count_over_time" => {
            "write it beside `span:`: `aggregation: {x: {rate: 1s}}`, `condition: x > …`".to_owned()
        }
        "quantile_over_time" | "histogram_over_time" => {
            format!("write it beside `span:`: `aggregation: {{x: {{p99: {field}}}}}`, `condition: x > …`")
        }
        "select" => "leave it out: evidence carries what the rule reads".to_owned(),
        _ => "what is measured over the spans stands beside `span:`, under `aggregation:` and `condition:`"
            .to_owned(),
    };
    Problem::new(
        Code::BeyondOneSpan,
        at,
        format!("`| {name}` is a stage of a pipeline, and a rule's filter has none"),
    )
    .hint(hint)
}
