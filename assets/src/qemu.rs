//! Boards that exist in QEMU only. They are not among [`boards`](crate::boards): nobody holds one, and nothing that runs
//! there proves anything about trust.

use crate::{Board, Chip};

/// The thin board that QEMU runs for us.
pub fn qemu_board() -> Board {
    let chip = Chip::parse(
        "qemu/mps2-an386.chip.toml",
        include_str!("../qemu/mps2-an386.chip.toml"),
    );
    let chip = chip.expect("shipped chip descriptions are tested");
    Board::parse("qemu/mps2-an386.toml", include_str!("../qemu/mps2-an386.toml"), &[chip])
        .expect("shipped board descriptions are tested")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_is_valid_and_labelled() {
        let board = qemu_board();
        assert!(board.title.contains("not a trust test"));
        assert!(crate::board(&board.name).is_none(), "it is not offered as a board");
    }
}
