//! The `drydock` custom section: an app's description of itself, written as CBOR at compile time.

/// Declares name, version and capabilities of the app, in a custom section of the module.
///
/// ```ignore
/// drydock_guest::app! { name: "blink", version: "1.0.0", capabilities: ["log", "timer", "gpio:13"] }
/// ```
#[macro_export]
macro_rules! app {
    (name: $name:literal, version: $version:literal, capabilities: [$($capability:literal),* $(,)?] $(,)?) => {
        const _: () = {
            const CAPABILITIES: &[&str] = &[$($capability),*];
            const LENGTH: usize = $crate::section::length($name, $version, CAPABILITIES);
            #[cfg_attr(target_arch = "wasm32", unsafe(link_section = "drydock"))]
            #[used]
            static SECTION: [u8; LENGTH] = $crate::section::encode($name, $version, CAPABILITIES);
        };
    };
}

const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;

/// Length of the encoded section in bytes.
pub const fn length(name: &str, version: &str, capabilities: &[&str]) -> usize {
    let mut length = 1 + text_length("name") + text_length(name) + text_length("version") + text_length(version);
    length += text_length("capabilities") + 1;
    let mut i = 0;
    while i < capabilities.len() {
        length += text_length(capabilities[i]);
        i += 1;
    }
    length
}

/// The section: a map of name, version and capabilities (RFC 8949).
pub const fn encode<const N: usize>(name: &str, version: &str, capabilities: &[&str]) -> [u8; N] {
    assert!(capabilities.len() < 24, "an app has fewer than 24 capabilities");
    let mut bytes = [0; N];
    bytes[0] = MAP | 3;
    let mut at = 1;
    at = text(&mut bytes, at, "name");
    at = text(&mut bytes, at, name);
    at = text(&mut bytes, at, "version");
    at = text(&mut bytes, at, version);
    at = text(&mut bytes, at, "capabilities");
    bytes[at] = ARRAY | capabilities.len() as u8;
    at += 1;
    let mut i = 0;
    while i < capabilities.len() {
        at = text(&mut bytes, at, capabilities[i]);
        i += 1;
    }
    assert!(at == N, "the length was computed for other words");
    bytes
}

const fn text_length(text: &str) -> usize {
    assert!(text.len() < 256, "a text in the section is shorter than 256 bytes");
    if text.len() < 24 {
        1 + text.len()
    } else {
        2 + text.len()
    }
}

const fn text<const N: usize>(bytes: &mut [u8; N], mut at: usize, text: &str) -> usize {
    if text.len() < 24 {
        bytes[at] = TEXT | text.len() as u8;
    } else {
        bytes[at] = TEXT | 24;
        at += 1;
        bytes[at] = text.len() as u8;
    }
    at += 1;
    let mut i = 0;
    while i < text.len() {
        bytes[at] = text.as_bytes()[i];
        at += 1;
        i += 1;
    }
    at
}
