//! The first line of a file of ours: it says what made it, and tells whether anybody changed it since.

use sha2::{Digest, Sha256};

/// The beginning of the first line.
const BEGIN: &str = "# Proposed by fluo suggest [";

/// Its end.
const END: &str = "], which replaces this file as long as nobody changes it. Move what you want to keep.";

/// The owner of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It is as it was written.
    Ours,
    /// It was, and somebody changed it.
    Changed,
    /// It never was.
    Others,
}

/// Returns a text with the line before it.
pub fn marked(text: &str) -> String {
    format!("{BEGIN}{}{END}\n{text}", hash(text))
}

/// Returns whose file this is.
pub fn owner(content: &str) -> Owner {
    let Some(rest) = content.strip_prefix(BEGIN) else { return Owner::Others };
    let line = rest.split_once(&format!("{END}\n"));
    match line {
        Some((marked, text)) if marked == hash(text) => Owner::Ours,
        _ => Owner::Changed,
    }
}

fn hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_ours_until_somebody_changes_it() {
        let file = marked("- name: a\n");
        assert_eq!(owner(&file), Owner::Ours);
        assert_eq!(owner(&file.replace("name: a", "name: b")), Owner::Changed);
        assert_eq!(owner(&file.replace(']', "")), Owner::Changed);
        assert_eq!(owner("- name: a\n"), Owner::Others);
    }
}
