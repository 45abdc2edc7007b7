//! The thread that notices plugging and unplugging.

use super::ports::Shared;
use futures_core::Stream;
use nusb::hotplug::HotplugWatch;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// How often the list is read where the system reports no events.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Pauses between two looks after an event: the serial port of a USB device appears later than the device.
const LOOK_AGAIN_MS: [u64; 9] = [20, 50, 100, 200, 400, 800, 1000, 1500, 2000];

/// Starts the thread. It ends when `shared` is gone, which `stop` tells it.
pub(super) fn start(shared: Weak<Shared>, stop: Arc<Notify>) {
    let thread = std::thread::Builder::new().name("serial-ports".into());
    let started = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        match runtime {
            Ok(runtime) => runtime.block_on(async {
                tokio::select! {
                    () = watch(&shared) => {}
                    () = stop.notified() => {}
                }
            }),
            Err(error) => tracing::error!("serial ports are not watched: {error}"),
        }
    });
    if let Err(error) = started {
        tracing::error!("serial ports are not watched: {error}");
    }
}

/// Refreshes the list until `shared` is gone.
async fn watch(shared: &Weak<Shared>) {
    let mut events = subscribe();
    // A device may have been plugged in right before.
    let mut looks = 0;
    loop {
        let Some(shared) = shared.upgrade() else { return };
        shared.refresh();
        shared.dfu.refresh();
        drop(shared);
        let pause = LOOK_AGAIN_MS.get(looks).map(|ms| Duration::from_millis(*ms));
        looks += 1;
        match (&mut events, pause) {
            (None, _) => tokio::time::sleep(POLL_EVERY).await,
            (Some(events), None) => {
                next(events).await;
                looks = 0;
            }
            (Some(events), Some(pause)) => {
                if tokio::time::timeout(pause, next(events)).await.is_ok() {
                    looks = 0;
                }
            }
        }
    }
}

/// The system's events, if it sends any.
fn subscribe() -> Option<HotplugWatch> {
    // On Linux udev sends them. Where it does not run, for example in a container, the socket opens and stays silent.
    if cfg!(target_os = "linux") && !std::path::Path::new("/run/udev/control").exists() {
        return None;
    }
    nusb::watch_devices()
        .inspect_err(|error| tracing::info!("no events for USB devices, so the ports are read each second: {error}"))
        .ok()
}

/// Waits for the next event. What it says does not matter: the list is read anew.
async fn next(events: &mut HotplugWatch) {
    poll_fn(|context| Pin::new(&mut *events).poll_next(context)).await;
}
