//! Walks JSON text in place, one value at a time.
//!
//! `serde_json` is not used: it stops for good at the first string that is not UTF-8, the first number out of range,
//! the first lone surrogate. Here one such value costs itself, not the thousands of spans around it. So the only thing
//! that can go wrong while walking is a [`Syntax`] error, after which nothing that follows can be trusted; a
//! well-delimited value of another type than the one asked for is stepped over.
//!
//! More is taken than RFC 8259 allows where it is harmless and met: the bare words `NaN`, `Infinity`
//! and `-Infinity` (Python writes them), leading zeros and plus signs.
//!
//! Invariant: what [`Scanner::skip`] steps over, every other method reads without an error.

use crate::received::{Received, Text};

/// The text is not JSON at `offset`, or ends there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) offset: usize,
    pub(super) problem: &'static str,
}

/// The deepest nesting of brackets: far beyond what anybody means, and little to remember.
const MAX_NESTING: usize = 1 << 20;

/// The value in the place of an object or an array.
enum Entered {
    /// It: its bracket was stepped over.
    Inside,
    /// `null`
    Null,
    /// Something else.
    Other,
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
    pub(super) fn syntax(&self, problem: &'static str) -> Syntax {
        let problem = if self.at >= self.bytes.len() { "the text ends too early" } else { problem };
        Syntax { offset: self.at, problem }
    }

    /// Reads an object and hands each member's name to `member`, which must read the value. `null`
    /// stands for an object without members. False, and stepped over, where it is something else.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Syntax>,
    ) -> Result<bool, Syntax> {
        self.members(|scanner, key| member(scanner, &key.word()))
    }

    /// [`object`](Self::object) for objects whose members' names are data.
    pub(super) fn members(
        &mut self,
        member: impl FnMut(&mut Self, Text<'a>) -> Result<(), Syntax>,
    ) -> Result<bool, Syntax> {
        match self.enter(b'{')? {
            Entered::Inside => {}
            Entered::Null => return Ok(true),
            Entered::Other => return Ok(false),
        }
        self.white_space();
        if !self.taken(b'}') {
            self.members_from_here(member)?;
        }
        Ok(true)
    }

    /// The members of an object that follow the one whose value begins here.
    pub(super) fn later_members(
        &self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Syntax>,
    ) -> Result<(), Syntax> {
        let mut ahead = self.clone();
        ahead.skip()?;
        ahead.white_space();
        if ahead.taken(b',') {
            ahead.members_from_here(|scanner, key| member(scanner, &key.word()))?;
        }
        Ok(())
    }

    fn members_from_here(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Result<(), Syntax>,
    ) -> Result<(), Syntax> {
        loop {
            self.white_space();
            let key = self.string()?;
            self.colon()?;
            member(self, key)?;
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
    /// empty array. False, and stepped over, where it is something else.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Syntax>,
    ) -> Result<bool, Syntax> {
        match self.enter(b'[')? {
            Entered::Inside => {}
            Entered::Null => return Ok(true),
            Entered::Other => return Ok(false),
        }
        self.white_space();
        if self.taken(b']') {
            return Ok(true);
        }
        loop {
            self.white_space();
            element(self)?;
            self.white_space();
            if self.taken(b',') {
                continue;
            }
            if self.taken(b']') {
                return Ok(true);
            }
            return Err(self.syntax("expected `,` or `]`"));
        }
    }

    /// Reads any value.
    pub(super) fn value(&mut self) -> Result<Received<'a>, Syntax> {
        match self.peek() {
            Some(b'"') => self.string().map(Received::Text),
            Some(b'{' | b'[') => {
                self.skip()?;
                Ok(Received::Structure)
            }
            _ => self.word(),
        }
    }

    /// Steps over any value, however deep, without recursion.
    pub(super) fn skip(&mut self) -> Result<(), Syntax> {
        // The closing brackets that are owed, innermost last.
        let mut owed: Vec<u8> = Vec::new();
        loop {
            self.white_space();
            match self.peek() {
                Some(b'"') => drop(self.skip_string()?),
                Some(open @ (b'{' | b'[')) => {
                    let close = if open == b'{' { b'}' } else { b']' };
                    self.at += 1;
                    self.white_space();
                    if !self.taken(close) {
                        if owed.len() == MAX_NESTING {
                            return Err(self.syntax("nested too deep"));
                        }
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
                    let problem = if close == b'}' { "expected `,` or `}`" } else { "expected `,` or `]`" };
                    return Err(self.syntax(problem));
                }
                owed.pop();
            }
        }
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<Text<'a>, Syntax> {
        let start = self.at + 1;
        let escaped = self.skip_string()?;
        // Without the closing quotation mark.
        let raw = self.bytes.get(start..self.at - 1).unwrap_or_default();
        Ok(Text::quoted(raw, escaped))
    }

    /// Steps over a string. Says whether there is a backslash or a control character in it.
    fn skip_string(&mut self) -> Result<bool, Syntax> {
        self.quote()?;
        let mut escaped = false;
        loop {
            self.at = next_special(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                // Whatever is escaped does not end the string.
                Some(b'\\') => self.at = (self.at + 2).min(self.bytes.len()),
                // A bare control character: not JSON, but the string's end is still clear.
                Some(_) => self.at += 1,
                None => return Err(self.syntax("unterminated string")),
            }
            escaped = true;
        }
    }

    fn skip_key(&mut self) -> Result<(), Syntax> {
        self.white_space();
        self.skip_string()?;
        self.colon()
    }

    /// A literal or a number.
    fn word(&mut self) -> Result<Received<'a>, Syntax> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.'))
            .unwrap_or(rest.len());
        let word = rest.get(..length).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default();
        let value = match word {
            "null" => Received::Nothing,
            "true" => Received::Boolean(true),
            "false" => Received::Boolean(false),
            "NaN" | "Infinity" | "-Infinity" => Received::number(word),
            _ if word.starts_with(|first: char| matches!(first, '0'..='9' | '+' | '-' | '.'))
                && word.bytes().all(|byte| !byte.is_ascii_alphabetic() || matches!(byte, b'e' | b'E')) =>
            {
                Received::number(word)
            }
            // A word that the end of the text may have cut short is an early end, not a wrong word.
            _ if length > 0 && length == rest.len() => {
                let offset = self.at;
                return Err(Syntax { offset, problem: "the text ends too early" });
            }
            _ => return Err(self.syntax("expected a value")),
        };
        self.at += length;
        Ok(value)
    }

    /// Steps over `open`, over `null`, or over whatever else there is.
    fn enter(&mut self, open: u8) -> Result<Entered, Syntax> {
        if self.taken(open) {
            return Ok(Entered::Inside);
        }
        Ok(match self.value()? {
            Received::Nothing => Entered::Null,
            _ => Entered::Other,
        })
    }

    fn taken(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        if taken {
            self.at += 1;
        }
        taken
    }

    fn quote(&mut self) -> Result<(), Syntax> {
        if self.taken(b'"') { Ok(()) } else { Err(self.syntax("expected a string")) }
    }

    /// Steps over a colon and the white space around it.
    fn colon(&mut self) -> Result<(), Syntax> {
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
