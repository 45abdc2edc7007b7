//! `drydock test`: scenario files, one test for each of their seeds. The tests run here, on a thread of their own: they need
//! no data directory and no owner.

mod junit;

use super::{cancelled, cancelled_by_user, kinds};
use crate::{
    arguments::Test as Arguments,
    exit::{Exit, Failure},
    output::{Ink, Output, now_ms},
};
use drydock_test::{
    Cancel, Kinds,
    scenario::{Failure as TestFailure, Invalid, Loaded, Outcome, Run, Scenario, folder_name},
};
use serde_json::json;
use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// News that wait for the terminal; a test waits for it, rather than that a line is lost.
const NEWS: usize = 256;

/// A scenario with one seed.
struct Test {
    file: String,
    /// With the seed, if the file has several.
    name: String,
    seed: u64,
    scenario: std::sync::Arc<Loaded>,
    folder: PathBuf,
}

/// A test that was run.
struct Ran {
    file: String,
    name: String,
    seed: u64,
    outcome: Outcome,
    host: Duration,
    folder: PathBuf,
}

enum News {
    Step {
        name: String,
        at: Duration,
        line: usize,
        text: String,
    },
    Ended(Box<Ran>),
}

pub(crate) async fn test(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    // The folder of a run without failures goes again.
    let temporary = match &arguments.keep {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("drydock-test-")
                .tempdir()
                .map_err(|error| {
                    Failure::machine(format!(
                        "There is no folder for what tests leave: {error}; name one with --keep."
                    ))
                })?,
        ),
    };
    let keep = match (&arguments.keep, &temporary) {
        (Some(keep), _) => keep.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => PathBuf::new(),
    };
    let files = arguments.files.clone();
    let kinds = kinds::in_folders(data)?;
    let known = kinds.clone();
    let loaded = tokio::task::spawn_blocking(move || load(&files, &known)).await;
    let loaded = loaded.map_err(|error| Failure::machine(format!("The scenarios cannot be read: {error}.")))?;
    let loaded = loaded.map_err(|invalid| refused(&invalid, output))?;
    show_kinds(&loaded, &kinds, output);
    let tests = tests(loaded, arguments.seed, &keep);
    let cancel = Cancel::default();
    let (sender, mut news) = mpsc::channel(NEWS);
    let running = tokio::task::spawn_blocking({
        let cancel = cancel.clone();
        move || run(tests, &cancel, &sender)
    });
    let mut ran: Vec<Ran> = Vec::new();
    let mut stop = std::pin::pin!(cancelled());
    loop {
        tokio::select! {
            arrived = news.recv() => match arrived {
                Some(News::Step { name, at, line, text }) => show_step(&name, at, (line, &text), arguments.steps, output),
                Some(News::Ended(test)) => {
                    show(&test, output);
                    ran.push(*test);
                }
                None => break,
            },
            // The test that runs ends as cancelled, and the others do not begin.
            () = &mut stop, if !cancel.is_cancelled() => cancel.cancel(),
        }
    }
    let ended = running.await;
    ended.map_err(|error| Failure::machine(format!("The tests ended early: {error}.")))?;
    let failed = ran.iter().filter(|test| test.outcome.failure.is_some()).count();
    if let (Some(folder), true) = (temporary, failed > 0 && !cancel.is_cancelled()) {
        let _ = folder.keep();
    }
    if let Some(path) = &arguments.junit {
        junit::write(path, &ran)
            .map_err(|error| Failure::new(Exit::Refused, format!("{} cannot be written: {error}.", path.display())))?;
    }
    if cancel.is_cancelled() {
        return Err(cancelled_by_user());
    }
    finish(&ran, failed, arguments, output)
}

/// All files, or everything that is wrong with them. Blocks.
fn load(files: &[PathBuf], kinds: &Kinds) -> Result<Vec<(String, Loaded)>, Vec<Invalid>> {
    let mut loaded = Vec::new();
    let mut invalid = Vec::new();
    for path in files {
        match Scenario::load_with(path, kinds) {
            Ok(scenario) => loaded.push((path.display().to_string(), scenario)),
            Err(problems) => invalid.push(problems),
        }
    }
    if invalid.is_empty() { Ok(loaded) } else { Err(invalid) }
}

/// Says which files describe the boards of the user.
fn show_kinds(loaded: &[(String, Loaded)], kinds: &Kinds, output: &Output) {
    let boards = loaded.iter().flat_map(|(_, scenario)| &scenario.scenario().boards);
    let named: BTreeSet<&str> = boards.map(|board| board.kind.name.as_str()).collect();
    for kind in named {
        if let Some(file) = kinds.file(kind) {
            output.step(Ink::Dim, &format!("{kind} is {}.", file.display()));
        }
    }
}

fn refused(invalid: &[Invalid], output: &Output) -> Failure {
    for Invalid { file, problems } in invalid {
        for problem in problems {
            let (line, column) = (problem.line, problem.column);
            let text = &problem.what;
            let object = json!({ "time_ms": now_ms(), "file": file, "line": line, "column": column, "text": text });
            output.object("test.problem", &object);
        }
    }
    for it in invalid {
        output.say(it.to_string());
    }
    let problems: usize = invalid.iter().map(|it| it.problems.len()).sum();
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let text = format!(
        "{} in {}; no test was run.",
        count(problems, "problem"),
        count(invalid.len(), "file")
    );
    Failure::new(Exit::Refused, text)
}

fn tests(loaded: Vec<(String, Loaded)>, seed: Option<u64>, keep: &Path) -> Vec<Test> {
    let mut tests = Vec::new();
    let mut folders = HashSet::new();
    for (file, scenario) in loaded {
        let seeds = seed.map_or_else(|| scenario.scenario().seeds.clone(), |seed| vec![seed]);
        let scenario = std::sync::Arc::new(scenario);
        for &seed in &seeds {
            let name = &scenario.scenario().name;
            let name = match seeds.len() {
                1 => name.clone(),
                _ => format!("{name} [seed {seed}]"),
            };
            // Two files may have one name.
            let folder = folder_name(&name.replace(['[', ']'], "").replace(' ', "-"));
            let numbered = (2..).map(|number| format!("{folder}-{number}"));
            let folder = std::iter::once(folder.clone())
                .chain(numbered)
                .find(|folder| folders.insert(folder.clone()));
            tests.push(Test {
                file: file.clone(),
                name,
                seed,
                scenario: scenario.clone(),
                folder: keep.join(folder.unwrap_or_default()),
            });
        }
    }
    tests
}

/// Runs tests until they are done or cancelled. Blocks.
fn run(tests: Vec<Test>, cancel: &Cancel, news: &mpsc::Sender<News>) {
    for test in tests {
        if cancel.is_cancelled() {
            return;
        }
        let begin = Instant::now();
        let outcome = test.scenario.run(Run {
            seed: test.seed,
            cancel: cancel.clone(),
            keep: Some(&test.folder),
            progress: &mut |progress| {
                // Nobody listens any more when the command ends.
                let _ = news.blocking_send(News::Step {
                    name: test.name.clone(),
                    at: progress.at,
                    line: progress.step.line,
                    text: progress.step.text.clone(),
                });
            },
        });
        let Test {
            file,
            name,
            seed,
            folder,
            ..
        } = test;
        let host = begin.elapsed();
        let ran = Box::new(Ran {
            file,
            name,
            seed,
            outcome,
            host,
            folder,
        });
        let _ = news.blocking_send(News::Ended(ran));
    }
}

fn show_step(name: &str, at: Duration, (line, text): (usize, &str), wanted: bool, output: &Output) {
    let at_s = at.as_secs_f64();
    let step = json!({ "time_ms": now_ms(), "name": name, "line": line, "virtual_time_s": at_s, "text": text });
    output.object("test.step", &step);
    if wanted {
        output.say_in_ink(&[(Ink::Dim, &format!("{at_s:13.6} s  ")), (Ink::Plain, text)]);
    }
}

fn show(test: &Ran, output: &Output) {
    let Ran {
        file,
        name,
        seed,
        outcome,
        host,
        folder,
    } = test;
    let seconds = outcome.virtual_time.as_secs_f64();
    let mut object = json!({
        "time_ms": now_ms(),
        "file": file,
        "name": name,
        "seed": seed,
        "steps": outcome.steps,
        "virtual_time_s": seconds,
        "host_s": host.as_secs_f64(),
    });
    let Some(failure) = &outcome.failure else {
        object["text"] = format!("{name} passed.").into();
        output.object("test.passed", &object);
        output.step(
            Ink::Green,
            &format!("{name}: passed, {} steps, {seconds:.3} s of its time", outcome.steps),
        );
        return;
    };
    let TestFailure {
        line,
        step,
        error,
        kept,
        not_kept,
    } = failure;
    let sentence = error.sentence();
    let folder = (!kept.is_empty()).then(|| folder.display().to_string());
    let more = json!({
        "line": line,
        "step": step,
        "board": error.board(),
        "text": sentence,
        "console": error.console(),
        "folder": folder,
        "kept": kept.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    });
    if let (Some(object), serde_json::Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    output.object("test.failed", &object);
    output.step(Ink::Red, &format!("{name}: failed"));
    if let (Some(line), Some(step)) = (line, step) {
        output.say(format!("  {file}:{line}: {step}"));
    }
    output.say(format!("  {sentence}"));
    for line in error.console() {
        output.say_in_ink(&[(Ink::Dim, "  | "), (Ink::Plain, line)]);
    }
    if let Some(folder) = folder {
        output.say(format!("  The state of its boards and a report are in {folder}."));
    }
    if let Some(why) = not_kept {
        output.say(format!("  Nothing was kept: {why}"));
    }
}

fn finish(ran: &[Ran], failed: usize, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let all = ran.len();
    let text = match failed {
        0 if all == 1 => "The test passed.".into(),
        0 => format!("All {all} tests passed."),
        failed => format!("{failed} of {all} tests failed."),
    };
    let exit = if failed == 0 { Exit::Success } else { Exit::TestFailed };
    let object = json!({
        "time_ms": now_ms(),
        "exit_code": exit.code(),
        "text": text,
        "passed": all - failed,
        "failed": failed,
        "junit": arguments.junit.as_ref().map(|path| path.display().to_string()),
    });
    output.object("test.finished", &object);
    if failed > 0 {
        return Err(Failure::new(exit, text));
    }
    output.step(Ink::Bold, &text);
    Ok(exit)
}
