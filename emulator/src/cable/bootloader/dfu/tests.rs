//! The two bootloaders against the emulated chips, request by request.

use super::*;
use crate::Engine as _;
use crate::builtin::engine::Builtin;
use crate::machine::{Machine, Seed};
use proptest::prelude::*;

struct Bench {
    machine: Box<dyn Machine>,
    dfu: Dfu,
    protected: bool,
}

impl Bench {
    fn of(name: &str) -> Self {
        let board = drydock_assets::board(name).unwrap();
        let mut machine = Builtin.open(&board, Seed([1; 32])).unwrap();
        let mut chip = Chip::new(&mut *machine, None);
        let dfu = match name {
            "uno-r4-minima" => Dfu::arduino(&board, &mut chip),
            _ => Dfu::st(&board, &mut chip),
        };
        Self {
            machine,
            dfu,
            protected: false,
        }
    }

    fn transfer(&mut self, request_type: u8, request: u8, value: u16, length: u16, data: &[u8]) -> (Transferred, Next) {
        let setup = Setup {
            request_type,
            request,
            value,
            index: 0,
            length,
        };
        let mut chip = Chip::new(&mut *self.machine, None).with_protection(self.protected);
        let done = self.dfu.transfer(setup, data, &mut chip);
        self.protected = chip.is_protected();
        done
    }

    fn descriptor(&mut self, kind: u8, index: u8) -> Vec<u8> {
        let value = u16::from_be_bytes([kind, index]);
        self.transfer(0x80, GET_DESCRIPTOR, value, 255, &[]).0.unwrap()
    }

    /// Status and state.
    fn status(&mut self) -> (u8, u8) {
        let answer = self.transfer(0xa1, GETSTATUS, 0, 6, &[]).0.unwrap();
        (answer[0], answer[4])
    }

    /// Sends a block; returns status and state after it was carried out.
    fn send(&mut self, block: u16, data: &[u8]) -> (u8, u8) {
        self.transfer(0x21, DNLOAD, block, data.len() as u16, data).0.unwrap();
        assert_eq!(self.status(), (0, 4), "dfuDNBUSY");
        self.status()
    }

    fn upload(&mut self, block: u16, length: u16) -> Transferred {
        self.transfer(0xa1, UPLOAD, block, length, &[]).0
    }

    fn abort(&mut self) {
        self.transfer(0x21, ABORT, 0, 0, &[]).0.unwrap();
    }

    fn clear(&mut self) {
        self.transfer(0x21, CLRSTATUS, 0, 0, &[]).0.unwrap();
    }

    fn memory(&mut self, address: u32, bytes: usize) -> Vec<u8> {
        let mut memory = vec![0; bytes];
        self.machine.read_memory(address, &mut memory).unwrap();
        memory
    }
}

#[test]
fn the_descriptors_are_those_of_dfu_mode() {
    let mut uno = Bench::of("uno-r4-minima");
    assert_eq!(uno.descriptor(1, 0)[8..12], [0x41, 0x23, 0x69, 0x03]);
    let configuration = uno.descriptor(2, 0);
    assert_eq!(configuration.len(), usize::from(configuration[2]));
    // Download, upload, manifestation tolerant; blocks of 64 bytes; DFU 1.1.
    assert!(
        configuration.ends_with(&[9, 0x21, 7, 0xe8, 3, 64, 0, 1, 1]),
        "{configuration:x?}"
    );
    assert_eq!(uno.descriptor(3, 3).len(), 2 + 2 * 32);
    let mut st = Bench::of("stm32f4-discovery");
    assert_eq!(st.descriptor(1, 0)[8..12], [0x83, 0x04, 0x11, 0xdf]);
    assert!(st.descriptor(2, 0).ends_with(&[9, 0x21, 0x0b, 0xff, 0, 0, 8, 0x1a, 1]));
    assert_eq!(st.descriptor(3, 3).len(), 2 + 2 * 12);
    assert_eq!(
        st.transfer(0x80, GET_DESCRIPTOR, 0x0309, 255, &[]).0,
        Err(TransferFault::Stall)
    );
}

#[test]
fn arduinos_writes_pages_and_reads_the_whole_flash() {
    let mut uno = Bench::of("uno-r4-minima");
    uno.machine.write_memory(0x4800, &[0; 0x800]).unwrap();
    // The second page, block by block: nothing is written before it is whole.
    for block in 0..31 {
        assert_eq!(uno.send(32 + block, &[block as u8; 64]), (0, 5));
    }
    assert_eq!(uno.memory(0x4800, 4), [0xff; 4], "erased by its first block");
    uno.send(63, &[31; 64]);
    assert_eq!((uno.memory(0x4800, 1), uno.memory(0x4fff, 1)), (vec![0], vec![31]));
    uno.abort();
    // Uploaded blocks count from the start of the flash.
    assert_eq!(uno.upload(0x4fc0 / 64, 64).unwrap(), [31; 64]);
    // DNLOAD without data is refused in dfuIDLE.
    uno.abort();
    assert_eq!(uno.transfer(0x21, DNLOAD, 0, 0, &[]).0, Err(TransferFault::Stall));
    assert_eq!(uno.status(), (15, 10));
    uno.clear();
    assert_eq!(uno.transfer(0x21, DETACH, 1000, 0, &[]).1, Next::Start);
}

#[test]
fn arduinos_programs_only_what_is_blank() {
    let mut uno = Bench::of("uno-r4-minima");
    for block in 0..32 {
        uno.send(block, &[0x5a; 64]);
    }
    // A block within a page erases nothing, and 2 KiB of them go where the last one belongs.
    for block in 1..33 {
        let (status, _) = uno.send(block, &[0xa5; 64]);
        assert_eq!(status, 0);
    }
    assert_eq!(uno.memory(0x4000, 0x800), [0x5a; 0x800]);
}

#[test]
fn sts_commands_erase_write_and_read() {
    let mut st = Bench::of("stm32f4-discovery");
    st.machine.write_memory(0x0801_0000, &[0; 8]).unwrap();
    let at = |command: u8, address: u32| [&[command][..], &address.to_le_bytes()].concat();
    assert_eq!(st.send(0, &at(ERASE_COMMAND, 0x0801_1234)), (0, 5));
    assert_eq!(st.memory(0x0801_0000, 8), [0xff; 8]);
    assert_eq!(st.send(0, &at(SET_COMMAND, 0x0801_0000)), (0, 5));
    assert_eq!(st.send(3, b"late"), (0, 5));
    assert_eq!(st.send(2, b"soon"), (0, 5));
    assert_eq!(
        (st.memory(0x0801_0000, 4), st.memory(0x0801_0800, 4)),
        (b"soon".to_vec(), b"late".to_vec())
    );
    st.abort();
    assert_eq!(st.upload(2, 4).unwrap(), b"soon");
    st.abort();
    assert_eq!(st.upload(0, 4).unwrap(), [0, 0x21, 0x41, 0x92]);
    st.abort();
    // Where nothing is.
    assert_eq!(st.send(0, &at(SET_COMMAND, 0x7000_0000)), (1, 10));
    st.clear();
    assert_eq!(st.send(0, &at(ERASE_COMMAND, 0x0810_0000)), (1, 10));
    st.clear();
    assert_eq!(st.send(0, &[ERASE_COMMAND]), (0, 5));
    assert_eq!(st.memory(0x0801_0800, 4), [0xff; 4]);
}

const SET_COMMAND: u8 = 0x21;
const ERASE_COMMAND: u8 = 0x41;

#[test]
fn a_protected_stm32_refuses_until_it_is_erased() {
    let mut st = Bench::of("stm32f4-discovery");
    st.machine.write_memory(0x0800_0000, b"secret").unwrap();
    st.protected = true;
    assert_eq!(st.upload(2, 6), Err(TransferFault::Stall));
    assert_eq!(st.status(), (11, 10), "errVENDOR");
    st.clear();
    assert_eq!(st.send(2, b"spoilt"), (11, 10));
    st.clear();
    assert_eq!(st.send(0, &[ERASE_COMMAND]), (11, 10));
    st.clear();
    assert_eq!(st.memory(0x0800_0000, 6), b"secret");
    st.transfer(0x21, DNLOAD, 0, 1, &[0x92]).0.unwrap();
    assert_eq!(st.transfer(0xa1, GETSTATUS, 0, 6, &[]).1, Next::Again);
    assert!(!st.protected);
    assert_eq!(st.memory(0x0800_0000, 6), [0xff; 6]);
}

#[test]
fn leaving_starts_the_firmware() {
    let mut st = Bench::of("stm32f4-discovery");
    st.transfer(0x21, DNLOAD, 0, 0, &[]).0.unwrap();
    let (answer, next) = st.transfer(0xa1, GETSTATUS, 0, 6, &[]);
    assert_eq!((answer.unwrap()[4], next), (7, Next::Start));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_requests_are_survived(
        requests in proptest::collection::vec(
            (prop::sample::select(vec![0x21_u8, 0xa1, 0x80, 0x01]), 0_u8..12, any::<u16>(), 0_u16..80, any::<u8>()),
            0..60,
        ),
        is_uno in any::<bool>(),
    ) {
        let mut bench = Bench::of(if is_uno { "uno-r4-minima" } else { "stm32f4-discovery" });
        for (request_type, request, value, length, byte) in requests {
            let data = vec![byte; if request_type & 0x80 == 0 { length.into() } else { 0 }];
            if let (Ok(bytes), _) = bench.transfer(request_type, request, value, length, &data) {
                prop_assert!(bytes.len() <= length.into());
            }
        }
    }
}
