//! Boards that exist in QEMU only. [`boards`](crate::boards) does not list them, but [`board`](crate::board)
//! finds them by name. They do not exist as hardware, and results on them prove nothing about trust; their titles and limits
//! say so.

use std::sync::LazyLock;

use crate::{Board, Chip};

/// The thin board that QEMU runs for us.
pub fn qemu_board() -> Board {
    static BOARD: LazyLock<Board> = LazyLock::new(parse);
    BOARD.clone()
}

fn parse() -> Board {
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
        assert!(board.limit.is_some_and(|limit| limit.text.contains("not a trust test")));
        assert!(
            crate::boards().iter().all(|other| other.name != board.name),
            "it is not among the boards that somebody may hold"
        );
    }
}
