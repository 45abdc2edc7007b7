//! Installs the udev rule with the administrator's permission. Together with engine drivers this is one of the few places
//! that start a program: nothing else may write below `/etc`.

use super::udev_rule::{RULE_PATH, udev_rule};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs with the administrator's permission: takes the rule from its standard input, puts it in place whole, and has udev
/// apply it to what is plugged in.
const SCRIPT: &str = "set -e; umask 022; mkdir -p \"$(dirname \"$1\")\"; cat > \"$1.new\"; mv \"$1.new\" \"$1\"; \
                      if command -v udevadm >/dev/null; then udevadm control --reload; udevadm trigger --action=add \
                      --subsystem-match=usb --subsystem-match=tty --subsystem-match=hidraw; fi";

/// Why the rule was not installed.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// This system has no udev.
    #[error("only Linux has udev rules")]
    NotLinux,
    /// `pkexec` is not installed, or no window can ask for the password.
    #[error("the password cannot be asked for here; run this command in a terminal: {command}")]
    NoPrompt {
        /// The command that does the same.
        command: String,
    },
    /// The user closed the window that asks for the password, or may not install rules.
    #[error("the permission to install the udev rule was not given")]
    Refused,
    /// The file was not written.
    #[error("the udev rule was not installed: {0}")]
    Failed(String),
}

/// Installs the rule: a window of the system (`pkexec`) asks for the password. It blocks until that is answered.
///
/// `staging` is a folder of the user. The rule is left there for the command in [`RuleError::NoPrompt`].
///
/// # Errors
/// [`RuleError`].
pub fn install_rule(staging: &Path) -> Result<(), RuleError> {
    if !cfg!(target_os = "linux") {
        return Err(RuleError::NotLinux);
    }
    install_by(Command::new("pkexec"), staging, Path::new(RULE_PATH))
}

fn install_by(mut pkexec: Command, staging: &Path, target: &Path) -> Result<(), RuleError> {
    let started = pkexec
        .args(["/bin/sh", "-c", SCRIPT, "sh"])
        .arg(target)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_prompt(staging, target)?),
        Err(error) => return Err(RuleError::Failed(error.to_string())),
    };
    // A refused pkexec reads nothing: its exit code says more than a broken pipe.
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(udev_rule().as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| RuleError::Failed(error.to_string()))?;
    // pkexec(1), "RETURN VALUE".
    match output.status.code() {
        Some(0) => Ok(()),
        Some(126) => Err(RuleError::Refused),
        Some(127) => Err(no_prompt(staging, target)?),
        _ => Err(RuleError::Failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}

/// Leaves the rule in `staging`, and names the command that installs it from there.
fn no_prompt(staging: &Path, target: &Path) -> Result<RuleError, RuleError> {
    let file = staging.join("70-drydock.rules");
    std::fs::write(&file, udev_rule())
        .map_err(|error| RuleError::Failed(format!("{} cannot be written: {error}", file.display())))?;
    let command = format!(
        "sudo install -m 644 '{}' {} && sudo udevadm control --reload && sudo udevadm trigger",
        file.display(),
        target.display()
    );
    Ok(RuleError::NoPrompt { command })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// A stand-in for pkexec: a script whose arguments are the command to run.
    fn stand_in(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "pkexec"]);
        command
    }

    #[test]
    fn with_permission_the_rule_is_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("rules.d/70-drydock.rules");
        fs::create_dir(folder.path().join("rules.d")).unwrap();
        fs::write(&target, "an older rule").unwrap();
        // As root a real udevadm would be called: an empty function stands in its place.
        let pkexec = stand_in("exec /bin/sh -c \"udevadm() { :; }; $3\" \"$4\" \"$5\"");
        install_by(pkexec, folder.path(), &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), udev_rule());
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn without_a_prompt_the_command_is_named_and_its_file_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("70.rules");
        for pkexec in [Command::new(folder.path().join("missing")), stand_in("exit 127")] {
            let error = install_by(pkexec, folder.path(), &target).unwrap_err();
            let RuleError::NoPrompt { command } = &error else {
                panic!("{error}")
            };
            let file = command.split('\'').nth(1).unwrap();
            assert_eq!(fs::read_to_string(file).unwrap(), udev_rule());
            assert!(command.contains(target.to_str().unwrap()), "{command}");
            fs::remove_file(file).unwrap();
        }
    }

    #[test]
    fn a_refusal_and_a_failure_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let install = |script: &str| install_by(stand_in(script), folder.path(), &folder.path().join("x")).unwrap_err();
        assert!(matches!(install("exit 126"), RuleError::Refused));
        let failed = install("echo disk full >&2; exit 1");
        assert!(failed.to_string().ends_with("not installed: disk full"), "{failed}");
    }
}
