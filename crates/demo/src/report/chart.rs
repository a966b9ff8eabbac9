//! A value against its threshold over time, as inline SVG: steps, because a window's value holds until the next.
//!
//! Everything that is drawn is a number; texts are the caller's, escaped.

use std::fmt::Write as _;

use super::markup::Escaped;
use crate::series::Series;
use crate::story::minute;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
/// Room for the labels of the value axis, and of the time axis.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 28.0;

/// The content of a chart.
pub(super) struct Chart<'a> {
    /// For those who cannot see it.
    pub(super) label: &'a str,
    /// From when to when, in nanoseconds since the epoch.
    pub(super) times: (i64, i64),
    pub(super) series: &'a Series,
    /// The form in which a value is written.
    pub(super) value: fn(f64) -> String,
    /// A time that is shaded: the incident.
    pub(super) shaded: (i64, i64),
    /// A time that is underlined: the violation.
    pub(super) underlined: Option<(i64, i64)>,
    /// Moments with a flag: when, what, and whether it is the one that counts.
    pub(super) flags: &'a [(i64, String, bool)],
}

impl Chart<'_> {
    pub(super) fn svg(&self) -> String {
        let mut svg = format!(
            r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
            Escaped(self.label)
        );
        let (from, to) = (self.x(self.shaded.0), self.x(self.shaded.1));
        let height = HEIGHT - TOP - BOTTOM;
        // Writing to a String does not fail, here and below.
        let _ = write!(
            svg,
            r#"<rect class="incident" x="{from:.1}" y="{TOP}" width="{:.1}" height="{height}"/>"#,
            to - from
        );
        self.axes(&mut svg);
        self.line(&mut svg);
        self.threshold(&mut svg);
        self.violation(&mut svg);
        self.flags(&mut svg);
        svg.push_str("</svg>");
        svg
    }

    fn highest(&self) -> f64 {
        let values = self.series.points.iter().filter_map(|point| point.value);
        // Room above the line, and a scale even where nothing is.
        values.fold(self.series.threshold, f64::max).max(f64::MIN_POSITIVE) * 1.15
    }

    fn x(&self, at: i64) -> f64 {
        let (from, to) = self.times;
        let share = fraction(at.clamp(from, to) - from, to - from);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.highest() * (HEIGHT - TOP - BOTTOM)
    }

    fn axes(&self, svg: &mut String) {
        let step = nice_step(self.highest());
        let mut value = 0.0;
        while value < self.highest() {
            let y = self.y(value);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT}" y1="{y:.1}" x2="{:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                Escaped(&(self.value)(value)),
            );
            value += step;
        }
        let (from, to) = self.times;
        let step = 2 * 60_000_000_000;
        for at in (0..).map(|tick| from + tick * step).take_while(|at| *at <= to) {
            let anchor = if at == to { "end" } else { "middle" };
            let _ = write!(
                svg,
                r#"<text x="{:.1}" y="{:.1}" text-anchor="{anchor}">{}</text>"#,
                self.x(at),
                HEIGHT - 8.0,
                minute(at)
            );
        }
    }

    /// One path a run of values; where there is no value there is no line.
    fn line(&self, svg: &mut String) {
        let mut path = String::new();
        let mut last: Option<f64> = None;
        for point in &self.series.points {
            let x = self.x(point.at);
            match (last, point.value) {
                (None, Some(value)) => {
                    let _ = write!(path, "M{x:.1} {:.1}", self.y(value));
                }
                (Some(_), Some(value)) => {
                    let _ = write!(path, "H{x:.1}V{:.1}", self.y(value));
                }
                (Some(_), None) => {
                    let _ = write!(path, "H{x:.1}");
                }
                (None, None) => {}
            }
            last = point.value;
        }
        let _ = write!(svg, r#"<path class="value" d="{path}"/>"#);
    }

    fn threshold(&self, svg: &mut String) {
        let y = self.y(self.series.threshold);
        let _ = write!(
            svg,
            r#"<line class="threshold" x1="{LEFT}" y1="{y:.1}" x2="{:.1}" y2="{y:.1}"/>"#,
            WIDTH - RIGHT
        );
    }

    fn violation(&self, svg: &mut String) {
        let Some((from, to)) = self.underlined else { return };
        let (from, to) = (self.x(from), self.x(to));
        let _ = write!(
            svg,
            r#"<rect class="violation" x="{from:.1}" y="{:.1}" width="{:.1}" height="5"/>"#,
            HEIGHT - BOTTOM,
            to - from
        );
    }

    fn flags(&self, svg: &mut String) {
        for (at, text, counts) in self.flags {
            let x = self.x(*at);
            let class = if *counts { "flag alert" } else { "flag" };
            // Behind the middle there is more room on the left.
            let left = x > WIDTH * 0.6;
            let (anchor, beside) = if left { ("end", x - 6.0) } else { ("start", x + 6.0) };
            let _ = write!(
                svg,
                r#"<g class="{class}"><line x1="{x:.1}" y1="8" x2="{x:.1}" y2="{:.1}"/><text x="{beside:.1}" y="17" text-anchor="{anchor}">{}</text></g>"#,
                HEIGHT - BOTTOM,
                Escaped(text),
            );
        }
    }
}

/// `part` of `whole`.
#[expect(clippy::cast_precision_loss, reason = "places on a page need no nanoseconds")]
fn fraction(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A distance of grid lines that people can count in, for four to eight of them.
fn nice_step(highest: f64) -> f64 {
    let steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
    steps.into_iter().find(|step| highest / step <= 8.0).unwrap_or(highest / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Point;

    fn chart<'a>(series: &'a Series, flags: &'a [(i64, String, bool)]) -> Chart<'a> {
        Chart {
            label: "a <label>",
            times: (0, 600_000_000_000),
            series,
            value: |value| format!("{value:.0}"),
            shaded: (60_000_000_000, 120_000_000_000),
            underlined: None,
            flags,
        }
    }

    #[test]
    fn the_line_is_broken_where_there_is_no_value() {
        let series = Series {
            threshold: 5.0,
            points: [(0, Some(0.0)), (1, None), (2, Some(8.0)), (3, Some(2.0))]
                .map(|(minute, value)| Point { at: minute * 60_000_000_000, value, holds: false })
                .to_vec(),
        };
        let svg = chart(&series, &[(0, "<flag>".to_owned(), true)]).svg();
        let path = svg.split("class=\"value\" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(path.starts_with("M48.0 212.0H138.0M"), "{path}");
        assert!(svg.contains("a &lt;label&gt;") && svg.contains("&lt;flag&gt;"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_to_draw_is_drawn_without_numbers_that_are_none() {
        let svg = chart(&Series::default(), &[]).svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn few_grid_lines_at_every_size() {
        for highest in [0.06, 0.11, 0.5, 1.0, 6.9, 23.0, 57.0, 340.0, 9_999.0] {
            let lines = highest / nice_step(highest);
            assert!((2.0..=8.0).contains(&lines), "{highest}: {lines}");
        }
    }
}
