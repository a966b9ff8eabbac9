//! OTLP JSON as it is met: one document, several one after another, lines (NDJSON), or an array.
//!
//! Each document, and each element of a top-level array, is a request or a lone `ResourceSpans`. A
//! document that is broken is rolled back and counted; reading goes on at the next line that begins with
//! a bracket. So a line that was cut off costs that line.

mod request;
mod scalar;
mod scanner;
mod span;
mod value;

use crate::assembly::Assembly;
use crate::decode::Limits;
use crate::error::DecodeError;
use scanner::{Fault, Scanner};

/// Reads all documents of a text.
pub(crate) fn read(bytes: &[u8], assembly: &mut Assembly, limits: &Limits) {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let depth = limits.depth();
    let mut scanner = Scanner::new(bytes);
    // How much may still be read a second time: without this, a text of nothing but opened brackets,
    // one a line, would be read to its end from each line.
    let mut second_readings = bytes.len();
    let mut empty = true;
    loop {
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
        let checkpoint = assembly.checkpoint();
        let Err(error) = document(&mut scanner, assembly, depth) else {
            continue;
        };
        let broken_at = error.0;
        assembly.roll_back(checkpoint);
        assembly.document_failed(DecodeError::Json { offset: error.0, problem: error.1 });
        let again = broken_at.saturating_sub(start);
        let from = if again <= second_readings {
            second_readings -= again;
            start
        } else {
            broken_at
        };
        match next_line(bytes, from) {
            Some(line) => scanner.seek(line),
            None => break,
        }
    }
    if empty {
        assembly.document_read();
    }
}

/// Reads one document. The error is an offset and what is wrong there.
fn document(
    scanner: &mut Scanner<'_>,
    assembly: &mut Assembly,
    depth: usize,
) -> Result<(), (usize, &'static str)> {
    let start = scanner.offset();
    let read = match scanner.peek() {
        Some(b'[') => {
            let mut any = false;
            let read = scanner.array(|scanner| {
                any = true;
                element(scanner, assembly, depth)
            });
            if !any && read.is_ok() {
                assembly.document_read();
            }
            read
        }
        Some(b'{') => element(scanner, assembly, depth),
        _ => Err(scanner.syntax("expected an object or an array")),
    };
    read.map_err(|fault| match fault {
        Fault::Syntax { offset, problem } => (offset, problem),
        Fault::Unfit(_) => (start, "expected an export request"),
    })
}

fn element(scanner: &mut Scanner<'_>, assembly: &mut Assembly, depth: usize) -> Result<(), Fault> {
    let found = request::request(scanner, assembly, depth)?;
    if found.traces {
        assembly.document_read();
    }
    if let Some(foreign) = found.foreign {
        assembly.document_failed(DecodeError::NotTraces(foreign));
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
