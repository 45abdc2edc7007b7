//! One or two values of each type on the wire, and their bytes. Every optional part is present in one of them.

use drydock_protocol::{
    app_samples,
    capability::{Capability, PinSet},
    control::{FromDevice, FromHost, Identity, IdentityState, Pair, PairResult},
    device_to_gateway::{
        AppMetrics, AppReport, AppSamples, AppValue, EnrollRequest, Hello, Log, Metrics, Refusal, RefusalCode, Reply,
    },
    envelope::{self, Kind},
    framing,
    gateway_to_device::{
        AppRequest, Configure, EnrollRefusalCode, EnrollRefused, Enrolled, PackageBegin, PackageChunk, PackageCommit,
        Ping, Welcome,
    },
    link::{
        Channel, MAX_FRAME_BYTES,
        frame::{Frame, Hello as LinkHello, Status},
    },
    manifest::{AppLimits, EntryPoints, Manifest},
    package,
    section::{Limits, Section},
    types::{AppState, Failure, FailureKind, FaultRecord, LogLevel, ResetReason, Version},
};

/// A golden: its name, the type of its bytes, and the bytes.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) bytes: Vec<u8>,
}

/// The format of a sample's bytes.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// An envelope; the rule of `wire.cddl` for its body.
    Message(Option<&'static str>),
    /// CBOR; its rule of `wire.cddl`.
    Cbor(&'static str),
    /// Anything else.
    Raw,
}

pub(crate) fn all() -> Vec<Sample> {
    let mut samples = device_to_gateway();
    samples.extend(gateway_to_device());
    samples.extend(packages());
    samples.extend(control());
    samples.extend(link());
    samples
}

fn message<T: minicbor::Encode<()>>(name: &'static str, rule: &'static str, kind: Kind, id: u32, body: T) -> Sample {
    Sample {
        name,
        form: Form::Message(Some(rule)),
        bytes: envelope::encode(kind, id, &body).expect("a sample fits"),
    }
}

fn cbor<T: minicbor::Encode<()>>(name: &'static str, rule: &'static str, value: T) -> Sample {
    Sample {
        name,
        form: Form::Cbor(rule),
        bytes: minicbor::to_vec(value).expect("a Vec takes everything"),
    }
}

const VERSION: Version = Version {
    major: 1,
    minor: 20,
    patch: 300,
};
const CHIP_ID: [u8; 8] = [0xDE, 0xAD, 0xBE, 0xEF, 0, 1, 2, 3];

fn report(failure: Option<Failure>) -> AppReport {
    AppReport {
        app: "blink".into(),
        version: VERSION,
        sequence: 5_000_000_000,
        digest: [0xAB; 32],
        state: if failure.is_some() {
            AppState::Failed
        } else {
            AppState::Running
        },
        failure,
        autostart: true,
        uptime_ms: 1_234,
    }
}

fn failure() -> Failure {
    Failure {
        kind: FailureKind::ExitCode,
        export: "_start".into(),
        detail: "proc_exit".into(),
        exit_code: Some(-3),
    }
}

fn device_to_gateway() -> Vec<Sample> {
    let enroll = EnrollRequest {
        token: vec![7; 16],
        csr: vec![0x30, 0x82, 1, 0],
        chip_id: CHIP_ID.into(),
        board: "nano33ble".into(),
        firmware: "0.1.0".into(),
    };
    let hello = Hello {
        board: "nano33ble".into(),
        chip_id: CHIP_ID.into(),
        firmware: "0.1.0".into(),
        reset_reason: ResetReason::PowerOn,
        fault: None,
        heap_bytes: 131_072,
        store_bytes: 393_216,
        store_free_bytes: 389_120,
        apps: vec![],
        uptime_ms: 250,
        boot_count: 1,
    };
    let hello_after_fault = Hello {
        reset_reason: ResetReason::HardFault,
        fault: Some(FaultRecord {
            reason: ResetReason::HardFault,
            pc: 0x0001_2344,
            lr: 0x0001_2001,
            status: 0x8200,
            address: 0x2004_0000,
            message: "précis".into(),
        }),
        apps: vec![report(None), report(Some(failure()))],
        ..hello.clone()
    };
    let log = Log {
        app: "blink".into(),
        level: LogLevel::Info,
        text: "on".into(),
        uptime_ms: 4_294_967_296,
        sequence: 9,
    };
    let metrics = Metrics {
        uptime_ms: 60_000,
        cpu_busy_bp: 10_000,
        heap_used_bytes: 40_000,
        heap_peak_bytes: 50_000,
        heap_total_bytes: 131_072,
        stack_peak_bytes: 9_000,
        stack_total_bytes: 16_384,
        link_retries: 3,
        link_errors: 2,
        sequence: 60,
        logs_dropped: 0,
        apps: vec![],
        temperature_mc: None,
    };
    let metrics_with_app = Metrics {
        apps: vec![AppMetrics {
            app: "sensor".into(),
            fuel: 1 << 40,
            memory_bytes: 4_096,
            heap_bytes: 12_000,
            host_calls: 77,
            traps: 0,
            callback_max_us: 812,
            values: vec![
                AppValue {
                    name: "t".into(),
                    value: 21.5,
                },
                AppValue {
                    name: "none".into(),
                    value: f64::NEG_INFINITY,
                },
            ],
            values_dropped: None,
        }],
        temperature_mc: Some(-12_250),
        ..metrics.clone()
    };
    let mut metrics_with_drops = metrics_with_app.clone();
    metrics_with_drops.apps[0].values_dropped = Some(70_000);
    let records = sample_records();
    let app_samples = AppSamples {
        sequence: 5,
        begin_us: 4_294_967_296,
        age_us: 100_250,
        records: &records,
    };
    let refused = Reply::Refused(Refusal::new(
        RefusalCode::NoMemory,
        "needs 80,000 bytes, 60,000 are free",
    ));
    vec![
        message("enroll-request", "enroll-request", Kind::EnrollRequest, 0, enroll),
        message("hello", "hello", Kind::Hello, 0, hello),
        message("hello-after-fault", "hello", Kind::Hello, 0, hello_after_fault),
        message("app-report", "app-report", Kind::AppReport, 0, report(None)),
        message(
            "app-report-failed",
            "app-report",
            Kind::AppReport,
            0,
            report(Some(failure())),
        ),
        message("log", "log", Kind::Log, 0, log),
        message("metrics", "metrics", Kind::Metrics, 0, metrics),
        message("metrics-with-app", "metrics", Kind::Metrics, 0, metrics_with_app),
        message("metrics-with-drops", "metrics", Kind::Metrics, 0, metrics_with_drops),
        message("app-samples", "app-samples", Kind::AppSamples, 0, app_samples),
        message("reply-done", "reply", Kind::Reply, 1, Reply::Done),
        message("reply-chunk-taken", "reply", Kind::Reply, 2, Reply::ChunkTaken(896)),
        message("reply-refused", "reply", Kind::Reply, u32::MAX, refused),
    ]
}

/// One record of each form.
fn sample_records() -> Vec<u8> {
    let narrow: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut records = Vec::new();
    app_samples::write_name(&mut records, 0, "wave", "sine");
    app_samples::write_values(&mut records, app_samples::RUN, 0, 2, 100, &narrow);
    app_samples::write_name(&mut records, 1, "wave", "count");
    app_samples::write_values(&mut records, 1 | app_samples::WIDE, 200, 0, 0, &0.1_f64.to_le_bytes());
    app_samples::write_values(&mut records, 1 | app_samples::LOST, 100_000, 0, 0, &7_f32.to_le_bytes());
    records
}

fn gateway_to_device() -> Vec<Sample> {
    let enrolled = Enrolled {
        device_id: "nano33ble-deadbeef".into(),
        certificate: vec![0x30, 1],
        intermediate: vec![0x30, 2],
        gateway_pin: [0x11; 32],
        publisher_key: vec![4; 65],
        time_ms: 1_700_000_000_000,
    };
    let enroll_refused = EnrollRefused {
        code: EnrollRefusalCode::TokenExpired,
        detail: "the token is older than ten minutes".into(),
    };
    let welcome = Welcome {
        session_id: 42,
        time_ms: 1_700_000_000_000,
        metrics_interval_ms: 1_000,
    };
    let begin = PackageBegin {
        envelope: envelope_bytes(),
    };
    let chunk = PackageChunk {
        offset: 1_792,
        data: &[0, 1, 2, 3],
    };
    let app = AppRequest { app: "blink".into() };
    let empty = |name, kind, id| Sample {
        name,
        form: Form::Message(None),
        bytes: envelope::encode_empty(kind, id),
    };
    vec![
        message("enrolled", "enrolled", Kind::Enrolled, 0, enrolled),
        message(
            "enroll-refused",
            "enroll-refused",
            Kind::EnrollRefused,
            0,
            enroll_refused,
        ),
        message("welcome", "welcome", Kind::Welcome, 0, welcome),
        message("package-begin", "package-begin", Kind::PackageBegin, 10, begin),
        message("package-chunk", "package-chunk", Kind::PackageChunk, 11, chunk),
        message(
            "package-commit",
            "package-commit",
            Kind::PackageCommit,
            12,
            PackageCommit { start: true },
        ),
        empty("package-abort", Kind::PackageAbort, 13),
        message("app-start", "app-request", Kind::AppStart, 14, app.clone()),
        message("app-stop", "app-request", Kind::AppStop, 15, app.clone()),
        message("app-remove", "app-request", Kind::AppRemove, 16, app),
        message(
            "configure",
            "configure",
            Kind::Configure,
            17,
            Configure {
                metrics_interval_ms: 250,
            },
        ),
        message(
            "ping",
            "ping",
            Kind::Ping,
            18,
            Ping {
                time_ms: 1_700_000_000_001,
            },
        ),
        empty("wipe", Kind::Wipe, 19),
    ]
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        manifest_version: 1,
        app: "blink".into(),
        version: VERSION,
        sequence: 3,
        digest: [0xCD; 32],
        size: 16_384,
        entry: EntryPoints {
            init: true,
            tick: true,
            ..EntryPoints::default()
        },
        limits: AppLimits {
            memory_bytes: 65_536,
            stack_bytes: 2_048,
            heap_bytes: 90_000,
            callback_ms: 500,
            fuel: Some(1_000_000),
        },
        capabilities: vec![
            Capability::Log,
            Capability::Metrics,
            Capability::Timer,
            Capability::Gpio(PinSet::of(&[13, 24, 41])),
            Capability::Kv(1_024),
            Capability::Publish(vec!["a".into(), "b".into()]),
            Capability::Random,
        ],
        targets: vec!["nano33ble".into()],
    }
}

fn envelope_bytes() -> Vec<u8> {
    package::seal(&manifest().to_bytes(), &[0x5A; 64]).expect("a sample fits")
}

fn packages() -> Vec<Sample> {
    let section = Section {
        name: Some("blink".into()),
        version: Some(VERSION),
        capabilities: Some(vec![Capability::Log, Capability::Gpio(PinSet::of(&[13]))]),
        limits: Limits {
            memory_bytes: Some(4_096),
            stack_bytes: Some(1_024),
            callback_ms: Some(50),
        },
    };
    vec![
        cbor("manifest", "manifest", manifest()),
        Sample {
            name: "signed-manifest",
            form: Form::Cbor("signed-manifest"),
            bytes: envelope_bytes(),
        },
        Sample {
            name: "sig-structure",
            form: Form::Cbor("any"),
            bytes: package::sig_structure(&manifest().to_bytes()),
        },
        Sample {
            name: "section",
            form: Form::Cbor("section"),
            bytes: section.encode(),
        },
    ]
}

fn control() -> Vec<Sample> {
    let identity = Identity {
        board: "nano33ble".into(),
        chip_id: CHIP_ID.into(),
        firmware: "0.1.0".into(),
        state: IdentityState::Blank,
        reset_reason: ResetReason::Watchdog,
    };
    let pair = Pair {
        anchor: vec![0x30, 0x82, 2, 0],
        token: vec![9; 16],
        gateway_name: "gateway-1".into(),
    };
    let identify = minicbor::to_vec(FromHost::Identify).expect("a Vec takes everything");
    vec![
        cbor("control-identity", "from-device", FromDevice::Identity(identity)),
        cbor(
            "control-pair-result",
            "from-device",
            FromDevice::PairResult(PairResult::AlreadyEnrolled),
        ),
        cbor("control-link-rate", "from-device", FromDevice::LinkRate(2_000_000)),
        cbor("control-identify", "from-host", FromHost::Identify),
        cbor("control-ask-link-rate", "from-host", FromHost::LinkRate(2_000_000)),
        cbor("control-pair", "from-host", FromHost::Pair(pair)),
        Sample {
            name: "control-identify-framed",
            form: Form::Raw,
            bytes: framing::framed(&identify).expect("a sample fits"),
        },
    ]
}

fn link() -> Vec<Sample> {
    let frame = |name, frame: Frame<'_>| {
        let mut bytes = [0; MAX_FRAME_BYTES];
        let len = frame.encode(&mut bytes);
        Sample {
            name,
            form: Form::Raw,
            bytes: bytes[..len].into(),
        }
    };
    let status = Status {
        tag: 0xBEEF,
        wanted: 200,
        credit: [12, 0, 32],
        repeat: false,
        poll: false,
    };
    let hello = LinkHello {
        version: 1,
        epoch: 0x0102_0304,
        seen: None,
        answer: true,
        device: true,
    };
    let all_bytes: Vec<u8> = (0..240).collect();
    vec![
        frame("link-hello", Frame::Hello(hello)),
        frame(
            "link-hello-seen",
            Frame::Hello(LinkHello {
                seen: Some(0x0A00_0B00),
                answer: false,
                device: false,
                ..hello
            }),
        ),
        frame(
            "link-data",
            Frame::Data {
                channel: Channel::Session,
                sequence: 255,
                data: &all_bytes,
                status,
            },
        ),
        frame(
            "link-status",
            Frame::Status(Status {
                repeat: true,
                poll: true,
                ..status
            }),
        ),
    ]
}
