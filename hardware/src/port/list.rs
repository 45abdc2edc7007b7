//! The serial ports that the system knows now.

use super::{Port, Topology, UsbIdentity};
use serialport::{SerialPortInfo, SerialPortType};

/// Reads the system's list. A list that cannot be read is empty, and the reason is logged.
pub(super) fn system_ports() -> Vec<Port> {
    // The crate panics where the kernel has no serial ports at all, as in some containers.
    if cfg!(target_os = "linux") && !std::path::Path::new("/sys/class/tty").is_dir() {
        return Vec::new();
    }
    match serialport::available_ports() {
        Ok(found) => found.into_iter().filter_map(port).collect(),
        Err(error) => {
            tracing::warn!("the system does not list its serial ports: {error}");
            Vec::new()
        }
    }
}

/// Our view of a port; `None` for one that is not to be shown.
fn port(found: SerialPortInfo) -> Option<Port> {
    let path = found.port_name;
    // macOS lists each port twice; opening its `tty` half waits for a carrier.
    if cfg!(target_os = "macos") && path.starts_with("/dev/tty.") {
        return None;
    }
    let SerialPortType::UsbPort(usb) = found.port_type else {
        return is_hardware(&path).then_some(Port {
            path,
            topology: None,
            usb: None,
            is_virtual: false,
        });
    };
    let topology = usb
        .location
        .as_ref()
        .map(|location| Topology::of_usb(location.bus_id(), location.port_chain()));
    let named = |text: Option<String>| text.filter(|text| !text.is_empty());
    Some(Port {
        path,
        topology,
        usb: Some(UsbIdentity {
            vendor: usb.vid,
            product: usb.pid,
            serial: named(usb.serial_number),
            manufacturer: named(usb.manufacturer),
            product_name: named(usb.product),
        }),
        is_virtual: false,
    })
}

/// Whether a UART is behind a port without USB. Linux has `ttyS0` to `ttyS31` even where nothing is soldered; their type
/// is 0 then (`PORT_UNKNOWN` of `linux/serial_core.h`).
fn is_hardware(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let kind = std::fs::read_to_string(format!("/sys/class/tty/{name}/type"));
    kind.map_or(true, |kind| kind.trim() != "0")
}

/// Orders paths as people count: `ttyACM2` before `ttyACM10`.
pub(super) fn sort_key(path: &str) -> (String, u64) {
    let stem = path.trim_end_matches(|last: char| last.is_ascii_digit());
    // Digits that are no number of 64 bits sort last.
    let number = path[stem.len()..]
        .parse()
        .unwrap_or(if stem.len() == path.len() { 0 } else { u64::MAX });
    (stem.to_owned(), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_ordered_as_people_count() {
        let mut paths = ["/dev/ttyUSB0", "/dev/ttyACM10", "COM3", "/dev/ttyACM2", "COM12"];
        paths.sort_by_key(|path| sort_key(path));
        assert_eq!(
            paths,
            ["/dev/ttyACM2", "/dev/ttyACM10", "/dev/ttyUSB0", "COM3", "COM12"]
        );
    }
}
