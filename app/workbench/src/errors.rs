//! Errors as users read them: one sentence, with the cause as detail.

use crate::api::{ApiError, ErrorCode};

/// The user's request is malformed or makes no sense.
pub(crate) fn usage(text: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::Usage, text)
}

/// The error's sentence, with the cause as detail.
pub(crate) fn with_sources(code: ErrorCode, error: &dyn std::error::Error) -> ApiError {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    ApiError {
        code,
        message: sentence(&error.to_string()),
        detail: (!causes.is_empty()).then(|| causes.join(": ")),
    }
}

/// First words of error sentences that get a capital letter. A sentence that begins with a name stays unchanged.
const FIRST_WORDS: [&str; 12] = [
    "a", "an", "cannot", "it", "no", "nothing", "pairing", "several", "the", "there", "this", "what",
];

/// An error's message as a sentence.
pub(crate) fn sentence(message: &str) -> String {
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    let first = message.split(' ').next().unwrap_or_default();
    if !FIRST_WORDS.contains(&first) {
        return format!("{message}{end}");
    }
    let (letter, rest) = message.split_at(1);
    format!("{}{rest}{end}", letter.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_keeps_the_name_it_begins_with() {
        for (message, expected) in [
            ("there is no device dev-1", "There is no device dev-1."),
            (
                "blink asks for pin 5: choose another",
                "blink asks for pin 5: choose another.",
            ),
            ("/tmp/x is full. Free some space!", "/tmp/x is full. Free some space!"),
            ("", "."),
        ] {
            assert_eq!(sentence(message), expected);
        }
    }
}
