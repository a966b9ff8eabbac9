//! The files that belong together, and their texts: those that the editor has open before those on the disk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

use fluo_evaluator::project::{Project, Surroundings};
use fluo_rules::SourceFile;
use fluo_rules::diagnostic::Finding;
use fluo_rules::files::Kind;
use fluo_rules::tables::is_table;
use lsp_types::Uri;

use crate::disk::Disk;
use crate::text::Text;
use crate::uri;

/// A file that the editor has open.
#[derive(Debug)]
struct Open {
    /// Its address as the client writes it.
    uri: Uri,
    version: i32,
    text: Text,
}

/// Files that are loaded together, and what was found in them.
struct Set {
    project: Project,
    roots: Vec<PathBuf>,
    /// The folder that kinds of files are told from.
    folder: PathBuf,
    /// Something has changed since the last check.
    is_stale: bool,
    findings: Vec<Finding>,
}

/// All files that the server knows.
pub(crate) struct Workspace<D> {
    disk: D,
    folders: Vec<PathBuf>,
    sets: Vec<Set>,
    /// By their paths.
    open: BTreeMap<PathBuf, Open>,
}

/// The disk, under what is open.
struct Around<'a, D> {
    disk: &'a D,
    open: &'a BTreeMap<PathBuf, Open>,
}

impl<D: Disk> Surroundings for Around<'_, D> {
    type Error = Infallible;

    fn rules(&self, paths: &[PathBuf]) -> Result<Vec<SourceFile>, Infallible> {
        let mut files = self.disk.rules(paths);
        for file in &mut files {
            if let Some(open) = self.open.get(Path::new(&*file.name)) {
                *file = SourceFile::new(file.name.clone(), open.text.as_str());
            }
        }
        Ok(files)
    }

    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }

    fn names_in(&self, folder: &Path) -> Vec<String> {
        self.disk.names_in(folder)
    }
}

impl<D: Disk> Workspace<D> {
    /// Finds what belongs together in folders: what each `fluo.yml` names; without one, the folder `rules`, or else all.
    /// `rules` says it instead, from the first folder.
    pub(crate) fn new(disk: D, folders: Vec<PathBuf>, rules: &[PathBuf]) -> Self {
        let mut workspace = Self { disk, folders, sets: Vec::new(), open: BTreeMap::new() };
        if let (Some(folder), false) = (workspace.folders.first().cloned(), rules.is_empty()) {
            let roots = rules.iter().map(|path| folder.join(path)).collect();
            workspace.sets.push(workspace.set(folder, roots));
            return workspace;
        }
        for folder in workspace.folders.clone() {
            let configurations = workspace.disk.configurations(&folder);
            for configuration in &configurations {
                let roots = workspace.roots_of(configuration);
                let folder = configuration.parent().unwrap_or(&folder).to_owned();
                workspace.sets.push(workspace.set(folder, roots));
            }
            if configurations.is_empty() {
                let rules = folder.join("rules");
                let root = if workspace.disk.exists(&rules) { rules } else { folder.clone() };
                workspace.sets.push(workspace.set(folder, vec![root]));
            }
        }
        workspace
    }

    /// A configuration and the paths of rules that it names.
    fn roots_of(&self, configuration: &Path) -> Vec<PathBuf> {
        let folder = configuration.parent().unwrap_or(Path::new("/"));
        let loaded = fluo_rules::config::load(&self.disk.read(configuration));
        let mut roots: Vec<PathBuf> = loaded.rules.iter().map(|rules| folder.join(&rules.text)).collect();
        roots.push(configuration.to_owned());
        roots
    }

    fn set(&self, folder: PathBuf, roots: Vec<PathBuf>) -> Set {
        let mut files = self.disk.below(&roots);
        files.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        let mut project = Project::new(&roots, files);
        for (path, open) in &self.open {
            let name = path.to_string_lossy();
            if let Some(kind) = project.file(&name).map(|(kind, _)| kind) {
                project.put(kind, SourceFile::new(name.as_ref(), open.text.as_str()));
            }
        }
        Set { project, roots, folder, is_stale: true, findings: Vec::new() }
    }

    /// Reads the disk anew, as after files have come or gone.
    pub(crate) fn reload(&mut self) {
        let sets = std::mem::take(&mut self.sets);
        for Set { folder, roots, .. } in sets {
            let configuration = roots.iter().find(|root| Kind::of(&name_of(root)) == Some(Kind::Config));
            let roots = configuration.map_or(roots.clone(), |configuration| self.roots_of(configuration));
            self.sets.push(self.set(folder, roots));
        }
        let open: Vec<PathBuf> = self.open.keys().cloned().collect();
        for path in open {
            self.put(&path);
        }
    }

    pub(crate) fn open(&mut self, uri: Uri, version: i32, text: String) {
        if let Some(path) = uri::path(&uri) {
            self.open.insert(path.clone(), Open { uri, version, text: Text::new(text) });
            self.put(&path);
        }
    }

    /// Changes a file that is open.
    pub(crate) fn change(&mut self, uri: &Uri, version: i32, change: impl FnOnce(&mut Text)) {
        let Some(path) = uri::path(uri) else { return };
        if let Some(open) = self.open.get_mut(&path) {
            open.version = version;
            change(&mut open.text);
            self.put(&path);
        }
    }

    /// Closes a file: its text on the disk counts again.
    pub(crate) fn close(&mut self, uri: &Uri) {
        let Some(path) = uri::path(uri) else { return };
        self.open.remove(&path);
        self.restore(&path);
    }

    /// Takes a file from the disk again, or out where it is not there.
    pub(crate) fn restore(&mut self, path: &Path) {
        if self.open.contains_key(path) {
            return;
        }
        let name = path.to_string_lossy();
        for set in &mut self.sets {
            let Some((kind, _)) = set.project.file(&name) else { continue };
            if self.disk.exists(path) {
                set.project.put(kind, self.disk.read(path));
            } else {
                set.project.remove(&name);
            }
            set.is_stale = true;
        }
    }

    /// Puts the text of an open file over that of the disk.
    fn put(&mut self, path: &Path) {
        let Some(at) = self.set_of(path) else { return };
        let (Some(open), Some(set)) = (self.open.get(path), self.sets.get_mut(at)) else { return };
        let name = path.to_string_lossy();
        let known = set.project.file(&name).map(|(kind, _)| kind);
        let Some(kind) = known.or_else(|| kind_in(&set.folder, path)) else { return };
        set.project.put(kind, SourceFile::new(name.as_ref(), open.text.as_str()));
        set.is_stale = true;
    }

    /// The files that one belongs to. A file that is of none of them, and alone, is checked by itself.
    fn set_of(&mut self, path: &Path) -> Option<usize> {
        let name = path.to_string_lossy();
        let holds = |set: &Set| {
            set.project.file(&name).is_some()
                || set.roots.iter().any(|root| path.starts_with(root)) && !is_table(&name)
        };
        if let Some(at) = self.sets.iter().position(holds) {
            return Some(at);
        }
        let is_within = self.folders.iter().any(|folder| path.starts_with(folder));
        let folder = path.parent()?.to_owned();
        let kind = kind_in(&folder, path)?;
        // Of a project's other files, any YAML may be anything.
        if is_within && kind == Kind::Rules {
            return None;
        }
        self.sets.push(self.set(folder, vec![path.to_owned()]));
        Some(self.sets.len() - 1)
    }

    /// Checks what has changed.
    pub(crate) fn settle(&mut self) {
        let around = Around { disk: &self.disk, open: &self.open };
        for set in self.sets.iter_mut().filter(|set| set.is_stale) {
            let Ok(outcome) = set.project.check(&around);
            set.findings = outcome.findings;
            set.is_stale = false;
        }
    }

    /// The findings of the last check, by the path of their file; of files without any an empty list.
    pub(crate) fn findings(&self) -> BTreeMap<PathBuf, Vec<&Finding>> {
        let mut found: BTreeMap<PathBuf, Vec<&Finding>> =
            self.open.keys().map(|path| (path.clone(), Vec::new())).collect();
        for finding in self.sets.iter().flat_map(|set| &set.findings) {
            found.entry(PathBuf::from(&*finding.place.file)).or_default().push(finding);
        }
        found
    }

    /// The text of a file, as the editor has it or else as it was checked.
    pub(crate) fn text(&self, path: &Path) -> Option<Cow<'_, Text>> {
        if let Some(open) = self.open.get(path) {
            return Some(Cow::Borrowed(&open.text));
        }
        let name = path.to_string_lossy();
        let file = self.sets.iter().find_map(|set| set.project.file(&name));
        file.map(|(_, file)| Cow::Owned(Text::new(String::from_utf8_lossy(&file.content))))
    }

    /// The address of a file.
    pub(crate) fn uri(&self, path: &Path) -> Option<Uri> {
        self.open.get(path).map(|open| open.uri.clone()).or_else(|| uri::uri(path))
    }

    /// The version of a file that is open.
    pub(crate) fn version(&self, path: &Path) -> Option<i32> {
        self.open.get(path).map(|open| open.version)
    }

    /// An open file, what it is, and what it is checked together with.
    pub(crate) fn at(&self, uri: &Uri) -> Option<At<'_>> {
        let path = uri::path(uri)?;
        let open = self.open.get(&path)?;
        let name = path.to_string_lossy().into_owned();
        let (set, kind) = self.sets.iter().find_map(|set| Some((set, set.project.file(&name)?.0)))?;
        Some(At { path, name, kind, text: &open.text, project: &set.project, findings: &set.findings })
    }

    /// The disk.
    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }
}

/// An open file.
pub(crate) struct At<'a> {
    pub(crate) path: PathBuf,
    /// As findings call it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) text: &'a Text,
    pub(crate) project: &'a Project,
    pub(crate) findings: &'a [Finding],
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The kind of a file, by its path from a folder: above that, folders may be hidden.
fn kind_in(folder: &Path, path: &Path) -> Option<Kind> {
    Kind::of(&path.strip_prefix(folder).unwrap_or(path).to_string_lossy())
}
