//! The members of the family.

/// A member of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A table of the collector's exporter to ClickHouse, or of Rotel's, as ClickHouse writes it.
    ClickHouse,
    /// The same with `flatten_nested = 0`, from a ClickHouse that writes text as bytes, as older ones do.
    ClickHouseNested,
    /// The same with attributes as JSON text, as `toJSONString` makes it of a map.
    ClickHouseJson,
    /// otlp2parquet.
    Otlp2Parquet,
    /// otlp2parquet with attributes in JSON and microseconds.
    Otlp2ParquetJson,
    /// otlp2records before 0.8: microseconds, and whole milliseconds for lengths.
    Otlp2RecordsOld,
    /// otlp2records since 0.8.
    Otlp2Records,
    /// Rotel's files.
    Rotel,
}
