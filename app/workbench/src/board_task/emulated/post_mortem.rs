//! What a program of the user's own did wrong, and how it ended: said after what it said before, with who called whom if its
//! ELF file tells.

use super::{super::context::BoardContext, machine::Machine, terminals::Asker};
use crate::api::EventName;
use drydock_backtrace::{DebugInfo, Frame};
use drydock_emulator::{GuestFault, runner::MachineHandle};
use drydock_program::Stopped;
use serde_json::{Map, json};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{sync::mpsc, task::JoinSet};

/// Faults that are told between two starts of a board; the board's log has all.
const FAULTS: u32 = 8;

/// What is to be said.
pub(super) enum Mishap {
    /// The program did something wrong, or something that is not modelled; it may go on.
    Fault(GuestFault),
    /// It ended itself.
    Ended(u32),
}

/// Says what happens to a program, in order. It stops when this is dropped.
pub(super) struct PostMortem {
    tell: mpsc::UnboundedSender<Mishap>,
    faults: u32,
    _task: JoinSet<()>,
}

impl PostMortem {
    pub(super) fn open(context: &BoardContext, machine: &Machine, terminals: Asker) -> Self {
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut teller = Teller {
            context: context.clone(),
            machine: machine.handle.clone(),
            terminals,
            program: machine.elf.clone(),
            debug_info: None,
        };
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some(mishap) = told.recv().await {
                match mishap {
                    Mishap::Fault(fault) => teller.fault(&fault).await,
                    Mishap::Ended(code) => teller.ended(code).await,
                }
            }
        });
        Self {
            tell,
            faults: 0,
            _task: task,
        }
    }

    pub(super) fn tell(&mut self, mishap: Mishap) {
        if matches!(mishap, Mishap::Fault(_)) {
            self.faults += 1;
            if self.faults > FAULTS {
                return;
            }
        }
        // The task ends with this only.
        let _ = self.tell.send(mishap);
    }

    /// The program begins anew.
    pub(super) fn restart(&mut self) {
        self.faults = 0;
    }
}

struct Teller {
    context: BoardContext,
    machine: MachineHandle,
    terminals: Asker,
    program: Option<PathBuf>,
    /// Read when it is needed first: it may be large.
    debug_info: Option<Arc<DebugInfo>>,
}

impl Teller {
    async fn fault(&mut self, fault: &GuestFault) {
        let (pc, is_exception) = match fault {
            GuestFault::Access(record) => (record.pc, false),
            GuestFault::Exception { pc, .. } => (*pc, true),
            GuestFault::Lockup { pc, .. } | GuestFault::Unmodelled { pc, .. } => (*pc, false),
        };
        // At once: the program goes on.
        let stopped = if is_exception { self.stopped().await } else { None };
        let frames = self.frames(move |debug_info| {
            // The handler is of no interest; one that has returned already shows nothing.
            let frames = stopped.map(|stopped| stopped.backtrace(debug_info)).unwrap_or_default();
            let at = frames.iter().position(|frame| frame.is_interrupted && frame.pc == pc);
            at.map_or_else(|| debug_info.at(pc), |at| frames[at..].to_vec())
        });
        let frames = frames.await;
        self.terminals.shown().await;
        let mut data = Map::new();
        data.insert("fault".into(), json!(fault.to_string()));
        let backtrace = self.said(&frames, &mut data);
        for line in backtrace {
            self.context.board.state().note("warn", line);
        }
        self.context.post();
        self.context
            .publish(EventName::MachineFaulted, format!("{fault}."), data);
    }

    async fn ended(&mut self, code: u32) {
        let mut frames = Vec::new();
        if code != 0
            && let Some(stopped) = self.stopped().await
        {
            frames = self.frames(move |debug_info| stopped.backtrace(debug_info)).await;
        }
        self.terminals.shown().await;
        let text = format!("The program ended with {code}. A reset starts it again.");
        let level = if code == 0 { "info" } else { "error" };
        let mut data = Map::new();
        data.insert("exit_code".into(), json!(code));
        let backtrace = self.said(&frames, &mut data);
        {
            let mut state = self.context.board.state();
            state.note(level, text.clone());
            backtrace.into_iter().for_each(|line| state.note(level, line));
        }
        self.context.touch();
        self.context.publish(EventName::MachineEnded, text, data);
    }

    /// The lines of a backtrace, which go into an event too.
    fn said(&self, frames: &[Frame], data: &mut Map<String, serde_json::Value>) -> Vec<String> {
        let frames: Vec<String> = frames.iter().map(ToString::to_string).collect();
        let lines = frames.iter().enumerate();
        let lines = lines.map(|(number, frame)| format!("{number:>4}: {frame}")).collect();
        if !frames.is_empty() {
            data.insert("backtrace".into(), json!(frames));
        }
        lines
    }

    async fn stopped(&self) -> Option<Stopped> {
        let board = self.context.board.description().clone();
        self.machine
            .inspect(move |machine| Stopped::of(machine, &board))
            .await
            .ok()?
    }

    /// What the debug information says; nothing without any.
    async fn frames(&mut self, find: impl FnOnce(&DebugInfo) -> Vec<Frame> + Send + 'static) -> Vec<Frame> {
        let Some(debug_info) = self.debug_info().await else {
            return Vec::new();
        };
        let found = tokio::task::spawn_blocking(move || find(&debug_info));
        found.await.unwrap_or_default()
    }

    async fn debug_info(&mut self) -> Option<Arc<DebugInfo>> {
        if self.debug_info.is_none() {
            // It is tried once: a file that cannot be read now is not there for the next fault either.
            let program = self.program.take()?;
            let reading = tokio::task::spawn_blocking(move || read(&program));
            self.debug_info = reading.await.ok()?;
        }
        self.debug_info.clone()
    }
}

fn read(program: &Path) -> Option<Arc<DebugInfo>> {
    let told = std::fs::read(program).map_err(|error| error.to_string());
    match told.and_then(|elf| DebugInfo::read(&elf).map_err(|error| error.to_string())) {
        Ok(debug_info) => Some(Arc::new(debug_info)),
        Err(error) => {
            tracing::info!(program = %program.display(), error, "no backtraces");
            None
        }
    }
}
