//! Boards on cables: the link over a pseudo-terminal, flash over a virtual probe, blank boards until their first app runs,
//! many at once, and what a connected board costs while it is idle.
//!
//! Prints one JSON object a line for `./x bench`; `--quick` moves less data and takes fewer boards.

#[cfg(unix)]
mod boards;
#[cfg(unix)]
mod link;
#[cfg(unix)]
mod probe;

use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[cfg(unix)]
#[tokio::main]
async fn main() -> Outcome<()> {
    let quick = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--quick") => true,
        Some(other) => return Err(format!("unknown argument {other}").into()),
    };
    link::measure(quick).await?;
    tokio::task::spawn_blocking(move || probe::measure(quick).map_err(|error| error.to_string())).await??;
    boards::measure(quick).await
}

#[cfg(not(unix))]
fn main() {
    println!(r#"{{"what": "boards on cables", "skipped": "only where there are pseudo-terminals"}}"#);
}

/// Prints a row.
fn tell(what: &str, value: f64, unit: &str, goal: Option<&str>, note: &str) {
    let mut line = serde_json::json!({ "what": what, "value": value, "unit": unit, "note": note });
    if let Some(goal) = goal {
        line["goal"] = goal.into();
    }
    println!("{line}");
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
