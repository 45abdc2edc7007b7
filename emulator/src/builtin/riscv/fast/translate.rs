//! From a block's instructions to its row of cells.

use std::mem::ManuallyDrop;
use std::sync::atomic::AtomicPtr;

use super::links::LinkPair;
use super::{Block, Cell, Clock, Cover, Handler, Header, Op, alu, branch, memory, reference};
use crate::builtin::riscv::code::Slot;
use crate::builtin::riscv::instruction::{AluOp, Instruction, Reg};
use crate::builtin::riscv::registers::SINK;

/// The row of `slots`, which are one straight line.
/// `shared`: others run it too, and it may lead to none but shared ones.
pub(in crate::builtin::riscv) fn translate(slots: Box<[Slot]>, shared: bool) -> Option<Box<Block>> {
    let (first, last) = (slots.first()?, slots.last()?);
    let next_pc = last.next_pc();
    let taken_pc = match last.instruction {
        Instruction::Branch { target, .. } | Instruction::Jump { target, .. } => target,
        _ => 0,
    };
    let mut row = Row {
        slots: &slots,
        cells: Vec::new(),
        covers: Vec::new(),
    };
    row.lay();
    let (mut cells, covers) = (row.cells, row.covers);
    let cost = slots.iter().map(cost).sum();
    let pc = first.pc;
    // The header's back pointer is set once the block has its place.
    cells[0] = Cell {
        header: Header {
            cost,
            block: std::ptr::null(),
        },
    };
    let mut block = Box::new(Block {
        pc,
        shared,
        slots,
        covers: covers.into(),
        taken_pc,
        next_pc,
        cells: cells.into(),
    });
    let place: *const Block = &raw const *block;
    block.cells[0].header = Header { cost, block: place };
    Some(block)
}

fn cost(slot: &Slot) -> Clock {
    u64::from(slot.cycles) << 32 | 1
}

struct Row<'a> {
    slots: &'a [Slot],
    cells: Vec<Cell>,
    covers: Vec<Cover>,
}

/// What a slot becomes.
struct Made {
    handler: Handler,
    a: Reg,
    b: Reg,
    c: Reg,
    imm: u32,
    links: bool,
}

impl Made {
    fn new(handler: Handler, a: Reg, b: Reg, c: Reg, imm: u32) -> Self {
        Self {
            handler,
            a,
            b,
            c,
            imm,
            links: false,
        }
    }

    fn linked(self) -> Self {
        Self { links: true, ..self }
    }
}

impl Row<'_> {
    fn lay(&mut self) {
        self.push_raw(
            Cell {
                header: Header {
                    cost: 0,
                    block: std::ptr::null(),
                },
            },
            0,
            0,
        );
        let mut index = 0;
        while index < self.slots.len() {
            let slot = &self.slots[index];
            if let Some(fused) = self.slots.get(index + 1).and_then(|second| fuse(slot, second)) {
                self.push(fused, index, 2);
                index += 2;
                continue;
            }
            index += 1;
            if !is_nothing(&slot.instruction) {
                let made = make(slot).unwrap_or_else(|| Made::new(reference, 0, 0, 0, 0));
                self.push(made, index - 1, 1);
            }
        }
        let leaves = self
            .slots
            .last()
            .is_some_and(|slot| leaves_by_itself(&slot.instruction));
        if !leaves {
            self.push(Made::new(branch::go_on, 0, 0, 0, 0).linked(), self.slots.len(), 0);
        }
    }

    fn push(&mut self, made: Made, first: usize, count: u8) {
        let Made {
            handler,
            a,
            b,
            c,
            imm,
            links,
        } = made;
        debug_assert!(self.cells.len() < 256 && a <= SINK && b <= SINK && c <= SINK);
        let index = self.cells.len() as u8;
        let op = Op {
            handler,
            a,
            b,
            c,
            index,
            imm,
        };
        self.push_raw(Cell { op }, first, count);
        if links {
            let pair = LinkPair {
                taken: AtomicPtr::default(),
                other: AtomicPtr::default(),
            };
            let links = ManuallyDrop::new(pair);
            self.push_raw(Cell { links }, first, 0);
        }
    }

    fn push_raw(&mut self, cell: Cell, first: usize, count: u8) {
        let rest = self.slots[first..].iter().map(cost).sum();
        self.cells.push(cell);
        self.covers.push(Cover {
            first: first as u8,
            count,
            rest,
        });
    }
}

/// Whether its cell never goes on to the next.
fn leaves_by_itself(instruction: &Instruction) -> bool {
    matches!(
        instruction,
        Instruction::Branch { .. } | Instruction::Jump { .. } | Instruction::JumpRegister { .. }
    )
}

/// Instructions without effect but on the clock, which the header counts.
fn is_nothing(instruction: &Instruction) -> bool {
    matches!(
        instruction,
        Instruction::Fence
            | Instruction::FenceI
            | Instruction::Constant { rd: 0, .. }
            | Instruction::AluImmediate { rd: 0, .. }
            | Instruction::Alu { rd: 0, .. }
    )
}

/// Two instructions in one cell: what compilers write where other machines have one.
fn fuse(first: &Slot, second: &Slot) -> Option<Made> {
    use Instruction as I;
    match (first.instruction, second.instruction) {
        // LUI, ADDI: a constant.
        (
            I::Constant { rd, value },
            I::AluImmediate {
                op: AluOp::Add,
                rd: second_rd,
                rs1,
                imm,
            },
        ) if rd == second_rd && rd == rs1 && rd != 0 => {
            Some(Made::new(alu::constant, rd, 0, 0, value.wrapping_add(imm)))
        }
        // SLLI, SRLI (or SRAI) of one register: the low bits, extended.
        (
            I::AluImmediate {
                op: AluOp::Sll,
                rd,
                rs1,
                imm: left,
            },
            I::AluImmediate {
                op: op @ (AluOp::Srl | AluOp::Sra),
                rd: second_rd,
                rs1: second_rs1,
                imm: right,
            },
        ) if rd == second_rd && rd == second_rs1 && rd != 0 => {
            let handler: Handler = match op {
                AluOp::Srl => alu::shift_pair::<false>,
                _ => alu::shift_pair::<true>,
            };
            Some(Made::new(handler, rd, rs1, 0, left | right << 8))
        }
        _ => None,
    }
}

/// The cell of one instruction; `None`: the reference runs it.
fn make(slot: &Slot) -> Option<Made> {
    use Instruction as I;
    Some(match slot.instruction {
        I::Constant { rd, value } => Made::new(alu::constant, rd, 0, 0, value),
        I::AluImmediate {
            op: AluOp::Add,
            rd,
            rs1,
            imm: 0,
        } => Made::new(alu::copy, rd, rs1, 0, 0),
        I::AluImmediate {
            op: AluOp::Add,
            rd,
            rs1: 0,
            imm,
        } => Made::new(alu::constant, rd, 0, 0, imm),
        I::Alu {
            op: AluOp::Add,
            rd,
            rs1: 0,
            rs2: rs,
        } => Made::new(alu::copy, rd, rs, 0, 0),
        I::AluImmediate { op, rd, rs1, imm } => Made::new(alu::with_immediate(op), rd, rs1, 0, imm),
        I::Alu { op, rd, rs1, rs2 } => Made::new(alu::with_register(op), rd, rs1, rs2, 0),
        I::Load { width, rd, rs1, imm } => Made::new(memory::load(width), sink(rd), rs1, 0, imm),
        I::Store { width, rs2, rs1, imm } => Made::new(memory::store(width), rs2, rs1, 0, imm),
        I::Branch {
            comparison,
            rs1,
            rs2: 0,
            ..
        } => Made::new(branch::compare_zero(comparison), rs1, 0, 0, 0).linked(),
        I::Branch {
            comparison, rs1, rs2, ..
        } => Made::new(branch::compare(comparison), rs1, rs2, 0, 0).linked(),
        I::Jump { rd: 0, .. } => Made::new(branch::jump, 0, 0, 0, 0).linked(),
        I::Jump { rd, .. } => Made::new(branch::call, rd, 0, 0, slot.next_pc()).linked(),
        I::JumpRegister { rd: 0, rs1, imm } => Made::new(branch::jump_register, 0, rs1, 0, imm),
        I::JumpRegister { rd, rs1, imm: 0 } => Made::new(branch::call_register, rd, rs1, 0, slot.next_pc()),
        I::JumpRegister { rd, rs1, imm } => Made::new(branch::call_far, rd, rs1, 0, imm),
        _ => return None,
    })
}

/// Where the value of `rd` goes.
fn sink(rd: Reg) -> Reg {
    if rd == 0 { SINK } else { rd }
}
