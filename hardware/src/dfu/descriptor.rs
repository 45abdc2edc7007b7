//! Descriptors of a device in DFU mode (USB 2.0, 9.6; DFU 1.1, 4.2). They come from outside.

/// Class, subclass and protocol of an interface in DFU mode.
pub(super) const DFU_MODE: (u8, u8, u8) = (0xfe, 1, 2);

const INTERFACE: u8 = 4;
const FUNCTIONAL: u8 = 0x21;
const STRING: u8 = 3;

/// No packet of a control endpoint is shorter (USB 2.0, 5.5.3). The numbers of blocks have 16 bits, and count 512 KiB in
/// such blocks: more than any sector that is read at once, and than the flash of a board whose blocks are counted from its
/// beginning.
const LEAST_TRANSFER_BYTES: u16 = 8;

/// A descriptor that says nothing sensible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its USB descriptors make no sense: {0}")]
pub struct BadDescriptor(pub &'static str);

/// What a configuration says about device firmware upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DfuFunction {
    /// Number of the interface.
    pub interface: u8,
    /// The indices of the names of its alternate settings, in order; 0 for none.
    pub names: Vec<u8>,
    /// bitCanDnload.
    pub can_download: bool,
    /// bitCanUpload.
    pub can_upload: bool,
    /// bitManifestationTolerant.
    pub tolerates_manifestation: bool,
    /// wTransferSize, in bytes; 8 at least.
    pub transfer_bytes: u16,
    /// bcdDFUVersion: 0x0101 is 1.1, 0x011a ST's DfuSe.
    pub version: u16,
}

impl DfuFunction {
    /// Reads a configuration descriptor with all that follows it.
    ///
    /// # Errors
    /// [`BadDescriptor`].
    pub fn parse(configuration: &[u8]) -> Result<Self, BadDescriptor> {
        let mut interface = None;
        let mut names = Vec::new();
        let mut functional = None;
        let mut rest = configuration;
        // The functional descriptor stands behind the alternate settings that it is about.
        let mut is_ours = false;
        while let [length, kind, ..] = *rest {
            let length = usize::from(length);
            if length < 2 || length > rest.len() {
                return Err(BadDescriptor("one is longer than the whole"));
            }
            let (this, behind) = rest.split_at(length);
            rest = behind;
            match kind {
                INTERFACE if length >= 9 => {
                    is_ours = (this[5], this[6], this[7]) == DFU_MODE && interface.is_none_or(|first| first == this[2]);
                    if is_ours {
                        if usize::from(this[3]) != names.len() {
                            return Err(BadDescriptor("alternate settings are not counted in order"));
                        }
                        interface = Some(this[2]);
                        names.push(this[8]);
                    }
                }
                FUNCTIONAL if is_ours => {
                    if length < 7 {
                        return Err(BadDescriptor("the functional descriptor is cut short"));
                    }
                    functional = Some(this);
                }
                _ => {}
            }
        }
        if !rest.is_empty() {
            return Err(BadDescriptor("one is cut short"));
        }
        let (Some(interface), Some(functional)) = (interface, functional) else {
            return Err(BadDescriptor("it has no interface in DFU mode"));
        };
        let word = |at: usize| {
            functional
                .get(at..at + 2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        };
        let attributes = functional[2];
        let transfer_bytes = word(5).unwrap_or_default();
        if transfer_bytes < LEAST_TRANSFER_BYTES {
            return Err(BadDescriptor("it takes blocks of less than 8 bytes"));
        }
        Ok(Self {
            interface,
            names,
            can_download: attributes & 1 != 0,
            can_upload: attributes & 2 != 0,
            tolerates_manifestation: attributes & 4 != 0,
            transfer_bytes,
            // DFU 1.0 has no version here.
            version: word(7).unwrap_or(0x0100),
        })
    }
}

/// Reads a string descriptor.
///
/// # Errors
/// [`BadDescriptor`], also for text that cannot be shown.
pub fn string(descriptor: &[u8]) -> Result<String, BadDescriptor> {
    let bad = BadDescriptor("a text is damaged");
    let [length, STRING, ..] = *descriptor else {
        return Err(bad);
    };
    let length = usize::from(length);
    if length % 2 != 0 || length < 2 {
        return Err(bad);
    }
    let bytes = descriptor.get(2..length).ok_or_else(|| bad.clone())?;
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    match String::from_utf16(&units) {
        Ok(text) if text.chars().all(|char| !char.is_control()) => Ok(text),
        _ => Err(bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALTERNATES: [u8; 18] = [9, 4, 0, 0, 0, 0xfe, 1, 2, 4, 9, 4, 0, 1, 0, 0xfe, 1, 2, 5];
    const FUNCTION: [u8; 9] = [9, 0x21, 0x0b, 0xff, 0, 0, 8, 0x1a, 1];

    fn whole() -> Vec<u8> {
        [&[9, 2, 36, 0, 1, 1, 0, 0x80, 50][..], &ALTERNATES, &FUNCTION].concat()
    }

    #[test]
    fn a_configuration_is_read() {
        let function = DfuFunction::parse(&whole()).unwrap();
        let expected = DfuFunction {
            interface: 0,
            names: vec![4, 5],
            can_download: true,
            can_upload: true,
            tolerates_manifestation: false,
            transfer_bytes: 2048,
            version: 0x011a,
        };
        assert_eq!(function, expected);
    }

    #[test]
    fn a_configuration_that_is_cut_anywhere_is_refused() {
        let whole = whole();
        for length in 0..whole.len() {
            assert!(DfuFunction::parse(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_text_is_read_and_a_damaged_one_refused() {
        assert_eq!(string(&[6, 3, b'S', 0, b'1', 0]), Ok("S1".into()));
        for bad in [
            &[][..],
            &[6, 3, b'S', 0],
            &[5, 3, b'S', 0, 0],
            &[4, 3, 7, 0],
            &[4, 3, 0, 0xd8],
            &[2, 1],
        ] {
            assert!(string(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0_usize..36, flip in any::<u8>()) {
            let _ = (DfuFunction::parse(&bytes), string(&bytes));
            let mut damaged = whole();
            damaged[at] ^= flip;
            if let Ok(function) = DfuFunction::parse(&damaged) {
                prop_assert!(function.transfer_bytes >= LEAST_TRANSFER_BYTES && !function.names.is_empty());
            }
        }
    }
}
