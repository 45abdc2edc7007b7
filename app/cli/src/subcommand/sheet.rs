//! `drydock labels`: a sheet of labels to print.

use super::absolute;
use crate::{
    arguments::Labels as Arguments,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{LabelFormat, LabelsMake};
use std::path::Path;

pub(crate) async fn labels(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let format = match arguments.out.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => LabelFormat::Svg,
        Some("pdf") => LabelFormat::Pdf,
        _ => {
            let file = arguments.out.display();
            let text = format!("{file} does not say what to make; end its name with .pdf or .svg.");
            return Err(Failure::new(Exit::Usage, text));
        }
    };
    let request = LabelsMake {
        boards: arguments.boards.clone(),
        format,
        width_mm: arguments.size.0,
        height_mm: arguments.size.1,
        path: Some(absolute(&arguments.out)?),
        overwrite: arguments.force,
    };
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let sheet = ask!(connection, LabelsMake(request));
    connection.close().await;
    let sheet = sheet?;
    output.object("labels.written", &sheet);
    for it in &sheet.left_out {
        let board = format!("{} has no label: ", it.board);
        output.say_in_ink(&[(Ink::Yellow, &board), (Ink::Plain, &it.text)]);
    }
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    output.say(format!(
        "{} has {} on {}.",
        sheet.path.unwrap_or_default(),
        count(sheet.boards.len(), "label"),
        count(sheet.pages as usize, "page")
    ));
    Ok(Exit::Success)
}
