//! The cost of an evaluation of a rule: the rows and columns that it reads of the files of a source.

use std::collections::BTreeSet;

use fluo_plan::{Projection, RulePlan};
use fluo_spans::schema::columns;
use fluo_time::TimeRange;

use crate::error::EngineError;
use crate::pages::{Sought, services};
use crate::pass::program::columns_read;
use crate::source::{SpanSource, Stored};

/// The data that is read for a rule which is judged once over all spans that ended in a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// Files that are read.
    pub files: u64,
    /// Files that hold spans of these times.
    pub of_files: u64,
    /// Rows that are looked at.
    pub rows: u64,
    /// Bytes of the columns that are read, as they are stored.
    pub bytes: u64,
}

/// Returns what each rule reads. Files that lie in memory cost nothing that can be told.
///
/// # Errors
///
/// A file's footer cannot be read ([`EngineError::File`]), or a rule cannot be planned.
pub async fn reads(
    source: &SpanSource,
    plans: &[&RulePlan],
    ends: TimeRange,
) -> Result<Vec<Reads>, EngineError> {
    let mut all = vec![Reads::default(); plans.len()];
    for part in source.parts() {
        let Stored::Files { cache, files } = &part.spans else { continue };
        let mut sought: Vec<(Sought, BTreeSet<String>)> = Vec::new();
        for plan in plans {
            let projection = plan.projection(&part.layout)?;
            let of_trace = plan.rule().trace().is_some();
            let steps: Vec<&Projection> = if of_trace {
                projection.steps.iter().map(AsRef::as_ref).collect()
            } else {
                vec![&*projection]
            };
            let sought_of_rule = Sought { ranges: vec![ends], services: services(steps.iter().copied()) };
            let ids: &[&str] = &[columns::TRACE_ID, columns::SPAN_ID, columns::START_TIME];
            let names = columns_read(steps.into_iter(), if of_trace { ids } else { &[] });
            sought.push((sought_of_rule, names.into_iter().map(str::to_owned).collect()));
        }
        for file in files.iter().filter(|file| file.ends.meets(ends)) {
            let object = &file.object;
            let footer = cache.footer(&object.location, object.size).await.map_err(EngineError::File)?;
            let metadata = footer.for_readers();
            for ((sought, names), reads) in sought.iter().zip(&mut all) {
                let groups = 0..metadata.num_row_groups();
                let chosen = sought.within(metadata, groups, file.only.as_deref());
                reads.of_files += 1;
                reads.files += u64::from(!chosen.row_groups.is_empty());
                for group in chosen.row_groups.into_iter().map(|group| metadata.row_group(group)) {
                    reads.rows += u64::try_from(group.num_rows()).unwrap_or(0);
                    let is_read = |column: &str| names.contains(column);
                    let columns = group.columns().iter().filter(|column| {
                        column.column_path().parts().first().is_some_and(|name| is_read(name))
                    });
                    reads.bytes += columns
                        .map(|column| u64::try_from(column.compressed_size()).unwrap_or(0))
                        .sum::<u64>();
                }
            }
        }
    }
    Ok(all)
}
