//! `./x compat FOLDER`: how far firmware images of others boot on the emulated boards. The list of images and their
//! sources is `docs/compatibility.toml`; the images are whoever's they are, and lie in a folder outside of the checkout,
//! under any name: they are found by their digest. Writes `docs/compatibility.md`; with `--print` only prints it.
//!
//! What a row says of an image is measured (`program/examples/attempt.rs`), but for its last column, which is a person's
//! reading and belongs to the list.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{step, workspace};

const LIST: &str = "docs/compatibility.toml";
const PAGE: &str = "docs/compatibility.md";
/// Virtual time of an attempt, in seconds.
const SECONDS: &str = "3";
/// Letters of a line's text in a row.
const TEXT_LETTERS: usize = 60;
/// Resets that an attempt tells at most.
const RESETS_TOLD: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    image: Vec<Listed>,
}

/// An image that somebody else built.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    board: String,
    title: String,
    version: String,
    /// Public repository, commit and path.
    repository: String,
    commit: String,
    path: String,
    sha256: String,
    /// Hexadecimal, for files without addresses.
    address: Option<String>,
    /// Number of a UART, and what is sent to it.
    send: Option<(u8, String)>,
    /// What a person reads from the result.
    reading: String,
}

/// What an attempt prints.
#[derive(Deserialize)]
struct Seen {
    refused: Option<String>,
    seconds: f64,
    instructions: u64,
    resets: Vec<String>,
    stopped: Option<String>,
    faults: Vec<String>,
    fault_count: u64,
    lines: BTreeMap<String, Said>,
    usb: Option<String>,
    pin_changes: usize,
}

#[derive(Deserialize)]
struct Said {
    bytes: usize,
    begin: String,
}

/// Tries each listed image that the folder has.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let (folder, print) = match args {
        [folder] => (folder, false),
        [folder, "--print"] | ["--print", folder] => (folder, true),
        _ => bail!("compat takes the folder with the images, and --print"),
    };
    let text = std::fs::read_to_string(workspace::root().join(LIST)).with_context(|| format!("reading {LIST}"))?;
    let list = list(&text)?;
    let files = by_digest(Path::new(folder))?;
    let package = ["--package", "drydock-unify", "--package", "drydock-program"];
    let mut build = step::cargo(&["build", "--quiet"]);
    step::run(build.args(package).args(["--example", "attempt"]))?;
    let program = workspace::built("examples/attempt");
    let mut rows = Vec::new();
    for image in &list.image {
        let Some(file) = files.get(&image.sha256) else {
            eprintln!("{}: no file with its digest in {folder}", image.title);
            rows.push((image, None));
            continue;
        };
        let mut command = step::command(&program.to_string_lossy(), &[&image.board]);
        command.arg(file).arg(SECONDS);
        if let Some(address) = &image.address {
            command.args(["--address", address]);
        }
        if let Some((uart, text)) = &image.send {
            command.args(["--send", &uart.to_string(), text]);
        }
        let seen = step::output(&mut command)?;
        let seen: Seen =
            serde_json::from_str(&seen).with_context(|| format!("what the attempt of {} said", image.title))?;
        rows.push((image, Some(seen)));
    }
    let found = rows.iter().filter(|(_, seen)| seen.is_some()).count();
    ensure!(found > 0, "{folder} has none of the listed images");
    let date = step::output(&mut step::command("date", &["-u", "+%Y-%m-%d"]))?;
    let page = page(&rows, date.trim());
    if print {
        print!("{page}");
        return Ok(());
    }
    // A page with holes would say less than the one before.
    ensure!(
        found == rows.len(),
        "{} of {} images are missing; --print shows the others",
        rows.len() - found,
        rows.len()
    );
    std::fs::write(workspace::root().join(PAGE), page).with_context(|| format!("writing {PAGE}"))
}

fn list(text: &str) -> Result<List> {
    let list: List = toml::from_str(text).with_context(|| format!("reading {LIST}"))?;
    for image in &list.image {
        let is_digest = image.sha256.len() == 64 && image.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure!(is_digest, "{LIST}: {} has no SHA-256", image.title);
    }
    Ok(list)
}

/// The files of a folder, by their SHA-256.
fn by_digest(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = std::path::absolute(entry?.path())?;
        if path.is_file() {
            let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let digest = Sha256::digest(&bytes);
            files.insert(digest.iter().map(|byte| format!("{byte:02x}")).collect(), path);
        }
    }
    Ok(files)
}

fn page(rows: &[(&Listed, Option<Seen>)], date: &str) -> String {
    let mut text = format!(
        "# Firmware of others on the emulated boards\n\n<!-- Written by `./x compat FOLDER` from compatibility.toml; do not edit. \
         -->\n\nOthers built these images, for chips and not for Drydock. Each ran for {SECONDS} s of its board's time on the \
         builtin\nengine, with a USB host on the Nano's socket, and nothing else connected. They are not part of Drydock: the \
         sources below\nsay where they are public. The last column is a person's reading of the row.\n\nDate: {date}.\n"
    );
    let mut boards: Vec<&str> = Vec::new();
    for (image, _) in rows {
        if !boards.contains(&image.board.as_str()) {
            boards.push(&image.board);
        }
    }
    for board in boards {
        let _ = writeln!(
            text,
            "\n## {board}\n\n| image | what it does | first fault | reading |\n|---|---|---|---|"
        );
        for (image, seen) in rows.iter().filter(|(image, _)| image.board == board) {
            let (did, fault) = match seen {
                Some(seen) => (did(seen), fault(seen)),
                None => ("not tried".to_owned(), "–".to_owned()),
            };
            let _ = writeln!(
                text,
                "| {}, {} | {} | {} | {} |",
                cell(&image.title),
                cell(&image.version),
                cell(&did),
                cell(&fault),
                cell(&image.reading)
            );
        }
    }
    text.push_str("\n## Sources\n\n| image | repository, commit, path | SHA-256 |\n|---|---|---|\n");
    for (image, _) in rows {
        let _ = writeln!(
            text,
            "| {} | [{}](https://github.com/{}) `{}` `{}` | `{}` |",
            cell(&image.title),
            image.repository,
            image.repository,
            image.commit.get(..12).unwrap_or(&image.commit),
            image.path,
            image.sha256
        );
    }
    text
}

/// What was seen of an image, in a few words.
fn did(seen: &Seen) -> String {
    if let Some(why) = &seen.refused {
        return format!("refused: {why}");
    }
    let mut parts = Vec::new();
    match &seen.stopped {
        Some(_) => parts.push(format!("stops after {:.3} s", seen.seconds)),
        None => parts.push(format!("runs, {} million instructions", seen.instructions / 1_000_000)),
    }
    if let Some(usb) = &seen.usb {
        parts.push(format!("USB {usb}"));
    }
    for (line, said) in &seen.lines {
        let name = if line.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("UART {line}")
        } else {
            line.clone()
        };
        let printable: String = without_colours(&said.begin)
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        let words: Vec<&str> = printable.split_whitespace().collect();
        let begin: String = words.join(" ").chars().take(TEXT_LETTERS).collect();
        parts.push(format!("{name}: {} bytes, “{begin}”", said.bytes));
    }
    if seen.pin_changes > 0 {
        let several = if seen.pin_changes == 1 { "" } else { "s" };
        parts.push(format!("{} change{several} of pins", seen.pin_changes));
    }
    if !seen.resets.is_empty() {
        let at_least = if seen.resets.len() == RESETS_TOLD {
            "at least "
        } else {
            ""
        };
        let first = seen.resets[0].to_lowercase();
        parts.push(format!("resets: {at_least}{}, the first {first}", seen.resets.len()));
    }
    parts.join("; ")
}

/// Text without the sequences that choose colours on a terminal.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.strip_prefix('[').and_then(|piece| piece.split_once('m'));
        match rest {
            Some((numbers, rest)) if numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b';') => plain += rest,
            _ => plain += piece,
        }
    }
    plain
}

fn fault(seen: &Seen) -> String {
    match seen.faults.first() {
        Some(first) => format!("{first} ({} in all)", seen.fault_count),
        None => "–".to_owned(),
    }
}

/// Text as the content of a table's cell.
fn cell(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> Listed {
        let text = format!(
            "[[image]]\nboard = \"nano33ble\"\ntitle = \"Loader\"\nversion = \"1\"\nrepository = \"a/b\"\ncommit = \"c\"\npath = \
             \"d.hex\"\nsha256 = \"{}\"\nreading = \"fine\"\n",
            "0".repeat(64)
        );
        list(&text).unwrap().image.remove(0)
    }

    fn seen(text: &str) -> Seen {
        serde_json::from_str(text).unwrap()
    }

    const RUNS: &str = r#"{"refused":null,"seconds":3.0,"instructions":2500000,"resets":[],"stopped":null,
        "faults":["store a|b"],"fault_count":7,"lines":{"0":{"bytes":9,"begin":"\u001b[1mhi\nyou|"}},
        "usb":"1915:c00a Nordic, a serial port","pin_changes":0}"#;

    #[test]
    fn a_row_says_what_was_seen_and_keeps_to_its_table() {
        let image = listed();
        let page = page(&[(&image, Some(seen(RUNS))), (&image, None)], "2026-01-02");
        let wanted = "| Loader, 1 | runs, 2 million instructions; USB 1915:c00a Nordic, a serial port; UART 0: 9 bytes, “hi \
                      you\\|” | store a\\|b (7 in all) | fine |";
        assert!(page.contains(wanted), "{page}");
        assert!(page.contains("| Loader, 1 | not tried | – | fine |"), "{page}");
        assert!(page.contains("Date: 2026-01-02."), "{page}");
    }

    #[test]
    fn a_refusal_and_a_stop_are_told() {
        let mut one = seen(RUNS);
        one.stopped = Some("Lockup".into());
        one.usb = None;
        one.lines.clear();
        assert_eq!(did(&one), "stops after 3.000 s");
        one.refused = Some("no stack".into());
        assert_eq!(did(&one), "refused: no stack");
    }

    #[test]
    fn a_list_with_unknown_keys_or_without_digests_is_refused() {
        assert!(list("[[image]]\nname = \"x\"\n").is_err());
        let text = "[[image]]\nboard = \"a\"\ntitle = \"Loader\"\nversion = \"1\"\nrepository = \"a/b\"\ncommit = \"c\"\npath = \
                    \"d\"\nsha256 = \"12\"\nreading = \"r\"\n";
        let error = list(text).err().unwrap();
        assert!(error.to_string().contains("Loader has no SHA-256"), "{error}");
    }
}
