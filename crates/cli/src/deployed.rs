//! The deployment on this machine: `fluo.yml`, rule files, silences, and an evaluator over a store.

use fluo_aws::{Environment, everywhere};
use fluo_evaluator::config::Loading;
use fluo_evaluator::live::Files;
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Config, Evaluator, Settings};
use fluo_store::{Root, open_root};
use std::path::{Path, PathBuf};

use crate::edge::variable;
use crate::exit::Failure;
use crate::rule_files;

/// `fluo.yml`, and the folder that its paths start from.
pub(crate) struct Configured {
    pub(crate) config: Config,
    folder: PathBuf,
}

impl Configured {
    /// Reads a configuration; all that is wrong with it is told.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let Loading { config, checked } = Config::load(&rule_files::open(path)?);
        rule_files::tell_findings(&checked.findings, &[checked.shown()]);
        let unusable = || Failure::usage(format!("`{}` cannot be used", path.display()));
        Ok(Self { config: config.ok_or_else(unusable)?, folder: folder_of(path).to_owned() })
    }

    /// The root of the store.
    pub(crate) fn root(&self) -> Result<Root, Failure> {
        open(&self.store(), &self.environment())
    }

    /// Returns whether there is a store: a folder is made by whoever writes first.
    pub(crate) fn has_store(&self) -> bool {
        let store = self.store();
        store.contains("://") || Path::new(&store).exists()
    }

    /// The store's address, or its folder from the present one.
    fn store(&self) -> String {
        let store = &self.config.store;
        let is_uri = store.contains("://") || Path::new(store).is_absolute();
        if is_uri { store.clone() } else { self.folder.join(store).to_string_lossy().into_owned() }
    }

    /// The environment, with what the configuration says of servers before what variables say.
    pub(crate) fn environment(&self) -> impl Fn(&str) -> Option<String> + '_ {
        everywhere(self.config.aws_endpoint.as_deref(), &variable)
    }

    /// The files of rules and silences as they are now.
    pub(crate) fn files(&self) -> Files {
        rule_files::read_deployed(&self.paths())
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.config.rules.iter().map(|path| self.folder.join(path)).collect()
    }
}

/// The folder that the paths of a configuration start from.
pub(crate) fn folder_of(config: &Path) -> &Path {
    config.parent().unwrap_or(Path::new(""))
}

/// Opens the root of a store, with what the environment says of its credentials.
pub(crate) fn root(uri: &str) -> Result<Root, Failure> {
    open(uri, &variable)
}

fn open(uri: &str, environment: Environment<'_>) -> Result<Root, Failure> {
    open_root(uri, environment).map_err(|error| Failure::because(format!("could not open `{uri}`"), error))
}

/// The most bytes of a bucket's data files that are kept in memory.
const KEPT: u64 = 512 << 20;

/// An evaluator over a store.
pub(crate) fn evaluator(settings: Settings, root: Root) -> Evaluator {
    // The files of a folder are kept by the system.
    let root = if root.url.scheme() == "folder" { root } else { root.keeping_files(KEPT) };
    Evaluator::new(settings, SpanData::new(root))
}
