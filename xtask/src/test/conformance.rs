//! `./x conformance`: the engine suite, and the other tests of an engine.

use anyhow::{Context, Result, bail, ensure};

use super::counts::{self, Counts};
use crate::{step, workspace};

/// All engines; the builtin engine also in its variant without `unsafe`.
const ENGINES: [&str; 4] = ["builtin", "builtin-safe", "qemu", "renode"];
/// Factor of the number of instructions with `--long`, if the minutes suffice.
const TIMES: &str = "100";

/// The requested options.
#[derive(Debug, PartialEq, Eq)]
struct Options<'a> {
    engines: Vec<&'a str>,
    long: bool,
    minutes: Option<u64>,
    seed: Option<&'a str>,
}

/// The engine suite, for one engine or for each installed one, and the other tests of that engine. `--long` compares
/// the builtin engine, with and without `unsafe`, with its oracles a hundred times as long, or for `--minutes N` in
/// total, and writes the reports in `docs/conformance` again. `--seed HEX` repeats a comparison.
pub(crate) fn conformance(args: &[&str]) -> Result<()> {
    let asked = asked(args)?;
    let mut counts = Counts::default();
    if asked.long {
        // No filter for one engine here: the suite's report is about all engines and is only written by the whole
        // suite.
        let mut suite = test("conformance", false);
        counts.add(counts::run(reported(suite.arg("--show-output")))?);
    }
    for engine in &asked.engines {
        let safe = *engine == "builtin-safe";
        if !asked.long || safe {
            let suite_name = if safe { "builtin" } else { engine };
            counts.add(counts::run(
                test("conformance", safe).args([suite_name, "--show-output"]),
            )?);
        }
        let own = if engine.starts_with("builtin") {
            "oracle"
        } else {
            engine
        };
        counts.add(counts::run(asked.lengthened(test(own, safe).arg("--show-output")))?);
    }
    for reason in &counts.skip_reasons {
        println!("skipped: {reason}");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    ensure!(counts.failed == 0, "the suite failed");
    Ok(())
}

impl Options<'_> {
    /// Makes an oracle run as long as requested.
    fn lengthened<'c>(&self, cargo: &'c mut std::process::Command) -> &'c mut std::process::Command {
        if let Some(seed) = self.seed {
            cargo.env("DRYDOCK_ORACLE_SEED", seed);
        }
        if !self.long {
            return cargo;
        }
        if let Some(minutes) = self.minutes {
            // The comparisons of one engine run concurrently; the engines run one after the other.
            let oracles = self.engines.iter().filter(|name| name.starts_with("builtin")).count() as u64;
            cargo.env("DRYDOCK_ORACLE_SECONDS", (60 * minutes / oracles.max(1)).to_string());
        }
        reported(cargo.env("DRYDOCK_ORACLE_TIMES", TIMES))
    }
}

/// One of the emulator's tests, up to the arguments for itself.
fn test(name: &str, safe: bool) -> std::process::Command {
    let mut cargo = step::cargo(&["test", "--package", "drydock-emulator", "--test", name]);
    if safe {
        cargo.args(["--features", "safe"]);
    }
    cargo.arg("--");
    cargo
}

fn reported(cargo: &mut std::process::Command) -> &mut std::process::Command {
    cargo.env("DRYDOCK_CONFORMANCE_REPORT", workspace::root().join("docs/conformance"))
}

fn asked<'a>(args: &[&'a str]) -> Result<Options<'a>> {
    let mut asked = Options {
        engines: Vec::new(),
        long: false,
        minutes: None,
        seed: None,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--long" => asked.long = true,
            "--minutes" => {
                let number = args.next().context("--minutes takes a number")?;
                let minutes = number.parse().ok().filter(|minutes| *minutes > 0);
                asked.minutes = Some(minutes.with_context(|| format!("`{number}` is no number of minutes"))?);
            }
            "--seed" => {
                let seed = args.next().context("--seed takes up to 16 hexadecimal digits")?;
                u64::from_str_radix(seed, 16).with_context(|| format!("`{seed}` is no hexadecimal number"))?;
                asked.seed = Some(seed);
            }
            engine if ENGINES.contains(&engine) => asked.engines.push(engine),
            other => bail!("there is no engine {other}; there are {}", ENGINES.join(", ")),
        }
    }
    ensure!(
        asked.long || asked.minutes.is_none(),
        "--minutes says how long --long takes"
    );
    if asked.engines.is_empty() {
        // Without `unsafe` the emulator is built once more: only if minutes do not matter.
        let all = ENGINES.into_iter().filter(|name| asked.long || *name != "builtin-safe");
        asked.engines = all.collect();
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_without_unsafe_is_compared_when_asked_for_or_at_length() {
        assert_eq!(asked(&[]).unwrap().engines, ["builtin", "qemu", "renode"]);
        assert_eq!(asked(&["--long"]).unwrap().engines, ENGINES);
        assert_eq!(asked(&["builtin-safe"]).unwrap().engines, ["builtin-safe"]);
    }

    #[test]
    fn minutes_are_shared_by_the_engines_that_have_oracles() {
        let asked = asked(&["--long", "--minutes", "30", "--seed", "5eed"]).unwrap();
        let mut command = std::process::Command::new("cargo");
        asked.lengthened(&mut command);
        let of = |name: &str| {
            let mut all = command.get_envs();
            all.find(|(key, _)| *key == name)
                .and_then(|(_, value)| Some(value?.to_str()?.to_owned()))
        };
        assert_eq!(of("DRYDOCK_ORACLE_SECONDS").as_deref(), Some("900"));
        assert_eq!(of("DRYDOCK_ORACLE_SEED").as_deref(), Some("5eed"));
        assert_eq!(of("DRYDOCK_ORACLE_TIMES").as_deref(), Some(TIMES));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for args in [
            &["--minutes", "3"][..],
            &["--long", "--minutes", "0"],
            &["--long", "--minutes"],
            &["--seed", "seed"],
            &["simulator"],
        ] {
            assert!(asked(args).is_err(), "{args:?}");
        }
    }
}
