//! Fuzzing without libFuzzer: seeded mutations of the protocol's golden bytes, for a given time.
//!
//! `drydock-fuzz --list` · `drydock-fuzz TARGET --seconds N [--seed S]` · `drydock-fuzz TARGET --file F` repeats a find

mod mutation;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use drydock_fuzz::{TARGETS, Target};
use mutation::Mutator;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--list"] => {
            for (name, _) in TARGETS {
                println!("{name}");
            }
            ExitCode::SUCCESS
        }
        [name, "--file", file] => match (target(name), std::fs::read(file)) {
            (Some(target), Ok(input)) => {
                target(&input);
                println!("{name}: no find");
                ExitCode::SUCCESS
            }
            (None, _) => usage(),
            (_, Err(error)) => {
                eprintln!("{file}: {error}");
                ExitCode::FAILURE
            }
        },
        [name, "--seconds", seconds] => run(name, seconds, None),
        [name, "--seconds", seconds, "--seed", seed] => run(name, seconds, Some(seed)),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: drydock-fuzz --list | TARGET --seconds N [--seed S] | TARGET --file F");
    ExitCode::from(2)
}

fn target(name: &str) -> Option<Target> {
    TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, target)| *target)
}

fn run(name: &str, seconds: &str, seed: Option<&str>) -> ExitCode {
    let (Some(target), Ok(seconds)) = (target(name), seconds.parse()) else {
        return usage();
    };
    let seed = match seed.map(str::parse) {
        None => std::time::UNIX_EPOCH.elapsed().map_or(1, |age| age.as_nanos() as u64),
        Some(Ok(seed)) => seed,
        Some(Err(_)) => return usage(),
    };
    let mut mutator = Mutator::new(seed, corpus());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut inputs = 0_u64;
    while Instant::now() < end {
        for _ in 0..100 {
            let input = mutator.next_input();
            if std::panic::catch_unwind(|| target(&input)).is_err() {
                return found(name, seed, &input);
            }
            inputs += 1;
        }
    }
    println!("{name}: {inputs} inputs, no find (seed {seed})");
    ExitCode::SUCCESS
}

fn found(name: &str, seed: u64, input: &[u8]) -> ExitCode {
    let dir = home().join("artifacts");
    let file = dir.join(format!("{name}-{seed}.bin"));
    match std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&file, input)) {
        Ok(()) => eprintln!(
            "{name}: a find; repeat it with: drydock-fuzz {name} --file {}",
            file.display()
        ),
        Err(error) => eprintln!("{name}: a find (seed {seed}), but {}: {error}", file.display()),
    }
    ExitCode::FAILURE
}

/// The golden bytes of every message, and an empty input.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus = vec![Vec::new()];
    let mut files: Vec<PathBuf> = std::fs::read_dir(home().join("../protocol/goldens/v1"))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.sort();
    corpus.extend(
        files
            .iter()
            .filter(|file| file.extension().is_some_and(|it| it == "bin"))
            .filter_map(|file| std::fs::read(file).ok()),
    );
    corpus
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
