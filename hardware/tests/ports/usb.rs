//! USB devices: told apart, noticed, followed, and what keeps them from being used.

use crate::board::Board;
use crate::desk::{self, Usb, again, place};
use drydock_hardware::port::{
    Access, OpenError, Port, Ports, Topology, access, access_all, wait_until_accessible_blocking,
};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const FIRMWARE: u16 = 0x805a;
const BOOTLOADER: u16 = 0x005a;
const LONG: Duration = Duration::from_secs(30);

/// Longer than the watcher goes on looking after something was plugged in.
const QUIET: Duration = Duration::from_secs(8);

/// How many threads of this process watch ports.
fn watchers() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = threads.map(|thread| fs::read_to_string(thread.path().join("comm")));
    names
        .filter(|name| name.as_ref().is_ok_and(|name| name == "serial-ports\n"))
        .count()
}

/// The port of a Nano 33 BLE at a place, with its pseudo-terminal.
fn nano(place: &str, number: u8, tty: &str) -> (Usb, Board) {
    let board = Board::new("unused");
    let usb = Usb::plug(place, number, FIRMWARE, "A1B2C3D4").appear(tty, board.path());
    (usb, board)
}

fn the_port(ports: &Ports) -> Port {
    ports.port("/dev/ttyACM0").expect("the board is plugged in")
}

/// Another program; it ends with the test.
struct Program(Child);

impl Program {
    /// Runs a shell script called `name`, which says when it is ready and then waits.
    fn start(name: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\necho ready\nread wait\n")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        let mut child = Command::new(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn two_boards_with_one_serial_number_are_told_apart_by_topology() {
    desk::run(
        "usb::two_boards_with_one_serial_number_are_told_apart_by_topology",
        || {
            let (_first, _one) = nano("1-3", 7, "ttyACM0");
            let (_second, _two) = nano("1-4.2", 8, "ttyACM1");
            let ports = Ports::new();
            let list = ports.list();
            let [first, second] = &list[..] else {
                panic!("two ports, not {list:?}")
            };
            assert_eq!(
                (first.path.as_str(), second.path.as_str()),
                ("/dev/ttyACM0", "/dev/ttyACM1")
            );
            assert_eq!(first.usb, second.usb);
            let usb = first.usb.as_ref().unwrap();
            assert_eq!(
                (usb.vendor, usb.product, usb.serial.as_deref()),
                (0x2341, FIRMWARE, Some("A1B2C3D4"))
            );
            for (port, place) in [(first, "usb-1-3"), (second, "usb-1-4.2")] {
                assert_eq!(ports.find_topology(&Topology::new(place)), std::slice::from_ref(port));
                assert_eq!(access(port), Access::Usable);
                drop(ports.open_blocking(&port.path, 115_200).unwrap());
            }
            let _holder = Program::start("terminal", "exec 3<>/dev/ttyACM1");
            let all = access_all(&list);
            assert!(matches!(&all[..], [Access::Usable, Access::Held { .. }]), "{all:?}");
        },
    );
}

#[test]
fn a_device_in_dfu_mode_is_listed_at_its_place_and_watched() {
    desk::run("usb::a_device_in_dfu_mode_is_listed_at_its_place_and_watched", || {
        let ports = Ports::new();
        let mut watched = ports.dfu().watch();
        // The watcher of the ports is the one of these devices.
        let _ports = ports.watch();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let usb = Usb::plug("1-4.2", 7, 0x0369, "00112233");
            let pushed = tokio::time::timeout(LONG, watched.wait_for(|list| list.len() == 1));
            let pushed = pushed.await.unwrap().unwrap()[0].clone();
            assert_eq!(pushed.id, "2341:0369:00112233");
            assert_eq!(pushed.topology, Some(Topology::new("usb-1-4.2")));
            assert!(!pushed.is_virtual && pushed.access == Access::Usable, "{pushed:?}");
            assert_eq!(ports.dfu().list(), std::slice::from_ref(&pushed));
            assert_eq!(ports.list(), [], "it has no serial port");
            // It can be seen and not opened: there is no device behind these files.
            assert!(ports.dfu().open(&pushed).is_err());
            drop(usb);
            tokio::time::timeout(LONG, watched.wait_for(Vec::is_empty))
                .await
                .unwrap()
                .unwrap();
        });
    });
}

#[test]
fn plugging_is_pushed_although_the_port_appears_late() {
    desk::run("usb::plugging_is_pushed_although_the_port_appears_late", || {
        let ports = Ports::new();
        let mut watched = ports.watch();
        let other = Ports::new();
        other.watch();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            // Before the watcher listens, events are lost. It looks at the list for some seconds instead.
            let (usb, _board) = nano("1-3", 7, "ttyACM0");
            tokio::time::timeout(LONG, watched.wait_for(|list| list.len() == 1))
                .await
                .unwrap()
                .unwrap();
            drop(usb);
            tokio::time::timeout(LONG, watched.wait_for(Vec::is_empty))
                .await
                .unwrap()
                .unwrap();
            // From here on only an event makes it look. Its thread ends with its ports although none comes.
            tokio::time::sleep(QUIET).await;
            assert_eq!(watchers(), 2);
            drop(other);
            let deadline = Instant::now() + LONG;
            while watchers() > 1 {
                assert!(Instant::now() < deadline, "the watcher outlives its ports");
                tokio::task::yield_now().await;
            }
            // The device is there, and its serial port is not yet.
            let board = Board::new("unused");
            let usb = Usb::plug("1-4", 8, FIRMWARE, "A1B2C3D4");
            tokio::time::sleep(Duration::from_millis(150)).await;
            let _usb = usb.appear("ttyACM0", board.path());
            tokio::time::timeout(LONG, watched.wait_for(|list| list.len() == 1))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(watched.borrow()[0].topology, Some(Topology::new("usb-1-4")));
        });
    });
}

#[test]
fn plugging_is_seen_where_udev_does_not_run() {
    desk::run("usb::plugging_is_seen_where_udev_does_not_run", || {
        fs::remove_file(desk::UDEV).unwrap();
        let mut watched = Ports::new().watch();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        // The watcher lives no longer than its ports.
        assert!(runtime.block_on(watched.wait_for(|list| !list.is_empty())).is_err());
        let ports = Ports::new();
        let mut watched = ports.watch();
        std::thread::sleep(QUIET);
        let (_usb, _board) = nano("1-3", 7, "ttyACM0");
        let seen = runtime.block_on(async {
            tokio::time::timeout(LONG, watched.wait_for(|list| list.len() == 1))
                .await
                .is_ok()
        });
        assert!(seen);
    });
}

#[test]
fn a_board_is_followed_into_its_bootloader() {
    desk::run("usb::a_board_is_followed_into_its_bootloader", || {
        let (usb, board) = nano("1-3", 7, "ttyACM0");
        let (_other, _terminal) = nano("1-4", 8, "ttyACM1");
        let ports = Ports::new();
        let place = Topology::new("usb-1-3");
        ports.touch_1200("/dev/ttyACM0").unwrap();
        assert_eq!(board.baud(), 1200);
        let is_bootloader = |port: &Port| port.usb.as_ref().is_some_and(|usb| usb.product == BOOTLOADER);
        let board = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| ports.wait_for_blocking(&place, is_bootloader, LONG));
            // A bootloader at another place comes first, and it is not taken.
            let wrong = Board::new("unused");
            let _wrong = Usb::plug("1-5", 9, BOOTLOADER, "A1B2C3D4").appear("ttyACM2", wrong.path());
            drop((usb, board));
            let board = Board::new("unused");
            let usb = Usb::plug("1-3", 10, BOOTLOADER, "OTHER").appear("ttyACM3", board.path());
            let found = waiting.join().unwrap().unwrap();
            assert_eq!(
                (found.path.as_str(), &found.topology),
                ("/dev/ttyACM3", &Some(place.clone()))
            );
            drop(usb);
            board
        });
        drop(board);
        let gone = ports
            .wait_for_blocking(&place, is_bootloader, Duration::ZERO)
            .unwrap_err();
        assert_eq!(gone.there, []);
    });
}

#[test]
fn a_holder_is_named_with_process_and_program() {
    desk::run("usb::a_holder_is_named_with_process_and_program", || {
        let (_usb, _board) = nano("1-3", 7, "ttyACM0");
        let ports = Ports::new();
        let port = the_port(&ports);
        for name in ["terminal", "ModemManager"] {
            let holder = Program::start(name, "exec 3<>/dev/ttyACM0 && flock -n 3 || exit 1");
            let Access::Held { pid, program, text } = access(&port) else {
                panic!("{:?}", access(&port))
            };
            assert_eq!((pid, program.as_str()), (holder.0.id(), name));
            assert!(
                text.starts_with(&format!("{name} (process {pid}) has /dev/ttyACM0 open;")),
                "{text}"
            );
            assert_eq!(
                text.contains("systemctl stop ModemManager"),
                name == "ModemManager",
                "{text}"
            );
            let error = ports.open_blocking(&port.path, 9600).map(|_| ()).unwrap_err();
            assert!(
                matches!(&error, OpenError::Held { pid, .. } if *pid == holder.0.id()),
                "{error}"
            );
            drop(holder);
            assert_eq!(access(&port), Access::Usable);
        }
        drop(ports.open_blocking(&port.path, 9600).unwrap());
    });
}

#[test]
fn a_terminal_that_a_killed_program_left_locked_is_explained() {
    const NAME: &str = "usb::a_terminal_that_a_killed_program_left_locked_is_explained";
    if let Some(path) = place().filter(|place| place.starts_with("/dev/")) {
        // Ends without closing, which would give up TIOCEXCL.
        std::mem::forget(Ports::new().open_blocking(&path, 9600).unwrap());
        return;
    }
    desk::run(NAME, || {
        let board = Board::new("unused");
        let killed = again(&["-U", "--map-user=0"], NAME, board.path()).output().unwrap();
        assert!(killed.status.success(), "{killed:?}");
        let error = Ports::new().open_blocking(board.path(), 9600).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("was killed"), "{error}");
    });
}

#[test]
fn a_terminal_of_the_same_name_in_a_container_is_another_one() {
    const NAME: &str = "usb::a_terminal_of_the_same_name_in_a_container_is_another_one";
    if place().as_deref() == Some("container") {
        desk::mount_terminals();
        let board = Board::new("unused");
        let _line = Ports::new().open_blocking(board.path(), 9600).unwrap();
        println!("!{}", board.path());
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    desk::run(NAME, || {
        let (_usb, board) = nano("1-3", 7, "ttyACM0");
        let (_container, mut said) = elsewhere(&["-m"], NAME, "container");
        assert_eq!(said.next().as_deref(), Some(board.path()));
        assert_eq!(access(&the_port(&Ports::new())), Access::Usable);
    });
}

#[test]
fn a_lock_file_names_the_holder_while_it_lives() {
    desk::run("usb::a_lock_file_names_the_holder_while_it_lives", || {
        let (_usb, _board) = nano("1-3", 7, "ttyACM0");
        let port = the_port(&Ports::new());
        let holder = Program::start("minicom", "");
        fs::write("/run/lock/LCK..ttyACM0", format!("{:10}\n", holder.0.id())).unwrap();
        let held = access(&port);
        assert!(
            matches!(&held, Access::Held { program, .. } if program == "minicom"),
            "{held:?}"
        );
        drop(holder);
        assert_eq!(access(&port), Access::Usable);
    });
}

/// Runs a part of a test as a user without privileges. Lines that it prints with `!` in front are returned as they come.
fn as_user(test: &str, part: &str) -> (Program, impl Iterator<Item = String> + use<>) {
    elsewhere(&["-U", "--map-user=1000", "--map-group=1000"], test, part)
}

/// Runs a part of a test in more namespaces, as [`as_user`] does.
fn elsewhere(namespaces: &[&str], test: &str, part: &str) -> (Program, impl Iterator<Item = String> + use<>) {
    let mut command = again(namespaces, test, part);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let said = lines.filter_map(|line| line.split_once('!').map(|(_, said)| said.to_owned()));
    (Program(child), said)
}

#[test]
fn permission_is_explained_and_waited_for() {
    const NAME: &str = "usb::permission_is_explained_and_waited_for";
    if place().as_deref() == Some("user") {
        let ports = Ports::new();
        let port = the_port(&ports);
        let Access::Denied { text, rule_helps } = access(&port) else {
            panic!("{:?}", access(&port))
        };
        assert!(
            rule_helps && text.contains("/dev/ttyACM0") && text.contains("Install Drydock's udev rule"),
            "{text}"
        );
        let error = ports.open_blocking(&port.path, 9600).map(|_| ()).unwrap_err();
        assert!(matches!(&error, OpenError::Denied { rule_helps: true, .. }), "{error}");
        let still = wait_until_accessible_blocking(&port, Duration::ZERO);
        assert!(matches!(still, Access::Denied { .. }), "{still:?}");
        println!("!denied");
        println!("!{:?}", wait_until_accessible_blocking(&port, LONG));
        return;
    }
    desk::run(NAME, || {
        let (_usb, board) = nano("1-3", 7, "ttyACM0");
        let allow = |mode| fs::set_permissions(board.path(), Permissions::from_mode(mode)).unwrap();
        allow(0);
        let (_user, mut said) = as_user(NAME, "user");
        assert_eq!(said.next().as_deref(), Some("denied"));
        allow(0o600);
        assert_eq!(said.next().as_deref(), Some("Usable"));
    });
}

#[test]
fn a_holder_that_belongs_to_another_user_is_suspected() {
    const NAME: &str = "usb::a_holder_that_belongs_to_another_user_is_suspected";
    if place().as_deref() == Some("user") {
        let error = Ports::new()
            .open_blocking("/dev/ttyACM0", 9600)
            .map(|_| ())
            .unwrap_err();
        println!("!{error}");
        return;
    }
    desk::run(NAME, || {
        let (_usb, _board) = nano("1-3", 7, "ttyACM0");
        let script = "exec 3<>/dev/ttyACM0 && flock -n 3 || exit 1";
        let holder = Program::start("ModemManager", script);
        let text = as_user(NAME, "user").1.next().unwrap();
        assert!(
            text.contains("ModemManager (process") && text.contains("probably has /dev/ttyACM0 open"),
            "{text}"
        );
        drop(holder);
        let _other = Program::start("terminal", script);
        let text = as_user(NAME, "user").1.next().unwrap();
        assert!(text.contains("sudo fuser -v /dev/ttyACM0"), "{text}");
    });
}

#[test]
fn a_system_without_serial_ports_has_an_empty_list() {
    desk::run("usb::a_system_without_serial_ports_has_an_empty_list", || {
        assert_eq!(Ports::new().list(), []);
        fs::remove_dir(Path::new("/sys/class/tty")).unwrap();
        assert_eq!(Ports::new().list(), []);
    });
}
