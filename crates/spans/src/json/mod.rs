//! OTLP JSON as it is met: one document, several one after another, lines (NDJSON), or an array.
//!
//! Each document, and each element of a top-level array, is a request or a lone `ResourceSpans`. A document is walked
//! through to its end before it is read, so that the spans of one that breaks off are not handed on. A document that is
//! broken is counted, and reading goes on at the next line that begins with a bracket: a line that was cut off costs that
//! line. Inside of a document nothing is looked for behind a syntax error, since what follows may stand anywhere.

pub(crate) mod plain;
mod request;
mod scanner;
mod span;
mod value;

use crate::assembly::Assembly;
use crate::error::DecodeError;
use scanner::{Scanner, Syntax};

/// Reads all documents of a text.
pub(crate) fn read(bytes: &[u8], assembly: &mut Assembly<'_>) {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let mut scanner = Scanner::new(bytes);
    // How much may still be read a second time: without this, a text of nothing but opened brackets,
    // one a line, would be read to its end from each line.
    let mut second_readings = bytes.len();
    let mut empty = true;
    while !assembly.is_stopped() {
        scanner.white_space();
        let start = scanner.offset();
        let rest = bytes.get(start..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        if rest.starts_with(BYTE_ORDER_MARK) {
            scanner.seek(start + BYTE_ORDER_MARK.len());
            continue;
        }
        empty = false;
        assembly.begin_document();
        let Err(Syntax { offset, problem }) = document(&mut scanner, assembly) else {
            continue;
        };
        assembly.document_failed(DecodeError::Json { offset, problem });
        let again = offset.saturating_sub(start);
        let from = if again <= second_readings {
            second_readings -= again;
            start
        } else {
            offset
        };
        match next_line(bytes, from) {
            Some(line) => scanner.seek(line),
            None => break,
        }
    }
    if empty {
        assembly.begin_document();
        assembly.document_read();
    }
}

/// Reads one document.
fn document(scanner: &mut Scanner<'_>, assembly: &mut Assembly<'_>) -> Result<(), Syntax> {
    let opening = scanner.peek();
    if !matches!(opening, Some(b'[' | b'{')) {
        return Err(scanner.syntax("expected an object or an array"));
    }
    scanner.clone().skip()?;
    if opening == Some(b'{') {
        return element(scanner, assembly);
    }
    let mut any = false;
    scanner.array(|scanner| {
        if any {
            assembly.begin_document();
        }
        any = true;
        element(scanner, assembly)
    })?;
    if !any {
        assembly.document_read();
    }
    Ok(())
}

fn element(scanner: &mut Scanner<'_>, assembly: &mut Assembly<'_>) -> Result<(), Syntax> {
    let found = request::request(scanner, assembly)?;
    match found.foreign {
        Some(foreign) if !found.traces => assembly.document_failed(DecodeError::NotTraces(foreign)),
        foreign => {
            if let Some(foreign) = foreign {
                assembly.foreign(foreign);
            }
            assembly.document_read();
        }
    }
    Ok(())
}

/// The offset of the first line after `from` that begins like a document.
fn next_line(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'\n')? + 1;
        if matches!(bytes.get(at), Some(b'{' | b'[')) {
            return Some(at);
        }
    }
}
