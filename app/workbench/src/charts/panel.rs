//! Draws the panels of a chart and their time axis. Sizes are in pixels of the chart; the drawing itself is finer.

use super::{
    Chart, ChartError, DARK, FINE, LIGHT, Palette, WIDTH, failed,
    scale::{gaps, range, tick_labels, ticks, time_ticks, written},
    text,
};
use drydock_api::Series;
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::collections::HashMap;
use time::{OffsetDateTime, macros::format_description};

const MARGIN: f64 = 16.0;
const HEAD: f64 = 44.0;
const TITLE: f64 = 22.0;
/// A panel's plot, with space above and below it for half a line of text.
const PLOT: f64 = 100.0;
const EDGE: f64 = 7.0;
const AXIS: f64 = 30.0;
/// Space for the numbers at the right.
const GUTTER: f64 = 66.0;
/// Intervals of the grid.
const STEPS: u32 = 2;
/// Size of a font over the size of its letters, as plotters counts.
const FONT_SIZE: f64 = 1.24;

/// Height of a chart with this many series.
pub(super) fn height(series: usize) -> u32 {
    (HEAD + (TITLE + PLOT) * series as f64 + AXIS) as u32
}

pub(super) fn draw<B: DrawingBackend>(backend: B, chart: &Chart) -> Result<(), ChartError> {
    let sheet = Sheet {
        area: backend.into_drawing_area(),
        palette: if chart.dark { DARK } else { LIGHT },
        chart,
    };
    sheet.draw()
}

struct Sheet<'a, B: DrawingBackend> {
    area: DrawingArea<B, Shift>,
    palette: Palette,
    chart: &'a Chart,
}

impl<B: DrawingBackend> Sheet<'_, B> {
    fn draw(&self) -> Result<(), ChartError> {
        self.area.fill(&self.palette.ground).map_err(failed)?;
        self.letters(&self.chart.title, (MARGIN, 22.0), 15.0, self.palette.ink, HPos::Left)?;
        let (from, to) = (self.clock(self.chart.from_ms), self.clock(self.chart.to_ms));
        let zone = if self.chart.utc_offset_min.is_none() {
            " UTC"
        } else {
            ""
        };
        let span = format!("{from} – {to}{zone}");
        self.letters(&span, (self.right(), 22.0), 12.0, self.palette.quiet, HPos::Right)?;
        let colours = colours(&self.chart.series, &self.chart.colours);
        for (index, (line, colour)) in self.chart.series.iter().zip(colours).enumerate() {
            let top = HEAD + (TITLE + PLOT) * index as f64;
            self.panel(line, self.palette.lines[colour], top)?;
        }
        let bottom = HEAD + (TITLE + PLOT) * self.chart.series.len() as f64;
        for tick in self.time_ticks() {
            self.letters(
                &self.clock(tick),
                (self.x(tick), bottom + 9.0),
                11.0,
                self.palette.quiet,
                HPos::Center,
            )?;
        }
        self.area.present().map_err(failed)
    }

    fn panel(&self, line: &Series, colour: RGBColor, top: f64) -> Result<(), ChartError> {
        let middle = top + TITLE / 2.0;
        self.bar((MARGIN, middle - 1.0), (MARGIN + 10.0, middle + 1.0), colour)?;
        self.letters(
            &line.title,
            (MARGIN + 18.0, middle),
            12.0,
            self.palette.quiet,
            HPos::Left,
        )?;
        let gaps = gaps(line, self.chart.to_ms);
        let last = line.values.iter().rev().flatten().next().copied();
        let silent = gaps.last().is_some_and(|gap| gap.to_ms >= self.chart.to_ms);
        let of = line.max.filter(|max| line.unit == "B" && *max > 0.0);
        let of = of.map_or_else(String::new, |max| format!(" of {}", written(Some(max), "B")));
        let value = written(last.filter(|_| !silent), &line.unit) + &of;
        self.letters(&value, (self.right(), middle), 12.0, self.palette.ink, HPos::Right)?;

        let (low, high) = range(&line.unit, line.max, self.extremes(line));
        let (upper, lower) = (top + TITLE + EDGE, top + TITLE + PLOT - EDGE);
        let y = |value: f64| lower - (value - low) / (high - low) * (lower - upper);
        for gap in gaps {
            let (left, right) = (
                self.x(gap.from_ms.max(self.chart.from_ms)),
                self.x(gap.to_ms.min(self.chart.to_ms)),
            );
            if right > left {
                self.bar((left, upper), (right, lower), self.palette.gap)?;
            }
        }
        let ticks = ticks((low, high), &line.unit, STEPS);
        for (tick, label) in ticks.iter().zip(tick_labels(&ticks, &line.unit)) {
            self.path(&[(MARGIN, y(*tick)), (self.right(), y(*tick))], self.palette.grid, 1.0)?;
            self.letters(
                &label,
                (self.right() + 6.0, y(*tick)),
                11.0,
                self.palette.quiet,
                HPos::Left,
            )?;
        }
        for tick in self.time_ticks() {
            self.path(&[(self.x(tick), upper), (self.x(tick), lower)], self.palette.grid, 1.0)?;
        }
        let points: Vec<(f64, Option<f64>)> = line.times_ms.iter().copied().zip(line.values.iter().copied()).collect();
        for run in points.split(|point| point.1.is_none()) {
            let run: Vec<(f64, f64)> = run
                .iter()
                .filter(|point| point.0 >= self.chart.from_ms && point.0 <= self.chart.to_ms)
                .filter_map(|point| Some((self.x(point.0), y(point.1?))))
                .collect();
            match run[..] {
                [] => {}
                [at] => self.dot(at, colour)?,
                _ => self.path(&run, colour, 1.5)?,
            }
        }
        Ok(())
    }

    /// Lowest and highest value in sight.
    fn extremes(&self, line: &Series) -> Option<(f64, f64)> {
        let times = line.times_ms.iter().zip(&line.values);
        let seen = times.filter(|(time, _)| (self.chart.from_ms..=self.chart.to_ms).contains(*time));
        let values: Vec<f64> = seen.filter_map(|(_, value)| *value).collect();
        let low = values.iter().copied().reduce(f64::min)?;
        Some((low, values.into_iter().reduce(f64::max)?))
    }

    fn right(&self) -> f64 {
        f64::from(WIDTH) - GUTTER
    }

    fn x(&self, time_ms: f64) -> f64 {
        let share = (time_ms - self.chart.from_ms) / (self.chart.to_ms - self.chart.from_ms).max(1.0);
        MARGIN + share * (self.right() - MARGIN)
    }

    fn offset_ms(&self) -> f64 {
        f64::from(self.chart.utc_offset_min.unwrap_or(0)) * 60_000.0
    }

    fn time_ticks(&self) -> Vec<f64> {
        let (from, to) = (self.chart.from_ms, self.chart.to_ms);
        time_ticks(from, to, self.right() - MARGIN, self.offset_ms())
    }

    fn clock(&self, time_ms: f64) -> String {
        let format = format_description!("[hour]:[minute]:[second]");
        OffsetDateTime::from_unix_timestamp(((time_ms + self.offset_ms()) / 1000.0).floor() as i64)
            .ok()
            .and_then(|time| time.format(format).ok())
            .unwrap_or_default()
    }

    fn letters(&self, words: &str, at: (f64, f64), size: f64, colour: RGBColor, side: HPos) -> Result<(), ChartError> {
        let style = text(size * FONT_SIZE * f64::from(FINE), colour).pos(Pos::new(side, VPos::Center));
        self.area
            .draw(&Text::new(words.to_owned(), fine(at), style))
            .map_err(failed)
    }

    fn bar(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor) -> Result<(), ChartError> {
        let bar = Rectangle::new([fine(from), fine(to)], colour.filled());
        self.area.draw(&bar).map_err(failed)
    }

    fn dot(&self, at: (f64, f64), colour: RGBColor) -> Result<(), ChartError> {
        let dot = Circle::new(fine(at), (1.6 * f64::from(FINE)) as i32, colour.filled());
        self.area.draw(&dot).map_err(failed)
    }

    fn path(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) -> Result<(), ChartError> {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        let stroke = colour.stroke_width((width * f64::from(FINE)) as u32);
        self.area.draw(&PathElement::new(points, stroke)).map_err(failed)
    }
}

fn fine((x, y): (f64, f64)) -> (i32, i32) {
    let whole = |value: f64| (value * f64::from(FINE)).round() as i32;
    (whole(x), whole(y))
}

/// The indices of the lines' colours in the palette: the requested one, or a quantity's own, or for an app the next one
/// in the order of first lines (as in ui/src/lib/signals/colours.ts).
fn colours(series: &[Series], asked: &HashMap<String, u8>) -> Vec<usize> {
    const FREE: [u8; 8] = [4, 7, 8, 5, 6, 3, 2, 1];
    let mut apps: Vec<&str> = Vec::new();
    let mut found = Vec::with_capacity(series.len());
    for line in series {
        let app = line.id.split(':').nth(1).map(|app| {
            apps.iter().position(|known| *known == app).unwrap_or_else(|| {
                apps.push(app);
                apps.len() - 1
            })
        });
        let own = match (line.id.as_str(), app) {
            (_, Some(app)) => FREE[app % FREE.len()],
            ("heap", _) => 2,
            ("stack", _) => 3,
            ("temperature", _) => 5,
            ("link_retries", _) => 6,
            _ => 1,
        };
        let colour = asked.get(&line.id).copied().filter(|colour| (1..=8).contains(colour));
        found.push(usize::from(colour.unwrap_or(own)) - 1);
    }
    found
}
