//! The rules, tests and silences of a file.

use lsp_types::{DocumentSymbol, SymbolKind};

use crate::text::Encoding;
use crate::workspace::At;

/// The symbols of a file, in its order.
#[expect(deprecated, reason = "a field of the protocol's that is left empty has to be named")]
pub(crate) fn symbols(at: &At<'_>, encoding: Encoding) -> Vec<DocumentSymbol> {
    let symbol = |name: &str, detail: &str, kind, range: &std::ops::Range<usize>, name_at| DocumentSymbol {
        name: name.to_owned(),
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
        kind,
        tags: None,
        deprecated: None,
        range: at.text.range(range, encoding),
        selection_range: at.text.range(name_at, encoding),
        children: None,
    };
    let rules = at.project.items(&at.name).iter().filter_map(|item| {
        let (name, place) = item.names.first()?;
        // Of an objective, both rules have the place of its name.
        let name =
            name.rsplit_once('/').filter(|_| item.names.len() > 1).map_or(name.as_str(), |(name, _)| name);
        let detail = item.rules.first().map_or("", |rule| rule.severity.as_str());
        // The name of a rule may come from its `defaults`, or an alias.
        let range = &item.place.bytes;
        let name_at = if range.contains(&place.bytes.start) { &place.bytes } else { range };
        Some(symbol(name, detail, SymbolKind::Object, range, name_at))
    });
    let tests = at
        .project
        .tests(&at.name)
        .iter()
        .flat_map(|file| &file.tests)
        .map(|test| symbol(&test.name, "", SymbolKind::Event, &test.place.bytes, &test.place.bytes));
    rules.chain(tests).collect()
}
