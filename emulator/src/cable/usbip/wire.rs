//! USB/IP 1.1.1 as bytes (Linux kernel documentation, "USB/IP protocol"). All numbers are big-endian, except in SETUP
//! packets.
//!
//! A decoder takes the bytes that have arrived so far and says how many of them a message takes. Lengths are checked
//! before their bytes are waited for.

/// The version in each OP header.
pub const VERSION: u16 = 0x0111;
/// Longest transfer: what drivers of full-speed devices ask for is far shorter.
pub const MAX_TRANSFER_BYTES: u32 = 128 * 1024;
/// Bytes of a USBIP_CMD or USBIP_RET header.
pub const HEADER_BYTES: usize = 48;

const OP_REQ_IMPORT: u16 = 0x8003;
const OP_REP_IMPORT: u16 = 0x0003;
const OP_REQ_DEVLIST: u16 = 0x8005;
const OP_REP_DEVLIST: u16 = 0x0005;
const USBIP_CMD_SUBMIT: u32 = 1;
const USBIP_CMD_UNLINK: u32 = 2;
const USBIP_RET_SUBMIT: u32 = 3;
const USBIP_RET_UNLINK: u32 = 4;

const OP_HEADER_BYTES: usize = 8;
const PATH_BYTES: usize = 256;
const BUS_ID_BYTES: usize = 32;
/// `number_of_packets` of a transfer that is not isochronous; older clients write 0.
const NOT_ISOCHRONOUS: u32 = 0xffff_ffff;
/// `USB_SPEED_FULL`.
const SPEED_FULL: u32 = 2;

/// `transfer_flags`: a transfer that ends short is an error.
pub const URB_SHORT_NOT_OK: u32 = 1;
/// `transfer_flags`: an empty packet follows a last packet that is full.
pub const URB_ZERO_PACKET: u32 = 0x40;

/// Bytes that no client may send. The connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Another version of the protocol.
    #[error("it speaks version {0:#06x} of USB/IP, not 0x0111")]
    Version(u16),
    /// An OP code that is no request.
    #[error("{0:#06x} is no request of USB/IP")]
    Request(u16),
    /// A command that is none.
    #[error("{0} is no command of USB/IP")]
    Command(u32),
    /// A bus id that is no text with an end.
    #[error("its bus id is no text")]
    BusId,
    /// A direction that is neither 0 nor 1.
    #[error("{0} is no direction")]
    Direction(u32),
    /// An endpoint above 15.
    #[error("{0} is no endpoint")]
    Endpoint(u32),
    /// A transfer above [`MAX_TRANSFER_BYTES`].
    #[error("a transfer of {0} bytes is longer than 131072")]
    Length(u32),
    /// An isochronous transfer, which no board's device has.
    #[error("it asks for an isochronous transfer")]
    Isochronous,
}

/// What a client asks for before it has imported a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// OP_REQ_DEVLIST.
    DeviceList,
    /// OP_REQ_IMPORT.
    Import {
        /// The device.
        bus_id: String,
    },
}

/// What a client asks of the imported device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// USBIP_CMD_SUBMIT.
    Submit(Submit),
    /// USBIP_CMD_UNLINK.
    Unlink {
        /// Returned with the answer.
        seqnum: u32,
        /// The transfer that is to end.
        unlinks: u32,
    },
}

/// A transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Returned with the answer.
    pub seqnum: u32,
    /// `devid`: the device as the answer to the import has named it.
    pub device: u32,
    /// 0 to 15.
    pub endpoint: u8,
    /// From device to host.
    pub is_in: bool,
    /// `transfer_flags`.
    pub flags: u32,
    /// Bytes that the host takes; those in `data` for a transfer to the device.
    pub length: u32,
    /// SETUP packet of a control transfer.
    pub setup: [u8; 8],
    /// Bytes to the device.
    pub data: Vec<u8>,
}

/// The fields of a message, from its first byte on.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }
}

impl Request {
    /// The request at the beginning of `bytes`, and how many of them it takes. `None`: more must arrive.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        if bytes.len() < OP_HEADER_BYTES {
            return Ok(None);
        }
        let fields = Fields(bytes);
        // The status of a request says nothing.
        match (fields.u16(0), fields.u16(2)) {
            (VERSION, OP_REQ_DEVLIST) => Ok(Some((Self::DeviceList, OP_HEADER_BYTES))),
            (VERSION, OP_REQ_IMPORT) => {
                let end = OP_HEADER_BYTES + BUS_ID_BYTES;
                let Some(bus_id) = bytes.get(OP_HEADER_BYTES..end) else {
                    return Ok(None);
                };
                let length = bus_id.iter().position(|byte| *byte == 0).ok_or(Malformed::BusId)?;
                let bus_id = std::str::from_utf8(&bus_id[..length]).map_err(|_| Malformed::BusId)?;
                let bus_id = bus_id.to_owned();
                Ok(Some((Self::Import { bus_id }, end)))
            }
            (VERSION, code) => Err(Malformed::Request(code)),
            (version, _) => Err(Malformed::Version(version)),
        }
    }

    /// The bytes that a client sends, for tests of the other end. A bus id has at most 31 bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::DeviceList => op_header(OP_REQ_DEVLIST, 0),
            Self::Import { bus_id } => {
                let mut bytes = op_header(OP_REQ_IMPORT, 0);
                put_text(&mut bytes, bus_id, BUS_ID_BYTES);
                bytes
            }
        }
    }
}

impl Command {
    /// The command at the beginning of `bytes`, and how many of them it takes. `None`: more must arrive.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Ok(None);
        };
        let fields = Fields(header);
        let seqnum = fields.u32(4);
        match fields.u32(0) {
            USBIP_CMD_UNLINK => {
                let unlinks = fields.u32(20);
                Ok(Some((Self::Unlink { seqnum, unlinks }, HEADER_BYTES)))
            }
            USBIP_CMD_SUBMIT => {
                let is_in = match fields.u32(12) {
                    0 => false,
                    1 => true,
                    direction => return Err(Malformed::Direction(direction)),
                };
                let endpoint = match u8::try_from(fields.u32(16)) {
                    Ok(endpoint @ 0..16) => endpoint,
                    _ => return Err(Malformed::Endpoint(fields.u32(16))),
                };
                let length = fields.u32(24);
                if length > MAX_TRANSFER_BYTES {
                    return Err(Malformed::Length(length));
                }
                if !matches!(fields.u32(32), 0 | NOT_ISOCHRONOUS) {
                    return Err(Malformed::Isochronous);
                }
                let end = HEADER_BYTES + if is_in { 0 } else { length as usize };
                let Some(data) = bytes.get(HEADER_BYTES..end) else {
                    return Ok(None);
                };
                let mut setup = [0; 8];
                setup.copy_from_slice(&header[40..]);
                let submit = Submit {
                    seqnum,
                    device: fields.u32(8),
                    endpoint,
                    is_in,
                    flags: fields.u32(20),
                    length,
                    setup,
                    data: data.to_vec(),
                };
                Ok(Some((Self::Submit(submit), end)))
            }
            command => Err(Malformed::Command(command)),
        }
    }

    /// The bytes that a client sends, for tests of the other end.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Unlink { seqnum, unlinks } => {
                let mut bytes = header([USBIP_CMD_UNLINK, *seqnum, 0, 0, 0, *unlinks, 0, 0, 0, 0]);
                bytes.resize(HEADER_BYTES, 0);
                bytes
            }
            Self::Submit(submit) => {
                let mut bytes = header([
                    USBIP_CMD_SUBMIT,
                    submit.seqnum,
                    submit.device,
                    u32::from(submit.is_in),
                    u32::from(submit.endpoint),
                    submit.flags,
                    submit.length,
                    0,
                    NOT_ISOCHRONOUS,
                    0,
                ]);
                bytes.extend(submit.setup);
                bytes.extend(&submit.data);
                bytes
            }
        }
    }
}

/// Status in the answer to an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStatus {
    /// `ST_NA`: there is no device now.
    Unavailable = 1,
    /// `ST_DEV_BUSY`: another client has it.
    Busy = 2,
    /// `ST_NODEV`: there is no such bus id.
    Unknown = 4,
}

/// A device as lists and imports describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Path on the exporting host; clients only show it.
    pub path: String,
    /// The name by which clients import it.
    pub bus_id: String,
    /// The bus, and the device's address there.
    pub address: (u16, u16),
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// bcdDevice.
    pub release: u16,
    /// bDeviceClass, bDeviceSubClass, bDeviceProtocol.
    pub class: [u8; 3],
    /// bConfigurationValue.
    pub configuration: u8,
    /// bNumConfigurations.
    pub configurations: u8,
    /// Class, subclass and protocol of each interface.
    pub interfaces: Vec<[u8; 3]>,
}

impl DeviceEntry {
    fn put(&self, bytes: &mut Vec<u8>) {
        put_text(bytes, &self.path, PATH_BYTES);
        put_text(bytes, &self.bus_id, BUS_ID_BYTES);
        for number in [u32::from(self.address.0), u32::from(self.address.1), SPEED_FULL] {
            bytes.extend(number.to_be_bytes());
        }
        for number in [self.vendor, self.product, self.release] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(self.class);
        bytes.extend([self.configuration, self.configurations, self.interface_count()]);
    }

    fn interface_count(&self) -> u8 {
        u8::try_from(self.interfaces.len()).unwrap_or(u8::MAX)
    }
}

/// OP_REP_DEVLIST.
pub fn device_list(devices: &[DeviceEntry]) -> Vec<u8> {
    let mut bytes = op_header(OP_REP_DEVLIST, 0);
    bytes.extend((devices.len() as u32).to_be_bytes());
    for device in devices {
        device.put(&mut bytes);
        let listed = device.interfaces.iter().take(usize::from(device.interface_count()));
        for [class, subclass, protocol] in listed {
            bytes.extend([*class, *subclass, *protocol, 0]);
        }
    }
    bytes
}

/// OP_REP_IMPORT.
pub fn import(device: Result<&DeviceEntry, ImportStatus>) -> Vec<u8> {
    match device {
        Ok(device) => {
            let mut bytes = op_header(OP_REP_IMPORT, 0);
            device.put(&mut bytes);
            bytes
        }
        Err(status) => op_header(OP_REP_IMPORT, status as u32),
    }
}

/// An answer to a [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// USBIP_RET_SUBMIT.
    Submit {
        /// The transfer's.
        seqnum: u32,
        /// 0, or a negative error number of Linux.
        status: i32,
        /// Bytes that were transferred.
        actual: u32,
        /// The bytes of a transfer to the host.
        data: Vec<u8>,
    },
    /// USBIP_RET_UNLINK.
    Unlink {
        /// The command's.
        seqnum: u32,
        /// 0 if the transfer was over before, else a negative error number of Linux.
        status: i32,
        /// The transfer that ended.
        unlinked: u32,
    },
}

impl Reply {
    /// The bytes that a client receives.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = match self {
            Self::Submit {
                seqnum, status, actual, ..
            } => header([USBIP_RET_SUBMIT, *seqnum, 0, 0, 0, *status as u32, *actual, 0, 0, 0]),
            Self::Unlink { seqnum, status, .. } => {
                header([USBIP_RET_UNLINK, *seqnum, 0, 0, 0, *status as u32, 0, 0, 0, 0])
            }
        };
        bytes.resize(HEADER_BYTES, 0);
        if let Self::Submit { data, .. } = self {
            bytes.extend(data);
        }
        bytes
    }
}

fn op_header(code: u16, status: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(OP_HEADER_BYTES + PATH_BYTES + BUS_ID_BYTES + 24);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend(code.to_be_bytes());
    bytes.extend(status.to_be_bytes());
    bytes
}

fn header(words: [u32; 10]) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// A text in a field of fixed length, with a zero behind it.
fn put_text(bytes: &mut Vec<u8>, text: &str, field: usize) {
    let end = bytes.len() + field;
    bytes.extend(text.bytes().take(field - 1));
    bytes.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pairs = digits.chunks_exact(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    /// The traces in the kernel's documentation, with other ids in them.
    #[test]
    fn messages_are_those_of_the_documentation() {
        assert_eq!(
            Request::decode(&hex("0111 8005 00000000")),
            Ok(Some((Request::DeviceList, 8)))
        );
        let mut import = hex("0111 8003 00000000 312d3100");
        import.resize(40, 0);
        let bus_id = "1-1".to_owned();
        assert_eq!(Request::decode(&import), Ok(Some((Request::Import { bus_id }, 40))));
        // GET_DESCRIPTOR of 64 bytes on endpoint 0, seqnum 0xd05.
        let submit = hex(
            "00000001 00000d05 0001000f 00000001 00000000 00000200 00000040 ffffffff 00000000 00000004 \
                          8006000100004000",
        );
        let expected = Submit {
            seqnum: 0xd05,
            device: 0x1_000f,
            endpoint: 0,
            is_in: true,
            flags: 0x200,
            length: 64,
            setup: [0x80, 6, 0, 1, 0, 0, 0x40, 0],
            data: Vec::new(),
        };
        assert_eq!(Command::decode(&submit), Ok(Some((Command::Submit(expected), 48))));
        let mut unlink = hex("00000002 00000d1e 0001000f 00000000 00000000 00000d05");
        unlink.resize(48, 0);
        let expected = Command::Unlink {
            seqnum: 0xd1e,
            unlinks: 0xd05,
        };
        assert_eq!(Command::decode(&unlink), Ok(Some((expected, 48))));
        let reply = Reply::Submit {
            seqnum: 0xd05,
            status: 0,
            actual: 2,
            data: vec![0x12, 1],
        };
        let expected = hex(
            "00000003 00000d05 00000000 00000000 00000000 00000000 00000002 00000000 00000000 00000000 \
                            0000000000000000 1201",
        );
        assert_eq!(reply.encode(), expected);
        let reply = Reply::Unlink {
            seqnum: 0xd1e,
            status: -104,
            unlinked: 0xd05,
        };
        assert_eq!(
            &reply.encode()[..24],
            hex("00000004 00000d1e 00000000 00000000 00000000 ffffff98")
        );
        assert_eq!(reply.encode().len(), HEADER_BYTES);
    }

    #[test]
    fn a_device_has_its_fields_where_clients_look() {
        let device = DeviceEntry {
            path: "/drydock".into(),
            bus_id: "1-1".into(),
            address: (1, 2),
            vendor: 0x2341,
            product: 0x805a,
            release: 0x100,
            class: [2, 0, 0],
            configuration: 1,
            configurations: 1,
            interfaces: vec![[2, 2, 0], [10, 0, 0]],
        };
        let imported = import(Ok(&device));
        assert_eq!(imported.len(), 8 + 312);
        assert_eq!(&imported[8 + 256..8 + 260], b"1-1\0");
        let fields = hex("00000001 00000002 00000002 2341 805a 0100 02 00 00 01 01 02");
        assert_eq!(&imported[8 + 288..], fields);
        let list = device_list(&[device]);
        assert_eq!(&list[..12], hex("0111 0005 00000000 00000001"));
        assert_eq!(&list[12..12 + 312], &imported[8..]);
        assert_eq!(&list[12 + 312..], hex("02020000 0a000000"));
        assert_eq!(device_list(&[]), hex("0111 0005 00000000 00000000"));
        assert_eq!(import(Err(ImportStatus::Busy)), hex("0111 0003 00000002"));
    }

    #[test]
    fn what_no_client_may_send_is_refused_before_its_data_come() {
        let submit = |at: usize, word: u32| {
            let mut bytes = header([USBIP_CMD_SUBMIT, 1, 2, 0, 2, 0, 4, 0, 0, 0]);
            bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
            bytes.resize(HEADER_BYTES, 0);
            Command::decode(&bytes).unwrap_err()
        };
        assert_eq!(submit(0, 3), Malformed::Command(3));
        assert_eq!(submit(12, 2), Malformed::Direction(2));
        assert_eq!(submit(16, 0x102), Malformed::Endpoint(0x102));
        assert_eq!(submit(24, 131_073), Malformed::Length(131_073));
        assert_eq!(submit(24, u32::MAX), Malformed::Length(u32::MAX));
        assert_eq!(submit(32, 1), Malformed::Isochronous);
        let request = |text| Request::decode(&hex(text)).unwrap_err();
        assert_eq!(request("0106 8005 00000000"), Malformed::Version(0x106));
        assert_eq!(request("0111 0005 00000000"), Malformed::Request(5));
        let mut endless = hex("0111 8003 00000000");
        endless.resize(40, b'1');
        assert_eq!(Request::decode(&endless), Err(Malformed::BusId));
        assert_eq!(
            Malformed::Length(1).to_string(),
            format!("a transfer of 1 bytes is longer than {MAX_TRANSFER_BYTES}")
        );
    }

    prop_compose! {
        fn any_submit()(
            words in any::<[u32; 3]>(), endpoint in 0..16_u8, is_in: bool, setup: [u8; 8],
            data in proptest::collection::vec(any::<u8>(), 0..300), length in 0..=MAX_TRANSFER_BYTES,
        ) -> Submit {
            let [seqnum, device, flags] = words;
            let (length, data) = if is_in { (length, Vec::new()) } else { (data.len() as u32, data) };
            Submit { seqnum, device, endpoint, is_in, flags, length, setup, data }
        }
    }

    proptest! {
        #[test]
        fn commands_survive_their_bytes(submit in any_submit(), more in proptest::collection::vec(any::<u8>(), 0..60)) {
            let command = Command::Submit(submit);
            let mut bytes = command.encode();
            let len = bytes.len();
            for cut in [0, 1, HEADER_BYTES - 1, len - 1] {
                prop_assert_eq!(Command::decode(&bytes[..cut]), Ok(None));
            }
            bytes.extend(more);
            prop_assert_eq!(Command::decode(&bytes), Ok(Some((command, len))));
        }

        #[test]
        fn requests_survive_their_bytes(bus_id in "[ -~]{0,31}") {
            for request in [Request::DeviceList, Request::Import { bus_id: bus_id.clone() }] {
                let bytes = request.encode();
                prop_assert_eq!(Request::decode(&bytes[..bytes.len() - 1]), Ok(None));
                let len = bytes.len();
                prop_assert_eq!(Request::decode(&bytes), Ok(Some((request, len))));
            }
        }

        #[test]
        fn any_bytes_are_a_message_or_an_error(
            submit in any_submit(), at in 0..HEADER_BYTES, byte: u8, cut in 0..400_usize,
            noise in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            let _ = (Request::decode(&noise), Command::decode(&noise));
            let mut bytes = Command::Submit(submit).encode();
            bytes[at] = byte;
            bytes.truncate(cut);
            if let Ok(Some((_, len))) = Command::decode(&bytes) {
                prop_assert!(len <= bytes.len());
            }
        }
    }
}
