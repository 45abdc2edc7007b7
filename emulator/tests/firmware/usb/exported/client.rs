//! A USB/IP client that knows the protocol from its documentation, with and without manners.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use drydock_emulator::cable::usbip::wire::{Command, Request, Submit};
use libtest_mimic::Failed;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// `devid` of an imported device: its bus and its number there.
pub(super) const DEVICE: u32 = 0x1_0002;

pub(super) struct Client {
    stream: TcpStream,
    inbox: Vec<u8>,
    seqnum: u32,
    /// Whether the transfers that are not answered are from the device.
    pending: HashMap<u32, bool>,
}

/// An answer of the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Submit { seqnum: u32, status: i32, data: Vec<u8> },
    Unlink { seqnum: u32, status: i32 },
}

/// A device as the answer to an import describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Imported {
    pub(super) vendor: u16,
    pub(super) product: u16,
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            inbox: Vec::new(),
            seqnum: 0,
            pending: HashMap::new(),
        })
    }

    /// With the device imported.
    pub(super) fn attach(address: SocketAddr) -> Result<(Self, Imported), Failed> {
        let mut client = Self::connect(address)?;
        match client.import("1-1")? {
            Ok(imported) => Ok((client, imported)),
            Err(status) => Err(format!("the import was refused with {status}").into()),
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads more; false if the other end has closed the connection, or nothing came in `time`.
    fn fill(&mut self, time: Duration) -> Result<bool, Failed> {
        self.stream.set_read_timeout(Some(time))?;
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.inbox.extend(&bytes[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, count: usize) -> Result<Vec<u8>, Failed> {
        while self.inbox.len() < count {
            if !self.fill(PATIENCE)? {
                return Err(format!("only {} of {count} bytes came", self.inbox.len()).into());
            }
        }
        Ok(self.inbox.drain(..count).collect())
    }

    /// Waits until the other end closes the connection.
    pub(super) fn is_hung_up(&mut self) -> Result<(), Failed> {
        let started = Instant::now();
        while self.fill(PATIENCE)? {}
        match started.elapsed() < PATIENCE {
            true => Ok(()),
            false => Err("the connection did not end".into()),
        }
    }

    /// Ids of the devices in the list.
    pub(super) fn list(mut self) -> Result<Vec<(u16, u16)>, Failed> {
        self.send(&Request::DeviceList.encode())?;
        let head = self.take(12)?;
        assert_eq!(head[..8], [1, 0x11, 0, 5, 0, 0, 0, 0]);
        let mut ids = Vec::new();
        for _ in 0..word(&head, 8) {
            let device = self.take(312)?;
            assert_eq!(&device[256..260], b"1-1\0");
            self.take(4 * usize::from(device[311]))?;
            ids.push((half(&device, 300), half(&device, 302)));
        }
        self.is_hung_up()?;
        Ok(ids)
    }

    /// Imports a device, or says with which status that was refused.
    pub(super) fn import(&mut self, bus_id: &str) -> Result<Result<Imported, u32>, Failed> {
        let bus_id = bus_id.to_owned();
        self.send(&Request::Import { bus_id }.encode())?;
        let head = self.take(8)?;
        assert_eq!(head[..4], [1, 0x11, 0, 3]);
        let status = word(&head, 4);
        if status != 0 {
            return Ok(Err(status));
        }
        let device = self.take(312)?;
        assert_eq!(word(&device, 288) << 16 | word(&device, 292), DEVICE);
        assert_eq!(word(&device, 296), 2, "full speed");
        Ok(Ok(Imported {
            vendor: half(&device, 300),
            product: half(&device, 302),
        }))
    }

    /// Submits a transfer; returns its number.
    pub(super) fn submit(&mut self, mut submit: Submit) -> Result<u32, Failed> {
        self.seqnum += 1;
        submit.seqnum = self.seqnum;
        self.pending.insert(submit.seqnum, submit.is_in);
        self.send(&Command::Submit(submit).encode())?;
        Ok(self.seqnum)
    }

    pub(super) fn unlink(&mut self, unlinks: u32) -> Result<u32, Failed> {
        self.seqnum += 1;
        let seqnum = self.seqnum;
        self.send(&Command::Unlink { seqnum, unlinks }.encode())?;
        Ok(seqnum)
    }

    /// The next answer, if one comes in `time`.
    pub(super) fn reply_within(&mut self, time: Duration) -> Result<Option<Reply>, Failed> {
        while self.inbox.len() < 48 {
            if !self.fill(time)? {
                return Ok(None);
            }
        }
        let head = self.take(48)?;
        let (seqnum, status) = (word(&head, 4), word(&head, 20) as i32);
        match word(&head, 0) {
            3 => {
                let is_in = self.pending.remove(&seqnum).ok_or("an answer to nothing")?;
                let length = if is_in { word(&head, 24) as usize } else { 0 };
                let data = self.take(length)?;
                Ok(Some(Reply::Submit { seqnum, status, data }))
            }
            4 => Ok(Some(Reply::Unlink { seqnum, status })),
            other => Err(format!("{other} is no answer").into()),
        }
    }

    pub(super) fn reply(&mut self) -> Result<Reply, Failed> {
        let begin = Instant::now();
        self.reply_within(PATIENCE)?
            .ok_or_else(|| match begin.elapsed() < PATIENCE {
                true => "the connection ended instead of an answer".into(),
                false => "no answer came".into(),
            })
    }

    /// A control transfer: the data of a read, or the error number.
    pub(super) fn control(&mut self, setup: [u8; 8], data: &[u8]) -> Result<Result<Vec<u8>, i32>, Failed> {
        let wanted = self.submit(control(setup, data))?;
        match self.reply()? {
            Reply::Submit { seqnum, status, data } if seqnum == wanted => Ok(match status {
                0 => Ok(data),
                error => Err(error),
            }),
            other => Err(format!("{other:?} instead of the answer to {setup:x?}").into()),
        }
    }

    /// A control transfer that must succeed.
    pub(super) fn ask(&mut self, setup: [u8; 8], data: &[u8]) -> Result<Vec<u8>, Failed> {
        let answer = self.control(setup, data)?;
        answer.map_err(|status| format!("{setup:x?} failed with {status}").into())
    }

    /// A string descriptor.
    pub(super) fn string(&mut self, index: u8) -> Result<String, Failed> {
        let read = self.ask([0x80, 6, index, 3, 9, 4, 255, 0], &[])?;
        let units: Vec<u16> = read[2..]
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        Ok(String::from_utf16(&units)?)
    }

    /// As a driver begins: configures the device and opens the port at `baud`, or closes it.
    pub(super) fn open(&mut self, baud: u32, dtr: bool) -> Result<(), Failed> {
        self.ask([0, 9, 1, 0, 0, 0, 0, 0], &[])?;
        self.set_line(baud, dtr)
    }

    pub(super) fn set_line(&mut self, baud: u32, dtr: bool) -> Result<(), Failed> {
        let [b0, b1, b2, b3] = baud.to_le_bytes();
        self.ask([0x21, 0x20, 0, 0, 0, 0, 7, 0], &[b0, b1, b2, b3, 0, 0, 8])?;
        self.ask([0x21, 0x22, u8::from(dtr), 0, 0, 0, 0, 0], &[])?;
        Ok(())
    }

    /// Bytes to the bulk endpoint, and the bytes that answer: at least one.
    pub(super) fn converse(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Failed> {
        self.submit(bulk_in(512))?;
        self.submit(bulk_out(bytes))?;
        let mut answer = Vec::new();
        for _ in 0..2 {
            match self.reply()? {
                Reply::Submit { status: 0, data, .. } => answer.extend(data),
                other => return Err(format!("{other:?}").into()),
            }
        }
        Ok(answer)
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn transfer(endpoint: u8, is_in: bool, length: u32, setup: [u8; 8], data: &[u8]) -> Submit {
    Submit {
        seqnum: 0,
        device: DEVICE,
        endpoint,
        is_in,
        flags: 0,
        length,
        setup,
        data: data.to_vec(),
    }
}

pub(super) fn control(setup: [u8; 8], data: &[u8]) -> Submit {
    let length = u32::from(u16::from_le_bytes([setup[6], setup[7]]));
    transfer(0, setup[0] & 0x80 != 0, length, setup, data)
}

pub(super) fn bulk_in(length: u32) -> Submit {
    transfer(2, true, length, [0; 8], &[])
}

pub(super) fn bulk_out(bytes: &[u8]) -> Submit {
    transfer(2, false, bytes.len() as u32, [0; 8], bytes)
}
