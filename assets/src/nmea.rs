//! Logs of GPS receivers: files of NMEA 0183 sentences, one a line.

/// Longest sentence, without its line end (NMEA 0183, 5.3).
const SENTENCE_MAX: usize = 80;
/// Problems that are told of one file.
const PROBLEMS_MAX: usize = 5;
const DAY_MS: u64 = 86_400_000;
/// From a sentence to the next one in a file without any time.
const STEP_MS: u64 = 1_000;

/// Sentences of one time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Time since the first epoch, in milliseconds.
    pub at_ms: u64,
    /// The sentences, without line ends.
    pub sentences: Vec<String>,
}

/// The epochs of a file, at least one. Empty lines and those that begin with `#` are left out. A sentence without a time
/// belongs to the epoch before it; a file without any time has an epoch a second. A time that goes back is one of the next day.
///
/// # Errors
/// A clause with the lines that are no sentences.
pub fn epochs(file: &[u8]) -> Result<Vec<Epoch>, String> {
    let text = std::str::from_utf8(file).map_err(|_| "the file is no text".to_owned())?;
    let mut problems = Vec::new();
    let mut sentences: Vec<(Option<u64>, &str)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match check(line).and_then(|()| time_ms(line)) {
            Ok(time) => sentences.push((time, line)),
            Err(what) => problems.push(format!("line {}: {what}", number + 1)),
        }
    }
    if !problems.is_empty() {
        problems.truncate(PROBLEMS_MAX);
        return Err(problems.join("; "));
    }
    if sentences.is_empty() {
        return Err("the file has no NMEA sentence".to_owned());
    }
    let is_timeless = sentences.iter().all(|(time, _)| time.is_none());
    let mut epochs: Vec<Epoch> = Vec::new();
    let mut last: Option<u64> = None;
    for (time, sentence) in sentences {
        let later = match (time, last) {
            (Some(time), Some(last)) => (time + DAY_MS - last) % DAY_MS,
            (None, _) if is_timeless && !epochs.is_empty() => STEP_MS,
            _ => 0,
        };
        last = time.or(last);
        match epochs.last_mut() {
            Some(epoch) if later == 0 => epoch.sentences.push(sentence.to_owned()),
            before => {
                let at_ms = before.map_or(0, |epoch| epoch.at_ms) + later;
                let sentences = vec![sentence.to_owned()];
                epochs.push(Epoch { at_ms, sentences });
            }
        }
    }
    Ok(epochs)
}

/// Latitude (north) and longitude (east) of a sentence in millionths of a degree, if it has a position.
pub fn position(sentence: &str) -> Option<(i64, i64)> {
    let fields = fields(sentence);
    let first = match formatter(fields[0]) {
        "GGA" | "GNS" => 2,
        "RMC" => 3,
        "GLL" => 1,
        _ => return None,
    };
    let angle = |field: usize, positive: &str, negative: &str, most: i64| {
        let value = degrees(fields.get(field)?).filter(|value| *value <= most * 1_000_000)?;
        match *fields.get(field + 1)? {
            sign if sign == positive => Some(value),
            sign if sign == negative => Some(-value),
            _ => None,
        }
    };
    Some((angle(first, "N", "S", 90)?, angle(first + 2, "E", "W", 180)?))
}

/// `dddmm.mmmm` in millionths of a degree.
fn degrees(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (degrees, minutes) = whole.split_at_checked(whole.len().checked_sub(2)?)?;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    if fraction.bytes().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    let minutes = minutes.parse::<u8>().ok().filter(|minutes| *minutes < 60)?;
    let millionths = i64::from(minutes) * 1_000_000 + digits.parse::<i64>().ok()?;
    Some(i64::from(degrees.parse::<u8>().ok()?) * 1_000_000 + (millionths + 30) / 60)
}

/// `$` or `!`, the body, `*` and the sum of the body (5.3.1).
fn check(line: &str) -> Result<(), String> {
    if line.len() > SENTENCE_MAX {
        return Err(format!(
            "a sentence has at most {SENTENCE_MAX} characters, and this has {}",
            line.len()
        ));
    }
    if line.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) {
        return Err("a sentence has printable ASCII characters only".to_owned());
    }
    let body = line.strip_prefix(['$', '!']).ok_or("a sentence begins with $")?;
    let (body, sum) = body.rsplit_once('*').ok_or("a sentence ends with * and its checksum")?;
    let right = body.bytes().fold(0, |sum, byte| sum ^ byte);
    let is_right = sum.len() == 2 && u8::from_str_radix(sum, 16) == Ok(right);
    match is_right {
        true => Ok(()),
        false => Err(format!("the checksum is {sum}, and the sentence has {right:02X}")),
    }
}

/// Its fields; the first is the address.
fn fields(line: &str) -> Vec<&str> {
    let body = line.get(1..).unwrap_or("");
    body.rsplit_once('*')
        .map_or(body, |(body, _)| body)
        .split(',')
        .collect()
}

/// The last three letters of an address, as in `GPGGA`.
fn formatter(address: &str) -> &str {
    address.get(address.len().saturating_sub(3)..).unwrap_or("")
}

/// The time of day, in milliseconds; `None` for a sentence that has none.
fn time_ms(line: &str) -> Result<Option<u64>, String> {
    let fields = fields(line);
    let place = match formatter(fields[0]) {
        "GGA" | "RMC" | "GNS" | "GST" | "ZDA" => 1,
        "GLL" => 5,
        _ => return Ok(None),
    };
    let text = match fields.get(place) {
        None | Some(&"") => return Ok(None),
        Some(text) => text,
    };
    let wrong = || format!("`{text}` is no time; write hhmmss.ss");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 6 || !is_number(whole) || !is_number(fraction) {
        return Err(wrong());
    }
    let number = |digits: &str| digits.parse::<u64>().map_err(|_| wrong());
    let (hours, minutes, seconds) = (number(&whole[..2])?, number(&whole[2..4])?, number(&whole[4..])?);
    if hours > 23 || minutes > 59 || seconds > 60 {
        return Err(wrong());
    }
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    let ms = ((hours * 60 + minutes) * 60 + seconds) * 1_000 + number(&thousandths)?;
    Ok(Some(ms % DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sentence(body: &str) -> String {
        format!("${body}*{:02x}", body.bytes().fold(0, |sum, byte| sum ^ byte))
    }

    #[test]
    fn sentences_of_a_time_are_an_epoch() {
        let bodies = [
            "GPGSV,1",
            "GPGGA,235959.9,",
            "GPGSA,A",
            "GNRMC,235959.90,A",
            "GPGLL,,,,,000000.4,A",
            "GPGGA,,",
        ];
        let file: Vec<String> = bodies.into_iter().map(sentence).collect();
        let file = format!("# a log\r\n\r\n{}\r\n", file.join("\r\n"));
        let epochs = epochs(file.as_bytes()).unwrap();
        let counts: Vec<(u64, usize)> = epochs
            .iter()
            .map(|epoch| (epoch.at_ms, epoch.sentences.len()))
            .collect();
        assert_eq!(counts, [(0, 4), (500, 2)]);
        let timeless = [sentence("GPGSV,1"), sentence("GPGSV,2")].join("\n");
        assert_eq!(super::epochs(timeless.as_bytes()).unwrap()[1].at_ms, 1_000);
    }

    #[test]
    fn what_is_no_sentence_is_named_with_its_line() {
        for (file, expected) in [
            (String::new(), "the file has no NMEA sentence"),
            ("hello".into(), "line 1: a sentence begins with $"),
            ("$GPGGA,1".into(), "line 1: a sentence ends with * and its checksum"),
            (
                "\n$GPGGA*00".into(),
                "line 2: the checksum is 00, and the sentence has 56",
            ),
            (sentence("GPGGA,250000"), "line 1: `250000` is no time; write hhmmss.ss"),
            (
                sentence("GPGGA,é"),
                "line 1: a sentence has printable ASCII characters only",
            ),
            (
                sentence(&"x".repeat(77)),
                "line 1: a sentence has at most 80 characters, and this has 81",
            ),
        ] {
            assert_eq!(epochs(file.as_bytes()).unwrap_err(), expected);
        }
    }

    proptest! {
        /// Nothing that a file holds is too much for it; what is read has rising times, and each sentence once.
        #[test]
        fn any_file_is_read_or_refused(
            lines in prop::collection::vec("[A-Z]{2}(GGA|RMC|GLL|GSV),[0-9.]{0,9},[0-9.]{0,9},[NS]?,[0-9.,A-Z]{0,20}", 0..8),
            damage in any::<(prop::sample::Index, u8)>(),
        ) {
            let mut file = lines.iter().map(|body| sentence(body)).collect::<Vec<_>>().join("\n").into_bytes();
            if damage.1 % 2 == 0 && !file.is_empty() {
                let at = damage.0.index(file.len());
                file[at] ^= damage.1;
            }
            if let Ok(epochs) = epochs(&file) {
                prop_assert!(epochs.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms));
                for sentence in epochs.iter().flat_map(|epoch| &epoch.sentences) {
                    position(sentence);
                }
            }
        }
    }
}
