//! Charts of series as SVG, PNG or CSV: the one renderer behind the CLI's `--plot` and the window's Export. A chart looks
//! like the plots of the window: same ranges, ticks, units, colours and gaps.

mod panel;
mod scale;

use drydock_api::{ChartFormat, Series};
use plotters::{
    prelude::*,
    style::{FontFamily, FontStyle, register_font},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Once,
};
use time::{OffsetDateTime, macros::format_description};

/// Width of a chart in pixels.
const WIDTH: u32 = 960;
/// The drawing is this many times larger, because coordinates are whole numbers and letters would be spaced unevenly.
const FINE: u32 = 4;
/// Pixels of a PNG for each pixel of the chart, for high-resolution screens.
const PNG_SCALE: u32 = 2;
/// Registered under this name, so that the SVG names a fallback for machines without the font.
const FONT: &str = "Inter, sans-serif";

/// Why a chart could not be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChartError {
    /// There is nothing to draw.
    #[error("there are no metrics to draw yet")]
    Empty,
    /// The renderer failed.
    #[error("the chart could not be drawn: {0}")]
    Draw(String),
}

/// A chart: its series, and how they are drawn.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) series: Vec<Series>,
    /// Span of the time axis, in milliseconds since the Unix epoch.
    pub(crate) from_ms: f64,
    pub(crate) to_ms: f64,
    /// Numbers of colours, from 1, by id of the series. A series without an entry gets the window's default.
    pub(crate) colours: HashMap<String, u8>,
    /// Offset of the displayed clock from UTC, in minutes; `None` displays UTC and says so.
    pub(crate) utc_offset_min: Option<i16>,
    pub(crate) dark: bool,
}

/// Draws each series as a panel; all panels share one time axis.
///
/// # Errors
/// [`ChartError`].
pub(crate) fn draw(mut chart: Chart, format: ChartFormat) -> Result<Vec<u8>, ChartError> {
    chart.series.retain(|line| line.values.iter().any(Option::is_some));
    if chart.series.is_empty() {
        return Err(ChartError::Empty);
    }
    if format == ChartFormat::Csv {
        return Ok(table(&chart.series).into_bytes());
    }
    load_font();
    let height = panel::height(chart.series.len());
    let (wide, high) = (WIDTH * FINE, height * FINE);
    if format == ChartFormat::Svg {
        let mut text = String::new();
        panel::draw(SVGBackend::with_string(&mut text, (wide, high)), &chart)?;
        // The drawing keeps its fine coordinates and is shown at its size.
        let size = format!("width=\"{wide}\" height=\"{high}\"");
        let shown = format!("width=\"{WIDTH}\" height=\"{height}\"");
        return Ok(text.replacen(&size, &shown, 1).into_bytes());
    }
    let mut pixels = vec![0; (wide * high * 3) as usize];
    panel::draw(BitMapBackend::with_buffer(&mut pixels, (wide, high)), &chart)?;
    let (wide, high) = (WIDTH * PNG_SCALE, height * PNG_SCALE);
    png(&smaller(&pixels, wide, high, FINE / PNG_SCALE), wide, high)
}

/// Scales an RGB picture down: the source is `by` times as wide and high as this size.
fn smaller(pixels: &[u8], width: u32, height: u32, by: u32) -> Vec<u8> {
    let (width, height, by) = (width as usize, height as usize, by as usize);
    let mut out = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let at = |dx: usize, dy: usize| (((y * by + dy) * width * by) + x * by + dx) * 3 + channel;
                let sum: usize = (0..by * by)
                    .map(|part| usize::from(pixels[at(part % by, part / by)]))
                    .sum();
                out.push((sum / (by * by)) as u8);
            }
        }
    }
    out
}

/// The numbers: a line for each instant, in milliseconds since the Unix epoch and as ISO 8601 text in UTC, and a column
/// for each series; a gap is empty.
fn table(series: &[Series]) -> String {
    let mut rows: BTreeMap<u64, Vec<Option<f64>>> = BTreeMap::new();
    for (column, line) in series.iter().enumerate() {
        for (time, value) in line.times_ms.iter().zip(&line.values) {
            rows.entry(*time as u64).or_insert_with(|| vec![None; series.len()])[column] = *value;
        }
    }
    let heads = series.iter().map(|line| match line.unit.as_str() {
        "" => line.title.clone(),
        unit => format!("{} ({unit})", line.title),
    });
    let mut out = String::from("time_ms,time");
    for head in heads {
        out.push_str(&format!(",\"{}\"", head.replace('"', "\"\"")));
    }
    for (time, values) in rows {
        out.push_str(&format!("\n{time},{}", iso(time)));
        for value in values {
            out.push(',');
            out.push_str(&value.map_or_else(String::new, |value| value.to_string()));
        }
    }
    out.push('\n');
    out
}

/// `2023-11-14T22:13:20.000Z`.
pub(crate) fn iso(time_ms: u64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

/// Colours of a drawing: those of `ui/src/lib/theme.css`.
pub(crate) struct Palette {
    pub(crate) ground: RGBColor,
    pub(crate) ink: RGBColor,
    /// Of letters that matter less.
    quiet: RGBColor,
    grid: RGBColor,
    gap: RGBColor,
    lines: [RGBColor; 8],
}

const fn rgb(hex: u32) -> RGBColor {
    RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

pub(crate) const LIGHT: Palette = Palette {
    ground: rgb(0xff_ff_ff),
    ink: rgb(0x1b_22_2b),
    quiet: rgb(0x51_5d_6b),
    grid: rgb(0xea_ee_f2),
    gap: rgb(0xe6_ea_ee),
    lines: [
        rgb(0x0b_62_c9),
        rgb(0x70_42_c9),
        rgb(0x8a_5d_00),
        rgb(0x0b_7a_4b),
        rgb(0xb8_34_62),
        rgb(0x08_72_7f),
        rgb(0x5b_6d_12),
        rgb(0xb0_48_0f),
    ],
};

pub(crate) const DARK: Palette = Palette {
    ground: rgb(0x15_1a_21),
    ink: rgb(0xe6_eb_f2),
    quiet: rgb(0x9a_a5_b4),
    grid: rgb(0x1f_26_30),
    gap: rgb(0x25_2b_35),
    lines: [
        rgb(0x5a_a9_ff),
        rgb(0xb5_8c_f5),
        rgb(0xe0_a3_3e),
        rgb(0x3e_cf_8e),
        rgb(0xf0_83_9f),
        rgb(0x4c_c9_d6),
        rgb(0xa8_c9_57),
        rgb(0xf2_92_5a),
    ],
};

/// Text of a size in pixels, in a drawing that is `fine` times as large.
pub(crate) fn text(size: f64, color: RGBColor) -> TextStyle<'static> {
    let mut style = TextStyle::from((FontFamily::Name(FONT), size).into_font());
    style.color = color.to_backend_color();
    style
}

pub(crate) fn load_font() {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| {
        let font = include_bytes!("../../fonts/Inter-Regular-latin.otf");
        if register_font(FONT, FontStyle::Normal, font).is_err() {
            tracing::error!("the bundled font is damaged");
        }
    });
}

pub(crate) fn png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ChartError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

pub(crate) fn failed(error: impl std::fmt::Display) -> ChartError {
    ChartError::Draw(error.to_string())
}

#[cfg(test)]
mod tests;
