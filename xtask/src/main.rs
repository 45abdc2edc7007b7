//! Firmware and app builds, code generation, checks, tests and benchmarks: the part of `./x` that needs a compiler.
//!
//! System packages, Rust, Node and the cross toolchain are installed before by `xtask/setup/`, in sh.

mod apps;
mod bench;
mod codegen;
mod compat;
mod cross;
mod firmware;
mod function_attributes;
mod fuzz;
mod graph;
mod image;
mod progress;
mod run;
mod step;
mod test;
mod tidy;
mod torture;
mod ui;
mod workspace;

use std::process::ExitCode;

use step::Out;

const USAGE: &str = "\
Usage: cargo xtask SUBCOMMAND

  setup [--part toolchain]   install what a build needs (the same as ./x setup)
  firmware [--print-env]     build the boards' images into assets/firmware
  apps                       build the sample apps into assets/apps
  codegen [--check]          renew generated files, or say which are stale
  ui                         build the window's front end into ui/dist
  run [ARGS]                 build and open the window, or run the demo in the terminal
  scope [ARGS]               build the scope; with arguments, open it too
  tidy                       dependency rules, file sizes, module docs, forbidden words
  lint                       tidy and clippy
  test [--quick] [PART..]    all tests, quick ones first; --list names the parts
  bench [FOLDER|NAME..]      all benchmarks in one table; --quick, --json, --markdown, --list
  fuzz [--seconds N]         fuzz every decoder of bytes from outside, N seconds in all
  conformance [ENGINE]       all tests of an engine; --long [--minutes N] renews docs/conformance
  compat FOLDER              try firmware images of others; --print; renews docs/compatibility.md
  torture                    exchange and pull cables while boards are programmed; renews docs/torture.md
  torture usb-guest          attach the Nano's USB device to a Debian kernel in QEMU; renews its part of docs/torture.md";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.split_first() {
        Some((&"setup", rest)) => run::setup(rest),
        Some((&"firmware", ["--print-env"])) => cross::print_env(),
        Some((&"firmware", [])) => firmware::build(Out::Terminal).map(|_| ()),
        #[cfg(unix)]
        Some((&"firmware", ["--behind", product, packages @ ..])) => firmware::build_behind(product, packages),
        Some((&"apps", [])) => apps::build(Out::Terminal),
        Some((&"codegen", [])) => codegen::renew(),
        Some((&"codegen", ["--check"])) => codegen::check(),
        Some((&"ui", [])) => ui::build(Out::Terminal),
        Some((&"run", rest)) => run::run(rest),
        Some((&"scope", rest)) => run::scope(rest),
        Some((&"tidy", [])) => tidy::check(),
        Some((&"lint", [])) => tidy::check().and_then(|()| test::clippy(true)),
        Some((&"test", rest)) => test::run(rest),
        Some((&"bench", rest)) => bench::run(rest),
        Some((&"fuzz", rest)) => fuzz::run(rest),
        Some((&"conformance", rest)) => test::conformance(rest),
        Some((&"compat", rest)) => compat::run(rest),
        Some((&"torture", rest)) => torture::run(rest),
        Some((&("help" | "--help" | "-h"), _)) => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            // a child's own exit code is kept, so that `./x run` exits with the code of its program
            ExitCode::from(error.downcast_ref::<step::Ended>().map_or(1, |ended| ended.code))
        }
    }
}
