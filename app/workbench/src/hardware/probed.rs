//! The board behind a debug probe, for looks at its chip while it runs.

use super::views::candidates_of_probe;
use crate::{
    api::{ApiError, CandidateView, Confidence, ErrorCode},
    errors::usage,
    jobs::description,
    state::WorkbenchState,
};
use drydock_assets::Board as Description;
use drydock_hardware::probe::{LiveChip, ProbeError, ProbeInfo};
use std::sync::Arc;

/// The description of the board behind a probe: the one that is named, else the only one that the probe makes likely.
///
/// # Errors
/// No such probe, no such kind; or it is not clear which board is behind it, with the way out.
pub(crate) async fn board_behind(
    workbench: &Arc<WorkbenchState>,
    probe: &str,
    kind: Option<&str>,
) -> Result<Description, ApiError> {
    let found = find(workbench, probe).await?;
    match kind {
        Some(kind) => description(kind),
        None => description(only_likely(probe, &candidates_of_probe(workbench, &found))?),
    }
}

/// A probe that is plugged in.
///
/// # Errors
/// There is none with that id.
pub(super) async fn find(workbench: &Arc<WorkbenchState>, probe: &str) -> Result<ProbeInfo, ApiError> {
    let listing = {
        let workbench = Arc::clone(workbench);
        // Listing USB devices blocks.
        tokio::task::spawn_blocking(move || workbench.hardware.probes.list())
    };
    let probes = listing
        .await
        .map_err(|error| ApiError::internal(format!("The probes cannot be listed: {error}.")))?;
    probes.iter().find(|found| found.id == probe).cloned().ok_or_else(|| {
        let text = format!("{} Plug it in and try again.", no_probe(probe, &probes));
        ApiError::new(ErrorCode::NotFound, text)
    })
}

/// Says that a probe is missing, and which ones there are.
pub(crate) fn no_probe(id: &str, probes: &[ProbeInfo]) -> String {
    let ids: Vec<&str> = probes.iter().map(|probe| probe.id.as_str()).collect();
    match ids.as_slice() {
        [] => format!("There is no debug probe {id}; there are none."),
        ids => format!("There is no debug probe {id}; there are: {}.", ids.join(", ")),
    }
}

/// The kind that stands out among the candidates.
fn only_likely<'a>(probe: &str, candidates: &'a [CandidateView]) -> Result<&'a str, ApiError> {
    let mut likely = candidates
        .iter()
        .filter(|candidate| candidate.confidence != Confidence::Possible);
    if let (Some(one), None) = (likely.next(), likely.next()) {
        return Ok(&one.kind);
    }
    let kinds: Vec<&str> = candidates.iter().map(|candidate| candidate.kind.as_str()).collect();
    let what = match kinds.as_slice() {
        [] => "it".to_owned(),
        kinds => format!("{} or another one; it", kinds.join(", ")),
    };
    Err(usage(format!(
        "Drydock cannot tell which board is behind the debug probe {probe}: {what} has to be named with `--board KIND` \
         (`drydock boards kinds` lists them)."
    )))
}

/// Opens a probe for a look. It blocks.
///
/// # Errors
/// As a user reads it.
pub(crate) fn look(workbench: &WorkbenchState, probe: &str, board: &Description) -> Result<LiveChip, ProbeError> {
    workbench.hardware.probes.look(probe, board)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_taken_only_if_it_stands_out() {
        let candidate = |kind: &str, confidence| CandidateView {
            kind: kind.into(),
            title: kind.into(),
            confidence,
            reason: String::new(),
        };
        let (a, b) = (candidate("a", Confidence::Likely), candidate("b", Confidence::Possible));
        assert_eq!(only_likely("p", &[a.clone(), b.clone()]).unwrap(), "a");
        let unclear = |candidates: &[CandidateView]| only_likely("p", candidates).unwrap_err().message;
        assert!(unclear(&[]).contains("--board KIND"));
        assert!(unclear(&[b]).contains("b or another one"));
        assert!(unclear(&[a, candidate("c", Confidence::Certain)]).contains("a, c"));
    }
}
