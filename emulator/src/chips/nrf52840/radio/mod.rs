//! RADIO (PS 6.20): a transceiver for Bluetooth LE, IEEE 802.15.4 and Nordic's own packets. Registers, states and tasks
//! are here; `passage` has what is sent and received, `energy` what is measured, `packet` the bits.
//!
//! Times are typical ones: ramp-up and ramp-down after PS 6.20.15, and the delays between antenna and events
//! ([`tx_delay`], [`rx_delay`]), which link layers compensate. A packet is read from memory at START, and written at
//! BCMATCH and PAYLOAD. FREQUENCY and MODE count from TXEN or RXEN on. Without HFXO the carrier is elsewhere: nobody hears
//! it, and it hears nobody. Not modelled: SYNC, and what is sent between READY and START (MODECNF0.DTX).

mod energy;
mod packet;
mod passage;

use self::energy::Measuring;
use self::packet::Format;
use self::passage::Passage;
use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;
use crate::machine::{AirEvent, AirFrame, FrameId, Heard, Modulation, VirtualTime};

/// Its id, which is also its interrupt line.
pub(super) const ID: u8 = 1;

const READY: u32 = 0;
const ADDRESS: u32 = 1;
const PAYLOAD: u32 = 2;
const END: u32 = 3;
const DISABLED: u32 = 4;
const DEVMATCH: u32 = 5;
const DEVMISS: u32 = 6;
const RSSIEND: u32 = 7;
const BCMATCH: u32 = 10;
const CRCOK: u32 = 12;
const CRCERROR: u32 = 13;
const FRAMESTART: u32 = 14;
const EDEND: u32 = 15;
const EDSTOPPED: u32 = 16;
const CCAIDLE: u32 = 17;
const CCABUSY: u32 = 18;
const CCASTOPPED: u32 = 19;
const RATEBOOST: u32 = 20;
const TXREADY: u32 = 21;
const RXREADY: u32 = 22;
const MHRMATCH: u32 = 23;
const SYNC: u32 = 26;
const PHYEND: u32 = 27;
/// All events but SYNC.
const EVENTS: u32 = 0x08ff_f4ff;

const SHORT_READY_START: u32 = 1 << 0;
const SHORT_END_DISABLE: u32 = 1 << 1;
const SHORT_DISABLED_TXEN: u32 = 1 << 2;
const SHORT_DISABLED_RXEN: u32 = 1 << 3;
const SHORT_ADDRESS_RSSISTART: u32 = 1 << 4;
const SHORT_END_START: u32 = 1 << 5;
const SHORT_ADDRESS_BCSTART: u32 = 1 << 6;
const SHORT_DISABLED_RSSISTOP: u32 = 1 << 8;
const SHORT_RXREADY_CCASTART: u32 = 1 << 11;
const SHORT_CCAIDLE_TXEN: u32 = 1 << 12;
const SHORT_CCABUSY_DISABLE: u32 = 1 << 13;
const SHORT_FRAMESTART_BCSTART: u32 = 1 << 14;
const SHORT_READY_EDSTART: u32 = 1 << 15;
const SHORT_EDEND_DISABLE: u32 = 1 << 16;
const SHORT_CCAIDLE_STOP: u32 = 1 << 17;
const SHORT_TXREADY_START: u32 = 1 << 18;
const SHORT_RXREADY_START: u32 = 1 << 19;
const SHORT_PHYEND_DISABLE: u32 = 1 << 20;
const SHORT_PHYEND_START: u32 = 1 << 21;
const SHORTS: u32 = 0x003f_f97f;

/// Reasons to be woken.
const WAKE_RAMPED: u16 = 0;
const WAKE_SYNCHRONISED: u16 = 1;
const WAKE_ADDRESS: u16 = 2;
const WAKE_FRAMESTART: u16 = 3;
const WAKE_PAYLOAD: u16 = 4;
const WAKE_END: u16 = 5;
const WAKE_PHYEND: u16 = 6;
const WAKE_BCMATCH: u16 = 7;
const WAKE_DEVMATCH: u16 = 8;
const WAKE_MHRMATCH: u16 = 9;
const WAKE_RSSI: u16 = 10;
const WAKE_MEASURED: u16 = 11;
const WAKE_RATEBOOST: u16 = 12;

/// With an interframe spacing the radio is ready as early as it can be (PS 6.20.7).
const RAMP_UP_TIFS: VirtualTime = VirtualTime::from_us(130);
/// The receiver opens so long before the interframe spacing ends.
const RX_EARLY: VirtualTime = VirtualTime::from_us(10);
/// Frames on the air that are kept; an ether with more at once is not modelled, and the oldest is forgotten.
const AIR_MAX: usize = 64;
/// How long a frame is kept after its end: its events come later than its bits, and a CCA looks back.
const KEPT: VirtualTime = VirtualTime::from_us(200);

/// STATE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum State {
    #[default]
    Disabled = 0,
    RxRu = 1,
    RxIdle = 2,
    Rx = 3,
    RxDisable = 4,
    TxRu = 9,
    TxIdle = 10,
    Tx = 11,
    TxDisable = 12,
}

/// What it does in the states RX and TX.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
enum Activity {
    #[default]
    Nothing,
    /// It waits for an address since this instant.
    Listening(VirtualTime),
    /// A packet goes out or comes in.
    Passing(Box<Passage>),
    /// CCA or energy detection.
    Measuring(Measuring),
}

/// A frame at the antenna.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct OnAir {
    id: FrameId,
    frame: AirFrame,
    /// It ended early.
    cut: Option<VirtualTime>,
}

impl OnAir {
    fn end(&self) -> VirtualTime {
        let end = self.frame.end();
        self.cut.map_or(end, |cut| cut.min(end))
    }
}

/// The bit counter.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
struct BitCounter {
    since: Option<VirtualTime>,
    event: Option<EventId>,
}

/// Registers that only keep what is written.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Settings {
    shorts: u32,
    packetptr: u32,
    frequency: u32,
    txpower: u32,
    mode: u32,
    pcnf0: u32,
    pcnf1: u32,
    base: [u32; 2],
    prefix: [u32; 2],
    txaddress: u32,
    rxaddresses: u32,
    crccnf: u32,
    crcpoly: u32,
    crcinit: u32,
    tifs: u32,
    datawhiteiv: u32,
    bcc: u32,
    dab: [u32; 8],
    dap: [u32; 8],
    dacnf: u32,
    mhrmatchconf: u32,
    mhrmatchmas: u32,
    modecnf0: u32,
    sfd: u32,
    edcnt: u32,
    ccactrl: u32,
    power: u32,
}

/// Results of receiving and measuring.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
struct Results {
    crcstatus: u32,
    rxmatch: u32,
    rxcrc: u32,
    dai: u32,
    pdustat: u32,
    rssisample: u32,
    edsample: u32,
}

/// The peripheral.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Radio {
    events: Events,
    settings: Settings,
    results: Results,
    state: State,
    /// The end of a ramp.
    ramp: Option<EventId>,
    activity: Activity,
    /// The next address that a listening receiver will recognise.
    sync: Option<EventId>,
    /// Carrier and modulation since TXEN or RXEN.
    mhz: u16,
    modulation: Modulation,
    bits: BitCounter,
    rssi: Option<EventId>,
    /// When the last bit was at the antenna of the packet before, for TIFS.
    last_end: Option<VirtualTime>,
    air: Vec<OnAir>,
}

impl Radio {
    pub(super) fn new() -> Self {
        Self {
            events: Events::new(ID, EVENTS).without(1 << SYNC),
            settings: Settings::default(),
            results: Results::default(),
            state: State::Disabled,
            ramp: None,
            activity: Activity::Nothing,
            sync: None,
            mhz: 2402,
            modulation: Modulation::Nrf1M,
            bits: BitCounter::default(),
            rssi: None,
            last_end: None,
            air: Vec::new(),
        }
    }

    /// The chip is reset. What others send stays on the air.
    pub(super) fn reset(&mut self, bus: &mut Bus<'_>) {
        self.cut(bus);
        let air = std::mem::take(&mut self.air);
        *self = Self { air, ..Self::new() };
    }

    /// Something reaches the antenna.
    pub(super) fn hear(&mut self, bus: &mut Bus<'_>, heard: Heard) {
        let now = bus.now();
        let kept_from = match &self.activity {
            Activity::Measuring(measuring) => measuring.since.min(now.saturating_sub(KEPT)),
            _ => now.saturating_sub(KEPT),
        };
        self.air.retain(|heard| heard.end() >= kept_from);
        match heard {
            Heard::Frame(id, frame) => {
                if self.air.len() == AIR_MAX {
                    self.air.remove(0);
                }
                self.air.push(OnAir { id, frame, cut: None });
            }
            Heard::Cut(id, at) => {
                for heard in &mut self.air {
                    if heard.id == id {
                        heard.cut = Some(at);
                    }
                }
            }
        }
        self.look(bus);
    }

    fn has_short(&self, short: u32) -> bool {
        self.settings.shorts & short != 0
    }

    fn format(&self) -> Format {
        let settings = &self.settings;
        Format {
            pcnf0: settings.pcnf0,
            pcnf1: settings.pcnf1,
            crccnf: settings.crccnf,
            crcpoly: settings.crcpoly,
            crcinit: settings.crcinit,
            datawhiteiv: settings.datawhiteiv,
            is_ieee: self.modulation == Modulation::Ieee802154,
        }
    }

    /// TXEN or RXEN; `turns` after DISABLED by a shortcut, when TIFS counts.
    fn enable(&mut self, bus: &mut Bus<'_>, transmits: bool, turns: bool) {
        let was = self.state;
        match was {
            State::Disabled | State::RxIdle | State::TxIdle | State::Rx | State::Tx => {}
            // It is on its way.
            _ => return,
        }
        self.abort(bus);
        let base = if self.settings.frequency & 1 << 8 != 0 {
            2360
        } else {
            2400
        };
        self.mhz = base + (self.settings.frequency & 0x7f) as u16;
        self.modulation = packet::modulation(self.settings.mode).unwrap_or(Modulation::Nrf1M);
        let is_fast = self.settings.modecnf0 & 1 != 0;
        let ieee = self.modulation == Modulation::Ieee802154;
        let now = bus.now();
        let span = match (is_fast, ieee) {
            (true, _) => VirtualTime::from_us(40),
            // A turnaround without DISABLE (PS 6.20.15: tRXTXTURN).
            (false, true) if was != State::Disabled => VirtualTime::from_us(40),
            (false, true) => VirtualTime::from_us(130),
            (false, false) => VirtualTime::from_us(140),
        };
        let spacing = VirtualTime::from_us(u64::from(self.settings.tifs));
        let at = match self.last_end {
            Some(end) if turns && !is_fast && self.settings.tifs != 0 => {
                let lead = if transmits { tx_delay(self.modulation) } else { RX_EARLY };
                let spaced = (end + spacing).saturating_sub(lead);
                spaced.max(now + RAMP_UP_TIFS)
            }
            _ => now + span,
        };
        self.state = if transmits { State::TxRu } else { State::RxRu };
        self.ramp = Some(bus.schedule(ID, WAKE_RAMPED, at));
    }

    fn ramped(&mut self, bus: &mut Bus<'_>) {
        self.ramp = None;
        match self.state {
            State::TxRu | State::RxRu => {
                let transmits = self.state == State::TxRu;
                self.state = if transmits { State::TxIdle } else { State::RxIdle };
                self.events.raise(bus, READY);
                self.events.raise(bus, if transmits { TXREADY } else { RXREADY });
                let start = if transmits {
                    SHORT_TXREADY_START
                } else {
                    SHORT_RXREADY_START
                };
                if self.has_short(SHORT_READY_START | start) {
                    self.start(bus);
                } else if !transmits && self.has_short(SHORT_RXREADY_CCASTART) {
                    self.start_cca(bus);
                } else if !transmits && self.has_short(SHORT_READY_EDSTART) {
                    self.start_ed(bus);
                }
            }
            State::TxDisable | State::RxDisable => {
                self.state = State::Disabled;
                self.disabled(bus);
            }
            _ => {}
        }
    }

    fn disabled(&mut self, bus: &mut Bus<'_>) {
        self.events.raise(bus, DISABLED);
        if self.has_short(SHORT_DISABLED_RSSISTOP) {
            bus.cancel(&mut self.rssi);
        }
        if self.has_short(SHORT_DISABLED_TXEN) {
            self.enable(bus, true, true);
        } else if self.has_short(SHORT_DISABLED_RXEN) {
            self.enable(bus, false, true);
        }
    }

    fn disable(&mut self, bus: &mut Bus<'_>) {
        let transmits = match self.state {
            // Drivers trigger DISABLE to be sure, and wait for the event.
            State::Disabled => return self.disabled(bus),
            State::TxDisable | State::RxDisable => return,
            State::TxRu | State::TxIdle | State::Tx => true,
            State::RxRu | State::RxIdle | State::Rx => false,
        };
        self.abort(bus);
        bus.cancel(&mut self.ramp);
        let (state, span) = match transmits {
            true => (State::TxDisable, tx_disable(self.modulation)),
            false => (State::RxDisable, rx_disable(self.modulation)),
        };
        self.state = state;
        self.ramp = Some(bus.schedule(ID, WAKE_RAMPED, bus.now() + span));
    }

    fn start(&mut self, bus: &mut Bus<'_>) {
        match self.state {
            State::TxIdle => self.send(bus),
            State::RxIdle => {
                self.state = State::Rx;
                self.activity = Activity::Listening(bus.now());
                self.look(bus);
            }
            _ => {}
        }
    }

    fn stop(&mut self, bus: &mut Bus<'_>) {
        let idle = match self.state {
            State::Tx => State::TxIdle,
            State::Rx => State::RxIdle,
            _ => return,
        };
        self.abort(bus);
        self.state = idle;
    }

    /// Ends what it does, a frame that it sends included. The state is the caller's to set.
    fn abort(&mut self, bus: &mut Bus<'_>) {
        self.cut(bus);
        bus.cancel(&mut self.sync);
        bus.cancel(&mut self.bits.event);
        self.bits.since = None;
        match std::mem::take(&mut self.activity) {
            Activity::Passing(mut passage) => passage.cancel(bus),
            Activity::Measuring(measuring) => {
                bus.cancel(&mut Some(measuring.event));
            }
            Activity::Nothing | Activity::Listening(_) => {}
        }
    }

    /// Takes a frame off the air that it sends.
    fn cut(&mut self, bus: &mut Bus<'_>) {
        let Activity::Passing(passage) = &self.activity else {
            return;
        };
        if passage.is_cut_at(bus.now()) {
            let now = bus.now();
            bus.fabric.air_event(AirEvent::Cut(now));
        }
    }

    /// A register that keeps what is written, and its bits.
    fn setting(&mut self, offset: u32) -> Option<(&mut u32, u32)> {
        let settings = &mut self.settings;
        let index = (offset as usize & 0x1f) / 4;
        Some(match offset {
            0x200 => (&mut settings.shorts, SHORTS),
            0x504 => (&mut settings.packetptr, u32::MAX),
            0x508 => (&mut settings.frequency, 0x17f),
            0x50c => (&mut settings.txpower, 0xff),
            0x510 => (&mut settings.mode, 0xf),
            0x514 => (&mut settings.pcnf0, 0x67df_010f),
            0x518 => (&mut settings.pcnf1, 0x0307_ffff),
            0x51c => (&mut settings.base[0], u32::MAX),
            0x520 => (&mut settings.base[1], u32::MAX),
            0x524 => (&mut settings.prefix[0], u32::MAX),
            0x528 => (&mut settings.prefix[1], u32::MAX),
            0x52c => (&mut settings.txaddress, 7),
            0x530 => (&mut settings.rxaddresses, 0xff),
            0x534 => (&mut settings.crccnf, 0x303),
            0x538 => (&mut settings.crcpoly, 0xff_ffff),
            0x53c => (&mut settings.crcinit, 0xff_ffff),
            0x544 => (&mut settings.tifs, 0x3ff),
            0x554 => (&mut settings.datawhiteiv, 0x7f),
            0x560 => (&mut settings.bcc, u32::MAX),
            0x600..0x620 => (&mut settings.dab[index], u32::MAX),
            0x620..0x640 => (&mut settings.dap[index], 0xffff),
            0x640 => (&mut settings.dacnf, 0xffff),
            0x644 => (&mut settings.mhrmatchconf, u32::MAX),
            0x648 => (&mut settings.mhrmatchmas, u32::MAX),
            0x650 => (&mut settings.modecnf0, 0x301),
            0x660 => (&mut settings.sfd, 0xff),
            0x664 => (&mut settings.edcnt, 0x1f_ffff),
            0x66c => (&mut settings.ccactrl, 0xffff_ff07),
            0xffc => (&mut settings.power, 1),
            _ => return None,
        })
    }
}

impl Default for Settings {
    /// Reset values (PS 6.20.14).
    fn default() -> Self {
        Self {
            shorts: 0,
            packetptr: 0,
            frequency: 2,
            txpower: 0,
            mode: 0,
            pcnf0: 0,
            pcnf1: 0,
            base: [0; 2],
            prefix: [0; 2],
            txaddress: 0,
            rxaddresses: 0,
            crccnf: 0,
            crcpoly: 0,
            crcinit: 0,
            tifs: 0,
            datawhiteiv: 0x40,
            bcc: 0,
            dab: [0; 8],
            dap: [0; 8],
            dacnf: 0,
            mhrmatchconf: 0,
            mhrmatchmas: 0,
            modecnf0: 0x200,
            sfd: 0xa7,
            edcnt: 0,
            ccactrl: 0x052d_0000,
            power: 1,
        }
    }
}

impl Peripheral for Radio {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            _ if self.settings.power == 0 && offset <= 0x30 => {}
            0x00 => self.enable(bus, true, false),
            0x04 => self.enable(bus, false, false),
            0x08 => self.start(bus),
            0x0c => self.stop(bus),
            0x10 => self.disable(bus),
            0x14 => self.start_rssi(bus),
            0x18 => bus.cancel(&mut self.rssi),
            0x1c => self.start_bits(bus),
            0x20 => {
                bus.cancel(&mut self.bits.event);
                self.bits.since = None;
            }
            0x24 => self.start_ed(bus),
            0x28 => self.stop_measuring(bus, false),
            0x2c => self.start_cca(bus),
            0x30 => self.stop_measuring(bus, true),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        let results = &self.results;
        Ok(match offset {
            0x400 => results.crcstatus,
            0x408 => results.rxmatch,
            0x40c => results.rxcrc,
            0x410 => results.dai,
            0x414 => results.pdustat,
            0x548 => results.rssisample,
            0x550 => self.state as u32,
            0x668 => results.edsample,
            _ => {
                let (setting, _) = self.setting(offset).ok_or(AccessFault::Unmapped)?;
                *setting
            }
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        if matches!(offset, 0x400..=0x414 | 0x548 | 0x550 | 0x668) {
            return Ok(());
        }
        if offset == 0x510 && packet::modulation(value).is_none() {
            return Err(AccessFault::UnmodelledUse);
        }
        let (setting, bits) = self.setting(offset).ok_or(AccessFault::Unmapped)?;
        *setting = value & bits;
        match offset {
            // Bit 6 is always set.
            0x554 => self.settings.datawhiteiv |= 0x40,
            0x560 => self.count_bits(bus),
            // Off and on again: every register has its reset value.
            0xffc if value & 1 == 0 => {
                self.abort(bus);
                bus.cancel(&mut self.ramp);
                bus.cancel(&mut self.rssi);
                let air = std::mem::take(&mut self.air);
                *self = Self { air, ..Self::new() };
                self.settings.power = 0;
                bus.fabric.set_irq(u16::from(ID), false);
            }
            _ => {}
        }
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        match what {
            WAKE_RAMPED => self.ramped(bus),
            WAKE_SYNCHRONISED => self.synchronised(bus),
            WAKE_RSSI => self.rssi_done(bus),
            WAKE_MEASURED => self.measured(bus),
            WAKE_BCMATCH => self.bits_matched(bus),
            WAKE_PHYEND => self.phy_ended(bus),
            _ => self.passed(bus, what),
        }
    }
}

/// Between START and the first bit at the antenna (measured on silicon: 0.6 to 1 µs, 2 µs for coded frames).
fn tx_delay(modulation: Modulation) -> VirtualTime {
    VirtualTime::from_us(if modulation.is_coded() { 2 } else { 1 })
}

/// Between a bit at the antenna and its event (measured on silicon).
fn rx_delay(modulation: Modulation) -> VirtualTime {
    match modulation {
        Modulation::Nrf1M | Modulation::Ble1M => VirtualTime::from_ns(9_400),
        Modulation::Nrf2M | Modulation::Ble2M => VirtualTime::from_ns(5_450),
        Modulation::BleCoded125K | Modulation::BleCoded500K => VirtualTime::from_us(30),
        Modulation::Ieee802154 => VirtualTime::from_us(22),
    }
}

/// PS 6.20.15: tTXDIS.
fn tx_disable(modulation: Modulation) -> VirtualTime {
    VirtualTime::from_us(match modulation {
        Modulation::Nrf1M | Modulation::Ble1M => 6,
        Modulation::Nrf2M | Modulation::Ble2M => 4,
        Modulation::BleCoded125K | Modulation::BleCoded500K => 10,
        Modulation::Ieee802154 => 21,
    })
}

/// PS 6.20.15: tRXDIS.
fn rx_disable(modulation: Modulation) -> VirtualTime {
    VirtualTime::from_ns(if modulation == Modulation::Ieee802154 { 500 } else { 0 })
}

/// PS 6.20.15: sensitivity in dBm.
fn sensitivity(modulation: Modulation) -> i8 {
    match modulation {
        Modulation::Nrf1M => -93,
        Modulation::Nrf2M => -89,
        Modulation::Ble1M => -95,
        Modulation::Ble2M => -92,
        Modulation::BleCoded125K => -103,
        Modulation::BleCoded500K => -99,
        Modulation::Ieee802154 => -100,
    }
}
