//! Runtime services, the same on every board: the heap with its arenas, the stack, and the crash record.
#![no_std]

use drydock_device::board::{Arena, OutOfMemory, Phase, RuntimeServices, Usage};
use drydock_protocol::types::FaultRecord;

/// The image that runs.
pub struct Image;

impl RuntimeServices for Image {
    fn set_phase(&self, phase: Phase) {
        drydock_fault::set_phase(phase.tag());
    }

    fn take_fault(&self) -> Option<FaultRecord> {
        drydock_fault::take()
    }

    fn in_arena(&self, arena: Arena, work: &mut dyn FnMut()) -> Result<(), OutOfMemory> {
        drydock_fault::mark_app(Some(arena.mark));
        let done = drydock_arena::run(arena, work);
        drydock_fault::mark_app(None);
        done
    }

    fn allow_growth(&self, limit_bytes: Option<u32>) {
        drydock_arena::allow_growth(limit_bytes);
    }

    fn arena_bytes(&self, number: u8) -> u32 {
        drydock_arena::arena_bytes(number)
    }

    fn free_arena(&self, number: u8) {
        // SAFETY: the device frees an arena after it has dropped or forgotten the app that lived there.
        unsafe { drydock_arena::free_arena(number) };
    }

    fn faulted_app(&self) -> Option<u8> {
        drydock_fault::faulted_app()
    }

    fn heap(&self) -> Usage {
        drydock_arena::usage()
    }

    fn stack(&self) -> Usage {
        drydock_stack::usage()
    }
}
