//! Requests that a driver would not make, token by token.

use drydock_emulator::cable::usb_host::{CdcPort, CdcState};
use drydock_emulator::runner::serve_usb;
use drydock_emulator::{
    Image, Machine, RunLimit, StopReason, UsbAction, UsbDevice, UsbOccurrence, UsbReply, UsbToken, UsbTransaction,
    VirtualTime,
};
use libtest_mimic::Failed;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const READ: u8 = 0x80;
const LINE_CODING: u8 = 0x21;

/// How long the device may take for one transaction.
const PATIENCE: VirtualTime = VirtualTime::from_ms(50);

/// A host without manners.
struct Raw {
    machine: Box<dyn Machine>,
    next_id: u64,
}

impl Raw {
    /// Plugged into a board that runs, after a bus reset.
    fn new(image: &Image) -> Result<Self, Failed> {
        let mut machine = super::super::power_on(image, 7)?;
        run(machine.as_mut(), VirtualTime::from_ms(100))?;
        let mut raw = Self { machine, next_id: 0 };
        raw.usb().act(UsbAction::Plug);
        run(raw.machine.as_mut(), VirtualTime::from_ms(100))?;
        raw.reset()?;
        Ok(raw)
    }

    fn usb(&mut self) -> &mut dyn UsbDevice {
        self.machine.usb().expect("the Nano has a socket")
    }

    fn reset(&mut self) -> Result<(), Failed> {
        self.usb().act(UsbAction::Reset);
        run(self.machine.as_mut(), VirtualTime::from_ms(20))
    }

    fn transact(&mut self, endpoint: u8, token: UsbToken) -> Result<UsbReply, Failed> {
        self.next_id += 1;
        let id = self.next_id;
        self.usb().act(UsbAction::Transact(UsbTransaction {
            id,
            address: 0,
            endpoint,
            token,
            patient: true,
        }));
        let end = self.machine.now() + PATIENCE;
        loop {
            for event in self.usb().take_events() {
                if let UsbOccurrence::Done { id: done, reply } = event.what
                    && done == id
                {
                    return Ok(reply);
                }
            }
            if self.machine.now() >= end {
                let inward = token_is_in(endpoint);
                self.usb().act(UsbAction::Cancel { endpoint, inward });
                self.usb().act(UsbAction::Cancel {
                    endpoint,
                    inward: !inward,
                });
                return Ok(UsbReply::Nak);
            }
            run(self.machine.as_mut(), VirtualTime::from_us(200))?;
        }
    }

    /// A control read; `None` if it is stalled.
    fn read(&mut self, kind: u8, request: u8, value: u16, index: u16, length: u16) -> Result<Option<Vec<u8>>, Failed> {
        self.transact(0, UsbToken::Setup(setup(kind, request, value, index, length)))?;
        let mut bytes = Vec::new();
        loop {
            match self.transact(0, UsbToken::In)? {
                UsbReply::Stall => return Ok(None),
                UsbReply::Data { bytes: part, .. } => {
                    bytes.extend_from_slice(&part);
                    if part.len() < 64 || bytes.len() >= usize::from(length) {
                        break;
                    }
                }
                reply => return Err(format!("{request:#x} at {}: {reply:?}", bytes.len()).into()),
            }
        }
        let status = self.transact(0, out(Vec::new(), true))?;
        assert_eq!(status, UsbReply::Ack, "the status stage of {request:#x}");
        Ok(Some(bytes))
    }

    /// A control write; whether the device took it.
    fn write(&mut self, kind: u8, request: u8, value: u16, index: u16, data: &[u8]) -> Result<bool, Failed> {
        let setup = setup(kind, request, value, index, data.len() as u16);
        self.transact(0, UsbToken::Setup(setup))?;
        if !data.is_empty() {
            match self.transact(0, out(data.to_vec(), true))? {
                UsbReply::Stall => return Ok(false),
                reply => assert_eq!(reply, UsbReply::Ack, "the data of {request:#x}"),
            }
        }
        match self.transact(0, UsbToken::In)? {
            UsbReply::Stall => Ok(false),
            reply => {
                assert!(
                    matches!(reply, UsbReply::Data { .. }),
                    "the status of {request:#x}: {reply:?}"
                );
                Ok(true)
            }
        }
    }

    /// A well-behaved host takes its place, and finds the serial port.
    fn is_found(&mut self) -> Result<(), Failed> {
        self.usb().act(UsbAction::Unplug);
        self.usb().take_events();
        let (port, mut host) = CdcPort::detached();
        for _ in 0..1_000 {
            serve_usb(self.machine.as_mut(), &mut host, |_| {});
            if matches!(port.device(), CdcState::Ready(_)) {
                return Ok(());
            }
            run(self.machine.as_mut(), VirtualTime::from_ms(1))?;
        }
        Err(format!("it is not found any more: {:?}", port.device()).into())
    }
}

fn token_is_in(endpoint: u8) -> bool {
    endpoint & 1 != 0
}

fn run(machine: &mut dyn Machine, span: VirtualTime) -> Result<(), Failed> {
    let until = machine.now() + span;
    let stop = machine.run(RunLimit::until(until))?;
    let faults = machine.take_faults();
    if stop != StopReason::Deadline || !faults.is_empty() {
        return Err(format!("{stop:?}, {faults:?}").into());
    }
    Ok(())
}

fn setup(kind: u8, request: u8, value: u16, index: u16, length: u16) -> [u8; 8] {
    let ([v0, v1], [i0, i1], [l0, l1]) = (value.to_le_bytes(), index.to_le_bytes(), length.to_le_bytes());
    [kind, request, v0, v1, i0, i1, l0, l1]
}

fn out(data: Vec<u8>, toggle: bool) -> UsbToken {
    UsbToken::Out { data, toggle }
}

/// Every request has its answer; what is not supported is stalled, and the next request works.
pub(crate) fn requests(image: &Image) -> Result<(), Failed> {
    let mut raw = Raw::new(image)?;
    // Descriptors, in part and whole.
    for (value, length, expected) in [
        (0x100, 8, 8),
        (0x100, 64, 18),
        (0x200, 9, 9),
        (0x200, 64, 64),
        (0x200, 67, 67),
        (0x200, 1_000, 67),
        (0x300, 255, 4),
        (0x301, 255, 2 + 2 * 7),
        (0x302, 255, 2 + 2 * 19),
        (0x303, 255, 2 + 2 * 16),
    ] {
        let read = raw.read(READ, 6, value, 0, length)?.ok_or("stalled")?;
        assert_eq!(read.len(), expected, "descriptor {value:#x}");
    }
    assert_eq!(raw.read(READ, 0, 0, 0, 2)?, Some(vec![0, 0]), "GET_STATUS");
    assert_eq!(raw.read(READ, 8, 0, 0, 1)?, Some(vec![0]), "GET_CONFIGURATION");
    assert!(raw.write(0, 9, 1, 0, &[])?, "SET_CONFIGURATION");
    assert_eq!(raw.read(READ, 8, 0, 0, 1)?, Some(vec![1]));

    // What is not there.
    for (kind, request, value) in [
        (READ, 6, 0x600),
        (READ, 6, 0x309),
        (0xc0, 1, 0),
        (READ, 12, 0),
        (0xa1, 0x55, 0),
    ] {
        assert_eq!(
            raw.read(kind, request, value, 0, 64)?,
            None,
            "{kind:#x} {request:#x} {value:#x}"
        );
    }
    for (kind, request, value) in [(0, 9, 2), (0x40, 1, 0), (0, 7, 0x100), (LINE_CODING, 0x23, 1)] {
        assert!(
            !raw.write(kind, request, value, 0, &[])?,
            "{kind:#x} {request:#x} {value:#x}"
        );
    }
    assert!(
        !raw.write(LINE_CODING, 0x20, 0, 0, &[0; 8])?,
        "a line coding of 8 bytes"
    );

    // The serial port's own.
    let read = |raw: &mut Raw| raw.read(0xa1, 0x21, 0, 0, 7);
    assert_eq!(read(&mut raw)?, Some(vec![0x80, 0x25, 0, 0, 0, 0, 8]), "9600 baud");
    let line_coding = [0x40, 0x42, 0x0f, 0, 0, 0, 8];
    assert!(raw.write(LINE_CODING, 0x20, 0, 0, &line_coding)?);
    assert_eq!(read(&mut raw)?, Some(line_coding.to_vec()));

    // Halting an endpoint.
    assert!(raw.write(2, 3, 0, 0x82, &[])?);
    assert_eq!(raw.read(READ | 2, 0, 0, 0x82, 2)?, Some(vec![1, 0]));
    assert_eq!(raw.transact(2, UsbToken::In)?, UsbReply::Stall);
    assert!(raw.write(2, 1, 0, 0x82, &[])?);
    assert_eq!(raw.read(READ | 2, 0, 0, 0x82, 2)?, Some(vec![0, 0]));
    assert_eq!(raw.transact(2, UsbToken::In)?, UsbReply::Nak);

    // A reset forgets all of it.
    raw.reset()?;
    assert_eq!(raw.read(READ, 8, 0, 0, 1)?, Some(vec![0]));
    raw.is_found()
}

/// Whatever a host sends, the firmware neither faults nor resets, and the next host finds it.
pub(crate) fn any_requests(image: &Image) -> Result<(), Failed> {
    let first = std::cell::RefCell::new(Raw::new(image)?);
    let requests = prop_oneof![
        any::<[u8; 8]>(),
        // Mostly well formed, so that it is taken.
        (
            prop_oneof![
                Just(0),
                Just(2),
                Just(READ),
                Just(READ | 2),
                Just(LINE_CODING),
                Just(0xa1)
            ],
            prop_oneof![0..13_u8, 0x20..0x24_u8],
            (0..4_u8, 0..4_u8),
            prop_oneof![Just(0), Just(0x82), Just(2)],
            0..80_u8,
        )
            .prop_map(|(kind, request, (v0, v1), index, length)| [kind, request, v0, v1, index, 0, length, 0]),
    ];
    let tokens = prop_oneof![
        3 => requests.prop_map(|setup| (0, UsbToken::Setup(setup))),
        3 => prop_oneof![Just(0), Just(2)].prop_map(|endpoint| (endpoint, UsbToken::In)),
        2 => (prop_oneof![Just(0), Just(2)], proptest::collection::vec(any::<u8>(), 0..=64), any::<bool>())
            .prop_map(|(endpoint, data, toggle)| (endpoint, out(data, toggle))),
    ];
    let strategy = proptest::collection::vec(tokens, 1..40);
    let config = Config {
        cases: 32,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config).run(&strategy, |tokens| {
        let mut first = first.borrow_mut();
        let snapshots = first.machine.snapshots().expect("it has snapshots");
        let mut raw = Raw {
            machine: snapshots.fork().expect("it can be copied"),
            next_id: 0,
        };
        for (endpoint, token) in tokens {
            raw.transact(endpoint, token)
                .map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        }
        raw.is_found()
            .map_err(|error| TestCaseError::fail(format!("{error:?}")))
    })?;
    Ok(())
}
