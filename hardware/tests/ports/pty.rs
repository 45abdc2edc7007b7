//! Ports over pseudo-terminals: virtual boards in the list, opening, baud rates, hanging up.

use crate::board::Board;
use drydock_hardware::port::{LinePolicy, NotSeen, OpenError, OpenOptions, Ports, Topology};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LONG: Duration = Duration::from_secs(20);

fn at(baud: u32) -> OpenOptions {
    OpenOptions {
        baud,
        policy: LinePolicy::Leave,
    }
}

#[tokio::test]
async fn a_virtual_port_is_listed_watched_and_found_while_it_is_plugged() {
    let ports = Ports::new();
    let mut watched = ports.watch();
    let board = Board::new("virtual-desk-1");
    assert!(ports.list().iter().all(|port| port.path != board.path()));
    let plug = board.plug(&ports);
    let seen = watched.wait_for(|list| list.iter().any(|port| port.path == board.path()));
    let seen = tokio::time::timeout(LONG, seen).await.unwrap().unwrap().clone();
    let port = seen.iter().find(|port| port.path == board.path()).unwrap();
    assert!(port.is_virtual);
    let place = Topology::new("virtual-desk-1");
    assert_eq!(ports.find_topology(&place), std::slice::from_ref(port));
    assert_eq!(ports.wait_for(&place, |_| true, LONG).await.unwrap(), *port);
    drop(plug);
    let gone = watched.wait_for(|list| list.iter().all(|port| port.path != board.path()));
    tokio::time::timeout(LONG, gone).await.unwrap().unwrap();
    assert_eq!(ports.find_topology(&place), []);
}

#[tokio::test]
async fn waiting_says_what_is_there_instead() {
    let ports = Ports::new();
    let board = Board::new("virtual-desk-2");
    let place = Topology::new("virtual-desk-2");
    let wait = |ports: &Ports| ports.wait_for_blocking(&place, |port| port.path == "bootloader", Duration::ZERO);
    let nothing = wait(&ports).unwrap_err();
    assert!(
        nothing.to_string().ends_with("nothing is plugged in there"),
        "{nothing}"
    );
    let _plug = board.plug(&ports);
    let other: NotSeen = wait(&ports).unwrap_err();
    let text = format!("{} (2341:805a) is there instead", board.path());
    assert!(other.to_string().ends_with(&text), "{other}");
    let same = ports
        .wait_for(&place, |port| port.path == "bootloader", Duration::ZERO)
        .await;
    assert_eq!(same.unwrap_err(), other);
}

#[tokio::test]
async fn bytes_and_baud_rates_pass() {
    let ports = Ports::new();
    let mut board = Board::new("virtual-desk-3");
    let _plug = board.plug(&ports);
    let mut line = ports.open(board.path(), at(115_200)).unwrap();
    assert_eq!(board.baud(), 115_200);
    line.write_all(b"hello").await.unwrap();
    assert_eq!(board.receive(5), b"hello");
    // All 256 values, so that no byte is treated as a control character.
    let all: Vec<u8> = (0..=255).collect();
    board.send(&all);
    let mut received = vec![0; all.len()];
    tokio::time::timeout(LONG, line.read_exact(&mut received))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(received, all);
    // A rate that is no constant of termios, after the line was split.
    let control = line.control();
    let (_read, _write) = tokio::io::split(line);
    control.set_baud(921_601).await.unwrap();
    assert_eq!((board.baud(), control.baud().unwrap()), (921_601, 921_601));
}

#[tokio::test]
async fn a_control_outlives_its_line_without_keeping_it_open() {
    let ports = Ports::new();
    let board = Board::new("virtual-desk-4");
    let line = ports.open(board.path(), at(9600)).unwrap();
    let control = line.control();
    drop(line);
    assert_eq!(control.baud().unwrap_err().kind(), ErrorKind::NotConnected);
    ports.open(board.path(), at(9600)).unwrap();
}

#[tokio::test]
async fn a_port_opens_once() {
    let ports = Ports::new();
    let board = Board::new("virtual-desk-5");
    let line = ports.open(board.path(), at(9600)).unwrap();
    let again = ports.open(board.path(), at(9600)).map(|_| ()).unwrap_err();
    assert!(matches!(again, OpenError::Held { .. }), "{again}");
    let again = ports.open_blocking(board.path(), 9600).map(|_| ()).unwrap_err();
    assert!(matches!(again, OpenError::Held { .. }), "{again}");
    drop(line);
    let blocking = ports.open_blocking(board.path(), 9600).unwrap();
    assert!(ports.open(board.path(), at(9600)).is_err());
    drop(blocking);
    ports.open(board.path(), at(9600)).unwrap();
}

#[tokio::test]
async fn a_pulled_cable_ends_reading_and_fails_writing() {
    let ports = Ports::new();
    let board = Board::new("virtual-desk-6");
    let path = board.path().to_owned();
    let mut line = ports.open(&path, at(9600)).unwrap();
    let mut byte = [0];
    let pulled = async {
        tokio::task::yield_now().await;
        drop(board);
    };
    let (read, ()) = tokio::time::timeout(LONG, async { tokio::join!(line.read(&mut byte), pulled) })
        .await
        .expect("reading must end");
    assert!(matches!(&read, Ok(0)) || read.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe));
    let written = line.write_all(b"x").await.unwrap_err();
    assert_eq!(written.kind(), ErrorKind::BrokenPipe, "{written}");
    assert!(written.to_string().contains(&path), "{written}");
    let set = line.set_baud(115_200).await.unwrap_err();
    assert_eq!(set.kind(), ErrorKind::BrokenPipe, "{set}");
    let gone = ports.open(&path, at(9600)).map(|_| ()).unwrap_err();
    assert!(matches!(gone, OpenError::NotFound { .. }), "{gone}");
}

#[test]
fn a_blocking_line_gives_up_and_notices_a_pulled_cable() {
    let ports = Ports::new();
    let mut board = Board::new("virtual-desk-7");
    let mut line = ports.open_blocking(board.path(), 57_600).unwrap();
    assert_eq!((board.baud(), line.baud().unwrap()), (57_600, 57_600));
    line.set_timeout(Duration::from_millis(10)).unwrap();
    assert_eq!(line.timeout(), Duration::from_millis(10));
    let mut byte = [0];
    assert_eq!(line.read(&mut byte).unwrap_err().kind(), ErrorKind::TimedOut);
    line.set_timeout(LONG).unwrap();
    board.send(b"yz");
    assert_eq!((line.read(&mut byte).unwrap(), byte), (1, *b"y"));
    line.discard_input().unwrap();
    line.set_baud(1_000_000).unwrap();
    line.write_all(b"ok").unwrap();
    line.flush().unwrap();
    assert_eq!((board.receive(2), board.baud()), (b"ok".to_vec(), 1_000_000));
    drop(board);
    let read = line.read(&mut byte);
    assert!(matches!(&read, Ok(0)) || read.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe));
    assert_eq!(line.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn lines_reach_a_virtual_board_and_a_plain_terminal_has_none() {
    let ports = Ports::new();
    let board = Board::new("virtual-desk-8");
    // Not plugged: a terminal like any other. The policies do nothing.
    for policy in [LinePolicy::Raise, LinePolicy::Lower] {
        ports.open(board.path(), OpenOptions { baud: 9600, policy }).unwrap();
    }
    assert!(ports.modem_lines(board.path()).is_none());
    let _plug = board.plug(&ports);
    for (policy, expected) in [
        (LinePolicy::Leave, vec![]),
        (LinePolicy::Raise, vec![(true, true)]),
        (LinePolicy::Lower, vec![(false, false)]),
    ] {
        let line = ports.open(board.path(), OpenOptions { baud: 9600, policy }).unwrap();
        assert_eq!(board.take_lines(), expected, "{policy:?}");
        line.lines().set(true, false).unwrap();
        ports.modem_lines(board.path()).unwrap().set(false, true).unwrap();
        assert_eq!(board.take_lines(), [(true, false), (false, true)]);
    }
    let (native, lines) = ports.open_blocking(board.path(), 9600).unwrap().into_native();
    lines.set(true, true).unwrap();
    assert_eq!(board.take_lines(), [(true, true)]);
    drop(native);
}

#[test]
fn the_touch_leaves_1200_baud_without_dtr() {
    let ports = Ports::new();
    let board = Board::new("virtual-desk-9");
    let _plug = board.plug(&ports);
    ports.touch_1200(board.path()).unwrap();
    assert_eq!(board.baud(), 1200);
    assert_eq!(board.take_lines(), [(false, false)]);
    ports.open_blocking(board.path(), 9600).unwrap();
}
