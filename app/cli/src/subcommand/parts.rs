//! `drydock parts`: the virtual parts of a board and their values.

use super::absolute;
use crate::{
    arguments::{Parts as Arguments, PartsAction},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{BoardRef, PartAdd, PartView, PartsContent, PartsPlay, PartsSet};
use drydock_assets::PartChoice;
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
        Some(PartsAction::Play { file, stop: _ }) => {
            let play = PartsPlay {
                board: arguments.board.clone(),
                file: file.as_deref().map(absolute).transpose()?,
            };
            let table = ask!(connection, PartsPlay(play))?;
            output.object("part.table", &table);
            output.say(match table.rows {
                0 => format!("Values of {} no longer follow a table.", arguments.board),
                rows => format!(
                    "The table sets {} of {}: {rows} rows over {} s of the board's time.",
                    table.values.join(", "),
                    arguments.board,
                    table.lasts_s
                ),
            });
        }
        Some(PartsAction::Load { part, file }) => {
            let view = ask!(connection, PartsLoad(content(arguments, part, file)?))?;
            output.object("part.loaded", &view);
            output.say(format!(
                "{part} of {} has what {} has.",
                arguments.board,
                file.display()
            ));
        }
        Some(PartsAction::Save { part, file }) => {
            let saved = ask!(connection, PartsSave(content(arguments, part, file)?))?;
            output.object("part.saved", &saved);
            output.say(format!("{} has the {} bytes of {part}.", saved.path, saved.bytes));
        }
    }
    Ok(())
}

fn content(arguments: &Arguments, part: &str, file: &Path) -> Result<PartsContent, Failure> {
    Ok(PartsContent {
        board: arguments.board.clone(),
        part: part.to_owned(),
        file: absolute(file)?,
    })
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
        if !part.lights.is_empty() {
            output.say(format!("  lights: {}", part.lights.join(" ")));
        }
        if let Some(bytes) = part.content_bytes {
            output.say_in_ink(&[(
                Ink::Dim,
                &format!("  It keeps {bytes} bytes; `load` fills and `save` saves them."),
            )]);
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

/// A part from its argument, which [`PartChoice`] reads; a `FILE.wasm` is a module, whose kind is called as the file is.
pub(crate) fn part(text: &str) -> Result<PartAdd, String> {
    let PartChoice {
        mut kind,
        name,
        bus,
        address,
        select,
        pin,
        uart,
        pins,
        values,
        file,
        content: _,
    } = text.parse()?;
    let file = file.map(|file| {
        let absolute = std::path::absolute(&file).map_err(|error| format!("{file} cannot be found: {error}"))?;
        Ok::<_, String>(absolute.to_string_lossy().into_owned())
    });
    let file = file.transpose()?;
    let path = Path::new(&kind);
    let mut module = None;
    if path.extension().is_some_and(|extension| extension == "wasm") {
        let absolute =
            std::path::absolute(path).map_err(|error| format!("{} cannot be found: {error}", path.display()))?;
        module = Some(absolute.to_string_lossy().into_owned());
        kind = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    }
    Ok(PartAdd {
        kind,
        module,
        name,
        bus,
        address,
        select,
        pin,
        uart,
        file,
        pins,
        values,
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
    fn a_module_is_a_kind_with_its_path() {
        let own = part("parts/my-sensor.wasm,address=0x40").unwrap();
        assert_eq!((own.kind.as_str(), own.address), ("my-sensor", Some(0x40)));
        let file = own.module.unwrap();
        assert!(
            Path::new(&file).is_absolute() && file.ends_with("parts/my-sensor.wasm"),
            "{file}"
        );
        assert_eq!(part("bme280").unwrap().module, None);
        assert_eq!(part("bme280,cold").unwrap_err(), "`cold` has no value; write KEY=VALUE");
    }
}
