//! What a USB device in DFU mode says about itself: descriptors, texts, the names of its memories.

use drydock_assets::Board;
use drydock_hardware::{
    dfu::{
        DfuDevices, DfuFunction, DfuInfo, DfuPlug, DfuWire, MemoryLayout, Setup, UsbFault, VirtualDfu,
        string as text_of,
    },
    flash::dfu::open_device,
    port::{Access, UsbIdentity},
};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// ST's ROM, with the sectors of the STM32F4 Discovery's chip.
const IDS: (u16, u16) = (0x0483, 0xdf11);
const MEMORY: &str = "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg";
/// Two memories in one name, and the characters of which such names are made.
const MEMORIES: &str = "@Flash /0x08000000/02*016Kg,1*64Ka/0x90000000/16*064Kg";
const CHARACTERS: &[u8; 32] = b"0123456789abcdefgxABCDKM*/, @Fe-";
/// GET_DESCRIPTOR's types, as they are in the upper byte of wValue.
const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
/// Index of the memory's name; that of the serial number is 3.
const MEMORY_INDEX: u8 = 4;

/// The descriptors of a sound device: its own, its configuration, its serial number, the name of its memory.
static GOOD: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let (vendor, product) = (IDS.0.to_le_bytes(), IDS.1.to_le_bytes());
    let device = [
        &[18, DEVICE, 0, 1, 0, 0, 0, 64][..],
        &vendor,
        &product,
        &[0, 0x22, 1, 2, 3, 1],
    ];
    let configuration = [
        &[9, CONFIGURATION, 27, 0, 1, 1, 0, 0xc0, 50][..],
        &[9, 4, 0, 0, 0, 0xfe, 1, 2, MEMORY_INDEX],
        &[9, 0x21, 0x0b, 0xff, 0, 0, 8, 0x1a, 1],
    ];
    let (serial, memory) = (string_of("365A37503537"), string_of(MEMORY));
    [device.concat(), configuration.concat(), serial, memory]
});

static DESK: LazyLock<Desk> = LazyLock::new(Desk::new);

/// The input is each kind of description, is damage to the name of a memory, and is damage to what a sound device answers:
/// triples say to which descriptor, where, and which bits. What is taken keeps its promises: blocks have a size, texts can
/// be shown, sectors neither overlap nor leave the address space; an opened bootloader has the sectors of the board's chip.
pub fn dfu_device(data: &[u8]) {
    configuration(data);
    text(data);
    layout(&String::from_utf8_lossy(data));
    let [first, second, rest @ ..] = data else { return };
    let at = usize::from(*first) % MEMORIES.len();
    let end = (at + usize::from(*second) % 4).min(MEMORIES.len());
    let other = rest.iter().take(usize::from(*second) / 4 % 8);
    let other: String = other
        .map(|byte| char::from(CHARACTERS[usize::from(*byte) % 32]))
        .collect();
    let mut name = MEMORIES.to_owned();
    name.replace_range(at..end, &other);
    layout(&name);

    let mut descriptors = GOOD.clone();
    let (damage, _) = rest.as_chunks::<3>();
    for [which, at, bits] in damage.iter().take(usize::from(*first) % 4) {
        let descriptor = &mut descriptors[usize::from(*which) % GOOD.len()];
        let at = usize::from(*at) % descriptor.len();
        descriptor[at] ^= bits;
    }
    DESK.open(descriptors);
}

fn configuration(bytes: &[u8]) {
    if let Ok(function) = DfuFunction::parse(bytes) {
        assert!(function.transfer_bytes >= 8 && !function.names.is_empty());
    }
}

fn text(bytes: &[u8]) {
    if let Ok(text) = text_of(bytes) {
        assert!(text.chars().all(|char| !char.is_control()));
        assert_eq!(string_of(&text), bytes[..usize::from(bytes[0])]);
    }
}

fn layout(name: &str) {
    let Ok(layout) = MemoryLayout::parse(name) else { return };
    assert!(!layout.runs.is_empty());
    let starts = layout.runs.iter().skip(1).map(|run| u64::from(run.start));
    for (run, next) in layout.runs.iter().zip(starts.chain([1 << 32])) {
        assert!(run.count > 0 && run.bytes > 0 && run.end() <= next, "{name}");
        let first = run.start..run.start.saturating_add(run.bytes);
        assert_eq!(layout.unit(run.start), Some(first), "{name}");
        let last = (run.end() - 1) as u32;
        let unit = layout.unit(last);
        assert!(
            unit.is_some_and(|unit| unit.start <= last && last - unit.start < run.bytes),
            "{name}"
        );
    }
}

fn string_of(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    [&[units.len() as u8 + 2, STRING][..], &units].concat()
}

/// A device that answers what it was given last.
struct Answers([Vec<u8>; 4]);

impl DfuWire for Answers {
    fn read(&mut self, setup: Setup, bytes: &mut [u8]) -> Result<usize, UsbFault> {
        let [kind, index] = setup.value.to_be_bytes();
        let which = match (setup.request_type, kind, index) {
            (0x80, DEVICE, _) => 0,
            (0x80, CONFIGURATION, _) => 1,
            (0x80, STRING, MEMORY_INDEX) => 3,
            (0x80, STRING, _) => 2,
            _ => return Err(UsbFault::Stall),
        };
        let count = self.0[which].len().min(bytes.len());
        bytes[..count].copy_from_slice(&self.0[which][..count]);
        Ok(count)
    }

    fn write(&mut self, _setup: Setup, _bytes: &[u8]) -> Result<(), UsbFault> {
        Err(UsbFault::Stall)
    }

    fn choose(&mut self, _interface: u8, _alternate: u8) -> Result<(), UsbFault> {
        Ok(())
    }
}

/// One device, plugged in once: the system's USB devices are listed then.
struct Desk {
    devices: DfuDevices,
    info: DfuInfo,
    answers: Arc<Mutex<Answers>>,
    board: Board,
    _plug: DfuPlug,
}

impl Desk {
    fn new() -> Self {
        let usb = UsbIdentity {
            vendor: IDS.0,
            product: IDS.1,
            serial: Some("365A37503537".into()),
            manufacturer: None,
            product_name: None,
        };
        let devices = DfuDevices::new();
        let answers = Arc::new(Mutex::new(Answers(GOOD.clone())));
        let device = VirtualDfu {
            usb: usb.clone(),
            topology: None,
        };
        let plug = devices.plug_virtual(device, answers.clone());
        Self {
            info: DfuInfo {
                id: plug.id().to_owned(),
                usb,
                topology: None,
                is_virtual: true,
                access: Access::Usable,
            },
            devices,
            answers,
            board: drydock_assets::board("stm32f4-discovery").expect("a shipped board"),
            _plug: plug,
        }
    }

    fn open(&self, descriptors: [Vec<u8>; 4]) {
        let is_sound = descriptors == *GOOD;
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).0 = descriptors;
        let flash = &self.board.chip.flash;
        match open_device(&self.devices, &self.info, &self.board) {
            Ok(flasher) => {
                let mut address = flash.base;
                while address < flash.base + flash.bytes {
                    let unit = flasher.erase_unit(address);
                    assert_eq!(Some(&unit), flash.erase_unit(address).as_ref());
                    address = unit.end;
                }
            }
            Err(error) => assert!(!is_sound && !error.to_string().is_empty(), "{error}"),
        }
    }
}
