//! Ensures that a process group ends with its owner. A small shell starts the program and leads the group. A second
//! shell reads from a pipe whose other end is only ours. The kernel closes that end when this process exits, for any
//! reason; the reader then kills the group. `PR_SET_PDEATHSIG` would need `unsafe`, would not reach the program's own
//! children, and fires when the starting *thread* ends.

use std::path::Path;
use std::process::{Child, Command};

/// The program's standard input is empty; when it ends, the shell ends with its status. The reader holds no output
/// open, so that output ends when the program does.
#[cfg(unix)]
const SCRIPT: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
( while read -r _; do :; done <&3; kill -KILL 0 ) >/dev/null 2>&1 &
reader=$!
exec 3<&-
wait "$program"
status=$?
kill -KILL "$reader" 2>/dev/null
exit "$status"
"#;

#[cfg(unix)]
pub(super) fn command(program: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT, "guard"]).arg(program).process_group(0);
    command
}

#[cfg(not(unix))]
pub(super) fn command(program: &Path) -> Command {
    Command::new(program)
}

/// Kills the group at once; the pipe alone would do so a moment later, but not if the reader was killed.
#[cfg(unix)]
pub(super) fn kill_group(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    // Once a child was waited for, its group id may already belong to another group.
    if let (Ok(None), Some(group)) = (child.try_wait(), Pid::from_raw(child.id().cast_signed())) {
        // It may have ended a moment ago.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
pub(super) fn kill_group(child: &mut Child) {
    // It may have ended a moment ago.
    let _ = child.kill();
}
