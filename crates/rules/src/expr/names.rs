//! Resolves words: fields of a span, aggregates of a window, and the words of kind and status.

use std::ops::Range;

use super::context::{Context, LimitScope};
use super::lexer::{self, TokenKind};
use super::limits::MAX_BYTES;
use super::nearest::nearest;
use super::problem::Problem;
use crate::diagnostic::{Code, Hint};
use crate::field::{Field, Intrinsic, Scope};
use crate::limits::Limit;
use crate::rule::Aggregate;

/// The intrinsics that stand without a scope.
pub(super) const INTRINSICS: [Intrinsic; 10] = [
    Intrinsic::Name,
    Intrinsic::Kind,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::Duration,
    Intrinsic::SelfTime,
    Intrinsic::TraceId,
    Intrinsic::SpanId,
    Intrinsic::ServiceName,
    Intrinsic::Root,
];

/// Words before a dot or a bracket.
pub(super) const SCOPES: [(&str, Scope); 5] = [
    ("span", Scope::Span),
    ("resource", Scope::Resource),
    ("scope", Scope::Scope),
    ("event", Scope::Event),
    ("link", Scope::Link),
];

/// The words of one of the two intrinsics that have words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Kind,
    Status,
}

impl Words {
    pub(super) fn all(self) -> &'static [&'static str] {
        match self {
            Self::Kind => &["unspecified", "internal", "server", "client", "producer", "consumer"],
            Self::Status => &["unset", "ok", "error"],
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Status => "status",
        }
    }

    /// Returns the problem of a word that is none of them.
    pub(super) fn unknown(self, word: &str, at: Range<usize>) -> Problem {
        let hint = nearest(word, self.all().iter().copied()).map_or_else(
            || Hint::from(format!("it is one of {}", self.all().join(", "))),
            Hint::did_you_mean,
        );
        Problem::new(Code::UnknownName, at, format!("`{word}` is not a {} of spans", self.as_str()))
            .hint(hint)
    }
}

/// Returns whether `word` cannot name an aggregate, because expressions read it as an operator or a constant.
pub fn is_reserved(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "in" | "true" | "false")
}

/// Reads a field as `group_by` entries and aggregates have it: an intrinsic if so named, an attribute with its
/// scope (`span.http.route`), or else an attribute of the span or its resource (`http.route`).
pub fn parse_field(text: &str) -> Result<Field, Problem> {
    let whole = 0..text.len();
    if text.len() > MAX_BYTES {
        return Err(Problem::new(
            Code::ExprTooLong,
            whole,
            format!("a field of more than {MAX_BYTES} bytes"),
        ));
    }
    let name = text.trim();
    if name.is_empty() {
        return Err(Problem::new(Code::ExprSyntax, whole, "a field is missing"));
    }
    if let Some(field) = indexed_field(name) {
        return Ok(field);
    }
    // Nothing can be subtracted here: unlike in expressions, a dash belongs to the name.
    let belongs = |c: char| lexer::in_word(c) || matches!(c, '-' | '/' | ':');
    let start = text.len() - text.trim_start().len();
    if let Some((offset, c)) = name.char_indices().find(|(_, c)| !belongs(*c)) {
        let at = start + offset..start + offset + c.len_utf8();
        return Err(Problem::new(Code::ExprSyntax, at, format!("`{name}` is not a field"))
            .hint(format!("any key can be written in quotes: `any[{name:?}]`")));
    }
    let at = start..start + name.len();
    match (name.strip_prefix(PARENT), scoped(name)) {
        (Some(name), _) => of_parent(name, &at),
        (None, Some(("", _))) => Err(no_key(at)),
        (None, Some((key, scope))) => Ok(Field::attribute(scope, key)),
        (None, None) => Ok(intrinsic(name).unwrap_or_else(|| Field::attribute(Scope::Either, name))),
    }
}

/// Stands before the name of a field, and makes it that of the span's parent.
const PARENT: &str = "parent.";

/// The field of the parent that is called `name`: as of the span itself, and a bare key is an attribute of the parent or its
/// resource.
fn of_parent(name: &str, at: &Range<usize>) -> Result<Field, Problem> {
    if name == "parent" || name.starts_with(PARENT) {
        let message = "the parent of the parent cannot be asked for";
        return Err(Problem::new(Code::KinMisplaced, at.clone(), message)
            .hint("`parent.` goes one step up; who else is in the trace is asked with `trace:`"));
    }
    let field = match scoped(name) {
        _ if name.is_empty() => {
            return Err(Problem::new(Code::ExprSyntax, at.clone(), "a field is missing behind `parent.`")
                .hint("write `parent.service_name`, or `parent.span.http.route`"));
        }
        Some(("", _)) => return Err(no_key(at.clone())),
        Some((key, scope)) => Field::attribute(scope, key),
        None => intrinsic(name).unwrap_or_else(|| Field::attribute(Scope::Either, name)),
    };
    parents(field, at)
}

/// A field of the parent, which has it by itself, and once.
fn parents(field: Field, at: &Range<usize>) -> Result<Field, Problem> {
    let refused =
        |message: String, hint: &str| Err(Problem::new(Code::KinMisplaced, at.clone(), message).hint(hint));
    if let Some(many) = field.many() {
        let message = format!("the {many} of the parent cannot be asked for");
        return refused(
            message,
            "its own fields and attributes can: `parent.status`, `parent.span.error.type`",
        );
    }
    if matches!(field, Field::Parent(_)) {
        return of_parent(PARENT, at);
    }
    if field.is_of_kin() {
        let hint = "`self_time` is that of the span itself; a rule about the parent's selects the parent";
        return refused("the parent's own time cannot be asked for".to_owned(), hint);
    }
    Ok(Field::Parent(Box::new(field)))
}

/// `span["weird key!"]` and nothing else.
fn indexed_field(text: &str) -> Option<Field> {
    let tokens = lexer::tokens(text).ok()?;
    let kinds: Vec<&TokenKind> = tokens.iter().map(|token| &token.kind).collect();
    match kinds.as_slice() {
        [
            TokenKind::Word(scope),
            TokenKind::Symbol("["),
            TokenKind::Text(key),
            TokenKind::Symbol("]"),
            TokenKind::End,
        ] => index(scope, key, 0..text.len()).ok(),
        _ => None,
    }
}

fn index_scope(word: &str) -> Option<Scope> {
    if word == "any" {
        return Some(Scope::Either);
    }
    SCOPES.iter().find(|(name, _)| *name == word).map(|(_, scope)| *scope)
}

/// The field `scope["key"]`.
pub(super) fn index(scope: &str, key: &str, at: Range<usize>) -> Result<Field, Problem> {
    if let Some(of_parent) = scope.strip_prefix(PARENT) {
        return parents(index(of_parent, key, at.clone())?, &at);
    }
    index_scope(scope).map(|scope| Field::attribute(scope, key)).ok_or_else(|| {
        Problem::new(Code::UnknownName, at, format!("`{scope}` has no keys")).hint(
            "keys stand behind `span`, `resource`, `event`, `link`, `scope`, or `any` (the span, else the resource)",
        )
    })
}

fn intrinsic(word: &str) -> Option<Field> {
    INTRINSICS.into_iter().find(|intrinsic| intrinsic.as_str() == word).map(Field::Intrinsic)
}

/// Key and scope of a word that starts with a scope.
fn scoped(word: &str) -> Option<(&str, Scope)> {
    if let Some(key) = word.strip_prefix('.') {
        return Some((key, Scope::Either));
    }
    SCOPES.iter().find_map(|(name, scope)| Some((word.strip_prefix(name)?.strip_prefix('.')?, *scope)))
}

fn no_key(at: Range<usize>) -> Problem {
    Problem::new(Code::ExprSyntax, at, "a key is missing behind the dot").hint("write `span.http.route`")
}

/// The meaning of a word.
pub(super) enum Meaning {
    Field(Field),
    Aggregate(String),
}

/// The meaning of a word, apart from the words of kind and status.
pub(super) fn resolve(word: &str, at: &Range<usize>, context: Context<'_>) -> Result<Meaning, Problem> {
    match context {
        Context::Where => field(word, at).map(Meaning::Field),
        Context::Condition { aggregates } => aggregate(word, at, aggregates).map(Meaning::Aggregate),
        Context::Counts { counts } => count(word, at, counts).map(Meaning::Aggregate),
    }
}

fn field(word: &str, at: &Range<usize>) -> Result<Field, Problem> {
    if let Some(field) = intrinsic(word) {
        return Ok(field);
    }
    if let Some(name) = word.strip_prefix(PARENT) {
        return of_parent(name, at);
    }
    match scoped(word) {
        Some(("", _)) => return Err(no_key(at.clone())),
        Some((key, scope)) => return Ok(Field::attribute(scope, key)),
        None => {}
    }
    let unknown = Problem::new(Code::UnknownName, at.clone(), format!("unknown name `{word}`"));
    let intrinsics = INTRINSICS.iter().map(|intrinsic| intrinsic.as_str());
    let words = [Words::Status, Words::Kind].into_iter().find(|words| words.all().contains(&word));
    if let Some(near) = nearest(word, intrinsics).filter(|_| words.is_none()) {
        return Err(unknown.hint(Hint::did_you_mean(near)));
    }
    Err(unknown.hint(if let Some(words) = words {
        format!("compare it: `{} = {word}`", words.as_str())
    } else if word == super::traceql::PARENT_ID {
        "the root span is `root`, or `span:parentID = nil`".to_owned()
    } else if matches!(word, "nil" | "null" | "none") {
        "whether a key is there is asked with `exists:` under `attributes:`".to_owned()
    } else if word == Aggregate::COUNT {
        "aggregates can be compared in `condition`, not where spans are selected".to_owned()
    } else if word.contains('.') {
        format!("an attribute is written `span.{word}`, or `.{word}` for the span's, else the resource's")
    } else {
        format!("an attribute is written `span.{word}` or `.{word}`, a text \"{word}\"")
    }))
}

fn count(word: &str, at: &Range<usize>, counts: &[Aggregate]) -> Result<String, Problem> {
    let mut names = counts.iter().map(|count| count.name.as_str());
    if names.clone().any(|name| name == word) {
        return Ok(word.to_owned());
    }
    let hint = nearest(word, names.clone()).map_or_else(
        || {
            Hint::from(match names.next() {
                Some(_) => format!("declare it: `count: [{{of: {{name: …}}, as: {word}}}, …]`"),
                None => format!("declare it: `count: {{of: {{name: …}}, as: {word}}}`"),
            })
        },
        Hint::did_you_mean,
    );
    Err(Problem::new(Code::UnknownName, at.clone(), format!("unknown count `{word}`")).hint(hint))
}

fn aggregate(word: &str, at: &Range<usize>, aggregates: &[Aggregate]) -> Result<String, Problem> {
    let names = || {
        let declared = aggregates.iter().map(|aggregate| aggregate.name.as_str());
        declared.chain(
            (!aggregates.iter().any(|aggregate| aggregate.name == Aggregate::COUNT))
                .then_some(Aggregate::COUNT),
        )
    };
    if names().any(|name| name == word) {
        return Ok(word.to_owned());
    }
    if intrinsic(word).is_some() || scoped(word).is_some() || word.starts_with(PARENT) {
        let message = format!("`{word}` is a field of one span; a condition is about a window of spans");
        let example = match word {
            "duration" | "self_time" | "parent.duration" => format!("`slow: {{p99: {word}}}`"),
            "status" | "kind" => format!("`matching: {{count: {{where: \"{word} = …\"}}}}`"),
            _ => format!("`different: {{count_distinct: {word}}}`"),
        };
        return Err(Problem::new(Code::UnknownName, at.clone(), message)
            .hint(format!("declare an aggregate over it: {example} under `aggregation`")));
    }
    let hint = nearest(word, names()).map_or_else(
        || {
            let known = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let example = match word {
                "errors" | "failures" | "failed" | "error" => "{count: {where: \"status = error\"}}",
                _ => "count",
            };
            Hint::from(if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                format!("the rule's aggregates are {known}; declare it: `aggregation: {{{word}: {example}}}`")
            } else {
                format!("the rule's aggregates are {known}")
            })
        },
        Hint::did_you_mean,
    );
    Err(Problem::new(Code::UnknownName, at.clone(), format!("unknown aggregate `{word}`")).hint(hint))
}

/// The limit called `key`; none where it may be one that could not be read.
pub(super) fn limit(key: &str, at: &Range<usize>, limits: &LimitScope) -> Option<Result<Limit, Problem>> {
    let known = match limits {
        LimitScope::Unknown => return None,
        LimitScope::Refused(why) => {
            let message = format!("`limit.{key}` cannot be asked for here: {why}");
            let hint = "limits stand in `where` of `span`, in `aggregation`, in conditions and in templates";
            return Some(Err(Problem::new(Code::LimitMisplaced, at.clone(), message).hint(hint)));
        }
        LimitScope::Known(known) => known,
    };
    if let Some(limit) = known.iter().find(|limit| limit.key() == key) {
        return Some(Ok(limit.clone()));
    }
    let names = || known.iter().map(Limit::key);
    let unknown = Problem::new(Code::UnknownName, at.clone(), format!("unknown limit `{key}`"));
    Some(Err(unknown.hint(if known.is_empty() {
        Hint::from(format!("the rule has no `limits`; an attribute is written `span.limit.{key}`"))
    } else if let Some(near) = nearest(key, names()) {
        Hint::did_you_mean(&format!("limit.{near}"))
    } else {
        Hint::from(format!(
            "the rule's limits are {}",
            names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ))
    })))
}
