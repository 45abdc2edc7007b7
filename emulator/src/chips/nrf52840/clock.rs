//! CLOCK (PS 5.4) and POWER (PS 5.3): one page of registers, one interrupt line, one INTEN.

use super::block::{Bus, Events, Peripheral, Signal};
use super::power::Power;
use crate::core::events::EventId;
use crate::core::fabric::{AccessFault, ResetKind};
use crate::machine::VirtualTime;

pub(super) const ID: u8 = 0;

const HFCLKSTARTED: u32 = 0;
const LFCLKSTARTED: u32 = 1;
const DONE: u32 = 3;
const CTTO: u32 = 4;
const CTSTARTED: u32 = 10;
const CTSTOPPED: u32 = 11;
const USBDETECTED: u32 = 7;
const USBREMOVED: u32 = 8;
const USBPWRRDY: u32 = 9;
/// SLEEPENTER, SLEEPEXIT.
const UNMODELLED_EVENTS: u32 = 1 << 5 | 1 << 6;
/// POWER's POFWARN, which never occurs because supplies do not fail here, and those of the USB socket.
const POWER_EVENTS: u32 = 1 << 2 | 1 << USBDETECTED | 1 << USBREMOVED | 1 << USBPWRRDY;

/// Start-up of the 32 MHz crystal oscillator: PS 5.4.4.1, t_START_HFXO, typical 0.36 ms.
const HFXO_START: VirtualTime = VirtualTime::from_us(360);
/// Of the RC oscillator: PS 5.4.4.2, t_START_LFRC, 600 µs.
const LFRC_START: VirtualTime = VirtualTime::from_us(600);
/// Start-up of the 32.768 kHz crystal: PS 5.4.4.4, t_START_LFXO, typical 0.25 s. LFRC is used until then.
const LFXO_START: VirtualTime = VirtualTime::from_ms(250);
/// Start-up of the regulator of the USB socket's supply; assumed.
const USB_SUPPLY_START: VirtualTime = VirtualTime::from_ms(1);
/// One calibration of LFRC: PS 5.4.2.2.1, 16 ms (at least) of HFXO.
const CALIBRATION: VirtualTime = VirtualTime::from_ms(17);

const WAKE_HFCLK: u16 = 0;
const WAKE_LFCLK: u16 = 1;
const WAKE_CALIBRATION: u16 = 2;
const WAKE_CALIBRATION_TIMER: u16 = 3;
const WAKE_USB_SUPPLY: u16 = 4;

/// LFCLKSRC.SRC.
const SRC_RC: u32 = 0;
const SRC_XTAL: u32 = 1;
const SRC_SYNTH: u32 = 2;

/// Both peripherals.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Clock {
    pub(super) events: Events,
    pub(super) power: Power,
    /// HFXO runs (or is about to, while `hf_starting`).
    hf_requested: bool,
    hf_running: bool,
    hf_starting: Option<EventId>,
    lf_requested: bool,
    lf_started: bool,
    lf_starting: Option<EventId>,
    lf_source: u32,
    lf_source_copy: u32,
    calibration: Option<EventId>,
    calibration_timer: Option<EventId>,
    usb_supply_starting: Option<EventId>,
    ctiv: u32,
    trace_config: u32,
    hfxo_debounce: u32,
    lfrc_mode: u32,
}

impl Clock {
    pub(super) fn new() -> Self {
        let clock = 1 << HFCLKSTARTED | 1 << LFCLKSTARTED | 1 << DONE | 1 << CTTO | 1 << CTSTARTED | 1 << CTSTOPPED;
        Self {
            events: Events::new(ID, clock | POWER_EVENTS).without(UNMODELLED_EVENTS),
            power: Power::new(),
            hf_requested: false,
            hf_running: false,
            hf_starting: None,
            lf_requested: false,
            lf_started: false,
            lf_starting: None,
            lf_source: SRC_RC,
            lf_source_copy: SRC_RC,
            calibration: None,
            calibration_timer: None,
            usb_supply_starting: None,
            ctiv: 0,
            trace_config: 0,
            hfxo_debounce: 0x10,
            lfrc_mode: 0,
        }
    }

    /// Reset of CLOCK; POWER has rules of its own.
    pub(super) fn reset(&mut self) {
        let power = self.power.clone();
        *self = Self { power, ..Self::new() };
    }

    /// The watchdog forces LFRC on when no low-frequency clock runs (PS 6.36.1).
    pub(super) fn force_lfclk(&mut self, bus: &mut Bus<'_>) {
        if bus.lines.lfclk.since.is_none() {
            bus.lines.lfclk.since = Some(bus.now() + LFRC_START);
            bus.lines.signals.push_back(Signal::LfClock);
        }
    }

    /// A cable with VBUS is plugged into the USB socket.
    pub(super) fn usb_plugged(&mut self, bus: &mut Bus<'_>) {
        self.power.vbus = true;
        self.events.raise(bus, USBDETECTED);
        self.start_usb_supply(bus);
    }

    pub(super) fn usb_unplugged(&mut self, bus: &mut Bus<'_>) {
        self.power.vbus = false;
        bus.cancel(&mut self.usb_supply_starting);
        bus.lines.usb_supply = false;
        bus.lines.signals.push_back(Signal::Usb);
        self.events.raise(bus, USBREMOVED);
    }

    /// After a reset with a plugged cable: VBUS and its regulator stay on, unless the power was off.
    pub(super) fn usb_after_reset(&mut self, bus: &mut Bus<'_>, kind: ResetKind) {
        if kind == ResetKind::PowerOn {
            bus.lines.usb_supply = false;
            self.usb_plugged(bus);
        } else if !bus.lines.usb_supply {
            self.start_usb_supply(bus);
        }
    }

    fn start_usb_supply(&mut self, bus: &mut Bus<'_>) {
        let at = bus.now() + USB_SUPPLY_START;
        bus.cancel(&mut self.usb_supply_starting);
        self.usb_supply_starting = Some(bus.schedule(ID, WAKE_USB_SUPPLY, at));
    }

    fn set_hfxo(&mut self, bus: &mut Bus<'_>, runs: bool) {
        self.hf_running = runs;
        bus.lines.hfxo = runs;
        bus.lines.signals.push_back(Signal::Usb);
    }

    fn start_lfclk(&mut self, bus: &mut Bus<'_>) {
        self.lf_requested = true;
        self.lf_source_copy = self.lf_source;
        let until_started = match self.lf_source & 3 {
            SRC_XTAL => LFXO_START,
            // Synthesised from HFCLK: available as soon as HFCLK is.
            SRC_SYNTH => VirtualTime::from_us(100),
            _ => LFRC_START,
        };
        let at = bus.now() + until_started;
        bus.cancel(&mut self.lf_starting);
        self.lf_starting = Some(bus.schedule(ID, WAKE_LFCLK, at));
        self.force_lfclk(bus);
    }

    fn stop_lfclk(&mut self, bus: &mut Bus<'_>) {
        self.lf_requested = false;
        self.lf_started = false;
        bus.cancel(&mut self.lf_starting);
        bus.lines.lfclk.since = None;
        bus.lines.signals.push_back(Signal::LfClock);
    }
}

impl Peripheral for Clock {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            // HFCLKSTART
            0x000 => {
                self.hf_requested = true;
                if self.hf_running {
                    self.events.raise(bus, HFCLKSTARTED);
                } else if self.hf_starting.is_none() {
                    let at = bus.now() + HFXO_START;
                    self.hf_starting = Some(bus.schedule(ID, WAKE_HFCLK, at));
                }
            }
            // HFCLKSTOP
            0x004 => {
                self.hf_requested = false;
                self.set_hfxo(bus, false);
                bus.cancel(&mut self.hf_starting);
            }
            // LFCLKSTART
            0x008 => self.start_lfclk(bus),
            // LFCLKSTOP
            0x00c => self.stop_lfclk(bus),
            // CAL: needs HFXO (PS 5.4.2.2.1)
            0x010 if self.hf_running => {
                let at = bus.now() + CALIBRATION;
                bus.cancel(&mut self.calibration);
                self.calibration = Some(bus.schedule(ID, WAKE_CALIBRATION, at));
            }
            0x010 => return Err(AccessFault::UnmodelledUse),
            // CTSTART
            0x014 => {
                let at = bus.now() + VirtualTime::from_ms(250 * u64::from(self.ctiv.max(1)));
                bus.cancel(&mut self.calibration_timer);
                self.calibration_timer = Some(bus.schedule(ID, WAKE_CALIBRATION_TIMER, at));
                self.events.raise(bus, CTSTARTED);
            }
            // CTSTOP
            0x018 => {
                bus.cancel(&mut self.calibration_timer);
                self.events.raise(bus, CTSTOPPED);
            }
            // POWER: CONSTLAT, LOWPWR: wake-up latency is not counted here
            0x078 | 0x07c => {}
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x408 => u32::from(self.hf_requested),
            // HFCLKSTAT: STATE (the core runs, so HFCLK does), SRC
            0x40c => 1 << 16 | u32::from(self.hf_running),
            0x414 => u32::from(self.lf_requested),
            // LFCLKSTAT: LFRC is the source until the crystal is ready
            0x418 => {
                let runs = bus.lines.lfclk.edges(bus.now()).is_some();
                let source = if self.lf_started {
                    self.lf_source_copy & 3
                } else {
                    SRC_RC
                };
                u32::from(runs) << 16 | source
            }
            0x41c => self.lf_source_copy,
            0x518 => self.lf_source,
            0x528 => self.hfxo_debounce,
            0x538 => self.ctiv,
            0x55c => self.trace_config,
            0x5b4 => self.lfrc_mode,
            // USBREGSTATUS: VBUSDETECT, OUTPUTRDY
            0x438 => u32::from(self.power.vbus) | u32::from(bus.lines.usb_supply) << 1,
            _ => return self.power.read(offset),
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x408 | 0x40c | 0x414 | 0x418 | 0x41c => return Err(AccessFault::Denied),
            0x518 => self.lf_source = value & 0x3_0003,
            0x528 => self.hfxo_debounce = value & 0xff,
            0x538 => self.ctiv = value & 0x7f,
            0x55c => self.trace_config = value & 0x3_0003,
            0x5b4 => self.lfrc_mode = value & 0x1_0001,
            _ => return self.power.write(bus, offset, value),
        }
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        match what {
            WAKE_HFCLK => {
                self.hf_starting = None;
                self.set_hfxo(bus, true);
                self.events.raise(bus, HFCLKSTARTED);
            }
            WAKE_USB_SUPPLY => {
                self.usb_supply_starting = None;
                bus.lines.usb_supply = true;
                bus.lines.signals.push_back(Signal::Usb);
                self.events.raise(bus, USBPWRRDY);
            }
            WAKE_LFCLK => {
                self.lf_starting = None;
                self.lf_started = true;
                self.events.raise(bus, LFCLKSTARTED);
            }
            WAKE_CALIBRATION => {
                self.calibration = None;
                self.events.raise(bus, DONE);
            }
            _ => {
                self.calibration_timer = None;
                self.events.raise(bus, CTTO);
            }
        }
    }
}
