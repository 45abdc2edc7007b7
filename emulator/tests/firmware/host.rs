//! The host's end of a machine's link, in virtual time.

use drydock_emulator::{Machine, RunLimit, StopReason, VirtualTime};
use drydock_protocol::link::{Channel, Endpoint, MAX_FRAME_BYTES, Role};
use libtest_mimic::Failed;

/// How often the host looks at the line.
const STEP: VirtualTime = VirtualTime::from_ms(1);

pub(crate) struct Host {
    endpoint: Endpoint,
    /// The chip's UART that the link is on.
    uart: u8,
    log: String,
    control: Vec<u8>,
    resets: usize,
}

impl Host {
    pub(crate) fn new(epoch: u32) -> Self {
        Self {
            endpoint: Endpoint::new(Role::Host, epoch),
            uart: 0,
            log: String::new(),
            control: Vec::new(),
            resets: 0,
        }
    }

    /// The same on another UART than the first.
    pub(crate) fn on_uart(self, uart: u8) -> Self {
        Self { uart, ..self }
    }

    /// Runs the machine and this end of its link until `until`.
    pub(crate) fn run(&mut self, machine: &mut dyn Machine, until: VirtualTime) -> Result<(), Failed> {
        while machine.now() < until {
            let next = machine.now() + STEP;
            match machine.run(RunLimit::until(next.min(until)))? {
                StopReason::Deadline => {}
                reason => return Err(format!("it stopped: {reason:?}, {:?}", machine.take_faults()).into()),
            }
            self.exchange(machine)?;
        }
        Ok(())
    }

    fn exchange(&mut self, machine: &mut dyn Machine) -> Result<(), Failed> {
        let now_ms = machine.now().as_us() / 1_000;
        for output in machine.take_uart_output() {
            self.endpoint.receive(&output.bytes, now_ms);
        }
        if self.endpoint.take_reset().is_some() {
            self.resets += 1;
        }
        let mut bytes = [0; 256];
        loop {
            let count = self.endpoint.read(Channel::Log, &mut bytes);
            if count == 0 {
                break;
            }
            self.log.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        loop {
            let count = self.endpoint.read(Channel::Control, &mut bytes);
            if count == 0 {
                break;
            }
            self.control.extend(&bytes[..count]);
        }
        let mut frame = [0; MAX_FRAME_BYTES];
        loop {
            let count = self.endpoint.transmit(now_ms, &mut frame);
            if count == 0 {
                return Ok(());
            }
            let taken = machine.uart_input(self.uart, &frame[..count])?;
            assert_eq!(taken, count, "the queue has room");
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.endpoint.is_up()
    }

    /// How often the device restarted.
    pub(crate) fn resets(&self) -> usize {
        self.resets
    }

    /// All lines the device logged.
    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    /// All bytes of the control channel.
    pub(crate) fn control(&self) -> &[u8] {
        &self.control
    }
}
