//! Nodes → YAML on one line that is read as the same nodes.
//!
//! Texts are quoted, so that none of them is taken for something else. Numbers and booleans are spelt as they were:
//! rules read some of them by their spelling.

use std::fmt::Write as _;

use super::{Node, Yaml};

/// `node`, which stands in `file`, without aliases and merge keys.
pub(crate) fn flow(node: &Node, file: &str) -> String {
    let mut text = String::new();
    write_node(&mut text, node, file);
    text
}

fn write_node(out: &mut String, node: &Node, file: &str) {
    match &node.value {
        Yaml::Null => out.push('~'),
        Yaml::Bool(_) | Yaml::Number(_) | Yaml::Unusable(_) => {
            out.push_str(node.scalar_text(file).unwrap_or("~"));
        }
        Yaml::Text(text) => write_text(out, text),
        Yaml::List(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                separate(out, number);
                write_node(out, item, file);
            }
            out.push(']');
        }
        Yaml::Map(entries) => {
            out.push('{');
            for (number, entry) in entries.iter().enumerate() {
                separate(out, number);
                write_text(out, &entry.key);
                out.push_str(": ");
                write_node(out, &entry.value, file);
            }
            out.push('}');
        }
    }
}

fn separate(out: &mut String, number: usize) {
    if number > 0 {
        out.push_str(", ");
    }
}

/// In double quotes.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // Line separators and the byte order mark mean something to readers of YAML, wherever they stand.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                // Nothing fails that writes into a `String`.
                let _infallible = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{read, resolve};
    use super::*;

    fn parsed(text: &str) -> Node {
        let document = read(text).unwrap_or_else(|failure| panic!("{text}: {failure:?}")).remove(0);
        resolve(document, text).0
    }

    /// Returns whether two nodes are the same but for where they stand.
    fn same(a: &Node, b: &Node, texts: (&str, &str)) -> bool {
        match (&a.value, &b.value) {
            (Yaml::List(a), Yaml::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, texts))
            }
            (Yaml::Map(a), Yaml::Map(b)) => {
                let pairs = || a.iter().zip(b);
                a.len() == b.len() && pairs().all(|(a, b)| a.key == b.key && same(&a.value, &b.value, texts))
            }
            (x, y) => x == y && a.scalar_text(texts.0) == b.scalar_text(texts.1),
        }
    }

    #[test]
    fn all_kinds_of_nodes_are_read_as_they_were() {
        for text in [
            "a: [1, 0x1f, 1_000, 1.10, True, ~, 007, yes, 1e400, '', \"x\\ty\\e\\u2028\", 5%]\n",
            "a: &x {k: &y 5, l: !!str 5, m: &z true}\nb: *x\nc: *y\nd: {<<: *x, e: *z}\n",
            "a: |\n  x\n    y\n\nb: >-\n  x\n  y\n\"q\\\"\": 'it''s'\n? c\n: d\n",
            "[]",
            "{}",
        ] {
            let node = parsed(text);
            let written = flow(&node, text);
            assert!(same(&node, &parsed(&written), (text, &written)), "{text}\n{written}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_it_was(text in any::<String>()) {
            let at = 0..0;
            let node = Node { at, alias: None, incomplete: false, value: Yaml::Text(text.clone()) };
            let written = flow(&node, "");
            prop_assert_eq!(parsed(&written).value, Yaml::Text(text));
        }
    }
}
