//! A table of values that parts follow over the board's time, and the CSV file that it is read from.
//!
//! The first column is the time in seconds, the others are values of parts. A value holds from its row's time on until the
//! next one: values step, nothing is interpolated. An empty cell changes nothing.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use drydock_assets::{Millionths, Part};
use serde::{Deserialize, Serialize};

use super::time::VirtualTime;

/// Longest file, in bytes.
pub const TABLE_BYTES_MAX: usize = 4 << 20;
/// Most values of a table: rows by columns.
pub const TABLE_VALUES_MAX: usize = 500_000;
/// Latest time of a row: 100 days.
const LATEST_US: i64 = 8_640_000 * 1_000_000;
/// Problems that are told of one file.
const PROBLEMS_MAX: usize = 20;

/// Values of parts over time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartTable {
    /// Part and property of each column.
    columns: Vec<(String, String)>,
    /// Times of the rows since the start, rising.
    times: Vec<VirtualTime>,
    /// Row by row.
    values: Vec<Option<Millionths>>,
}

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableProblem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The problem, as a clause.
    pub what: String,
}

impl fmt::Display for TableProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
pub enum TableFileError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has no table for the board.
    #[error("{}", listed(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problems: Vec<TableProblem>,
    },
}

fn listed(path: &Path, problems: &[TableProblem]) -> String {
    let problems = problems.iter().map(|problem| format!("{}:{problem}", path.display()));
    problems.collect::<Vec<_>>().join("; ")
}

impl PartTable {
    /// Reads a CSV file for a board with these parts. Blocks.
    ///
    /// # Errors
    /// [`TableFileError`].
    pub fn read_file(path: &Path, parts: &[Part]) -> Result<Self, TableFileError> {
        let mut bytes = Vec::new();
        let file = fs::File::open(path);
        let read = file.and_then(|file| file.take(TABLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
        let path = path.to_owned();
        match read {
            Err(source) => Err(TableFileError::Unreadable { path, source }),
            Ok(_) => Self::read(&bytes, parts).map_err(|problems| TableFileError::Invalid { path, problems }),
        }
    }

    /// Reads a CSV file for a board with these parts.
    ///
    /// # Errors
    /// What is wrong with it, at least one problem and at most 20.
    pub fn read(file: &[u8], parts: &[Part]) -> Result<Self, Vec<TableProblem>> {
        let whole = |what: String| {
            let (line, column) = (1, 1);
            vec![TableProblem { line, column, what }]
        };
        if file.len() > TABLE_BYTES_MAX {
            return Err(whole(format!("the file has more than {TABLE_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(file).map_err(|_| whole("the file is no text in UTF-8".to_owned()))?;
        // Spreadsheets begin a file with it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reading = Reading::default();
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((number, header)) = lines.next() else {
            return Err(whole(
                "the file is empty; its first line names the columns: time,PART.VALUE".to_owned(),
            ));
        };
        let columns = reading.header(number + 1, header, parts);
        let mut table = Self {
            columns: Vec::new(),
            times: Vec::new(),
            values: Vec::new(),
        };
        // Without its columns, nothing is known of the cells.
        if reading.problems.is_empty() {
            for (number, line) in lines {
                if reading.problems.len() >= PROBLEMS_MAX {
                    break;
                }
                reading.row(&mut table, number + 1, line, &columns);
            }
            if table.times.is_empty() && reading.problems.is_empty() {
                reading.problem(number + 1, 1, "no row of values follows".to_owned());
            }
        }
        table.columns = columns
            .into_iter()
            .map(|(part, property)| (part.name.clone(), property))
            .collect();
        reading.problems.truncate(PROBLEMS_MAX);
        match reading.problems.is_empty() {
            true => Ok(table),
            false => Err(reading.problems),
        }
    }

    /// Part and property of each column.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns
            .iter()
            .map(|(part, property)| (part.as_str(), property.as_str()))
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// Time of the last row.
    pub fn lasts(&self) -> VirtualTime {
        self.times.last().copied().unwrap_or(VirtualTime::ZERO)
    }

    /// When a row is due, since the start; `None` behind the last one.
    pub(crate) fn time(&self, row: usize) -> Option<VirtualTime> {
        self.times.get(row).copied()
    }

    /// Bytes that it occupies, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.times[..]) + size_of_val(&self.values[..])
    }

    /// Part, property and value of a row's cells that are not empty.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = (&str, &str, Millionths)> {
        let width = self.columns.len();
        let values = &self.values[row * width..(row + 1) * width];
        let values = self.columns().zip(values);
        values.filter_map(|((part, property), value)| Some((part, property, (*value)?)))
    }
}

/// A file that is being read.
#[derive(Default)]
struct Reading {
    problems: Vec<TableProblem>,
}

impl Reading {
    fn problem(&mut self, line: usize, column: usize, what: String) {
        self.problems.push(TableProblem { line, column, what });
    }

    fn header<'p>(&mut self, number: usize, line: &str, parts: &'p [Part]) -> Vec<(&'p Part, String)> {
        let mut columns: Vec<(&Part, String)> = Vec::new();
        for (index, (column, cell)) in cells(line).enumerate() {
            if index == 0 {
                if !["time", "seconds", "s"].contains(&cell) {
                    self.problem(number, column, "the first column must be `time`, in seconds".to_owned());
                }
                continue;
            }
            match find(cell, parts) {
                Ok((part, property)) => {
                    let is_there = |(its, name): &(&Part, String)| its.name == part.name && name == property;
                    if columns.iter().any(is_there) {
                        self.problem(number, column, format!("`{cell}` is there twice"));
                    }
                    columns.push((part, property.to_owned()));
                }
                Err(what) => self.problem(number, column, what),
            }
        }
        if columns.is_empty() && self.problems.is_empty() {
            let what = "a column with values is missing, such as bme280.temperature";
            self.problem(number, 1, what.to_owned());
        }
        columns
    }

    fn row(&mut self, table: &mut PartTable, number: usize, line: &str, columns: &[(&Part, String)]) {
        let mut cells = cells(line);
        let (column, text) = cells.next().unwrap_or((1, ""));
        let before = table.times.last().copied();
        match decimal(text) {
            Some(Millionths(us)) if (0..=LATEST_US).contains(&us) => {
                let time = VirtualTime::from_us(us.unsigned_abs());
                if before.is_some_and(|before| time <= before) {
                    self.problem(
                        number,
                        column,
                        "the time must be later than that of the row before".to_owned(),
                    );
                }
                table.times.push(time);
            }
            Some(_) => self.problem(number, column, "the time must be from 0 s to 100 days".to_owned()),
            None => self.problem(number, column, format!("`{}` is no time in seconds", short(text))),
        }
        if table.values.len() + columns.len() > TABLE_VALUES_MAX {
            self.problem(number, 1, format!("a table has at most {TABLE_VALUES_MAX} values"));
            return;
        }
        let mut given = 0;
        for (column, text) in cells {
            let Some((part, property)) = columns.get(given) else {
                self.problem(number, column, "the row has more cells than the first line".to_owned());
                return;
            };
            given += 1;
            let value = match text {
                "" => None,
                _ => decimal(text),
            };
            match value {
                None if !text.is_empty() => self.problem(number, column, format!("`{}` is no number", short(text))),
                Some(value) => {
                    if let Err(what) = part.kind.check(property, value) {
                        self.problem(number, column, what);
                    }
                }
                None => {}
            }
            table.values.push(value);
        }
        if given < columns.len() {
            let column = line.chars().count() + 1;
            self.problem(number, column, "the row has fewer cells than the first line".to_owned());
        }
    }
}

/// The cells of a line, each with its column; without quotes around it.
fn cells(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut column = 1;
    line.split(',').map(move |cell| {
        let indent = cell.chars().take_while(|letter| letter.is_whitespace()).count();
        let at = column + indent;
        column += cell.chars().count() + 1;
        let cell = cell.trim();
        let quoted = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
        (at, quoted.unwrap_or(cell))
    })
}

fn decimal(text: &str) -> Option<Millionths> {
    Millionths::from_f64(text.parse().ok()?)
}

fn find<'p, 't>(text: &'t str, parts: &'p [Part]) -> Result<(&'p Part, &'t str), String> {
    let Some((name, property)) = text.split_once('.') else {
        return Err(format!("`{}` is no value of a part; write PART.VALUE", short(text)));
    };
    let Some(part) = parts.iter().find(|part| part.name == name) else {
        let known: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        return Err(match known[..] {
            [] => format!("there is no part {}; the board has none", short(name)),
            _ => format!("there is no part {}; there are: {}", short(name), known.join(", ")),
        });
    };
    // Whether it exists and can be set.
    let start = part
        .kind
        .property(property)
        .map_or_else(Millionths::default, |known| known.start);
    part.kind.check(property, start)?;
    Ok((part, property))
}

/// The beginning of a text from a file.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use drydock_assets::PartChoice;
    use proptest::prelude::*;

    use super::*;

    fn board() -> drydock_assets::Board {
        let mut board = drydock_assets::board("nano33ble").unwrap();
        board.parts.clear();
        for part in ["bme280", "potentiometer", "led,pin=P0.13"] {
            let choice: PartChoice = part.parse().unwrap();
            board.add_part(&choice, drydock_assets::part_kinds()).unwrap();
        }
        board
    }

    fn read(text: &str) -> Result<PartTable, Vec<TableProblem>> {
        PartTable::read(text.as_bytes(), &board().parts)
    }

    #[track_caller]
    fn refused(text: &str, expected: &[&str]) {
        let problems = read(text).unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, expected);
    }

    #[test]
    fn all_that_is_wrong_is_said_with_its_place() {
        refused(
            "",
            &["1:1: the file is empty; its first line names the columns: time,PART.VALUE"],
        );
        refused(
            "time\n0",
            &["1:1: a column with values is missing, such as bme280.temperature"],
        );
        refused("time,potentiometer.position\n", &["1:1: no row of values follows"]);
        refused(
            "t,bme280.heat, lamp.x,bme280,led.brightness,bme280.humidity,bme280.humidity\n",
            &[
                "1:1: the first column must be `time`, in seconds",
                "1:3: a bme280 has no `heat`; it has: temperature, pressure, humidity",
                "1:16: there is no part lamp; there are: bme280, potentiometer, led",
                "1:23: `bme280` is no value of a part; write PART.VALUE",
                "1:30: `brightness` is read from a led and cannot be set",
                "1:61: `bme280.humidity` is there twice",
            ],
        );
        refused(
            "time,bme280.temperature\n0,20\n0,21\nsoon,22\n-1,23\n5,warm\n6,99\n7\n8,1,2\n",
            &[
                "3:1: the time must be later than that of the row before",
                "4:1: `soon` is no time in seconds",
                "5:1: the time must be from 0 s to 100 days",
                "6:3: `warm` is no number",
                "7:3: `temperature` is 99, outside -40 to 85 °C",
                "8:2: the row has fewer cells than the first line",
                "9:5: the row has more cells than the first line",
            ],
        );
        assert_eq!(
            read(&format!("time,bme280.humidity\n{}", "x,1\n".repeat(100)))
                .unwrap_err()
                .len(),
            20
        );
        assert!(PartTable::read(&[0xff], &board().parts).is_err());
    }

    proptest! {
        /// What is written of numbers is read as these numbers, and any text is read or refused with places in it.
        #[test]
        fn tables_are_read_as_they_were_written(rows in prop::collection::vec((1_u32..1_000_000, -40_000_000_i64..85_000_000), 1..50), noise in ".{0,200}") {
            let mut text = "time,bme280.temperature\n".to_owned();
            let mut us = 0_u64;
            let mut expected = Vec::new();
            for (step, value) in rows {
                us += u64::from(step);
                text += &format!("{},{}\n", us as f64 / 1e6, value as f64 / 1e6);
                expected.push((VirtualTime::from_us(us), Some(Millionths(value))));
            }
            let table = read(&text).unwrap();
            let found: Vec<_> = table.times.iter().copied().zip(table.values.iter().copied()).collect();
            prop_assert_eq!(found, expected);
            let noisy = format!("time,bme280.temperature\n{noise}");
            if let Err(problems) = read(&noisy) {
                prop_assert!(!problems.is_empty());
                let lines = noisy.lines().count();
                prop_assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line) && problem.column > 0));
            }
        }
    }
}
