//! The custom section [`SECTION_NAME`] of a `.wasm`, in which a module describes itself. Read when it is packaged.
//!
//! The section holds one CBOR map with text keys, so that it can be written by hand in a `.wat`. Every key may be missing;
//! an unknown one is an error, because a misspelt limit must not go unnoticed.
//!
//! ```cddl
//! drydock-section = {
//!     ? "name": tstr,               ; [a-z0-9][a-z0-9-]*
//!     ? "version": tstr,            ; "1.2.3"
//!     ? "capabilities": [* tstr],   ; "log", "gpio:13,24", …
//!     ? "limits": {
//!         ? "memory_bytes": uint,   ; linear memory at most; so much is set aside
//!         ? "stack_bytes": uint,    ; WebAssembly call stack at most
//!         ? "callback_ms": uint,    ; longest callback, device time
//!     },
//! }
//! ```

use crate::{
    capability::Capability,
    limits::{MAX_CALLBACK_LIMIT_MS, MAX_CAPABILITIES},
    manifest::is_app_name,
    types::Version,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use minicbor::{Decoder, Encoder};

/// Name of the custom section.
pub const SECTION_NAME: &str = "drydock";

/// The content of the section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Name of the app.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<Version>,
    /// The capabilities that it asks for. `None` means the default capabilities of every app.
    pub capabilities: Option<Vec<Capability>>,
    /// The limits that it asks for.
    pub limits: Limits,
}

/// Limits that a module asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Linear memory at most, in bytes.
    pub memory_bytes: Option<u32>,
    /// WebAssembly call stack at most, in bytes.
    pub stack_bytes: Option<u32>,
    /// Longest time of one callback, in milliseconds of device time.
    pub callback_ms: Option<u32>,
}

/// Why a section cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionError {
    /// Not a WebAssembly module, or cut off.
    Module,
    /// More than one section of that name.
    Twice,
    /// Not one CBOR map, or a value of the wrong type.
    Form,
    /// An unknown or duplicate key.
    Key(String),
    /// A value that cannot be.
    Value {
        /// Its key.
        key: &'static str,
        /// The value as text.
        value: String,
    },
}

impl core::fmt::Display for SectionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Module => f.write_str("not a WebAssembly module, or cut off"),
            Self::Twice => f.write_str("the module has more than one drydock section"),
            Self::Form => f.write_str("the module's drydock section is not a CBOR map of the known form"),
            Self::Key(key) => write!(f, "the module's drydock section has an unknown or repeated key {key:?}"),
            Self::Value { key, value } => write!(f, "{key} in the module's drydock section cannot be {value:?}"),
        }
    }
}

impl core::error::Error for SectionError {}

impl Section {
    /// Finds and reads the section of a module; `None` if it has none.
    ///
    /// # Errors
    /// [`SectionError`].
    pub fn of_module(module: &[u8]) -> Result<Option<Self>, SectionError> {
        find(module)?.map(Self::parse).transpose()
    }

    /// Parses the content of a section.
    ///
    /// # Errors
    /// [`SectionError`], except those about the module.
    pub fn parse(content: &[u8]) -> Result<Self, SectionError> {
        let mut decoder = Decoder::new(content);
        let mut section = Self::default();
        let mut limits_seen = false;
        each_key(&mut decoder, |key, decoder| {
            match key {
                "name" if section.name.is_none() => {
                    let name = decoder.str().map_err(form)?;
                    let valid = is_app_name(name).then(|| name.to_string());
                    section.name = Some(valid.ok_or_else(|| value("name", name))?);
                }
                "version" if section.version.is_none() => {
                    let version = decoder.str().map_err(form)?;
                    section.version = Some(version.parse().map_err(|_| value("version", version))?);
                }
                "capabilities" if section.capabilities.is_none() => {
                    section.capabilities = Some(read_capabilities(decoder)?);
                }
                "limits" if !limits_seen => {
                    limits_seen = true;
                    section.limits = Limits::read(decoder)?;
                }
                _ => return Err(SectionError::Key(key.into())),
            }
            Ok(())
        })?;
        if decoder.position() != content.len() {
            return Err(SectionError::Form);
        }
        Ok(section)
    }

    /// Writes the content of a section.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        let written = self.write(&mut encoder).is_ok();
        debug_assert!(written, "writing to a Vec cannot fail");
        encoder.into_writer()
    }

    fn write(&self, encoder: &mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
        let limits = [
            ("memory_bytes", self.limits.memory_bytes),
            ("stack_bytes", self.limits.stack_bytes),
            ("callback_ms", self.limits.callback_ms),
        ];
        let limit_count = limits.iter().filter(|(_, value)| value.is_some()).count() as u64;
        let keys = [
            self.name.is_some(),
            self.version.is_some(),
            self.capabilities.is_some(),
            limit_count > 0,
        ];
        encoder.map(keys.into_iter().filter(|there| *there).count() as u64)?;
        if let Some(name) = &self.name {
            encoder.str("name")?.str(name)?;
        }
        if let Some(version) = &self.version {
            encoder.str("version")?.str(&version.to_string())?;
        }
        if let Some(capabilities) = &self.capabilities {
            encoder.str("capabilities")?.array(capabilities.len() as u64)?;
            for capability in capabilities {
                encoder.str(&capability.to_string())?;
            }
        }
        if limit_count > 0 {
            encoder.str("limits")?.map(limit_count)?;
            for (key, value) in limits {
                if let Some(value) = value {
                    encoder.str(key)?.u32(value)?;
                }
            }
        }
        Ok(())
    }
}

impl Limits {
    fn read(decoder: &mut Decoder<'_>) -> Result<Self, SectionError> {
        let mut limits = Self::default();
        each_key(decoder, |key, decoder| {
            let limit = match key {
                "memory_bytes" => &mut limits.memory_bytes,
                "stack_bytes" => &mut limits.stack_bytes,
                "callback_ms" => &mut limits.callback_ms,
                _ => return Err(SectionError::Key(key.into())),
            };
            if limit.replace(decoder.u32().map_err(form)?).is_some() {
                return Err(SectionError::Key(key.into()));
            }
            Ok(())
        })?;
        match limits.callback_ms {
            Some(ms) if !(1..=MAX_CALLBACK_LIMIT_MS).contains(&ms) => Err(value("callback_ms", &ms.to_string())),
            _ => Ok(limits),
        }
    }
}

fn read_capabilities(decoder: &mut Decoder<'_>) -> Result<Vec<Capability>, SectionError> {
    let count = decoder.array().map_err(form)?.ok_or(SectionError::Form)?;
    if count > MAX_CAPABILITIES as u64 {
        return Err(value("capabilities", &count.to_string()));
    }
    (0..count)
        .map(|_| {
            let text = decoder.str().map_err(form)?;
            text.parse().map_err(|_| value("capabilities", text))
        })
        .collect()
}

/// Reads a map of definite length with text keys.
fn each_key<'a>(
    decoder: &mut Decoder<'a>,
    mut read: impl FnMut(&'a str, &mut Decoder<'a>) -> Result<(), SectionError>,
) -> Result<(), SectionError> {
    let count = decoder.map().map_err(form)?.ok_or(SectionError::Form)?;
    for _ in 0..count {
        let key = decoder.str().map_err(form)?;
        read(key, decoder)?;
    }
    Ok(())
}

fn form(_: minicbor::decode::Error) -> SectionError {
    SectionError::Form
}

fn value(key: &'static str, value: &str) -> SectionError {
    SectionError::Value {
        key,
        value: value.into(),
    }
}

/// Finds the section's content in a module (WebAssembly core specification, section 5.5); `None` if there is none.
///
/// # Errors
/// [`SectionError::Module`] or [`SectionError::Twice`].
pub fn find(module: &[u8]) -> Result<Option<&[u8]>, SectionError> {
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0").ok_or(SectionError::Module)?;
    let mut found = None;
    while let Some((id, after)) = rest.split_first() {
        rest = after;
        let content = take_vector(&mut rest)?;
        let mut body = content;
        if *id == 0 && take_vector(&mut body)? == SECTION_NAME.as_bytes() && found.replace(body).is_some() {
            return Err(SectionError::Twice);
        }
    }
    Ok(found)
}

/// Consumes a vector: its length as an unsigned LEB128 of at most 32 bits, then its bytes.
fn take_vector<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], SectionError> {
    let mut length = 0u64;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = bytes.split_first().ok_or(SectionError::Module)?;
        *bytes = rest;
        length |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            let length = usize::try_from(length).map_err(|_| SectionError::Module)?;
            let (vector, rest) = bytes.split_at_checked(length).ok_or(SectionError::Module)?;
            *bytes = rest;
            return Ok(vector);
        }
    }
    Err(SectionError::Module)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, vec};

    fn full() -> Section {
        Section {
            name: Some("blink".into()),
            version: Some(Version {
                major: 1,
                minor: 2,
                patch: 3,
            }),
            capabilities: Some(vec![Capability::Log, "gpio:13,24".parse().unwrap()]),
            limits: Limits {
                memory_bytes: Some(4_096),
                stack_bytes: None,
                callback_ms: Some(100),
            },
        }
    }

    fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        for (id, content) in sections {
            assert!(content.len() < 128);
            module.extend([*id, content.len() as u8]);
            module.extend_from_slice(content);
        }
        module
    }

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        [&[name.len() as u8], name.as_bytes(), content].concat()
    }

    #[test]
    fn is_found_in_a_module() {
        let own = custom("drydock", &full().encode());
        let other = custom("name", b"what others say");
        let found = module(&[(0, &other), (1, &[0]), (0, &own)]);
        assert_eq!(Section::of_module(&found), Ok(Some(full())));
        assert_eq!(Section::of_module(&module(&[(0, &other)])), Ok(None));
        assert_eq!(
            Section::of_module(&module(&[(0, &own), (0, &own)])),
            Err(SectionError::Twice)
        );
        assert_eq!(Section::of_module(&found[..found.len() - 1]), Err(SectionError::Module));
        assert_eq!(Section::of_module(b"\x7fELF"), Err(SectionError::Module));
    }

    fn check(content: &[u8], expected: &str) {
        assert_eq!(format!("{}", Section::parse(content).unwrap_err()), expected);
    }

    #[test]
    fn what_cannot_be_is_named() {
        check(
            b"\xA1\x64nick\x61a",
            "the module's drydock section has an unknown or repeated key \"nick\"",
        );
        check(
            b"\xA1\x64name\x65Blink",
            "name in the module's drydock section cannot be \"Blink\"",
        );
        check(
            b"\xA1\x67version\x631.0",
            "version in the module's drydock section cannot be \"1.0\"",
        );
        check(
            b"\xA1\x6Ccapabilities\x81\x63fly",
            "capabilities in the module's drydock section cannot be \"fly\"",
        );
        check(
            b"\xA1\x66limits\xA1\x6Bcallback_ms\x00",
            "callback_ms in the module's drydock section cannot be \"0\"",
        );
        check(
            b"\x80",
            "the module's drydock section is not a CBOR map of the known form",
        );
        check(
            b"\xA0\x00",
            "the module's drydock section is not a CBOR map of the known form",
        );
        check(
            b"\xA2\x64name\x61a\x64name\x61a",
            "the module's drydock section has an unknown or repeated key \"name\"",
        );
    }

    #[test]
    fn an_empty_map_asks_for_nothing() {
        assert_eq!(Section::parse(b"\xA0"), Ok(Section::default()));
        assert_eq!(Section::default().encode(), b"\xA0");
    }
}
