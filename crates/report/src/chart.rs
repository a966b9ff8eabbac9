//! A value against its limit over time, as SVG: a column for each moment that was looked at, and the limit as a line.
//!
//! The chart is as wide as there is room. Columns are stretched with it; lines and texts stand at shares of it and keep
//! their size, so that they can be read on a phone.

use std::fmt::Write as _;

use fluo_alerts::reading::gauge::Track;
use fluo_time::TimeRange;
use maud::{Markup, html};

use crate::model::Episode;
use crate::text::{clock, percent, seconds, spoken};

/// Both sides of what is stretched.
const SIDE: f64 = 1000.0;
/// The least share of the width of what is to be seen.
const LEAST: f64 = 0.004;

/// Times as shares of the width of a chart.
#[derive(Clone, Copy)]
pub(crate) struct Scale(pub(crate) TimeRange);

impl Scale {
    /// Returns a moment's place, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "places on a page need no nanoseconds")]
    pub(crate) fn place(self, at: i64) -> f64 {
        let Self(TimeRange { from, to }) = self;
        let whole = to.saturating_sub(from);
        if whole <= 0 { 0.0 } else { at.clamp(from, to).saturating_sub(from) as f64 / whole as f64 }
    }

    /// Returns begin and length of a stretch, which is long enough to be seen.
    pub(crate) fn stretch(self, from: i64, to: i64) -> (f64, f64) {
        let (begin, end) = (self.place(from), self.place(to));
        let length = (end - begin).max(LEAST);
        (begin.min(1.0 - length), length)
    }

    /// The times below a chart.
    pub(crate) fn axis(self) -> Markup {
        let Self(TimeRange { from, to }) = self;
        let middle = from.saturating_add(to.saturating_sub(from) / 2);
        html! {
            div class="axis" aria-hidden="true" {
                @for at in [from, middle, to] { span { (clock(at)) } }
            }
        }
    }
}

/// Returns a share as an attribute: `12.5%`.
pub(crate) fn share(of: f64) -> String {
    format!("{:.2}%", of * 100.0)
}

/// A chart of a rule.
pub(crate) fn chart(track: &Track, times: TimeRange, episodes: &[&Episode]) -> Markup {
    let scale = Scale(times);
    let shapes = Shapes::of(track, scale);
    html! {
        svg class="chart" role="img" aria-label=(label(track, times)) {
            @for episode in episodes {
                @let (begin, length) = scale.stretch(episode.violation.starts_at, episode.violation.ends_at);
                rect class="held" x=(share(begin)) y="0" width=(share(length)) height="100%" {}
            }
            svg viewBox=(format!("0 0 {SIDE} {SIDE}")) preserveAspectRatio="none" width="100%" height="100%" {
                path class="columns" d=(shapes.columns) {}
                @if let Some(limit) = &shapes.moving_limit { path class="limit" d=(limit) {} }
            }
            @for Line { class, text, place, above } in &shapes.lines {
                @let y = share(*place);
                @if *class != "scale" { line class=(class) x1="0" x2="100%" y1=(y) y2=(y) {} }
                @if !text.is_empty() { text x="6" y=(y) dy=(if *above { "-5" } else { "14" }) { (text) } }
            }
        }
        (scale.axis())
    }
}

/// Returns the text for those who do not see it.
fn label(track: &Track, times: TimeRange) -> String {
    let values = track.points.iter().filter_map(|mark| mark.reading.value);
    let (lowest, highest) =
        values.clone().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let what = spoken(&track.what);
    let range = format!("from {} to {} UTC", seconds(times.from), seconds(times.to));
    if values.count() == 0 {
        return format!("{what} {range}: no value");
    }
    let limit = track.points.iter().rev().find_map(|mark| mark.reading.limit);
    let limit = limit.map_or_else(String::new, |limit| format!(", limit {}", track.unit.text(limit)));
    let closest = track.points.iter().filter_map(|mark| mark.reading.closeness).reduce(f64::max);
    format!(
        "{what} {range}: between {} and {}{limit}; closest {} of the limit",
        track.unit.text(lowest),
        track.unit.text(highest),
        percent(closest)
    )
}

/// A line across, and the text at it.
struct Line {
    class: &'static str,
    text: String,
    /// From 0 at the top to 1.
    place: f64,
    /// True if the text stands above it.
    above: bool,
}

struct Shapes {
    columns: String,
    /// The limit, where it is not the same at all moments.
    moving_limit: Option<String>,
    lines: Vec<Line>,
}

impl Shapes {
    fn of(track: &Track, scale: Scale) -> Self {
        let readings = track.points.iter().map(|mark| &mark.reading);
        let limits: Vec<f64> = readings.clone().filter_map(|reading| reading.limit).collect();
        let values: Vec<f64> = readings.filter_map(|reading| reading.value).collect();
        let levels = track.levels.iter().map(|(_, limit)| *limit);
        let highest = values.iter().chain(&limits).copied().chain(levels).fold(0.0, f64::max);
        let lowest = values.iter().chain(&limits).copied().fold(0.0, f64::min);
        let room = if highest > lowest { (highest - lowest) * 1.18 } else { 1.0 };
        let y = |value: f64| (1.0 - (value - lowest) / room).clamp(0.0, 1.0);
        let constant = limits
            .first()
            .copied()
            .filter(|first| limits.iter().all(|limit| limit.to_bits() == first.to_bits()));
        let moving_limit = (constant.is_none() && !limits.is_empty()).then(|| moving(track, scale, y));
        Self { columns: columns(track, scale, y), moving_limit, lines: lines(track, constant, highest, y) }
    }
}

/// One rectangle for each run of moments with one value.
fn columns(track: &Track, scale: Scale, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut open: Option<(f64, f64, f64)> = None;
    let mut close = |(from, to, value): (f64, f64, f64)| {
        let (from, to, top, zero) = (from * SIDE, to * SIDE, y(value) * SIDE, y(0.0) * SIDE);
        // What is nearly nothing is drawn as a trace of it. Writing to a `String` cannot fail.
        let top = if value > 0.0 { top.min(zero - 4.0) } else { top };
        let _ = write!(path, "M{from:.1} {zero:.0}V{top:.0}H{to:.1}V{zero:.0}Z");
    };
    for mark in &track.points {
        let Some(value) = mark.reading.value else { continue };
        if mark.at < scale.0.from || mark.at > scale.0.to {
            continue;
        }
        let (begin, length) = scale.stretch(mark.at.saturating_sub(track.step), mark.at);
        let end = begin + length;
        open = match open {
            Some((from, to, same)) if same.to_bits() == value.to_bits() && begin <= to + 1e-9 => {
                Some((from, end, value))
            }
            other => {
                other.into_iter().for_each(&mut close);
                Some((begin, end, value))
            }
        };
    }
    open.into_iter().for_each(close);
    path
}

/// The limit at each moment.
fn moving(track: &Track, scale: Scale, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for mark in &track.points {
        let Some(limit) = mark.reading.limit else { continue };
        let (begin, length) = scale.stretch(mark.at.saturating_sub(track.step), mark.at);
        let (from, to, at) = (begin * SIDE, (begin + length) * SIDE, y(limit) * SIDE);
        // Writing to a `String` cannot fail.
        let _ = write!(path, "M{from:.1} {at:.0}H{to:.1}");
    }
    path
}

/// The limits, and the highest value where there is room for its text.
fn lines(track: &Track, constant: Option<f64>, highest: f64, y: impl Fn(f64) -> f64) -> Vec<Line> {
    let unit = track.unit;
    let mut lines: Vec<Line> = Vec::new();
    let mut limits: Vec<(String, f64)> =
        track.levels.iter().map(|(level, limit)| (level.0.to_string(), *limit)).collect();
    if limits.is_empty() {
        limits.extend(constant.map(|limit| ("limit".to_owned(), limit)));
    }
    for (name, limit) in limits {
        let place = y(limit);
        // Two texts one above the other need so much of the height.
        let is_free = lines.iter().all(|line| (line.place - place).abs() > 0.16);
        let text = if is_free { format!("{name} {}", unit.text(limit)) } else { String::new() };
        lines.push(Line { class: "limit", text, place, above: place > 0.16 });
    }
    let top = y(highest);
    if highest > 0.0 && lines.iter().all(|line| (line.place - top).abs() > 0.3) {
        let text = format!("highest {}", unit.text(highest));
        lines.push(Line { class: "scale", text, place: top, above: true });
    }
    lines
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::samples::{MINUTE, mark, track};

    const TIMES: TimeRange = TimeRange { from: 0, to: 10 * MINUTE };

    #[test]
    fn columns_and_a_limit() {
        let markup = chart(&track(), TIMES, &[]).into_string().replace("><", ">\n<");
        assert_snapshot!(markup, @r##"
        <svg class="chart" role="img" aria-label="count from 1970-01-01 00:00:00 to 1970-01-01 00:10:00 UTC: between 1 and 12, limit 5; closest 240 % of the limit">
        <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">
        <path class="columns" d="M0.0 1000V929H200.0V1000ZM300.0 1000V718H400.0V1000ZM400.0 1000V153H500.0V1000Z">
        </path>
        </svg>
        <line class="limit" x1="0" x2="100%" y1="64.69%" y2="64.69%">
        </line>
        <text x="6" y="64.69%" dy="-5">warning 5</text>
        <text x="6" y="15.25%" dy="-5">highest 12</text>
        </svg>
        <div class="axis" aria-hidden="true">
        <span>00:00:00</span>
        <span>00:05:00</span>
        <span>00:10:00</span>
        </div>
        "##);
    }

    #[test]
    fn nothing_to_draw_is_drawn_without_numbers_that_are_none() {
        for track in [Track::default(), Track { points: vec![mark(MINUTE, None, None)], ..track() }] {
            for times in [TIMES, TimeRange { from: 5, to: 5 }] {
                let markup = chart(&track, times, &[]).into_string();
                assert!(!markup.contains("NaN") && !markup.contains("inf"), "{markup}");
                assert!(markup.contains("no value"), "{markup}");
            }
        }
    }

    #[test]
    fn a_limit_that_moves_is_a_line_that_moves() {
        let points = vec![mark(MINUTE, Some(1.0), Some(2.0)), mark(2 * MINUTE, Some(1.0), Some(3.0))];
        let markup = chart(&Track { points, levels: vec![], ..track() }, TIMES, &[]).into_string();
        assert!(markup.contains("class=\"limit\" d=\"M0.0 "), "{markup}");
        assert!(!markup.contains("<line class=\"limit\""), "{markup}");
    }

    #[test]
    fn texts_of_limits_that_lie_close_together_do_not_cover_each_other() {
        let mut track = track();
        track.levels = vec![(track.levels[0].0, 5.0), (track.levels[0].0, 5.2)];
        let texts = chart(&track, TIMES, &[]).into_string().matches("<text").count();
        assert!(texts <= 2, "{texts}");
    }

    #[test]
    fn what_lies_outside_is_at_the_edge_and_what_is_short_is_seen() {
        let scale = Scale(TIMES);
        assert_eq!((scale.place(-5), scale.place(20 * MINUTE)), (0.0, 1.0));
        let (begin, length) = scale.stretch(10 * MINUTE, 10 * MINUTE);
        assert!(length >= LEAST && begin + length <= 1.0);
    }
}
