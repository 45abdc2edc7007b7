//! The parts that ship as modules, register by register.

use super::super::model::PartModel as _;
use super::*;

fn shipped(name: &str) -> Option<Program> {
    let module = drydock_embedded::part_modules()
        .iter()
        .find(|module| module.name == name);
    let Some(module) = module else {
        println!("drydock-skip: {name} was not built; run `cargo xtask apps`");
        return None;
    };
    Some(Program::new(name, &PartProgram(module.wasm.into())).unwrap())
}

const NOW: VirtualTime = VirtualTime::from_ms(1);

fn write(part: &mut Program, bytes: &[u8]) {
    assert!(part.start(NOW, 0x68, false));
    bytes.iter().for_each(|byte| assert!(part.write(NOW, *byte)));
    part.stop(NOW);
}

fn read(part: &mut Program, register: u8, count: usize) -> Vec<u8> {
    assert!(part.start(NOW, 0x68, false) && part.write(NOW, register) && part.start(NOW, 0x68, true));
    let bytes = (0..count).map(|_| part.read(NOW)).collect();
    part.stop(NOW);
    bytes
}

#[test]
fn the_mpu6050_measures_when_it_is_awake() {
    let Some(mut part) = shipped("mpu6050") else { return };
    assert_eq!(
        [read(&mut part, 0x75, 1), read(&mut part, 0x6b, 1)],
        [[0x68], [0x40]],
        "it sleeps"
    );
    assert_eq!(read(&mut part, 0x3a, 7), [0; 7]);
    write(&mut part, &[0x6b, 0x00]);
    for (property, millionths) in [
        ("acceleration_x", 500_000),
        ("acceleration_y", -2_500_000),
        ("rotation_y", -100_000_000),
        ("temperature", 36_530_000),
    ] {
        part.set(NOW, property, Millionths(millionths));
    }
    assert_eq!(read(&mut part, 0x3a, 1), [1], "data ready");
    // ±2 g and ±250 °/s: 8,192 counts, the end of the range, one g; no degrees; −13,100.
    let measured = read(&mut part, 0x3b, 14);
    assert_eq!(measured, [0x20, 0, 0x80, 0, 0x40, 0, 0, 0, 0, 0, 0xcc, 0xd4, 0, 0]);
    // ±16 g and ±2,000 °/s: an eighth of it.
    write(&mut part, &[0x1b, 0x18, 0x18]);
    let measured = read(&mut part, 0x3b, 14);
    assert_eq!(measured, [0x04, 0, 0xec, 0, 0x08, 0, 0, 0, 0, 0, 0xf9, 0x9b, 0, 0]);
    // Registers of measurements and of its identity are read only; a reset brings back the rest.
    write(&mut part, &[0x75, 0]);
    write(&mut part, &[0x6b, 0x80]);
    assert_eq!(
        [
            read(&mut part, 0x75, 1),
            read(&mut part, 0x1b, 1),
            read(&mut part, 0x6b, 1)
        ],
        [[0x68], [0], [0x40]]
    );
    assert_eq!(part.stopped(), None);
}

#[test]
fn the_max7219_takes_the_last_word_when_it_is_released() {
    let Some(mut part) = shipped("max7219") else { return };
    let mut send = |bytes: &[u8]| {
        part.select(NOW, true);
        let out: Vec<u8> = bytes.iter().map(|byte| part.transfer(NOW, *byte)).collect();
        part.select(NOW, false);
        (out, part.picture(NOW).unwrap().dots)
    };
    let lit = |dots: &[u8]| dots.iter().filter(|dot| **dot > 0).count();
    assert_eq!(lit(&send(&[0x01, 0xff]).1), 0, "in shutdown");
    assert_eq!(lit(&send(&[0x0c, 0x01]).1), 8, "the first row, in which all is on");
    assert_eq!(lit(&send(&[0x02, 0x81]).1), 8, "only one row is scanned");
    let (_, dots) = send(&[0x0b, 0x07]);
    assert_eq!((lit(&dots), dots[8], dots[15], dots[9]), (10, 8, 8, 0), "1/32");
    assert_eq!(send(&[0x0a, 0x0f]).1[0], 31 * 8);
    let (out, dots) = send(&[0x03, 0xff, 0x01, 0x00]);
    assert_eq!(
        (out, lit(&dots)),
        (vec![0x0a, 0x0f, 0x03, 0xff], 2),
        "bits go on, the last word counts"
    );
    assert_eq!(lit(&send(&[0x0f, 0x01]).1), 64, "the test lights all");
}
