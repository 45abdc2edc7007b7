//! Where everything on a sheet is. Pure: millimetres from the upper left corner of the page, downwards.

use super::{
    Label, font,
    qr::{Code, QUIET, TooLong},
};

/// Width and height of A4, in millimetres (ISO 216).
const A4: (f64, f64) = (210.0, 297.0);

/// Margin that printers need, in millimetres.
const MARGIN: f64 = 8.0;

/// Space between two labels, in millimetres.
const GAP: f64 = 2.0;

/// Space between a label's edge and its text, in millimetres.
const PADDING: f64 = 1.5;

/// Smallest label, in millimetres: below it the QR code's modules are too small for common printers and cameras.
const SMALLEST: (f64, f64) = (30.0, 12.0);

/// Part of its usual size that a text may shrink to before it is shortened.
const SHRINK: f64 = 0.5;

/// A size that labels cannot have.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("A label is {}x{} to {}x{} mm, as in 62x29.", SMALLEST.0, SMALLEST.1, A4.0 - 2.0 * MARGIN, A4.1 - 2.0 * MARGIN)]
pub(super) struct BadSize;

/// Size of one label, in millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Size {
    pub(super) fn new(width: f64, height: f64) -> Result<Self, BadSize> {
        let fits = |value: f64, smallest: f64, paper: f64| (smallest..=paper - 2.0 * MARGIN).contains(&value);
        match fits(width, SMALLEST.0, A4.0) && fits(height, SMALLEST.1, A4.1) {
            true => Ok(Self { width, height }),
            false => Err(BadSize),
        }
    }
}

/// What the labels are drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paper {
    /// As many A4 pages as it takes.
    A4,
    /// One page of A4's width, as long as it takes.
    Endless,
}

/// A sheet.
#[derive(Debug, PartialEq)]
pub(super) struct Sheet {
    /// Width and height of a page.
    pub(super) page: (f64, f64),
    pub(super) size: Size,
    pub(super) pages: Vec<Vec<Placed>>,
}

/// A label on its page.
#[derive(Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) label: Label,
    pub(super) lines: Vec<Line>,
    pub(super) code: Code,
    /// Upper left corner of the code, without its quiet zone, and the size of a module.
    pub(super) code_at: (f64, f64),
    pub(super) module: f64,
}

/// A line of text.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) x: f64,
    pub(super) baseline: f64,
    /// Size of the font, in millimetres.
    pub(super) size: f64,
    pub(super) text: String,
}

/// Lays labels out in a grid, row by row.
///
/// # Errors
/// A device id is too long for a QR code.
pub(super) fn sheet(labels: &[Label], size: Size, paper: Paper) -> Result<Sheet, TooLong> {
    let fit = |paper: f64, label: f64| (((paper - 2.0 * MARGIN + GAP) / (label + GAP)) as usize).max(1);
    let columns = fit(A4.0, size.width);
    let (rows, height) = match paper {
        Paper::A4 => (fit(A4.1, size.height), A4.1),
        Paper::Endless => {
            let rows = labels.len().div_ceil(columns).max(1);
            (rows, 2.0 * MARGIN - GAP + rows as f64 * (size.height + GAP))
        }
    };
    let place = |(index, label): (usize, &Label)| {
        let (column, row) = (index % columns, index / columns);
        let x = MARGIN + column as f64 * (size.width + GAP);
        let y = MARGIN + row as f64 * (size.height + GAP);
        placed(label, size, (x, y))
    };
    let page = |labels: &[Label]| labels.iter().enumerate().map(place).collect::<Result<Vec<_>, _>>();
    Ok(Sheet {
        page: (A4.0, height),
        size,
        pages: labels.chunks(columns * rows).map(page).collect::<Result<_, _>>()?,
    })
}

fn placed(label: &Label, size: Size, (x, y): (f64, f64)) -> Result<Placed, TooLong> {
    let code = Code::of_device(&label.device)?;
    // The code and its quiet zone are as high as the label, and take half of its width at most.
    let box_side = size.height.min(size.width / 2.0);
    let module = box_side / (code.side + 2 * QUIET) as f64;
    let quiet = QUIET as f64 * module;
    let code_at = (x + quiet, y + (size.height - box_side) / 2.0 + quiet);

    let (left, width) = (x + box_side, size.width - box_side - PADDING);
    // Share of the height that each line takes; the baseline is at four fifths of it.
    let chip = format!("chip {}", label.chip);
    let texts = [
        (label.board.as_str(), 0.34, 0.17, Shorten::End),
        (label.title.as_str(), 0.22, 0.11, Shorten::End),
        (label.device.as_str(), 0.22, 0.11, Shorten::Middle),
        (chip.as_str(), 0.22, 0.11, Shorten::Middle),
    ];
    // A narrow label has small letters, however high it is.
    let usual = size.height.min(0.6 * size.width);
    let inner = size.height - 2.0 * PADDING;
    let mut top = y + PADDING;
    let mut lines = Vec::new();
    for (text, share, font_size, shorten) in texts {
        let (text, font_size) = fitted(text, font_size * usual, width, shorten);
        lines.push(Line {
            x: left,
            baseline: top + 0.7 * share * inner,
            size: font_size,
            text,
        });
        top += share * inner;
    }
    Ok(Placed {
        x,
        y,
        label: label.clone(),
        lines,
        code,
        code_at,
        module,
    })
}

/// Where a text that does not fit loses characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shorten {
    End,
    /// Both ends of an id tell it apart.
    Middle,
}

/// A text and the size of its font so that it is at most `width` wide: first it shrinks, then it is shortened.
fn fitted(text: &str, size: f64, width: f64, shorten: Shorten) -> (String, f64) {
    let wanted = font::width(text) * size;
    if wanted <= width {
        return (text.to_owned(), size);
    }
    let smaller = size * (width / wanted).max(SHRINK);
    // Rounding must not cost a character.
    let fits = |text: &str| font::width(text) * smaller <= width * (1.0 + 1e-9);
    if fits(text) {
        return (text.to_owned(), smaller);
    }
    let all: Vec<char> = text.chars().collect();
    let cut = |keep: usize| -> String {
        let (head, tail) = match shorten {
            Shorten::End => (keep, 0),
            Shorten::Middle => (keep.div_ceil(2), keep / 2),
        };
        let tail = &all[all.len() - tail..];
        all[..head].iter().chain(['…'].iter()).chain(tail).collect()
    };
    let keep = (0..all.len()).rev().find(|keep| fits(&cut(*keep))).unwrap_or(0);
    (cut(keep), smaller)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::jobs::sheet) fn label(board: &str) -> Label {
        Label {
            board: board.to_owned(),
            title: "Arduino Nano 33 BLE".to_owned(),
            device: "dev-3c91a6dbae8b022c".to_owned(),
            chip: "ebdcd48cf81e207b".to_owned(),
        }
    }

    pub(in crate::jobs::sheet) fn usual() -> Size {
        Size::new(62.0, 29.0).unwrap()
    }

    /// The modules as a reader sees them, some pixels each, with the light around the code.
    pub(in crate::jobs::sheet) fn decoded(side: usize, dark: impl Fn(usize, usize) -> bool) -> String {
        const PIXELS: usize = 4;
        let pixels = (side + 2 * QUIET) * PIXELS;
        let module = |pixel: usize| (pixel / PIXELS).checked_sub(QUIET).filter(|module| *module < side);
        let mut image = rqrr::PreparedImage::prepare_from_bitmap(pixels, pixels, |x, y| {
            module(x).zip(module(y)).is_some_and(|(x, y)| dark(x, y))
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    fn decoded_code(code: &Code) -> String {
        let runs = code.runs();
        decoded(code.side, |x, y| {
            runs.iter()
                .any(|(from, row, length)| *row == y && (*from..from + length).contains(&x))
        })
    }

    #[test]
    fn a_page_of_a4_has_27_labels_of_the_usual_size() {
        let labels: Vec<Label> = (0..28).map(|number| label(&format!("lab-{number}"))).collect();
        let sheet = super::sheet(&labels, usual(), Paper::A4).unwrap();
        let counts: Vec<_> = sheet.pages.iter().map(Vec::len).collect();
        assert_eq!(counts, [27, 1]);
        assert_eq!((sheet.pages[1][0].x, sheet.pages[1][0].y), (8.0, 8.0));
        let endless = super::sheet(&labels, usual(), Paper::Endless).unwrap();
        assert_eq!(endless.pages.len(), 1);
        assert_eq!(endless.pages[0].len(), 28);
    }

    #[test]
    fn ids_are_whole_on_a_label_of_the_usual_size_and_what_is_too_long_is_shortened() {
        let long = Label {
            board: "a board with a name that nobody could ever want on a label this small".to_owned(),
            ..label("")
        };
        let sheet = super::sheet(&[long], usual(), Paper::A4).unwrap();
        let lines: Vec<_> = sheet.pages[0][0].lines.iter().map(|line| line.text.as_str()).collect();
        assert!(
            lines[0].starts_with("a board with") && lines[0].ends_with('…'),
            "{lines:?}"
        );
        assert_eq!(
            lines[1..],
            ["Arduino Nano 33 BLE", "dev-3c91a6dbae8b022c", "chip ebdcd48cf81e207b"]
        );
        // The longest chip's id of the boards that enroll has 96 bits.
        let stm32 = Label {
            chip: "0123456789abcdef01234567".to_owned(),
            ..label("lab-1")
        };
        let sheet = super::sheet(&[stm32], usual(), Paper::A4).unwrap();
        assert_eq!(sheet.pages[0][0].lines[3].text, "chip 0123456789abcdef01234567");
        let (middle, _) = fitted("0123456789abcdef", 10.0, 30.0, Shorten::Middle);
        assert!(
            middle.starts_with('0') && middle.ends_with('f') && middle.contains('…'),
            "{middle}"
        );
    }

    #[test]
    fn sizes_that_no_page_or_no_reader_can_take_are_refused() {
        for (width, height) in [
            (29.9, 29.0),
            (62.0, 11.0),
            (195.0, 29.0),
            (62.0, 282.0),
            (f64::NAN, 29.0),
        ] {
            assert_eq!(Size::new(width, height), Err(BadSize), "{width}x{height}");
        }
        assert_eq!(BadSize.to_string(), "A label is 30x12 to 194x281 mm, as in 62x29.");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever boards are called and whatever size labels have: text and code stay inside, beside each other, and
        /// the code holds the device.
        #[test]
        fn nothing_is_drawn_over_an_edge(
            board in "\\PC{0,80}", title in "\\PC{0,80}", chip in "[0-9a-f]{0,64}", device in "[a-z0-9-]{1,60}",
            width in 30.0..=194.0f64, height in 12.0..=281.0f64, count in 1usize..40,
        ) {
            let size = Size::new(width, height).unwrap();
            let label = Label { board, title, device, chip };
            let sheet = super::sheet(&vec![label.clone(); count], size, Paper::A4).unwrap();
            prop_assert_eq!(sheet.pages.iter().map(Vec::len).sum::<usize>(), count);
            for placed in sheet.pages.iter().flatten() {
                prop_assert!(placed.x >= MARGIN && placed.x + width <= A4.0 - MARGIN + 1e-6);
                prop_assert!(placed.y >= MARGIN && placed.y + height <= A4.1 - MARGIN + 1e-6);
                let code_end = placed.code_at.0 + (placed.code.side + QUIET) as f64 * placed.module;
                prop_assert!(placed.code_at.0 >= placed.x && placed.code_at.1 >= placed.y);
                prop_assert!(placed.code_at.1 + placed.code.side as f64 * placed.module <= placed.y + height);
                for line in &placed.lines {
                    prop_assert!(line.x >= code_end - 1e-6);
                    prop_assert!(line.x + font::width(&line.text) * line.size <= placed.x + width - PADDING + 1e-6, "{line:?}");
                    prop_assert!(line.baseline - line.size >= placed.y, "{line:?}");
                    prop_assert!(line.baseline + 0.3 * line.size <= placed.y + height, "{line:?}");
                }
                for pair in placed.lines.windows(2) {
                    prop_assert!(pair[1].baseline - pair[0].baseline >= pair[1].size, "{pair:?}");
                }
            }
            let code = &sheet.pages[0][0].code;
            prop_assert_eq!(decoded_code(code), format!("drydock:{}", label.device));
        }
    }
}
