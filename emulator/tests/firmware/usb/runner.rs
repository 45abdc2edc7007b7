//! The port over a machine that a runner runs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use drydock_emulator::cable::usb_host::{CdcPort, CdcState};
use drydock_emulator::runner::{Pace, RunOptions, Runner, UsbError, replay};
use drydock_emulator::{Image, Machine};
use drydock_protocol::link::{Endpoint, MAX_FRAME_BYTES, Role};
use libtest_mimic::Failed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest wait of the host for anything.
const PATIENCE: Duration = Duration::from_secs(60);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Failed> {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.map_err(|_| format!("{what} did not come").into())
}

/// Plugged, opened, closed and replayed; a restored snapshot is plugged in anew.
pub(crate) fn port_over_the_runner(image: &Image) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let runner = Runner::with_workers(std::num::NonZeroUsize::MIN)?;
        let machine = super::super::power_on(image, 9)?;
        let options = RunOptions {
            name: "usb".to_owned(),
            pace: Pace::Max,
            paused: false,
        };
        let handle = runner.add(machine, options);
        let mut port = CdcPort::plug(&handle)?;
        let second = CdcPort::plug(&handle).err();
        assert!(matches!(second, Some(UsbError::InUse { .. })), "{second:?}");

        soon("the device", port.ready()).await??;
        port.set_line_coding(115_200);
        port.set_control_lines(true, true);
        soon("the answers", port.settled()).await?;
        soon("the link", exchange(&mut port)).await??;

        // The same inputs at the same instants lead to the same state.
        handle.pause();
        let recorded = handle.inspect(|machine| {
            let hash = machine.snapshots().map(|snapshots| snapshots.state_hash());
            (machine.now(), hash)
        });
        let (now, hash) = soon("a pause", recorded).await??;
        let recording = handle.input_log();
        assert!(!recording.incomplete && !recording.inputs.is_empty());
        let mut again: Box<dyn Machine> = super::super::power_on(image, 9)?;
        replay(again.as_mut(), &recording, now)?;
        let replayed = again.snapshots().map(|snapshots| snapshots.state_hash());
        assert_eq!(replayed.transpose()?, hash.transpose()?, "replayed");

        // A snapshot knows of a cable that leads nowhere.
        let (state, _) = soon("a snapshot", handle.snapshot()).await??.ok_or("no snapshots")??;
        handle.resume();
        let seen = port.changes();
        soon("a restore", handle.restore(Arc::new(state))).await???;
        soon("a change", port.changed(seen)).await?;
        soon("the device", port.ready()).await??;
        port.set_control_lines(true, true);
        soon("the link", exchange(&mut port)).await??;

        // Pulled: reads end, writes fail.
        port.set_plugged(false);
        soon("the end", async {
            let mut bytes = Vec::new();
            port.read_to_end(&mut bytes).await
        })
        .await??;
        assert_eq!(port.device(), CdcState::Disconnected);
        assert!(port.write(b"x").await.is_err());
        drop(port);
        let port = soon("the socket", async {
            loop {
                match CdcPort::plug(&handle) {
                    Err(UsbError::InUse { .. }) => tokio::task::yield_now().await,
                    done => return done,
                }
            }
        });
        let mut port = port.await??;
        soon("the device", port.ready()).await??;
        handle.stop();
        let seen = port.changes();
        soon("the stop", port.changed(seen)).await?;
        assert_eq!(port.device(), CdcState::Closed);
        Ok(())
    })
}

/// Brings the link up over the port.
async fn exchange(port: &mut CdcPort) -> Result<(), Failed> {
    let mut endpoint = Endpoint::new(Role::Host, 77);
    let (mut frame, mut bytes) = ([0; MAX_FRAME_BYTES], [0; 256]);
    let begin = std::time::Instant::now();
    while !endpoint.is_up() {
        let now_ms = begin.elapsed().as_millis() as u64;
        loop {
            let len = endpoint.transmit(now_ms, &mut frame);
            if len == 0 {
                break;
            }
            port.write_all(&frame[..len]).await?;
        }
        if let Ok(count) = tokio::time::timeout(Duration::from_millis(50), port.read(&mut bytes)).await {
            endpoint.receive(&bytes[..count?], now_ms);
        }
    }
    Ok(())
}
