//! Stack depth: the lowest and highest stack pointers seen within RAM.

/// Which stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stack {
    /// Arm's MSP, RISC-V's only one.
    Main,
    /// Arm's PSP.
    Process,
}

/// Extremes of one stack pointer; the stack is full-descending, so the highest is an exclusive end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) lowest: u32,
    pub(super) highest: u32,
}

/// Both stacks.
#[derive(Clone, Debug, Default)]
pub(super) struct Extents {
    main: Option<Extent>,
    process: Option<Extent>,
    /// Ranges of RAM: a stack pointer elsewhere is none yet.
    ram: Vec<(u32, u32)>,
    /// Top of the main stack as named by the image: addresses above it belong to another program, such as a bootloader.
    main_top: Option<u32>,
}

impl Extents {
    pub(super) fn new(ram: Vec<(u32, u32)>, main_top: Option<u32>) -> Self {
        Self {
            ram,
            main_top,
            ..Self::default()
        }
    }

    pub(super) fn of(&self, stack: Stack) -> Option<Extent> {
        match stack {
            Stack::Main => self.main,
            Stack::Process => self.process,
        }
    }

    /// The range of RAM with the stack that extends to `addr`.
    pub(super) fn ram_of(&self, addr: u32) -> Option<(u32, u32)> {
        self.ram
            .iter()
            .copied()
            .find(|(base, end)| (*base + 1..=*end).contains(&addr))
    }

    #[inline]
    pub(super) fn seen(&mut self, stack: Stack, sp: u32) {
        let place = match stack {
            Stack::Main => &mut self.main,
            Stack::Process => &mut self.process,
        };
        if let Some(extent) = place
            && (extent.lowest..=extent.highest).contains(&sp)
        {
            return;
        }
        if stack == Stack::Main && self.main_top.is_some_and(|top| sp > top) {
            return;
        }
        if !self.ram.iter().any(|(base, end)| (*base..=*end).contains(&sp)) {
            return;
        }
        let known = place.unwrap_or(Extent {
            lowest: sp,
            highest: sp,
        });
        *place = Some(Extent {
            lowest: known.lowest.min(sp),
            highest: known.highest.max(sp),
        });
    }
}
