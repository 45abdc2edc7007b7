//! The builtin engine: which boards it has, and how a machine of one is put together.

use drydock_assets::Board;

use super::fabric::{Chip, ResetKind};
use super::machine::BuiltinMachine;
use super::nrf52840::{self, Nrf52840};
use crate::engine::{Availability, Engine, Machine, MachineInfo, Seed};
use crate::error::OpenError;

/// The engine's name.
pub const NAME: &str = "builtin";

/// Our own engine; always there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builtin;

impl Engine for Builtin {
    fn name(&self) -> &'static str {
        NAME
    }

    fn availability(&self) -> Availability {
        Availability::Available {
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn supports(&self, board: &Board) -> bool {
        board.chip.name == "nrf52840"
    }

    fn open(&self, board: &Board, seed: Seed) -> Result<Box<dyn Machine>, OpenError> {
        if !self.supports(board) {
            return Err(OpenError::UnknownBoard {
                engine: NAME,
                board: board.name.clone(),
            });
        }
        let chip = Nrf52840::new(seed.0);
        let info = MachineInfo {
            engine: NAME,
            board: board.name.clone(),
            chip: chip.description().name.to_owned(),
            uarts: Nrf52840::UARTS,
            pins: Nrf52840::PINS,
            seed,
        };
        let mut machine = BuiltinMachine::new(info, Box::new(chip));
        let memory = machine.core_mut().fabric_mut().memory_mut();
        nrf52840::prepare(memory, reset_pin(board), board.boot);
        machine.core_mut().reset(ResetKind::PowerOn);
        Ok(Box::new(machine))
    }
}

/// The pin of the board's reset button.
fn reset_pin(board: &Board) -> Option<u16> {
    board
        .buttons
        .iter()
        .find(|button| button.resets)
        .map(|button| button.pin.0)
}
