//! `drydock boards kinds`: kinds of boards, those of the user's own included; and the kind that `--board` names.

use super::absolute;
use crate::{
    arguments::BoardsKinds,
    connection::{Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{
    BoardKindAdd, BoardKindRef, BoardKindView, Empty, KindBus, KindButton, KindLed, KindMemory, KindPart,
    KindPeripheral, KindUart,
};
use drydock_assets::BoardFile;
use drydock_client::DataDir;
use serde_json::json;
use std::path::{Path, PathBuf};

pub(super) async fn kinds(connection: &Connection, arguments: &BoardsKinds, output: &Output) -> Result<(), Failure> {
    if let Some(path) = &arguments.add {
        let add = BoardKindAdd { path: absolute(path)? };
        let kind = ask!(connection, BoardKindAdd(add))?;
        output.object("board.kind.added", &kind);
        output.say(format!(
            "{} was added: {}, {}. Its file is {}.",
            kind.id,
            kind.title,
            kind.chip,
            kind.file.as_deref().unwrap_or_default()
        ));
        return Ok(());
    }
    if let Some(kind) = &arguments.remove {
        ask!(connection, BoardKindRemove(BoardKindRef { kind: kind.clone() }))?;
        output.object("board.kind.removed", &json!({ "kind": kind }));
        output.say(format!("{kind} was removed."));
        return Ok(());
    }
    match &arguments.name {
        Some(kind) => describe(connection, kind, output).await,
        None => list(connection, output).await,
    }
}

async fn describe(connection: &Connection, kind: &str, output: &Output) -> Result<(), Failure> {
    let detail = ask!(connection, BoardKind(BoardKindRef { kind: kind.to_owned() }))?;
    output.object("board.kind", &detail);
    let kind = &detail.kind;
    output.say_in_ink(&[(Ink::Bold, &kind.id), (Ink::Plain, &format!("  {}", kind.title))]);
    let line = |name: &str, values: Vec<String>| {
        for (index, value) in values.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            output.say(format!("  {name:<10} {value}"));
        }
    };
    line("file", kind.file.iter().cloned().collect());
    line("extends", kind.extends.iter().cloned().collect());
    line(
        "chip",
        vec![format!(
            "{} {}, {} at {} MHz",
            detail.vendor,
            kind.chip,
            detail.core,
            f64::from(detail.clock_hz) / 1e6
        )],
    );
    let memory = |memory: &KindMemory| {
        let kib = f64::from(memory.bytes) / 1024.0;
        format!("{:#010x}  {kib:>8} KiB  {}", memory.base, memory.name)
    };
    line("memory", detail.memories.iter().map(memory).collect());
    line("uarts", detail.uarts.iter().map(uart).collect());
    line("leds", detail.leds.iter().map(led).collect());
    line("buttons", detail.buttons.iter().map(button).collect());
    line("buses", detail.buses.iter().map(bus).collect());
    line(
        "analog",
        Some(detail.analog.join(", "))
            .filter(|pins| !pins.is_empty())
            .into_iter()
            .collect(),
    );
    let part = |part: &KindPart| format!("{}: {} on {}", part.name, part.kind, part.place);
    line("parts", detail.parts.iter().map(part).collect());
    line("connector", vec![detail.connector.clone()]);
    line(
        "limit",
        Some(kind.limit.clone())
            .filter(|limit| !limit.is_empty())
            .into_iter()
            .collect(),
    );
    if detail.peripherals.is_empty() {
        return Ok(());
    }
    output.say("\nWhat the builtin engine models of the chip:");
    let rows: Vec<_> = detail.peripherals.iter().map(peripheral).collect();
    output.table(&["peripheral", "address", "", "missing"], &rows);
    Ok(())
}

fn uart(uart: &KindUart) -> String {
    let name = uart.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
    let mut pins: Vec<String> = Vec::new();
    pins.extend(uart.tx.as_ref().map(|pin| format!("tx {pin}")));
    pins.extend(uart.rx.as_ref().map(|pin| format!("rx {pin}")));
    let link = if uart.link { ", the link or terminal" } else { "" };
    let pins = if pins.is_empty() {
        "pins as the program chooses".to_owned()
    } else {
        pins.join(", ")
    };
    format!("{}{name}: {pins}{link}", uart.uart)
}

fn led(led: &KindLed) -> String {
    let app = led.app_pin.map_or(String::new(), |pin| format!(", {pin} for apps"));
    format!("{}: {}, {}, lit when {}{app}", led.name, led.color, led.pin, led.active)
}

fn button(button: &KindButton) -> String {
    let resets = if button.resets { ", resets the chip" } else { "" };
    format!(
        "{}: {}, pressed when {}{resets}",
        button.name, button.pin, button.active
    )
}

fn bus(bus: &KindBus) -> String {
    let needs = match &bus.needs[..] {
        [] => String::new(),
        pins => format!(", needs {} high", pins.join(" and ")),
    };
    format!("{}: {}, {}{needs}", bus.name, bus.kind, bus.pins.join(", "))
}

fn peripheral(peripheral: &KindPeripheral) -> Vec<(Ink, String)> {
    let (ink, state) = match peripheral.state.as_str() {
        "modelled" => (Ink::Green, "modelled"),
        "partly" => (Ink::Yellow, "partly"),
        _ => (Ink::Red, "not modelled"),
    };
    vec![
        (Ink::Plain, peripheral.name.clone()),
        (Ink::Plain, format!("{:#010x}", peripheral.base)),
        (ink, state.into()),
        (Ink::Plain, peripheral.missing.clone().unwrap_or_default()),
    ]
}

async fn list(connection: &Connection, output: &Output) -> Result<(), Failure> {
    let kinds = ask!(connection, BoardKinds(Empty {}))?;
    let mut rows = Vec::new();
    for kind in &kinds {
        output.object("board.kind", kind);
        if kind.problems.is_empty() {
            rows.push(row(kind));
        }
    }
    output.table(&["kind", "board", "chip", "flash", "ram", "engines", ""], &rows);
    for kind in kinds.iter().filter(|kind| !kind.problems.is_empty()) {
        output.say(format!(
            "\n{} describes no board:",
            kind.file.as_deref().unwrap_or(&kind.id)
        ));
        for problem in &kind.problems {
            output.say(format!("  {problem}"));
        }
    }
    Ok(())
}

fn row(kind: &BoardKindView) -> Vec<(Ink, String)> {
    let engines: Vec<&str> = kind
        .engines
        .iter()
        .filter(|engine| engine.available)
        .map(|engine| engine.name.as_str())
        .collect();
    vec![
        (Ink::Bold, kind.id.clone()),
        (Ink::Plain, kind.title.clone()),
        (Ink::Plain, kind.chip.clone()),
        (Ink::Plain, format!("{} KiB", kind.flash_bytes / 1024)),
        (Ink::Plain, format!("{} KiB", kind.ram_bytes / 1024)),
        (Ink::Plain, engines.join(", ")),
        (Ink::Yellow, kind.limit.clone()),
    ]
}

/// The kind that `--board` names, for boards that go with the command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NamedKind {
    pub(super) kind: String,
    /// Absolute path of the file that describes it, if it is not one that the owner knows by name.
    pub(super) file: Option<String>,
}

impl NamedKind {
    /// A path of a file; or a name, which is looked for among the shipped boards, in `./boards`, and in the data directory.
    /// Says which file was taken.
    ///
    /// # Errors
    /// The file of this name in `./boards` is broken.
    pub(super) fn find(text: &str, data: Option<&Path>, output: &Output) -> Result<Self, Failure> {
        let known = |file| Self {
            kind: text.to_owned(),
            file,
        };
        let taken = |path: &Path| {
            output.step(Ink::Dim, &format!("{text} is {}.", path.display()));
            Ok(known(Some(absolute(path)?)))
        };
        if text.ends_with(".toml") || text.contains(std::path::MAIN_SEPARATOR) {
            return Ok(known(Some(absolute(Path::new(text))?)));
        }
        if drydock_assets::board(text).is_some() {
            return Ok(known(None));
        }
        if let Some(path) = in_folder(Path::new("boards"), text)? {
            return taken(&path);
        }
        // A temporary owner does not know the user's data directory; the owner of one that is named does.
        if data.is_none()
            && let Some(folder) = DataDir::Default.path()
            && let Some(path) = in_folder(&folder.join("boards"), text)?
        {
            return taken(&path);
        }
        Ok(known(None))
    }

    /// The same for tests that run here: the kinds, and the name of this one among them.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(super) fn in_tests(&self, data: Option<&Path>) -> Result<(drydock_test::Kinds, String), Failure> {
        let Some(file) = &self.file else {
            return Ok((in_folders(data)?, self.kind.clone()));
        };
        let file = Path::new(file);
        let folder: Vec<PathBuf> = file.parent().map(Path::to_owned).into_iter().collect();
        let unreadable =
            |error: std::io::Error| Failure::new(Exit::Usage, format!("{} cannot be read: {error}.", file.display()));
        let kinds = drydock_test::Kinds::default().with_modules(drydock_workbench::shipped_modules());
        let kinds = kinds.and_folders(&folder).map_err(unreadable)?;
        let name = kinds.name(file).unwrap_or_else(|| self.kind.clone());
        Ok((kinds, name))
    }
}

/// The kinds that tests may name: the shipped boards, those of `./boards`, and those of the data directory.
///
/// # Errors
/// A folder cannot be read.
pub(super) fn in_folders(data: Option<&Path>) -> Result<drydock_test::Kinds, Failure> {
    let data = data.map(Path::to_owned).or_else(|| DataDir::Default.path());
    let folders = std::iter::once(PathBuf::from("boards")).chain(data.map(|data| data.join("boards")));
    let folders: Vec<PathBuf> = folders.collect();
    let kinds = drydock_test::Kinds::default().with_modules(drydock_workbench::shipped_modules());
    kinds.and_folders(&folders).map_err(|error| {
        let text = format!("The folder of boards cannot be read: {error}.");
        Failure::new(Exit::Usage, text)
    })
}

/// The file of a folder that describes the board `name`.
fn in_folder(folder: &Path, name: &str) -> Result<Option<PathBuf>, Failure> {
    let files = drydock_workbench::board_folder(folder).map_err(|error| {
        let text = format!("The boards in {} cannot be read: {error}.", folder.display());
        Failure::new(Exit::Usage, text)
    })?;
    let is_it = |file: &&BoardFile| file.name() == name;
    let good = files.iter().filter(is_it).find(|file| file.board.is_ok());
    match good.or(files.iter().find(is_it)).map(|file| (&file.board, &file.path)) {
        None => Ok(None),
        Some((Ok(_), path)) => Ok(Some(path.clone())),
        Some((Err(invalid), _)) => {
            let text = format!("The kind of board {name} cannot be used: {}.", invalid.first());
            Err(Failure {
                detail: Some(invalid.to_string()),
                ..Failure::new(Exit::Refused, text)
            })
        }
    }
}
