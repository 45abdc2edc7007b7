//! A virtual board: the other end of a pseudo-terminal, and what its DTR and RTS were set to.

use drydock_hardware::port::{ModemLines, PluggedPort, Port, Ports, Topology, UsbIdentity, VirtualPort};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetattr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

pub(crate) struct Board {
    main: File,
    port: Port,
    lines: Arc<Lines>,
}

#[derive(Default)]
struct Lines(Mutex<Vec<(bool, bool)>>);

impl ModemLines for Lines {
    fn set(&self, dtr: bool, rts: bool) -> io::Result<()> {
        self.0.lock().unwrap().push((dtr, rts));
        Ok(())
    }
}

impl Board {
    /// A Nano 33 BLE.
    pub(crate) fn new(topology: &str) -> Self {
        let main = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&main).unwrap();
        unlockpt(&main).unwrap();
        let path = ptsname(&main, Vec::new()).unwrap().into_string().unwrap();
        let port = Port {
            path,
            topology: Some(Topology::new(topology)),
            usb: Some(UsbIdentity {
                vendor: 0x2341,
                product: 0x805a,
                serial: None,
                manufacturer: None,
                product_name: None,
            }),
            is_virtual: false,
        };
        Self {
            main: main.into(),
            port,
            lines: Arc::default(),
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.port.path
    }

    pub(crate) fn plug(&self, ports: &Ports) -> PluggedPort {
        let (port, lines) = (self.port.clone(), self.lines.clone());
        ports.plug_virtual(VirtualPort { port, lines })
    }

    pub(crate) fn baud(&self) -> u32 {
        tcgetattr(&self.main).unwrap().output_speed()
    }

    /// What the lines were set to since this was last asked, as (DTR, RTS).
    pub(crate) fn take_lines(&self) -> Vec<(bool, bool)> {
        std::mem::take(&mut self.lines.0.lock().unwrap())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.main.write_all(bytes).unwrap();
    }

    pub(crate) fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.main.read_exact(&mut bytes).unwrap();
        bytes
    }
}
