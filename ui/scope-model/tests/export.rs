//! Exports as other tools read them: sigrok-cli and GTKWave's vcd2fst where they are installed.

use drydock_scope_model::{
    Lane, LaneId, LaneKind, Recording, TimeRange, Writer,
    export::{ExportError, ExportReport, write_csv, write_parquet, write_sigrok, write_vcd},
};
use std::{io::Cursor, io::Read, path::Path, process::Command};

/// A pin, a voltage, a log with what is hard to write, and a gap of the pin from 6 to 8 µs.
fn recording() -> Recording {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let pin = writer
        .declare(&Lane::new("Desk/D13", LaneKind::Digital))
        .expect("a lane");
    let volts = Lane {
        unit: "V".into(),
        ..Lane::new("Desk/A0", LaneKind::Number)
    };
    let volts = writer.declare(&volts).expect("a lane");
    let log = writer.declare(&Lane::new("log $end", LaneKind::Text)).expect("a lane");
    writer.level(pin, 1_000, true).expect("in order");
    writer.level(pin, 3_000, false).expect("in order");
    writer.level(pin, 5_000, true).expect("in order");
    writer.gap(pin, TimeRange::new(6_000, 8_000), 4).expect("in order");
    writer.level(pin, 8_000, false).expect("in order");
    writer.number(volts, 0, 1.25).expect("in order");
    writer.number(volts, 4_000, -0.1).expect("in order");
    writer
        .text(log, 2_000, b"=cmd()\nwith \"two\" lines")
        .expect("in order");
    let bytes = writer.finish(10_000).expect("memory").into_inner();
    Recording::from_bytes(bytes).expect("a recording")
}

const ALL: [LaneId; 3] = [LaneId(0), LaneId(1), LaneId(2)];
const RANGE: TimeRange = TimeRange {
    from_ns: 0,
    until_ns: 10_000,
};

fn run(program: &str, arguments: &[&str], file: &Path) -> Option<String> {
    let output = match Command::new(program).args(arguments).arg(file).output() {
        Ok(output) => output,
        Err(error) => {
            println!("drydock-skip: {program} is not installed ({error})");
            return None;
        }
    };
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{program}: {}{}",
        said(&output.stdout),
        said(&output.stderr)
    );
    Some(said(&output.stdout))
}

#[test]
fn vcd_says_each_change_and_each_gap() {
    let mut out = Vec::new();
    write_vcd(&recording(), &ALL, RANGE, &mut out).expect("memory");
    let text = String::from_utf8(out).expect("ASCII");
    let body = text.split_once("$enddefinitions $end\n").expect("definitions").1;
    assert!(
        text.contains("$scope module Desk $end\n$var wire 1 ! D13 $end\n$upscope $end"),
        "{text}"
    );
    assert!(text.contains("$var string 1 # log__end $end"), "{text}");
    let expected = "#0\n$dumpvars\nx!\nrnan \"\ns #\n$end\nr1.2500000000000000e0 \"\n#1000\n1!\n#2000\n\
                    s=cmd()\\012with\\040\"two\"\\040lines #\n#3000\n0!\n#4000\nr-1.0000000000000001e-1 \"\n#5000\n1!\n\
                    #6000\nx!\n#8000\n0!\n#10000\n";
    assert_eq!(body, expected);
}

/// GTKWave's own converter reads the dump, and fst2vcd gives the same changes back.
#[test]
fn gtkwave_reads_the_vcd() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vcd, fst) = (folder.path().join("a.vcd"), folder.path().join("a.fst"));
    write_vcd(
        &recording(),
        &ALL,
        RANGE,
        &mut std::fs::File::create(&vcd).expect("a file"),
    )
    .expect("written");
    let fst_name = fst.to_str().expect("a name");
    if run("vcd2fst", &["-f", fst_name, "-v"], &vcd).is_none() {
        return;
    }
    let again = run("fst2vcd", &["-f"], &fst).expect("it comes with vcd2fst");
    for part in ["D13", "A0", "log__end", "#6000", "#8000"] {
        assert!(again.contains(part), "{part} is missing: {again}");
    }
    let unknown = again.split("#6000").nth(1).and_then(|rest| rest.split('#').next());
    assert!(
        unknown.is_some_and(|change| change.trim_start().starts_with('x')),
        "{again}"
    );
}

#[test]
fn csv_has_a_line_for_each_entry() {
    let mut out = Vec::new();
    write_csv(&recording(), &ALL, RANGE, &mut out).expect("memory");
    let text = String::from_utf8(out).expect("UTF-8");
    let expected = "time_ns,lane,unit,value,gap_until_ns\n0,Desk/A0,V,1.25,\n1000,Desk/D13,,1,\n\
                    2000,log $end,,\"'=cmd()\nwith \"\"two\"\" lines\",\n3000,Desk/D13,,0,\n4000,Desk/A0,V,-0.1,\n\
                    5000,Desk/D13,,1,\n6000,Desk/D13,,,8000\n8000,Desk/D13,,0,\n";
    assert_eq!(text, expected);
}

#[test]
fn a_session_file_holds_the_samples() {
    let mut out = Cursor::new(Vec::new());
    let report = write_sigrok(&recording(), &ALL, RANGE, 1_000_000, &mut out).expect("memory");
    let expected = ExportReport {
        gaps_hidden: 1,
        lanes_left_out: 1,
    };
    assert_eq!(report, expected);
    let mut archive = zip::ZipArchive::new(out).expect("an archive");
    let mut file = |name: &str| {
        let mut bytes = Vec::new();
        archive
            .by_name(name)
            .expect(name)
            .read_to_end(&mut bytes)
            .expect("memory");
        bytes
    };
    assert_eq!(file("version"), b"2");
    let metadata = String::from_utf8(file("metadata")).expect("ASCII");
    assert!(metadata.contains("probe1=Desk/D13\nanalog2=Desk/A0\n"), "{metadata}");
    assert_eq!(file("logic-1-1"), [0, 1, 1, 0, 0, 1, 1, 1, 0, 0]);
    let volts: Vec<f32> = file("analog-1-2-1")
        .chunks_exact(4)
        .map(|sample| f32::from_le_bytes(sample.try_into().expect("four bytes")))
        .collect();
    assert_eq!(volts, [1.25, 1.25, 1.25, 1.25, -0.1, -0.1, -0.1, -0.1, -0.1, -0.1]);
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let refused = |lanes: &[LaneId], range, rate_hz| {
        let result = write_sigrok(&recording(), lanes, range, rate_hz, Cursor::new(Vec::new()));
        matches!(result, Err(ExportError::NotSampled))
    };
    assert!(refused(&[LaneId(2)], RANGE, 1_000_000), "only texts");
    assert!(
        refused(&ALL, RANGE, 0) && refused(&ALL, RANGE, 2_000_000_000),
        "the rate"
    );
    assert!(refused(&ALL, TimeRange::new(5, 5), 1_000), "no time");
}

#[test]
fn sigrok_reads_the_session_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.sr");
    let file = std::fs::File::create(&path).expect("a file");
    write_sigrok(&recording(), &[LaneId(0)], RANGE, 1_000_000, file).expect("written");
    let Some(bits) = run("sigrok-cli", &["-O", "bits:width=0", "-i"], &path) else {
        return;
    };
    assert!(bits.lines().any(|line| line.trim() == "Desk/D13:01100111 00"), "{bits}");
    // With a number lane beside it.
    let file = std::fs::File::create(&path).expect("a file");
    write_sigrok(&recording(), &ALL, RANGE, 1_000_000, file).expect("written");
    let Some(shown) = run("sigrok-cli", &["--show", "-i"], &path) else {
        return;
    };
    assert!(shown.contains("Desk/D13") && shown.contains("Desk/A0"), "{shown}");
}

#[test]
fn parquet_has_a_row_for_each_entry() {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::RowAccessor,
    };
    let mut out = Vec::new();
    let report = write_parquet(&recording(), &ALL, RANGE, &mut out).expect("memory");
    assert_eq!(report, ExportReport::default());
    let mut csv = Vec::new();
    write_csv(&recording(), &ALL, RANGE, &mut csv).expect("memory");
    let mut wanted = csv::Reader::from_reader(csv.as_slice());
    let reader = SerializedFileReader::new(bytes::Bytes::from(out)).expect("a Parquet file");
    let mut rows = reader.get_row_iter(None).expect("rows");
    for record in wanted.records() {
        let record = record.expect("a line");
        let row = rows.next().expect("as many rows").expect("a row");
        assert_eq!(row.get_ulong(0).expect("a time").to_string(), record[0]);
        assert_eq!(row.get_string(1).expect("a lane"), &record[1]);
        assert_eq!(row.get_string(2).expect("a unit"), &record[2]);
        let text = row
            .get_bytes(4)
            .map(|bytes| String::from_utf8_lossy(bytes.data()).into_owned());
        let value = row.get_double(3).map(|value| value.to_string());
        assert_eq!(
            value.or(text).unwrap_or_default().trim_start_matches('\''),
            record[3].trim_start_matches('\'')
        );
        let gap = row.get_ulong(5).map(|gap| gap.to_string());
        assert_eq!(gap.unwrap_or_default(), record[4]);
    }
    assert!(rows.next().is_none(), "and no more");
}
