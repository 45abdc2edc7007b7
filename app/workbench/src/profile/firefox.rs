//! Profiles for the Firefox Profiler, in its processed format (`docs-developer/processed-profile-format.md` of
//! firefox-devtools/profiler), version 48: newer versions of the profiler convert it as they load it. Each context (a
//! thread, an exception) is a thread there; a stack is one sample with its exact weight.

use super::export::{depth_first, weight_of};
use crate::api::ProfileWeight;
use drydock_emulator::profile::{Node, NodeKind, Profile};
use serde_json::{Value, json};

/// Version of the processed format.
const VERSION: u32 = 48;
/// The corresponding version of the Gecko format.
const GECKO_VERSION: u32 = 27;
/// Categories: of code, and of waiting.
const CODE: u32 = 0;
const INTERRUPTS: u32 = 1;
const WAITING: u32 = 2;

pub(super) fn firefox(title: &str, profile: &Profile, weight: ProfileWeight) -> Vec<u8> {
    let roots = profile
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.parent.is_none());
    let threads: Vec<Value> = roots
        .filter(|(_, node)| node.kind != NodeKind::Asleep)
        .enumerate()
        .map(|(number, (root, _))| thread(profile, root, number + 1, weight))
        .collect();
    let category = |name: &str, color: &str| json!({ "name": name, "color": color, "subcategories": ["Other"] });
    let file = json!({
        "meta": {
            "interval": 1, "startTime": 0, "processType": 0, "stackwalk": 1,
            "product": title, "version": GECKO_VERSION, "preprocessedProfileVersion": VERSION,
            "symbolicated": true, "markerSchema": [],
            "categories": [category("Code", "orange"), category("Interrupts", "blue"), category("Waiting", "grey")],
        },
        "libs": [], "pages": [], "threads": threads,
    });
    file.to_string().into_bytes()
}

/// One context: its part of the tree becomes its stack table.
fn thread(profile: &Profile, root: usize, number: usize, weight: ProfileWeight) -> Value {
    let nodes = &profile.nodes;
    // A parent comes before its children.
    let mut index_of: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut own: Vec<&Node> = Vec::new();
    for index in depth_first(nodes) {
        let node = &nodes[index];
        if index == root || node.parent.is_some_and(|parent| index_of[parent].is_some()) {
            index_of[index] = Some(own.len());
            own.push(node);
        }
    }
    let prefixes: Vec<Option<usize>> = own
        .iter()
        .map(|node| node.parent.and_then(|parent| index_of[parent]))
        .collect();
    let mut strings: Vec<&str> = own.iter().map(|node| node.name.as_str()).collect();
    strings.sort_unstable();
    strings.dedup();
    let function_of = |node: &&Node| strings.binary_search(&node.name.as_str()).unwrap_or_default();
    let functions: Vec<usize> = own.iter().map(function_of).collect();
    let in_exception = matches!(nodes[root].kind, NodeKind::Exception(_));
    let categories: Vec<u32> = own
        .iter()
        .map(|node| match node.kind {
            NodeKind::Stalled => WAITING,
            _ if in_exception => INTERRUPTS,
            _ => CODE,
        })
        .collect();

    let milliseconds = |count: u64| match weight {
        ProfileWeight::Cycles => count as f64 * 1e3 / f64::from(profile.cpu_hz.max(1)),
        ProfileWeight::Instructions => count as f64,
    };
    let (mut stacks, mut times, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    let mut time = 0.0;
    for (index, node) in own.iter().enumerate() {
        let count = weight_of(node, weight);
        if count > 0 {
            stacks.push(index);
            times.push(time);
            weights.push(milliseconds(count));
            time += milliseconds(count);
        }
    }
    let (count, all) = (strings.len(), own.len());
    let each = |value: Value, count: usize| vec![value; count];
    json!({
        "name": nodes[root].name, "isMainThread": number == 1, "pid": "1", "tid": number,
        "processType": "default", "processName": "firmware",
        "processStartupTime": 0, "processShutdownTime": null, "registerTime": 0, "unregisterTime": null,
        "pausedRanges": [],
        "samples": {
            "length": stacks.len(), "stack": stacks, "time": times, "weight": weights,
            "weightType": match weight {
                ProfileWeight::Cycles => "tracing-ms",
                ProfileWeight::Instructions => "samples",
            },
        },
        "markers": {
            "length": 0, "category": [], "data": [], "endTime": [], "name": [], "phase": [], "startTime": [],
        },
        "stackTable": {
            "length": all, "prefix": prefixes, "frame": (0..all).collect::<Vec<_>>(),
            "category": categories, "subcategory": each(json!(0), all),
        },
        "frameTable": {
            "length": all, "address": each(json!(-1), all), "inlineDepth": each(json!(0), all),
            "category": categories, "subcategory": each(json!(0), all), "func": functions,
            "nativeSymbol": each(Value::Null, all), "innerWindowID": each(json!(0), all),
            "implementation": each(Value::Null, all), "line": each(Value::Null, all), "column": each(Value::Null, all),
        },
        "funcTable": {
            "length": count, "name": (0..count).collect::<Vec<_>>(), "isJS": each(json!(false), count),
            "relevantForJS": each(json!(false), count), "resource": each(json!(-1), count),
            "fileName": each(Value::Null, count), "lineNumber": each(Value::Null, count),
            "columnNumber": each(Value::Null, count),
        },
        "resourceTable": { "length": 0, "lib": [], "name": [], "host": [], "type": [] },
        "nativeSymbols": { "length": 0, "address": [], "functionSize": [], "libIndex": [], "name": [] },
        "stringArray": strings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::export::tests::profile;

    #[test]
    fn each_context_is_a_thread_whose_tables_agree() {
        let file: Value = serde_json::from_slice(&firefox("bench-1", &profile(), ProfileWeight::Cycles)).unwrap();
        let threads = file["threads"].as_array().unwrap();
        let names: Vec<&str> = threads.iter().map(|thread| thread["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["main", "interrupt 1"]);
        for thread in threads {
            for table in ["samples", "stackTable", "frameTable", "funcTable"] {
                let table = thread[table].as_object().unwrap();
                let length = table["length"].as_u64().unwrap() as usize;
                for (column, values) in table {
                    if let Some(values) = values.as_array() {
                        assert_eq!(values.len(), length, "{column}");
                    }
                }
            }
        }
        let main = &threads[0];
        assert_eq!(main["stackTable"]["prefix"], json!([null, 0, 1]));
        let leaf = main["frameTable"]["func"][2].as_u64().unwrap() as usize;
        assert_eq!(main["stringArray"][leaf], "<u8 as app::Sum>::sum;");
        // 600 cycles of 64 MHz.
        assert_eq!(main["samples"]["weight"][1], json!(600.0 * 1e3 / 64e6));
    }
}
