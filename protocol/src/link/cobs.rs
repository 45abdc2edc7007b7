//! Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): frames without zero bytes, one byte longer per 254.

/// Encodes `raw` into `out` without delimiter and returns the length, at most `raw.len() + raw.len() / 254 + 1`.
pub(super) fn encode(raw: &[u8], out: &mut [u8]) -> usize {
    let mut code_at = 0;
    let mut at = 1;
    for byte in raw {
        if at - code_at == 0xFF {
            out[code_at] = 0xFF;
            code_at = at;
            at += 1;
        }
        if *byte == 0 {
            out[code_at] = (at - code_at) as u8;
            code_at = at;
        } else {
            out[at] = *byte;
        }
        at += 1;
    }
    out[code_at] = (at - code_at) as u8;
    at
}

/// Decodes a frame in place and returns the length of the decoded bytes, or `None` if the frame has no valid form.
pub(super) fn decode(frame: &mut [u8]) -> Option<usize> {
    let mut from = 0;
    let mut to = 0;
    while from < frame.len() {
        let code = usize::from(frame[from]);
        if code == 0 || from + code > frame.len() {
            return None;
        }
        frame.copy_within(from + 1..from + code, to);
        to += code - 1;
        from += code;
        if code < 0xFF && from < frame.len() {
            frame[to] = 0;
            to += 1;
        }
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn check(raw: &[u8], encoded: &[u8]) {
        let mut out = [0xAA; 600];
        let len = encode(raw, &mut out);
        assert_eq!(&out[..len], encoded);
        let decoded = decode(&mut out[..len]).expect("own encoding");
        assert_eq!(&out[..decoded], raw);
    }

    #[test]
    fn examples_of_the_paper() {
        check(&[], &[1]);
        check(&[0], &[1, 1]);
        check(&[0, 0], &[1, 1, 1]);
        check(&[0x11, 0x22, 0, 0x33], &[3, 0x11, 0x22, 2, 0x33]);
        check(&[0x11, 0, 0, 0], &[2, 0x11, 1, 1, 1]);
        let run: Vec<u8> = (1..=254).collect();
        check(&run, &[&[0xFF], &run[..]].concat());
        let longer: Vec<u8> = (1..=255).collect();
        check(&longer, &[&[0xFF], &run[..], &[2, 255]].concat());
    }

    #[test]
    fn what_points_past_the_end_is_no_frame() {
        assert_eq!(decode(&mut [5, 1, 2]), None);
        assert_eq!(decode(&mut [1, 0, 1]), None);
    }
}
