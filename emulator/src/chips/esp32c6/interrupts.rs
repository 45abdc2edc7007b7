//! From interrupt sources to the core. The interrupt matrix (ESP32-C6 Technical Reference Manual 1.1, chapter 10)
//! routes each source to one of 31 CPU interrupts. The core's controller (1.6) picks the one with the highest
//! priority that is enabled and above the threshold. The core sees one interrupt at a time.

use crate::core::fabric::{AccessFault, Fabric};

/// Interrupt sources (table 10-1), as bits of a set.
pub(super) type Sources = u128;

const SOURCES: usize = 77;
/// INTMTX: maps, then the sources' levels.
const STATUS: u32 = 0x134;
/// Sources of the software interrupts, in INTPRI.
const FROM_CPU: u32 = 22;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Interrupts {
    /// The CPU interrupt of each source.
    map: Vec<u8>,
    enable: u32,
    /// A one: edge triggered.
    kind: u32,
    priority: [u8; 32],
    threshold: u8,
    claim: u32,
    from_cpu: [bool; 4],
    /// Levels of the CPU interrupts, and edges not cleared yet.
    levels: u32,
    edges: u32,
}

impl Default for Interrupts {
    fn default() -> Self {
        Self {
            map: vec![0; SOURCES],
            enable: 0,
            kind: 0,
            priority: [0; 32],
            threshold: 0,
            claim: 0,
            from_cpu: [false; 4],
            levels: 0,
            edges: 0,
        }
    }
}

impl Interrupts {
    /// The software interrupts that are raised.
    pub(super) fn raised_by_cpu(&self) -> Sources {
        let raised = self.from_cpu.iter().enumerate();
        raised.fold(0, |set, (index, raised)| {
            set | Sources::from(*raised) << (FROM_CPU as usize + index)
        })
    }

    /// The CPU interrupt that the core must take, as a set with one member or none.
    fn winner(&self) -> u32 {
        let pending = self.pending();
        if pending == 0 {
            return 0;
        }
        let urgent = (1..32)
            .filter(|line| pending >> line & 1 != 0)
            .map(|line| (self.priority[line], line))
            .filter(|(priority, _)| *priority >= self.threshold.max(1))
            // Of equals the lowest number goes first.
            .max_by_key(|(priority, line)| (*priority, 32 - line));
        urgent.map_or(0, |(_, line)| 1 << line)
    }

    fn pending(&self) -> u32 {
        (self.levels & !self.kind | self.edges & self.kind) & self.enable
    }

    /// Brings the core's interrupt up to the sources' levels.
    pub(super) fn route(&mut self, fabric: &mut Fabric, sources: Sources) {
        let (mut levels, mut rest) = (0, sources);
        while rest != 0 {
            let source = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            levels |= 1_u32 << (self.map.get(source).copied().unwrap_or(0) & 31);
        }
        self.edges |= levels & !self.levels;
        self.levels = levels;
        fabric.set_first_irqs(self.winner());
    }

    pub(super) fn read_matrix(&self, offset: u32, sources: Sources) -> Result<u32, AccessFault> {
        match offset {
            STATUS..0x140 => Ok((sources >> (8 * (offset - STATUS))) as u32),
            // CLOCK_GATE
            0x140 => Ok(1),
            _ => {
                let map = self.map.get(offset as usize / 4);
                map.map(|line| u32::from(*line)).ok_or(AccessFault::Unmapped)
            }
        }
    }

    pub(super) fn write_matrix(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        match (self.map.get_mut(offset as usize / 4), offset) {
            (Some(map), _) => *map = value as u8 & 31,
            (None, STATUS..=0x140) => {}
            (None, _) => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// PLIC_MX.
    pub(super) fn read_controller(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.enable,
            0x04 => self.kind,
            0x08 => 0,
            0x0c => self.pending(),
            0x10..0x90 => u32::from(self.priority[(offset as usize - 0x10) / 4]),
            0x90 => u32::from(self.threshold),
            0x94 => self.claim,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write_controller(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => self.enable = value,
            0x04 => self.kind = value,
            0x08 => self.edges &= !value,
            0x0c => {}
            0x10..0x90 => self.priority[(offset as usize - 0x10) / 4] = value as u8 & 15,
            0x90 => self.threshold = value as u8 & 15,
            0x94 => self.claim = value,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// INTPRI.CPU_INTR_FROM_CPU_n.
    pub(super) fn read_from_cpu(&self, index: usize) -> u32 {
        self.from_cpu.get(index).copied().map_or(0, u32::from)
    }

    pub(super) fn write_from_cpu(&mut self, index: usize, value: u32) {
        if let Some(raised) = self.from_cpu.get_mut(index) {
            *raised = value & 1 != 0;
        }
    }
}
