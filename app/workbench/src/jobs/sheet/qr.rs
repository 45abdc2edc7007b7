//! The QR code of a label (ISO/IEC 18004).

use qrcode::{Color, EcLevel, QrCode};

/// Modules of light around the code (ISO/IEC 18004, 9.1).
pub(super) const QUIET: usize = 4;

/// A device id that no QR code can hold.
#[derive(Debug, thiserror::Error)]
#[error("the device id {0} is too long for a QR code")]
pub(super) struct TooLong(String);

/// The modules of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    /// Modules on one side, without the quiet zone.
    pub(super) side: usize,
    dark: Vec<bool>,
}

impl Code {
    /// The code of a device: `drydock:DEVICE-ID`. Level M survives damage of about 15 %.
    pub(super) fn of_device(device: &str) -> Result<Self, TooLong> {
        let code = QrCode::with_error_correction_level(format!("drydock:{device}"), EcLevel::M)
            .map_err(|_| TooLong(device.to_owned()))?;
        Ok(Self {
            side: code.width(),
            dark: code
                .into_colors()
                .into_iter()
                .map(|color| color == Color::Dark)
                .collect(),
        })
    }

    /// The dark runs of all rows: column, row and length.
    pub(super) fn runs(&self) -> Vec<(usize, usize, usize)> {
        let mut runs = Vec::new();
        for (y, row) in self.dark.chunks(self.side).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run[0] {
                    runs.push((x, y, run.len()));
                }
                x += run.len();
            }
        }
        runs
    }
}
