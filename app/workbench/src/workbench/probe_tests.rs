//! Looks at boards over their debug probes, from the API down to the memory of virtual boards.

use super::cable_tests::{cable, call, console_until, hardware, put, workbench};
use super::*;
use crate::{
    api::{
        CableAction, ConsoleOpen, ConsoleSend, ConsoleView, PortRef, ProfileFormat, ProfileSample, ProfileSampleStop,
    },
    fleet::PortUser,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::time::{Duration, Instant};

/// Where the program of these tests has its RTT console: in the RAM of the STM32F407.
const BLOCK: u32 = 0x2000_0400;
const UP: u32 = 0x2000_0800;
const DOWN: u32 = 0x2000_0900;
const RING_BYTES: u32 = 64;

fn rtt(probe: &str) -> ConsoleOpen {
    ConsoleOpen {
        path: probe.into(),
        baud: 0,
        kind: None,
        log: None,
        defmt: None,
    }
}

async fn write(workbench: &Workbench, board: &str, address: u32, bytes: Vec<u8>) {
    let machine = workbench.workbench.hardware.desk.machine(board);
    let written = machine
        .with_machine(move |machine| machine.write_memory(address, &bytes).is_ok())
        .await;
    assert!(written.unwrap());
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// What a program does that sets its console up with one channel each way, and writes to it.
async fn program_says(workbench: &Workbench, board: &str, text: &str) {
    let count = text.len() as u32;
    write(workbench, board, UP, text.as_bytes().to_vec()).await;
    let channels = [0, UP, RING_BYTES, count, 0, 0, 0, DOWN, RING_BYTES, 0, 0, 0];
    write(workbench, board, BLOCK + 24, words(&channels)).await;
    write(workbench, board, BLOCK + 16, words(&[1, 1])).await;
    write(workbench, board, BLOCK, b"SEGGER RTT\0\0\0\0\0\0".to_vec()).await;
}

fn shown(console: &ConsoleView) -> String {
    let bytes = console
        .chunks
        .iter()
        .map(|chunk| BASE64_STANDARD.decode(&chunk.base64).unwrap());
    String::from_utf8(bytes.flatten().collect()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_over_a_probe_shows_the_rtt_console_and_waits_for_it() {
    let Some(workbench) = workbench(&[]).await else { return };
    let desk = put(&workbench, "stm32f4-discovery", true, "b1").await;
    let probe = desk.probe.clone().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log.bin");
    let open = ConsoleOpen {
        log: Some(log.display().to_string()),
        ..rtt(&probe)
    };
    let opened = call!(workbench, ConsoleOpen(open)).unwrap();
    assert_eq!((opened.open, opened.baud), (true, None));
    let waits = console_until(&workbench, &probe, |console| console.text.is_some()).await;
    assert!(waits.open, "{waits:?}");
    assert!(waits.text.unwrap().starts_with("Waits for the program"));
    let early = ConsoleSend {
        path: probe.clone(),
        base64: BASE64_STANDARD.encode("too early"),
    };
    call!(workbench, ConsoleSend(early)).unwrap();
    let said = |console: &ConsoleView| {
        console
            .text
            .as_deref()
            .is_some_and(|text| text.contains("nothing was sent"))
    };
    console_until(&workbench, &probe, said).await;
    let again = call!(workbench, ConsoleOpen(rtt(&probe))).unwrap_err();
    assert!(again.message.contains("There is a terminal on"), "{again}");

    program_says(&workbench, &desk.name, "hello\n").await;
    let read = console_until(&workbench, &probe, |console| shown(console) == "hello\n").await;
    assert_eq!(read.text, None);
    assert_eq!(std::fs::read(&log).unwrap(), b"hello\n");

    let send = ConsoleSend {
        path: probe.clone(),
        base64: BASE64_STANDARD.encode("led on\n"),
    };
    call!(workbench, ConsoleSend(send)).unwrap();
    let machine = workbench.workbench.hardware.desk.machine(&desk.name);
    let begin = Instant::now();
    loop {
        let read = machine.with_machine(|machine| {
            let (mut ring, mut offset) = ([0; 7], [0; 4]);
            machine.read_memory(DOWN, &mut ring).unwrap();
            machine.read_memory(BLOCK + 48 + 12, &mut offset).unwrap();
            (ring, u32::from_le_bytes(offset))
        });
        if read.await.unwrap() == (*b"led on\n", 7) {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "it was not sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    cable(&workbench, &desk.name, CableAction::Pull).await;
    let away = console_until(&workbench, &probe, |console| !console.open).await;
    assert!(away.text.unwrap().starts_with("Waits for the board"));
    cable(&workbench, &desk.name, CableAction::Plug).await;
    console_until(&workbench, &probe, |console| console.open).await;
    program_says(&workbench, &desk.name, "back\n").await;
    console_until(&workbench, &probe, |console| shown(console).ends_with("back\n")).await;

    call!(workbench, ConsoleClose(PortRef { path: probe.clone() })).unwrap();
    assert_eq!(hardware(&workbench).await.probes[0].used_by, None);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_is_used_or_missing_gives_no_terminal() {
    let Some(workbench) = workbench(&[]).await else { return };
    let desk = put(&workbench, "nano33ble", true, "b2").await;
    let probe = desk.probe.clone().unwrap();
    let job = workbench
        .workbench
        .hardware
        .uses
        .lease(&probe, PortUser::Job(7))
        .unwrap();
    let refused = call!(workbench, ConsoleOpen(rtt(&probe))).unwrap_err();
    assert!(refused.message.contains("job 7"), "{refused}");
    drop(job);
    let unknown = ConsoleOpen {
        kind: Some("nono".into()),
        ..rtt(&probe)
    };
    let unknown = call!(workbench, ConsoleOpen(unknown)).unwrap_err();
    assert!(unknown.message.contains("no kind of board nono"), "{unknown}");
    let missing = call!(workbench, ConsoleOpen(rtt("0483:374b:066"))).unwrap_err();
    assert!(missing.message.contains("no debug probe 0483:374b:066"), "{missing}");
    assert!(missing.message.contains(&probe), "{missing}");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_over_a_probe_name_the_firmwares_functions() {
    let Some(workbench) = workbench(&["nano33ble"]).await else {
        return;
    };
    let desk = put(&workbench, "nano33ble", false, "b3").await;
    let probe = desk.probe.clone().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let folded = directory.path().join("profile.txt");
    let sample = ProfileSample {
        probe: probe.clone(),
        kind: None,
        elf: None,
        for_s: 0.5,
        top: 1000,
        format: Some(ProfileFormat::Folded),
        dark: false,
        path: Some(folded.display().to_string()),
    };
    let sampled = call!(workbench, ProfileSample(sample.clone())).unwrap();
    assert!(sampled.samples > 0, "{sampled:?}");
    assert!(sampled.text.starts_with(&format!("{} samples at ", sampled.samples)));
    let counted: u64 = sampled.functions.iter().map(|function| function.samples).sum();
    assert_eq!(counted, sampled.samples);
    let named = sampled.functions.iter().filter(|function| function.address != 0);
    let named: u64 = named.map(|function| function.samples).sum();
    assert!(named * 10 >= counted * 9, "{sampled:#?}");
    let file = std::fs::read_to_string(&folded).unwrap();
    let first = &sampled.functions[0];
    let line = format!("samples;{} {}", first.name.replace(';', ":"), first.samples);
    assert_eq!(file.lines().next(), Some(line.as_str()));
    assert_eq!(hardware(&workbench).await.probes[0].used_by, None);

    let stop = ProfileSampleStop { probe: probe.clone() };
    let none = call!(workbench, ProfileSampleStop(stop.clone())).unwrap_err();
    assert!(none.message.contains("No profile is being sampled"), "{none}");
    let long = ProfileSample {
        for_s: 300.0,
        format: None,
        path: None,
        ..sample.clone()
    };
    let stopping = async {
        while call!(workbench, ProfileSampleStop(stop.clone())).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (sampled, ()) = tokio::join!(async { call!(workbench, ProfileSample(long)) }, stopping);
    assert!(sampled.unwrap().seconds < 200.0);
    assert_eq!(hardware(&workbench).await.probes[0].used_by, None);

    let coverage = ProfileSample {
        format: Some(ProfileFormat::Coverage),
        ..sample.clone()
    };
    let refused = call!(workbench, ProfileSample(coverage)).unwrap_err();
    assert!(refused.message.contains("coverage"), "{refused}");
    call!(workbench, ConsoleOpen(rtt(&probe))).unwrap();
    let refused = call!(workbench, ProfileSample(sample)).unwrap_err();
    assert!(refused.message.contains("There is a terminal on"), "{refused}");
    workbench.shutdown().await;
}
