//! The targets that are tried.

use std::path::{Path, PathBuf};
use std::{fs, io};

use walkdir::{DirEntry, WalkDir};

/// The form of a target's inputs: what a mutation may know of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text in lines, such as YAML, or one expression.
    Text,
    /// JSON.
    Json,
    /// OTLP: JSON or protobuf, perhaps compressed.
    Otlp,
    /// Bytes of a format that mutations know nothing of.
    Binary,
}

/// Something that reads what others wrote.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name on the command line, and its folder below `corpus/`.
    pub name: &'static str,
    /// The form of its inputs.
    pub form: Form,
    /// Reads an input to the end; panics where what must hold does not.
    pub run: fn(&[u8]),
    /// Files and folders of the repository whose content are seeds.
    pub seeds: &'static [&'static str],
    /// The ends of the names of those files that count.
    pub endings: &'static [&'static str],
    /// Further seeds.
    pub examples: &'static [&'static str],
    /// Words with a meaning, which mutations put in.
    pub words: &'static [&'static str],
}

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of a target's kept inputs.
pub fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

impl Target {
    /// Its seeds, in a fixed order: examples, the repository's files, kept inputs.
    pub fn inputs(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut inputs: Vec<Vec<u8>> = self.examples.iter().map(|text| text.as_bytes().to_vec()).collect();
        let mut files = Vec::new();
        for place in self.seeds {
            files.extend(files_below(&repository().join(place), self.endings)?);
        }
        let kept = corpus(self);
        if kept.is_dir() {
            files.extend(files_below(&kept, &[""])?);
        }
        for file in files {
            inputs.push(fs::read(file)?);
        }
        Ok(inputs)
    }
}

/// The files at or below `place` whose names have one of these endings, in the order of their names.
fn files_below(place: &Path, endings: &[&str]) -> io::Result<Vec<PathBuf>> {
    let walk = WalkDir::new(place).follow_links(true).sort_by_file_name();
    let entries = walk.into_iter().collect::<Result<Vec<_>, _>>()?;
    let files = entries.into_iter().filter(|entry| !entry.file_type().is_dir()).map(DirEntry::into_path);
    let is_wanted = |file: &PathBuf| endings.iter().any(|ending| file.to_string_lossy().ends_with(ending));
    Ok(files.filter(is_wanted).collect())
}
