//! Permission for device nodes on Unix: whether the user has it, and how it is given.

use super::{Access, UsbIdentity, accounts, udev_rule};
use rustix::fs::{Access as Mode, AtFlags, CWD, accessat};
use std::os::unix::fs::MetadataExt;

/// [`Access::Denied`] if the user may not read and write the device at `path`; `usb` is the device behind it.
pub(super) fn denied(path: &str, usb: Option<&UsbIdentity>) -> Option<Access> {
    // The kernel's own answer counts: access lists, which udev uses, are in no mode.
    match accessat(CWD, path, Mode::READ_OK | Mode::WRITE_OK, AtFlags::EACCESS) {
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

/// A group whose members may use a device.
struct Group {
    name: String,
    /// The user, if the user became a member after logging in.
    joined: Option<String>,
}

fn group(id: u32) -> Option<Group> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = accounts::name_of(&users, rustix::process::geteuid().as_raw());
    Some(Group {
        name: accounts::name_of(&groups, id)?.to_owned(),
        joined: user
            .filter(|user| accounts::is_member(&groups, id, user))
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
}
