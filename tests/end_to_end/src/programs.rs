//! The programs that the scenarios run, and which `.ci/run` puts in place. One that is missing is a failure: a part that
//! was not run is not a part that works.

use std::path::{Path, PathBuf};

/// A Python with the packages of `requirements.txt`.
pub fn python() -> PathBuf {
    named("FLUO_TEST_PYTHON", "a Python with the packages of tests/end_to_end/requirements.txt")
}

/// The OpenTelemetry Collector that `build-collector` makes.
pub fn collector() -> PathBuf {
    named("FLUO_TEST_COLLECTOR", "the collector that tests/end_to_end/build-collector makes")
}

/// The binary of a function. Whether it is there is seen when it is invoked.
pub fn function(name: &str) -> PathBuf {
    let folder = named("FLUO_TEST_FUNCTIONS", "the folder of the built programs, as target/debug");
    folder.join(name)
}

/// The command line's binary.
pub fn fluo() -> PathBuf {
    function("fluo")
}

/// An S3 server that keeps objects as plain files.
pub fn s3_server() -> PathBuf {
    named("FLUO_TEST_S3_SERVER", "the S3 server versitygw")
}

/// A file of this package.
pub fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A file of the repository.
pub fn repository(name: &str) -> PathBuf {
    beside("../..").join(name)
}

fn named(variable: &str, what: &str) -> PathBuf {
    let path = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} must name {what}"));
    // Cargo runs tests in their package's folder.
    let path = repository("").join(path);
    assert!(path.exists(), "{} does not exist: it must be {what}", path.display());
    path
}
