//! What a console is expected to say: a text, or a regular expression. Both are matched on bytes, because a UART carries bytes.

use regex::bytes::{Regex, RegexBuilder};
use std::{fmt, ops::Range};

/// Longest program that an expression may be compiled to, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// Where the groups of an expression matched.
pub(crate) type Groups = Vec<Option<Range<usize>>>;

/// What a console is expected to say.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    /// The text, if it is one.
    text: Option<String>,
}

impl Pattern {
    /// A text, as it stands.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            regex: Regex::new(&regex::escape(&text)).expect("an escaped text is an expression"),
            text: Some(text),
        }
    }

    /// A regular expression in the syntax of the crate `regex`; `^` and `$` are the ends of lines.
    ///
    /// # Errors
    /// A sentence without its end: it is no expression, or too large.
    pub fn expression(expression: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(expression)
            .multi_line(true)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build();
        let regex = built.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
            // Its text draws the place over several lines; the last one says what is wrong.
            error => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default().trim();
                format!("the expression cannot be read: {}", last.trim_start_matches("error: "))
            }
        })?;
        Ok(Self { regex, text: None })
    }

    /// The first place where it is in `bytes`, and what its groups matched there.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<(Range<usize>, Groups)> {
        let found = self.regex.captures(bytes)?;
        let groups = (1..found.len()).map(|group| found.get(group).map(|group| group.range()));
        Some((found.get(0)?.range(), groups.collect()))
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<&String> for Pattern {
    fn from(text: &String) -> Self {
        Self::text(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{text:?}"),
            None => write!(f, "/{}/", self.regex),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_expression() {
        let found = |pattern: &Pattern, bytes: &[u8]| pattern.find(bytes).map(|(range, _)| range);
        assert_eq!(found(&"a.c".into(), b"abc a.c"), Some(4..7));
        assert_eq!(found(&Pattern::expression("a.c").unwrap(), b"abc a.c"), Some(0..3));
        assert_eq!(
            found(&Pattern::expression(r"^t=\d+$").unwrap(), b"x\nt=25\ny"),
            Some(2..6)
        );
        assert_eq!(found(&"longer".into(), b"long"), None);
    }

    #[test]
    fn groups_are_kept() {
        let (_, groups) = Pattern::expression(r"(\d+)|(x)").unwrap().find(b"a 17").unwrap();
        assert_eq!(groups, [Some(2..4), None]);
    }

    #[test]
    fn what_is_no_expression_is_refused_in_one_line() {
        let refused = Pattern::expression("(").unwrap_err();
        assert_eq!(refused, "the expression cannot be read: unclosed group");
        assert_eq!(
            Pattern::expression("(((a{100}){100}){100}){100}").unwrap_err(),
            "the expression is too large"
        );
    }
}
