//! What a DFU bootloader says about itself (USB 2.0, 9.6; DFU 1.1, 4.2).

use super::DfuIdentity;

const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
/// Indices of strings. Those of the partitions follow.
const MANUFACTURER: u8 = 1;
const PRODUCT: u8 = 2;
const SERIAL: u8 = 3;
const PARTITIONS: u8 = 4;

/// bmAttributes of the functional descriptor.
pub(super) const CAN_DNLOAD: u8 = 1 << 0;
pub(super) const CAN_UPLOAD: u8 = 1 << 1;
pub(super) const MANIFESTATION_TOLERANT: u8 = 1 << 2;
pub(super) const WILL_DETACH: u8 = 1 << 3;

/// The contents of the descriptors.
#[derive(Clone, Debug)]
pub(super) struct Descriptors {
    pub(super) usb_version: u16,
    pub(super) ids: (u16, u16),
    pub(super) release: u16,
    pub(super) manufacturer: &'static str,
    pub(super) product: &'static str,
    pub(super) serial: String,
    /// The names of the alternate settings, one for each memory.
    pub(super) partitions: &'static [&'static str],
    pub(super) attributes: u8,
    pub(super) detach_ms: u16,
    pub(super) transfer_bytes: u16,
    pub(super) dfu_version: u16,
}

impl Descriptors {
    pub(super) fn can_upload(&self) -> bool {
        self.attributes & CAN_UPLOAD != 0
    }

    pub(super) fn identity(&self) -> DfuIdentity {
        DfuIdentity {
            ids: self.ids,
            serial: self.serial.clone(),
            product_name: self.product.to_owned(),
        }
    }

    /// A descriptor by its type and index; `None` if there is none.
    pub(super) fn of_kind(&self, kind: u8, index: u8) -> Option<Vec<u8>> {
        match (kind, index) {
            (DEVICE, 0) => Some(self.device()),
            (CONFIGURATION, 0) => Some(self.configuration()),
            (STRING, 0) => Some(vec![4, STRING, 0x09, 0x04]),
            (STRING, MANUFACTURER) => Some(string(self.manufacturer)),
            (STRING, PRODUCT) => Some(string(self.product)),
            (STRING, SERIAL) => Some(string(&self.serial)),
            (STRING, _) => {
                let partition = self.partitions.get(usize::from(index.checked_sub(PARTITIONS)?))?;
                Some(string(partition))
            }
            _ => None,
        }
    }

    fn device(&self) -> Vec<u8> {
        let mut bytes = vec![18, DEVICE];
        bytes.extend(self.usb_version.to_le_bytes());
        bytes.extend([0, 0, 0, 64]);
        bytes.extend(self.ids.0.to_le_bytes());
        bytes.extend(self.ids.1.to_le_bytes());
        bytes.extend(self.release.to_le_bytes());
        bytes.extend([MANUFACTURER, PRODUCT, SERIAL, 1]);
        bytes
    }

    fn configuration(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for alt in 0..self.partitions.len() as u8 {
            // Application specific, device firmware upgrade, in DFU mode.
            bytes.extend([9, 4, 0, alt, 0, 0xfe, 1, 2, PARTITIONS + alt]);
        }
        bytes.extend([9, 0x21, self.attributes]);
        bytes.extend(self.detach_ms.to_le_bytes());
        bytes.extend(self.transfer_bytes.to_le_bytes());
        bytes.extend(self.dfu_version.to_le_bytes());
        let mut whole = vec![9, CONFIGURATION];
        whole.extend((bytes.len() as u16 + 9).to_le_bytes());
        whole.extend([1, 1, 0, 0x80, 50]);
        whole.extend(bytes);
        whole
    }
}

fn string(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut bytes = vec![units.len() as u8 + 2, STRING];
    bytes.extend(units);
    bytes
}
