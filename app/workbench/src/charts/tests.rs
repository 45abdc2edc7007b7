//! The content of a chart's file.

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
            id: "heap".into(),
            title: "Heap in use".into(),
            unit: "B".into(),
            max: Some(131_072.0),
            times_ms: times.clone(),
            values: values(|t| 71_000.0 + t),
        },
        Series {
            id: "fuel:blink".into(),
            title: "Fuel of blink".into(),
            unit: "/s".into(),
            max: None,
            times_ms: times,
            values: values(|t| 1.9e6 + t),
        },
    ]
}

fn chart(series: Vec<Series>) -> Chart {
    Chart {
        title: "bench-1".into(),
        series,
        from_ms: 1.7e12,
        to_ms: 1.7e12 + 60_000.0,
        colours: HashMap::new(),
        utc_offset_min: None,
        dark: false,
    }
}

fn svg(chart: Chart) -> String {
    String::from_utf8(draw(chart, ChartFormat::Svg).unwrap()).unwrap()
}

/// Lines of a colour that are drawn through more than two points.
fn strokes(svg: &str, colour: RGBColor) -> usize {
    let colour = format!("stroke=\"#{:02X}{:02X}{:02X}\"", colour.0, colour.1, colour.2);
    svg.matches("<polyline").count().min(svg.matches(&colour).count())
}

#[test]
fn an_svg_names_the_series_and_breaks_at_gaps() {
    let svg = svg(chart(lines()));
    assert!(svg.contains("bench-1") && svg.contains("CPU busy") && svg.contains("Heap in use"));
    for colour in [0, 1, 3] {
        assert_eq!(
            strokes(&svg, LIGHT.lines[colour]),
            2,
            "two runs of each series, in its own colour"
        );
    }
}

#[test]
fn a_chart_writes_values_and_scales_as_the_window_does() {
    let svg = svg(chart(lines())).replace('\u{a0}', " ");
    for text in ["69.4 KiB of 128 KiB", "128 KiB", "64 KiB", "80 %", "1.25 M/s", "UTC"] {
        assert!(svg.contains(text), "{text} is not in the drawing");
    }
}

#[test]
fn the_time_since_the_last_sample_is_in_the_chart_and_is_a_gap() {
    let gap = |svg: &str| {
        let colour = format!("fill=\"#{:02X}{:02X}{:02X}\"", LIGHT.gap.0, LIGHT.gap.1, LIGHT.gap.2);
        svg.matches(&colour).count()
    };
    let now = svg(chart(lines()));
    let later = svg(Chart {
        to_ms: 1.7e12 + 90_000.0,
        ..chart(lines())
    });
    assert_eq!((gap(&now), gap(&later)), (3, 6));
    let values = |svg: &str| svg.lines().filter(|line| line.trim().starts_with('–')).count();
    assert_eq!((values(&now), values(&later)), (0, 3), "no value stands for now");
}

#[test]
fn colours_are_those_that_the_window_gave() {
    let colours = [("fuel:blink".to_owned(), 8), ("cpu".to_owned(), 99)]
        .into_iter()
        .collect();
    let svg = svg(Chart {
        colours,
        ..chart(lines())
    });
    assert_eq!(strokes(&svg, LIGHT.lines[7]), 2);
    assert_eq!(
        strokes(&svg, LIGHT.lines[0]),
        2,
        "a number that is no colour is passed over"
    );
}

#[test]
fn palettes_are_those_of_the_windows_theme() {
    let css = include_str!("../../../../ui/src/lib/theme.css");
    let (_, themes) = css.split_once("[data-theme='dark']").unwrap();
    let (dark, light) = themes.split_once("[data-theme='light']").unwrap();
    for (theme, palette) in [(dark, DARK), (light, LIGHT)] {
        let value = |name: &str| {
            let (_, rest) = theme.split_once(&format!("  {name}: #")).unwrap();
            rgb(u32::from_str_radix(&rest[..6], 16).unwrap())
        };
        for (number, line) in (1..).zip(palette.lines) {
            assert_eq!(value(&format!("--plot-{number}")), line);
        }
        let pairs = [
            ("--surface", palette.ground),
            ("--text", palette.ink),
            ("--text-2", palette.quiet),
            ("--grid", palette.grid),
            ("--gap", palette.gap),
        ];
        for (name, colour) in pairs {
            assert_eq!(value(name), colour, "{name}");
        }
    }
}

#[test]
fn a_png_is_drawn_with_the_bundled_font() {
    let bytes = draw(
        Chart {
            dark: true,
            ..chart(lines())
        },
        ChartFormat::Png,
    )
    .unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(
        (info.width, info.height),
        (WIDTH * PNG_SCALE, panel::height(3) * PNG_SCALE)
    );
    let title_row = &pixels[..(info.width * 40 * PNG_SCALE * 3) as usize];
    assert!(title_row.chunks(3).any(|pixel| pixel[0] > 180), "the title has ink");
    if let Ok(path) = std::env::var("DRYDOCK_TEST_CHART") {
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_csv_has_a_column_for_each_series_and_leaves_gaps_empty() {
    let csv = String::from_utf8(draw(chart(lines()), ChartFormat::Csv).unwrap()).unwrap();
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(
        rows[0],
        "time_ms,time,\"CPU busy (%)\",\"Heap in use (B)\",\"Fuel of blink (/s)\""
    );
    assert_eq!(rows[1], "1700000000000,2023-11-14T22:13:20.000Z,40,71000,1900000");
    assert_eq!(rows[31], "1700000030000,2023-11-14T22:13:50.000Z,,,");
    assert_eq!(rows.len(), 61);
}

#[test]
fn nothing_to_draw_is_said() {
    assert!(matches!(
        draw(chart(Vec::new()), ChartFormat::Svg),
        Err(ChartError::Empty)
    ));
}
