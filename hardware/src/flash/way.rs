//! The way to a board's flash: which method, over which port or probe, and what it may write.

use super::{Erase, FlashError, Flasher, Plan, Segment, by_probe, dfu, esp, sam_ba};
use crate::{
    binding::{Binding, ChipId},
    dfu::DfuInfo,
    port::{BlockingLine, OpenError, Port, Ports, Topology},
    probe::Probes,
};
use drydock_assets::{Board, ConnectorKind, FlashMethod};
use std::{fmt, ops::Range, time::Duration};

/// Opening a port at this rate and closing it calls the bootloader.
const TOUCH_BAUD: u32 = 1200;

/// How long a board may take from the touch at 1200 baud until its bootloader is there.
const BOOTLOADER: Duration = Duration::from_secs(10);

/// A board on its cable: a serial port, and what its flash is written over, if that is not the port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Its serial port.
    pub port: Option<Port>,
    /// Id of its debug probe. Flash is written over the probe if there is one.
    pub probe: Option<String>,
    /// Id of its bootloader as a DFU device. Flash is written over it if there is one and no probe.
    pub dfu: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.port, &self.probe) {
            (Some(port), _) => match &port.topology {
                Some(topology) => write!(f, "{} ({topology})", port.path),
                None => f.write_str(&port.path),
            },
            (None, Some(probe)) => write!(f, "probe {probe}"),
            (None, None) => match &self.dfu {
                Some(dfu) => write!(f, "DFU device {dfu}"),
                None => f.write_str("no port"),
            },
        }
    }
}

/// Opens the way to a board's flash. The board is in its bootloader afterwards, or halted by its probe.
///
/// # Errors
/// [`FlashError`].
pub fn open(ports: &Ports, probes: &Probes, place: &Place, board: &Board) -> Result<Box<dyn Flasher>, FlashError> {
    if let Some(probe) = &place.probe {
        return by_probe::open(probes, probe, board);
    }
    if let Some(device) = &place.dfu {
        return dfu::open(ports.dfu(), device, board);
    }
    let Some(port) = &place.port else {
        return Err(FlashError::NoAnswer(
            "neither a serial port nor a debug probe nor a DFU device is named".into(),
        ));
    };
    let over_serial = |method| matches!(method, FlashMethod::EspRom | FlashMethod::SamBa | FlashMethod::Dfu);
    match board
        .flashing
        .iter()
        .map(|way| way.method)
        .find(|method| over_serial(*method))
    {
        Some(FlashMethod::EspRom) => esp::open(line(ports, port, board.link.baud)?, board),
        Some(FlashMethod::SamBa) => {
            let bootloader = bootloader(ports, port, board)?;
            sam_ba::open(line(ports, &bootloader, board.link.baud)?, board)
        }
        Some(FlashMethod::Dfu) if board.connector.kind == ConnectorKind::UsbDevice => {
            dfu::open_device(ports.dfu(), &dfu_device(ports, port, board)?, board)
        }
        Some(FlashMethod::Dfu) => Err(FlashError::Refused(format!(
            "the flash of this kind of board, {}, cannot be written over a serial port; name a debug probe, or its \
             bootloader as a DFU device. {}",
            board.title,
            by_hand(board, FlashMethod::Dfu)
        ))),
        _ => Err(FlashError::Refused(format!(
            "the flash of this kind of board, {}, cannot be written over a serial port; name a debug probe",
            board.title
        ))),
    }
}

/// Opens a port, and then checks that its path still belongs to the device at its place: the system gives the path of a
/// device that is gone to the next one. An open line leads to one device only, so that nothing changes afterwards.
fn line(ports: &Ports, port: &Port, baud: u32) -> Result<BlockingLine, FlashError> {
    let line = ports.open_blocking(&port.path, baud).map_err(not_opened)?;
    let Some(now) = ports.port(&port.path) else {
        return Err(FlashError::Lost("its port is gone".into()));
    };
    Binding::to_port(port).check_port(&now)?;
    Ok(line)
}

fn not_opened(error: OpenError) -> FlashError {
    match error {
        // It was there when the operation was asked for.
        OpenError::NotFound { .. } => FlashError::Lost("its port is gone".into()),
        // Sentences of flashing end with what to do.
        error => FlashError::NoAnswer(error.to_string().trim_end_matches('.').to_owned()),
    }
}

/// The port of the board's bootloader: this one, if it shows the bootloader's USB ids; otherwise the one that appears at
/// the same place after a touch at 1200 baud.
fn bootloader(ports: &Ports, port: &Port, board: &Board) -> Result<Port, FlashError> {
    let ids: Vec<(u16, u16)> = board.flashing.iter().flat_map(|way| way.usb_ids.clone()).collect();
    let is_bootloader = |port: &Port| {
        port.usb
            .as_ref()
            .is_some_and(|usb| ids.contains(&(usb.vendor, usb.product)))
    };
    if is_bootloader(port) {
        return Ok(port.clone());
    }
    let topology = place_of(port)?;
    touch(ports, port)?;
    ports
        .wait_for_blocking(topology, is_bootloader, BOOTLOADER)
        .map_err(|_| did_not_appear(topology, board, FlashMethod::SamBa))
}

/// The DFU device of the board's bootloader: the one that is at the place of its port already, or that appears there after
/// a touch at 1200 baud.
fn dfu_device(ports: &Ports, port: &Port, board: &Board) -> Result<DfuInfo, FlashError> {
    let topology = place_of(port)?;
    let ids = dfu::ids(board);
    let is_bootloader = |info: &DfuInfo| ids.contains(&(info.usb.vendor, info.usb.product));
    let there = ports.dfu().wait_for_blocking(topology, is_bootloader, Duration::ZERO);
    if let Some(device) = there {
        return Ok(device);
    }
    touch(ports, port)?;
    ports
        .dfu()
        .wait_for_blocking(topology, is_bootloader, BOOTLOADER)
        .ok_or_else(|| did_not_appear(topology, board, FlashMethod::Dfu))
}

fn place_of(port: &Port) -> Result<&Topology, FlashError> {
    port.topology.as_ref().ok_or_else(|| {
        FlashError::NoAnswer(
            "this system does not say where the port's cable hangs, so its bootloader cannot be told from others"
                .into(),
        )
    })
}

fn did_not_appear(topology: &Topology, board: &Board, method: FlashMethod) -> FlashError {
    FlashError::NoAnswer(format!(
        "its bootloader did not appear at {topology} within {} s. {} Then try again",
        BOOTLOADER.as_secs(),
        by_hand(board, method)
    ))
}

/// How a person brings the board into a bootloader.
fn by_hand(board: &Board, method: FlashMethod) -> &str {
    let mut ways = board.flashing.iter().filter(|way| way.method == method);
    ways.find_map(|way| way.by_hand.as_deref())
        .unwrap_or("Reset it into its bootloader.")
}

/// The touch at 1200 baud, on the board at this place only: what [`Ports::touch_1200`] does.
fn touch(ports: &Ports, port: &Port) -> Result<(), FlashError> {
    let line = line(ports, port, TOUCH_BAUD)?;
    if let Err(error) = line.lines().set(false, false) {
        tracing::debug!("{} went away during the touch: {error}", port.path);
    }
    Ok(())
}

/// What is written for an image: the image in the firmware's place, and the last steps of a bootloader where a chip
/// without one needs them.
///
/// # Errors
/// [`FlashError`], if the chip cannot be read.
pub fn plan(
    flasher: &mut dyn Flasher,
    board: &Board,
    mut segments: Vec<Segment>,
    erase: Erase,
) -> Result<Plan, FlashError> {
    let range = |name: &str| -> Option<Range<u32>> {
        let area = board.flash_area(name)?;
        Some(area.base..area.base + area.bytes)
    };
    let mut allowed: Vec<Range<u32>> = range("firmware").into_iter().collect();
    if flasher.writes_boot_area() {
        allowed.extend(range("bootloader"));
        let image_starts_below = segments.iter().any(|segment| segment.address < board.boot);
        if let Some((address, code)) = board.start_code()
            && !image_starts_below
            && (erase == Erase::All || is_erased(flasher, address)?)
        {
            segments.push(Segment {
                address,
                bytes: code.to_vec(),
            });
        }
    }
    segments.sort_by_key(|segment| segment.address);
    Ok(Plan {
        segments,
        allowed,
        erase,
    })
}

fn is_erased(flasher: &mut dyn Flasher, address: u32) -> Result<bool, FlashError> {
    let mut start = [0; 8];
    flasher.read(address, &mut start)?;
    Ok(start == [0xff; 8])
}

/// A flasher whose connection is over.
#[derive(Debug, Clone, Copy)]
pub struct Gone;

impl Gone {
    fn error<T>() -> Result<T, FlashError> {
        Err(FlashError::Lost("the connection has ended already".into()))
    }
}

impl Flasher for Gone {
    fn method(&self) -> &'static str {
        "none"
    }

    fn chip(&mut self) -> Result<ChipId, FlashError> {
        Self::error()
    }

    fn erase_unit(&self, address: u32) -> Range<u32> {
        address..address + 1
    }

    fn erase(&mut self, _range: Range<u32>) -> Result<(), FlashError> {
        Self::error()
    }

    fn erase_all(&mut self) -> Result<(), FlashError> {
        Self::error()
    }

    fn write(&mut self, _address: u32, _bytes: &[u8]) -> Result<(), FlashError> {
        Self::error()
    }

    fn read(&mut self, _address: u32, _bytes: &mut [u8]) -> Result<(), FlashError> {
        Self::error()
    }

    fn start(&mut self) -> Result<(), FlashError> {
        Self::error()
    }
}
