//! A recording's file, as `drydock replay` and `drydock export` open it: its lanes and its range.

use crate::{
    arguments::Part,
    exit::{Exit, Failure},
};
use drydock_scope_model::{Lane, LaneId, Recording, TimeRange};
use std::{path::Path, time::Duration};

/// Opens a recording, which may still be written to.
pub(super) fn open(file: &Path) -> Result<Recording, Failure> {
    Recording::open(file).map_err(|error| {
        Failure::new(
            Exit::Refused,
            format!("{} cannot be read as a recording: {}.", file.display(), causes(&error)),
        )
    })
}

/// An error with what caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The lanes that the user named, in the recording's order.
pub(super) fn lanes(recording: &Recording, part: &Part, file: &Path) -> Result<Vec<LaneId>, Failure> {
    let wanted = &part.lanes;
    for pattern in wanted {
        if !recording.lanes().any(|(_, lane)| matches(lane, pattern)) {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "{} has no lane {pattern}; `drydock replay {} --info` lists its lanes.",
                    file.display(),
                    file.display()
                ),
            ));
        }
    }
    let is_wanted = |lane: &Lane| wanted.is_empty() || wanted.iter().any(|pattern| matches(lane, pattern));
    Ok(recording
        .lanes()
        .filter(|(_, lane)| is_wanted(lane))
        .map(|(id, _)| id)
        .collect())
}

/// Whether a lane has this name, with its board or without. `*` stands for anything.
fn matches(lane: &Lane, pattern: &str) -> bool {
    let short = lane.name.split_once('/').map_or(lane.name.as_str(), |(_, short)| short);
    is_like(&lane.name, pattern) || is_like(short, pattern)
}

fn is_like(name: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    // Without a star, nothing may follow.
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The part of the recording that the user named.
pub(super) fn range(recording: &Recording, part: &Part) -> Result<TimeRange, Failure> {
    let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let from_ns = part.from.map_or(0, ns);
    let until_ns = part.until.map_or(u64::MAX, ns);
    if from_ns >= until_ns {
        return Err(Failure::new(Exit::Usage, "`--from` must be before `--until`."));
    }
    if from_ns > recording.recorded_until_ns() {
        let length = recording.recorded_until_ns() as f64 / 1e9;
        return Err(Failure::new(
            Exit::Refused,
            format!("The recording has {length:.3} s; `--from` is behind its end."),
        ));
    }
    Ok(TimeRange::new(from_ns, until_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (name, pattern) in [
            ("uart0.tx", "uart*"),
            ("uart0.tx", "*"),
            ("uart0.tx", "*.tx"),
            ("abcabc", "a*b*c"),
            ("a", "a"),
        ] {
            assert!(is_like(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [
            ("uart0.tx", "uart"),
            ("uart0.tx", "*rx"),
            ("a", ""),
            ("ab", "ab*b"),
            ("abc", "*b"),
        ] {
            assert!(!is_like(name, pattern), "{name} {pattern}");
        }
        let lane = Lane::new("desk/cpu", drydock_scope_model::LaneKind::Number);
        assert!(
            matches(&lane, "cpu") && matches(&lane, "desk/*") && matches(&lane, "desk/cpu") && !matches(&lane, "desk")
        );
    }
}
