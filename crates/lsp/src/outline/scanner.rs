//! Reading a text into its outline, line by line.

use std::ops::Range;

use fluo_rules::expected::Step;

use super::{End, Node, Outline, Role};

/// Reads a text.
pub(super) fn read(text: &str) -> Outline {
    let mut scanner = Scanner { text, at: 0, outline: Outline::default(), open: Vec::new() };
    scanner.run();
    scanner.outline
}

/// An open block: its node and its column.
#[derive(Debug, Clone, Copy)]
struct Block {
    node: usize,
    column: usize,
    is_item: bool,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    outline: Outline,
    open: Vec<Block>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while self.at < self.text.len() {
            self.line();
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn top(&self) -> Option<usize> {
        self.open.last().map(|block| block.node)
    }

    /// The innermost node that begins before a column.
    fn less_indented(&self, column: usize) -> Option<usize> {
        self.open.iter().rev().find(|block| block.column < column).map(|block| block.node)
    }

    fn ends(&mut self, node: Option<usize>, role: Role, start: usize) {
        self.outline.end = End { node, role, start };
    }

    fn push(&mut self, parent: Option<usize>, step: Step, at: Range<usize>) -> usize {
        self.outline.nodes.push(Node { parent, step, value: at.end..at.end, at });
        self.outline.nodes.len() - 1
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    /// Goes behind the end of the line.
    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
    }

    fn is_at_end_of_line(&self) -> bool {
        matches!(self.rest().chars().next(), None | Some('\n' | '\r'))
    }

    /// Reads one line, and what a value that begins in it has of others.
    fn line(&mut self) {
        let begin = self.at;
        self.skip_spaces();
        let mut column = self.at - begin;
        if self.is_at_end_of_line() {
            // A cursor in an empty line belongs to what is less indented.
            let (node, at) = (self.less_indented(column), self.at);
            self.ends(node, Role::Any, at);
            self.skip_line();
            return;
        }
        if self.rest().starts_with('#') {
            self.comment();
            return;
        }
        if column == 0 && (self.rest().starts_with("---") || self.rest().starts_with('%')) {
            self.open.clear();
            self.comment();
            return;
        }
        while self.rest().starts_with('-')
            && matches!(self.rest()[1..].chars().next(), None | Some(' ' | '\n' | '\r'))
        {
            while self.open.last().is_some_and(|it| it.column > column || it.column == column && it.is_item) {
                self.open.pop();
            }
            let (parent, at) = (self.top(), self.at);
            let node = self.push(parent, Step::Item, at..at + 1);
            self.open.push(Block { node, column, is_item: true });
            self.at += 1;
            let dash = self.at;
            self.skip_spaces();
            column += 1 + self.at - dash;
            let at = self.at;
            self.ends(Some(node), if at > dash { Role::Any } else { Role::Nothing }, at);
        }
        if self.is_at_end_of_line() {
            self.skip_line();
            return;
        }
        self.content(column);
    }

    fn comment(&mut self) {
        let at = self.at;
        self.ends(None, Role::Nothing, at);
        self.skip_line();
    }

    /// Reads what stands in a line behind indentation and dashes.
    fn content(&mut self, column: usize) {
        if self.rest().starts_with(['{', '[']) {
            let top = self.top();
            self.flow(top);
            return;
        }
        let start = self.at;
        while self.open.last().is_some_and(|it| it.column >= column) {
            self.open.pop();
        }
        let Some((key, length)) = key(self.rest()) else {
            let top = self.top();
            // A line that goes on with a value, or a key without its colon.
            self.ends(top, Role::Any, start);
            self.skip_line_of_scalar(top, start);
            return;
        };
        let (parent, at) = (self.top(), start..start + length);
        let node = self.push(parent, Step::Key(key), at);
        self.open.push(Block { node, column, is_item: false });
        self.at = start + length;
        let colon = self.rest().find(':').map_or(0, |colon| colon + 1);
        self.at += colon;
        let behind = self.at;
        self.skip_spaces();
        let at = self.at;
        self.ends(Some(node), if at > behind { Role::Value } else { Role::Nothing }, at);
        self.value(node, column);
    }

    fn skip_line_of_scalar(&mut self, node: Option<usize>, start: usize) {
        self.skip_line();
        let end = start + self.text[start..self.at].trim_end().len();
        if let Some(node) = node.and_then(|node| self.outline.nodes.get_mut(node)) {
            node.value = start..end;
        }
    }

    /// Reads the value of a key in block style.
    fn value(&mut self, node: usize, column: usize) {
        // What stands before a value and is none.
        while self.rest().starts_with(['&', '!']) {
            let rest = self.rest();
            self.at += rest.find([' ', '\n']).unwrap_or(rest.len());
            self.skip_spaces();
        }
        let start = self.at;
        match self.rest().chars().next() {
            None => {}
            Some('\n' | '\r') => self.skip_line(),
            Some('|' | '>') => self.block_scalar(node, column),
            Some('{' | '[') => self.flow(Some(node)),
            Some(quote @ ('"' | '\'')) => {
                self.quoted(node, quote);
                self.skip_line();
            }
            Some(_) => {
                if let Some(comment) = self.line_rest().find(" #") {
                    let end = start + comment;
                    self.outline.nodes[node].value = start..end;
                    self.at = end;
                    self.comment();
                } else {
                    self.ends(Some(node), Role::Value, start);
                    self.skip_line_of_scalar(Some(node), start);
                }
            }
        }
    }

    fn line_rest(&self) -> &str {
        let rest = self.rest();
        &rest[..rest.find('\n').unwrap_or(rest.len())]
    }

    /// Skips the lines of `|` and `>`, which are further in than their key.
    fn block_scalar(&mut self, node: usize, column: usize) {
        self.skip_line();
        while self.at < self.text.len() {
            let line = self.line_rest();
            let indent = line.len() - line.trim_start_matches(' ').len();
            let is_blank = line.trim().is_empty();
            if !is_blank && indent <= column {
                return;
            }
            let start = self.at + indent;
            if is_blank && indent <= column {
                // It may be the end of the text: then a cursor in it is about what is less indented.
                let node = self.less_indented(indent);
                self.ends(node, Role::Any, start);
            } else {
                self.ends(Some(node), Role::Value, start);
            }
            self.skip_line();
        }
    }

    /// Skips a text in quotes, which may go over lines.
    fn quoted(&mut self, node: usize, quote: char) {
        let start = self.at;
        self.ends(Some(node), Role::Value, start + 1);
        let mut skip = true;
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            skip = false;
            if escaped {
                escaped = false;
            } else if c == '\\' && quote == '"' {
                escaped = true;
            } else if c == quote {
                self.at = start + at + 1;
                self.outline.nodes[node].value = start..self.at;
                let at = self.at;
                self.ends(Some(node), Role::Nothing, at);
                return;
            }
        }
        self.at = if skip { start + 1 } else { self.text.len() };
    }

    /// Reads `{…}` or `[…]`, over as many lines as it has.
    fn flow(&mut self, node: Option<usize>) {
        let mut open: Vec<(Option<usize>, bool)> = Vec::new();
        // The node whose value comes next.
        let mut current = node;
        while self.at < self.text.len() {
            let start = self.at;
            let Some(c) = self.rest().chars().next() else { return };
            match c {
                '{' | '[' => {
                    open.push((current, c == '{'));
                    self.at += 1;
                    if c == '[' {
                        current = Some(self.push(current, Step::Item, self.at..self.at));
                    }
                    let at = self.at;
                    self.ends(current, if c == '{' { Role::Key } else { Role::Value }, at);
                }
                '}' | ']' => {
                    open.pop();
                    self.at += 1;
                    let at = self.at;
                    self.ends(current, Role::Nothing, at);
                    if open.is_empty() {
                        self.skip_line();
                        return;
                    }
                }
                ',' => {
                    self.at += 1;
                    let Some((holder, is_map)) = open.last().copied() else { return };
                    let at = self.at;
                    current = if is_map { holder } else { Some(self.push(holder, Step::Item, at..at)) };
                    self.ends(current, if is_map { Role::Key } else { Role::Value }, at);
                }
                ' ' | '\t' | '\n' | '\r' => {
                    self.at += 1;
                    let at = self.at;
                    if self.outline.end.start == start {
                        self.outline.end.start = at;
                    }
                }
                '#' => self.skip_line(),
                _ => current = self.flow_word(current, open.last().copied()),
            }
        }
    }

    /// Reads a key with its colon, or a scalar. Returns the node whose value comes next.
    fn flow_word(&mut self, current: Option<usize>, holder: Option<(Option<usize>, bool)>) -> Option<usize> {
        let start = self.at;
        let is_key = holder.is_some_and(|(holder, is_map)| is_map && holder == current);
        if is_key && let Some((key, length)) = flow_key(self.rest()) {
            let node = self.push(current, Step::Key(key), start..start + length);
            self.at = start + length;
            let colon = self.rest().find(':').map_or(0, |colon| colon + 1);
            self.at += colon;
            let at = self.at;
            self.ends(Some(node), Role::Value, at);
            return Some(node);
        }
        if let Some(quote @ ('"' | '\'')) = self.rest().chars().next()
            && let Some(node) = current
        {
            self.quoted(node, quote);
            return current;
        }
        let rest = self.rest();
        let end = rest.find([',', '}', ']', '\n']).unwrap_or(rest.len()).max(1);
        let end = rest.ceil_char_boundary(end);
        self.at = start + end;
        self.ends(current, if is_key { Role::Key } else { Role::Value }, start);
        if let Some(node) = current.and_then(|node| self.outline.nodes.get_mut(node)) {
            node.value = start..start + end;
        }
        current
    }
}

/// The key that a line begins with, and its length with quotes.
fn key(line: &str) -> Option<(String, usize)> {
    if let Some(quote) = line.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = line[1..].find(quote)? + 2;
        let behind = line[end..].trim_start_matches(' ');
        return (behind.starts_with(": ") || behind.starts_with(":\n") || behind == ":")
            .then(|| (line[1..end - 1].to_owned(), end));
    }
    let line = &line[..line.find(['\n', '\r']).unwrap_or(line.len())];
    let line = &line[..line.find(" #").unwrap_or(line.len())];
    let end = line.find(": ").or_else(|| line.ends_with(':').then(|| line.len() - 1))?;
    let key = line[..end].trim_end();
    Some((key.to_owned(), key.len()))
}

/// The key that a text between brackets begins with, and its length with quotes.
fn flow_key(text: &str) -> Option<(String, usize)> {
    if text.starts_with(['"', '\'']) {
        let quote = text.chars().next()?;
        let end = text[1..].find(quote)? + 2;
        return text[end..]
            .trim_start_matches(' ')
            .starts_with(':')
            .then(|| (text[1..end - 1].to_owned(), end));
    }
    let end = text.find([',', '}', ']', '{', '[', '\n']).unwrap_or(text.len());
    let word = &text[..end];
    let colon = word.find(": ").or_else(|| word.ends_with(':').then(|| word.len() - 1))?;
    let key = word[..colon].trim_end();
    Some((key.to_owned(), key.len()))
}
