//! USB/IP as its clients send it.

use drydock_emulator::cable::usbip::wire::{Command, Malformed, Request, Submit};

/// Requests and commands, alone and damaged: what is decoded survives its own bytes, takes no more bytes than there are, and
/// is not decoded from fewer.
pub fn usbip(data: &[u8]) {
    check(data, Request::decode, Request::encode);
    check(data, Command::decode, Command::encode);
    // Bytes that begin as a message does reach further.
    let Some((kind, rest)) = data.split_first() else { return };
    let submit = |is_in| Submit {
        seqnum: 1,
        device: 0x1_0002,
        endpoint: 2,
        is_in,
        flags: 0,
        length: 16,
        setup: [0; 8],
        data: vec![7; if is_in { 0 } else { 16 }],
    };
    let mut bytes = match kind % 5 {
        0 => Request::DeviceList.encode(),
        1 => Request::Import { bus_id: "1-1".into() }.encode(),
        2 => Command::Submit(submit(true)).encode(),
        3 => Command::Submit(submit(false)).encode(),
        _ => Command::Unlink { seqnum: 2, unlinks: 1 }.encode(),
    };
    for pair in rest.chunks_exact(2) {
        let at = usize::from(pair[0]) % bytes.len();
        bytes[at] ^= pair[1];
    }
    check(&bytes, Request::decode, Request::encode);
    check(&bytes, Command::decode, Command::encode);
}

type Decode<T> = fn(&[u8]) -> Result<Option<(T, usize)>, Malformed>;

fn check<T: PartialEq + std::fmt::Debug>(bytes: &[u8], decode: Decode<T>, encode: fn(&T) -> Vec<u8>) {
    let Ok(Some((message, len))) = decode(bytes) else {
        return;
    };
    assert!(len <= bytes.len(), "it takes more than there is");
    assert_eq!(decode(&bytes[..len - 1]), Ok(None), "decoded from fewer bytes");
    let again = encode(&message);
    assert_eq!(again.len(), len);
    assert_eq!(decode(&again), Ok(Some((message, len))));
}
