//! A device whose session runs in a task of its own.

use crate::{
    device::{SimDevice, SimError, encoded},
    metrics::metrics,
    stream::Messages,
    tls::Stream,
};
use drydock_protocol::{
    device_handler::{DeviceHandler, handle_message},
    device_to_gateway::Log,
    envelope::Kind,
    gateway_to_device::Welcome,
    limits::MAX_LOG_BYTES,
    types::{Failure, LogLevel, shortened},
};
use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// Commands of the test that wait for the device.
const COMMANDS: usize = 64;

/// A device with a session. Dropping it ends the connection as a pulled cable would.
#[derive(Debug)]
pub struct RunningDevice {
    welcome: Welcome,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<(SimDevice, SessionEnd)>,
}

/// How a session ended.
#[derive(Debug)]
pub enum SessionEnd {
    /// [`RunningDevice::unplug`] was called.
    Unplugged,
    /// The gateway had the device wiped: it is blank.
    Wiped,
    /// The gateway ended it, the stream failed, or a message was invalid.
    Failed(SimError),
}

/// The device has no session any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulated device has no session any more")]
pub struct SessionGone;

enum Command {
    Say(Vec<u8>),
    Log { app: String, level: LogLevel, text: String },
    Fail { app: String, failure: Failure },
    Unplug,
}

impl RunningDevice {
    pub(crate) fn spawn<S>(mut device: SimDevice, tls: Stream<S>, messages: Messages, welcome: Welcome) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        device.store.welcome(&welcome);
        let (commands, received) = mpsc::channel(COMMANDS);
        Self {
            welcome,
            commands,
            task: tokio::spawn(live(device, tls, messages, received)),
        }
    }

    /// The gateway's first words.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Writes a log line; of the firmware if `app` is empty.
    ///
    /// # Errors
    /// [`SessionGone`].
    pub async fn log(&self, app: &str, level: LogLevel, text: &str) -> Result<(), SessionGone> {
        let text = shortened(text, MAX_LOG_BYTES).to_owned();
        let app = app.to_owned();
        self.send(Command::Log { app, level, text }).await
    }

    /// Lets a running app fail; nothing happens if it does not run.
    ///
    /// # Errors
    /// [`SessionGone`].
    pub async fn fail(&self, app: &str, failure: Failure) -> Result<(), SessionGone> {
        let app = app.to_owned();
        self.send(Command::Fail { app, failure }).await
    }

    /// Sends any bytes as a message, for tests of the gateway.
    ///
    /// # Errors
    /// [`SessionGone`].
    pub async fn say(&self, message: Vec<u8>) -> Result<(), SessionGone> {
        self.send(Command::Say(message)).await
    }

    /// Pulls the cable, without a goodbye, and gives the device back.
    pub async fn unplug(self) -> (SimDevice, SessionEnd) {
        // A device whose session has ended is unplugged already.
        let _ = self.send(Command::Unplug).await;
        self.ended().await
    }

    /// Waits for the end of the session and gives the device back.
    ///
    /// # Panics
    /// If the device's task panicked.
    pub async fn ended(mut self) -> (SimDevice, SessionEnd) {
        (&mut self.task).await.expect("the device's task does not panic")
    }

    async fn send(&self, command: Command) -> Result<(), SessionGone> {
        self.commands.send(command).await.map_err(|_| SessionGone)
    }
}

impl Drop for RunningDevice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn live<S>(
    mut device: SimDevice,
    mut tls: Stream<S>,
    mut messages: Messages,
    mut commands: mpsc::Receiver<Command>,
) -> (SimDevice, SessionEnd)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let end = match converse(&mut device, &mut tls, &mut messages, &mut commands).await {
        Ok(end) => end,
        Err(error) => SessionEnd::Failed(error),
    };
    (device, end)
}

async fn converse<S>(
    device: &mut SimDevice,
    tls: &mut Stream<S>,
    messages: &mut Messages,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<SessionEnd, SimError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut told = Instant::now();
    loop {
        let next = told + Duration::from_millis(device.store.metrics_interval_ms.into());
        tokio::select! {
            message = messages.receive(tls) => {
                if let Some(answer) = handle_message(&mut device.store, &message?) {
                    messages.send_message(tls, &answer).await?;
                }
                if device.store.wipe {
                    device.wiped()?;
                    return Ok(SessionEnd::Wiped);
                }
            }
            command = commands.recv() => match command {
                Some(Command::Say(message)) => messages.send_message(tls, &message).await?,
                Some(Command::Log { app, level, text }) => {
                    device.log_sequence += 1;
                    let log = Log {
                        app,
                        level,
                        text,
                        uptime_ms: device.uptime_ms(),
                        sequence: device.log_sequence,
                    };
                    messages.send(tls, Kind::Log, &log).await?;
                }
                Some(Command::Fail { app, failure }) => {
                    device.store.fail(&app, failure);
                }
                Some(Command::Unplug) | None => return Ok(SessionEnd::Unplugged),
            },
            () = sleep_until(next) => {
                told = next.max(Instant::now() - Duration::from_millis(1));
                let metrics = metrics(device);
                messages.send_message(tls, &encoded(Kind::Metrics, &metrics)?).await?;
            }
        }
        for report in device.store.take_changed(device.uptime_ms()) {
            messages.send(tls, Kind::AppReport, &report).await?;
        }
    }
}
