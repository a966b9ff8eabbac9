//! What data files there are.
//!
//! Listing reports whatever lies among the data files and is none, so that a file that was put there by
//! mistake, or half uploaded by another tool, is seen and not silently passed over.

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::StoreError;
use crate::names::{DataFileName, Hour};

/// A Parquet file with spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Where it lies in the store.
    pub location: Path,
    /// Bytes.
    pub size: u64,
    /// The store's tag of its content, where it has one.
    pub e_tag: Option<String>,
    /// When it was written, in milliseconds since the epoch.
    pub last_modified_ms: i64,
    /// What its name says; `None` for files that fluo did not write.
    pub name: Option<DataFileName>,
}

/// An object that lies among the data files and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Where it lies.
    pub location: Path,
    /// Why it is none.
    pub reason: &'static str,
}

/// What lies below a root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Data files, sorted by location.
    pub files: Vec<DataFile>,
    /// All else, sorted by location.
    pub foreign: Vec<Foreign>,
}

/// The folder of spans in the root of a store.
const SPANS: &str = "spans";

/// Folders that make a root the root of a whole store, even while no span has arrived: Parquet files in
/// them are not spans.
const EVALUATOR_FOLDERS: [&str; 3] = ["state", "violations", "evaluations"];

/// Where the data files of a root lie: in its folder `spans/`, where it is the root of a whole store, else
/// below the root itself.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn resolve_root(store: &dyn ObjectStore, root: &Path) -> Result<Path, StoreError> {
    // A single file has nothing below it, and a folder of this name, as Spark writes them, is no store.
    if root.filename().is_some_and(is_parquet) {
        return Ok(root.clone());
    }
    for folder in [SPANS].into_iter().chain(EVALUATOR_FOLDERS) {
        let folder = root.clone().join(folder);
        match store.list(Some(&folder)).next().await {
            Some(Ok(_)) => return Ok(root.clone().join(SPANS)),
            Some(Err(source)) => {
                return Err(StoreError::Request { action: "list", location: folder, source });
            }
            None => {}
        }
    }
    Ok(root.clone())
}

/// All data files at or below `root`, which may also be a single file. Give it what [`resolve_root`]
/// returned.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn list(store: &dyn ObjectStore, root: &Path) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    list_into(store, root, &mut listing).await?;
    if listing.files.is_empty() && listing.foreign.is_empty() && !root.is_root() {
        // A prefix is a folder to a store: a file of that very name is not below it.
        match store.head(root).await {
            Ok(object) => listing.add(root, object),
            Err(Error::NotFound { .. }) => {}
            Err(source) => {
                return Err(StoreError::Request { action: "look up", location: root.clone(), source });
            }
        }
    }
    listing.sort();
    Ok(listing)
}

/// The data files of some hours' partitions below `root`, which is the folder of the `date=` folders.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn list_hours(
    store: &dyn ObjectStore,
    root: &Path,
    hours: std::ops::RangeInclusive<Hour>,
) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    for hour in hours.start().0..=hours.end().0 {
        list_into(store, &partition(root, Hour(hour)), &mut listing).await?;
    }
    listing.sort();
    Ok(listing)
}

/// The folder of an hour below `root`.
pub fn partition(root: &Path, hour: Hour) -> Path {
    hour.partition().split('/').fold(root.clone(), Path::join)
}

fn is_parquet(file_name: &str) -> bool {
    let extension = std::path::Path::new(file_name).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

async fn list_into(store: &dyn ObjectStore, folder: &Path, listing: &mut Listing) -> Result<(), StoreError> {
    // No prefix at all is how a store wants its root to be named.
    let prefix = (!folder.is_root()).then_some(folder);
    let objects: Vec<ObjectMeta> = store
        .list(prefix)
        .try_collect()
        .await
        .map_err(|source| StoreError::Request { action: "list", location: folder.clone(), source })?;
    for object in objects {
        listing.add(folder, object);
    }
    Ok(())
}

impl Listing {
    fn add(&mut self, root: &Path, object: ObjectMeta) {
        let below_root: Vec<_> = match object.location.prefix_match(root) {
            Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect(),
            None => Vec::new(),
        };
        let file_name = object.location.filename().unwrap_or_default();
        let hidden = below_root.iter().any(|part| part.starts_with(['.', '_']));
        let reason = if hidden {
            Some("hidden")
        } else if !is_parquet(file_name) {
            Some("not a .parquet file")
        } else {
            None
        };
        match reason {
            Some(reason) => self.foreign.push(Foreign { location: object.location, reason }),
            None => self.files.push(DataFile {
                name: DataFileName::parse(file_name),
                location: object.location,
                size: object.size,
                e_tag: object.e_tag,
                last_modified_ms: object.last_modified.timestamp_millis(),
            }),
        }
    }

    fn sort(&mut self) {
        self.files.sort_by(|left, right| left.location.cmp(&right.location));
        self.foreign.sort_by(|left, right| left.location.cmp(&right.location));
    }
}

#[cfg(test)]
mod tests {
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;

    use super::*;

    const OURS: &str = "1795345491200-1795345572000-8192-9f86d081884c7d65-l1-d1.parquet";

    async fn store_of(locations: &[&str]) -> InMemory {
        let store = InMemory::new();
        for location in locations {
            store.put(&Path::parse(location).unwrap(), "x".into()).await.unwrap();
        }
        store
    }

    fn locations(listing: &Listing) -> Vec<&str> {
        listing.files.iter().map(|file| file.location.as_ref()).collect()
    }

    #[tokio::test]
    async fn a_root_is_a_store_a_folder_of_spans_or_any_folder() {
        let ours = format!("lake/spans/date=2026-11-22/hour=11/{OURS}");
        let cases: &[(&str, &[&str], &str, &[&str])] = &[
            ("a whole store", &[&ours, "lake/violations/v.parquet"], "lake", &[&ours]),
            ("its spans", &[&ours], "lake/spans", &[&ours]),
            ("a store in which no span has arrived", &["lake/violations/v.parquet"], "lake", &[]),
            (
                "a folder of another program's",
                &["x/b.parquet", "x/a/a.parquet"],
                "x",
                &["x/a/a.parquet", "x/b.parquet"],
            ),
            ("one file", &["x/b.parquet", "x/c.parquet"], "x/b.parquet", &["x/b.parquet"]),
            ("everything", &["b.parquet"], "", &["b.parquet"]),
            ("a folder of a like name", &["xy/b.parquet"], "x", &[]),
            ("nothing", &[], "x", &[]),
        ];
        for (scenario, objects, root, expected) in cases {
            let store = store_of(objects).await;
            let root = resolve_root(&store, &Path::from(*root)).await.unwrap();
            let listing = list(&store, &root).await.unwrap();
            assert_eq!(locations(&listing), *expected, "{scenario}");
            assert_eq!(listing.foreign, [], "{scenario}");
        }
    }

    #[tokio::test]
    async fn what_is_no_data_file_is_reported() {
        let store = store_of(&[
            "spans/_SUCCESS",
            "spans/.tmp/a.parquet",
            "spans/a.PARQUET",
            "spans/notes.txt",
            "spans/parquet",
        ])
        .await;
        // No data is in an empty file either, but some may have been meant to be: reading it will tell.
        store.put(&Path::from("spans/empty.parquet"), "".into()).await.unwrap();
        let listing = list(&store, &Path::from("spans")).await.unwrap();
        assert_eq!(locations(&listing), ["spans/a.PARQUET", "spans/empty.parquet"]);
        let foreign: Vec<_> = listing.foreign.iter().map(|it| (it.location.as_ref(), it.reason)).collect();
        assert_eq!(
            foreign,
            [
                ("spans/.tmp/a.parquet", "hidden"),
                ("spans/_SUCCESS", "hidden"),
                ("spans/notes.txt", "not a .parquet file"),
                ("spans/parquet", "not a .parquet file"),
            ]
        );
    }

    #[tokio::test]
    async fn a_root_below_a_hidden_folder_is_not_hidden() {
        let store = store_of(&["home/.cache/spans/a.parquet"]).await;
        let listing = list(&store, &Path::from("home/.cache/spans")).await.unwrap();
        assert_eq!(locations(&listing), ["home/.cache/spans/a.parquet"]);
    }

    #[tokio::test]
    async fn only_the_hours_asked_for_are_listed() {
        let file = |hour| format!("spans/date=2026-11-22/hour={hour}/{OURS}");
        let (ten, eleven, twelve) = (file("10"), file("11"), file("12"));
        let store = store_of(&[&ten, &eleven, &twelve]).await;
        let hour = DataFileName::parse(OURS).unwrap().hour();
        let listing = list_hours(&store, &Path::from("spans"), Hour(hour.0 - 1)..=hour).await.unwrap();
        assert_eq!(locations(&listing), [ten, eleven]);
        assert_eq!(listing.files[0].name, DataFileName::parse(OURS));
    }

    #[tokio::test]
    async fn a_folder_lists_as_a_bucket_does() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let location = Path::from(format!("spans/date=2026-11-22/hour=11/{OURS}"));
        store.put(&location, "spans".into()).await.unwrap();
        for root in ["", "spans", location.as_ref()] {
            let root = resolve_root(&store, &Path::from(root)).await.unwrap();
            let listing = list(&store, &root).await.unwrap();
            assert_eq!(locations(&listing), [location.as_ref()], "{root}");
            let file = &listing.files[0];
            assert_eq!((file.size, file.e_tag.is_some(), file.last_modified_ms > 0), (5, true, true));
        }
        assert_eq!(list(&store, &Path::from("nowhere")).await.unwrap(), Listing::default());
    }
}
