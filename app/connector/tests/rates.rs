//! The driver over a wire whose two ends have a baud rate each, in tokio's paused time: bytes arrive whole only while the
//! rates agree.
#![allow(clippy::unwrap_used)]

use drydock_connector::{LinkDriver, LinkEvent, RateControl, Rates};
use drydock_protocol::{
    control::{FromDevice, FromHost},
    framing,
    link::{Channel, Endpoint, MAX_FRAME_BYTES, RateWatch, Role},
};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split},
    time::Instant,
};

const FIRST: u32 = 115_200;

/// What the two ends of the wire are set to, and what the wire carries.
#[derive(Debug)]
struct Wire {
    host: AtomicU32,
    device: AtomicU32,
    /// Above this rate every byte is damaged.
    carries: AtomicU32,
    /// The host's adapter refuses rates above this one.
    adapter: u32,
    /// Every rate that the host's end was set to.
    set: std::sync::Mutex<Vec<u32>>,
}

impl Wire {
    fn new(carries: u32, adapter: u32) -> Arc<Self> {
        Arc::new(Self {
            host: AtomicU32::new(FIRST),
            device: AtomicU32::new(FIRST),
            carries: AtomicU32::new(carries),
            adapter,
            set: std::sync::Mutex::default(),
        })
    }

    fn is_whole(&self) -> bool {
        let host = self.host.load(Ordering::SeqCst);
        host == self.device.load(Ordering::SeqCst) && host <= self.carries.load(Ordering::SeqCst)
    }

    /// Carries bytes one way until an end is gone.
    async fn carry(self: Arc<Self>, mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = [0; 256];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            if !self.is_whole() {
                for byte in &mut bytes[..count] {
                    noise ^= noise << 13;
                    noise ^= noise >> 7;
                    noise ^= noise << 17;
                    *byte ^= (noise >> 32) as u8 | 1;
                }
            }
            if to.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    }
}

struct Adapter(Arc<Wire>);

impl RateControl for Adapter {
    fn set_baud(&self, baud: u32) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>> {
        Box::pin(async move {
            if baud > self.0.adapter {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            self.0.set.lock().unwrap().push(baud);
            self.0.host.store(baud, Ordering::SeqCst);
            Ok(())
        })
    }
}

/// A device that agrees to some rates and sends a log line each second.
async fn device(mut stream: DuplexStream, wire: Arc<Wire>, rates: &'static [u32], epoch: u32) {
    let begin = Instant::now();
    let mut endpoint = Endpoint::new(Role::Device, epoch);
    let mut control = framing::Reader::new();
    let mut agreed = None;
    let mut watch: Option<RateWatch> = None;
    let mut next_line_ms = 0;
    let mut received = 0;
    loop {
        let now_ms = begin.elapsed().as_millis() as u64;
        endpoint.take_reset();
        let mut byte = [0];
        while endpoint.read(Channel::Control, &mut byte) > 0 {
            let Some(message) = control.next(&mut &byte[..]).unwrap() else {
                continue;
            };
            if let FromHost::LinkRate(baud) = minicbor::decode(message).unwrap()
                && rates.contains(&baud)
            {
                let answer = minicbor::to_vec(FromDevice::LinkRate(baud)).unwrap();
                endpoint.write(Channel::Control, &framing::framed(&answer).unwrap());
                agreed = Some(baud);
            }
        }
        if now_ms >= next_line_ms {
            next_line_ms = now_ms + 1_000;
            endpoint.write(Channel::Log, b"tick\n");
        }
        let mut frame = [0; MAX_FRAME_BYTES];
        let len = endpoint.transmit(now_ms, &mut frame);
        if len > 0 {
            if stream.write_all(&frame[..len]).await.is_err() {
                return;
            }
            continue;
        }
        if let Some(baud) = agreed.take() {
            // The wire passes on what was sent at the old rate.
            tokio::time::sleep(Duration::from_millis(2)).await;
            wire.device.store(baud, Ordering::SeqCst);
            watch = Some(RateWatch::new(endpoint.stats(), now_ms, 1_000, Some(30_000)));
        }
        if let Some(rate) = &mut watch
            && !rate.is_good(std::mem::take(&mut received), endpoint.stats(), now_ms)
        {
            watch = None;
            wire.device.store(FIRST, Ordering::SeqCst);
        }
        let deadlines = [endpoint.next_timeout_ms(), watch.and_then(|watch| watch.deadline_ms())];
        let wake_ms = deadlines
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(u64::MAX)
            .min(next_line_ms);
        let mut bytes = [0; 200];
        tokio::select! {
            read = stream.read(&mut bytes) => match read {
                Ok(count @ 1..) => {
                    received += count;
                    endpoint.receive(&bytes[..count], begin.elapsed().as_millis() as u64);
                }
                _ => return,
            },
            () = tokio::time::sleep_until(begin + Duration::from_millis(wake_ms.max(now_ms + 1))) => {}
        }
    }
}

struct Rig {
    wire: Arc<Wire>,
    driver: LinkDriver,
    tasks: tokio::task::JoinSet<()>,
    board: tokio::task::AbortHandle,
}

fn rig(wire: Arc<Wire>, fastest: u32, rates: &'static [u32]) -> Rig {
    let (host, host_end) = tokio::io::duplex(256);
    let (board, board_end) = tokio::io::duplex(256);
    let (from_host, to_host) = split(host_end);
    let (from_board, to_board) = split(board_end);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(wire.clone().carry(from_host, to_board));
    tasks.spawn(wire.clone().carry(from_board, to_host));
    let board = tasks.spawn(device(board, wire.clone(), rates, 8));
    let rates = Rates {
        first: FIRST,
        fastest,
        control: Box::new(Adapter(wire.clone())),
    };
    Rig {
        driver: LinkDriver::spawn_with_rates(host, 7, rates),
        wire,
        tasks,
        board,
    }
}

impl Rig {
    /// The next change of the rate.
    async fn rate(&mut self) -> (u32, Option<u32>) {
        let search = async {
            loop {
                if let LinkEvent::Rate { baud, given_up } = self.driver.next().await.unwrap() {
                    return (baud, given_up);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), search).await.unwrap()
    }

    /// Waits for lines of the device, which it sends each second.
    async fn lines(&mut self, mut count: u32) {
        let lines = async {
            while count > 0 {
                if let LinkEvent::Log(line) = self.driver.next().await.unwrap() {
                    assert_eq!(line, "tick");
                    count -= 1;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), lines).await.unwrap();
    }

    fn baud(&self) -> Option<u32> {
        self.driver.handle().stats().baud
    }
}

#[tokio::test(start_paused = true)]
async fn the_highest_common_rate_is_agreed_and_the_link_goes_on() {
    let mut rig = rig(Wire::new(u32::MAX, u32::MAX), 2_000_000, &[1_000_000, 500_000]);
    // The device does not know 2,000,000 and 1,500,000.
    assert_eq!(rig.rate().await, (1_000_000, None));
    assert_eq!(rig.baud(), Some(1_000_000));
    rig.lines(20).await;
    assert_eq!(*rig.wire.set.lock().unwrap(), [1_000_000]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_the_cable_does_not_carry_is_given_up_for_a_lower_one() {
    let mut rig = rig(Wire::new(600_000, u32::MAX), 1_000_000, &[1_000_000, 500_000]);
    assert_eq!(rig.rate().await, (FIRST, Some(1_000_000)));
    assert_eq!(rig.rate().await, (500_000, None));
    rig.lines(20).await;
    assert_eq!(*rig.wire.set.lock().unwrap(), [1_000_000, FIRST, 500_000]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_the_adapter_refuses_leaves_the_link_as_it_was() {
    let mut rig = rig(Wire::new(u32::MAX, 250_000), 1_000_000, &[1_000_000]);
    rig.lines(20).await;
    assert_eq!(rig.baud(), Some(FIRST));
    // The adapter was set back, and refused the only rate that the device has.
    assert_eq!(*rig.wire.set.lock().unwrap(), [FIRST]);
    assert_eq!(rig.wire.device.load(Ordering::SeqCst), FIRST);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_restarts_is_found_at_the_first_rate_and_agrees_again() {
    let mut rig = rig(Wire::new(u32::MAX, u32::MAX), 1_000_000, &[1_000_000]);
    assert_eq!(rig.rate().await, (1_000_000, None));
    // As after a reset; to the host it makes no difference that the device still knows its epoch.
    rig.wire.device.store(FIRST, Ordering::SeqCst);
    assert_eq!(rig.rate().await, (FIRST, Some(1_000_000)));
    assert_eq!(rig.rate().await, (1_000_000, None));
    rig.lines(5).await;
}

#[tokio::test(start_paused = true)]
async fn a_cable_that_becomes_worse_falls_back_and_the_device_comes_along() {
    let mut rig = rig(Wire::new(u32::MAX, u32::MAX), 1_000_000, &[1_000_000]);
    assert_eq!(rig.rate().await, (1_000_000, None));
    rig.wire.carries.store(200_000, Ordering::SeqCst);
    assert_eq!(rig.rate().await, (FIRST, Some(1_000_000)));
    // It had carried: it is tried once more.
    assert_eq!(rig.rate().await, (FIRST, Some(1_000_000)));
    rig.lines(15).await;
    assert!(!rig.board.is_finished());
    assert_eq!(rig.wire.host.load(Ordering::SeqCst), FIRST);
    rig.tasks.abort_all();
}

#[tokio::test(start_paused = true)]
async fn a_host_that_starts_anew_finds_a_device_at_another_rate() {
    let wire = Wire::new(u32::MAX, u32::MAX);
    let mut first = rig(wire.clone(), 1_000_000, &[1_000_000]);
    assert_eq!(first.rate().await, (1_000_000, None));
    // The host is killed: the next one opens the port at the first rate.
    wire.host.store(FIRST, Ordering::SeqCst);
    wire.set.lock().unwrap().clear();
    // What the driver knows stays; its bytes are noise to the device, which comes back.
    assert_eq!(first.rate().await, (FIRST, Some(1_000_000)));
    first.lines(2).await;
}
