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

/// Points of each series that are asked for: more than a chart has pixels would not be seen.
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
            "{} sent no metrics in the last {} s; see whether it is connected.",
            arguments.board,
            arguments.window.as_secs_f64()
        ));
        return Ok(Exit::Success);
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    output.table(&["series", "now", "least", "mean", "most", "of", "unit"], &rows);
    Ok(Exit::Success)
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
            Some(Update::BoardRemoved { board: gone, .. }) if gone == board.id => return Ok(Exit::Success),
            Some(_) => {}
            None => return Err(Failure::machine("The running Drydock has ended.")),
        }
    }
}
