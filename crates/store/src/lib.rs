//! The bucket: the layout of span files, their names, listing, and Parquet in and out, on any `object_store` (a folder,
//! S3 and its relatives).
//!
//! | stage | input → output |
//! | --- | --- |
//! | [`ingest`] | one raw object → data files, written so that writing twice is harmless |
//! | [`parquet_write`] | spans → the bytes of one data file |
//! | [`compaction`] | the small files of an hour → few large ones, read as if nothing had happened |
//! | [`counts`] | what ingest counted ↔ a data file's metadata |
//! | [`root`], [`s3`] | a URI and the environment → an open store |
//! | [`mod@entries`] | a folder → its files and folders, and entries that cannot be looked into |
//! | [`folder`] | a folder → a store whose writes last and whose listing survives |
//! | [`whole_files`] | a store → the same, asked once for each data file |
//! | `seal` | the bytes of a data file ↔ the same with checksums of everything in it |
//! | `missing` | a bucket of which only some folders may be listed → the same, where missing is told from forbidden |
//! | `get` | an object that may not be there → it, or none |
//! | [`put`] | an object that is written once → a name that stands for it |
//! | [`versioned`] | an object that is replaced → its next version, if nobody was faster (I3) |
//! | [`records`] | what was found, what evaluations did ↔ objects |
//! | [`names`] | what a file holds ↔ its name; which of several files counts |
//! | [`mod@footer`] | the end of a data file → what it says of itself, checked |
//! | [`file_schema`] | the columns that a footer names → the same, known once for all files that have them |
//! | [`open_file`] | a data file → one that can be read, or its [`fault`] |
//! | [`file_reader`] | ranges of a data file → its bytes, checked |
//! | `whole_columns` | some columns of a small data file → Arrow's, in one piece |
//! | [`guard`] | work that may panic on what a file holds → a result |
//! | `data_file`, `found` | an object's name → a data file, or what else it is |
//! | [`mod@list`] | a root → its data files, and what else lies there |
//! | [`layouts`] | what rules ask for → which attributes have columns in the files that are written next |
//! | [`duckdb_view`] | a layout → SQL that shows other readers whole spans |
//!
//! Bytes and names are functions of their input: no clock, no environment, nothing random.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod compaction;
pub mod counts;
mod data_file;
pub mod duckdb_view;
pub mod entries;
pub mod error;
#[cfg(test)]
mod failing;
pub mod fault;
pub mod file_reader;
pub mod file_schema;
pub mod folder;
pub mod footer;
mod found;
mod get;
pub mod guard;
pub mod ingest;
pub mod layouts;
pub mod list;
mod missing;
pub mod names;
pub mod open_file;
pub mod parquet_write;
pub mod put;
#[cfg(test)]
mod read_back;
pub mod records;
pub mod root;
pub mod s3;
pub mod sample;
mod seal;
mod thrift;
pub mod versioned;
mod whole_columns;
pub mod whole_files;

pub use counts::FileCounts;
pub use data_file::{CompactedFile, DataFile, Foreign, Listing, Within};
pub use error::{Class, StoreError};
pub use fault::FileFault;
pub use file_reader::FileReader;
pub use file_schema::Schemas;
pub use folder::Folder;
pub use footer::Footer;
pub use get::{get_if_present, look_up, read_if_present};
pub use ingest::{IngestOptions, Ingested, Written, WrittenFile, ingest_object, write_spans};
pub use list::{first_end, list, list_hours, list_range, newly_arrived, resolve_root};
pub use names::{Content, DataFileName, Hour, hours_of};
pub use open_file::{OpenFile, arrow_metadata, ingested_at_ms, open};
pub use parquet_write::Packing;
pub use put::{Put, put_if_absent, replace};
pub use root::{Root, etag, open_folder, open_root};
pub use versioned::{ConditionalStore, Swap, Version, Versioned, VersionedFolder, probe};
