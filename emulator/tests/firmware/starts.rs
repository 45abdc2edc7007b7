//! Many starts on a runner while the host is busy: each must end with the link up, regardless of the timing of the
//! host's bytes and the workers' turns.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, Runner, UartPort};
use drydock_emulator::{Image, Machine};
use drydock_protocol::link::{Endpoint, MAX_FRAME_BYTES, Role};
use libtest_mimic::Failed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// No start takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Machines that start at once.
const AT_ONCE: usize = 4;

/// Creates a machine with the image, from a seed.
type PowerOn = fn(&Image, u8) -> Result<Box<dyn Machine>, Failed>;

/// Starts machines, made by `power_on` from a seed, in rounds.
pub(crate) fn start_many(image: &Image, rounds: u32, power_on: PowerOn) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let runner = Runner::with_workers(NonZeroUsize::MIN)?;
    let busy = Busy::start(3);
    for round in 0..rounds {
        let mut started = Vec::new();
        for index in 0..AT_ONCE as u32 {
            let number = round * AT_ONCE as u32 + index;
            let machine = power_on(image, number as u8)?;
            let options = RunOptions {
                name: format!("start {number}"),
                pace: Pace::Max,
                paused: true,
            };
            let handle = runner.add(machine, options);
            let port = handle.uart(0)?;
            handle.resume();
            started.push((handle, runtime.spawn(meet(port, number))));
        }
        for (handle, met) in started {
            if !runtime.block_on(met)? {
                return Err(silent(&handle).into());
            }
        }
    }
    drop(busy);
    Ok(())
}

/// The host's end of a link, on the host's clock, until it is up; false if it does not come up.
async fn meet(port: UartPort, epoch: u32) -> bool {
    let (mut from_device, mut to_device) = tokio::io::split(port);
    let mut link = Endpoint::new(Role::Host, epoch + 1);
    let began = Instant::now();
    let mut bytes = [0; 512];
    let mut frame = [0; MAX_FRAME_BYTES];
    while !link.is_up() {
        if began.elapsed() > PATIENCE {
            return false;
        }
        let now_ms = || began.elapsed().as_millis() as u64;
        loop {
            let count = link.transmit(now_ms(), &mut frame);
            if count == 0 {
                break;
            }
            if to_device.write_all(&frame[..count]).await.is_err() {
                return false;
            }
        }
        let due = link.next_timeout_ms().unwrap_or(0).saturating_sub(now_ms()).min(1_000);
        match tokio::time::timeout(Duration::from_millis(due), from_device.read(&mut bytes)).await {
            Ok(Ok(count)) if count > 0 => link.receive(&bytes[..count], now_ms()),
            Ok(_) => return false,
            Err(_) => {}
        }
    }
    true
}

fn silent(handle: &MachineHandle) -> String {
    let before = handle.status();
    std::thread::sleep(Duration::from_millis(500));
    format!("{} stays silent: {before:?}, then {:?}", handle.name(), handle.status())
}

/// Threads that keep the host's cores busy.
struct Busy {
    ended: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Busy {
    fn start(count: usize) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let threads = (0..count)
            .map(|_| {
                let ended = ended.clone();
                std::thread::spawn(move || {
                    while !ended.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        Self { ended, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that only spins does not panic.
            let _ = thread.join();
        }
    }
}
