//! `fluo init`: what a project of rules needs, beside what is there already.
//!
//! Nothing that exists is changed, so that it can be run anywhere, and again. Rules and their editor settings belong to
//! the folder; workflows and the workspace's settings to the repository around it.

mod place;
mod project;
mod repository;
mod starter;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fluo_rules::printable;

use self::place::{Became, Place, place};
use self::project::{File, Project};
use self::repository::{Ci, Repository};
use crate::args::{Init, InitCi};
use crate::exit::{Failure, Status};
use crate::rule_files;
use crate::terminal::Output;

pub(crate) fn run(args: &Init) -> Result<Status, Failure> {
    let folder = &args.dir;
    let refused = |what: &str| {
        Failure::usage(format!("`{}` {what}", folder.display()))
            .hint("`fluo init` takes the folder of a project, which it makes where there is none")
    };
    if folder.exists() && !folder.is_dir() {
        return Err(refused("is a file"));
    }
    if folder.to_str().is_none_or(|path| path.chars().any(char::is_control)) {
        return Err(refused("cannot be written into files: its name is no plain text"));
    }
    place::folder(folder)?;
    let repository = Repository::around(folder)?;
    let ci = match args.ci {
        Some(InitCi::None) => None,
        Some(InitCi::Github) => Some(Ci::Github),
        Some(InitCi::Gitlab) => Some(Ci::Gitlab),
        None => Some(repository.ci()),
    };
    let project = Project::of(folder, &args.rules, &repository)?;
    let mut told = Told::default();
    // Also the second time, the starters are rules of the project.
    let has_rules = rule_files::has_rules(&folder.join(&project.rules));
    let starters = if has_rules { Vec::new() } else { starter::files(&project.rules) };
    for file in starters.into_iter().chain(project.files(ci)) {
        let path = match file.place {
            Place::Project => folder.join(&file.path),
            Place::Repository => repository.root.join(&file.path),
        };
        let became = place(&path, &file)?;
        told.add(&path, became, &file);
    }
    let mut output = Output::new();
    output.text(&told.text(&project, has_rules))?;
    output.finish()?;
    Ok(Status::Done)
}

/// The files that were made and kept, as they are told at the end.
#[derive(Default)]
struct Told {
    made: Vec<PathBuf>,
    kept: usize,
    /// Files that are another's, with what is to be added.
    by_hand: Vec<(PathBuf, String)>,
    /// Files of fluo that differ from what would be made now.
    differ: Vec<PathBuf>,
}

impl Told {
    fn add(&mut self, path: &Path, became: Became, file: &File) {
        match became {
            Became::Made => self.made.push(path.to_owned()),
            Became::Same => self.kept += 1,
            Became::Differs => {
                self.kept += 1;
                match &file.lines {
                    Some(lines) => self.by_hand.push((path.to_owned(), lines.clone())),
                    None => self.differ.push(path.to_owned()),
                }
            }
        }
    }

    fn text(&self, project: &Project, has_rules: bool) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        for path in &self.made {
            let _ = writeln!(text, "made  {}", shown(path));
        }
        for path in &self.differ {
            let _ = writeln!(text, "kept  {}  (it is not as `fluo init` would make it)", shown(path));
        }
        for (path, lines) in &self.by_hand {
            let _ = writeln!(text, "kept  {}  (please add what follows)", shown(path));
            for line in lines.lines() {
                let _ = writeln!(text, "        {line}");
            }
        }
        if has_rules && !self.made.is_empty() {
            let rules = project.folder.join(&project.rules);
            let _ =
                writeln!(text, "note  {} holds rules already: no starter rules were added", shown(&rules));
        }
        let made = self.made.len();
        if made == 0 {
            let _ = writeln!(text, "nothing to make: all {} files are there", self.kept);
        } else {
            let _ = writeln!(text, "{made} files made, {} kept", self.kept);
            let readme = project.folder.join(&project.rules).join("README.md");
            let _ = writeln!(text, "next: {}", shown(&readme));
        }
        text
    }
}

/// A path as a terminal may show it.
fn shown(path: &Path) -> String {
    printable::line(&path.display().to_string())
}
