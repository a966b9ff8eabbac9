//! `fluo.yml` against the disk: the rules that it names.

use std::fs;
use std::path::Path;

use fluo_rules::config::{Loaded, Placed};
use fluo_rules::diagnostic::{Code, Finding};
use fluo_rules::{load, nearest};

use crate::deployed::folder_of;
use crate::rule_files;

/// Findings about paths of `rules` that are not there, and about sinks that ask for labels which the rules have not.
pub(super) fn against_disk(config: &Loaded, path: &Path) -> Vec<Finding> {
    let folder = folder_of(path);
    let missing = |rules: &&Placed| !folder.join(&rules.text).exists();
    let findings: Vec<Finding> =
        config.rules.iter().filter(missing).map(|rules| not_there(rules, folder)).collect();
    if !findings.is_empty() {
        return findings;
    }
    let paths: Vec<_> = config.rules.iter().map(|rules| folder.join(&rules.text)).collect();
    // What cannot be read, or does not load, is told where rules are checked.
    let Ok(files) = rule_files::read(&paths) else { return findings };
    let rules = load(&files);
    if rules.is_partial() { findings } else { config.against(&rules.rules) }
}

fn not_there(rules: &Placed, folder: &Path) -> Finding {
    let path = folder.join(&rules.text);
    let parent = path.parent().unwrap_or(Path::new(""));
    // What cannot be listed gives no suggestion.
    let siblings = fs::read_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }).ok();
    let mut names: Vec<String> = siblings
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let near = nearest(&name, names.iter().map(String::as_str));
    let hint = match near {
        Some(near) => format!("did you mean `{}`?", Path::new(&rules.text).with_file_name(near).display()),
        None => "paths start from the folder of the configuration".to_owned(),
    };
    Finding {
        code: Code::MissingPath,
        message: format!("there is no `{}`", rules.text),
        place: rules.place.clone(),
        hint: Some(hint),
        related: Vec::new(),
    }
}
