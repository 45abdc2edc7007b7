//! The link over the chip's own USB socket: a CDC-ACM serial port on USBD (6.35), beside the UART of the header pins.
//!
//! The main loop polls. The interrupt handlers only end its sleep. While no cable is plugged in, this costs one load a
//! turn. Packets that the main loop has not taken yet wait in the controller, and the host waits with the next one.

mod control;
mod descriptors;
mod registers;

use crate::clock;
use control::{Answer, Control};
use core::{
    cell::{Cell, RefCell, UnsafeCell},
    sync::atomic::{Ordering, compiler_fence},
};
use descriptors::{BULK, PACKET_BYTES};
use nrf52840_pac::{Interrupt, NVIC, POWER, USBD, interrupt};
use registers::{EPIN, EPOUT, put, set_dma, setup, shift_errata};

const EVENT_USBRESET: u32 = 1 << 0;
const EVENT_EP0DATADONE: u32 = 1 << 10;
const EVENT_USBEVENT: u32 = 1 << 22;
const EVENT_EP0SETUP: u32 = 1 << 23;
const EVENT_EPDATA: u32 = 1 << 24;
/// The events that end a sleep.
const EVENTS: u32 = EVENT_USBRESET | EVENT_EP0DATADONE | EVENT_USBEVENT | EVENT_EP0SETUP | EVENT_EPDATA;
/// POWER: USBDETECTED, USBREMOVED, USBPWRRDY.
const POWER_EVENTS: u32 = 1 << 7 | 1 << 8 | 1 << 9;

const CAUSE_SUSPEND: u32 = 1 << 8;
const CAUSE_RESUME: u32 = 1 << 9;
const CAUSE_READY: u32 = 1 << 11;
/// USBREGSTATUS: VBUSDETECT, OUTPUTRDY.
const SUPPLIED: u32 = 3;
const SHORT_EP0DATADONE_EP0STATUS: u32 = 1 << 2;

/// Full packets would need an empty one behind the last of them; a packet that is never full needs none.
const SENT_BYTES: usize = PACKET_BYTES - 1;

/// The baud rate that asks for the bootloader, as on every board of Arduino's, and how long after it.
const TOUCH_BAUD: u32 = 1200;
const TOUCH_US: u64 = 200_000;
/// GPREGRET's value for which the bootloader stays (Arduino's mbed core: DFU_MAGIC_SERIAL_ONLY_RESET).
const STAY_IN_BOOTLOADER: u32 = 0xb0;

/// Memory that DMA reads or writes.
struct DmaBuffer(UnsafeCell<[u8; PACKET_BYTES]>);

// SAFETY: only the main loop uses it, through raw pointers, and it waits until DMA is done.
unsafe impl Sync for DmaBuffer {}

static CONTROL: DmaBuffer = DmaBuffer(UnsafeCell::new([0; PACKET_BYTES]));
static RX: DmaBuffer = DmaBuffer(UnsafeCell::new([0; PACKET_BYTES]));
static TX: DmaBuffer = DmaBuffer(UnsafeCell::new([0; PACKET_BYTES]));

impl DmaBuffer {
    fn address(&self) -> u32 {
        self.0.get() as u32
    }

    fn fill(&self, data: &[u8]) {
        debug_assert!(data.len() <= PACKET_BYTES);
        // SAFETY: no DMA is in progress; callers pass at most a packet.
        unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), self.0.get().cast::<u8>(), data.len()) };
    }

    fn copy_to(&self, from: usize, out: &mut [u8]) {
        // SAFETY: no DMA is in progress; `from` and the length are within a packet.
        unsafe { core::ptr::copy_nonoverlapping(self.0.get().cast::<u8>().add(from), out.as_mut_ptr(), out.len()) };
    }
}

pub(crate) struct Usb {
    usbd: USBD,
    is_on: Cell<bool>,
    is_suspended: Cell<bool>,
    /// A packet is on its way to the host.
    is_sending: Cell<bool>,
    /// A packet waits in the controller.
    has_packet: Cell<bool>,
    /// The part of the receive buffer that was not read yet.
    unread: Cell<(usize, usize)>,
    is_open: Cell<bool>,
    control: RefCell<Control>,
    /// When the bootloader is due.
    touched_us: Cell<Option<u64>>,
}

impl Usb {
    pub(crate) fn start(usbd: USBD, power: &POWER, chip_id: [u8; 8]) -> Self {
        put(&power.intenset, POWER_EVENTS);
        // SAFETY: the handlers below are ready to run.
        unsafe {
            NVIC::unmask(Interrupt::POWER_CLOCK);
            NVIC::unmask(Interrupt::USBD);
        }
        Self {
            usbd,
            is_on: Cell::new(false),
            is_suspended: Cell::new(false),
            is_sending: Cell::new(false),
            has_packet: Cell::new(false),
            unread: Cell::new((0, 0)),
            is_open: Cell::new(false),
            control: RefCell::new(Control::new(chip_id)),
            touched_us: Cell::new(None),
        }
    }

    /// Whether a host has the serial port open.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.get()
    }

    /// When [`Self::poll`] must be called even if nothing happens.
    pub(crate) fn next_due_us(&self) -> u64 {
        self.touched_us.get().unwrap_or(u64::MAX)
    }

    /// Lets the next event end the CPU's sleep.
    pub(crate) fn wake_on_event(&self) {
        if self.is_on.get() {
            put(&self.usbd.intenset, EVENTS);
        }
    }

    /// Follows the cable and serves the host's requests.
    pub(crate) fn poll(&self, now_us: u64) {
        // SAFETY: reading the status has no effect.
        let is_supplied = unsafe { (*POWER::ptr()).usbregstatus.read().bits() } & SUPPLIED == SUPPLIED;
        let is_on = self.is_on.replace(is_supplied);
        if !is_on && !is_supplied {
            return;
        }
        let control = &mut *self.control.borrow_mut();
        if is_on != is_supplied {
            self.restart(control);
            // Before it is switched on too: the bootloader may have left it on.
            self.switch_off();
            if is_supplied {
                self.switch_on();
            }
        } else {
            self.serve(control);
        }
        self.is_open.set(control.is_open() && !self.is_suspended.get());
        self.check_touch(control, now_us);
    }

    /// 6.35.4: the controller is enabled when its supply is there; the crystal runs since the start. It shows itself when
    /// it is ready.
    fn switch_on(&self) {
        shift_errata(true);
        put(&self.usbd.enable, 1);
    }

    fn switch_off(&self) {
        put(&self.usbd.intenclr, EVENTS);
        put(&self.usbd.usbpullup, 0);
        put(&self.usbd.enable, 0);
    }

    /// The state after a bus reset.
    fn restart(&self, control: &mut Control) {
        self.is_suspended.set(false);
        self.forget_data();
        control.reset();
    }

    /// The configuration begins: nothing is in flight.
    fn forget_data(&self) {
        self.is_sending.set(false);
        self.has_packet.set(false);
        self.unread.set((0, 0));
    }

    fn serve(&self, control: &mut Control) {
        let usbd = &self.usbd;
        if usbd.events_usbreset.read().bits() != 0 {
            put(&usbd.events_usbreset, 0);
            self.restart(control);
            // The endpoints are open from here on; the host uses them after it has configured the device.
            put(&usbd.epinen, 1 | 1 << descriptors::NOTIFY | 1 << BULK);
            put(&usbd.epouten, 1 | 1 << BULK);
        }
        if usbd.events_usbevent.read().bits() != 0 {
            put(&usbd.events_usbevent, 0);
            let causes = usbd.eventcause.read().bits();
            put(&usbd.eventcause, causes);
            if causes & CAUSE_READY != 0 {
                shift_errata(false);
                put(&usbd.usbpullup, 1);
            }
            if causes & (CAUSE_SUSPEND | CAUSE_RESUME) != 0 {
                self.is_suspended.set(causes & CAUSE_RESUME == 0);
            }
        }
        self.serve_data();
        // The end of the last transfer comes before the next request.
        if usbd.events_ep0datadone.read().bits() != 0 {
            put(&usbd.events_ep0datadone, 0);
            self.control_data_done(control);
        }
        if usbd.events_ep0setup.read().bits() != 0 {
            put(&usbd.events_ep0setup, 0);
            self.is_suspended.set(false);
            self.request(control);
        }
    }

    fn serve_data(&self) {
        if self.usbd.events_epdata.read().bits() == 0 {
            return;
        }
        put(&self.usbd.events_epdata, 0);
        let done = self.usbd.epdatastatus.read().bits();
        put(&self.usbd.epdatastatus, done);
        if done & 1 << BULK != 0 {
            self.is_sending.set(false);
        }
        if done & 1 << (16 + BULK) != 0 {
            self.has_packet.set(true);
        }
    }

    fn request(&self, control: &mut Control) {
        let usbd = &self.usbd;
        put(&usbd.shorts, 0);
        match control.request(setup()) {
            Answer::Send => self.send_control(control),
            Answer::Receive => put(&usbd.tasks_ep0rcvout, 1),
            Answer::Accept => put(&usbd.tasks_ep0status, 1),
            // The controller itself takes the address and completes the request (6.35.9).
            Answer::Leave => {}
            Answer::Configure => {
                self.forget_data();
                self.reset_endpoint(1 << 7);
                self.reset_endpoint(0);
                put(&usbd.tasks_ep0status, 1);
            }
            Answer::Halt { is_in, halt } => {
                let direction = u32::from(is_in) << 7;
                put(&usbd.epstall, BULK as u32 | direction | u32::from(halt) << 8);
                if !halt {
                    self.reset_endpoint(direction);
                }
                put(&usbd.tasks_ep0status, 1);
            }
            Answer::Refuse => put(&usbd.tasks_ep0stall, 1),
        }
    }

    /// The bulk endpoint begins with DATA0 in this direction, and takes a packet.
    fn reset_endpoint(&self, direction: u32) {
        put(&self.usbd.dtoggle, BULK as u32 | direction | 1 << 8);
        if direction == 0 && !self.has_packet.get() {
            put(&self.usbd.size.epout[BULK], 0);
        }
    }

    /// Sends the next part of a control read.
    fn send_control(&self, control: &mut Control) {
        let part = control.next_part();
        CONTROL.fill(part);
        let len = part.len();
        let shorts = if control.is_sending() {
            0
        } else {
            SHORT_EP0DATADONE_EP0STATUS
        };
        put(&self.usbd.shorts, shorts);
        self.start_in(0, &CONTROL, len);
    }

    /// A packet of endpoint 0 was transferred.
    fn control_data_done(&self, control: &mut Control) {
        if control.is_sending() {
            self.send_control(control);
        } else if control.is_receiving() {
            let len = self.start_out(0, &CONTROL);
            CONTROL.copy_to(0, control.line_coding(len));
            put(&self.usbd.tasks_ep0status, 1);
        }
    }

    fn start_in(&self, endpoint: usize, from: &DmaBuffer, len: usize) {
        compiler_fence(Ordering::Release);
        set_dma(EPIN, endpoint, from.address(), len as u32);
        put(&self.usbd.events_endepin[endpoint], 0);
        put(&self.usbd.tasks_startepin[endpoint], 1);
        while self.usbd.events_endepin[endpoint].read().bits() == 0 {}
    }

    /// Copies the packet of an endpoint to RAM, and returns its length.
    fn start_out(&self, endpoint: usize, to: &DmaBuffer) -> usize {
        let len = self.usbd.size.epout[endpoint].read().bits().min(PACKET_BYTES as u32);
        set_dma(EPOUT, endpoint, to.address(), len);
        put(&self.usbd.events_endepout[endpoint], 0);
        put(&self.usbd.tasks_startepout[endpoint], 1);
        while self.usbd.events_endepout[endpoint].read().bits() == 0 {}
        compiler_fence(Ordering::Acquire);
        len as usize
    }

    /// Reads bytes that arrived.
    pub(crate) fn read(&self, out: &mut [u8]) -> usize {
        let (mut at, mut end) = self.unread.get();
        if at == end {
            self.serve_data();
            if !self.has_packet.replace(false) {
                return 0;
            }
            (at, end) = (0, self.start_out(BULK, &RX));
        }
        let count = out.len().min(end - at);
        RX.copy_to(at, &mut out[..count]);
        self.unread.set((at + count, end));
        count
    }

    /// Takes a packet for the host, unless the last one is still on its way.
    pub(crate) fn write(&self, data: &[u8]) -> usize {
        self.serve_data();
        if self.is_sending.get() {
            return 0;
        }
        let count = data.len().min(SENT_BYTES);
        TX.fill(&data[..count]);
        self.is_sending.set(true);
        self.start_in(BULK, &TX, count);
        count
    }

    /// A host that sets 1200 baud and drops DTR wants the bootloader.
    fn check_touch(&self, control: &Control, now_us: u64) {
        if control.baud() != TOUCH_BAUD || control.is_open() {
            self.touched_us.set(None);
        } else if let Some(at) = self.touched_us.get() {
            if now_us >= at {
                // SAFETY: nothing else uses GPREGRET; it keeps its value through the reset (5.3.6.8).
                put(unsafe { &(*POWER::ptr()).gpregret }, STAY_IN_BOOTLOADER);
                cortex_m::peripheral::SCB::sys_reset();
            }
        } else {
            // Time for the host to see the answer to its last request.
            self.touched_us.set(Some(now_us + TOUCH_US));
        }
    }
}

/// The main loop looks at the events, and allows the interrupt again before its next sleep.
#[interrupt]
fn USBD() {
    // SAFETY: INTENCLR clears the bits that are written as ones.
    put(unsafe { &(*USBD::ptr()).intenclr }, EVENTS);
    clock::wake();
}

#[interrupt]
fn POWER_CLOCK() {
    // SAFETY: nothing else uses these events.
    let power = unsafe { &*POWER::ptr() };
    put(&power.events_usbdetected, 0);
    put(&power.events_usbremoved, 0);
    put(&power.events_usbpwrrdy, 0);
    clock::wake();
}
