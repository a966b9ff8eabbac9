//! The place of the rule, or file, that a word names.

use std::ops::Range;
use std::path::{Path, PathBuf};

use fluo_rules::expected::{Value, expected};

use crate::disk::Disk;
use crate::outline::{Place, Role};
use crate::workspace::At;

/// The file, and the bytes in it, that are named at a byte.
pub(crate) fn definition(at: &At<'_>, offset: usize, disk: &impl Disk) -> Option<(PathBuf, Range<usize>)> {
    let text = at.text.as_str();
    let place = Place::of(text, offset);
    if place.role == Role::Key {
        return None;
    }
    let word = text.get(place.word.clone())?;
    let word = word[..word.find([',', '}', ']', '#']).unwrap_or(word.len())].trim().trim_matches(['"', '\'']);
    match expected(at.kind, &place.path, place.sink.as_deref()).value {
        Value::Rule => {
            let named = |(name, _): &&(String, _)| name == word;
            let found = at.project.all_items().find_map(|item| item.names.iter().find(named))?;
            Some((PathBuf::from(&*found.1.file), found.1.bytes.clone()))
        }
        Value::Path => {
            let path = at.path.parent().unwrap_or(Path::new("/")).join(word);
            disk.exists(&path).then_some((path, 0..0))
        }
        _ => None,
    }
}
