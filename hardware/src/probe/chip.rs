//! Which chip is behind a probe, and its unique id, read over the access port of memory while the chip runs.

use super::ProbeError;
use crate::binding::ChipId;
use probe_rs::{
    architecture::arm::{
        ArmDebugInterface, ArmError, FullyQualifiedApAddress,
        dp::{DPIDR, DpAddress, DpRegister},
        memory::ArmMemoryInterface,
        sequences::DefaultArmSequence,
    },
    probe::Probe,
};
use std::time::{Duration, Instant};

/// The access port of memory, of every chip here.
pub(crate) const MEMORY_PORT: FullyQualifiedApAddress = FullyQualifiedApAddress::v1_with_default_dp(0);
/// Nordic's CTRL-AP (nRF52840 PS 4.8.1).
const NORDIC_CTRL_AP: FullyQualifiedApAddress = FullyQualifiedApAddress::v1_with_default_dp(1);
const NORDIC_CTRL_AP_ID: u32 = 0x0288_0000;
const AP_IDR: u64 = 0xfc;
const ERASEALL: u64 = 0x04;
const ERASEALLSTATUS: u64 = 0x08;
const APPROTECTSTATUS: u64 = 0x0c;
/// Longer than the chip takes to erase everything (PS 6.3.2: 169 ms).
const ERASE_TIME: Duration = Duration::from_secs(15);
/// The address in a base register, without its flags.
const BASE_ADDRESS: u64 = 0xffff_f000;

/// A chip that was just plugged in answers within some milliseconds.
const CONNECT_TRIES: u32 = 10;
const CONNECT_PAUSE: Duration = Duration::from_millis(20);
const LINE_RESET_BITS: u8 = 51;
const LINE_RESET: u64 = (1 << LINE_RESET_BITS) - 1;
const JTAG_TO_SWD: u64 = 0xe79e;

/// AIRCR (ARMv7-M B3.2.6): key and SYSRESETREQ.
const AIRCR: u64 = 0xe000_ed0c;
const RESET_REQUEST: u32 = 0x05fa_0004;

/// A chip that Drydock knows how to ask for its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbedChip {
    /// Nordic nRF52840.
    Nrf52840,
    /// ST STM32F405 and 407.
    Stm32f407,
    /// Renesas RA4M1.
    Ra4m1,
}

/// A chip behind a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundChip {
    /// Which chip.
    pub chip: ProbedChip,
    /// Its unique id, in the order in which Drydock's firmware reports it; `None` if a lock hides it.
    pub id: Option<ChipId>,
    /// Whether its flash is protected against debuggers.
    pub is_locked: bool,
}

impl ProbedChip {
    const ALL: [Self; 3] = [Self::Nrf52840, Self::Stm32f407, Self::Ra4m1];

    /// Name of its file in `assets/chips`.
    pub fn asset_name(self) -> &'static str {
        match self {
            Self::Nrf52840 => "nrf52840",
            Self::Stm32f407 => "stm32f407",
            Self::Ra4m1 => "ra4m1",
        }
    }

    /// The chip with a name in `assets/chips`.
    pub fn by_asset_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chip| chip.asset_name() == name)
    }

    /// JEP106 continuation code and id of its maker.
    fn maker(self) -> (u8, u8) {
        match self {
            Self::Nrf52840 => (2, 0x44),
            Self::Stm32f407 => (0, 0x20),
            Self::Ra4m1 => (4, 0x23),
        }
    }

    /// Whether a chip of its maker is this one.
    fn is_this(self, memory: &mut dyn ArmMemoryInterface) -> Result<bool, ArmError> {
        Ok(match self {
            // FICR.INFO.PART (PS 4.4.1.16)
            Self::Nrf52840 => memory.read_word_32(0x1000_0100)? == 0x0005_2840,
            // DBGMCU_IDCODE.DEV_ID (RM0090 38.6.1)
            Self::Stm32f407 => memory.read_word_32(0xe004_2000)? & 0xfff == 0x413,
            // The part number, where probe-rs' target file has it.
            Self::Ra4m1 => {
                let mut name = [0; 9];
                memory.read_8(0x0100_3c24, &mut name)?;
                &name == b"R7FA4M1AB"
            }
        })
    }

    /// Whether flash is protected against reading, for chips that answer debuggers all the same.
    fn is_protected(self, memory: &mut dyn ArmMemoryInterface) -> Result<bool, ArmError> {
        Ok(match self {
            // FLASH_OPTCR.RDP (RM0090 3.9.9)
            Self::Stm32f407 => memory.read_word_32(0x4002_3c14)? >> 8 & 0xff != 0xaa,
            Self::Nrf52840 | Self::Ra4m1 => false,
        })
    }

    /// Reads the unique id as the board's firmware does (`chip_id` in `firmware/boards`), in the same order of bytes.
    ///
    /// # Errors
    /// The access failed.
    pub(crate) fn read_id(self, memory: &mut dyn ArmMemoryInterface) -> Result<ChipId, ArmError> {
        let mut id = [0; 8];
        match self {
            // FICR.DEVICEID, lower word first
            Self::Nrf52840 => {
                id[..4].copy_from_slice(&memory.read_word_32(0x1000_0060)?.to_be_bytes());
                id[4..].copy_from_slice(&memory.read_word_32(0x1000_0064)?.to_be_bytes());
            }
            // The 96 bits at U_ID folded to 64
            Self::Stm32f407 => {
                let mut words = [0; 3];
                memory.read_32(0x1fff_7a10, &mut words)?;
                let [place, lot_and_wafer, lot] = words;
                id[..4].copy_from_slice(&place.to_be_bytes());
                id[4..].copy_from_slice(&(lot_and_wafer ^ lot.rotate_left(16)).to_be_bytes());
            }
            // FMIFRT holds the address of the factory data; the 128 bits there folded to 64
            Self::Ra4m1 => {
                let factory = memory.read_word_32(0x407f_b19c)?;
                let mut words = [0; 4];
                memory.read_32(u64::from(factory) + 0x14, &mut words)?;
                let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
                id = std::array::from_fn(|at| bytes[at] ^ bytes[at + 8]);
            }
        }
        Ok(ChipId::from_bytes(&id))
    }
}

/// Which chip is behind a probe. Nothing is halted, reset or written there.
pub(super) fn identify(probe: Probe) -> Result<FoundChip, ProbeError> {
    let mut interface = arm_interface(probe)?;
    find(&mut *interface)
}

/// Opens the debug port behind a probe.
pub(crate) fn arm_interface(mut probe: Probe) -> Result<Box<dyn ArmDebugInterface>, ProbeError> {
    // A probe without a choice of protocols has SWD.
    if let Err(error) = probe.select_protocol(probe_rs::probe::WireProtocol::Swd) {
        tracing::debug!(%error, "the probe does not choose SWD");
    }
    probe
        .attach_to_unspecified()
        .map_err(|error| ProbeError::NoAnswer(causes(&error)))?;
    if !answers(&mut probe) {
        return Err(ProbeError::NoAnswer("nothing drives the data line".to_owned()));
    }
    let mut interface = probe
        .try_into_arm_debug_interface(DefaultArmSequence::create())
        .map_err(|(_, error)| ProbeError::NoAnswer(causes(&error)))?;
    interface
        .select_debug_port(DpAddress::Default)
        .map_err(|error| ProbeError::NoAnswer(causes(&error)))?;
    Ok(interface)
}

/// Whether a debug port answers at all. probe-rs asks for five seconds, in which nobody knows that the cable is out.
/// Probes that hide the wire (ST-Link) are believed.
fn answers(probe: &mut Probe) -> bool {
    let Some(wire) = probe.try_as_dap_probe() else {
        return true;
    };
    for _ in 0..CONNECT_TRIES {
        // Line reset, from JTAG to SWD, line reset, two idle cycles (IHI 0031 B5.2.1).
        let connected = [
            (LINE_RESET_BITS, LINE_RESET),
            (16, JTAG_TO_SWD),
            (LINE_RESET_BITS, LINE_RESET),
            (3, 0),
        ]
        .into_iter()
        .try_for_each(|(bits, sequence)| wire.swj_sequence(bits, sequence))
        .map_err(ArmError::from)
        .and_then(|()| wire.raw_read_register(DPIDR::ADDRESS.into()));
        match connected {
            Err(ArmError::Dap(_)) => std::thread::sleep(CONNECT_PAUSE),
            // Whatever else is wrong, probe-rs has the words for it.
            _ => return true,
        }
    }
    false
}

/// The memory of the chip behind a debug port.
pub(crate) fn memory(interface: &mut dyn ArmDebugInterface) -> Result<Box<dyn ArmMemoryInterface + '_>, ArmError> {
    interface.memory_interface(&MEMORY_PORT)
}

/// Resets the chip behind a debug port; it starts what is in its flash.
pub(crate) fn reset(interface: &mut dyn ArmDebugInterface) -> Result<(), ArmError> {
    let mut memory = memory(interface)?;
    memory.write_word_32(AIRCR, RESET_REQUEST)?;
    memory.flush()
}

/// Whether a chip of Nordic's is locked; `None` for other chips.
pub(crate) fn nordic_lock(interface: &mut dyn ArmDebugInterface) -> Result<Option<bool>, ArmError> {
    if interface.read_raw_ap_register(&NORDIC_CTRL_AP, AP_IDR)? != NORDIC_CTRL_AP_ID {
        return Ok(None);
    }
    let status = interface.read_raw_ap_register(&NORDIC_CTRL_AP, APPROTECTSTATUS)?;
    Ok(Some(status & 1 == 0))
}

/// Erases everything on a chip of Nordic's, which unlocks it until its next reset.
pub(crate) fn nordic_erase_all(interface: &mut dyn ArmDebugInterface) -> Result<(), ArmError> {
    interface.write_raw_ap_register(&NORDIC_CTRL_AP, ERASEALL, 1)?;
    let begin = Instant::now();
    while interface.read_raw_ap_register(&NORDIC_CTRL_AP, ERASEALLSTATUS)? != 0 {
        if begin.elapsed() > ERASE_TIME {
            return Err(ArmError::Timeout);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

pub(crate) fn find(interface: &mut dyn ArmDebugInterface) -> Result<FoundChip, ProbeError> {
    let no_answer = |error: ArmError| ProbeError::NoAnswer(causes(&error));
    // A locked chip does not say which of Nordic's it is; it is taken for the one that Drydock knows.
    if nordic_lock(interface).map_err(no_answer)? == Some(true) {
        return Ok(FoundChip {
            chip: ProbedChip::Nrf52840,
            id: None,
            is_locked: true,
        });
    }
    let mut memory = memory(interface).map_err(no_answer)?;
    let maker = maker(&mut *memory).map_err(no_answer)?;
    for chip in ProbedChip::ALL.into_iter().filter(|chip| chip.maker() == maker) {
        if chip.is_this(&mut *memory).map_err(no_answer)? {
            let id = chip.read_id(&mut *memory).map_err(no_answer)?;
            let is_locked = chip.is_protected(&mut *memory).map_err(no_answer)?;
            return Ok(FoundChip {
                chip,
                id: Some(id),
                is_locked,
            });
        }
    }
    let (continuation, id) = maker;
    Err(ProbeError::UnknownChip(format!(
        "its maker is {continuation}:{id:#04x} in JEDEC's list"
    )))
}

/// JEP106 continuation code and id in the ROM table (ADIv5 chapter 9).
fn maker(memory: &mut dyn ArmMemoryInterface) -> Result<(u8, u8), ArmError> {
    let table = memory.base_address()? & BASE_ADDRESS;
    let mut register = |offset: u64| memory.read_word_32(table + offset).map(|word| word as u8);
    let (pidr1, pidr2, pidr4) = (register(0xfe4)?, register(0xfe8)?, register(0xfd0)?);
    Ok((pidr4 & 0xf, (pidr2 & 7) << 4 | pidr1 >> 4))
}

/// An error with everything beneath it, as one text.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string().trim_end_matches('.').to_owned();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        let cause_text = cause_text.trim_end_matches('.');
        if !text.contains(cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
