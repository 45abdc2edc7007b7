//! A kind of board in full: its board's and its chip's description as users see it.

use crate::{
    api::{ApiError, BoardKindDetail, KindBus, KindButton, KindLed, KindMemory, KindPart, KindPeripheral, KindUart},
    boards, own_kinds,
    state::WorkbenchState,
};
use drydock_assets::{Active, Board as Description, Chip, Core, Modelled, Pin};

/// A kind by its name.
///
/// # Errors
/// There is none, or its file is broken.
pub(crate) fn view(workbench: &WorkbenchState, kind: &str) -> Result<BoardKindDetail, ApiError> {
    let board = own_kinds::find(workbench, kind)?;
    let file = own_kinds::file_of(workbench, kind);
    Ok(detail(file, board))
}

fn detail(file: Option<String>, board: Description) -> BoardKindDetail {
    let chip = &board.chip;
    let mut peripherals: Vec<KindPeripheral> = chip.peripherals.iter().map(peripheral).collect();
    peripherals.sort_by_key(|peripheral| peripheral.base);
    BoardKindDetail {
        vendor: chip.vendor.clone(),
        core: match chip.core {
            Core::CortexM4f => "cortex-m4f".into(),
            Core::Rv32imac => "rv32imac".into(),
        },
        clock_hz: chip.clock_hz,
        memories: memories(chip, &board),
        uarts: uarts(&board),
        leds: board.leds.iter().map(led).collect(),
        buttons: board.buttons.iter().map(button).collect(),
        buses: buses(&board),
        analog: board.analog.iter().map(Pin::to_string).collect(),
        parts: board.parts.iter().map(part).collect(),
        connector: board.connector.text.clone(),
        peripherals,
        kind: boards::kind_view(file, board),
    }
}

fn memories(chip: &Chip, board: &Description) -> Vec<KindMemory> {
    let memory = |name: &str, base, bytes| KindMemory {
        name: name.to_owned(),
        base,
        bytes,
    };
    let mut memories = vec![memory("flash", chip.flash.base, chip.flash.bytes)];
    memories.extend(
        chip.data_flash
            .iter()
            .map(|data| memory("data flash", data.base, data.bytes)),
    );
    memories.extend(
        board
            .flash
            .iter()
            .map(|area| memory(&format!("flash: {}", area.name), area.base, area.bytes)),
    );
    memories.extend(chip.ram.iter().map(|ram| match ram.instructions {
        true => memory("ram for instructions", ram.base, ram.bytes),
        false => memory("ram", ram.base, ram.bytes),
    }));
    memories
}

fn uarts(board: &Description) -> Vec<KindUart> {
    let text = |pin: Option<Pin>| pin.map(|pin| pin.to_string());
    let view = |uart: u8| {
        let named = board.uarts.iter().find(|named| named.uart == uart);
        let link = Some(board.link).filter(|link| link.uart == uart);
        let pins = named
            .map(|named| (named.tx, named.rx))
            .or(link.map(|link| (link.tx, link.rx)));
        let (tx, rx) = pins.unwrap_or_default();
        KindUart {
            uart,
            name: named.map(|named| named.name.clone()),
            tx: text(tx),
            rx: text(rx),
            link: link.is_some(),
        }
    };
    (0..board.chip.uarts).map(view).collect()
}

fn level(active: Active) -> String {
    match active {
        Active::High => "high".into(),
        Active::Low => "low".into(),
    }
}

fn led(led: &drydock_assets::Led) -> KindLed {
    KindLed {
        name: led.name.clone(),
        pin: led.pin.to_string(),
        active: level(led.active),
        color: led.colour.clone(),
        app_pin: led.app_pin,
    }
}

fn button(button: &drydock_assets::Button) -> KindButton {
    KindButton {
        name: button.name.clone(),
        pin: button.pin.to_string(),
        active: level(button.active),
        resets: button.resets,
    }
}

fn buses(board: &Description) -> Vec<KindBus> {
    let i2c = board.i2c.iter().map(|bus| KindBus {
        name: bus.name.clone(),
        kind: "i2c".into(),
        pins: vec![format!("scl {}", bus.scl), format!("sda {}", bus.sda)],
        needs: bus.needs.iter().map(Pin::to_string).collect(),
    });
    let spi = board.spi.iter().map(|bus| KindBus {
        name: bus.name.clone(),
        kind: "spi".into(),
        pins: vec![
            format!("sck {}", bus.sck),
            format!("mosi {}", bus.mosi),
            format!("miso {}", bus.miso),
            format!("select {}", bus.select),
        ],
        needs: Vec::new(),
    });
    i2c.chain(spi).collect()
}

fn part(part: &drydock_assets::Part) -> KindPart {
    KindPart {
        name: part.name.clone(),
        kind: part.kind.name.clone(),
        place: part.connection.to_string(),
    }
}

fn peripheral(peripheral: &drydock_assets::Peripheral) -> KindPeripheral {
    KindPeripheral {
        name: peripheral.name.clone(),
        base: peripheral.base,
        state: match peripheral.state {
            Modelled::Modelled => "modelled".into(),
            Modelled::Partly => "partly".into(),
            Modelled::None => "none".into(),
        },
        missing: peripheral.missing.clone(),
    }
}
