//! USBD, and POWER's part of the USB socket. The host is a list of transactions.

use proptest::prelude::*;

use super::*;
use crate::machine::{UsbAction, UsbOccurrence, UsbReply, UsbToken, UsbTransaction};

const USBREGSTATUS: u32 = 0x4000_0438;
const USBDETECTED: u32 = 0x4000_011c;
const USBREMOVED: u32 = 0x4000_0120;
const USBPWRRDY: u32 = 0x4000_0124;

const USBD: u32 = 0x4002_7000;
const EP0RCVOUT: u32 = USBD + 0x4c;
const EP0STATUS: u32 = USBD + 0x50;
const EP0STALL: u32 = USBD + 0x54;
const USBRESET: u32 = USBD + 0x100;
const EP0DATADONE: u32 = USBD + 0x128;
const SOF: u32 = USBD + 0x154;
const USBEVENT: u32 = USBD + 0x158;
const EP0SETUP: u32 = USBD + 0x15c;
const EPDATA: u32 = USBD + 0x160;
const SHORTS: u32 = USBD + 0x200;
const INTENSET: u32 = USBD + 0x304;
const EVENTCAUSE: u32 = USBD + 0x400;
const EPDATASTATUS: u32 = USBD + 0x46c;
const USBADDR: u32 = USBD + 0x470;
const SIZE_EPOUT: u32 = USBD + 0x4a0;
const ENABLE: u32 = USBD + 0x500;
const USBPULLUP: u32 = USBD + 0x504;
const DTOGGLE: u32 = USBD + 0x50c;
const EPINEN: u32 = USBD + 0x510;
const EPOUTEN: u32 = USBD + 0x514;
const EPSTALL: u32 = USBD + 0x518;
const FRAMECNTR: u32 = USBD + 0x520;
const EPIN: u32 = USBD + 0x600;
const EPOUT: u32 = USBD + 0x700;
const BUFFER: u32 = 0x2000_1000;
const IRQ: u16 = 39;

impl Rig {
    fn usb(&mut self, action: UsbAction) {
        self.chip.usb_action(&mut self.fabric, action);
    }

    fn happened(&mut self) -> Vec<UsbOccurrence> {
        self.fabric
            .take_usb_events()
            .into_iter()
            .map(|event| event.what)
            .collect()
    }

    /// Plugged in, with a driver that shows the device and was reset.
    fn on_usb() -> Self {
        let mut rig = Self::new();
        rig.write(0x4000_0000, 1);
        rig.usb(UsbAction::Plug);
        rig.pass(VirtualTime::from_ms(2));
        rig.write(ENABLE, 1);
        rig.pass(VirtualTime::from_ms(1));
        rig.write(USBPULLUP, 1);
        rig.usb(UsbAction::Reset);
        rig.pass(VirtualTime::from_ms(11));
        rig.write(EPINEN, 0b101);
        rig.write(EPOUTEN, 0b101);
        rig.happened();
        rig
    }

    /// A transaction to address 0, or to `address`.
    fn transact_at(&mut self, address: u8, endpoint: u8, token: UsbToken) -> Option<UsbReply> {
        self.usb(UsbAction::Transact(UsbTransaction {
            id: 1,
            address,
            endpoint,
            token,
            patient: false,
        }));
        self.pass(VirtualTime::from_us(100));
        self.happened().into_iter().find_map(|what| match what {
            UsbOccurrence::Done { reply, .. } => Some(reply),
            _ => None,
        })
    }

    #[track_caller]
    fn check(&mut self, endpoint: u8, token: UsbToken, expected: UsbReply) {
        assert_eq!(self.transact_at(0, endpoint, token), Some(expected));
    }

    /// Starts an IN endpoint with bytes from RAM.
    fn arm_in(&mut self, n: u32, bytes: &[u8]) {
        self.fabric.memory_mut().write(BUFFER, bytes).unwrap();
        self.write(EPIN + 0x14 * n, BUFFER);
        self.write(EPIN + 0x14 * n + 4, bytes.len() as u32);
        self.write(USBD + 4 + 4 * n, 1);
        assert_eq!(self.read(USBD + 0x108 + 4 * n), 1, "ENDEPIN");
        assert_eq!(self.read(EPIN + 0x14 * n + 8), bytes.len() as u32, "AMOUNT");
    }

    /// Takes the packet of an OUT endpoint to RAM.
    fn take_out(&mut self, n: u32) -> Vec<u8> {
        let size = self.read(SIZE_EPOUT + 4 * n);
        self.write(EPOUT + 0x14 * n, BUFFER);
        self.write(EPOUT + 0x14 * n + 4, size);
        self.write(USBD + 0x28 + 4 * n, 1);
        assert_eq!(self.read(USBD + 0x130 + 4 * n), 1, "ENDEPOUT");
        let mut bytes = vec![0; size as usize];
        self.fabric.memory().read(BUFFER, &mut bytes).unwrap();
        bytes
    }
}

fn data(bytes: &[u8], toggle: bool) -> UsbReply {
    UsbReply::Data {
        bytes: bytes.to_vec(),
        toggle,
    }
}

fn out(bytes: &[u8], toggle: bool) -> UsbToken {
    UsbToken::Out {
        data: bytes.to_vec(),
        toggle,
    }
}

#[test]
fn without_a_cable_nothing_happens_and_nothing_is_scheduled() {
    let mut rig = Rig::new();
    assert_eq!(rig.read(USBREGSTATUS), 0);
    rig.write(ENABLE, 1);
    rig.write(USBPULLUP, 1);
    rig.pass(VirtualTime::from_seconds(1));
    assert_eq!(rig.read(EVENTCAUSE), 0, "not ready without its supply");
    assert_eq!(rig.fabric.next_event_at(), VirtualTime::MAX);
    assert!(rig.happened().is_empty());
}

#[test]
fn drivers_may_split_the_buffer_of_isochronous_transfers() {
    let mut rig = Rig::new();
    rig.write(USBD + 0x51c, 0x80);
    assert_eq!(rig.read(USBD + 0x51c), 0x80);
}

#[test]
fn a_cable_brings_the_supply_and_then_the_controller() {
    let mut rig = Rig::new();
    rig.write(0x4000_0000, 1);
    rig.usb(UsbAction::Plug);
    assert_eq!((rig.read(USBDETECTED), rig.read(USBREGSTATUS)), (1, 1));
    assert_eq!(rig.pass_until(USBPWRRDY), VirtualTime::from_ms(1));
    assert_eq!(rig.read(USBREGSTATUS), 3);
    rig.write(INTENSET, 1 << 22);
    rig.write(ENABLE, 1);
    assert_eq!(rig.pass_until(USBEVENT), VirtualTime::from_us(50));
    assert!(rig.fabric.irq_level(IRQ));
    assert_eq!(rig.read(EVENTCAUSE), 1 << 11, "READY");
    rig.write(EVENTCAUSE, 1 << 11);
    assert_eq!(rig.happened(), [UsbOccurrence::Plugged(true)]);
    rig.write(USBPULLUP, 1);
    assert_eq!(rig.happened(), [UsbOccurrence::PullUp(true)]);
    rig.usb(UsbAction::Unplug);
    assert_eq!((rig.read(USBREMOVED), rig.read(USBREGSTATUS)), (1, 0));
    assert_eq!(rig.happened(), [UsbOccurrence::Plugged(false)]);
}

#[test]
fn a_reset_of_the_chip_lets_the_device_vanish_and_keeps_the_cable() {
    for kind in [ResetKind::Software, ResetKind::PowerOn] {
        let mut rig = Rig::on_usb();
        rig.reset(kind);
        assert_eq!(rig.happened(), [UsbOccurrence::PullUp(false)], "{kind:?}");
        rig.pass(VirtualTime::from_ms(2));
        assert_eq!(rig.read(USBREGSTATUS), 3, "{kind:?}");
        assert_eq!(rig.read(USBDETECTED), u32::from(kind == ResetKind::PowerOn));
    }
}

#[test]
fn a_control_read_has_setup_data_and_status() {
    let mut rig = Rig::on_usb();
    assert_eq!(rig.read(USBRESET), 1);
    let setup = [0x80, 6, 0, 1, 0, 0, 18, 0];
    rig.check(0, UsbToken::Setup(setup), UsbReply::Ack);
    assert_eq!(rig.read(EP0SETUP), 1);
    let registers: Vec<u32> = (0..8).map(|n| rig.read(USBD + 0x480 + 4 * n)).collect();
    assert_eq!(registers, setup.map(u32::from));
    rig.check(0, UsbToken::In, UsbReply::Nak);
    rig.write(SHORTS, 1 << 2);
    rig.arm_in(0, b"eighteen");
    assert_eq!(rig.read(EP0DATADONE), 0);
    rig.check(0, out(&[], true), UsbReply::Nak);
    rig.check(0, UsbToken::In, data(b"eighteen", true));
    assert_eq!(rig.read(EP0DATADONE), 1);
    // The shortcut has allowed the status stage.
    rig.check(0, out(&[], true), UsbReply::Ack);
    rig.check(0, out(&[], true), UsbReply::Nak);
}

#[test]
fn a_control_write_takes_data_when_it_is_allowed() {
    let mut rig = Rig::on_usb();
    rig.check(0, UsbToken::Setup([0x21, 0x20, 0, 0, 0, 0, 7, 0]), UsbReply::Ack);
    rig.check(0, out(b"7 bytes", true), UsbReply::Nak);
    rig.write(EP0RCVOUT, 1);
    rig.check(0, out(b"7 bytes", true), UsbReply::Ack);
    assert_eq!((rig.read(EP0DATADONE), rig.read(SIZE_EPOUT)), (1, 7));
    assert_eq!(rig.take_out(0), b"7 bytes");
    rig.check(0, UsbToken::In, UsbReply::Nak);
    rig.write(EP0STATUS, 1);
    rig.check(0, UsbToken::In, data(&[], true));
    // A stall lasts until the next SETUP.
    rig.check(0, UsbToken::Setup([0; 8]), UsbReply::Ack);
    rig.write(EP0STALL, 1);
    rig.check(0, UsbToken::In, UsbReply::Stall);
    rig.check(0, UsbToken::Setup([0; 8]), UsbReply::Ack);
    rig.check(0, UsbToken::In, UsbReply::Nak);
}

#[test]
fn the_controller_takes_its_address_by_itself() {
    let mut rig = Rig::on_usb();
    rig.check(0, UsbToken::Setup([0, 5, 9, 0, 0, 0, 0, 0]), UsbReply::Ack);
    assert_eq!(rig.read(USBADDR), 0, "not before the status stage");
    rig.check(0, UsbToken::In, data(&[], true));
    assert_eq!(rig.read(USBADDR), 9);
    rig.check(0, UsbToken::Setup([0; 8]), UsbReply::Silence);
    assert_eq!(rig.transact_at(9, 0, UsbToken::Setup([0; 8])), Some(UsbReply::Ack));
    rig.usb(UsbAction::Reset);
    assert_eq!(rig.read(USBADDR), 0);
}

#[test]
fn data_endpoints_wait_for_software() {
    let mut rig = Rig::on_usb();
    rig.write(INTENSET, 1 << 24);
    for token in [UsbToken::In, out(b"x", false)] {
        rig.check(2, token.clone(), UsbReply::Nak);
        rig.check(1, token, UsbReply::Silence);
    }
    rig.arm_in(2, b"in");
    assert!(!rig.fabric.irq_level(IRQ));
    rig.check(2, UsbToken::In, data(b"in", false));
    assert!(rig.fabric.irq_level(IRQ));
    assert_eq!(rig.read(EPDATASTATUS), 1 << 2);
    rig.write(EPDATASTATUS, 1 << 2);
    rig.check(2, UsbToken::In, UsbReply::Nak);
    rig.arm_in(2, b"next");
    rig.check(2, UsbToken::In, data(b"next", true));

    rig.write(EPDATA, 0);
    rig.write(SIZE_EPOUT + 8, 0);
    rig.check(2, out(b"out", false), UsbReply::Ack);
    assert_eq!((rig.read(EPDATA), rig.read(SIZE_EPOUT + 8)), (1, 3));
    assert_eq!(rig.read(EPDATASTATUS), 1 << 2 | 1 << 18);
    rig.check(2, out(b"later", true), UsbReply::Nak);
    assert_eq!(rig.take_out(2), b"out");
    // A repetition is acknowledged and dropped.
    rig.write(EPDATA, 0);
    rig.check(2, out(b"out", false), UsbReply::Ack);
    assert_eq!(rig.read(EPDATA), 0);
    rig.check(2, out(b"later", true), UsbReply::Ack);
    assert_eq!(rig.take_out(2), b"later");
}

#[test]
fn halted_endpoints_stall_and_toggles_can_be_set() {
    let mut rig = Rig::on_usb();
    rig.write(EPSTALL, 2 | 1 << 7 | 1 << 8);
    rig.arm_in(2, b"in");
    rig.check(2, UsbToken::In, UsbReply::Stall);
    assert_eq!((rig.read(USBD + 0x428), rig.read(USBD + 0x44c)), (1, 0), "HALTED");
    rig.write(EPSTALL, 2 | 1 << 7);
    rig.write(DTOGGLE, 2 | 1 << 7 | 2 << 8);
    rig.check(2, UsbToken::In, data(b"in", true));
    assert_eq!(rig.read(DTOGGLE), 2 | 1 << 7 | 1 << 8);
    assert_eq!(
        rig.try_write(EPINEN, 1 << 8),
        Err(AccessFault::UnmodelledUse),
        "isochronous"
    );
}

#[test]
fn a_transaction_takes_its_time_and_one_that_waits_takes_none() {
    let mut rig = Rig::on_usb();
    let transaction = |id, endpoint, token| {
        UsbAction::Transact(UsbTransaction {
            id,
            address: 0,
            endpoint,
            token,
            patient: true,
        })
    };
    rig.usb(transaction(7, 2, UsbToken::In));
    rig.pass(VirtualTime::from_seconds(1));
    assert!(rig.happened().is_empty());
    assert_eq!(
        rig.fabric.next_event_at(),
        VirtualTime::MAX,
        "an idle bus costs nothing"
    );
    rig.arm_in(2, &[1; 64]);
    assert!(rig.chip.usb_busy());
    // 13 + 64 bytes at 12 Mbit/s are 51.3 µs.
    rig.pass(VirtualTime::from_us(51));
    assert!(rig.happened().is_empty());
    rig.pass(VirtualTime::from_us(1));
    let reply = data(&[1; 64], false);
    assert_eq!(rig.happened(), [UsbOccurrence::Done { id: 7, reply }]);
    // What waits ends with the cable, or when it is cancelled.
    rig.usb(transaction(8, 2, UsbToken::In));
    rig.usb(transaction(9, 0, UsbToken::In));
    let (endpoint, inward) = (2, true);
    rig.usb(UsbAction::Cancel { endpoint, inward });
    let reply = UsbReply::Withdrawn;
    assert_eq!(rig.happened(), [UsbOccurrence::Done { id: 8, reply }]);
    rig.usb(UsbAction::Unplug);
    let reply = UsbReply::Withdrawn;
    let gone = [UsbOccurrence::Done { id: 9, reply }, UsbOccurrence::Plugged(false)];
    assert_eq!(rig.happened(), gone);
    rig.usb(transaction(10, 2, UsbToken::In));
    let reply = UsbReply::Silence;
    assert_eq!(rig.happened(), [UsbOccurrence::Done { id: 10, reply }]);
}

#[test]
fn frames_are_counted_while_the_bus_is_awake() {
    let mut rig = Rig::on_usb();
    rig.write(SOF, 0);
    let frame = rig.read(FRAMECNTR);
    rig.pass(VirtualTime::from_ms(3));
    assert_eq!((rig.read(FRAMECNTR), rig.read(SOF)), (frame + 3, 1));
    rig.write(SOF, 0);
    rig.write(INTENSET, 1 << 21);
    rig.pass(VirtualTime::from_us(1_000));
    assert!(rig.fabric.irq_level(IRQ), "an interrupt each frame");
    rig.usb(UsbAction::Suspend);
    rig.write(EVENTCAUSE, u32::MAX);
    rig.write(USBEVENT, 0);
    rig.write(SOF, 0);
    assert_eq!(rig.pass_until(USBEVENT), VirtualTime::from_ms(3));
    assert_eq!((rig.read(EVENTCAUSE), rig.read(SOF)), (1 << 8, 0));
    rig.write(EVENTCAUSE, 1 << 8);
    rig.usb(UsbAction::Resume);
    rig.pass(VirtualTime::from_ms(21));
    assert_eq!(rig.read(EVENTCAUSE), 1 << 9);
    assert_eq!(rig.happened(), [UsbOccurrence::Resumed]);
}

#[test]
fn the_device_needs_the_crystal() {
    let mut rig = Rig::on_usb();
    rig.write(0x4000_0004, 1);
    rig.check(0, UsbToken::Setup([0; 8]), UsbReply::Silence);
    rig.write(0x4000_0000, 1);
    rig.pass(VirtualTime::from_ms(1));
    rig.check(0, UsbToken::Setup([0; 8]), UsbReply::Ack);
}

#[test]
fn registers_of_the_errata_store_what_is_written() {
    let mut rig = Rig::new();
    rig.write(0x4006_ec14, 0xc0);
    assert_eq!((rig.read(0x4006_ec00), rig.read(0x4006_ec14)), (0, 0), "locked");
    rig.write(0x4006_ec00, 0x9375);
    rig.write(0x4006_ec14, 0xc0);
    rig.write(0x4006_ed14, 3);
    assert_eq!((rig.read(0x4006_ec14), rig.read(0x4006_ed14)), (0xc0, 3));
    for (addr, value) in [(USBD + 0x800, 0x7e3), (USBD + 0x804, 0x40), (USBD + 0xc1c, 0x82)] {
        rig.write(addr, value);
        assert_eq!(rig.read(addr), value);
    }
    assert_eq!(rig.try_read(0x4006_ec04), Err(AccessFault::Unmapped));
}

fn any_action() -> impl Strategy<Value = UsbAction> {
    let token = prop_oneof![
        any::<[u8; 8]>().prop_map(UsbToken::Setup),
        Just(UsbToken::In),
        (proptest::collection::vec(any::<u8>(), 0..70), any::<bool>())
            .prop_map(|(data, toggle)| UsbToken::Out { data, toggle }),
    ];
    let transaction = (any::<u64>(), 0..4_u8, any::<u8>(), token, any::<bool>()).prop_map(
        |(id, address, endpoint, token, patient)| {
            UsbAction::Transact(UsbTransaction {
                id,
                address,
                endpoint: endpoint % 16,
                token,
                patient,
            })
        },
    );
    prop_oneof![
        8 => transaction,
        1 => Just(UsbAction::Plug),
        1 => Just(UsbAction::Unplug),
        1 => Just(UsbAction::Reset),
        1 => Just(UsbAction::Suspend),
        1 => Just(UsbAction::Resume),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(endpoint, inward)| UsbAction::Cancel { endpoint, inward }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever software and host do, the chip refuses accesses at most, its state survives a round trip, and every
    /// transaction ends or waits.
    #[test]
    fn any_software_meets_any_host(
        steps in proptest::collection::vec(
            prop_oneof![any_action().prop_map(Ok), (0..0x340_u32, 0..0x1000_u32).prop_map(Err)], 0..120)
    ) {
        let mut rig = Rig::on_usb();
        for step in steps {
            match step {
                Ok(action) => rig.usb(action),
                Err((register, value)) => {
                    let _ = rig.try_write(USBD + 4 * register, value);
                    let _ = rig.try_read(USBD + 4 * register);
                }
            }
            rig.pass(VirtualTime::from_us(40));
        }
        let saved = crate::core::fabric::ChipState::save(&rig.chip).unwrap();
        crate::core::fabric::ChipState::load(&mut rig.chip, &saved).unwrap();
        rig.pass(VirtualTime::from_seconds(1));
    }
}
