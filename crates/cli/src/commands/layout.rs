//! `fluo layout`: which attributes have columns in span files, because of which rules, and what that saves.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fluo_alerts::escape::plain;
use fluo_evaluator::layout::{asked, reason, shown};
use fluo_rules::rule::Rule;
use fluo_spans::layout::Layout;
use fluo_store::layouts::{self, Asked, Attribute, Column, ColumnSizes, KEPT_MS, Next, Sample, StoredLayout};
use fluo_store::{DataFile, Root, StoreError, list, resolve_root};
use fluo_time::moment;
use object_store::path::Path;
use serde::Serialize;

use crate::args::{LayoutArgs, SummaryFormat};
use crate::deployed::{Configured, root};
use crate::edge::now;
use crate::exit::{Failure, Status, chain};
use crate::rule_files;
use crate::table::{Aligned, aligned};
use crate::terminal::{self, Output};

/// The most spans that are measured: a few seconds, and some hundred megabytes of memory.
const MOST_SPANS: usize = 50_000;

/// The layout of a store, and the next one: `fluo.layout-plan/v1`.
#[derive(Debug, Serialize)]
struct Summary {
    schema: &'static str,
    /// The number of the layout that the store has; 1 is the built-in one.
    layout: u32,
    /// The number of the layout that these rules ask for.
    next: u32,
    /// True if the next one was stored by this command.
    written: bool,
    /// The number of columns of attributes, now and next.
    columns: Columns,
    measured: Measured,
    attributes: Vec<AttributeRow>,
}

#[derive(Debug, Serialize)]
struct Columns {
    now: usize,
    next: usize,
}

/// The spans that were measured.
#[derive(Debug, Serialize)]
struct Measured {
    spans: usize,
    files: u64,
}

/// An attribute that rules ask for, or that has a column without being built in.
#[derive(Debug, Serialize)]
struct AttributeRow {
    /// As rules write it.
    attribute: String,
    #[serde(flatten)]
    place: Place,
    /// The rules that ask for it.
    rules: Vec<String>,
    /// True if the configuration asks for it.
    pinned: bool,
    /// Of the spans that were measured, those that have it.
    spans: u64,
    /// The bytes of these spans' files that are read to get at it, in the layout of now and in the next one.
    bytes: Bytes,
}

#[derive(Debug, Serialize)]
struct Bytes {
    now: u64,
    next: u64,
}

/// The place of an attribute in files that are written next.
#[derive(Debug, Serialize)]
#[serde(tag = "place", rename_all = "snake_case")]
enum Place {
    /// In a column that every layout has.
    BuiltIn,
    /// In a column, since a layout.
    Column {
        since: u32,
        /// No rule asks for it since then, and the column goes after that.
        #[serde(skip_serializing_if = "Option::is_none")]
        unasked_since: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        goes_at: Option<String>,
    },
    /// In a column, from the next layout on.
    Added,
    /// In the map, from the next layout on.
    Dropped,
    /// In the map.
    LeftOut { reason: String },
}

pub(crate) async fn run(args: &LayoutArgs) -> Result<Status, Failure> {
    let (_, loaded) = match rule_files::load_or_tell(&args.rules) {
        Ok(loaded) => loaded,
        Err(status) => return Ok(status),
    };
    let root = root(&args.spans)?;
    let failed = |error| Failure::because(format!("could not read the layout of `{}`", args.spans), error);
    let files = files(&root, &args.spans).await?;
    let rules = loaded.rules.iter().filter(|rule: &&Rule| rule.enabled);
    let pinned = match &args.config {
        Some(config) => Configured::read(config)?.config.settings().columns,
        None => BTreeSet::new(),
    };
    let asked = Asked { pinned, ..asked(rules) };
    let now_ms = now().div_euclid(1_000_000);
    let before = layouts::read(&root).await.map_err(failed)?;
    let before = before.map_or_else(StoredLayout::built_in, |(stored, _)| stored);
    let (before, next) = if args.write {
        let cannot_write = |error| Failure::because("could not write the layout".to_owned(), error);
        let kept = layouts::keep(&root, &asked, now_ms).await.map_err(cannot_write)?;
        // An evaluator may have been faster: what it made is what this command sees.
        (kept.before, kept.next)
    } else {
        let next = before.next(&asked, now_ms);
        (before, next)
    };
    let sample = layouts::sample(&root.store, &files, MOST_SPANS).await;
    for fault in &sample.faults {
        terminal::note(&format!("warning: {} was left out: {}", fault.location(), chain(fault.reason())));
    }
    let summary = Summary::of(&before, &next, &asked, &sample, args.write)
        .map_err(|error| Failure::because("could not measure".to_owned(), error))?;
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Json => output.json(&summary)?,
        SummaryFormat::Human => output.text(&summary.in_words())?,
    }
    output.finish()?;
    Ok(Status::Done)
}

/// Returns the data files of a store, in their order.
async fn files(root: &Root, uri: &str) -> Result<Vec<DataFile>, Failure> {
    let cannot_list = |error: StoreError| Failure::because(format!("could not list `{uri}`"), error);
    let top = root.at(&Path::default());
    let spans = resolve_root(root.store.as_ref(), &top).await.map_err(cannot_list)?;
    let has_spans = spans != top;
    if !has_spans && uri.trim_end_matches('/').ends_with("spans") {
        return Err(Failure::usage(format!("`{uri}` is the folder of the spans: the layout lies beside it"))
            .hint("name the root of the store, in which `spans/` lies"));
    }
    if !has_spans {
        return Ok(Vec::new());
    }
    Ok(list(root.store.as_ref(), &spans).await.map_err(cannot_list)?.files)
}

impl Summary {
    fn of(
        before: &StoredLayout,
        next: &Next,
        asked: &Asked,
        sample: &Sample,
        written: bool,
    ) -> Result<Self, StoreError> {
        let measured = Measuring {
            before: before.layout(),
            next: next.layout.layout(),
            sizes_before: layouts::sizes(&sample.spans, &before.layout())?,
            sizes_next: layouts::sizes(&sample.spans, &next.layout.layout())?,
            sample,
        };
        let builtin = Layout::builtin();
        let is_builtin = |(scope, key): &Attribute| builtin.column(*scope, key).is_some();
        let columns = before.columns.iter().chain(&next.layout.columns);
        let mut attributes: Vec<Attribute> = columns
            .map(|column| (column.of.into(), column.key.clone()))
            .filter(|it| !is_builtin(it))
            .collect();
        attributes.extend(asked.by_rules.keys().chain(&asked.pinned).cloned());
        attributes.sort();
        attributes.dedup();
        let rows = attributes.into_iter().map(|attribute| {
            let place = if is_builtin(&attribute) { Place::BuiltIn } else { place(before, next, &attribute) };
            measured.row(&attribute, place, asked)
        });
        Ok(Self {
            schema: "fluo.layout-plan/v1",
            layout: before.number,
            next: next.layout.number,
            written: written && before.number != next.layout.number,
            columns: Columns { now: before.columns.len(), next: next.layout.columns.len() },
            measured: Measured { spans: sample.spans.len(), files: sample.files },
            attributes: rows.collect(),
        })
    }
}

/// Returns where an attribute lies whose column is not built in.
fn place(before: &StoredLayout, next: &Next, attribute: &Attribute) -> Place {
    match (before.column(attribute), next.layout.column(attribute), next.left_out.get(attribute)) {
        (_, None, Some(why)) => Place::LeftOut { reason: reason(why) },
        (_, None, None) => Place::Dropped,
        (None, Some(_), _) => Place::Added,
        (Some(_), Some(Column { since, unasked_since_ms, .. }), _) => {
            let at = |ms: i64| moment::format(ms.saturating_mul(1_000_000));
            let goes_at = unasked_since_ms.map(|since| at(since.saturating_add(KEPT_MS)));
            Place::Column { since: *since, unasked_since: unasked_since_ms.map(at), goes_at }
        }
    }
}

/// Spans, and what they take in the layout of now and in the next one.
struct Measuring<'a> {
    before: Layout,
    next: Layout,
    sizes_before: ColumnSizes,
    sizes_next: ColumnSizes,
    sample: &'a Sample,
}

impl Measuring<'_> {
    fn row(&self, attribute: &Attribute, place: Place, asked: &Asked) -> AttributeRow {
        AttributeRow {
            place,
            rules: asked.by_rules.get(attribute).into_iter().flatten().cloned().collect(),
            pinned: asked.pinned.contains(attribute),
            spans: self.sample.occurrences(attribute),
            bytes: Bytes {
                now: self.sizes_before.to_read(&self.before, attribute),
                next: self.sizes_next.to_read(&self.next, attribute),
            },
            attribute: shown(attribute),
        }
    }
}

const HEAD: [&str; 6] = ["ATTRIBUTE", "IN", "RULES", "SPANS", "BYTES READ", "NEXT"];

impl Summary {
    fn in_words(&self) -> String {
        let mut text = self.head();
        if !self.attributes.is_empty() {
            text.push_str(&self.table());
        }
        let Measured { spans, files } = self.measured;
        // Writing to a `String` cannot fail.
        let _ = match spans {
            0 => writeln!(text, "\nNothing was measured: no spans are stored."),
            _ => writeln!(text, "\nMeasured on {spans} spans of {files} files, the newest of the store."),
        };
        for row in &self.attributes {
            if let Place::LeftOut { reason } = &row.place {
                let _ = writeln!(text, "{} gets no column: {reason}.", plain(&row.attribute));
            }
        }
        if self.next != self.layout && !self.written {
            let _ = writeln!(
                text,
                "An evaluator that these rules are deployed to stores layout {} by itself; --write does it now.",
                self.next
            );
        }
        text
    }

    fn head(&self) -> String {
        let of = |number: u32, columns: usize| match number {
            1 => format!("layout 1, the built-in one, with {columns} columns of attributes"),
            _ => format!("layout {number}, with {columns} columns of attributes"),
        };
        let Columns { now, next } = self.columns;
        match (self.next == self.layout, self.written) {
            (true, _) => format!("The store has {}: all that these rules ask for.\n", of(self.layout, now)),
            (false, false) => {
                format!(
                    "The store has {}; these rules ask for {}.\n",
                    of(self.layout, now),
                    of(self.next, next)
                )
            }
            (false, true) => {
                format!("The store had {}, and has {} now.\n", of(self.layout, now), of(self.next, next))
            }
        }
    }

    fn table(&self) -> String {
        let cells = self.attributes.iter().map(|row| row.cells(self.measured.spans));
        let Aligned { head, rows } = aligned(HEAD, cells, 2);
        format!("\n{head}{}", rows.concat())
    }
}

impl AttributeRow {
    fn cells(&self, measured: usize) -> [String; 6] {
        let place = match &self.place {
            Place::BuiltIn => "a column, built in".to_owned(),
            Place::Column { since, goes_at: None, .. } => format!("a column since layout {since}"),
            Place::Column { goes_at: Some(at), .. } => format!("a column until {at}"),
            Place::Added => "a new column".to_owned(),
            Place::Dropped => "the map again".to_owned(),
            Place::LeftOut { .. } => "the map".to_owned(),
        };
        let measured = u64::try_from(measured).unwrap_or(u64::MAX);
        let share = match measured {
            0 => "-".to_owned(),
            _ if self.spans > 0 && self.spans * 100 < measured => "< 1 %".to_owned(),
            _ => format!("{} %", self.spans * 100 / measured),
        };
        let bytes = |bytes: u64| if measured == 0 { "-".to_owned() } else { bytes.to_string() };
        [
            plain(&self.attribute).into_owned(),
            place,
            self.rules.len().to_string(),
            share,
            bytes(self.bytes.now),
            bytes(self.bytes.next),
        ]
    }
}
