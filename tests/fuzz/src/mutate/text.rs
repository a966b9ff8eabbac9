//! Changes of lines and words.

use std::ops::Range;

use fastrand::Rng;

use super::amount::{copies, times};
use super::bytes;

/// Pairs that nest.
const PAIRS: [(&str, &str); 14] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("{{ ", " }}"),
    ("not ", ""),
    ("not (", ")"),
    ("!", ""),
    ("-", ""),
    ("abs(", ")"),
    ("{any: [", "]}"),
    ("{not: ", "}"),
    ("{% if a %}", "{% endif %}"),
    ("[a: ", "]"),
    ("- ", ""),
];

/// The scalars that surprise those who read them.
const SCALARS: [&str; 40] = [
    "",
    "~",
    "null",
    "true",
    "-0",
    "0",
    "-1",
    "1e400",
    "-1e-400",
    ".nan",
    ".inf",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "340282366920938463463374607431768211456",
    "0x1f",
    "0o17",
    "1_000",
    "5%",
    "500%",
    "1m",
    "0s",
    "-5m",
    "292y",
    "192307291056845467.724046160341948d",
    "9999999999999999999999999999999999999999d",
    "5 m",
    "2026-11-22T11:04:51Z",
    "9999-12-31T23:59:59.999999999Z",
    "-262143-01-01T00:00:00Z",
    "'",
    "\"",
    "\"\\u0000\\b\\u202e\"",
    "a\u{202e}b",
    "\u{feff}",
    "é\u{301}\u{1f600}",
    "(?i)^(a+)+$",
    "*anchor",
    "&anchor x",
    "!!binary aGVsbG8=",
];

/// `input` with one change.
pub(super) fn change(input: &[u8], other: &[u8], words: &[&str], random: &mut Rng) -> Vec<u8> {
    // What is no text is changed as bytes are.
    let (Ok(text), Ok(other)) = (str::from_utf8(input), str::from_utf8(other)) else {
        return bytes::change(input, other, random);
    };
    let changed = match random.u8(..10) {
        0 | 1 => of_lines(text, other, random),
        2 | 3 => replaced(text, word(text, random), random.choice(words).copied().unwrap_or_default()),
        4 | 5 => replaced(text, word(text, random), random.choice(SCALARS).unwrap_or_default()),
        6 => {
            let place = word(text, random);
            let inserted =
                format!("{} {}", random.choice(words).copied().unwrap_or_default(), &text[place.clone()]);
            replaced(text, place, &inserted)
        }
        7 => nested(text, random),
        8 => {
            let (from, to) = (word(text, random), word(other, random));
            replaced(text, from, &other[to])
        }
        _ => return bytes::change(input, other.as_bytes(), random),
    };
    changed.into_bytes()
}

/// A word of the text: letters, digits and what stands in names.
fn word(text: &str, random: &mut Rng) -> Range<usize> {
    if text.is_empty() {
        return 0..0;
    }
    let mut at = random.usize(..text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let end = text[at..].find(|c| !is_word(c)).map_or(text.len(), |length| at + length);
    let start = text[..at]
        .rfind(|c| !is_word(c))
        .map_or(0, |before| before + text[before..].chars().next().map_or(0, char::len_utf8));
    start..end
}

fn replaced(text: &str, place: Range<usize>, with: &str) -> String {
    [&text[..place.start], with, &text[place.end..]].concat()
}

/// A word inside many pairs of what nests.
fn nested(text: &str, random: &mut Rng) -> String {
    let place = word(text, random);
    let (open, close) = random.choice(PAIRS).unwrap_or_default();
    let depth = times(random);
    let inner = [&open.repeat(depth), &text[place.clone()], &close.repeat(depth)].concat();
    replaced(text, place, &inner)
}

/// Lines taken away, doubled, moved, indented.
fn of_lines(text: &str, other: &str, random: &mut Rng) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let others: Vec<&str> = other.split('\n').collect();
    let at = random.usize(..lines.len());
    match random.u8(..7) {
        0 => drop(lines.remove(at)),
        1 => {
            let line = lines[at].clone();
            let copies = copies(line.len() + 1, random);
            drop(lines.splice(at..at, std::iter::repeat_n(line, copies)));
        }
        2 => {
            let to = random.usize(..lines.len());
            lines.swap(at, to);
        }
        3 => lines[at] = format!("{}{}", " ".repeat(random.usize(..9)), lines[at].trim_start()),
        4 => lines[at] = format!("- {}", lines[at].trim_start()),
        5 => lines.insert(at, random.choice(others).unwrap_or_default().to_owned()),
        _ => {
            let end = (at + random.usize(..8)).min(lines.len());
            let block = lines[at..end].to_vec();
            let to = random.usize(..=lines.len());
            drop(lines.splice(to..to, block));
        }
    }
    lines.join("\n")
}
