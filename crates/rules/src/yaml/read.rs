//! Text → raw nodes, by `serde_yaml`, within bounds.
//!
//! serde's data model has no places, so that each node asks for itself wrapped in `Spanned`. Mappings come
//! as pairs with duplicates and merge keys still in, for [`super::mapping`] to judge: the parser could
//! refuse them too, but would point at one place and stop.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::{
    DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, NonFiniteFloatPolicy, Options, Spanned,
};

use super::Yaml;
use super::scalar;
use crate::diagnostic::Code;
use crate::position::Lines;

/// Deepest nesting of lists and mappings, aliases expanded.
pub(crate) const MAX_DEPTH: usize = 64;

/// Most parser events that aliases may add: enough for a thousand rules that merge a mapping of twenty
/// keys, and refused in a few hundredths of a second where it is an attack.
const MAX_ALIAS_EVENTS: usize = 50_000;

/// Most text in scalars, counted each time that an alias repeats it.
const MAX_SCALAR_BYTES: usize = 8 * 1024 * 1024;

/// A node before its mappings were looked at.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) at: Range<usize>,
    pub(super) alias: Option<Range<usize>>,
    pub(super) value: RawValue,
}

/// The value of a raw node.
#[derive(Debug, Clone)]
pub(super) enum RawValue {
    /// Text of a quoted, block or plain scalar.
    Text(String),
    /// A plain scalar that YAML gives a type.
    Typed(Typed),
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

/// The types that YAML gives plain scalars. Numbers are read again from their spelling.
#[derive(Debug, Clone, Copy)]
pub(super) enum Typed {
    Null,
    Bool(bool),
    Number,
}

/// The reason why a text is no YAML, and its place.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The finding's code.
    pub(crate) code: Code,
    /// The message: what is wrong.
    pub(crate) message: String,
    /// Advice about what to do, where that is known.
    pub(crate) hint: Option<String>,
    /// Bytes of the text.
    pub(crate) at: Range<usize>,
}

/// Stack for the parser, which calls itself for every level of nesting: [`MAX_DEPTH`] levels take about 3 MiB
/// without optimisation, more than test and worker threads have.
const STACK: usize = 8 * 1024 * 1024;

/// Every document of `text` that is not empty, scalars resolved, mappings not yet looked at.
///
/// A thread of its own makes the result independent of how much stack the caller has left.
pub(crate) fn read(text: &str) -> Result<Vec<Document>, Failure> {
    let documents = std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || documents(text));
        parser.map(std::thread::ScopedJoinHandle::join)
    });
    let unread = |why: &str| Failure {
        code: Code::YamlSyntax,
        message: format!("the file could not be read: {why}"),
        hint: None,
        at: 0..0,
    };
    match documents {
        Ok(Ok(documents)) => Ok(documents?.into_iter().map(Document).collect()),
        Ok(Err(_)) => Err(unread("the YAML parser failed on it")),
        Err(error) => Err(unread(&format!("no thread for the YAML parser ({error})"))),
    }
}

fn documents(text: &str) -> Result<Vec<Raw>, Failure> {
    serde_yaml::from_multiple_with_options::<Raw>(text, options()).map_err(|error| failure(text, &error))
}

/// A document whose mappings still hold duplicate and merge keys.
#[derive(Debug, Clone)]
pub(crate) struct Document(pub(super) Raw);

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            max_total_scalar_bytes: MAX_SCALAR_BYTES,
            // One anchor that every rule of a file merges is how defaults were written before `defaults`.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_ALIAS_EVENTS },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        // `yes` and `on` are words: only `true` and `false` are booleans.
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn failure(text: &str, error: &Error) -> Failure {
    let at = error.location().map_or(0..0, |location| place(text, location));
    let (code, message, hint) = reason(text, &at, error);
    Failure { code, message, hint, at }
}

fn reason(text: &str, at: &Range<usize>, error: &Error) -> (Code, String, Option<String>) {
    let too_deep = || (Code::TooDeep, format!("nested more than {MAX_DEPTH} deep"), None);
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => reason(text, at, error),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::Budget {
            breach:
                BudgetBreach::RecordedAnchorEvents { .. }
                | BudgetBreach::RecordedAnchorBytes { .. }
                | BudgetBreach::ScalarBytes { .. },
            ..
        } => (
            Code::TooManyAliases,
            "aliases expand to more than this file may hold".to_owned(),
            Some("put what rules have in common into `defaults`".to_owned()),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            (Code::TooManyAliases, "an alias stands inside its own anchor".to_owned(), None)
        }
        Error::Budget { breach, .. } => {
            (Code::TooManyAliases, format!("the file is too large to be a rule file ({breach:?})"), None)
        }
        other => match syntax_message(other) {
            // The scanner's own limits on nesting, which come before the budget's for some shapes.
            message if message.starts_with("recursion limit exceeded") => too_deep(),
            message => {
                let hint = syntax_hint(text, at, &message);
                (Code::YamlSyntax, message, hint)
            }
        },
    }
}

/// The parser's message, without the place it ends with: the finding says that itself.
fn syntax_message(error: &Error) -> String {
    let full = error.render();
    let cut = full.find(" at line ").unwrap_or(full.len());
    full[..cut].trim().to_owned()
}

/// The mistakes that people make and the parser words obscurely.
fn syntax_hint(text: &str, at: &Range<usize>, message: &str) -> Option<String> {
    let hint = if message.contains("tab") {
        "YAML is indented with spaces, not with tabs"
    } else if message.contains("escape character") {
        r"in double quotes `\` begins an escape; write `\\`, or use single quotes"
    } else if text.get(at.start..)?.starts_with(['`', '@']) {
        "put text that begins with this character in quotes"
    } else if stands_behind_braces(text.get(..at.start)?) {
        "text that begins with `{`, as TraceQL filters and templates do, stands in quotes: `span: '{ … }'`"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// Returns whether the line so far is a key with a value in braces, which YAML has taken for a mapping that ends here.
fn stands_behind_braces(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.trim_end().ends_with('}') && line.contains(": {")
}

/// Bytes of a place that the parser names in bytes, or else in lines and characters.
fn place(text: &str, location: Location) -> Range<usize> {
    let span = location.span();
    let start = match span.byte_offset() {
        Some(offset) => usize::try_from(offset).unwrap_or(text.len()),
        None => Lines::of(text).byte_at(text, location.line(), location.column()),
    };
    let start = text.floor_char_boundary(start.min(text.len()));
    let length = span.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let end = text.ceil_char_boundary(start.saturating_add(length).min(text.len()));
    start..end
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<RawValue>::deserialize(deserializer)?;
        let at = bytes(spanned.defined);
        let used = bytes(spanned.referenced);
        // Children of an aliased node are "used" at the alias, too.
        let alias = (used != at).then_some(used);
        Ok(Self { at, alias, value: spanned.value })
    }
}

fn bytes(location: Location) -> Range<usize> {
    let number = |value: Option<u64>| usize::try_from(value.unwrap_or(0)).unwrap_or(usize::MAX);
    let start = number(location.span().byte_offset());
    start..start.saturating_add(number(location.span().byte_len()))
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<RawValue, E> {
        Ok(RawValue::Typed(Typed::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Typed(Typed::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<RawValue, E> {
        Ok(RawValue::Typed(Typed::Number))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<RawValue, E> {
        Ok(RawValue::Typed(Typed::Number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Typed(Typed::Number))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<RawValue, E> {
        Ok(RawValue::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(RawValue::Map(map))
    }
}

impl RawValue {
    /// The scalar as a value; lists and mappings are for [`super::mapping`].
    pub(super) fn scalar(&self, source: &str) -> Option<Yaml> {
        match self {
            Self::Text(text) => Some(Yaml::Text(text.clone())),
            Self::Typed(Typed::Null) => Some(Yaml::Null),
            Self::Typed(Typed::Bool(value)) => Some(Yaml::Bool(*value)),
            Self::Typed(Typed::Number) => Some(scalar::number(source)),
            Self::List(_) | Self::Map(_) => None,
        }
    }
}
