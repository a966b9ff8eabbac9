//! Tests what URIs and environments open, and what they are told where they do not.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::error::Class;
use crate::list::list;
use crate::versioned::Swap;

fn nothing(_: &str) -> Option<String> {
    None
}

fn opened(uri: &str, variables: &[(&str, &str)]) -> Result<Root, StoreError> {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    open_root(uri, &|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[tokio::test]
async fn a_folder_is_a_root_by_path_and_by_uri() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with space");
    std::fs::create_dir(&path).unwrap();
    let uri = Url::from_directory_path(&path).unwrap();
    assert!(uri.as_str().contains("%20"));
    let mut urls = Vec::new();
    for name in [path.to_str().unwrap(), uri.as_str()] {
        let root = open_root(name, &nothing).unwrap();
        assert_eq!(root.prefix, Path::default());
        root.store.put(&root.at(&Path::from("spans/a.parquet")), "x".into()).await.unwrap();
        assert_eq!(std::fs::read(path.join("spans/a.parquet")).unwrap(), b"x");
        urls.push(root.url.to_string());
    }
    assert_eq!(urls[0], urls[1]);
    let other = open_root(folder.path().to_str().unwrap(), &nothing).unwrap();
    assert_ne!(other.url.as_str(), urls[0], "a query engine would take one for the other");
    assert_eq!((other.url.scheme(), other.url.path()), ("folder", ""));
}

#[tokio::test]
async fn what_is_swapped_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let roots = [open_root(folder.path().to_str().unwrap(), &nothing).unwrap(), Root::in_memory().unwrap()];
    for root in roots {
        let path = root.at(&Path::from("state/a"));
        let swap = root.versioned.swap(&path, None, Bytes::from_static(b"A")).await.unwrap();
        assert!(matches!(swap, Swap::Swapped(_)));
        let read = root.store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, "A");
    }
}

#[test]
fn a_bucket_is_a_root_with_a_prefix() {
    let region =
        [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "hidden")];
    let cases = [
        ("s3://bucket", ""),
        ("s3://bucket/", ""),
        ("s3://bucket/team/prod", "team/prod"),
        ("s3://bucket/team/prod/", "team/prod"),
    ];
    for (uri, prefix) in cases {
        let root = opened(uri, &region).unwrap();
        assert_eq!((root.prefix.as_ref(), root.url.as_str()), (prefix, "s3://bucket"), "{uri}");
        let at = root.at(&Path::from("state/a"));
        assert_eq!(at.as_ref(), format!("{prefix}/state/a").trim_start_matches('/'), "{uri}");
        assert!(!format!("{root:?}").contains("hidden"));
    }
}

/// URI, environment, part of the message.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str);

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let nowhere = folder.path().join("nowhere");
    let keys: &[(&str, &str)] =
        &[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "eu-west-1")];
    let region: &[(&str, &str)] = &[("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "")];
    let with = |more: (&'static str, &'static str)| [region, &[more]].concat();
    let cases: Vec<Case<'_>> = vec![
        (nowhere.to_str().unwrap(), vec![], "No such file"),
        (file.to_str().unwrap(), vec![], "no folder"),
        ("file://host/folder", vec![], "file:///some/folder"),
        ("gs://bucket", vec![], "gs:// is not supported yet"),
        ("az://container", vec![], "az:// is not supported yet"),
        ("https://example.org/a", vec![], "https:// is not supported yet"),
        ("s4://bucket", vec![], "s4:// is not known"),
        ("s3://", keys.to_vec(), "no name of a bucket"),
        ("s3://user@host/a", keys.to_vec(), "no name of a bucket"),
        ("s3://a..b/a", keys.to_vec(), "no name of a bucket"),
        ("s3://bucket/a//b", keys.to_vec(), "empty path segment"),
        ("s3://bucket", keys[..2].to_vec(), "set AWS_REGION"),
        ("s3://bucket", with(("AWS_PROFILE", "work")), "profiles are not read"),
        ("s3://bucket", with(("AWS_EC2_METADATA_DISABLED", "true")), "there are no credentials"),
        ("s3://bucket", with(("AWS_SECRET_ACCESS_KEY", "b")), "Missing AccessKeyId"),
        ("s3://bucket", with(("AWS_ENDPOINT_URL", "localhost:9000")), "`AWS_ENDPOINT_URL` must start with"),
        ("s3://bucket", with(("AWS_ENDPOINT_URL_STS", "sts")), "`AWS_ENDPOINT_URL_STS` is not a URL"),
    ];
    for (uri, variables, expected) in cases {
        let error = opened(uri, &variables).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains(uri), "{uri}: {text}");
        assert_eq!(error.class(), Class::Configuration, "{uri}");
    }
}

#[tokio::test]
async fn a_file_is_known_by_its_content_where_the_store_has_no_tag_of_it() {
    let folder = tempfile::tempdir().unwrap();
    for root in [open_root(folder.path().to_str().unwrap(), &nothing).unwrap(), Root::in_memory().unwrap()] {
        root.store.put(&Path::from("spans/a.parquet"), "a".into()).await.unwrap();
        root.store.put(&Path::from("spans/b.parquet"), "a".into()).await.unwrap();
        let files = list(root.store.as_ref(), &Path::from("spans")).await.unwrap().files;
        for file in &files {
            let expected = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
            assert_eq!(etag(&root, file).await.unwrap(), expected);
        }
        root.store.put(&Path::from("spans/a.parquet"), "b".into()).await.unwrap();
        assert_ne!(etag(&root, &files[0]).await.unwrap(), etag(&root, &files[1]).await.unwrap());
    }
}
