//! Metrics of a board for plots and files.

use crate::{
    api::{ApiError, ErrorCode, Exported, MetricsExport, MetricsQuery, Series},
    app_series,
    charts::{self, Chart, ChartError},
    clock::now_ms,
    errors::with_sources,
    exported::exported,
    fleet, series,
    state::WorkbenchState,
};

/// The series of a window of time that ends now.
pub(crate) fn query(workbench: &WorkbenchState, query: &MetricsQuery) -> Result<Vec<Series>, ApiError> {
    let board = workbench.board(&query.board)?;
    let window_ms = (query.window_s.max(0.0) * 1000.0) as u64;
    let from_ms = now_ms().saturating_sub(window_ms);
    let max_points = query.max_points.max(3);
    let samples = fleet::metrics_since(&board, &workbench.gateway, from_ms);
    let mut all = series::series(&samples, &query.series, max_points);
    let device = board.state().record.device.clone();
    let published = workbench.gateway.app_samples(&device, 0).items;
    app_series::refine(&mut all, &published, &query.series, from_ms, max_points);
    Ok(all)
}

/// Draws a chart of a window of time.
pub(crate) async fn export(workbench: &WorkbenchState, export: MetricsExport) -> Result<Exported, ApiError> {
    let board = workbench.board(&export.query.board)?;
    let name = board.name();
    let now = now_ms() as f64;
    let to_ms = export
        .until_ms
        .filter(|until| *until > 0.0)
        .map_or(now, |until| until.min(now));
    let from_ms = to_ms - export.query.window_s.max(1.0) * 1000.0;
    let mut shown = export.query;
    shown.window_s = (now - from_ms) / 1000.0;
    let mut series = query(workbench, &shown)?;
    series.iter_mut().for_each(|line| series::cut(line, to_ms));
    let chart = Chart {
        title: format!("{name}, {}", board.description().title),
        series,
        from_ms,
        to_ms,
        colours: export.colours,
        utc_offset_min: export.utc_offset_min,
        dark: export.dark,
    };
    let drawn = tokio::task::spawn_blocking(move || charts::draw(chart, export.format)).await;
    let chart = drawn
        .map_err(|error| ApiError::internal(format!("The chart could not be drawn: {error}.")))?
        .map_err(|error| match error {
            ChartError::Empty => {
                let text = format!("{name} has sent no metrics in this time. History begins with each run of Drydock; see whether the board is connected.");
                ApiError::new(ErrorCode::NotFound, text)
            }
            ChartError::Draw(_) => with_sources(ErrorCode::Internal, &error),
        })?;
    exported(chart, export.path).await
}
