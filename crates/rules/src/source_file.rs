//! A file as it comes to the loaders: a name and bytes, or the reason why there are none.

use std::sync::Arc;

/// A rule file's name and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As findings and violations call it: usually the path below the directory that was asked for.
    pub name: Arc<str>,
    /// The content; empty where it could not be read.
    pub content: Vec<u8>,
    /// The reason for which it could not be read, where it could not.
    pub unread: Option<Arc<str>>,
}

impl SourceFile {
    /// A file of this name and content.
    pub fn new(name: impl Into<Arc<str>>, content: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), content: content.into(), unread: None }
    }

    /// A file, or a folder of files, that is there and could not be read. To load it is a finding.
    pub fn unread(name: impl Into<Arc<str>>, reason: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), content: Vec::new(), unread: Some(reason.into()) }
    }
}
