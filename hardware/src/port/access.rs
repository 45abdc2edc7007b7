//! Whether a port can be used, and if not, why and what to do.

use super::holder::{Holder, Search, search};
use super::{Port, UsbIdentity, udev_rule};
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
    if let Some(denied) = denied(&port.path, port.usb.as_ref()) {
        return denied;
    }
    let found = search(&port.path);
    found
        .holders
        .first()
        .map_or(Access::Usable, |holder| held_by(&port.path, holder))
}

/// Waits until a port may be opened: after plugging, udev gives permission later than the port appears. Returns what holds
/// after at most `timeout`.
pub async fn wait_until_accessible(port: &Port, timeout: Duration) -> Access {
    let deadline = Instant::now() + timeout;
    loop {
        let access = access(port);
        if !matches!(access, Access::Denied { .. }) || Instant::now() >= deadline {
            return access;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// [`wait_until_accessible`] for threads that may block.
pub fn wait_until_accessible_blocking(port: &Port, timeout: Duration) -> Access {
    let deadline = Instant::now() + timeout;
    loop {
        let access = access(port);
        if !matches!(access, Access::Denied { .. }) || Instant::now() >= deadline {
            return access;
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
    let Search { holders, suspects } = search(path);
    if let Some(holder) = holders.first() {
        return held_by(path, holder);
    }
    if let Some(suspect) = suspects.first() {
        let text = format!(
            "{} (process {}) probably has {path} open; {}",
            suspect.program,
            suspect.pid,
            way_out(&suspect.program)
        );
        return Access::Held {
            pid: suspect.pid,
            program: suspect.program.clone(),
            text,
        };
    }
    let text = if cfg!(target_os = "linux") {
        format!(
            "Drydock itself has {path} open, or a program of another user, which only `sudo fuser -v {path}` can name. Close it."
        )
    } else {
        format!("Another program has {path} open. Close its serial monitor or terminal.")
    };
    Access::Held {
        pid: 0,
        program: "unknown".into(),
        text,
    }
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
#[cfg(unix)]
pub(super) fn denied(path: &str, usb: Option<&UsbIdentity>) -> Option<Access> {
    use rustix::fs::{Access as Wish, AtFlags, CWD, accessat};
    use std::os::unix::fs::MetadataExt;

    // The kernel's own answer counts: access lists, which udev uses, are in no mode.
    match accessat(CWD, path, Wish::READ_OK | Wish::WRITE_OK, AtFlags::EACCESS) {
        Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {}
        _ => return None,
    }
    let rule_helps = usb.is_some_and(|usb| udev_rule::covers(usb.vendor, usb.product)) && cfg!(target_os = "linux");
    let is_installed = rule_helps && udev_rule::is_installed();
    let node = std::fs::metadata(path).ok();
    let group = node
        .filter(|node| node.mode() & 0o060 == 0o060 && node.gid() != 0)
        .and_then(|node| group(node.gid()));
    let text = denied_text(path, group.as_ref(), rule_helps, is_installed);
    Some(Access::Denied {
        text,
        rule_helps: rule_helps && !is_installed,
    })
}

/// Other systems give permission to whoever sits at the machine.
#[cfg(not(unix))]
pub(super) fn denied(_: &str, _: Option<&UsbIdentity>) -> Option<Access> {
    None
}

/// A group whose members may use a device.
struct Group {
    name: String,
    /// The user, if the user became a member after logging in.
    joined: Option<String>,
}

#[cfg(unix)]
fn group(id: u32) -> Option<Group> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = super::accounts::name_of(&users, rustix::process::geteuid().as_raw());
    Some(Group {
        name: super::accounts::name_of(&groups, id)?.to_owned(),
        joined: user
            .filter(|user| super::accounts::is_member(&groups, id, user))
            .map(str::to_owned),
    })
}

fn denied_text(path: &str, group: Option<&Group>, rule_helps: bool, is_installed: bool) -> String {
    if let Some(Group {
        name,
        joined: Some(user),
    }) = group
    {
        return format!(
            "{user} has joined the group {name}, which may use {path}, but not in this session: log out and in again."
        );
    }
    let why = match group {
        Some(group) => format!("Only root and members of the group {} may use {path}.", group.name),
        None => format!("Only root may use {path}."),
    };
    let remedy = match (rule_helps, is_installed, group) {
        (true, true, _) => "Drydock's udev rule is installed: unplug the device and plug it in again.".into(),
        (true, false, _) => "Install Drydock's udev rule, then unplug the device and plug it in again.".into(),
        (false, _, Some(group)) => format!("Run `sudo usermod -aG {} $USER`, log out and in again.", group.name),
        (false, _, None) => format!("Run `sudo chmod a+rw {path}` for this once."),
    };
    format!("{why} {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_depends_on_group_and_rule() {
        let group = |joined: Option<&str>| Group {
            name: "dialout".into(),
            joined: joined.map(Into::into),
        };
        let text = |group: Option<&Group>, helps, installed| denied_text("/dev/ttyUSB0", group, helps, installed);
        let member = text(Some(&group(Some("ada"))), true, false);
        assert!(
            member.contains("ada") && member.ends_with("log out and in again."),
            "{member}"
        );
        let rule = text(Some(&group(None)), true, false);
        assert!(
            rule.contains("group dialout") && rule.contains("Install Drydock's udev rule"),
            "{rule}"
        );
        let late = text(None, true, true);
        assert!(
            late.starts_with("Only root may") && late.contains("is installed: unplug"),
            "{late}"
        );
        let by_group = text(Some(&group(None)), false, false);
        assert!(by_group.contains("usermod -aG dialout"), "{by_group}");
        assert!(text(None, false, false).contains("chmod"));
    }

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
