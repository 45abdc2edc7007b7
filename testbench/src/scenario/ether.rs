//! Ethers in a scenario file: the sections `[[ether]]`, and the steps about them.

use super::{
    places::{Places, Table},
    read::{Known, check_name},
    step::{Action, number_within},
};
use crate::{
    ether::{FramePattern, hex_bytes},
    units::show_time,
};
use drydock_emulator::{Modulation, VirtualTime, ether::Content};

/// An ether of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct EtherSpec {
    /// Its name in steps.
    pub name: Option<String>,
    /// The boards on it, by their numbers.
    pub boards: Vec<usize>,
    /// The share of frames that each receiver misses.
    pub loss: f64,
    /// What is lost of a frame's power, in dB.
    pub attenuation_db: u8,
}

pub(super) fn ether(places: &mut Places<'_>, mut section: Table<'_>, known: &mut Known) -> Option<EtherSpec> {
    let name = section.text(places, "name");
    let names = section.texts(places, "boards");
    let timed = section.has("loss");
    let loss = section.percent(places, "loss");
    let attenuation = number_within(places, &mut section, "attenuation", 0, 200);
    let span = section.span.clone();
    section.finish(places, "in an [[ether]]");
    if let Some(name) = &name {
        check_name(places, &name.value, name.span.clone());
        let taken = known.ethers.iter().flatten();
        if taken.into_iter().any(|other| *other == name.value) {
            places.problem(name.span.clone(), &format!("there are two ethers {}", name.value));
        }
    }
    let name = name.map(|name| name.value);
    known.ethers.push(name.clone());
    let mut boards = Vec::new();
    match &names {
        // All that have a radio.
        None => boards.extend((0..known.boards()).filter(|board| known.has_radio(*board) != Some(false))),
        Some(names) => {
            for name in &names.value {
                let Some(board) = known.board(places, name.get_ref(), name.span()) else {
                    continue;
                };
                if known.has_radio(board) == Some(false) {
                    let what = format!("{} has no radio that is modelled", known.name(board));
                    places.problem(name.span(), &what);
                }
                boards.push(board);
            }
        }
    }
    for board in &boards {
        if known.on_ether.contains(board) {
            let place = names.as_ref().map_or(span.clone(), |names| names.span.clone());
            let what = format!("{} is on another ether, or named twice", known.name(*board));
            places.problem(place, &what);
        }
        known.on_ether.push(*board);
    }
    if boards.is_empty() && names.is_none() {
        places.problem(span, "no board here has a radio that is modelled");
    }
    (loss.is_some() == timed).then(|| EtherSpec {
        name,
        boards,
        loss: loss.unwrap_or(0.0),
        attenuation_db: attenuation.map_or(drydock_emulator::ether::ATTENUATION_DB, |db| db as u8),
    })
}

/// The ether that a step means: the one that is named, or the only one.
fn ether_of(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known) -> Option<usize> {
    if section.has("on") {
        let text = section.text(places, "on")?;
        let found = known.ethers.iter().position(|name| name.as_ref() == Some(&text.value));
        if found.is_none() {
            let name: String = text.value.chars().take(40).collect();
            places.problem(text.span, &format!("there is no ether {name}"));
        }
        return found;
    }
    match known.ethers.len() {
        1 => Some(0),
        0 => {
            places.problem(section.span.clone(), "this step needs an [[ether]]");
            None
        }
        _ => {
            places.problem(section.span.clone(), "`on` is missing: there are several ethers");
            None
        }
    }
}

pub(super) fn frame_step(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known) -> Option<(Action, String)> {
    let text = section.text(places, "frame");
    let ether = ether_of(places, section, known);
    let named = section.has("from");
    let from = section.text(places, "from");
    let from = from.and_then(|from| known.board(places, &from.value, from.span));
    let tuned = section.has("channel");
    let channel = number_within(places, section, "channel", 0, 39).map(|channel| channel as u8);
    let within = section.required(places, "within", Table::time);
    let text = text?;
    let pattern = FramePattern::parse(&text.value);
    let pattern = pattern.map_err(|what| places.problem(text.span, &format!("`frame`: {what}")));
    let mut pattern = pattern.ok()?;
    pattern.channel = channel;
    let (ether, within) = (ether?, within?);
    if named != from.is_some() || tuned != channel.is_some() {
        return None;
    }
    let sender = from.map_or_else(String::new, |board| format!(" from {}", known.name(board)));
    let shown = format!("expect {pattern}{sender} within {}", show_time(within));
    let action = Action::Frame {
        ether,
        pattern,
        from,
        within,
    };
    Some((action, shown))
}

pub(super) fn inject_step(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known) -> Option<(Action, String)> {
    let text = section.text(places, "inject");
    let ether = ether_of(places, section, known);
    let kind = section.required(places, "as", Table::text);
    let channel = match section.has("channel") {
        true => number_within(places, section, "channel", 0, 39),
        false => {
            places.problem(section.span.clone(), "`channel` is missing");
            None
        }
    };
    let powered = section.has("power");
    let power = section.decimal(places, "power");
    let (text, kind, channel) = (text?, kind?, channel? as u8);
    let bytes = hex_bytes(&text.value);
    let bytes = bytes.map_err(|what| places.problem(text.span.clone(), &format!("`inject`: {what}")));
    let bytes = bytes.ok()?;
    let content = match kind.value.as_str() {
        "802.15.4" => Content::ieee802154(channel, &bytes),
        "ble" => Content::advertisement(channel, &bytes),
        _ => {
            places.problem(kind.span, "`as` must be 802.15.4 or ble");
            return None;
        }
    };
    if let Err(error) = content.frame(VirtualTime::ZERO, Modulation::Ble1M, 0) {
        places.problem(text.span, &format!("`inject`: {error}"));
        return None;
    }
    let dbm = match &power {
        None => 0,
        Some(power) if (-100.0..=20.0).contains(&power.value) => power.value as i8,
        Some(power) => {
            places.problem(power.span.clone(), "`power` must be from -100 to 20 dBm");
            return None;
        }
    };
    let ether = ether.filter(|_| powered == power.is_some())?;
    let shown = format!("send {} ({} bytes, channel {channel})", text.value, bytes.len());
    Some((Action::Inject { ether, content, dbm }, shown))
}

pub(super) fn loss_step(places: &mut Places<'_>, section: &mut Table<'_>, known: &Known) -> Option<(Action, String)> {
    let share = section.percent(places, "loss");
    let ether = ether_of(places, section, known);
    let (ether, share) = (ether?, share?);
    let shown = format!("lose {} % of the frames", share * 100.0);
    Some((Action::Loss { ether, share }, shown))
}
