//! The call tree: a node for each distinct path of calls, with its cycles and instructions.

use std::collections::HashMap;

use super::limits;
use crate::machine::profile::NodeKind;

pub(super) type NodeId = u32;

/// One path of calls.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    pub(super) kind: NodeKind,
    pub(super) parent: Option<NodeId>,
    pub(super) cycles: u64,
    pub(super) instructions: u64,
    pub(super) calls: u64,
}

/// The nodes; a parent comes before its children.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Spent>,
    children: HashMap<(Option<NodeId>, NodeKind), NodeId>,
    /// How often there was no room for a node.
    pub(super) without_room: u64,
}

impl Tree {
    /// The node of `kind` under `parent`. If it does not fit, the parent stands for it.
    pub(super) fn child(&mut self, parent: Option<NodeId>, kind: NodeKind) -> NodeId {
        if let Some(node) = self.children.get(&(parent, kind)) {
            return *node;
        }
        if self.nodes.len() >= limits::NODES {
            self.without_room += 1;
            return parent.unwrap_or(0);
        }
        let node = self.nodes.len() as NodeId;
        self.nodes.push(Spent {
            kind,
            parent,
            cycles: 0,
            instructions: 0,
            calls: 0,
        });
        self.children.insert((parent, kind), node);
        node
    }

    pub(super) fn bill(&mut self, node: NodeId, cycles: u64) {
        self.nodes[node as usize].cycles += cycles;
    }

    pub(super) fn executed(&mut self, node: NodeId, instructions: u64) {
        self.nodes[node as usize].instructions += instructions;
    }

    pub(super) fn called(&mut self, node: NodeId) {
        self.nodes[node as usize].calls += 1;
    }
}
