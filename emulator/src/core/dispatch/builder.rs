//! Builds the cells of a threaded block from its instructions.

use std::mem::ManuallyDrop;
use std::sync::atomic::AtomicPtr;

use super::threaded::{Block, Cell, Clock, Cover, Handler, Header, LinkPair, Op, Threaded};
use super::{DispatchCore, Slot};

/// A threaded block being built.
pub(in crate::core) struct BlockBuilder<'a, C: Threaded> {
    /// The instructions that it is made of.
    pub(in crate::core) slots: &'a [C::Slot],
    cells: Vec<Cell<C>>,
    covers: Vec<Cover>,
}

/// The translation of an instruction: a handler with its operands.
pub(in crate::core) struct NewOp<C: DispatchCore> {
    handler: Handler<C>,
    a: u8,
    b: u8,
    c: u8,
    imm: u32,
    links: bool,
}

impl<C: DispatchCore> NewOp<C> {
    /// Of a handler that takes no operands.
    pub(in crate::core) fn new(handler: Handler<C>) -> Self {
        Self::abc(handler, 0, 0, 0, 0)
    }

    /// Of a handler with registers and a constant.
    pub(in crate::core) fn abc(handler: Handler<C>, a: u8, b: u8, c: u8, imm: u32) -> Self {
        Self {
            handler,
            a,
            b,
            c,
            imm,
            links: false,
        }
    }

    /// Adds a link cell after it, for handlers that follow a link.
    pub(in crate::core) fn linked(self) -> Self {
        Self { links: true, ..self }
    }

    /// Whether a link cell follows.
    pub(in crate::core) fn has_links(&self) -> bool {
        self.links
    }
}

impl<C: Threaded> Block<C> {
    /// The block of `slots`, which are one straight line; `None` without instructions. `shared`: other machines run it
    /// too, so it may link only to shared blocks.
    pub(in crate::core) fn new(slots: Box<[C::Slot]>, shared: bool) -> Option<Box<Self>> {
        let (first, last) = (slots.first()?, slots.last()?);
        let (pc, next_pc, taken_pc) = (first.pc(), last.next_pc(), C::branch_target(last));
        let cost = slots.iter().map(cost).sum();
        let header = |block| Cell {
            header: Header { cost, block },
        };
        let mut builder = BlockBuilder {
            slots: &slots,
            cells: Vec::new(),
            covers: Vec::new(),
        };
        // Its back pointer is set once the block has its place.
        builder.push_cell(header(std::ptr::null()), 0, 0);
        C::emit(&mut builder);
        let (cells, covers) = (builder.cells.into(), builder.covers.into());
        let mut block = Box::new(Self {
            pc,
            shared,
            slots,
            covers,
            taken_pc,
            next_pc,
            cells,
        });
        let place: *const Self = &raw const *block;
        block.cells[0] = header(place);
        Some(block)
    }
}

impl<C: Threaded> BlockBuilder<'_, C> {
    /// Adds the cell that stands for `count` instructions, starting at index `first`.
    pub(in crate::core) fn push(&mut self, new_op: NewOp<C>, first: usize, count: u8) {
        let NewOp {
            handler,
            a,
            b,
            c,
            imm,
            links,
        } = new_op;
        debug_assert!(self.cells.len() < 256 && a < C::REGISTERS && b < C::REGISTERS);
        let op = Op {
            handler,
            a,
            b,
            c,
            index: self.cells.len() as u8,
            imm,
        };
        self.push_cell(Cell { op }, first, count);
        if links {
            let pair = LinkPair {
                taken: AtomicPtr::default(),
                other: AtomicPtr::default(),
            };
            let links = ManuallyDrop::new(pair);
            self.push_cell(Cell { links }, first, 0);
        }
    }

    fn push_cell(&mut self, cell: Cell<C>, first: usize, count: u8) {
        let rest = self.slots[first..].iter().map(cost).sum();
        self.cells.push(cell);
        self.covers.push(Cover {
            first: first as u8,
            count,
            rest,
        });
    }
}

fn cost(slot: &impl Slot) -> Clock {
    u64::from(slot.cycles()) << 32 | 1
}
