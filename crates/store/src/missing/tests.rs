//! Over a bucket as S3 is to a role that may list some folders only.

use object_store::ObjectStoreExt;
use object_store::memory::InMemory;

use super::*;
use crate::versioned::{ConditionalStore, Swap, Versioned};

/// A bucket whose folders `listed` may be listed, and whose `secret` object may not be read.
#[derive(Debug)]
struct Guarded {
    store: InMemory,
    listed: &'static [&'static str],
    secret: &'static str,
}

fn forbidden(path: &str) -> Error {
    Error::PermissionDenied { path: path.to_owned(), source: "403 AccessDenied".into() }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded")
    }
}

#[async_trait]
impl ObjectStore for Guarded {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.store.get_opts(location, options).await {
            _ if location.as_ref() == self.secret => Err(forbidden(location.as_ref())),
            Err(Error::NotFound { path, .. }) => Err(forbidden(&path)),
            found => found,
        }
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.store.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        // As IAM's `state/*` against the prefix `state/`.
        let asked = prefix.map_or(String::new(), |prefix| format!("{prefix}/"));
        if !self.listed.iter().any(|folder| asked.starts_with(folder)) {
            return Err(forbidden(&asked));
        }
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

async fn bucket() -> Arc<dyn ObjectStore> {
    let store = InMemory::new();
    for path in ["team/state/rules/a.yml", "team/state/secret", "team/spans/x.parquet"] {
        store.put(&Path::from(path), PutPayload::from_static(b"text")).await.unwrap();
    }
    let listed = &["team/state/"];
    Arc::new(SaysMissing(Arc::new(Guarded { store, listed, secret: "team/state/secret" })))
}

#[tokio::test]
async fn what_is_missing_is_told_from_what_is_forbidden() {
    let bucket = bucket().await;
    let cases = [
        ("an object", "team/state/rules/a.yml", "there"),
        ("one that is missing", "team/state/evaluator.json.zst", "missing"),
        ("one below it", "team/state/delivered/1/chat", "missing"),
        ("one whose name is a folder's", "team/state/rules", "missing"),
        ("one that is there, and forbidden", "team/state/secret", "forbidden"),
        ("one of a folder that may not be listed", "team/rules/a.yml", "forbidden"),
        ("one of the bucket itself", "spans.sql", "forbidden"),
    ];
    for (scenario, path, expected) in cases {
        let path = Path::from(path);
        let said = |error: Option<Error>| match error {
            None => "there",
            Some(Error::NotFound { .. }) => "missing",
            Some(Error::PermissionDenied { .. }) => "forbidden",
            Some(_) => "failed",
        };
        assert_eq!(said(bucket.get(&path).await.err()), expected, "{scenario}");
        assert_eq!(said(bucket.head(&path).await.err()), expected, "{scenario}");
        assert_eq!(said(bucket.get_range(&path, 0..1).await.err()), expected, "{scenario}");
        assert_eq!(said(bucket.get_ranges(&path, &[0..1, 2..3]).await.err()), expected, "{scenario}");
    }
}

#[tokio::test]
async fn the_first_evaluation_of_a_bucket_finds_no_state_and_the_second_does() {
    let versioned = ConditionalStore::new(bucket().await);
    let state = Path::from("team/state/evaluator.json.zst");
    assert_eq!(versioned.read(&state).await.unwrap(), None);
    let swap = versioned.swap(&state, None, Bytes::from_static(b"first")).await.unwrap();
    let Swap::Swapped(version) = swap else { panic!("{swap:?}") };
    assert_eq!(versioned.read(&state).await.unwrap(), Some((Bytes::from_static(b"first"), version)));
    // A state that may not be read is never taken for none.
    assert!(versioned.read(&Path::from("team/state/secret")).await.is_err());
}
