//! Generates code for Tauri from `tauri.conf.json`, the capabilities and the icons.

fn main() {
    tauri_build::build();
}
