//! Makes a [`Profile`] from a recorder's data.

use std::collections::{BTreeMap, HashMap};

use super::accesses::Accesses;
use super::recorder::Recorder;
use super::stacks::Stack;
use crate::core::fabric::AddressBlock;
use crate::machine::profile::{
    Coverage, ExecutedRange, FunctionCost, InterruptCost, Node, NodeKind, PeripheralUse, Profile, StackUse, Truncated,
};

/// How exceptions are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By exception number (ARMv7-M B1.5.2).
    Arm,
    /// By `mcause` (priv, table 3.6).
    RiscV,
}

impl Recorder {
    /// The results so far. Accesses are counted by `blocks`.
    pub(crate) fn report(
        &self,
        naming: Naming,
        blocks: &[&[AddressBlock]],
        cpu_hz: u32,
        accesses: &Accesses,
    ) -> Profile {
        let progress = self.progress();
        let nodes: Vec<Node> = self.nodes(naming);
        let sum_of = |kind: NodeKind| {
            nodes
                .iter()
                .filter(|node| node.kind == kind)
                .map(|node| node.cycles)
                .sum()
        };
        let totals = totals(&nodes);
        Profile {
            from: progress.from,
            to: progress.to,
            cpu_hz,
            cycles: self.cycles,
            asleep: sum_of(NodeKind::Asleep),
            stalled: sum_of(NodeKind::Stalled),
            instructions: self.instructions,
            functions: self.functions(&nodes, &totals),
            stacks: self.stacks(),
            interrupts: self.interrupts(naming, &nodes, &totals),
            peripherals: peripherals(blocks, accesses),
            coverage: self.coverage(),
            truncated: Truncated {
                nodes: self.tree.without_room,
                frames: self.too_deep,
                accesses: accesses.without_room,
                pages: self.executed.without_room,
            },
            nodes,
        }
    }

    fn nodes(&self, naming: Naming) -> Vec<Node> {
        let node = |spent: &super::tree::Spent| Node {
            parent: spent.parent.map(|parent| parent as usize),
            kind: spent.kind,
            name: self.name_of(spent.kind, naming),
            cycles: spent.cycles,
            instructions: spent.instructions,
            calls: spent.calls,
        };
        self.tree.nodes.iter().map(node).collect()
    }

    fn name_of(&self, kind: NodeKind, naming: Naming) -> String {
        match kind {
            NodeKind::Thread(0) => "main".into(),
            NodeKind::Thread(number) => format!("thread {number}"),
            NodeKind::Exception(number) => exception_name(naming, number),
            NodeKind::Function(index) => {
                let function = self.symbols.functions().get(index as usize);
                function.map_or_else(String::new, |function| function.name.clone())
            }
            NodeKind::Unnamed => "(no symbol)".into(),
            NodeKind::Asleep => "(asleep)".into(),
            NodeKind::Stalled => "(waiting for flash)".into(),
        }
    }

    /// A function that calls itself counts once on each path.
    fn functions(&self, nodes: &[Node], totals: &[(u64, u64)]) -> Vec<FunctionCost> {
        let mut costs: HashMap<NodeKind, FunctionCost> = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            if !matches!(node.kind, NodeKind::Function(_) | NodeKind::Unnamed) {
                continue;
            }
            let cost = costs.entry(node.kind).or_insert_with(|| FunctionCost {
                name: node.name.clone(),
                addr: match node.kind {
                    NodeKind::Function(index) => self.symbols.functions()[index as usize].addr,
                    _ => 0,
                },
                ..FunctionCost::default()
            });
            cost.calls += node.calls;
            cost.self_cycles += node.cycles;
            cost.self_instructions += node.instructions;
            let mut above = node.parent;
            let recursive = std::iter::from_fn(|| {
                let at = above?;
                above = nodes[at].parent;
                Some(at)
            })
            .any(|at| nodes[at].kind == node.kind);
            if !recursive {
                cost.total_cycles += totals[index].0;
                cost.total_instructions += totals[index].1;
            }
        }
        let mut costs: Vec<FunctionCost> = costs.into_values().collect();
        costs.sort_by(|a, b| (b.self_cycles, &a.name, a.addr).cmp(&(a.self_cycles, &b.name, b.addr)));
        costs
    }

    fn stacks(&self) -> Vec<StackUse> {
        let named = [("main", Stack::Main), ("process", Stack::Process)];
        let found = named.into_iter().filter_map(|(name, stack)| {
            let extent = self.extents.of(stack)?;
            let told = self.symbols.stack_top.filter(|_| stack == Stack::Main);
            // A top named by the image is used if the stack is below it in the same memory.
            let holds = |top: &u32| {
                let ram = self.extents.ram_of(*top);
                *top >= extent.highest && ram.is_some_and(|(base, _)| base <= extent.lowest)
            };
            let top = told.filter(holds).unwrap_or(extent.highest);
            Some(StackUse {
                name,
                top,
                lowest: extent.lowest,
                bytes: top - extent.lowest,
            })
        });
        found.collect()
    }

    fn interrupts(&self, naming: Naming, nodes: &[Node], totals: &[(u64, u64)]) -> Vec<InterruptCost> {
        let cycles_of = |number: u32| {
            let roots = nodes.iter().zip(totals);
            roots
                .filter(|(node, _)| node.kind == NodeKind::Exception(number))
                .map(|(_, total)| total.0)
                .sum()
        };
        let cost = |(number, taken): (&u32, &super::recorder::Taken)| InterruptCost {
            number: *number,
            name: exception_name(naming, *number),
            entries: taken.entries,
            cycles: cycles_of(*number),
            stack_bytes: taken.stack_bytes,
        };
        self.exceptions.iter().map(cost).collect()
    }

    fn coverage(&self) -> Coverage {
        let functions = self.symbols.functions();
        let mut coverage = Coverage {
            functions: functions.len(),
            bytes: functions
                .iter()
                .map(|function| u64::from(function.end - function.addr))
                .sum(),
            ..Coverage::default()
        };
        let mut counted = None;
        for (begin, end) in self.executed.ranges() {
            let mut addr = begin;
            while addr < end {
                let (function, (_, limit)) = self.symbols.at(addr);
                let upto = end.min(limit.max(addr + 1));
                if let Some(index) = function {
                    coverage.bytes_executed += u64::from(upto - addr);
                    if counted != Some(index) {
                        coverage.functions_executed += 1;
                        counted = Some(index);
                    }
                }
                coverage.ranges.push(ExecutedRange {
                    addr,
                    end: upto,
                    function: function.map(|index| functions[index as usize].name.clone()),
                });
                addr = upto;
            }
        }
        coverage
    }
}

/// Cycles and instructions of each node with its subtree.
fn totals(nodes: &[Node]) -> Vec<(u64, u64)> {
    let mut totals: Vec<(u64, u64)> = nodes.iter().map(|node| (node.cycles, node.instructions)).collect();
    for index in (0..nodes.len()).rev() {
        if let Some(parent) = nodes[index].parent {
            let (cycles, instructions) = totals[index];
            totals[parent].0 += cycles;
            totals[parent].1 += instructions;
        }
    }
    totals
}

fn peripherals(blocks: &[&[AddressBlock]], accesses: &Accesses) -> Vec<PeripheralUse> {
    let mut uses: BTreeMap<(u32, String), (u64, u64)> = BTreeMap::new();
    for (addr, loads, stores) in accesses.pieces() {
        let sum = uses.entry(block_name(blocks, addr)).or_default();
        sum.0 += loads;
        sum.1 += stores;
    }
    let mut uses: Vec<PeripheralUse> = uses
        .into_iter()
        .map(|((addr, name), (loads, stores))| PeripheralUse {
            name,
            addr,
            loads,
            stores,
        })
        .collect();
    uses.sort_by_key(|used| (u64::MAX - used.loads - used.stores, used.addr));
    uses
}

/// First address and name of the block that contains `addr`; of its 4 KiB if no block is named.
fn block_name(blocks: &[&[AddressBlock]], addr: u32) -> (u32, String) {
    let mut all = blocks.iter().copied().flatten();
    match all.find(|block| addr.wrapping_sub(block.base) < block.bytes) {
        Some(block) => (block.base, block.name.to_owned()),
        None => (addr & !0xfff, format!("{:#010x}", addr & !0xfff)),
    }
}

/// The name of an exception or interrupt of a core: by its number on Arm, by `mcause` on RISC-V.
pub fn interrupt_name(is_arm: bool, number: u32) -> String {
    let naming = if is_arm { Naming::Arm } else { Naming::RiscV };
    exception_name(naming, number)
}

fn exception_name(naming: Naming, number: u32) -> String {
    let name = match (naming, number) {
        (Naming::Arm, 2) => "NMI",
        (Naming::Arm, 3) => "HardFault",
        (Naming::Arm, 4) => "MemManage",
        (Naming::Arm, 5) => "BusFault",
        (Naming::Arm, 6) => "UsageFault",
        (Naming::Arm, 11) => "SVCall",
        (Naming::Arm, 12) => "DebugMonitor",
        (Naming::Arm, 14) => "PendSV",
        (Naming::Arm, 15) => "SysTick",
        (Naming::Arm, 16..) => return format!("interrupt {}", number - 16),
        (Naming::RiscV, 0x8000_0003) => "machine software interrupt",
        (Naming::RiscV, 0x8000_0007) => "machine timer interrupt",
        (Naming::RiscV, 0x8000_000b) => "machine external interrupt",
        (Naming::RiscV, 0x8000_0000..) => return format!("interrupt {}", number & 0x7fff_ffff),
        (Naming::RiscV, 2) => "illegal instruction",
        (Naming::RiscV, 3) => "EBREAK",
        (Naming::RiscV, 8 | 11) => "ECALL",
        (Naming::RiscV, 1 | 5 | 7) => "access fault",
        (Naming::RiscV, 0 | 4 | 6) => "misaligned access",
        _ => return format!("exception {number}"),
    };
    name.to_owned()
}
