//! The bucket's files, as another program sees them: DuckDB over downloaded files.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::aws::s3::Bucket;
use crate::programs;

/// Parquet files below a prefix of a bucket, on this machine.
#[derive(Debug)]
pub struct Files {
    folder: TempDir,
    /// Their keys, in order.
    pub keys: Vec<String>,
}

impl Files {
    /// Downloads them.
    pub async fn of(bucket: &Bucket, prefix: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut keys = bucket.list(prefix).await;
        keys.retain(|key| std::path::Path::new(key).extension().is_some_and(|end| end == "parquet"));
        for key in &keys {
            let path = folder.path().join(key);
            fs::create_dir_all(path.parent().expect("a key has a folder")).unwrap();
            fs::write(path, bucket.get(key).await.expect("it is listed")).unwrap();
        }
        Self { folder, keys }
    }

    /// The rows of a statement, in which `files` stands for all of them. No files, no rows.
    pub fn query(&self, sql: &str) -> Vec<Vec<Value>> {
        if self.keys.is_empty() {
            return Vec::new();
        }
        let files = "read_parquet('**/*.parquet', hive_partitioning = true, union_by_name = true)";
        let mut command = Command::new(programs::python());
        command.arg(programs::beside("rows.py")).arg(format!("WITH files AS (FROM {files}) {sql}"));
        let output = command.current_dir(&self.folder).output().unwrap();
        assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Trace and span ids in hex, of every row in the span files of a bucket whose name this is: a span that is stored twice
/// is here twice.
pub async fn ids(bucket: &Bucket, name: &str) -> Vec<(String, String)> {
    let rows = Files::of(bucket, "spans/").await.query(&format!(
        "SELECT lower(hex(trace_id)), lower(hex(span_id)) FROM files WHERE name = '{name}' ORDER BY ALL"
    ));
    let text = |value: &Value| value.as_str().expect("an id is there").to_owned();
    rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect()
}
