//! Scenario files, which users pass to each other.

use drydock_test::scenario::{Invalid, MAX_BOARDS, MAX_ETHERS, MAX_SEEDS, MAX_STEPS, MAX_WIRES, Scenario};

/// A scenario with every section and every kind of step.
const GOOD: &str = r#"name = "good"
[[board]]
name = "a"
kind = "nano33ble"
firmware = "a.elf"
address = 0x1000
seed = 7
[[board.part]]
kind = "bme280"
address = 0x77
values = { temperature = -5.5 }
[[board.part]]
kind = "rgb-led"
name = "lamp"
pins = { red = "P0.24" }
[[board]]
name = "b"
kind = "stm32f4-discovery"
firmware = "b.elf"
[[wire]]
name = "link"
uart = ["a:0", "b:1"]
[[wire]]
pin = ["a:LED", "b:USER"]
[[ether]]
name = "air"
boards = ["a"]
loss = "5 %"
attenuation = 60
[[step]]
expect = "ready"
on = "a:semihosting"
within = "200 ms"
[[step]]
matches = 'x(\d+)'
on = "a:usb"
within = "1.5 s"
[[step]]
absent = "no"
on = "b"
during = "2 min"
[[step]]
send = "hello\r\n"
to = "b:1"
[[step]]
wait = "10 us"
[[step]]
pin = "a:P0.13"
level = "floating"
[[step]]
pin = "a:LED"
frequency = "5 Hz"
tolerance = "2 %"
over = "2 s"
[[step]]
drive = "a:P1.11"
level = "low"
[[step]]
press = "b:USER"
during = "1 ms"
[[step]]
release = "a:D2"
[[step]]
power_cut = "a"
during = "1 s"
[[step]]
reset = "b"
[[step]]
noise = "link"
rate = "0.1 %"
[[step]]
set = "a:bme280.temperature"
to = 31.5
[[step]]
part = "a:lamp.red"
above = 10
below = 90.5
within = "1 s"
[[step]]
play = "values.csv"
on = "a"
[[step]]
fault = "a:bme280"
how = "stuck"
[[step]]
frame = "41 ?? 01"
from = "a"
channel = 15
within = "5 ms"
[[step]]
inject = "42 02 01 02"
as = "ble"
channel = 37
power = -4.5
on = "air"
[[step]]
loss = "1 %"
[[step]]
exit = "a"
code = 3
within = "1 s"
[matrix]
seeds = [1, 2]
"#;

/// Uses the input as a file, and as damage to a good one: two bytes say where it takes the place of how much. A file is
/// refused with at least one problem, each at a place of the file, or it keeps to the limits.
pub fn scenario_file(data: &[u8]) {
    read(&String::from_utf8_lossy(data));
    if let [at, length, damage @ ..] = data {
        let at = usize::from(*at) * GOOD.len() / 256;
        let end = (at + usize::from(*length) % 32).min(GOOD.len());
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes.splice(at..end, damage.iter().take(64).copied());
        read(&String::from_utf8_lossy(&bytes));
    }
}

fn read(text: &str) {
    match Scenario::parse("s.toml", text) {
        Ok(scenario) => {
            assert!((1..=MAX_BOARDS).contains(&scenario.boards.len()));
            assert!(scenario.wires.len() <= MAX_WIRES);
            assert!(scenario.ethers.len() <= MAX_ETHERS);
            assert!((1..=MAX_STEPS).contains(&scenario.steps.len()));
            assert!((1..=MAX_SEEDS).contains(&scenario.seeds.len()));
            let lines = text.lines().count();
            for step in &scenario.steps {
                assert!((1..=lines).contains(&step.line) && !step.text.is_empty());
            }
        }
        Err(Invalid { problems, .. }) => {
            assert!(!problems.is_empty());
            assert!(problems.is_sorted());
            let lines = 1 + text.matches('\n').count();
            for problem in &problems {
                assert!((1..=lines).contains(&problem.line) && problem.column > 0);
                assert!(!problem.what.is_empty());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_good_one_is_good() {
        assert_eq!(
            Scenario::parse("s.toml", GOOD).map(|scenario| scenario.steps.len()),
            Ok(21)
        );
    }
}
