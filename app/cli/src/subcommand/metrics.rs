//! `drydock metrics`: a board's numbers, or a chart of them.

use super::cancelled;
use crate::{
    arguments::Metrics,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{BoardRef, ChartFormat, MetricsExport, MetricsQuery, Series, Update};
use std::{collections::HashMap, path::Path};

/// Requested points of each series: more points than a chart has pixels would not be visible.
const POINTS: u32 = 2000;

pub(crate) async fn metrics(data: Option<&Path>, arguments: &Metrics, output: &Output) -> Result<Exit, Failure> {
    let format = arguments.plot.as_deref().map(format).transpose()?;
    let boards = if arguments.follow {
        Boards::Start
    } else {
        Boards::LeaveOff
    };
    let connection = Connection::open(data, boards, output).await?;
    let outcome = match (&arguments.plot, format) {
        (Some(file), Some(format)) => plot(&connection, arguments, file, format, output).await,
        _ if arguments.follow => tokio::select! {
            outcome = follow(&connection, arguments, output) => outcome,
            () = cancelled() => Ok(Exit::Success),
        },
        _ => show(&connection, arguments, output).await,
    };
    connection.close().await;
    outcome.map_err(|failure| failure.about(&arguments.board))
}

fn query(arguments: &Metrics) -> MetricsQuery {
    MetricsQuery {
        board: arguments.board.clone(),
        series: arguments.series.clone(),
        window_s: arguments.window.as_secs_f64(),
        max_points: POINTS,
    }
}

async fn show(connection: &Connection, arguments: &Metrics, output: &Output) -> Result<Exit, Failure> {
    let all = ask!(connection, MetricsQuery(query(arguments)))?;
    for series in &all {
        output.object("metrics.series", series);
    }
    if all.is_empty() {
        output.say(format!(
            "{} has sent no metrics within the last {} s of this run of Drydock. History begins with each run; see whether \
             the board is connected.",
            arguments.board,
            arguments.window.as_secs_f64()
        ));
        return Ok(Exit::Success);
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    if let Some(sentence) = shorter_than_asked(&all, arguments.window.as_secs_f64()) {
        output.say(sentence);
    }
    output.table(&["series", "now", "least", "mean", "most", "of", "unit"], &rows);
    Ok(Exit::Success)
}

/// Share of the window that may be missing before a notice is printed.
const MISSING_SHARE: f64 = 0.1;

/// A notice if the measurements do not reach back as far as requested: history begins with each run.
fn shorter_than_asked(all: &[Series], window_s: f64) -> Option<String> {
    let times = || all.iter().flat_map(|series| series.times_ms.iter().copied());
    let first = times().reduce(f64::min)?;
    let last = times().reduce(f64::max)?;
    let span_s = (last - first) / 1000.0;
    (span_s < window_s * (1.0 - MISSING_SHARE)).then(|| {
        format!("These measurements span {span_s:.0} s of the {window_s:.0} s asked for: history begins with each run of Drydock.")
    })
}

fn row(series: &Series) -> Vec<(Ink, String)> {
    let values: Vec<f64> = series.values.iter().flatten().copied().collect();
    let number = |value: Option<f64>| {
        let text = match value {
            Some(value) if value.fract() == 0.0 || value.abs() >= 1000.0 => format!("{value:.0}"),
            Some(value) => format!("{value:.2}"),
            None => String::new(),
        };
        (Ink::Plain, format!("{text:>10}"))
    };
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    vec![
        (Ink::Bold, series.id.clone()),
        number(values.last().copied()),
        number(values.iter().copied().reduce(f64::min)),
        number(Some(mean)),
        number(values.iter().copied().reduce(f64::max)),
        number(series.max),
        (Ink::Dim, series.unit.clone()),
    ]
}

async fn plot(
    connection: &Connection,
    arguments: &Metrics,
    file: &Path,
    format: ChartFormat,
    output: &Output,
) -> Result<Exit, Failure> {
    let unusable =
        |error: std::io::Error| Failure::new(Exit::Usage, format!("{} cannot be written: {error}.", file.display()));
    let path = std::path::absolute(file).map_err(unusable)?;
    let export = MetricsExport {
        query: query(arguments),
        format,
        dark: arguments.dark,
        path: Some(path.to_string_lossy().into_owned()),
        until_ms: None,
        colours: HashMap::new(),
        utc_offset_min: None,
    };
    let exported = ask!(connection, MetricsExport(export))?;
    output.object("metrics.plotted", &exported);
    output.say(format!("{} was drawn.", file.display()));
    Ok(Exit::Success)
}

fn format(file: &Path) -> Result<ChartFormat, Failure> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(ChartFormat::Svg),
        Some("png") => Ok(ChartFormat::Png),
        _ => {
            let text = format!(
                "{} does not say what to draw; end its name with .svg or .png.",
                file.display()
            );
            Err(Failure::new(Exit::Usage, text))
        }
    }
}

async fn follow(connection: &Connection, arguments: &Metrics, output: &Output) -> Result<Exit, Failure> {
    let mut updates = connection.subscribe().await?;
    let board = ask!(
        connection,
        BoardGet(BoardRef {
            board: arguments.board.clone()
        })
    )?;
    loop {
        match updates.next().await {
            Some(Update::Metrics { board: of, samples }) if of == board.id => {
                for sample in &samples {
                    output.metrics(&board.name, sample);
                }
            }
            Some(Update::AppSamples { board: of, series }) if of == board.id => {
                output.app_samples(&board.name, &series);
            }
            Some(Update::BoardRemoved { board: gone, .. }) if gone == board.id => return Ok(Exit::Success),
            Some(_) => {}
            None => return Err(Failure::machine("The running Drydock has ended.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_that_begin_with_this_run_say_so() {
        let series = |times_ms: &[f64]| Series {
            id: "cpu".into(),
            title: "CPU busy".into(),
            unit: "%".into(),
            max: None,
            times_ms: times_ms.into(),
            values: vec![Some(1.0); times_ms.len()],
        };
        let said = shorter_than_asked(&[series(&[1_000.0, 61_000.0])], 3600.0).unwrap();
        assert!(
            said.contains("60 s of the 3600 s") && said.contains("begins with each run"),
            "{said}"
        );
        assert_eq!(shorter_than_asked(&[series(&[0.0, 59_000.0])], 60.0), None);
        assert_eq!(shorter_than_asked(&[], 60.0), None);
    }
}
