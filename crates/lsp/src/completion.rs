//! The keys and values that may be written at a place.

use std::collections::BTreeSet;
use std::ops::Range;

use fluo_rules::as_scalar;
use fluo_rules::expected::{Expected, Step, Value, expected};
use fluo_rules::expr::documentation::{Documented, EARLIER, FIELDS, FUNCTIONS, OPERATORS, SCOPES};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionItemTextEdit, Documentation, MarkupContent, MarkupKind,
    TextEdit,
};
use serde_json::Value as Json;

use crate::hover::{shown, word_at};
use crate::outline::{Place, Role, scalar_beside};
use crate::text::Encoding;
use crate::vocabulary::Vocabulary;
use crate::workspace::At;

/// Something that may be written.
struct Offer {
    label: String,
    /// The text that is put there.
    text: String,
    kind: CompletionItemKind,
    documentation: Option<String>,
}

impl Offer {
    fn word(label: impl Into<String>, kind: CompletionItemKind) -> Self {
        let label = label.into();
        Self { text: label.clone(), label, kind, documentation: None }
    }

    fn documented(known: &Documented, kind: CompletionItemKind) -> Self {
        Self { documentation: Some(shown(known)), ..Self::word(known.name, kind) }
    }
}

/// The completions at a byte, those first that are most probably meant.
pub(crate) fn complete(
    at: &At<'_>,
    offset: usize,
    vocabulary: &Vocabulary,
    encoding: Encoding,
) -> Vec<CompletionItem> {
    let text = at.text.as_str();
    let place = Place::of(text, offset);
    if place.role == Role::Nothing {
        return Vec::new();
    }
    let expected = expected(at.kind, &place.path, place.sink.as_deref());
    let mut offers = Vec::new();
    let mut range = place.word.start.min(offset)..offset;
    if place.role != Role::Value {
        let has_colon = text[place.word.end..].trim_start_matches(' ').starts_with(':');
        range.end = place.word.end.max(offset);
        offers.extend(keys(&expected, &place, vocabulary, has_colon));
    }
    if place.role != Role::Key {
        let values = values(&expected.value, at, &place, offset, vocabulary);
        if let Some(part) = values.range {
            range = part;
        }
        offers.extend(values.offers);
    }
    let edit = at.text.range(&range, encoding);
    let item = |(number, offer): (usize, Offer)| CompletionItem {
        kind: Some(offer.kind),
        documentation: offer
            .documentation
            .map(|value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })),
        sort_text: Some(format!("{number:05}")),
        filter_text: Some(offer.label.clone()),
        text_edit: Some(CompletionItemTextEdit::TextEdit(TextEdit { range: edit, new_text: offer.text })),
        label: offer.label,
        ..CompletionItem::default()
    };
    offers.into_iter().enumerate().map(item).collect()
}

fn keys(expected: &Expected, place: &Place, vocabulary: &Vocabulary, has_colon: bool) -> Vec<Offer> {
    let colon = if has_colon { "" } else { ": " };
    let is_new = |name: &str| !place.siblings.iter().any(|sibling| sibling == name);
    let known = expected.keys.iter().filter(|key| is_new(key.name)).map(|key| Offer {
        text: format!("{}{colon}", key.name),
        ..Offer::documented(key, CompletionItemKind::Property)
    });
    let attributes = vocabulary.attributes().filter(|key| expected.attribute_keys && is_new(key));
    let attributes = attributes.map(|key| Offer {
        text: format!("{}{colon}", as_scalar(key)),
        ..Offer::word(key, CompletionItemKind::Field)
    });
    known.chain(attributes).collect()
}

/// Values, and the bytes that they are put in place of where these are not the whole.
#[derive(Default)]
struct Values {
    offers: Vec<Offer>,
    range: Option<Range<usize>>,
}

fn values(value: &Value, at: &At<'_>, place: &Place, offset: usize, vocabulary: &Vocabulary) -> Values {
    let words = |words: &mut dyn Iterator<Item = &str>, kind: CompletionItemKind| Values {
        offers: words.map(|word| Offer { text: as_scalar(word), ..Offer::word(word, kind) }).collect(),
        range: None,
    };
    match value {
        // Words of the language stand as they are: `true` is no text.
        Value::Words(all) => {
            let offers = all.iter().map(|word| Offer::word(*word, CompletionItemKind::EnumMember));
            Values { offers: offers.collect(), range: None }
        }
        Value::Service => words(&mut vocabulary.services(), CompletionItemKind::Value),
        Value::SpanName => {
            let service = service_beside(at, place);
            words(&mut vocabulary.names(service.as_deref()).into_iter(), CompletionItemKind::Value)
        }
        Value::Attribute(key) => words(&mut vocabulary.values(key), CompletionItemKind::Value),
        Value::Rule => {
            let names: BTreeSet<&str> =
                at.project.all_items().flat_map(|item| &item.names).map(|(name, _)| name.as_str()).collect();
            words(&mut names.into_iter(), CompletionItemKind::Reference)
        }
        Value::Field => {
            let fields = FIELDS.iter().map(|field| Offer::documented(field, CompletionItemKind::Field));
            let attributes = vocabulary.attributes().map(|key| Offer::word(key, CompletionItemKind::Field));
            Values { offers: fields.chain(attributes).collect(), range: None }
        }
        Value::OfSpan => of_span(at, place, offset, vocabulary),
        Value::OfWindow => {
            let own = place.aggregates.iter().map(|name| Offer::word(name, CompletionItemKind::Variable));
            let count = (!place.aggregates.iter().any(|name| name == "count"))
                .then(|| Offer::word("count", CompletionItemKind::Variable));
            let known = [EARLIER, FUNCTIONS].into_iter().flatten().map(called);
            Values {
                offers: own.chain(count).chain(known).chain(operators()).collect(),
                range: Some(behind(at, offset)),
            }
        }
        Value::Duration | Value::Path | Value::Unknown => Values::default(),
    }
}

/// An expression over a span: names, or the values of what is compared before the cursor.
fn of_span(at: &At<'_>, place: &Place, offset: usize, vocabulary: &Vocabulary) -> Values {
    let text = at.text.as_str().get(place.word.start..offset).unwrap_or("");
    if let Some((field, quoted)) = compared(text) {
        let known: Vec<&str> = match field {
            "service_name" => vocabulary.services().collect(),
            "name" => vocabulary.names(None).into_iter().collect(),
            "kind" | "status" => return Values::default(),
            field => vocabulary.values(unscoped(field)).collect(),
        };
        let offers = known.into_iter().map(|it| Offer::word(it, CompletionItemKind::Value));
        return Values { offers: offers.collect(), range: Some(offset - quoted..offset) };
    }
    let fields = FIELDS.iter().map(|field| Offer::documented(field, CompletionItemKind::Field));
    let attributes = vocabulary.attributes().map(|key| {
        let is_plain = key.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_'));
        let written = if is_plain { format!("span.{key}") } else { format!("span[{}]", Json::from(key)) };
        Offer::word(written, CompletionItemKind::Field)
    });
    let scopes = SCOPES.iter().map(|scope| Offer::documented(scope, CompletionItemKind::Module));
    let functions = FUNCTIONS.iter().map(called);
    Values {
        offers: fields.chain(attributes).chain(scopes).chain(functions).chain(operators()).collect(),
        range: Some(behind(at, offset)),
    }
}

fn called(function: &Documented) -> Offer {
    let text = format!("{}(", function.name);
    Offer { text, ..Offer::documented(function, CompletionItemKind::Function) }
}

fn operators() -> impl Iterator<Item = Offer> {
    let words = OPERATORS.iter().filter(|it| it.name.starts_with(char::is_alphabetic));
    words.map(|operator| Offer::documented(operator, CompletionItemKind::Keyword))
}

/// The bytes of the word before the cursor.
fn behind(at: &At<'_>, offset: usize) -> Range<usize> {
    word_at(at.text.as_str(), offset).start..offset
}

/// The field that the text within open quotes at the end is compared with, and the length of that text.
fn compared(text: &str) -> Option<(&str, usize)> {
    let quote = text.rfind(['"', '\''])?;
    let mark = text[quote..].chars().next()?;
    // One that is closed leaves an even number.
    if text.matches(mark).count() % 2 == 0 {
        return None;
    }
    let before = text[..quote].trim_end();
    let operator = ["!=", "=~", "!~", "==", "="].into_iter().find(|operator| before.ends_with(operator))?;
    let field = before[..before.len() - operator.len()].trim_end();
    let start = field.rfind([' ', '(', ',']).map_or(0, |at| at + 1);
    Some((&field[start..], text.len() - quote - mark.len_utf8()))
}

fn unscoped(field: &str) -> &str {
    let scoped = ["span.", "resource.", "."].into_iter().find_map(|scope| field.strip_prefix(scope));
    scoped.unwrap_or(field)
}

/// The service that the selector around a place is about.
fn service_beside(at: &At<'_>, place: &Place) -> Option<String> {
    let depth = place.path.iter().rposition(|step| *step == Step::Key("name".to_owned()))?;
    scalar_beside(at.text.as_str(), place.word.start, depth, "service_name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_that_is_compared_is_that_before_the_open_quote() {
        for (text, expected) in [
            ("service_name = \"pa", Some(("service_name", 2))),
            ("kind = server and name =~ \"", Some(("name", 0))),
            ("span.http.route = \"/a\" or .http.method != 'G", Some((".http.method", 1))),
            ("name = \"a\" and ", None),
            ("name", None),
            ("contains(name, \"a", None),
        ] {
            assert_eq!(compared(text), expected, "{text}");
        }
    }
}
