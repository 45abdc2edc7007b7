//! Writes a recording to try the scope with: pins, PWM, UART, I2C, SPI, WS2812, 1-Wire, numbers, texts and gaps of one board.
//! `make_demo FILE [SECONDS]`; with `--live` it goes on writing until it is stopped, as a recorder does.

use drydock_scope_model::{Lane, LaneId, LaneKind, TimeRange, WriteError, Writer};
use std::{error::Error, fs::File, time::Duration};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_live = arguments.iter().any(|it| it == "--live");
    arguments.retain(|it| it != "--live");
    let path = arguments.first().ok_or("name the file to write")?;
    let seconds = arguments.get(1).map_or(Ok(10), |it| it.parse::<u64>())?;
    let board = arguments.get(2).map_or("Desk", String::as_str);
    let mut demo = Demo::new(File::create(path)?, board, seconds)?;
    let step = SECOND / 2;
    let mut at_ns = 0;
    while is_live || at_ns < seconds * SECOND {
        demo.fill(at_ns, at_ns + step)?;
        at_ns += step;
        demo.writer.flush(at_ns)?;
        if is_live {
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    demo.writer.finish(at_ns)?;
    Ok(())
}

struct Demo {
    writer: Writer<File>,
    state: LaneId,
    all: Vec<LaneId>,
    led: LaneId,
    pwm: LaneId,
    uart: LaneId,
    scl: LaneId,
    sda: LaneId,
    sck: LaneId,
    mosi: LaneId,
    select: LaneId,
    pixels: LaneId,
    one_wire: LaneId,
    console: LaneId,
    cpu: LaneId,
    analogue: LaneId,
    gap: Option<TimeRange>,
}

impl Demo {
    fn new(file: File, board: &str, seconds: u64) -> Result<Self, Box<dyn Error>> {
        let mut writer = Writer::new(file)?;
        let began_ms = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .as_millis();
        let about = writer.declare(&Lane::new("about", LaneKind::Text))?;
        writer.text(
            about,
            0,
            format!("{{\"drydock\":\"0.1.0\",\"began_ms\":{began_ms}}}").as_bytes(),
        )?;
        let mut lane = |name: &str, kind: LaneKind, unit: &str| {
            let mut lane = Lane::new(format!("{board}/{name}"), kind);
            lane.unit = unit.into();
            writer.declare(&lane)
        };
        let about_board = lane("about", LaneKind::Text, "")?;
        let state = lane("state", LaneKind::Text, "")?;
        let led = lane("LED", LaneKind::Digital, "")?;
        let pwm = lane("D9", LaneKind::Digital, "")?;
        let uart = lane("TX", LaneKind::Digital, "")?;
        let scl = lane("SCL", LaneKind::Digital, "")?;
        let sda = lane("SDA", LaneKind::Digital, "")?;
        let sck = lane("SCK", LaneKind::Digital, "")?;
        let mosi = lane("MOSI", LaneKind::Digital, "")?;
        let select = lane("D10", LaneKind::Digital, "")?;
        let pixels = lane("D6", LaneKind::Digital, "")?;
        let one_wire = lane("D2", LaneKind::Digital, "")?;
        let console = lane("console", LaneKind::Text, "")?;
        let cpu = lane("cpu", LaneKind::Number, "%")?;
        let analogue = lane("app.sine/signal", LaneKind::Number, "V")?;
        writer.text(
            about_board,
            0,
            br#"{"kind":"nano33ble","kind_title":"Arduino Nano 33 BLE","engine":"builtin","firmware":"0.1.0"}"#,
        )?;
        let all = vec![
            led, pwm, uart, scl, sda, sck, mosi, select, pixels, one_wire, cpu, analogue,
        ];
        // The board is paused once in a recording that is long enough.
        let gap = (seconds >= 4).then(|| TimeRange::new(2_200 * MS, 2_400 * MS));
        Ok(Self {
            writer,
            state,
            all,
            led,
            pwm,
            uart,
            scl,
            sda,
            sck,
            mosi,
            select,
            pixels,
            one_wire,
            console,
            cpu,
            analogue,
            gap,
        })
    }

    /// Half a second of everything, from the beginning of which each signal knows what it does.
    fn fill(&mut self, from_ns: u64, until_ns: u64) -> Result<(), Box<dyn Error>> {
        let gap = self.gap.filter(|gap| (from_ns..until_ns).contains(&gap.from_ns));
        let end_ns = gap.map_or(until_ns, |gap| gap.from_ns);
        self.signals(from_ns, end_ns)?;
        if let Some(gap) = gap {
            self.writer.text(self.state, gap.from_ns, b"paused")?;
            for &lane in &self.all {
                self.writer.gap(lane, gap, 0)?;
            }
            self.signals(gap.until_ns, until_ns)?;
        }
        Ok(())
    }

    fn signals(&mut self, from_ns: u64, end_ns: u64) -> Result<(), Box<dyn Error>> {
        let round = from_ns / (SECOND / 2);
        let w = &mut self.writer;
        w.level(self.led, from_ns, round.is_multiple_of(2))?;
        for (idle, level) in [
            (self.uart, true),
            (self.scl, true),
            (self.sda, true),
            (self.sck, false),
            (self.mosi, false),
            (self.select, true),
            (self.pixels, false),
            (self.one_wire, true),
        ] {
            w.level(idle, from_ns, level)?;
        }
        // 1 kHz, with a duty that changes.
        for at_ns in (from_ns..end_ns).step_by(MS as usize) {
            let phase = at_ns as f64 / SECOND as f64;
            let duty = 0.5 + 0.45 * (phase * 2.0).sin();
            w.level(self.pwm, at_ns, true)?;
            w.level(self.pwm, at_ns + (MS as f64 * duty) as u64, false)?;
        }
        let mut at_ns = from_ns + 10 * MS;
        for byte in format!("round {round}\r\n").bytes() {
            at_ns = uart(w, self.uart, at_ns, byte)?;
        }
        i2c(
            w,
            self.scl,
            self.sda,
            from_ns + 20 * MS,
            &[0x76 << 1, 0xf7, round as u8],
        )?;
        spi(
            w,
            [self.sck, self.mosi, self.select],
            from_ns + 21 * MS,
            &[0x9f, 0xc2, 0x28, 0x17],
        )?;
        ws2812(
            w,
            self.pixels,
            from_ns + 22 * MS,
            &[[0xff, 0x80, round as u8], [0, 0x20, 0xff]],
        )?;
        one_wire(w, self.one_wire, from_ns + 25 * MS, &[0xcc, 0x44])?;
        w.text(self.console, from_ns, format!("round {round}, all is well").as_bytes())?;
        w.number(self.cpu, from_ns, 12.0 + (round % 7) as f64 * 3.5)?;
        let values: Vec<f32> = (from_ns..end_ns)
            .step_by(100_000)
            .map(|at_ns| (at_ns as f64 / SECOND as f64 * 20.0).sin() as f32 * 1.65 + 1.65)
            .collect();
        w.samples(self.analogue, from_ns, 100_000_000, &values)?;
        Ok(())
    }
}

type Sink = Writer<File>;

/// 115,200 baud, 8N1.
fn uart(w: &mut Sink, lane: LaneId, at_ns: u64, byte: u8) -> Result<u64, WriteError> {
    let bits = u16::from(byte) << 1 | 1 << 9;
    for bit in 0..10 {
        w.level(lane, at_ns + bit * SECOND / 115_200, bits >> bit & 1 != 0)?;
    }
    Ok(at_ns + 11 * SECOND / 115_200)
}

/// 100 kHz, each byte acknowledged.
fn i2c(w: &mut Sink, scl: LaneId, sda: LaneId, from_ns: u64, bytes: &[u8]) -> Result<(), WriteError> {
    let mut at_ns = from_ns;
    let mut step = |w: &mut Sink, lane: LaneId, level: bool| {
        at_ns += 2_500;
        w.level(lane, at_ns, level)
    };
    step(w, sda, false)?;
    step(w, scl, false)?;
    for byte in bytes {
        for bit in (0..9).rev() {
            step(w, sda, u16::from(*byte) << 1 >> bit & 1 != 0)?;
            step(w, scl, true)?;
            step(w, scl, false)?;
        }
    }
    step(w, sda, false)?;
    step(w, scl, true)?;
    step(w, sda, true)
}

/// Mode 0 at 1 MHz.
fn spi(w: &mut Sink, [sck, mosi, select]: [LaneId; 3], from_ns: u64, bytes: &[u8]) -> Result<(), WriteError> {
    w.level(select, from_ns, false)?;
    let mut at_ns = from_ns + 1_000;
    for byte in bytes {
        for bit in (0..8).rev() {
            w.level(mosi, at_ns, byte >> bit & 1 != 0)?;
            w.level(sck, at_ns + 500, true)?;
            w.level(sck, at_ns + 1_000, false)?;
            at_ns += 1_000;
        }
    }
    w.level(mosi, at_ns + 500, false)?;
    w.level(select, at_ns + 500, true)
}

fn ws2812(w: &mut Sink, lane: LaneId, from_ns: u64, pixels: &[[u8; 3]]) -> Result<(), WriteError> {
    let mut at_ns = from_ns;
    for [red, green, blue] in pixels {
        for byte in [green, red, blue] {
            for bit in (0..8).rev() {
                let high_ns = if byte >> bit & 1 != 0 { 800 } else { 400 };
                w.level(lane, at_ns, true)?;
                w.level(lane, at_ns + high_ns, false)?;
                at_ns += 1_250;
            }
        }
    }
    Ok(())
}

fn one_wire(w: &mut Sink, lane: LaneId, from_ns: u64, bytes: &[u8]) -> Result<(), WriteError> {
    let mut low = |at_ns: u64, ns: u64| {
        w.level(lane, at_ns, false)?;
        w.level(lane, at_ns + ns, true)
    };
    low(from_ns, 500_000)?;
    low(from_ns + 530_000, 120_000)?;
    let mut at_ns = from_ns + 1_000_000;
    for byte in bytes {
        for bit in 0..8 {
            low(at_ns, if byte >> bit & 1 != 0 { 6_000 } else { 60_000 })?;
            at_ns += 70_000;
        }
    }
    Ok(())
}
