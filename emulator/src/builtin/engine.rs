//! The builtin engine: the boards it supports and how it assembles a machine for one.

use drydock_assets::Board;

use super::machine::BuiltinMachine;
use crate::chips::esp32c6::{self, Esp32C6};
use crate::chips::fe310::{self, Fe310};
use crate::chips::nrf52840::{self, Nrf52840};
use crate::chips::ra4m1::{self, Ra4m1};
use crate::chips::stm32f407::{self, Stm32f407};
use crate::core::fabric::{Chip, ResetKind};
use crate::core::memory::GuestMemory;
use crate::machine::OpenError;
use crate::machine::{Availability, Engine, Machine, MachineInfo, Seed};
use crate::parts::Parts;

/// The engine's name.
pub const NAME: &str = "builtin";

/// Our own engine; always available.
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
        Model::of(board).is_some()
    }

    fn open(&self, board: &Board, seed: Seed) -> Result<Box<dyn Machine>, OpenError> {
        let model = Model::of(board).ok_or_else(|| OpenError::UnknownBoard {
            engine: NAME,
            board: board.name.clone(),
        })?;
        let chip = model.chip(seed);
        let info = MachineInfo {
            engine: NAME,
            board: board.name.clone(),
            chip: chip.description().name.to_owned(),
            uarts: board.chip.uarts,
            pins: board.chip.pins,
            seed,
        };
        let mut machine = BuiltinMachine::new(info, chip);
        machine.core_mut().fabric_mut().wire_parts(Parts::of(board));
        model.prepare(board, machine.core_mut().fabric_mut().memory_mut());
        machine.core_mut().reset(ResetKind::PowerOn);
        Ok(Box::new(machine))
    }
}

/// The chips that are modelled.
#[derive(Clone, Copy, Debug)]
enum Model {
    Nrf52840,
    Fe310,
    Esp32C6,
    Stm32f407,
    Ra4m1,
}

impl Model {
    fn of(board: &Board) -> Option<Self> {
        Some(match board.chip.name.as_str() {
            "nrf52840" => Self::Nrf52840,
            "fe310-g002" => Self::Fe310,
            "esp32-c6" => Self::Esp32C6,
            "stm32f407" => Self::Stm32f407,
            "ra4m1" => Self::Ra4m1,
            _ => return None,
        })
    }

    /// A chip in its factory state.
    fn chip(self, seed: Seed) -> Box<dyn Chip> {
        match self {
            Self::Nrf52840 => Box::new(Nrf52840::new(seed.0)),
            Self::Fe310 => Box::new(Fe310::default()),
            Self::Esp32C6 => Box::new(Esp32C6::new(seed.0)),
            Self::Stm32f407 => Box::new(Stm32f407::new(seed.0)),
            Self::Ra4m1 => Box::new(Ra4m1::new(seed.0)),
        }
    }

    /// Writes the factory contents of a board's memories.
    fn prepare(self, board: &Board, memory: &mut GuestMemory) {
        match self {
            Self::Nrf52840 => nrf52840::prepare(memory, reset_pin(board), board.boot),
            Self::Fe310 => fe310::prepare(memory, board.boot),
            Self::Esp32C6 => esp32c6::prepare(memory),
            Self::Stm32f407 => stm32f407::prepare(memory, board.boot),
            Self::Ra4m1 => ra4m1::prepare(memory, board.boot),
        }
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
