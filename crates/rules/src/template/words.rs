//! The words of a template that name something: a lexer for what stands between `{{ }}` and `{% %}`.
//!
//! It runs only on texts that `MiniJinja` has parsed, so that it need not find mistakes of its own.

use std::ops::Range;

/// A word and what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) at: Range<usize>,
    pub(super) role: Role,
}

/// What a word names, from what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A variable or function (or a word of the template language).
    Name,
    /// Behind `|`, or first in a `filter` block.
    Filter,
    /// Behind `is` or `is not`.
    Test,
}

/// The words of `text`.
pub(super) fn of(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        let open = at + found;
        let rest = &text[open..];
        at = if rest.starts_with("{#") {
            rest.find("#}").map_or(text.len(), |end| open + end + 2)
        } else if rest.starts_with("{{") {
            inside(text, open + 2, "}}", Before::Other, &mut words)
        } else if rest.starts_with("{%") {
            match block_word(rest) {
                "raw" => raw_end(text, open),
                "filter" => inside(text, open + 2, "%}", Before::FilterBlock, &mut words),
                _ => inside(text, open + 2, "%}", Before::Other, &mut words),
            }
        } else {
            open + 1
        };
    }
    words
}

/// The first word of a block: `raw` in `{%- raw -%}`.
fn block_word(rest: &str) -> &str {
    let body = rest.trim_start_matches("{%").trim_start_matches(['-', '+']).trim_start();
    let end = body.find(|c: char| !is_word(c)).unwrap_or(body.len());
    &body[..end]
}

/// The byte behind the `endraw` block.
fn raw_end(text: &str, open: usize) -> usize {
    let mut at = open + 2;
    while let Some(found) = text[at..].find("{%") {
        at += found;
        if block_word(&text[at..]) == "endraw" {
            return text[at..].find("%}").map_or(text.len(), |end| at + end + 2);
        }
        at += 2;
    }
    text.len()
}

/// Collects words from byte `at` on, and gives the byte behind the closing `end`.
fn inside<'a>(
    text: &'a str,
    mut at: usize,
    end: &str,
    mut before: Before,
    words: &mut Vec<Word<'a>>,
) -> usize {
    // `{{ {'a': {}} }}`: braces of a mapping do not close the expression.
    let mut braces = 0_usize;
    while let Some(c) = text[at..].chars().next() {
        if braces == 0 && text[at..].starts_with(end) {
            return at + end.len();
        }
        if c == '"' || c == '\'' {
            at = string_end(text, at, c);
            before = Before::Other;
            continue;
        }
        if is_word(c) {
            let length = text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at);
            let word = &text[at..at + length];
            let keyword = is_keyword_argument(&text[at + length..]);
            before = read(word, at, before, keyword, words);
            at += length;
            continue;
        }
        match c {
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
        if !c.is_whitespace() && before != Before::FilterBlock {
            before = match c {
                '|' => Before::Pipe,
                '.' => Before::Dot,
                _ => Before::Other,
            };
        }
        at += c.len_utf8();
    }
    text.len()
}

/// What stands before a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Pipe,
    Dot,
    Is,
    /// The word `filter` comes first, then a filter's name.
    FilterBlock,
    Other,
}

fn read<'a>(word: &'a str, at: usize, before: Before, keyword: bool, words: &mut Vec<Word<'a>>) -> Before {
    let role = match before {
        Before::Dot => return Before::Other,
        Before::FilterBlock => return Before::Pipe,
        Before::Is if word == "not" => return Before::Is,
        Before::Pipe => Role::Filter,
        Before::Is => Role::Test,
        Before::Other if word == "is" => return Before::Is,
        Before::Other if keyword => return Before::Other,
        Before::Other => Role::Name,
    };
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        words.push(Word { text: word, at: at..at + word.len(), role });
    }
    Before::Other
}

/// `name=` of a call, as opposed to `name ==`.
fn is_keyword_argument(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.starts_with('=') && !rest.starts_with("==")
}

fn string_end(text: &str, open: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text[open + 1..].char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return open + 1 + at + 1;
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
