//! A virtual probe as probe-rs drives it: the registers of a [`DebugWire`] instead of a USB device.

use super::{DebugWire, WireFault};
use probe_rs::{
    CoreStatus,
    architecture::arm::{
        ArmCommunicationInterface, ArmDebugInterface, ArmError, DapError, DapProbe, RawDapAccess, RegisterAddress,
        sequences::ArmDebugSequence,
    },
    probe::{DebugProbe, DebugProbeError, WireProtocol},
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Where a virtual probe's wire leads.
pub(super) type Socket = Arc<Mutex<Lead>>;

/// The wire to a board.
pub(super) struct Lead {
    /// `None` after the probe was unplugged.
    wire: Option<Arc<Mutex<dyn DebugWire>>>,
    /// The port was disturbed: it answers nothing before a line reset (IHI 0031 B4.3.3).
    needs_line_reset: bool,
}

impl Lead {
    /// A lead to a board, or to nothing. Whoever used the lead before must connect anew.
    pub(super) fn to(wire: Option<Arc<Mutex<dyn DebugWire>>>) -> Self {
        Self {
            wire,
            needs_line_reset: true,
        }
    }
}

/// ABORT clears all sticky errors.
const ABORT: u8 = 0;
const CLEAR_ERRORS: u32 = 0x1e;
/// A line reset: at least so many ones (IHI 0031 B4.3.3).
const LINE_RESET_BITS: u32 = 50;
/// The reset pin, in the order of CMSIS-DAP's pins.
const NRESET: u32 = 1 << 7;
/// The speed that a virtual probe reports, in kHz. Its wire has no clock.
const SPEED_KHZ: u32 = 4_000;

/// The probe.
pub(super) struct Adapter {
    socket: Socket,
    speed_khz: u32,
}

impl Adapter {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            speed_khz: SPEED_KHZ,
        }
    }

    /// Calls `access` with the wire, and clears the sticky errors after a fault, as the firmware of a probe does.
    fn on_wire<T>(&self, access: impl FnOnce(&mut dyn DebugWire) -> Result<T, WireFault>) -> Result<T, WireFault> {
        let mut lead = lock(&self.socket);
        if lead.needs_line_reset {
            return Err(WireFault::NoAnswer);
        }
        let wire = lead.wire.clone().ok_or(WireFault::NoAnswer)?;
        let mut wire = lock(&wire);
        let result = access(&mut *wire);
        match result {
            Err(WireFault::Fault) => wire.write(false, ABORT, CLEAR_ERRORS)?,
            Err(WireFault::NoAnswer) => lead.needs_line_reset = true,
            Ok(_) => {}
        }
        result
    }
}

/// A wire whose user panicked is still a wire.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn arm_error(fault: WireFault) -> ArmError {
    ArmError::Dap(match fault {
        WireFault::Fault => DapError::FaultResponse,
        WireFault::NoAnswer => DapError::NoAcknowledge,
    })
}

impl RawDapAccess for Adapter {
    fn raw_read_register(&mut self, address: RegisterAddress) -> Result<u32, ArmError> {
        self.on_wire(|wire| wire.read(address.is_ap(), address.a2_and_3()))
            .map_err(arm_error)
    }

    fn raw_write_register(&mut self, address: RegisterAddress, value: u32) -> Result<(), ArmError> {
        self.on_wire(|wire| wire.write(address.is_ap(), address.a2_and_3(), value))
            .map_err(arm_error)
    }

    fn jtag_sequence(&mut self, _cycles: u8, _tms: bool, _tdi: u64) -> Result<(), DebugProbeError> {
        Err(DebugProbeError::UnsupportedProtocol(WireProtocol::Jtag))
    }

    // Of the sequences only line resets matter to the wire.
    fn swj_sequence(&mut self, bit_len: u8, bits: u64) -> Result<(), DebugProbeError> {
        let ones = (1_u64 << LINE_RESET_BITS) - 1;
        if u32::from(bit_len) >= LINE_RESET_BITS && bits & ones == ones {
            lock(&self.socket).needs_line_reset = false;
        }
        Ok(())
    }

    fn swj_pins(&mut self, pin_out: u32, pin_select: u32, _pin_wait: u32) -> Result<u32, DebugProbeError> {
        if pin_select & NRESET != 0 {
            self.set_reset_pin(pin_out & NRESET == 0);
        }
        Ok(pin_out)
    }

    fn into_probe(self: Box<Self>) -> Box<dyn DebugProbe> {
        self
    }

    fn core_status_notification(&mut self, _state: CoreStatus) -> Result<(), DebugProbeError> {
        Ok(())
    }
}

impl Adapter {
    fn set_reset_pin(&self, held: bool) {
        let wire = lock(&self.socket).wire.clone();
        // A pin that is not connected is seen with the next access.
        if let Some(wire) = wire {
            lock(&wire).reset_pin(held);
        }
    }
}

impl DapProbe for Adapter {}

impl DebugProbe for Adapter {
    fn get_name(&self) -> &'static str {
        "virtual probe"
    }

    fn speed_khz(&self) -> u32 {
        self.speed_khz
    }

    fn set_speed(&mut self, speed_khz: u32) -> Result<u32, DebugProbeError> {
        self.speed_khz = speed_khz;
        Ok(speed_khz)
    }

    fn attach(&mut self) -> Result<(), DebugProbeError> {
        Ok(())
    }

    fn detach(&mut self) -> Result<(), probe_rs::Error> {
        Ok(())
    }

    fn target_reset(&mut self) -> Result<(), DebugProbeError> {
        self.set_reset_pin(true);
        self.set_reset_pin(false);
        Ok(())
    }

    fn target_reset_assert(&mut self) -> Result<(), DebugProbeError> {
        self.set_reset_pin(true);
        Ok(())
    }

    fn target_reset_deassert(&mut self) -> Result<(), DebugProbeError> {
        self.set_reset_pin(false);
        Ok(())
    }

    fn select_protocol(&mut self, protocol: WireProtocol) -> Result<(), DebugProbeError> {
        match protocol {
            WireProtocol::Swd => Ok(()),
            other => Err(DebugProbeError::UnsupportedProtocol(other)),
        }
    }

    fn active_protocol(&self) -> Option<WireProtocol> {
        Some(WireProtocol::Swd)
    }

    fn has_arm_interface(&self) -> bool {
        true
    }

    fn try_get_arm_debug_interface<'probe>(
        self: Box<Self>,
        sequence: Arc<dyn ArmDebugSequence>,
    ) -> Result<Box<dyn ArmDebugInterface + 'probe>, (Box<dyn DebugProbe>, ArmError)> {
        Ok(ArmCommunicationInterface::create(self, sequence, false))
    }

    fn into_probe(self: Box<Self>) -> Box<dyn DebugProbe> {
        self
    }

    fn try_as_dap_probe(&mut self) -> Option<&mut dyn DapProbe> {
        Some(self)
    }
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("virtual probe")
    }
}
