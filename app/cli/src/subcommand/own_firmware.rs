//! `drydock emulate --firmware` and `drydock boards firmware`: programs of the user's own on emulated boards.

use super::{absolute, cancelled, cancelled_by_user, kinds::NamedKind, run::pace, suite};
use crate::{
    arguments::{BoardsFirmware, Emulate, ProgramOptions, Unmodelled, Until},
    board_text::BoardText,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output, now_ms},
    plain_text,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_api::{
    BoardAdd, BoardFirmware, BoardRef, BoardView, ConsoleRead, ConsoleSend, ConsoleView, Event, EventName,
    FirmwareFile, LogsQuery, MachineState, Update,
};
use serde_json::json;
use std::{
    collections::HashMap,
    io::Write,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// How often the board's time and state are read.
const LOOK: Duration = Duration::from_millis(50);

/// The file as the owner reads it.
pub(super) fn file(path: &Path, options: &ProgramOptions) -> Result<FirmwareFile, Failure> {
    Ok(FirmwareFile {
        path: absolute(path)?,
        address: options.address,
        defmt: options.defmt.clone(),
        unmodelled: match options.unmodelled {
            Unmodelled::Fault => drydock_api::Unmodelled::Fault,
            Unmodelled::Zero => drydock_api::Unmodelled::Zero,
        },
        arguments: String::new(),
    })
}

/// The program of `drydock emulate` as the owner reads it, with its command line.
fn program(path: &Path, arguments: &Emulate) -> Result<FirmwareFile, Failure> {
    Ok(FirmwareFile {
        arguments: arguments.arguments.join(" "),
        ..file(path, &arguments.program)?
    })
}

/// `drydock boards firmware`.
pub(super) async fn change(
    connection: &Connection,
    arguments: &BoardsFirmware,
    output: &Output,
) -> Result<(), Failure> {
    let firmware = match &arguments.file {
        Some(path) => Some(file(path, &arguments.program)?),
        None => None,
    };
    let request = BoardFirmware {
        board: arguments.board.clone(),
        firmware,
    };
    let view = ask!(connection, BoardFirmware(request))?;
    output.object("board", &view);
    output.say(match &view.firmware {
        Some(firmware) => format!(
            "{} runs {}: {}. {}",
            view.name, firmware.name, firmware.format, firmware.start
        ),
        None => format!("{} runs Drydock's firmware.", view.name),
    });
    Ok(())
}

/// `drydock emulate --firmware FILE`: one board, whose UARTs are this terminal.
pub(crate) async fn emulate(
    data: Option<&Path>,
    arguments: &Emulate,
    path: &Path,
    output: &Output,
) -> Result<Exit, Failure> {
    if arguments.until == Some(Until::AllRunning) {
        let text = "A program of your own cannot be waited for in this way; write --until exit, or leave it out.";
        return Err(Failure::new(Exit::Usage, text));
    }
    if arguments.count != 1 {
        let text =
            "With --firmware there is one board, whose UART is this terminal; add more with `drydock boards add`.";
        return Err(Failure::new(Exit::Usage, text));
    }
    let kind = NamedKind::find(&arguments.board, data, output)?;
    if let Some(suite) = suite::of(path, arguments, &kind, data)? {
        return suite::run(suite, arguments, output).await;
    }
    let connection = match data {
        Some(_) => Connection::open(data, Boards::LeaveOff, output).await?,
        None => Connection::temporary().await?,
    };
    let mut added = None;
    let outcome = tokio::select! {
        outcome = serve(&connection, &mut added, (arguments, &kind), path, output) => outcome,
        () = cancelled() => match (arguments.duration, arguments.until) {
            (None, None) => Ok(Exit::Success),
            _ => Err(cancelled_by_user()),
        },
    };
    super::record::end(&connection, &arguments.to, output).await;
    if data.is_some()
        && let Some(board) = added
    {
        // It may be gone already.
        let _ = ask!(connection, BoardRemove(BoardRef { board }));
    }
    connection.close().await;
    outcome
}

async fn serve(
    connection: &Connection,
    added: &mut Option<String>,
    (arguments, kind): (&Emulate, &NamedKind),
    path: &Path,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut updates = connection.subscribe().await?;
    let add = BoardAdd {
        kind: kind.kind.clone(),
        kind_file: kind.file.clone(),
        name: None,
        engine: arguments.engine.clone(),
        pace: pace(arguments.pace),
        seed: arguments.seed.clone(),
        link_noise: None,
        firmware: Some(program(path, arguments)?),
        parts: arguments.part.clone(),
        part_values: arguments.part_values.as_deref().map(absolute).transpose()?,
        record: super::record::record_to(&arguments.to)?,
    };
    let begin = Instant::now();
    let board = ask!(connection, BoardAdd(add))?;
    *added = Some(board.id.clone());
    output.object("board.added", &board);
    if let Some(firmware) = &board.firmware {
        let text = format!(
            "{} on {}: {}. {}",
            firmware.name, board.title, firmware.format, firmware.start
        );
        output.step(Ink::Dim, &text);
    }
    let get = || BoardRef {
        board: board.id.clone(),
    };
    let mut typed = super::console::typed();
    let mut look = tokio::time::interval(LOOK);
    let mut shown = Shown::of(&board);
    let mut file_now = FileState::of(path);
    // What was typed or piped in before waits for the program.
    let mut runs = false;
    // The last line of the board's log that was shown, once the program has been found to speak the link.
    let mut links = None;
    loop {
        let end = tokio::select! {
            update = updates.next() => match update {
                // What a program said comes before the event that it ended.
                Some(Update::Event(event)) if event.event == EventName::RecordingEnded => {
                    output.event(&event);
                    None
                }
                Some(Update::Event(event)) if event.board.as_ref() == Some(&board.name) => {
                    if output.is_json() {
                        output.event(&event);
                    }
                    if !output.is_json() {
                        say_mishap(&event, output);
                    }
                    if event.event == EventName::BoardFirmware && event.data.contains_key("links") {
                        links = Some(link_lines(connection, &board.id).await?);
                        output.step(Ink::Bold, &event.text);
                    }
                    if is_of_session(&event.event) && !output.is_json() {
                        output.step(Ink::Dim, &event.text);
                    }
                    runs |= event.event == EventName::MachineStarted;
                    match event.event {
                        EventName::MachineFailed => return Err(Failure::machine(event.text).about(&board.name)),
                        EventName::MachineEnded | EventName::MachineCrashed => stopped(&ask!(connection, BoardGet(get()))?),
                        _ => None,
                    }
                }
                Some(Update::Resync) => {
                    shown.read_again(connection, output).await;
                    if let Some(after) = &mut links {
                        show_lines(connection, &board, after, output).await?;
                    }
                    stopped(&ask!(connection, BoardGet(get()))?)
                }
                Some(update) => {
                    shown.take(&update, output);
                    if let (Update::Logs { board: of, .. }, Some(after)) = (&update, &mut links)
                        && *of == board.id
                    {
                        show_lines(connection, &board, after, output).await?;
                    }
                    None
                }
                None => return Err(Failure::machine("The running Drydock has ended.")),
            },
            line = typed.recv(), if runs && !typed.is_closed() => {
                let Some(line) = line else { continue };
                let bytes = format!("{line}\n");
                let send = ConsoleSend { path: board.id.clone(), base64: BASE64_STANDARD.encode(bytes) };
                if let Err(error) = ask!(connection, ConsoleSend(send)) {
                    output.failure(&error.into());
                }
                None
            }
            _ = look.tick() => {
                if arguments.watch && file_now.has_changed(path) {
                    load_again(connection, &board.id, path, arguments, output).await?;
                }
                over(&ask!(connection, BoardGet(get()))?, arguments, begin)
            }
        };
        let Some(end) = end else { continue };
        if arguments.watch && arguments.until.is_none() && matches!(end, End::Exit(_) | End::Stopped(_)) {
            output.step(Ink::Bold, "It stopped; it is started again when its file changes.");
            continue;
        }
        // Nothing tells when the last of what a machine that runs on has sent is here.
        while let Ok(Some(update)) = tokio::time::timeout(LOOK, updates.next()).await {
            shown.take(&update, output);
        }
        return finished(&ask!(connection, BoardGet(get()))?, end, output);
    }
}

/// The last line of the board's log, if it has any: what comes behind it came over the link.
async fn link_lines(connection: &Connection, board: &str) -> Result<Option<u64>, Failure> {
    let query = LogsQuery {
        board: board.to_owned(),
        after: None,
        source: None,
        limit: Some(1),
    };
    let logs = ask!(connection, LogsQuery(query))?;
    Ok(logs.lines.last().map(|line| line.sequence))
}

/// Prints the lines behind one of them. They are queried, so that none is shown twice or left out.
async fn show_lines(
    connection: &Connection,
    board: &BoardView,
    after: &mut Option<u64>,
    output: &Output,
) -> Result<(), Failure> {
    let query = LogsQuery {
        board: board.id.clone(),
        after: *after,
        source: None,
        limit: None,
    };
    for line in &ask!(connection, LogsQuery(query))?.lines {
        *after = Some(line.sequence);
        // What Drydock notes itself is an event too.
        if line.source != "drydock" {
            output.log(&board.name, line);
        }
    }
    Ok(())
}

/// What a program that speaks Drydock's link does with it.
fn is_of_session(event: &EventName) -> bool {
    matches!(
        event,
        EventName::DeviceEnrolled
            | EventName::DeviceConnected
            | EventName::DeviceDisconnected
            | EventName::DeviceUnauthenticated
    )
}

/// What went wrong, and who called whom. That the program ended is said at the end.
fn say_mishap(event: &Event, output: &Output) {
    if event.event == EventName::MachineFaulted {
        output.step(Ink::Bold, &event.text);
    }
    let backtrace = event.data.get("backtrace").and_then(|backtrace| backtrace.as_array());
    for (number, frame) in backtrace.into_iter().flatten().enumerate() {
        let frame = frame.as_str().unwrap_or_default();
        output.step(Ink::Dim, &format!("{number:>4}: {}", plain_text::line(frame)));
    }
}

/// Gives the board the program as the file has it now. If it is refused, the board goes on with the one before.
async fn load_again(
    connection: &Connection,
    board: &str,
    path: &Path,
    arguments: &Emulate,
    output: &Output,
) -> Result<(), Failure> {
    let request = BoardFirmware {
        board: board.to_owned(),
        firmware: Some(program(path, arguments)?),
    };
    match ask!(connection, BoardFirmware(request)) {
        Ok(view) => {
            output.object("board", &view);
            output.step(
                Ink::Bold,
                &format!("{} has changed and was started again.", path.display()),
            );
        }
        Err(error) => output.failure(&error.into()),
    }
    Ok(())
}

/// Length and time of a file. A compiler writes a file in parts: it counts when it has stayed the same for a look.
struct FileState {
    loaded: Option<(u64, SystemTime)>,
    seen: Option<(u64, SystemTime)>,
}

impl FileState {
    fn of(path: &Path) -> Self {
        let now = Self::look(path);
        Self { loaded: now, seen: now }
    }

    fn look(path: &Path) -> Option<(u64, SystemTime)> {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    }

    /// Whether there is another file now, which is whole.
    fn has_changed(&mut self, path: &Path) -> bool {
        let now = Self::look(path);
        let is_settled = now == self.seen;
        self.seen = now;
        if now.is_none() || now == self.loaded || !is_settled {
            return false;
        }
        self.loaded = now;
        true
    }
}

/// Why the run is over.
enum End {
    /// The program ended by itself.
    Exit(u32),
    /// The time that was asked for is over.
    Time,
    /// The machine stopped by itself.
    Stopped(String),
    /// It did not stop in time.
    Late,
}

/// How a machine stopped by itself, if it did.
fn stopped(view: &BoardView) -> Option<End> {
    let machine = view.machine.as_ref()?;
    match (machine.exit_code, machine.state) {
        (Some(code), _) => Some(End::Exit(code)),
        (None, MachineState::Crashed) => Some(End::Stopped(machine.fault.clone().unwrap_or_default())),
        _ => None,
    }
}

/// Whether a time is over that was given.
fn over(view: &BoardView, arguments: &Emulate, begin: Instant) -> Option<End> {
    let time = view.machine.as_ref().map_or(0.0, |machine| machine.virtual_time_s);
    if arguments.duration.is_some_and(|end| time >= end.as_secs_f64()) {
        return Some(End::Time);
    }
    (arguments.until == Some(Until::Exit) && begin.elapsed() >= arguments.timeout).then_some(End::Late)
}

fn finished(view: &BoardView, end: End, output: &Output) -> Result<Exit, Failure> {
    let seconds = view.machine.as_ref().map_or(0.0, |machine| machine.virtual_time_s);
    let (text, exit) = match end {
        End::Exit(0) => (
            format!("The program ended with 0 after {seconds:.3} s of its time."),
            Exit::Success,
        ),
        End::Exit(code) => {
            let text = format!("The program ended with {code} after {seconds:.3} s of its time.");
            // A process has 255 codes for failures.
            let exit = Exit::Program(u8::try_from(code).unwrap_or(u8::MAX));
            return Err(Failure::new(exit, text).about(&view.name));
        }
        End::Time => (
            format!("Ended after {seconds:.3} s of the board's time."),
            Exit::Success,
        ),
        End::Stopped(why) => {
            let text = format!("The machine stopped after {seconds:.3} s of its time: {why}.");
            return Err(Failure::machine(text).about(&view.name));
        }
        End::Late => {
            let text = "The program did not end in time; give it more with --timeout.";
            return Err(Failure::machine(text).about(&view.name));
        }
    };
    output.step(Ink::Bold, &text);
    let object = json!({ "time_ms": now_ms(), "exit_code": exit.code(), "text": text, "virtual_time_s": seconds });
    output.object("emulate.finished", &object);
    Ok(exit)
}

/// What was printed of a board's terminals.
struct Shown {
    /// How their paths begin.
    prefix: String,
    /// The last chunk of each, by path.
    last: HashMap<String, u64>,
    /// What each has sent, for the user's terminal.
    texts: HashMap<String, BoardText>,
}

impl Shown {
    /// Nothing yet of a board that runs a program of the user's own.
    fn of(board: &BoardView) -> Self {
        let main = board.firmware.as_ref().map(|firmware| firmware.terminal.clone());
        Self {
            prefix: format!("{}:", board.id),
            last: main.map(|path| (path, 0)).into_iter().collect(),
            texts: HashMap::new(),
        }
    }

    /// Prints an update, if it is one of these terminals.
    fn take(&mut self, update: &Update, output: &Output) {
        if let Update::Console { console } = update
            && console.path.starts_with(&self.prefix)
        {
            self.print(console, output);
        }
    }

    /// Updates were missed: prints what the terminals that are known have since.
    async fn read_again(&mut self, connection: &Connection, output: &Output) {
        for (path, after) in self.last.clone() {
            let read = ConsoleRead {
                path,
                after: Some(after),
            };
            // It may not be open yet.
            if let Ok(console) = ask!(connection, ConsoleRead(read)) {
                self.print(&console, output);
            }
        }
    }

    fn print(&mut self, console: &ConsoleView, output: &Output) {
        let last = self.last.entry(console.path.clone()).or_default();
        let text = self
            .texts
            .entry(console.path.clone())
            .or_insert_with(|| output.board_text());
        for chunk in &console.chunks {
            if chunk.sequence <= *last {
                continue;
            }
            *last = chunk.sequence;
            output.object("console.data", chunk);
            let Ok(bytes) = BASE64_STANDARD.decode(&chunk.base64) else {
                continue;
            };
            if output.is_json() {
                continue;
            }
            let text = text.take(&bytes);
            let mut stdout = std::io::stdout().lock();
            // A closed stream ends the process with its next line.
            let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        }
    }
}
