//! Why a test failed: what, on which board, at which virtual time, and what the board said last.

use crate::units::show_time;
use std::{fmt, time::Duration};

/// A step of a test failed.
#[derive(Debug, Clone, PartialEq)]
pub struct TestError(Box<Failed>);

#[derive(Debug, Clone, PartialEq)]
struct Failed {
    board: Option<String>,
    at: Duration,
    cause: Cause,
    console: Vec<String>,
}

impl TestError {
    pub(crate) fn new(board: Option<&str>, at: Duration, cause: Cause, console: Vec<String>) -> Self {
        Self(Box::new(Failed {
            board: board.map(str::to_owned),
            at,
            cause,
            console,
        }))
    }

    /// Name of the board that it is about.
    pub fn board(&self) -> Option<&str> {
        self.0.board.as_deref()
    }

    /// Virtual time of the bench.
    pub fn at(&self) -> Duration {
        self.0.at
    }

    /// What happened.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The last lines of the board's console, control characters shown.
    pub fn console(&self) -> &[String] {
        &self.0.console
    }

    /// The first line of the text: without the console.
    pub fn sentence(&self) -> String {
        let Failed { board, at, cause, .. } = &*self.0;
        match board {
            Some(board) => format!("{board} at {:.6} s: {cause}.", at.as_secs_f64()),
            None => format!("{cause}."),
        }
    }
}

impl std::error::Error for TestError {}

impl fmt::Display for TestError {
    /// A sentence, and below it the last lines of the console.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        for (index, line) in self.0.console.iter().enumerate() {
            let head = if index == 0 { "\nIts console ends with:" } else { "" };
            write!(f, "{head}\n  | {line}")?;
        }
        Ok(())
    }
}

/// What happened. Each text is a sentence without its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Cause {
    /// There is no such kind of board.
    #[error("there is no kind of board {kind}; there are: {kinds}")]
    NoKind {
        /// The kind that was asked for.
        kind: String,
        /// All kinds.
        kinds: String,
    },
    /// The user's file of a kind of board is broken.
    #[error("the file of the kind of board {kind} is broken: {problems}")]
    BrokenKind {
        /// The kind that was asked for.
        kind: String,
        /// All that is wrong, each with its place.
        problems: String,
    },
    /// Another board has the name.
    #[error("there are two boards {0}")]
    NameTaken(String),
    /// The firmware file cannot be read, or is no firmware for the board.
    #[error("{path} {why}")]
    Firmware {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The board has no such UART.
    #[error("it has no UART {index}; it has {uarts}")]
    NoUart {
        /// The number that was asked for.
        index: u8,
        /// How many it has.
        uarts: u8,
    },
    /// The chip has no USB device of its own.
    #[error("it has no USB device of its own")]
    NoUsb,
    /// The board has no such pin, LED or button.
    #[error("it has no {what} {name}; {known}")]
    NoPin {
        /// `pin` or `button`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// What it has.
        known: String,
    },
    /// A text did not come.
    #[error("{pattern} did not come on {port} within {}{}", show_time(*.within), after(.stop))]
    NotSeen {
        /// What was expected.
        pattern: String,
        /// Where.
        port: String,
        /// Longest wait.
        within: Duration,
        /// How the board stopped meanwhile, if it did.
        stop: Option<Stop>,
    },
    /// A text came that must not.
    #[error("{pattern} came on {port}")]
    Seen {
        /// What was not expected.
        pattern: String,
        /// Where.
        port: String,
    },
    /// A pin did not get a level.
    #[error("{pin} was not {wanted} within {}: it is {found}{}", show_time(*.within), after(.stop))]
    Level {
        /// The pin.
        pin: String,
        /// What was expected.
        wanted: String,
        /// The level at the end.
        found: String,
        /// Longest wait.
        within: Duration,
        /// How the board stopped meanwhile, if it did.
        stop: Option<Stop>,
    },
    /// A pin toggles at another frequency, or not at all.
    #[error("{pin} has {}, not {wanted_hz} Hz ± {} %{}", measured(*.found_hz), .tolerance * 100.0, after(.stop))]
    Frequency {
        /// The pin.
        pin: String,
        /// What was expected, in hertz.
        wanted_hz: f64,
        /// Share of it by which the frequency may differ.
        tolerance: f64,
        /// What was measured; `None` below two rising edges.
        found_hz: Option<f64>,
        /// How the board stopped meanwhile, if it did.
        stop: Option<Stop>,
    },
    /// A virtual part is refused, or does not take a value.
    #[error("{0}")]
    Part(String),
    /// A value of a virtual part did not come.
    #[error("{}{}", crate::part::missed(.part, .wanted, *.found, *.within), after(.stop))]
    PartValue {
        /// Part and property.
        part: String,
        /// What was expected.
        wanted: String,
        /// The value at the end, in its unit.
        found: f64,
        /// Longest wait.
        within: Duration,
        /// How the board stopped meanwhile, if it did.
        stop: Option<Stop>,
    },
    /// The program did not end with the exit code.
    #[error("the program did not end with {wanted} within {}: {}", show_time(*.within), running(.stop))]
    Exit {
        /// The exit code that was expected.
        wanted: u32,
        /// Longest wait.
        within: Duration,
        /// How the board stopped, if it did.
        stop: Option<Stop>,
    },
    /// More bytes wait for a UART than are kept.
    #[error("{0} does not take its bytes: more than 64 KiB wait for it")]
    LineFull(String),
    /// It takes nothing there.
    #[error("{0} takes no input")]
    NoInput(String),
    /// The board's radio is not modelled, or it has none.
    #[error("it has no radio that is modelled")]
    NoRadio,
    /// The board is on an ether already.
    #[error("it is on an ether already")]
    OnEther,
    /// No radio sends such a frame.
    #[error("{0}")]
    Frame(String),
    /// A frame did not pass.
    #[error("{pattern} did not pass within {}; {}", show_time(*.within), passed(*.others, .last))]
    NoFrame {
        /// What was expected.
        pattern: String,
        /// Longest wait.
        within: Duration,
        /// How many others passed meanwhile.
        others: usize,
        /// The last of them, in hexadecimal.
        last: Option<String>,
    },
    /// There is no such wire.
    #[error("there is no UART wire of this number")]
    NoWire,
    /// The test was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The emulator failed.
    #[error("the machine failed: {0}")]
    Machine(String),
    /// The snapshot or the report cannot be written.
    #[error("{path} cannot be written: {why}")]
    Keep {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
}

/// How a board stopped by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The program ended by semihosting.
    #[error("the program ended with {0}")]
    Exit(u32),
    /// A breakpoint instruction that nobody handles.
    #[error("it stopped at a breakpoint instruction at {0:#010x}")]
    Breakpoint(u32),
    /// A fault within a fault.
    #[error("its core locked up at {0:#010x}")]
    Lockup(u32),
    /// It resets itself because of lockups, again and again.
    #[error("its core locks up and resets again and again")]
    LockupLoop,
    /// The emulator failed.
    #[error("{0}")]
    Crashed(String),
}

fn after(stop: &Option<Stop>) -> String {
    stop.as_ref().map_or_else(String::new, |stop| format!("; {stop}"))
}

fn passed(others: usize, last: &Option<String>) -> String {
    match last {
        Some(last) => format!("{others} others did, the last one {last}"),
        None => "none did".into(),
    }
}

fn running(stop: &Option<Stop>) -> String {
    stop.as_ref().map_or_else(|| "it runs on".into(), ToString::to_string)
}

fn measured(hz: Option<f64>) -> String {
    hz.map_or_else(|| "no two rising edges".into(), |hz| format!("{hz:.3} Hz"))
}
