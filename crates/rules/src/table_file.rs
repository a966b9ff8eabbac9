//! Tables in CSV files (RFC 4180): text → cells that know where they stand.
//!
//! White space around a cell is no part of it, unless the cell stands in quotes. Empty lines are none.

use std::ops::Range;

use csv_core::{ReadFieldResult, Reader};

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its text, without quotes.
    pub(crate) text: String,
    /// The bytes of the file where it is written, quotes among them.
    pub(crate) at: Range<usize>,
}

/// The lines of a table, each with its cells; or the place of a quote that is not closed.
pub(crate) fn lines(text: &str) -> Result<Vec<Vec<Cell>>, Range<usize>> {
    let mut reader = Reader::new();
    let mut unquoted = vec![0; text.len() + 1];
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    // What spreadsheets put before the first cell.
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    loop {
        let (mut start, mut written) = (at, 0);
        let ends_line = loop {
            let (result, read, wrote) = reader.read_field(&text.as_bytes()[at..], &mut unquoted[written..]);
            at += read;
            written += wrote;
            match result {
                ReadFieldResult::Field { record_end } => break record_end,
                ReadFieldResult::End => return Ok(lines),
                // The next call is told that there is no more. A cell is no longer than the file.
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            }
        };
        let raw = &text[start..at];
        // Line breaks before the first cell are empty lines.
        let body = if line.is_empty() { raw.trim_start_matches(['\r', '\n']) } else { raw };
        start += raw.len() - body.len();
        let body = if ends_line {
            body.trim_end_matches(['\r', '\n'])
        } else {
            body.strip_suffix(',').unwrap_or(body)
        };
        let shown = body.trim();
        let from = start + (body.len() - body.trim_start().len());
        if shown.starts_with('"') && shown.matches('"').count() % 2 == 1 {
            return Err(from..from + 1);
        }
        let whole = String::from_utf8_lossy(&unquoted[..written]);
        let cell = if body.starts_with('"') { whole.into_owned() } else { whole.trim().to_owned() };
        line.push(Cell { text: cell, at: from..from + shown.len() });
        if ends_line {
            lines.push(std::mem::take(&mut line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<Vec<String>> {
        let of_line = |line: Vec<Cell>| line.into_iter().map(|cell| cell.text).collect();
        lines(text).unwrap().into_iter().map(of_line).collect()
    }

    #[test]
    fn cells_are_read_as_spreadsheets_write_them() {
        for (text, expected) in [
            ("", vec![]),
            ("a,b\n1,2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\r\n1,2", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("\u{feff}a, b \n\n 1 ,\n", vec![vec!["a", "b"], vec!["1", ""]]),
            ("\"POST /a,b\",\" x \"\n", vec![vec!["POST /a,b", " x "]]),
            ("\"say \"\"hi\"\"\",\"two\nlines\"\n", vec![vec!["say \"hi\"", "two\nlines"]]),
            ("ä,ö\nß,", vec![vec!["ä", "ö"], vec!["ß", ""]]),
        ] {
            assert_eq!(texts(text), expected, "{text:?}");
        }
    }

    #[test]
    fn every_cell_knows_where_it_stands() {
        let text = "\u{feff}k, slow\r\n\r\n\"a,b\" , 5ms\r\nä,\nend";
        let cells: Vec<Cell> = lines(text).unwrap().into_iter().flatten().collect();
        let found: Vec<&str> = cells.iter().map(|cell| &text[cell.at.clone()]).collect();
        assert_eq!(found, ["k", "slow", "\"a,b\"", "5ms", "ä", "", "end"]);
        // One that is empty stands where its text would.
        assert!(text[..cells[5].at.start].ends_with("ä,"));
    }

    #[test]
    fn a_quote_that_is_not_closed_is_found() {
        assert_eq!(lines("a,b\n1,\"2\n3,4\n"), Err(6..7));
    }
}
