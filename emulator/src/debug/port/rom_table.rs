//! What a debugger reads to find out which chip it is: the identification registers of port, ROM table and components
//! (IHI 0031 chapter 9; Cortex-M4 TRM table 8-1).

/// The identification of a chip to debuggers.
#[derive(Debug)]
pub(super) struct Identity {
    chip: &'static str,
    /// DPIDR.
    pub(super) dpidr: u32,
    /// TARGETID; 0 for ports of version 1, which have none.
    pub(super) target_id: u32,
    /// Peripheral id of the ROM table: JEP106 continuation code and id of the maker, and the part.
    maker: (u8, u8),
    part: u16,
    /// Whether Nordic's CTRL-AP is access port 1.
    pub(super) has_ctrl_ap: bool,
}

/// SW-DP of a Cortex-M4 (TRM 8.2) and its successor, version 2.
const DPIDR_1: u32 = 0x2ba0_1477;
const DPIDR_2: u32 = 0x5ba0_2477;

static IDENTITIES: [Identity; 3] = [
    Identity {
        chip: "nrf52840",
        dpidr: DPIDR_1,
        target_id: 0,
        maker: (2, 0x44),
        part: 0x008,
        has_ctrl_ap: true,
    },
    Identity {
        chip: "stm32f407",
        dpidr: DPIDR_1,
        target_id: 0,
        maker: (0, 0x20),
        part: 0x413,
        has_ctrl_ap: false,
    },
    // The part number is spread as probe-rs' target file describes it for Renesas: TARGETID has 0x160.
    Identity {
        chip: "ra4m1",
        dpidr: DPIDR_2,
        target_id: 0x0016_0447,
        maker: (4, 0x23),
        part: 0x016,
        has_ctrl_ap: false,
    },
];

/// First addresses of the ROM table and of the components in it.
const ROM_TABLE: u32 = 0xe00f_f000;
/// Offset from the ROM table, peripheral id (part, revision), component class.
const COMPONENTS: [(u32, u16, u8, u8); 4] = [
    // SCS, DWT, FPB, ITM: Arm's, with parts by the TRM.
    (0xe000_e000, 0x00c, 0, 0xe0),
    (0xe000_1000, 0x002, 3, 0xe0),
    (0xe000_2000, 0x003, 2, 0xe0),
    (0xe000_0000, 0x001, 3, 0xe0),
];
const ARM: (u8, u8) = (4, 0x3b);
/// TPIU and ETM are not there.
const ABSENT: [u32; 2] = [0xfff4_1002, 0xfff4_2002];
/// MEMTYPE: system memory is on this bus.
const MEMTYPE: u32 = 0xfcc;
const ROM_TABLE_CLASS: u8 = 0x10;

impl Identity {
    /// The identity of a chip; `None` without a debug port here.
    pub(super) fn of(chip: &str) -> Option<&'static Self> {
        IDENTITIES.iter().find(|identity| identity.chip == chip)
    }

    /// The word at an address of the ROM table, or of a component's identification registers.
    pub(super) fn word(&self, addr: u32) -> Option<u32> {
        let offset = addr & 0xfff;
        if addr & !0xfff == ROM_TABLE {
            let index = (offset / 4) as usize;
            return Some(match offset {
                0x00..0x10 => COMPONENTS[index].0.wrapping_sub(ROM_TABLE) | 3,
                0x10..0x18 => ABSENT[index - 4],
                MEMTYPE => 1,
                _ => identification(offset, self.maker, self.part, 0, ROM_TABLE_CLASS),
            });
        }
        let component = COMPONENTS.iter().find(|component| component.0 == addr & !0xfff)?;
        let (_, part, revision, class) = *component;
        (offset >= 0xfd0).then(|| identification(offset, ARM, part, revision, class))
    }
}

/// PIDR4 to 7, PIDR0 to 3, CIDR0 to 3.
fn identification(offset: u32, maker: (u8, u8), part: u16, revision: u8, class: u8) -> u32 {
    let [part_low, part_high] = part.to_le_bytes();
    u32::from(match offset {
        0xfd0 => maker.0,
        0xfe0 => part_low,
        0xfe4 => maker.1 << 4 | part_high & 0xf,
        0xfe8 => revision << 4 | 1 << 3 | maker.1 >> 4 & 7,
        0xff0 => 0x0d,
        0xff4 => class,
        0xff8 => 0x05,
        0xffc => 0xb1,
        _ => 0,
    })
}
