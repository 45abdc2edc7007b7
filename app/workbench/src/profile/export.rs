//! Profiles as text and JSON for other tools.

use crate::api::ProfileWeight;
use drydock_emulator::profile::{Node, NodeKind, Profile};
use serde_json::{Value, json};
use std::{collections::HashMap, fmt::Write as _};

/// The weight of a node's own.
pub(super) fn weight_of(node: &Node, weight: ProfileWeight) -> u64 {
    match (node.kind, weight) {
        // Time in which nothing is executed says nothing of the code.
        (NodeKind::Asleep, _) => 0,
        (_, ProfileWeight::Cycles) => node.cycles,
        (_, ProfileWeight::Instructions) => node.instructions,
    }
}

/// The nodes from the root to `node`.
fn path(nodes: &[Node], node: usize) -> Vec<usize> {
    let mut path: Vec<usize> = std::iter::successors(Some(node), |at| nodes[*at].parent).collect();
    path.reverse();
    path
}

/// All nodes, depth first: viewers that draw one sample after the other then draw each call once. The profile itself
/// has the nodes in the order of their first appearance, mixed with those of interrupts.
pub(super) fn depth_first(nodes: &[Node]) -> Vec<usize> {
    let mut calls: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waiting = Vec::new();
    for (index, node) in nodes.iter().enumerate().rev() {
        match node.parent {
            Some(parent) => calls[parent].push(index),
            None => waiting.push(index),
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(node) = waiting.pop() {
        order.push(node);
        waiting.append(&mut calls[node]);
    }
    order
}

/// A line for each stack: its functions, `;` between them, and the weight (the format of Brendan Gregg's `flamegraph.pl`).
pub(super) fn folded(profile: &Profile, weight: ProfileWeight) -> String {
    let mut text = String::new();
    for (index, node) in profile.nodes.iter().enumerate() {
        let weight = weight_of(node, weight);
        if weight == 0 {
            continue;
        }
        let names: Vec<String> = path(&profile.nodes, index)
            .into_iter()
            .map(|at| profile.nodes[at].name.replace(';', ":"))
            .collect();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} {weight}", names.join(";"));
    }
    text
}

/// The weights of an exact profile, with their names.
pub(super) const EXACT: &[(&str, ProfileWeight)] = &[
    ("cycles", ProfileWeight::Cycles),
    ("instructions", ProfileWeight::Instructions),
];

/// Speedscope's own format (its `file-format-spec.ts`): each stack once, with its exact weight, once for each of `weights`.
pub(super) fn speedscope(title: &str, profile: &Profile, weights: &[(&str, ProfileWeight)]) -> Vec<u8> {
    let mut frames: Vec<&str> = Vec::new();
    let mut indices: HashMap<&str, usize> = HashMap::new();
    let frame_of: Vec<usize> = profile
        .nodes
        .iter()
        .map(|node| {
            *indices.entry(&node.name).or_insert_with(|| {
                frames.push(&node.name);
                frames.len() - 1
            })
        })
        .collect();
    let sampled = |name: &str, weight: ProfileWeight| -> Value {
        let mut samples = Vec::new();
        let mut weights = Vec::new();
        for index in depth_first(&profile.nodes) {
            let weight = weight_of(&profile.nodes[index], weight);
            if weight > 0 {
                let stack: Vec<usize> = path(&profile.nodes, index).into_iter().map(|at| frame_of[at]).collect();
                samples.push(stack);
                weights.push(weight);
            }
        }
        let end: u64 = weights.iter().sum();
        json!({
            "type": "sampled", "name": name, "unit": "none",
            "startValue": 0, "endValue": end, "samples": samples, "weights": weights,
        })
    };
    let file = json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": format!("drydock {}", env!("CARGO_PKG_VERSION")),
        "name": title,
        "activeProfileIndex": 0,
        "shared": { "frames": frames.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>() },
        "profiles": weights.iter().map(|(name, weight)| sampled(name, *weight)).collect::<Vec<_>>(),
    });
    file.to_string().into_bytes()
}

/// The executed code, a line each: first address, end address (exclusive), and the function.
pub(super) fn coverage(profile: &Profile) -> String {
    let coverage = &profile.coverage;
    let mut text = format!(
        "# {} of {} functions, {} of {} bytes of code\n",
        coverage.functions_executed, coverage.functions, coverage.bytes_executed, coverage.bytes
    );
    for range in &coverage.ranges {
        let function = range.function.as_deref().unwrap_or("(no symbol)");
        let _ = writeln!(text, "{:#010x} {:#010x} {function}", range.addr, range.end);
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::profile) fn profile() -> Profile {
        let node = |parent, kind, name: &str, cycles, instructions| Node {
            parent,
            kind,
            name: name.to_owned(),
            cycles,
            instructions,
            calls: 1,
        };
        Profile {
            cpu_hz: 64_000_000,
            cycles: 2_000,
            asleep: 1_000,
            instructions: 800,
            nodes: vec![
                node(None, NodeKind::Thread(0), "main", 0, 0),
                node(Some(0), NodeKind::Function(0), "app::run", 300, 200),
                node(Some(1), NodeKind::Function(1), "<u8 as app::Sum>::sum;", 600, 550),
                node(None, NodeKind::Exception(17), "interrupt 1", 12, 0),
                node(Some(3), NodeKind::Function(1), "<u8 as app::Sum>::sum;", 88, 50),
                node(None, NodeKind::Asleep, "(asleep)", 1_000, 0),
            ],
            ..Profile::default()
        }
    }

    #[test]
    fn folded_stacks_have_their_own_weight_and_no_sleep() {
        assert_eq!(
            folded(&profile(), ProfileWeight::Cycles),
            "main;app::run 300\nmain;app::run;<u8 as app::Sum>::sum: 600\ninterrupt 1 12\ninterrupt 1;<u8 as app::Sum>::sum: 88\n"
        );
        assert!(folded(&profile(), ProfileWeight::Instructions).contains("main;app::run 200\n"));
    }

    #[test]
    fn what_one_function_calls_stands_together() {
        let mut profile = profile();
        // Called after the interrupt.
        profile.nodes.push(Node {
            parent: Some(1),
            name: "late".to_owned(),
            cycles: 7,
            ..profile.nodes[2].clone()
        });
        assert_eq!(depth_first(&profile.nodes), [0, 1, 2, 6, 3, 4, 5]);
        let file: Value = serde_json::from_slice(&speedscope("bench-1", &profile, EXACT)).unwrap();
        assert_eq!(file["profiles"][0]["weights"], json!([300, 600, 7, 12, 88]));
    }

    #[test]
    fn speedscope_gets_exact_weights_and_shared_frames() {
        let file: Value = serde_json::from_slice(&speedscope("bench-1", &profile(), EXACT)).unwrap();
        let frames = file["shared"]["frames"].as_array().unwrap();
        assert_eq!(frames.len(), 5);
        let cycles = &file["profiles"][0];
        assert_eq!(cycles["weights"], json!([300, 600, 12, 88]));
        assert_eq!(cycles["endValue"], 1_000);
        assert_eq!(cycles["samples"][1], json!([0, 1, 2]));
        assert_eq!(cycles["samples"][3], json!([3, 2]));
        assert_eq!(file["profiles"][1]["weights"], json!([200, 550, 50]));
    }
}
