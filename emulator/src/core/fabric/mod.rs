//! The fabric: bus, events, interrupts and memory of a machine. A core and a chip's peripherals meet here: a chip
//! implements [`Chip`], and its peripherals reach everything else through the [`Fabric`].
//!
//! Rules of this seam:
//! - The core sets the instant of the access in [`Fabric::now`] and its instruction in [`Fabric::pc`] before it calls
//!   the chip.
//! - The core serves RAM, flash reads and the private peripheral bus (0xE000_0000..0xE010_0000) itself, and resolves
//!   bit-band aliases. Every other address, and every *store* to flash, goes to [`Chip::read`] or [`Chip::write`].
//! - Nothing here reads host time or host randomness: the same image, seed and inputs give the same run.

mod address_block;
mod air;
mod irq_lines;
mod parts;
mod repeats;
mod saved;
mod trace;

use std::hash::Hasher;

use super::events::{EventId, EventQueue, Token};
use super::memory::{GuestMemory, Region};
use crate::debug::profile::Watching;
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;
/// Types in the methods of a fabric and of a chip.
pub use crate::machine::{
    AccessFault, AccessSize, FaultRecord, Heard, PinChange, ResetKind, UartOutput, UnmodelledAnswer, UsbAction,
    UsbEvent, UsbOccurrence, UsbStatus,
};

use crate::parts::Parts;

pub use address_block::AddressBlock;
pub(crate) use irq_lines::{IRQ_WORDS, IrqLines};
pub(super) use repeats::Repeats;
pub(super) use saved::SavedFabric;
pub use saved::{BadState, ChipState};

/// A chip: all its peripherals in one struct, so that connections between them on silicon (PPI, shorts, DMA) can be
/// modelled here.
///
/// [`ChipState`] is implemented automatically if the struct and all its parts derive `Clone`, `Hash` and `serde`'s
/// traits.
pub trait Chip: ChipState + Send {
    /// Memory map and core of this chip.
    fn description(&self) -> ChipDescription;

    /// A load by the core (or a debugger) of `size` bytes at `addr`, aligned to `size`. The value is zero-extended.
    ///
    /// # Errors
    /// [`AccessFault`]; the core logs it with address and PC and raises a precise BusFault in the guest.
    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault>;

    /// A store by the core of `size` bytes at `addr`, aligned to `size`: to a peripheral, or to flash, whose controller
    /// decides what it does ([`Fabric::memory_mut`] programs it).
    ///
    /// # Errors
    /// As for [`Chip::read`].
    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault>;

    /// The event scheduled with `token` is due. `fabric.now()` is its time, or a few cycles later if an instruction was
    /// in progress.
    fn event(&mut self, fabric: &mut Fabric, token: Token);

    /// The chip is reset. [`ResetKind::PowerOn`] is the first call of all. The fabric has dropped every pending event
    /// and interrupt level before this call.
    fn reset(&mut self, fabric: &mut Fabric, kind: ResetKind);

    /// An image was loaded: prepares the state that the board's bootloader leaves at each start, besides the contents
    /// of memory.
    fn boot_image(&mut self, _image: &crate::machine::Image) {}

    /// The manufacturer's name of the code at `addr`, if the chip knows one that no image has (a ROM function).
    fn place_name(&self, _addr: u32) -> Option<&'static str> {
        None
    }

    /// Bytes arrive from outside at UART `index`. The guest receives them at the line rate: pace them by events.
    fn uart_input(&mut self, fabric: &mut Fabric, index: u8, bytes: &[u8]);

    /// How many more bytes UART `index` accepts before its inbound queue is full (host-side back-pressure).
    fn uart_input_room(&self, index: u8) -> usize;

    /// Whether bytes are in transfer over UART `index`, in or out: the next due event is then not a time-out.
    fn uart_busy(&self, _index: u8) -> bool {
        false
    }

    /// Sets the level that is driven on pin `pin` from outside; `None` if nothing drives it (pull-ups and pull-downs
    /// decide).
    fn pin_input(&mut self, fabric: &mut Fabric, pin: u16, level: Option<bool>);

    /// The level on pin `pin` now, as a probe would measure it; `None` if it floats or does not exist.
    fn pin_level(&self, pin: u16) -> Option<bool>;

    /// The state of the chip's USB device and of its socket; `None` if none is modelled.
    fn usb_status(&self) -> Option<UsbStatus> {
        None
    }

    /// A host acts on the USB. Results are [`Fabric::usb_event`]s.
    fn usb_action(&mut self, _fabric: &mut Fabric, _action: UsbAction) {}

    /// Whether a USB transaction is on the wire.
    fn usb_busy(&self) -> bool {
        false
    }

    /// Whether the chip has a radio that is modelled.
    fn has_radio(&self) -> bool {
        false
    }

    /// Something reaches the antenna of the chip's radio. What it sends itself are [`Fabric::air_event`]s.
    fn hear(&mut self, _fabric: &mut Fabric, _heard: Heard) {}

    /// Whether the chip resets itself when its core locks up (with no debugger attached).
    fn resets_on_lockup(&self) -> bool {
        false
    }
}

/// Properties of a chip that the machine needs before it runs.
#[derive(Clone, Debug)]
pub struct ChipDescription {
    /// Name in the field's spelling, as in `nRF52840`.
    pub name: &'static str,
    /// Memory regions: flash, RAM, information pages. They do not overlap, and start and end on 4 KiB pages.
    pub regions: Vec<Region>,
    /// Which core, with its options.
    pub core: CoreDescription,
    /// Core clock out of reset, in Hz ([`Fabric::set_cpu_hz`] changes it).
    pub cpu_hz: u32,
    /// Address blocks by name, for profiles, without those of the core itself.
    pub blocks: &'static [AddressBlock],
}

/// A core and its build options.
#[derive(Clone, Debug)]
pub enum CoreDescription {
    /// Cortex-M4 or M4F.
    CortexM(CortexMOptions),
    /// RV32IMAC with machine and user mode.
    RiscV(RiscVOptions),
}

/// Implementation options of a RISC-V core (Privileged Architecture 1.12). Interrupt line `n` of the fabric is bit `n`
/// of `mip`: 3, 7 and 11 are the standard software, timer and external interrupt, 16 and up the platform's own.
#[derive(Clone, Debug)]
pub struct RiscVOptions {
    /// Where execution starts after a reset.
    pub reset_pc: u32,
    /// `mvendorid`, `marchid` and `mimpid`.
    pub identity: [u32; 3],
    /// Bits of `mie` that can be set.
    pub interrupts: u32,
    /// PMP entries, 0..=16, of 4 bytes' granularity.
    pub pmp_entries: u8,
    /// Whether memory supports LR and SC; otherwise they are access faults.
    pub reservations: bool,
    /// Whether misaligned loads and stores work; otherwise they trap.
    pub misaligned: bool,
    /// Bits of `mtvec` that can be set.
    pub mtvec_mask: u32,
    /// `mtvec` after a reset, ORed to every written value: a core that is always vectored has bit 0 here.
    pub mtvec_fixed: u32,
    /// CSRs of the implementation that store written values without further effect: number and reset value.
    pub plain_csrs: &'static [(u16, u32)],
}

/// Implementation options of a Cortex-M4 (TRM r0p1, "Configurable options").
#[derive(Clone, Debug)]
pub struct CortexMOptions {
    /// Interrupt lines, 1..=240.
    pub irq_count: u16,
    /// Implemented priority bits, 3..=8.
    pub priority_bits: u8,
    /// Whether the FPU exists.
    pub fpu: bool,
    /// MPU regions: 0 or 8.
    pub mpu_regions: u8,
    /// Whether SRAM and peripheral bit-band aliases exist.
    pub bit_band: bool,
    /// Address of the vector table at reset (the boot alias on chips that have one).
    pub initial_vtor: u32,
    /// SysTick's reference clock in Hz if CLKSOURCE = 0; `None` if there is no reference clock (CALIB.NOREF = 1).
    pub systick_reference_hz: Option<u32>,
    /// SysTick CALIB.TENMS.
    pub systick_calibration: u32,
}

/// A request from the chip to the machine that ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Request {
    /// Reset everything.
    Reset(ResetKind),
    /// The chip switched itself off (nRF System OFF); only a pin or a power cycle wakes it.
    PowerOff,
}

/// Limits of the logs; further records are counted in [`Dropped`], not stored.
const FAULTS_MAX: usize = 1_024;
const PIN_CHANGES_MAX: usize = 65_536;
/// A host has far fewer transactions in flight.
const USB_EVENTS_MAX: usize = 65_536;

/// How many records were not kept because a log was full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Dropped {
    /// Refused accesses.
    pub faults: u64,
    /// Pin changes.
    pub pin_changes: u64,
}

/// The services for a chip's peripherals: time, events, interrupt lines, guest memory, UART and pin outputs, entropy.
pub struct Fabric {
    now: VirtualTime,
    pc: u32,
    cpu_hz: u32,
    cpu_hz_changed: bool,
    events: EventQueue,
    irq: IrqLines,
    memory: GuestMemory,
    entropy: EntropyStream,
    request: Option<Request>,
    /// The core executes nothing until then (flash is busy); events are still served.
    stalled_until: VirtualTime,
    /// The core waits for flash wherever it executes: nobody is interested in its polling.
    polls_are_skipped: bool,
    /// Semihosting calls are served; otherwise each of them stops the machine.
    serves_semihosting: bool,
    /// The ITM's stimulus ports are on, as with a debugger that collects them.
    collects_itm: bool,
    uart_output: Vec<UartOutput>,
    pin_changes: Vec<PinChange>,
    /// What else happens, while somebody traces the machine.
    trace: Option<Box<trace::TraceLog>>,
    usb_events: Vec<UsbEvent>,
    /// What the radio did, while somebody carries it.
    air: air::AirLog,
    faults: Vec<FaultRecord>,
    repeats: Repeats,
    unmodelled: UnmodelledAnswer,
    /// What a program gets that asks for its arguments by semihosting.
    command_line: Box<str>,
    dropped: Dropped,
    /// The core must check for a change before its next instruction.
    attention: bool,
    /// The recorder, while the core is profiled.
    profile: Option<Box<Watching>>,
    /// Virtual parts on the board, if it has any.
    parts: Option<Box<Parts>>,
}

impl Fabric {
    /// A fabric at power-on over `memory`.
    pub fn new(memory: GuestMemory, entropy: EntropyStream, cpu_hz: u32) -> Self {
        Self {
            now: VirtualTime::ZERO,
            pc: 0,
            cpu_hz,
            cpu_hz_changed: false,
            events: EventQueue::default(),
            irq: IrqLines::default(),
            memory,
            entropy,
            request: None,
            stalled_until: VirtualTime::ZERO,
            polls_are_skipped: false,
            serves_semihosting: false,
            collects_itm: false,
            uart_output: Vec::new(),
            pin_changes: Vec::new(),
            trace: None,
            usb_events: Vec::new(),
            air: air::AirLog::default(),
            faults: Vec::new(),
            repeats: Repeats::default(),
            unmodelled: UnmodelledAnswer::default(),
            command_line: Box::default(),
            dropped: Dropped::default(),
            attention: false,
            profile: None,
            parts: None,
        }
    }

    /// A copy for a snapshot or a fork, without the outputs that were not taken yet.
    pub fn fork(&mut self) -> Self {
        Self {
            now: self.now,
            pc: self.pc,
            cpu_hz: self.cpu_hz,
            cpu_hz_changed: self.cpu_hz_changed,
            events: self.events.clone(),
            irq: self.irq.clone(),
            memory: self.memory.fork(),
            entropy: self.entropy.clone(),
            request: self.request,
            stalled_until: self.stalled_until,
            polls_are_skipped: false,
            serves_semihosting: self.serves_semihosting,
            collects_itm: self.collects_itm,
            uart_output: Vec::new(),
            pin_changes: Vec::new(),
            trace: None,
            usb_events: Vec::new(),
            air: air::AirLog::default(),
            faults: Vec::new(),
            repeats: self.repeats.clone(),
            unmodelled: self.unmodelled,
            command_line: self.command_line.clone(),
            dropped: self.dropped,
            attention: true,
            profile: None,
            parts: self.parts.clone(),
        }
    }

    /// Serves semihosting calls from now on.
    pub fn serve_semihosting(&mut self) {
        self.serves_semihosting = true;
    }

    /// Whether semihosting calls are served.
    pub(in crate::core) fn serves_semihosting(&self) -> bool {
        self.serves_semihosting
    }

    /// Turns the ITM's stimulus ports on, as a debugger does that collects them, or leaves them to the program.
    pub fn collect_itm(&mut self, collects: bool) {
        self.collects_itm = collects;
    }

    /// Whether a debugger collects what is written to the ITM.
    pub(in crate::core) fn collects_itm(&self) -> bool {
        self.collects_itm
    }

    // --- time ---

    /// The instant of the access or event being served.
    pub fn now(&self) -> VirtualTime {
        self.now
    }

    /// Schedules a call of [`Chip::event`] with `token` at `at`. If `at` is past, the call comes at once, but not from
    /// within this one.
    pub fn schedule(&mut self, at: VirtualTime, token: Token) -> EventId {
        self.attention = true;
        self.events.schedule(at, token)
    }

    /// [`Self::schedule`], `span` from now.
    pub fn schedule_in(&mut self, span: VirtualTime, token: Token) -> EventId {
        self.schedule(self.now.saturating_add(span), token)
    }

    /// Cancels an event; false if it was already served or cancelled.
    pub fn cancel(&mut self, id: EventId) -> bool {
        self.events.cancel(id)
    }

    /// Cancels all events with this token.
    pub fn cancel_token(&mut self, token: Token) -> usize {
        self.events.cancel_token(token)
    }

    /// The core clock in Hz.
    pub fn cpu_hz(&self) -> u32 {
        self.cpu_hz
    }

    /// Changes the core clock from this instant on.
    pub fn set_cpu_hz(&mut self, hz: u32) {
        if hz != self.cpu_hz {
            self.cpu_hz = hz;
            self.cpu_hz_changed = true;
            self.attention = true;
        }
    }

    /// Flash is busy until `at`. The core stops if it executes from there, or polls for a debugger.
    pub fn flash_is_busy(&mut self, at: VirtualTime, executes_from_it: bool) {
        if executes_from_it || self.polls_are_skipped {
            self.stall_until(at);
        }
    }

    /// Lets the core stop while flash is busy, instead of executing the loop in which it asks for the end.
    pub fn skip_polls(&mut self, skip: bool) {
        self.polls_are_skipped = skip;
    }

    /// Stops the core from executing until `at`, for example while flash is busy. Events are still served.
    pub fn stall_until(&mut self, at: VirtualTime) {
        self.stalled_until = self.stalled_until.max(at);
        self.attention = true;
    }

    // --- interrupts ---

    /// Sets the level of interrupt line `line` (exception number − 16). While it is high the interrupt is pending
    /// whenever it is not active, as on silicon.
    pub fn set_irq(&mut self, line: u16, level: bool) {
        if self.irq.set_level(line, level) {
            self.attention = true;
        }
    }

    /// Sets the levels of interrupt lines 0 to 31, a bit each, as [`Self::set_irq`] sets one.
    pub fn set_first_irqs(&mut self, levels: u32) {
        if self.irq.set_first(levels) {
            self.attention = true;
        }
    }

    /// A pulse on interrupt line `line`: pends it once.
    pub fn pend_irq(&mut self, line: u16) {
        self.irq.pulse(line);
        self.attention = true;
    }

    /// The level of interrupt line `line`.
    pub fn irq_level(&self, line: u16) -> bool {
        self.irq.level(line)
    }

    // --- memory ---

    /// Guest memory as the bus sees it, without side effects.
    pub fn memory(&self) -> &GuestMemory {
        &self.memory
    }

    /// Guest memory, to write: RAM, and flash as its controller programs it.
    pub fn memory_mut(&mut self) -> &mut GuestMemory {
        &mut self.memory
    }

    /// A DMA read from RAM (EasyDMA cannot reach flash).
    ///
    /// # Errors
    /// [`AccessFault::Unmapped`] when any byte lies outside RAM; it is logged.
    pub fn dma_read(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), AccessFault> {
        if !self.memory.is_ram(addr, bytes.len()) || self.memory.read(addr, bytes).is_err() {
            self.log_fault(addr, AccessSize::Byte, None, AccessFault::Unmapped);
            return Err(AccessFault::Unmapped);
        }
        Ok(())
    }

    /// A DMA write to RAM.
    ///
    /// # Errors
    /// As for [`Self::dma_read`]; nothing is written then.
    pub fn dma_write(&mut self, addr: u32, bytes: &[u8]) -> Result<(), AccessFault> {
        if !self.memory.is_ram(addr, bytes.len()) || self.memory.write(addr, bytes).is_err() {
            let value = bytes.first().copied().unwrap_or(0);
            self.log_fault(addr, AccessSize::Byte, Some(u32::from(value)), AccessFault::Unmapped);
            return Err(AccessFault::Unmapped);
        }
        Ok(())
    }

    // --- the world outside ---

    /// A byte leaves UART `index` now.
    pub fn uart_output(&mut self, index: u8, byte: u8) {
        if let Some(parts) = &mut self.parts {
            parts.uart_byte(self.now, index, byte);
            self.heed_parts();
        }
        match self.uart_output.last_mut() {
            Some(last) if last.index == index => {
                last.bytes.push(byte);
                last.at = self.now;
            }
            _ => self.uart_output.push(UartOutput {
                at: self.now,
                index,
                baud: None,
                bytes: vec![byte],
            }),
        }
    }

    /// The guest has set UART `index` to this rate, in bits per second.
    pub fn uart_rate(&mut self, index: u8, baud: u32) {
        self.uart_output.push(UartOutput {
            at: self.now,
            index,
            baud: Some(baud),
            bytes: Vec::new(),
        });
    }

    /// The chip changed the level that it drives on `pin`.
    pub fn pin_changed(&mut self, pin: u16, level: Option<bool>) {
        if let Some(parts) = &mut self.parts {
            parts.pin_changed(self.now, pin, level);
            self.heed_parts();
        }
        if self.pin_changes.len() < PIN_CHANGES_MAX {
            self.pin_changes.push(PinChange {
                at: self.now,
                pin,
                level,
            });
        } else {
            self.dropped.pin_changes += 1;
        }
    }

    /// Something happened on the USB. A guest that moves its pull-up without end fills the log; the rest is dropped.
    pub fn usb_event(&mut self, what: UsbOccurrence) {
        if self.usb_events.len() < USB_EVENTS_MAX {
            self.usb_events.push(UsbEvent { at: self.now, what });
        }
    }

    /// Fills `bytes` from the machine's seeded stream (true random number generators of chips).
    pub fn entropy(&mut self, bytes: &mut [u8]) {
        self.entropy.fill(bytes);
    }

    /// Requests a reset or power-off, which is executed before the next instruction.
    pub fn request(&mut self, request: Request) {
        self.request = Some(request);
        self.attention = true;
    }

    /// Address of the instruction whose access is being served, for diagnostics only.
    pub fn pc(&self) -> u32 {
        self.pc
    }

    /// Logs a refused access, unless the same instruction did so often before. The core itself logs accesses that
    /// [`Chip::read`] and [`Chip::write`] refuse.
    pub fn log_fault(&mut self, addr: u32, size: AccessSize, write: Option<u32>, fault: AccessFault) {
        let news = self.repeats.admit((self.pc, addr, write.is_some(), fault));
        if news && self.faults.len() < FAULTS_MAX {
            self.faults.push(FaultRecord {
                at: self.now,
                addr,
                pc: self.pc,
                size,
                write,
                fault,
            });
        } else {
            self.dropped.faults += 1;
        }
    }

    /// Chooses the answer to accesses that the chip does not model.
    pub fn answer_unmodelled(&mut self, answer: UnmodelledAnswer) {
        self.unmodelled = answer;
    }

    /// Sets what a program gets that asks for its arguments by semihosting.
    pub fn set_command_line(&mut self, line: &str) {
        self.command_line = line.into();
    }

    /// What a program gets that asks for its arguments.
    pub(super) fn command_line(&self) -> &str {
        &self.command_line
    }

    // --- taken by the machine ---

    /// Takes the bytes that the UARTs sent since the last call.
    pub fn take_uart_output(&mut self) -> Vec<UartOutput> {
        std::mem::take(&mut self.uart_output)
    }

    /// Takes the pin changes since the last call.
    pub fn take_pin_changes(&mut self) -> Vec<PinChange> {
        std::mem::take(&mut self.pin_changes)
    }

    /// Takes the events of the USB since the last call.
    pub fn take_usb_events(&mut self) -> Vec<UsbEvent> {
        std::mem::take(&mut self.usb_events)
    }

    /// Takes the refused accesses since the last call.
    pub fn take_faults(&mut self) -> Vec<FaultRecord> {
        std::mem::take(&mut self.faults)
    }

    /// How many records did not fit their log since power-on.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Feeds everything that determines the machine's future into `state`; outputs already produced do not count.
    pub fn hash_state(&self, mut state: &mut dyn Hasher) {
        use std::hash::Hash;
        (
            self.now,
            self.cpu_hz,
            &self.events,
            &self.irq,
            &self.entropy,
            self.request,
            self.stalled_until,
        )
            .hash(&mut state);
        // The hash of a machine without parts is that of one that knows none.
        if let Some(parts) = &self.parts {
            parts.hash(&mut state);
        }
        self.memory.hash_state(state);
    }
}

/// The core's side of the fabric.
impl Fabric {
    /// Logs an access that the chip refused; returns whether the core must fault.
    pub(crate) fn refuse(&mut self, addr: u32, size: AccessSize, write: Option<u32>, fault: AccessFault) -> bool {
        self.log_fault(addr, size, write, fault);
        !(fault.is_gap_of_model() && self.unmodelled == UnmodelledAnswer::Zero)
    }

    /// The recorder, while the core is profiled. It does not influence execution.
    pub(crate) fn profile(&self) -> Option<&Watching> {
        self.profile.as_deref()
    }

    pub(crate) fn profile_mut(&mut self) -> &mut Option<Box<Watching>> {
        &mut self.profile
    }

    /// The core loads from a device, or stores to it.
    pub(crate) fn note_access(&mut self, addr: u32, write: bool) {
        if let Some(profile) = &mut self.profile {
            profile.note_access(addr, write);
        }
    }

    pub(crate) fn set_position(&mut self, now: VirtualTime, pc: u32) {
        self.now = now;
        self.pc = pc;
    }

    pub(crate) fn next_event_at(&self) -> VirtualTime {
        let next = self.events.next_at().unwrap_or(VirtualTime::MAX);
        match &self.parts {
            None => next,
            Some(parts) => next.min(parts.due()),
        }
    }

    pub(crate) fn pop_due_event(&mut self) -> Option<Token> {
        self.events.pop_due(self.now).map(|event| event.token)
    }

    pub(crate) fn irq_lines(&self) -> &IrqLines {
        &self.irq
    }

    pub(crate) fn irq_lines_mut(&mut self) -> &mut IrqLines {
        &mut self.irq
    }

    pub(crate) fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// When the core may execute again; a past time if it is not stalled.
    pub(crate) fn stalled_until(&self) -> VirtualTime {
        self.stalled_until
    }

    /// True once after any change that the core must check: an interrupt, an event, a request, a clock change.
    pub(crate) fn take_attention(&mut self) -> bool {
        std::mem::take(&mut self.attention)
    }

    pub(crate) fn take_cpu_hz_change(&mut self) -> bool {
        std::mem::take(&mut self.cpu_hz_changed)
    }

    pub(crate) fn clear_for_reset(&mut self) {
        self.events.clear();
        self.repeats.clear();
        self.irq = IrqLines::default();
        self.request = None;
        self.stalled_until = VirtualTime::ZERO;
        self.attention = true;
    }
}
