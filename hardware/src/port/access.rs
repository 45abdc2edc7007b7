//! Whether a port can be used, and if not, why and what to do.

use super::holder::{Holder, Search, search};
use super::{Port, UsbIdentity};
use std::time::{Duration, Instant};

/// How often permission is asked for while it is waited for.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Whether a port can be used. Texts are sentences for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It can be used, as far as can be seen without opening it.
    Usable,
    /// The user may not open it.
    Denied {
        /// Why, and what to do.
        text: String,
        /// Whether installing Drydock's udev rule gives permission.
        rule_helps: bool,
    },
    /// Another program has it open.
    Held {
        /// Its process id; 0 if it is not known.
        pid: u32,
        /// Name of its program.
        program: String,
        /// What to do.
        text: String,
    },
}

/// Whether a port can be used now. The port is not opened, because opening it resets some boards.
pub fn access(port: &Port) -> Access {
    access_all(std::slice::from_ref(port)).remove(0)
}

/// [`access`] of several ports, in their order. Looking for holders takes as long as for one port: some ten milliseconds
/// where many programs run.
pub fn access_all(ports: &[Port]) -> Vec<Access> {
    let paths: Vec<&str> = ports.iter().map(|port| port.path.as_str()).collect();
    let access = |(port, found): (&Port, Search)| {
        // Whoever made a pseudo-terminal may hold its other end open too; only opening it tells.
        let is_pseudo_terminal = port.path.starts_with("/dev/pts/");
        let holder = found.holders.first().filter(|_| !is_pseudo_terminal);
        let held = || holder.map(|holder| held_by(&port.path, holder));
        denied(&port.path, port.usb.as_ref())
            .or_else(held)
            .unwrap_or(Access::Usable)
    };
    ports.iter().zip(search(&paths)).map(access).collect()
}

/// Waits until a port may be opened: after plugging, udev gives permission later than the port appears. Returns what holds
/// after at most `timeout`.
pub async fn wait_until_accessible(port: &Port, timeout: Duration) -> Access {
    let deadline = Instant::now() + timeout;
    loop {
        if denied(&port.path, port.usb.as_ref()).is_none() || Instant::now() >= deadline {
            return access(port);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// [`wait_until_accessible`] for threads that may block.
pub fn wait_until_accessible_blocking(port: &Port, timeout: Duration) -> Access {
    let deadline = Instant::now() + timeout;
    loop {
        if denied(&port.path, port.usb.as_ref()).is_none() || Instant::now() >= deadline {
            return access(port);
        }
        std::thread::sleep(ASK_EVERY);
    }
}

/// Whether the user may read and write the device node at `path`, for devices that are no serial port, such as debug probes.
/// `usb` is the device behind it. Who else has it open is not looked for.
pub fn access_of_node(path: &str, usb: Option<&UsbIdentity>) -> Access {
    denied(path, usb).unwrap_or(Access::Usable)
}

/// Who holds a port that could not be opened because it is busy.
pub(super) fn busy(path: &str) -> Access {
    let found = search(&[path]).remove(0);
    if let Some(holder) = found.holders.first() {
        return held_by(path, holder);
    }
    let unnamed = |text: String| Access::Held {
        pid: 0,
        program: "unknown".into(),
        text,
    };
    if found.is_ours {
        return unnamed(format!("Drydock itself has {path} open."));
    }
    if let Some(Holder { pid, program }) = found.suspects.first() {
        return Access::Held {
            pid: *pid,
            program: program.clone(),
            text: format!(
                "{program} (process {pid}) probably has {path} open; {}",
                way_out(program)
            ),
        };
    }
    if !cfg!(target_os = "linux") {
        return unnamed(format!(
            "Another program has {path} open: close its serial monitor or terminal."
        ));
    }
    let mut text = format!("A program of another user has {path} open; `sudo fuser -v {path}` names it.");
    if path.starts_with("/dev/pts/") {
        // Its TIOCEXCL stays: unlike a device's, a pseudo-terminal's state outlives the last program that closes it.
        text =
            "A program that was killed has left it locked: pull the virtual board's cable and plug it in again.".into();
    }
    unnamed(text)
}

fn held_by(path: &str, holder: &Holder) -> Access {
    let Holder { pid, program } = holder;
    Access::Held {
        pid: *pid,
        program: program.clone(),
        text: format!("{program} (process {pid}) has {path} open; {}", way_out(program)),
    }
}

/// What to do about a program that holds a port, after a semicolon.
fn way_out(program: &str) -> String {
    match program {
        "ModemManager" => {
            "it looks for modems and lets go after some seconds. Drydock's udev rule keeps it away from boards; `sudo systemctl \
             stop ModemManager` stops it."
                .into()
        }
        "brltty" => {
            "it takes adapters for Braille displays. Without such a display, `sudo systemctl disable --now brltty.path brltty` stops it.".into()
        }
        "gpsd" => "it takes the port for a GPS receiver. `sudo systemctl stop gpsd.socket gpsd` stops it.".into(),
        _ => "close it, or its serial monitor.".into(),
    }
}

/// [`Access::Denied`] if the user may not read and write the device at `path`; `usb` is the device behind it.
pub(super) fn denied(path: &str, usb: Option<&UsbIdentity>) -> Option<Access> {
    #[cfg(unix)]
    return super::permission::denied(path, usb);
    // Windows gives permission to whoever sits at the machine.
    #[cfg(not(unix))]
    {
        let _ = (path, usb);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_holders_come_with_their_way_out() {
        let Access::Held { pid, program, text } = held_by(
            "/dev/ttyACM0",
            &Holder {
                pid: 4711,
                program: "ModemManager".into(),
            },
        ) else {
            panic!("a holder holds");
        };
        assert_eq!((pid, program.as_str()), (4711, "ModemManager"));
        assert!(
            text.starts_with("ModemManager (process 4711) has /dev/ttyACM0 open;"),
            "{text}"
        );
        assert!(text.contains("systemctl stop ModemManager"), "{text}");
    }
}
