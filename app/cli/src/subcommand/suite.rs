//! `drydock emulate --firmware` with a suite of embedded-test: the file's tests under the arguments of `cargo test`, each on a
//! board of its own. They run here: they need no data directory and no owner.

use super::{cancelled, cancelled_by_user, kinds::NamedKind};
use crate::{
    arguments::{Emulate, Unmodelled},
    board_text::BoardText,
    exit::{Exit, Failure},
    output::Output,
    plain_text,
};
use drydock_test::{
    Cancel,
    suite::{NoSuite, Suite, Test},
};
use libtest_mimic::{Arguments, FormatSetting, Trial};
use std::{io::Write as _, path::Path, sync::Arc};

/// The exit code of a Rust test program whose tests failed.
const FAILED: u8 = 101;
/// The seed of the boards, if the user names none.
const SEED: u64 = 0;
/// Text of a test that is kept until it has ended.
const SAID_BYTES: usize = 1 << 20;

/// The suite that a file holds, if it holds one.
///
/// # Errors
/// Its tests are of another version or damaged, it is no program for the board, or the options are for other programs.
pub(super) fn of(
    path: &Path,
    arguments: &Emulate,
    kind: &NamedKind,
    data: Option<&Path>,
) -> Result<Option<Suite>, Failure> {
    let shown = path.display().to_string();
    let (kinds, kind) = kind.in_tests(data)?;
    let suite = match Suite::read(path, &kind, &kinds) {
        Ok(suite) => suite,
        // The owner says which kinds there are.
        Err(NoSuite::Kind(_)) => None,
        Err(NoSuite::Program(text)) => return Err(Failure::new(Exit::Refused, format!("{text}."))),
        Err(error) => {
            let text = format!("{shown} cannot be tested: {error}.");
            return Err(Failure::new(Exit::Refused, text));
        }
    };
    let Some(suite) = suite else { return Ok(None) };
    let others = [
        (arguments.watch, "--watch"),
        (arguments.duration.is_some(), "--for"),
        (!arguments.part.is_empty(), "--part"),
        (arguments.part_values.is_some(), "--part-values"),
        (arguments.program.unmodelled != Unmodelled::Fault, "--unmodelled"),
        (arguments.program.defmt.is_some(), "--defmt"),
        (
            arguments.engine.as_deref().is_some_and(|engine| engine != "builtin"),
            "--engine",
        ),
    ];
    if let Some((_, option)) = others.iter().find(|(is_given, _)| *is_given) {
        let text = format!("{shown} is a suite of embedded-test, which takes no {option}.");
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(Some(suite))
}

/// Runs the tests that the arguments choose. What they say goes to the terminal as libtest does it: of a test that failed, or of
/// each with `--nocapture`.
pub(super) async fn run(suite: Suite, arguments: &Emulate, output: &Output) -> Result<Exit, Failure> {
    let seed = match &arguments.seed {
        None => SEED,
        Some(seed) => u64::from_str_radix(seed.trim_start_matches("0x"), 16).map_err(|_| {
            let text = format!("{seed} is no seed of a suite; write up to 16 hexadecimal digits.");
            Failure::new(Exit::Usage, text)
        })?,
    };
    let program = std::iter::once("drydock".to_owned());
    let mut libtest = Arguments::from_iter(program.chain(arguments.arguments.iter().cloned()));
    if output.is_json() {
        libtest.format = Some(FormatSetting::Json);
    }
    let cancel = Cancel::default();
    let suite = Arc::new(suite);
    let trials: Vec<Trial> = suite
        .tests()
        .iter()
        .map(|test| trial(&suite, test, seed, &cancel, &libtest, output.board_text()))
        .collect();
    let running = tokio::task::spawn_blocking(move || libtest_mimic::run(&libtest, trials));
    let mut running = std::pin::pin!(running);
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = cancelled() => {
            // The tests that run end at once, and the others do not begin.
            cancel.cancel();
            let _ = running.await;
            return Err(cancelled_by_user());
        }
    };
    let conclusion = ended.map_err(|error| Failure::machine(format!("The tests ended early: {error}.")))?;
    Ok(match conclusion.has_failed() {
        true => Exit::Program(FAILED),
        false => Exit::Success,
    })
}

fn trial(
    suite: &Arc<Suite>,
    test: &Test,
    seed: u64,
    cancel: &Cancel,
    libtest: &Arguments,
    mut shown: BoardText,
) -> Trial {
    let (suite, test, cancel) = (Arc::clone(suite), test.clone(), cancel.clone());
    let (name, is_ignored) = (test.name.clone(), test.is_ignored);
    // In JSON mode each line is an object.
    let shows = libtest.nocapture && !matches!(libtest.format, Some(FormatSetting::Json));
    let run = move || {
        let mut said = String::new();
        let said_now = |text: &str| {
            let text = shown.take(text.as_bytes());
            if shows {
                let mut stdout = std::io::stdout().lock();
                // A closed stream ends the process with its next line.
                let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            } else {
                said.push_str(&text);
                keep_the_last(&mut said);
            }
        };
        let ran = suite
            .run(&test, seed, &cancel, said_now)
            .map_err(|error| error.to_string())?;
        match ran.failure {
            None => Ok(()),
            Some(why) => {
                let frames = ran.place.map(|place| suite.backtrace(&place)).unwrap_or_default();
                let frames = frames.iter().enumerate();
                let frames: String = frames
                    .map(|(number, frame)| format!("\n{number:>4}: {}", plain_text::line(frame)))
                    .collect();
                let ends = if said.is_empty() || said.ends_with('\n') {
                    ""
                } else {
                    "\n"
                };
                let time = ran.time.as_secs_f64();
                Err(format!(
                    "{said}{ends}{} after {time:.6} s of its time: {why}.{frames}",
                    test.name
                )
                .into())
            }
        }
    };
    Trial::test(name, run).with_ignored_flag(is_ignored)
}

/// Drops the first lines of what a test said if that became too long, and says so.
fn keep_the_last(said: &mut String) {
    if said.len() <= SAID_BYTES {
        return;
    }
    let cut = said.ceil_char_boundary(said.len() - SAID_BYTES / 2);
    let cut = said[cut..].find('\n').map_or(cut, |line| cut + line + 1);
    said.replace_range(..cut, "(what it said before is left out)\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_says_too_much_keeps_its_last_lines() {
        let mut said = String::new();
        for number in 0..200_000 {
            said.push_str(&format!("line {number} ü\n"));
            keep_the_last(&mut said);
            assert!(said.len() <= SAID_BYTES);
        }
        assert!(said.starts_with("(what it said before is left out)\nline "));
        assert!(said.ends_with("line 199999 ü\n"));
        // A line without an end is cut between two letters.
        let mut said = "ü".repeat(SAID_BYTES);
        keep_the_last(&mut said);
        assert!(said.len() <= SAID_BYTES && said.ends_with("üü"));
    }
}
