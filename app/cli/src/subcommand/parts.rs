//! `drydock parts`: the virtual parts of a board and their values.

use crate::{
    arguments::{Parts as Arguments, PartsAction},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{BoardRef, PartAdd, PartView, PartsSet};
use std::path::Path;

pub(crate) async fn parts(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = act(&connection, arguments, output).await;
    connection.close().await;
    outcome.map(|()| Exit::Success)
}

async fn act(connection: &Connection, arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    match &arguments.action {
        None | Some(PartsAction::List) => {
            let board = BoardRef {
                board: arguments.board.clone(),
            };
            let parts = ask!(connection, PartsList(board))?;
            if parts.is_empty() {
                output.say(format!(
                    "{} has no parts; `--part` adds one to a new board.",
                    arguments.board
                ));
            }
            show(&parts, output);
        }
        Some(PartsAction::Set { property, value }) => {
            let Some((part, property)) = property.split_once('.') else {
                let text =
                    format!("{property} is no property of a part; write PART.PROPERTY, as in bme280.temperature.");
                return Err(Failure::new(Exit::Usage, text));
            };
            let set = PartsSet {
                board: arguments.board.clone(),
                part: part.to_owned(),
                property: property.to_owned(),
                value: *value,
            };
            show(&[ask!(connection, PartsSet(set))?], output);
        }
    }
    Ok(())
}

fn show(parts: &[PartView], output: &Output) {
    for part in parts {
        output.object("part", part);
        output.say_in_ink(&[
            (Ink::Bold, &part.name),
            (Ink::Dim, &format!("  {}; {}", part.title, part.place)),
        ]);
        if let Some(why) = &part.stopped {
            output.say_in_ink(&[(Ink::Red, &format!("  It is stopped: {why}."))]);
        }
        let rows: Vec<_> = part
            .properties
            .iter()
            .map(|property| {
                vec![
                    (Ink::Plain, format!("  {}.{}", part.name, property.name)),
                    (
                        Ink::Bold,
                        format!("{} {}", property.value, property.unit).trim_end().to_owned(),
                    ),
                    (
                        Ink::Dim,
                        match property.reading {
                            true => "reading".to_owned(),
                            false => format!("{} to {}", property.min, property.max),
                        },
                    ),
                ]
            })
            .collect();
        if !rows.is_empty() {
            output.table(&["  property", "value", "range"], &rows);
        }
        if let Some(picture) = &part.picture {
            for line in drawn(&picture.rows) {
                output.say(format!("  {line}"));
            }
        }
    }
}

/// A display in a terminal: two rows of dots in each line.
fn drawn(rows: &[String]) -> Vec<String> {
    if rows.iter().all(|row| row.trim().is_empty()) {
        return vec!["It is dark.".to_owned()];
    }
    let pair = |pair: &[String]| {
        let lower = pair.get(1).map_or("", String::as_str);
        let lower = lower.chars().chain(std::iter::repeat(' '));
        let dots = pair[0].chars().zip(lower);
        let dots = dots.map(|dots| match dots {
            ('#', '#') => '█',
            ('#', _) => '▀',
            (_, '#') => '▄',
            _ => ' ',
        });
        format!("│{}│", dots.collect::<String>())
    };
    rows.chunks(2).map(pair).collect()
}

/// A part from its argument: `KIND` or `FILE.wasm`, and then `,KEY=VALUE,…` with the keys `name`, `bus`, `address`, `select`,
/// `pin`, or the name of a property or of a line, whose value is a pin.
pub(crate) fn part(text: &str) -> Result<PartAdd, String> {
    let mut fields = text.split(',');
    let kind = fields.next().unwrap_or_default();
    let mut part = match Path::new(kind).extension() {
        Some(extension) if extension == "wasm" => module(Path::new(kind))?,
        _ => PartAdd {
            kind: kind.to_owned(),
            ..PartAdd::default()
        },
    };
    for field in fields {
        let (key, value) = field
            .split_once('=')
            .ok_or_else(|| format!("`{field}` has no value; write KEY=VALUE"))?;
        let owned = Some(value.to_owned());
        match key {
            "name" => part.name = owned,
            "bus" => part.bus = owned,
            "select" => part.select = owned,
            "pin" => part.pin = owned,
            "address" => {
                let digits = value.strip_prefix("0x");
                let number = digits.map_or_else(|| value.parse(), |digits| u8::from_str_radix(digits, 16));
                part.address = Some(number.map_err(|_| format!("`{value}` is no address; write one as in 0x76"))?);
            }
            line if value.starts_with('P') => {
                part.pins.insert(line.to_owned(), value.to_owned());
            }
            property => {
                let number = value.parse().map_err(|_| format!("`{value}` is no number"))?;
                part.values.insert(property.to_owned(), number);
            }
        }
    }
    Ok(part)
}

/// A part that is a module; its kind is called as the file is.
fn module(path: &Path) -> Result<PartAdd, String> {
    let absolute = std::path::absolute(path).map_err(|error| format!("{} cannot be found: {error}", path.display()))?;
    Ok(PartAdd {
        kind: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        module: Some(absolute.to_string_lossy().into_owned()),
        ..PartAdd::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_of_a_display_are_one_line() {
        let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
        assert_eq!(drawn(&rows(&["## #", "#  #", "#   "])), ["│█▀ █│", "│▀   │"]);
        assert_eq!(drawn(&rows(&["    ", "    "])), ["It is dark."]);
    }

    #[test]
    fn a_part_is_a_kind_and_what_differs() {
        assert_eq!(part("bme280").unwrap().kind, "bme280");
        let full = part("bme280,name=out,bus=i2c,address=0x77,temperature=-3.5").unwrap();
        assert_eq!(
            (full.name.as_deref(), full.bus.as_deref(), full.address),
            (Some("out"), Some("i2c"), Some(0x77))
        );
        assert_eq!(full.values["temperature"], -3.5);
        let lines = part("rgb-led,red=P0.24,blue=P0.06,active_low=1").unwrap();
        assert_eq!(
            (lines.pins["red"].as_str(), lines.pins["blue"].as_str()),
            ("P0.24", "P0.06")
        );
        assert_eq!(lines.values["active_low"], 1.0);
        let own = part("parts/my-sensor.wasm,address=0x40").unwrap();
        assert_eq!((own.kind.as_str(), own.address), ("my-sensor", Some(0x40)));
        let file = own.module.unwrap();
        assert!(
            Path::new(&file).is_absolute() && file.ends_with("parts/my-sensor.wasm"),
            "{file}"
        );
        for (wrong, text) in [
            ("bme280,cold", "`cold` has no value; write KEY=VALUE"),
            ("bme280,address=0x1ff", "`0x1ff` is no address; write one as in 0x76"),
            ("bme280,temperature=warm", "`warm` is no number"),
        ] {
            assert_eq!(part(wrong).unwrap_err(), text);
        }
    }
}
