//! Charts of series as SVG, PNG or CSV: the one renderer behind the CLI's `--plot` and the window's Export.

use crate::api::{ChartFormat, Series};
use plotters::{
    coord::Shift,
    prelude::*,
    style::{FontFamily, FontStyle, register_font},
};
use std::{collections::BTreeMap, sync::Once};
use time::{OffsetDateTime, macros::format_description};

/// Width of a chart in pixels.
const WIDTH: u32 = 960;
/// Height of the title in pixels.
const TITLE_HEIGHT: u32 = 44;
/// Height of one panel in pixels.
const PANEL_HEIGHT: u32 = 150;
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

/// Draws each series as a panel; all panels share one time axis.
///
/// # Errors
/// [`ChartError`].
pub(crate) fn draw(title: &str, series: &[Series], format: ChartFormat, dark: bool) -> Result<Vec<u8>, ChartError> {
    let drawn: Vec<&Series> = series
        .iter()
        .filter(|line| line.values.iter().any(Option::is_some))
        .collect();
    if drawn.is_empty() {
        return Err(ChartError::Empty);
    }
    load_font();
    let height = TITLE_HEIGHT + PANEL_HEIGHT * u32::try_from(drawn.len()).unwrap_or(1);
    match format {
        ChartFormat::Svg => {
            let mut text = String::new();
            panels(SVGBackend::with_string(&mut text, (WIDTH, height)), title, &drawn, dark)?;
            Ok(text.into_bytes())
        }
        ChartFormat::Csv => Ok(table(&drawn).into_bytes()),
        ChartFormat::Png => {
            let mut pixels = vec![0; (WIDTH * height * 3) as usize];
            panels(
                BitMapBackend::with_buffer(&mut pixels, (WIDTH, height)),
                title,
                &drawn,
                dark,
            )?;
            png(&pixels, WIDTH, height)
        }
    }
}

/// The numbers: a line for each instant, in milliseconds since the Unix epoch, a column for each series; a gap is empty.
fn table(series: &[&Series]) -> String {
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
    let mut out = String::from("time_ms");
    for head in heads {
        out.push_str(&format!(",\"{}\"", head.replace('"', "\"\"")));
    }
    for (time, values) in rows {
        out.push_str(&format!("\n{time}"));
        for value in values {
            out.push(',');
            out.push_str(&value.map_or_else(String::new, |value| value.to_string()));
        }
    }
    out.push('\n');
    out
}

pub(crate) struct Palette {
    pub(crate) ground: RGBColor,
    pub(crate) ink: RGBColor,
    faint: RGBColor,
    line: RGBColor,
}

pub(crate) const LIGHT: Palette = Palette {
    ground: RGBColor(255, 255, 255),
    ink: RGBColor(28, 32, 38),
    faint: RGBColor(222, 226, 231),
    line: RGBColor(27, 110, 194),
};

pub(crate) const DARK: Palette = Palette {
    ground: RGBColor(20, 22, 26),
    ink: RGBColor(225, 228, 233),
    faint: RGBColor(50, 55, 63),
    line: RGBColor(96, 172, 255),
};

fn panels<B: DrawingBackend>(backend: B, title: &str, series: &[&Series], dark: bool) -> Result<(), ChartError> {
    let palette = if dark { DARK } else { LIGHT };
    let root = backend.into_drawing_area();
    root.fill(&palette.ground).map_err(failed)?;
    let (head, body) = root.split_vertically(TITLE_HEIGHT);
    let title_style = text(17.0, palette.ink);
    head.draw(&Text::new(title.to_owned(), (16, 14), title_style))
        .map_err(failed)?;

    let times = || series.iter().flat_map(|line| line.times_ms.iter().copied());
    let first = times().fold(f64::INFINITY, f64::min);
    let last = times().fold(f64::NEG_INFINITY, f64::max).max(first + 1000.0);
    for (area, line) in body.split_evenly((series.len(), 1)).iter().zip(series) {
        panel(area, line, first..last, &palette)?;
    }
    root.present().map_err(failed)
}

fn panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    line: &Series,
    times: std::ops::Range<f64>,
    palette: &Palette,
) -> Result<(), ChartError> {
    let (low, high) = scale(line);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(24)
        .caption(&line.title, text(13.0, palette.ink))
        .x_label_area_size(22)
        .y_label_area_size(72)
        .build_cartesian_2d(times, low..high)
        .map_err(failed)?;
    let labels = text(11.0, palette.ink);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(palette.faint)
        .axis_style(palette.faint)
        .x_labels(8)
        .y_labels(4)
        .x_label_formatter(&|ms| clock(*ms))
        .y_label_formatter(&|value| quantity(*value, &line.unit))
        .label_style(labels)
        .draw()
        .map_err(failed)?;

    let points: Vec<(f64, Option<f64>)> = line.times_ms.iter().copied().zip(line.values.iter().copied()).collect();
    for run in points.split(|point| point.1.is_none()) {
        let run: Vec<(f64, f64)> = run.iter().filter_map(|point| Some((point.0, point.1?))).collect();
        if let [(time, value)] = run[..] {
            let dot = Circle::new((time, value), 2, palette.line.filled());
            chart.draw_series([dot]).map_err(failed)?;
        } else {
            let stroke = palette.line.stroke_width(2);
            chart.draw_series(LineSeries::new(run, stroke)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Bottom and top of the scale: from zero to the quantity's own top if it has one that the values come near to.
fn scale(line: &Series) -> (f64, f64) {
    let values = || line.values.iter().flatten().copied();
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    if let Some(max) = line.max.filter(|max| high > max * 0.2) {
        return (low.min(0.0), max.max(high));
    }
    let from_zero = line.unit == "B" || line.unit == "%" || line.unit == "/s" || (low >= 0.0 && low < high * 0.5);
    let bottom = if from_zero { low.min(0.0) } else { low };
    let room = ((high - bottom) * 0.1).max(high.abs() * 0.01).max(1e-9);
    (if from_zero { bottom } else { bottom - room }, high + room)
}

fn clock(ms: f64) -> String {
    let format = format_description!("[hour]:[minute]:[second]");
    OffsetDateTime::from_unix_timestamp((ms / 1000.0) as i64)
        .ok()
        .and_then(|time| time.format(format).ok())
        .map_or_else(String::new, |text| text + "Z")
}

/// A value with its unit, short.
fn quantity(value: f64, unit: &str) -> String {
    let magnitude = value.abs();
    let number = match magnitude {
        _ if unit == "B" && magnitude >= 1024.0 => return format!("{:.0} KiB", value / 1024.0),
        m if m >= 1e6 => format!("{:.1} M", value / 1e6),
        m if m >= 1e4 => format!("{:.0} k", value / 1e3),
        m if m >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    };
    format!("{number} {unit}").trim_end().to_owned()
}

pub(crate) fn text(size: f64, color: RGBColor) -> TextStyle<'static> {
    let mut style = TextStyle::from((FontFamily::Name(FONT), size).into_font());
    style.color = color.to_backend_color();
    style
}

pub(crate) fn load_font() {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| {
        let font = include_bytes!("../fonts/Inter-Regular-latin.otf");
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
mod tests {
    use super::*;

    fn lines() -> Vec<Series> {
        let times: Vec<f64> = (0..60).map(|second| 1.7e12 + f64::from(second) * 1000.0).collect();
        let values = |f: fn(f64) -> f64| (0..60).map(|i| (i != 30).then(|| f(f64::from(i)))).collect();
        vec![
            Series {
                id: "cpu".into(),
                title: "CPU busy".into(),
                unit: "%".into(),
                max: Some(100.0),
                times_ms: times.clone(),
                values: values(|t| 40.0 + 20.0 * (t / 5.0).sin()),
            },
            Series {
                id: "temperature".into(),
                title: "Chip temperature".into(),
                unit: "°C".into(),
                max: None,
                times_ms: times,
                values: values(|t| 23.0 + t / 100.0),
            },
        ]
    }

    #[test]
    fn an_svg_names_the_series_and_breaks_at_gaps() {
        let svg = String::from_utf8(draw("bench-1", &lines(), ChartFormat::Svg, false).unwrap()).unwrap();
        assert!(svg.contains("bench-1") && svg.contains("CPU busy") && svg.contains("Chip temperature"));
        let strokes = svg.matches("stroke=\"#1B6EC2\"").count();
        assert_eq!(strokes, 4, "two series of two runs each");
    }

    #[test]
    fn a_png_is_drawn_with_the_bundled_font() {
        let bytes = draw("bench-1", &lines(), ChartFormat::Png, true).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (WIDTH, TITLE_HEIGHT + 2 * PANEL_HEIGHT));
        let title_row = &pixels[..(WIDTH * TITLE_HEIGHT * 3) as usize];
        assert!(title_row.chunks(3).any(|pixel| pixel[0] > 180), "the title has ink");
        if let Ok(path) = std::env::var("DRYDOCK_TEST_CHART") {
            std::fs::write(path, bytes).unwrap();
        }
    }

    #[test]
    fn a_csv_has_a_column_for_each_series_and_leaves_gaps_empty() {
        let csv = String::from_utf8(draw("bench-1", &lines(), ChartFormat::Csv, false).unwrap()).unwrap();
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!(rows[0], "time_ms,\"CPU busy (%)\",\"Chip temperature (°C)\"");
        assert_eq!(rows[1], "1700000000000,40,23");
        assert_eq!(rows[31], "1700000030000,,");
        assert_eq!(rows.len(), 61);
    }

    #[test]
    fn nothing_to_draw_is_said() {
        assert!(matches!(
            draw("x", &[], ChartFormat::Svg, false),
            Err(ChartError::Empty)
        ));
    }
}
