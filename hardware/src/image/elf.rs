//! ELF files: the loadable bytes at their physical addresses.

use super::{Format, ImageError};
use crate::flash::Segment;
use drydock_assets::{Board, Core};
use object::{
    Endianness,
    elf::{EM_386, EM_ARM, EM_RISCV, EM_XTENSA, FileHeader32, PT_LOAD},
    read::elf::{FileHeader as _, ProgramHeader as _},
};

type Header = FileHeader32<Endianness>;

/// The bytes that a file has for the board's flash and RAM.
pub(super) fn segments(file: &[u8], board: &Board) -> Result<Vec<Segment>, ImageError> {
    check(file, board)?;
    let (header, endian) = header(file)?;
    let programs = header.program_headers(endian, file).map_err(damaged)?;
    let mut segments = Vec::new();
    for program in programs {
        if program.p_type(endian) != PT_LOAD || program.p_filesz(endian) == 0 {
            continue;
        }
        // The file says more than it has.
        let bytes = program
            .data(endian, file)
            .map_err(|()| ImageError::Truncated(Format::Elf))?;
        segments.push(Segment {
            address: program.p_paddr(endian),
            bytes: bytes.to_vec(),
        });
    }
    Ok(segments)
}

/// Checks that a file is a program for the board's core.
pub(super) fn check(file: &[u8], board: &Board) -> Result<(), ImageError> {
    let wrong = |found: String| {
        Err(ImageError::Architecture {
            format: Format::Elf,
            found,
            chip: board.chip.title.clone(),
            expected: core_name(board.chip.core),
        })
    };
    // Class and byte order.
    match file.get(4..6) {
        Some([1, 1]) => {}
        Some([2, _]) => return wrong("a 64-bit processor".into()),
        Some([1, 2]) => return wrong("a big-endian processor".into()),
        Some(_) => return Err(damaged("its class is unknown")),
        None => return Err(ImageError::Truncated(Format::Elf)),
    }
    let (header, endian) = header(file)?;
    let expected = match board.chip.core {
        Core::CortexM4f => EM_ARM,
        Core::Rv32imac => EM_RISCV,
    };
    match header.e_machine(endian) {
        machine if machine == expected => Ok(()),
        EM_ARM => wrong("an Arm processor".into()),
        EM_RISCV => wrong("a RISC-V processor".into()),
        EM_386 => wrong("an x86 processor".into()),
        EM_XTENSA => wrong("an Xtensa processor".into()),
        machine => wrong(format!("machine number {}", machine.0)),
    }
}

fn header(file: &[u8]) -> Result<(&Header, Endianness), ImageError> {
    let header = Header::parse(file).map_err(|_| ImageError::Truncated(Format::Elf))?;
    let endian = header.endian().map_err(damaged)?;
    Ok((header, endian))
}

fn core_name(core: Core) -> &'static str {
    match core {
        Core::CortexM4f => "an Arm Cortex-M4",
        Core::Rv32imac => "a RISC-V core",
    }
}

fn damaged(what: impl ToString) -> ImageError {
    ImageError::Damaged {
        format: Format::Elf,
        what: what.to_string(),
    }
}
