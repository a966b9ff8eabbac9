//! Finds the objects that hold spans for us, by their keys.

/// The objects that lie in the bucket by fluo's own hand: a notification about one is a mistake of the deployment, and
/// following it could feed the function with its own output without end.
const OWN: [&str; 8] =
    ["aggregates/", "evaluations/", "quarantine/", "rules/", "spans/", "state/", "violations/", "spans.sql"];

/// The reasons why an object is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// It is fluo's own.
    Own,
    /// It holds another signal, as its name says, so that it need not be read: the collector's exporter writes all of them
    /// to one place.
    OtherSignal,
    /// It holds another signal, as its content says.
    OtherContent,
    /// It is a folder's mark, as consoles leave them.
    Folder,
}

impl Ignored {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "written by fluo itself",
            Self::OtherSignal => "logs, metrics or profiles, by its name",
            Self::OtherContent => "logs, metrics or profiles, by its content",
            Self::Folder => "a folder's mark",
        }
    }
}

/// Returns whether the object of a key is not to be read, and why. `prefix`: of the store within its bucket, without
/// slashes at its ends.
pub fn ignored(key: &str, prefix: &str) -> Option<Ignored> {
    if key.ends_with('/') {
        return Some(Ignored::Folder);
    }
    let below = key.strip_prefix(prefix).map_or(key, |rest| rest.trim_start_matches('/'));
    if OWN.iter().any(|own| below.starts_with(own)) {
        return Some(Ignored::Own);
    }
    // `<file_prefix><signal>_<unique>.<ending>`, where what is unique holds no underscore.
    let name = key.rsplit('/').next().unwrap_or(key);
    let stem = name.rsplit_once('_').map_or("", |(stem, _)| stem);
    ["logs", "metrics", "profiles"]
        .iter()
        .any(|signal| stem.ends_with(signal))
        .then_some(Ignored::OtherSignal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_exporter_writes_is_told_apart() {
        let cases = [
            ("traces", "raw/year=2026/month=11/day=22/hour=11/minute=04/traces_123456789.json", None),
            ("traces with a prefix", "raw/eu_logs_gateway-traces_0190a0b0-1111-7abc.binpb.zst", None),
            ("logs", "raw/year=2026/logs_123456789.json.gz", Some(Ignored::OtherSignal)),
            ("metrics with a prefix", "raw/gateway-metrics_123456789.binpb", Some(Ignored::OtherSignal)),
            ("by another program", "raw/export.ndjson", None),
            ("a folder", "raw/year=2026/", Some(Ignored::Folder)),
            ("our own", "spans/date=2026-11-22/hour=11/a.parquet", Some(Ignored::Own)),
            ("our own reason", "quarantine/raw/a.json.reason.json", Some(Ignored::Own)),
        ];
        for (scenario, key, expected) in cases {
            assert_eq!(ignored(key, ""), expected, "{scenario}");
        }
        assert_eq!(ignored("team/fluo/spans/x.parquet", "team/fluo"), Some(Ignored::Own));
        assert_eq!(ignored("team/fluo/raw/traces_1.json", "team/fluo"), None);
    }
}
