//! A template → its tags, and the tokens in them.
//!
//! It cuts where `MiniJinja`'s lexer cuts, but has no mistakes of its own to tell: a string or a tag that is never closed
//! goes on to the end of the text. So it may run before `MiniJinja` does, which recurses, and may not be given everything.

use std::ops::Range;

/// The content of `{{ … }}` or `{% … %}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// `true` for `{% … %}`.
    pub(super) block: bool,
    pub(super) tokens: Vec<Token<'a>>,
}

/// A token, and where in the template it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) at: Range<usize>,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a word of the template language.
    Word,
    Number,
    /// In quotes.
    Text,
    /// An operator or a bracket: one character, or two of `== != <= >= // **`.
    Symbol,
}

impl Tag<'_> {
    /// The word that says what a block does: `if` in `{% if x %}`.
    pub(super) fn statement(&self) -> Option<&str> {
        self.tokens.first().filter(|first| self.block && first.kind == Kind::Word).map(|first| first.text)
    }
}

impl<'a> Token<'a> {
    /// Returns whether the word behind it is an attribute, a filter or a test.
    pub(super) fn precedes_part(&self) -> bool {
        [".", "|", "is"].iter().any(|symbol| self.is(symbol))
    }

    /// Returns whether it is this operator, bracket or word.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Symbol) && self.text == text
    }

    /// Returns the content of a quoted text, where it has no escapes.
    pub(super) fn quoted(&self) -> Option<&'a str> {
        let inner = self.text.get(1..self.text.len().checked_sub(1)?)?;
        (self.kind == Kind::Text && !inner.contains('\\')).then_some(inner)
    }
}

/// The tags of `text`, in order. Comments and `{% raw %}` have none.
pub(super) fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        let open = at + found;
        let rest = &text[open..];
        if let Some(comment) = rest.strip_prefix("{#") {
            at = comment.find("#}").map_or(text.len(), |end| open + 2 + end + 2);
        } else if let Some(length) = whole_tag(rest, "raw") {
            at = raw_end(text, open + length);
        } else if rest.starts_with("{{") || rest.starts_with("{%") {
            let block = rest.starts_with("{%");
            // `{%- if x %}` is `{% if x %}` without the white space before it.
            let behind = open + 2 + usize::from(rest[2..].starts_with(['-', '+']));
            let (tokens, end) = tokens(text, behind, if block { "%}" } else { "}}" });
            tags.push(Tag { block, tokens });
            at = end;
        } else {
            at = open + 1;
        }
    }
    tags
}

/// The length of `{% word %}` at the beginning of `rest`.
fn whole_tag(rest: &str, word: &str) -> Option<usize> {
    let body = rest.strip_prefix("{%")?;
    let body = body.strip_prefix(['-', '+']).unwrap_or(body).trim_ascii_start();
    let body = body.strip_prefix(word)?.trim_ascii_start();
    let body = body.strip_prefix(['-', '+']).unwrap_or(body).strip_prefix("%}")?;
    Some(rest.len() - body.len())
}

/// The byte behind the next `{% endraw %}`.
fn raw_end(text: &str, mut at: usize) -> usize {
    while let Some(found) = text[at..].find("{%") {
        at += found;
        if let Some(length) = whole_tag(&text[at..], "endraw") {
            return at + length;
        }
        at += 2;
    }
    text.len()
}

/// The tokens from byte `at` up to `end`, and the byte behind it.
fn tokens<'a>(text: &'a str, mut at: usize, end: &str) -> (Vec<Token<'a>>, usize) {
    let mut tokens = Vec::new();
    // Brackets of any kind: `}}` closes no tag while one is open.
    let mut open = 0_i64;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let closing = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if open == 0 && closing.starts_with(end) {
            return (tokens, text.len() - closing.len() + end.len());
        }
        let (kind, length) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '"' | '\'' => (Kind::Text, quoted_length(rest, c)),
            c if c.is_ascii_digit() => (Kind::Number, number_length(rest)),
            c if in_word(c) => (Kind::Word, rest.find(|c| !in_word(c)).unwrap_or(rest.len())),
            _ => {
                open += match c {
                    '(' | '[' | '{' => 1,
                    ')' | ']' | '}' => -1,
                    _ => 0,
                };
                let two = ["==", "!=", "<=", ">=", "//", "**"].iter().any(|two| rest.starts_with(two));
                (Kind::Symbol, if two { 2 } else { c.len_utf8() })
            }
        };
        tokens.push(Token { kind, text: &rest[..length], at: at..at + length });
        at += length;
    }
    (tokens, text.len())
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// A number with its fraction: `1.5`, but only `1` of `1.x`.
fn number_length(rest: &str) -> usize {
    let length = |text: &str| text.find(|c| !in_word(c)).unwrap_or(text.len());
    let whole = length(rest);
    match rest[whole..].strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => whole + 1 + length(fraction),
        _ => whole,
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_cut_where_minijinja_cuts_them() {
        for (text, expected) in [
            ("plain { text } }}", vec![]),
            ("{{ a }}{%- if b -%}c{% endif %}", vec!["a", "if b", "endif"]),
            ("{{ '}}' ~ \"a\\\"}}\" }}{{ b }}", vec!["'}}' ~ \"a\\\"}}\"", "b"]),
            ("{{ {'a': {}} }}{{ b }}", vec!["{ 'a' : { } }", "b"]),
            ("{{ [a, '}}'] }}{{ b }}", vec!["[ a , '}}' ]", "b"]),
            ("{# {{ a }} #}{{ b }}", vec!["b"]),
            ("{#}{{ a }}#}{{ b }}", vec!["b"]),
            ("{%- raw -%}{{ a }}{% endraw x %}{% endraw %}{{ b }}", vec!["b"]),
            ("{% raw x %}{{ a }}", vec!["raw x", "a"]),
            ("{{ -a }}{{- b -}}", vec!["- a", "b"]),
            ("{{ a.b[0].c | d(1.5, 1.x) == 2 }}", vec!["a . b [ 0 ] . c | d ( 1.5 , 1 . x ) == 2"]),
            ("{{ 'never closed }}", vec!["'never closed }}"]),
            ("{{ a", vec!["a"]),
        ] {
            let found: Vec<String> = tags(text)
                .iter()
                .map(|tag| tag.tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" "))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
