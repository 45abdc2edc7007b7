//! Processes that end, hang, print and end with their owner, by the system's shell.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn shell(script: &str) -> ProcessGroup {
    ProcessGroup::spawn(Path::new("/bin/sh"), ["-c", script], Path::new("/")).unwrap()
}

/// The process id that the program printed.
fn printed_pid(group: &ProcessGroup) -> i32 {
    let deadline = Instant::now() + LIMIT;
    wait_until(deadline, || group.printed().last(1).first()?.parse().ok()).expect("it prints a process id")
}

fn runs(pid: i32) -> bool {
    // A killed process whose parent has not waited for it is a zombie: it no longer runs.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

fn goes(pid: i32) -> bool {
    wait_until(Instant::now() + LIMIT, || (!runs(pid)).then_some(())).is_some()
}

#[test]
fn the_status_and_the_lines_are_the_programs() {
    let (status, text) = output(Path::new("/bin/sh"), ["-c", "echo one; echo two >&2; exit 7"], LIMIT).unwrap();
    assert_eq!(status.code(), Some(7));
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "two"]);
}

#[test]
fn what_takes_too_long_is_ended() {
    let error = output(Path::new("/bin/sh"), ["-c", "sleep 600"], Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn dropping_kills_what_the_program_started_too() {
    let group = shell("sleep 600 & echo $!; wait");
    let pid = printed_pid(&group);
    assert!(runs(pid));
    drop(group);
    assert!(goes(pid));
}

#[test]
fn a_group_dies_with_its_owner_though_nobody_tidies_up() {
    let mut group = shell("sleep 600 & echo $!; wait");
    let pid = printed_pid(&group);
    // The kernel does the same to our end of the pipe when this process is killed.
    drop(group.lifeline.take());
    assert!(goes(pid));
    assert!(group.wait(LIMIT).is_some());
}

#[test]
fn lines_are_counted_though_old_ones_are_dropped() {
    let mut group = shell("i=0; while [ $i -lt 700 ]; do echo $i; i=$((i+1)); done");
    group.wait(LIMIT).expect("it ends");
    group.printed().wait_for_end(LIMIT);
    let mut next = 0;
    assert_eq!(group.printed().since(&mut next).len(), 500);
    assert_eq!(next, 700);
    assert!(group.printed().since(&mut next).is_empty());
    assert_eq!(group.printed().last(1), ["699"]);
}
