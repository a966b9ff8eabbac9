//! Finds the rows of a file that can be of spans that are sought, by what its page index says of pages.

use std::collections::BTreeSet;
use std::ops::Range;

use fluo_plan::Projection;
use fluo_spans::schema::columns;
use fluo_time::TimeRange;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use fluo_time::range::meet;

/// The spans that are sought; a batch may hold others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sought {
    /// The times in which they ended: in order, and apart.
    pub(crate) ranges: Vec<TimeRange>,
    /// Their services, in order; any where this is `None`.
    pub(crate) services: Option<Vec<String>>,
}

/// The services of all spans that any of some projections selects, in order; `None` where they may be of any.
pub(crate) fn services<'a>(projections: impl IntoIterator<Item = &'a Projection>) -> Option<Vec<String>> {
    let all: Option<Vec<BTreeSet<String>>> = projections.into_iter().map(Projection::services).collect();
    let all: BTreeSet<String> = all?.into_iter().flatten().collect();
    Some(all.into_iter().collect())
}

/// Row groups, and rows of all of them together.
pub(crate) struct Chosen {
    pub(crate) row_groups: Vec<usize>,
    /// All where this is `None`.
    pub(crate) rows: Option<RowSelection>,
}

impl Sought {
    /// Those of some row groups of a file that it can lie in. `only`: the rows of the file that are read at all.
    pub(crate) fn within(
        &self,
        metadata: &ParquetMetaData,
        row_groups: impl Iterator<Item = usize>,
        only: Option<&[Range<u64>]>,
    ) -> Chosen {
        let (mut chosen, mut rows, mut total) = (Vec::new(), Vec::new(), 0);
        let starts = starts(metadata);
        for row_group in row_groups {
            let count = usize::try_from(metadata.row_group(row_group).num_rows()).unwrap_or(0);
            let mut of_group = both(
                &pages(metadata, row_group, count, columns::END_TIME, |index, page| {
                    self.may_end_in(index, page)
                }),
                &pages(metadata, row_group, count, columns::SERVICE_NAME, |index, page| {
                    self.may_be_of(index, page)
                }),
            );
            if let Some(only) = only {
                of_group = both(&of_group, &part_of(only, starts[row_group], count));
            }
            if !of_group.is_empty() {
                chosen.push(row_group);
                rows.extend(of_group.into_iter().map(|rows| total + rows.start..total + rows.end));
                total += count;
            }
        }
        let all = rows.iter().map(Range::len).sum::<usize>() == total;
        let rows = (!all).then(|| RowSelection::from_consecutive_ranges(rows.into_iter(), total));
        Chosen { row_groups: chosen, rows }
    }

    fn may_end_in(&self, index: &ColumnIndexMetaData, page: usize) -> bool {
        let ColumnIndexMetaData::INT64(index) = index else { return true };
        match (index.min_value(page), index.max_value(page)) {
            (Some(from), Some(to)) => meet(&self.ranges, TimeRange { from: *from, to: *to }),
            _ => true,
        }
    }

    fn may_be_of(&self, index: &ColumnIndexMetaData, page: usize) -> bool {
        let (Some(services), ColumnIndexMetaData::BYTE_ARRAY(texts)) = (&self.services, index) else {
            return true;
        };
        match (texts.min_value(page), texts.max_value(page)) {
            (Some(least), Some(most)) => {
                let after = services.partition_point(|service| service.as_bytes() < least);
                services.get(after).is_some_and(|service| service.as_bytes() <= most)
            }
            _ => !index.is_null_page(page),
        }
    }
}

/// The first row of each row group.
fn starts(metadata: &ParquetMetaData) -> Vec<u64> {
    let rows = metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0));
    rows.scan(0, |next, rows| Some(std::mem::replace(next, *next + rows))).collect()
}

/// The part of some rows of a file that lies in one of its row groups, which has so many rows from `start` on.
fn part_of(rows: &[Range<u64>], start: u64, count: usize) -> Vec<Range<usize>> {
    let end = start.saturating_add(count as u64);
    let within = |row: u64| usize::try_from(row.clamp(start, end) - start).unwrap_or(count);
    let first = rows.partition_point(|range| range.end <= start);
    rows[first..]
        .iter()
        .take_while(|range| range.start < end)
        .map(|range| within(range.start)..within(range.end))
        .collect()
}

/// The rows of a row group's pages that may be wanted, by what is known of a column; all where nothing is known.
fn pages(
    metadata: &ParquetMetaData,
    row_group: usize,
    rows: usize,
    column: &str,
    may_be: impl Fn(&ColumnIndexMetaData, usize) -> bool,
) -> Vec<Range<usize>> {
    let known = || {
        let columns = metadata.file_metadata().schema_descr().columns();
        let column = columns.iter().position(|it| matches!(it.path().parts(), [name] if name == column))?;
        let index = metadata.column_index()?.get(row_group)?.get(column)?;
        let pages = metadata.offset_index()?.get(row_group)?.get(column)?.page_locations();
        (index.num_pages() == pages.len() as u64).then_some((index, pages))
    };
    let Some((index, pages)) = known() else { return std::iter::once(0..rows).collect() };
    let first = |page: usize| {
        let first = pages.get(page).map(|page| usize::try_from(page.first_row_index).unwrap_or(0));
        first.unwrap_or(rows).min(rows)
    };
    let mut kept: Vec<Range<usize>> = Vec::new();
    for page in (0..pages.len()).filter(|page| may_be(index, *page)) {
        let rows = first(page)..first(page + 1);
        match kept.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => kept.push(rows),
        }
    }
    kept
}

/// Returns the parts that two lists of ranges, each in order and apart, have in common.
fn both(one: &[Range<usize>], other: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut both, mut left, mut right) = (Vec::new(), one.iter().peekable(), other.iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let rows = one.start.max(other.start)..one.end.min(other.end);
        let left_ends = one.end <= other.end;
        if !rows.is_empty() {
            both.push(rows);
        }
        if left_ends {
            left.next()
        } else {
            right.next()
        };
    }
    both
}
