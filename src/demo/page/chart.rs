//! The parts of a chart over time, as SVG: scales, axes, lines.

use std::fmt::Write as _;
use std::ops::Range;

/// Width of every chart, in its own units.
pub(super) const WIDTH: f64 = 1120.0;
/// Where the plots begin and end, so that those below each other line up; beside them is room for labels.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 1026.0;
/// Up to so many marks of a logarithmic axis are all labelled; of more, the powers of ten.
const LABELS_MAX: usize = 8;

/// A plot: a rectangle in which values are drawn over time.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    top: f64,
    height: f64,
    time_ns: Range<u64>,
    scale: Scale,
}

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// From 0, with a mark at every step.
    Linear {
        /// To this.
        max: f64,
        /// From mark to mark.
        step: f64,
    },
    /// From this to that, every order of magnitude alike.
    Logarithmic(f64, f64),
}

impl Scale {
    /// From 0 to a round number above all values.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let max = values.fold(1.0, f64::max) * 1.1;
        let step = round_above(max / 4.0);
        Self::Linear {
            max: (max / step).ceil() * step,
            step,
        }
    }

    /// From a round number below all values to one above.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.filter(|value| *value > 0.0);
        let low = positive.clone().fold(f64::MAX, f64::min);
        let high = positive.fold(f64::MIN_POSITIVE, f64::max);
        if low > high {
            return Self::Logarithmic(0.1, 10.0);
        }
        Self::Logarithmic(
            1.0 / round_above(1.0 / (low * 0.9)),
            round_above(high * 1.1),
        )
    }

    /// Where on the way from bottom to top a value stands, 0 to 1.
    fn share(self, value: f64) -> f64 {
        let share = match self {
            Self::Linear { max, .. } => value / max,
            Self::Logarithmic(low, high) => (value.max(low) / low).ln() / (high / low).ln(),
        };
        share.clamp(0.0, 1.0)
    }

    /// What is marked on the axis, and whether with its value.
    fn ticks(self) -> Vec<(f64, bool)> {
        match self {
            Self::Linear { max, step } => {
                let marks = std::iter::successors(Some(0.0), |mark| Some(mark + step));
                let within = marks.take_while(|mark| *mark <= max * 1.001);
                within.map(|mark| (mark, true)).collect()
            }
            Self::Logarithmic(low, high) => {
                let decade = 10_f64.powf(low.log10().floor());
                let decades = std::iter::successors(Some(decade), |decade| Some(decade * 10.0));
                let decades = decades.take_while(|decade| *decade <= high * 1.001);
                let mut marks: Vec<(f64, bool)> = decades
                    .flat_map(|decade| {
                        [(decade, true), (decade * 2.0, false), (decade * 5.0, false)]
                    })
                    .filter(|(mark, _)| (low * 0.999..=high * 1.001).contains(mark))
                    .collect();
                let few = marks.len() <= LABELS_MAX;
                marks.iter_mut().for_each(|(_, labelled)| *labelled |= few);
                marks
            }
        }
    }
}

impl Plot {
    pub(super) fn new(top: f64, height: f64, time_ns: Range<u64>, scale: Scale) -> Self {
        Self {
            top,
            height,
            time_ns,
            scale,
        }
    }

    /// Where a moment stands.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a run is far shorter than 2^52 ns"
    )]
    pub(super) fn x(&self, at_ns: u64) -> f64 {
        let length = (self.time_ns.end - self.time_ns.start).max(1) as f64;
        let inside = at_ns.clamp(self.time_ns.start, self.time_ns.end) - self.time_ns.start;
        LEFT + inside as f64 / length * (RIGHT - LEFT)
    }

    /// Where a value stands.
    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom() - self.scale.share(value) * self.height
    }

    pub(super) fn top(&self) -> f64 {
        self.top
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Lines at round values, with the values beside them, and what they are above.
    pub(super) fn value_axis(&self, out: &mut String, title: &str, label: impl Fn(f64) -> String) {
        text(out, "title", (0.0, self.top - 12.0), title);
        for (value, labelled) in self.scale.ticks() {
            let y = self.y(value);
            line(
                out,
                (if labelled { "grid" } else { "minor" }, ""),
                (LEFT, y),
                (RIGHT, y),
            );
            if labelled {
                text(out, "end", (LEFT - 8.0, y + 4.0), &label(value));
            }
        }
    }

    /// Marks below the plot, `step_ns` apart and one of them at `zero_ns`, with the time since then.
    pub(super) fn time_axis(
        &self,
        out: &mut String,
        (zero_ns, step_ns): (u64, u64),
        label: impl Fn(i64) -> String,
    ) {
        let steps_before = (zero_ns - self.time_ns.start.min(zero_ns)) / step_ns;
        let mut at = zero_ns - steps_before * step_ns;
        let mut step = -i64::try_from(steps_before).unwrap_or(0);
        while at <= self.time_ns.end {
            let x = self.x(at);
            line(
                out,
                ("grid", ""),
                (x, self.bottom()),
                (x, self.bottom() + 4.0),
            );
            text(out, "middle", (x, self.bottom() + 18.0), &label(step));
            at += step_ns;
            step += 1;
        }
    }

    /// A span of time, shaded from top to bottom; never narrower than can be seen.
    pub(super) fn band(&self, out: &mut String, color: &str, span_ns: &Range<u64>) {
        let (from, to) = (self.x(span_ns.start), self.x(span_ns.end));
        let (top, height, width) = (self.top, self.height, (to - from).max(2.0));
        put(
            out,
            format_args!(
                "<rect class=\"band\" fill=\"var(--{color})\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
            ),
        );
    }

    /// A line through points; it breaks where there is none.
    pub(super) fn series(
        &self,
        out: &mut String,
        color: &str,
        points: impl Iterator<Item = (u64, Option<f64>)>,
    ) {
        let mut path = String::new();
        let mut pen_down = false;
        for (at, value) in points {
            let Some(value) = value else {
                pen_down = false;
                continue;
            };
            let letter = if pen_down { 'L' } else { 'M' };
            put(
                &mut path,
                format_args!("{letter}{:.1} {:.1}", self.x(at), self.y(value)),
            );
            pen_down = true;
        }
        put(
            out,
            format_args!("<path class=\"series\" stroke=\"var(--{color})\" d=\"{path}\"/>"),
        );
    }

    /// The area below a line through points.
    pub(super) fn area(&self, out: &mut String, color: &str, points: &[(u64, f64)]) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        let bottom = self.bottom();
        let mut path = format!("M{:.1} {bottom:.1}", self.x(first.0));
        for (at, value) in points {
            put(
                &mut path,
                format_args!("L{:.1} {:.1}", self.x(*at), self.y(*value)),
            );
        }
        put(
            out,
            format_args!(
                "<path class=\"band\" fill=\"var(--{color})\" d=\"{path}L{:.1} {bottom:.1}Z\"/>",
                self.x(last.0)
            ),
        );
    }

    /// Names of lines at their right ends, moved apart where they would cover each other.
    pub(super) fn names(&self, out: &mut String, mut names: Vec<(f64, &str, &str)>) {
        names.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut above = f64::MIN;
        for (value, name, color) in names {
            let y = (self.y(value) + 4.0).max(above + 14.0);
            put(
                out,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{y:.1}\" style=\"fill:var(--{color});font-weight:600\">{name}</text>",
                    RIGHT + 8.0
                ),
            );
            above = y;
        }
    }

    /// A rectangle over a span that shows a text when pointed at.
    pub(super) fn probe(&self, out: &mut String, span_ns: &Range<u64>, tip: &str) {
        let (from, to) = (self.x(span_ns.start), self.x(span_ns.end));
        let (top, width, height) = (self.top, to - from, self.height);
        put(
            out,
            format_args!(
                "<rect class=\"probe\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{tip}</title></rect>"
            ),
        );
    }
}

/// A chart of some height around what was drawn.
pub(super) fn chart(height: f64, name: &str, drawn: &str) -> String {
    format!(
        "<div class=\"wide\"><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{name}\">{drawn}</svg></div>"
    )
}

/// A straight line, of a class and with further attributes.
pub(super) fn line(
    out: &mut String,
    (class, more): (&str, &str),
    (x1, y1): (f64, f64),
    (x2, y2): (f64, f64),
) {
    put(
        out,
        format_args!(
            "<line class=\"{class}\" {more} x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ),
    );
}

/// A text at a place.
pub(super) fn text(out: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    put(
        out,
        format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"),
    );
}

/// Appends to a string, which cannot fail.
pub(super) fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

/// A latency at an axis: as short as can be.
pub(super) fn latency_label(ms: f64) -> String {
    if ms >= 1_000.0 {
        return format!("{} s", ms / 1_000.0);
    }
    format!("{} ms", (ms * 1e6).round() / 1e6)
}

/// A round length of time that fits about `count` times into a span.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a run is far shorter than 2^52 ns"
)]
pub(super) fn step_ns(length_ns: u64, count: u64) -> u64 {
    round_above((length_ns / count).max(1) as f64) as u64
}

/// The next number of the row 1, 2, 5, 10, 20, 50, ….
fn round_above(value: f64) -> f64 {
    let magnitude = 10_f64.powf(value.log10().floor());
    let round = [1.0, 2.0, 5.0].map(|factor| factor * magnitude);
    let above = round.into_iter().find(|round| *round >= value * 0.9999);
    above.unwrap_or(10.0 * magnitude)
}
