//! The driver against a device's side of the link, over in-memory streams, clean and noisy, in tokio's paused time.
#![allow(clippy::unwrap_used)]

use drydock_connector::{LinkClosed, LinkDriver, LinkError, LinkEvent, LinkSession, Noise, NoisyStream};
use drydock_protocol::{
    control::{FromDevice, FromHost, Identity, IdentityState, Pair, PairResult},
    framing,
    link::{Channel, Endpoint, MAX_FRAME_BYTES, Role},
    types::ResetReason,
};
use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    sync::oneshot,
    task::JoinHandle,
    time::Instant,
};

/// A device that sends its identity, accepts a pairing, and echoes the session's bytes inverted.
struct Device<S> {
    endpoint: Endpoint,
    wire: S,
    begin: Instant,
    control: framing::Reader,
    echo: Vec<u8>,
    resets: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Device<S> {
    fn new(wire: S, epoch: u32) -> Self {
        Self {
            endpoint: Endpoint::new(Role::Device, epoch),
            wire,
            begin: Instant::now(),
            control: framing::Reader::new(),
            echo: Vec::new(),
            resets: 0,
        }
    }

    /// Runs until `stop` fires or the wire ends.
    async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Self {
        self.endpoint.write(Channel::Log, b"boot\nready\n");
        loop {
            self.answer();
            let now_ms = self.begin.elapsed().as_millis() as u64;
            let mut frame = [0; MAX_FRAME_BYTES];
            let len = self.endpoint.transmit(now_ms, &mut frame);
            if len > 0 {
                if self.wire.write_all(&frame[..len]).await.is_err() || self.wire.flush().await.is_err() {
                    return self;
                }
                continue;
            }
            let wake = self.endpoint.next_timeout_ms().unwrap_or(now_ms + 1_000);
            let mut bytes = [0; 200];
            tokio::select! {
                _ = &mut stop => return self,
                read = self.wire.read(&mut bytes) => match read {
                    Ok(count) if count > 0 => {
                        let now_ms = self.begin.elapsed().as_millis() as u64;
                        self.endpoint.receive(&bytes[..count], now_ms);
                    }
                    _ => return self,
                },
                () = tokio::time::sleep_until(self.begin + Duration::from_millis(wake)) => {}
            }
        }
    }

    fn answer(&mut self) {
        if self.endpoint.take_reset().is_some() {
            self.resets += 1;
            self.control = framing::Reader::new();
            self.echo.clear();
        }
        let mut byte = [0];
        while self.endpoint.read(Channel::Control, &mut byte) > 0 {
            let Some(message) = self.control.next(&mut &byte[..]).unwrap() else {
                continue;
            };
            let answer = match minicbor::decode(message).unwrap() {
                FromHost::Identify => FromDevice::Identity(identity()),
                FromHost::Pair(pair) if pair.token.len() == 16 => FromDevice::PairResult(PairResult::Accepted),
                FromHost::Pair(_) => FromDevice::PairResult(PairResult::Malformed),
                FromHost::LinkRate(_) => panic!("this wire has no rate"),
            };
            let answer = framing::framed(&minicbor::to_vec(answer).unwrap()).unwrap();
            assert_eq!(self.endpoint.write(Channel::Control, &answer), answer.len());
        }
        let room = self.endpoint.writable(Channel::Session);
        let mut bytes = vec![0; room.saturating_sub(self.echo.len())];
        let read = self.endpoint.read(Channel::Session, &mut bytes);
        self.echo.extend(bytes[..read].iter().map(|byte| !byte));
        let sent = self.endpoint.write(Channel::Session, &self.echo);
        self.echo.drain(..sent);
    }
}

fn identity() -> Identity {
    Identity {
        board: "nano33ble".into(),
        chip_id: vec![1; 8],
        firmware: "0.1.0".into(),
        state: IdentityState::Blank,
        reset_reason: ResetReason::PowerOn,
    }
}

type Running<S> = (JoinHandle<Device<S>>, oneshot::Sender<()>);

fn start<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(wire: S, epoch: u32) -> Running<S> {
    let (stop, stopped) = oneshot::channel();
    (tokio::spawn(Device::new(wire, epoch).run(stopped)), stop)
}

fn connect() -> (LinkDriver, Running<DuplexStream>) {
    let (host, wire) = tokio::io::duplex(512);
    (LinkDriver::spawn(host, 7), start(wire, 8))
}

async fn until<T>(driver: &mut LinkDriver, mut wanted: impl FnMut(LinkEvent) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = driver.next().await.expect("the link lives");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), search)
        .await
        .expect("within a minute")
}

async fn session(driver: &mut LinkDriver) -> (LinkSession, bool) {
    until(driver, |event| match event {
        LinkEvent::Up { session, first } => Some((session, first)),
        _ => None,
    })
    .await
}

/// Sends bytes and expects them back, upside down.
async fn check_echo(session: LinkSession, len: usize) -> LinkSession {
    let sent: Vec<u8> = (0..len as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let (mut read, mut write) = tokio::io::split(session);
    let mut got = vec![0; len];
    let (written, read_back) = tokio::join!(write.write_all(&sent), read.read_exact(&mut got));
    written.unwrap();
    read_back.unwrap();
    assert!(
        got.iter().zip(&sent).all(|(got, sent)| *got == !sent),
        "{len} bytes came back changed"
    );
    read.unsplit(write)
}

#[tokio::test(start_paused = true)]
async fn hands_out_identity_log_and_session() {
    let (mut driver, _device) = connect();
    let (session, first) = session(&mut driver).await;
    assert!(first);
    let mut lines = vec![];
    let mut told = None;
    while told.is_none() || lines.len() < 2 {
        match driver.next().await.unwrap() {
            LinkEvent::Identity(identity) => told = Some(identity),
            LinkEvent::Log(line) => lines.push(line),
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(told, Some(identity()));
    assert_eq!(lines, ["boot", "ready"]);
    check_echo(session, 50_000).await;
    let stats = driver.handle().stats();
    assert!(stats.is_up && stats.received_bytes > 50_000 && stats.sent_bytes > 50_000);
    assert_eq!((stats.meetings, stats.frames.retries, stats.malformed), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn pairs_also_before_the_link_is_up() {
    let (mut driver, _device) = connect();
    let pair = Pair {
        anchor: vec![0x30; 500],
        token: vec![1; 16],
        gateway_name: "gateway".into(),
    };
    driver.handle().pair(pair.clone()).await.unwrap();
    let result = |event| match event {
        LinkEvent::PairResult(result) => Some(result),
        _ => None,
    };
    assert_eq!(until(&mut driver, result).await, PairResult::Accepted);
    driver
        .handle()
        .pair(Pair {
            token: vec![],
            ..pair.clone()
        })
        .await
        .unwrap();
    assert_eq!(until(&mut driver, result).await, PairResult::Malformed);
    let too_long = Pair {
        anchor: vec![0; 1_000],
        ..pair
    };
    assert!(matches!(
        driver.handle().pair(too_long).await,
        Err(LinkError::TooLong { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_reboot_of_the_device_ends_the_session_and_begins_another() {
    let (mut driver, (device, stop)) = connect();
    let (mut old, _) = session(&mut driver).await;
    old.write_all(&[1; 100]).await.unwrap();
    stop.send(()).unwrap();
    let wire = device.await.unwrap().wire;
    let _device = start(wire, 9);
    let (new, first) = session(&mut driver).await;
    assert!(!first);
    let mut rest = vec![];
    let end = old.read_to_end(&mut rest).await;
    assert!(end.is_ok() && rest.len() <= 100, "the old session ends");
    check_echo(new, 5_000).await;
    assert_eq!(driver.handle().stats().meetings, 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_host_ends_is_ended_for_the_device() {
    let (mut driver, (device, stop)) = connect();
    for _ in 0..3 {
        let (session, _) = session(&mut driver).await;
        drop(check_echo(session, 1_000).await);
    }
    let (mut session, _) = session(&mut driver).await;
    session.write_all(b"farewell").await.unwrap();
    session.shutdown().await.unwrap();
    let mut rest = vec![];
    session.read_to_end(&mut rest).await.unwrap();
    let _last = self::session(&mut driver).await;
    stop.send(()).unwrap();
    assert_eq!(device.await.unwrap().resets, 5);
}

#[tokio::test(start_paused = true)]
async fn an_unused_session_is_replaced_when_the_device_speaks() {
    let (mut driver, (device, stop)) = connect();
    drop(session(&mut driver).await);
    driver.handle().identify().await.unwrap();
    until(&mut driver, |event| {
        matches!(event, LinkEvent::Identity(_)).then_some(())
    })
    .await;
    stop.send(()).unwrap();
    let mut device = device.await.unwrap();
    assert_eq!(
        (device.resets, driver.handle().stats().meetings),
        (1, 1),
        "nobody was disturbed"
    );
    device.endpoint.write(Channel::Session, b"client hello");
    let (_stop, stopped) = oneshot::channel();
    tokio::spawn(device.run(stopped));
    let (session, first) = session(&mut driver).await;
    assert!(!first);
    check_echo(session, 100).await;
}

#[tokio::test(start_paused = true)]
async fn survives_the_promised_noise() {
    for seed in 0..4 {
        let (host, wire) = tokio::io::duplex(512);
        let mut driver = LinkDriver::spawn(NoisyStream::new(host, Noise::promised(seed)), 7);
        let _device = start(wire, 8);
        let (session, _) = session(&mut driver).await;
        check_echo(session, 200_000).await;
        let stats = driver.handle().stats();
        assert!(
            stats.frames.damaged > 10 && stats.frames.retries > 10,
            "noise was there: {stats:?}"
        );
        assert_eq!(stats.meetings, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_nobody_fetches_stop_the_log_and_not_the_session() {
    let (host, wire) = tokio::io::duplex(512);
    let mut driver = LinkDriver::spawn(host, 7);
    let (session_sender, session_receiver) = oneshot::channel::<()>();
    let flood = tokio::spawn(async move {
        let mut device = Device::new(wire, 8);
        let mut written = 0usize;
        let mut stop = session_receiver;
        while stop.try_recv().is_err() {
            written += device.endpoint.write(Channel::Log, &b"line\n".repeat(20));
            device.answer();
            let mut frame = [0; MAX_FRAME_BYTES];
            let now_ms = device.begin.elapsed().as_millis() as u64;
            let len = device.endpoint.transmit(now_ms, &mut frame);
            device.wire.write_all(&frame[..len]).await.unwrap();
            let mut bytes = [0; 200];
            let read = tokio::time::timeout(Duration::from_millis(1), device.wire.read(&mut bytes)).await;
            if let Ok(Ok(count)) = read {
                device.endpoint.receive(&bytes[..count], now_ms);
            }
        }
        written
    });
    let (session, _) = session(&mut driver).await;
    check_echo(session, 20_000).await;
    session_sender.send(()).unwrap();
    let written = flood.await.unwrap();
    assert!(written < 8_000, "{written} bytes of log were taken though nobody reads");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_is_the_last_event() {
    let (mut driver, (device, stop)) = connect();
    let (mut session, _) = session(&mut driver).await;
    stop.send(()).unwrap();
    drop(device.await.unwrap());
    until(&mut driver, |event| {
        matches!(event, LinkEvent::Closed(LinkClosed::End | LinkClosed::Stream(_))).then_some(())
    })
    .await;
    assert!(driver.next().await.is_none());
    assert_eq!(session.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(driver.handle().identify().await, Err(LinkError::Gone));
}

#[tokio::test(start_paused = true)]
async fn closing_or_dropping_the_driver_ends_the_stream() {
    for close in [true, false] {
        let (driver, (device, _stop)) = connect();
        if close {
            driver.handle().close().await.unwrap();
            device.await.unwrap();
        } else {
            drop(driver);
            device.await.unwrap();
        }
    }
}
