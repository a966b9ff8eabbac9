//! The examples in the documentation: fenced blocks, and what is to be done with each.
//!
//! | block | is |
//! | --- | --- |
//! | `yaml rule` | a rule file without a finding |
//! | `yaml bad E0103` | a rule file with at least this finding |
//! | `yaml test`, `yaml silences` | a test file, or silences, without a finding; loaded by the tests of `fluo-rules` |
//! | `yaml config` | a `fluo.yml` whose sinks can be made |
//! | `sh` | commands, run from the repository's root; `# exit 1` behind one says how it ends |
//! | `sql duckdb`, `sql duckdb view` | a query in DuckDB; `view`: over the view of `spans.sql` |
//! | `yaml`, `text` and others | for reading |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// The text behind the fence: `yaml rule`.
    pub info: String,
    /// Its lines.
    pub text: String,
}

/// A command of a `sh` block, and the status that it ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its line, from 1.
    pub line: usize,
    /// As written, without the remark on its status.
    pub command: String,
    /// 0 where nothing else is said.
    pub status: i32,
}

/// All fenced blocks of a page.
///
/// # Panics
///
/// Panics where a fence is not closed: everything behind it would be lost.
#[expect(clippy::panic, reason = "a page that cannot be read has failed its test")]
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in page.lines().enumerate() {
        open = match (open, line.trim().strip_prefix("```")) {
            (Some(block), Some(_)) => {
                blocks.push(block);
                None
            }
            (Some(mut block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
                Some(block)
            }
            (None, Some(info)) => {
                Some(Block { line: at + 1, info: info.trim().to_owned(), text: String::new() })
            }
            (None, None) => None,
        };
    }
    if let Some(block) = open {
        panic!("the block of line {} has no end", block.line);
    }
    blocks
}

impl Block {
    /// The commands of a `sh` block; comments and empty lines are none, and a backslash continues a line.
    ///
    /// # Panics
    ///
    /// Panics where a remark `# exit` has no number.
    #[expect(clippy::panic, reason = "a page that cannot be read has failed its test")]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut begun = String::new();
        for (at, line) in self.text.lines().enumerate() {
            let line = line.trim();
            if let Some(part) = line.strip_suffix('\\') {
                begun.push_str(part);
                continue;
            }
            let whole = std::mem::take(&mut begun) + line;
            let (command, status) = match whole.split_once("# exit ") {
                Some((command, status)) => {
                    let status = status.trim().parse();
                    (command, status.unwrap_or_else(|_| panic!("no status in `{whole}`")))
                }
                None => (whole.as_str(), 0),
            };
            if !command.is_empty() && !command.starts_with('#') {
                steps.push(Step { line: self.line + at + 1, command: command.trim().to_owned(), status });
            }
        }
        steps
    }
}

/// The Markdown files right in a folder, with their texts, in the order of their names.
///
/// # Errors
///
/// Fails where one cannot be read.
pub fn pages(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths.into_iter().map(|path| fs::read_to_string(&path).map(|text| (path, text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "Text\n\n```sh\n# a remark\nfluo check rules\nfluo check bad \\\n  --format json  # exit 1\n\n```\n";

    #[test]
    fn blocks_know_their_line_and_their_kind() {
        let page = "# Page\n\n```yaml rule\n- a\n  - b\n```\n```text\n```\n";
        let expected = [
            Block { line: 3, info: "yaml rule".to_owned(), text: "- a\n  - b\n".to_owned() },
            Block { line: 7, info: "text".to_owned(), text: String::new() },
        ];
        assert_eq!(blocks(page), expected);
    }

    #[test]
    fn commands_are_continued_remarked_on_and_counted() {
        let expected = [
            Step { line: 5, command: "fluo check rules".to_owned(), status: 0 },
            Step { line: 7, command: "fluo check bad --format json".to_owned(), status: 1 },
        ];
        assert_eq!(blocks(PAGE)[0].steps(), expected);
    }

    #[test]
    #[should_panic(expected = "the block of line 2 has no end")]
    fn a_block_without_an_end_is_told() {
        blocks("text\n```sh\nfluo check\n");
    }
}
