//! Walks JSON text in place, one value at a time.
//!
//! Why not `serde_json`: it stops for good at the first string that is not UTF-8, the first number
//! out of range, the first lone surrogate. Here one such value costs the span it stands in, not the
//! thousands around it. So there are two kinds of [`Fault`]: *syntax*, after which nothing that
//! follows can be trusted, and *unfit*, a well-delimited value that cannot be what it should be; the
//! caller steps over it with [`Scanner::skip`] and goes on.
//!
//! More is taken than RFC 8259 allows where it is harmless and met: the bare words `NaN`, `Infinity`
//! and `-Infinity` (Python writes them), leading zeros and plus signs. An escaped lone surrogate becomes
//! U+FFFD, as the collector reads it: JavaScript cuts emoji in half where it shortens attributes.

use std::borrow::Cow;

use crate::set_aside::Reason;

/// What can go wrong while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The text is not JSON at `offset`, or ends there.
    Syntax { offset: usize, problem: &'static str },
    /// The value is JSON, but not what must stand there.
    Unfit(Reason),
}

/// A value of the wrong type or content, inside of a span.
pub(super) const UNFIT: Fault = Fault::Unfit(Reason::MalformedSpan);

/// A value that is neither array nor object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Boolean(bool),
    /// As written; not yet checked to be a number.
    Number(&'a str),
    Text(Cow<'a, str>),
}

/// A position in JSON text.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The offset of the next byte to be read.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Goes (back) to an offset.
    pub(super) fn seek(&mut self, offset: usize) {
        self.at = offset;
    }

    /// The next byte, if there is one.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over white space.
    pub(super) fn white_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// A syntax fault here.
    pub(super) fn syntax(&self, problem: &'static str) -> Fault {
        let problem = if self.at >= self.bytes.len() { "the text ends too early" } else { problem };
        Fault::Syntax { offset: self.at, problem }
    }

    /// Reads an object and hands each member's key to `member`, which must read the value. `null`
    /// stands for an object without members.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if !self.enter(b'{')? {
            return Ok(());
        }
        self.white_space();
        if self.taken(b'}') {
            return Ok(());
        }
        loop {
            self.white_space();
            let key = self.string()?;
            self.colon()?;
            member(self, &key)?;
            self.white_space();
            if self.taken(b',') {
                continue;
            }
            if self.taken(b'}') {
                return Ok(());
            }
            return Err(self.syntax("expected `,` or `}`"));
        }
    }

    /// Reads an array and calls `element` at each element, which must read it. `null` stands for an
    /// empty array.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if !self.enter(b'[')? {
            return Ok(());
        }
        self.white_space();
        if self.taken(b']') {
            return Ok(());
        }
        loop {
            self.white_space();
            element(self)?;
            self.white_space();
            if self.taken(b',') {
                continue;
            }
            if self.taken(b']') {
                return Ok(());
            }
            return Err(self.syntax("expected `,` or `]`"));
        }
    }

    /// Reads a value that must not be an array or object.
    pub(super) fn scalar(&mut self) -> Result<Scalar<'a>, Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(Scalar::Text),
            Some(b'{' | b'[') => Err(UNFIT),
            _ => self.word(),
        }
    }

    /// Steps over any value, however deep, without recursion.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        // The closing brackets that are owed, innermost last.
        let mut owed: Vec<u8> = Vec::new();
        loop {
            self.white_space();
            match self.peek() {
                Some(b'"') => self.skip_string()?,
                Some(open @ (b'{' | b'[')) => {
                    let close = if open == b'{' { b'}' } else { b']' };
                    self.at += 1;
                    self.white_space();
                    if !self.taken(close) {
                        owed.push(close);
                        if close == b'}' {
                            self.skip_key()?;
                        }
                        continue;
                    }
                }
                _ => {
                    self.word()?;
                }
            }
            // A value is complete: close what it completes, up to the next comma.
            loop {
                let Some(&close) = owed.last() else {
                    return Ok(());
                };
                self.white_space();
                if self.taken(b',') {
                    if close == b'}' {
                        self.skip_key()?;
                    }
                    break;
                }
                if !self.taken(close) {
                    return Err(self.syntax("expected `,` or a closing bracket"));
                }
                owed.pop();
            }
        }
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.quote()?;
        let start = self.at;
        let mut clean = true;
        loop {
            self.at = next_special(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    let raw = self.bytes.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    let text = std::str::from_utf8(raw).map_err(|_| UNFIT)?;
                    return if clean { Ok(Cow::Borrowed(text)) } else { Err(UNFIT) };
                }
                Some(b'\\') => {
                    let raw = self.bytes.get(start..self.at).unwrap_or_default();
                    return self.escaped(raw.to_vec(), clean).map(Cow::Owned);
                }
                Some(_) => {
                    // A bare control character: not JSON, but the string's end is still clear.
                    clean = false;
                    self.at += 1;
                }
                None => return Err(self.syntax("unterminated string")),
            }
        }
    }

    /// The rest of a string, from its first backslash on.
    fn escaped(&mut self, mut text: Vec<u8>, mut clean: bool) -> Result<String, Fault> {
        loop {
            let start = self.at;
            self.at = next_special(self.bytes, self.at);
            text.extend_from_slice(self.bytes.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    let text = String::from_utf8(text).map_err(|_| UNFIT)?;
                    return if clean { Ok(text) } else { Err(UNFIT) };
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.escape()? {
                        Some(character) => {
                            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        None => clean = false,
                    }
                }
                Some(_) => {
                    clean = false;
                    self.at += 1;
                }
                None => return Err(self.syntax("unterminated string")),
            }
        }
    }

    /// The character that an escape stands for, after its backslash; `None` if there is no such escape.
    fn escape(&mut self) -> Result<Option<char>, Fault> {
        let Some(letter) = self.peek() else {
            return Err(self.syntax("unterminated string"));
        };
        self.at += 1;
        Ok(Some(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return Ok(self.unicode_escape()),
            _ => return Ok(None),
        }))
    }

    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.four_hex_digits()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes.get(self.at..self.at + 2) == Some(b"\\u") {
            let after_first = self.at;
            self.at += 2;
            let second = self.four_hex_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
            // Not a pair: the second is a character of its own.
            self.at = after_first;
        }
        Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_hex_digits(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + char::from(*digit).to_digit(16)?;
        }
        self.at += 4;
        Some(code)
    }

    fn skip_string(&mut self) -> Result<(), Fault> {
        self.quote()?;
        loop {
            self.at = next_special(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                // Whatever is escaped does not end the string.
                Some(b'\\') => self.at = (self.at + 2).min(self.bytes.len()),
                Some(_) => self.at += 1,
                None => return Err(self.syntax("unterminated string")),
            }
        }
    }

    fn skip_key(&mut self) -> Result<(), Fault> {
        self.white_space();
        self.skip_string()?;
        self.colon()
    }

    /// A literal or a number.
    fn word(&mut self) -> Result<Scalar<'a>, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.'))
            .unwrap_or(rest.len());
        let word = rest.get(..length).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default();
        let scalar = match word {
            "null" => Scalar::Null,
            "true" => Scalar::Boolean(true),
            "false" => Scalar::Boolean(false),
            "NaN" | "Infinity" | "-Infinity" => Scalar::Number(word),
            _ if word.starts_with(|first: char| matches!(first, '0'..='9' | '+' | '-' | '.'))
                && word.bytes().all(|byte| !byte.is_ascii_alphabetic() || matches!(byte, b'e' | b'E')) =>
            {
                Scalar::Number(word)
            }
            // A word that the end of the text may have cut short is an early end, not a wrong word.
            _ if length > 0 && length == rest.len() => {
                let offset = self.at;
                return Err(Fault::Syntax { offset, problem: "the text ends too early" });
            }
            _ => return Err(self.syntax("expected a value")),
        };
        self.at += length;
        Ok(scalar)
    }

    /// Steps over `open` and says true, or over `null` and says false.
    fn enter(&mut self, open: u8) -> Result<bool, Fault> {
        match self.peek() {
            Some(byte) if byte == open => {
                self.at += 1;
                Ok(true)
            }
            Some(b'"' | b'{' | b'[') => Err(UNFIT),
            _ => match self.word()? {
                Scalar::Null => Ok(false),
                _ => Err(UNFIT),
            },
        }
    }

    fn taken(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        if taken {
            self.at += 1;
        }
        taken
    }

    fn quote(&mut self) -> Result<(), Fault> {
        if self.taken(b'"') { Ok(()) } else { Err(self.syntax("expected a string")) }
    }

    /// Steps over a colon and the white space around it.
    fn colon(&mut self) -> Result<(), Fault> {
        self.white_space();
        if !self.taken(b':') {
            return Err(self.syntax("expected `:`"));
        }
        self.white_space();
        Ok(())
    }
}

/// The offset, from `at` on, of the first quotation mark, backslash or control character; the end if
/// there is none. Eight bytes at a time: most of an object is strings.
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest byte with its high bit set is the first match; higher ones may be false.
    let zeros = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let controls = |word: u64| word.wrapping_sub(LOW * 0x20) & !word & HIGH;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = zeros(word ^ (LOW * 0x22)) | zeros(word ^ (LOW * 0x5c)) | controls(word);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..=0x1f) {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests;
