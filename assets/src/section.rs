//! Reads a TOML file section by section and reports all its problems at once, each with its line.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// A file with problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Which file.
    pub file: String,
    /// The problems, from top to bottom.
    pub problems: Vec<Problem>,
}

/// A problem in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The problem, in one sentence.
    pub what: String,
}

impl Invalid {
    /// The first problem with its place, and how many more there are, as a clause.
    pub fn first(&self) -> String {
        let all = self.to_string();
        let first = all.lines().next().unwrap_or_default();
        match self.problems.len() {
            0 | 1 => first.to_owned(),
            count => format!("{first} (and {} more)", count - 1),
        }
    }
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let end = if index + 1 == self.problems.len() { "" } else { "\n" };
            match problem.line {
                0 => write!(f, "{}: {}{end}", self.file, problem.what)?,
                line => write!(f, "{}:{line}: {}{end}", self.file, problem.what)?,
            }
        }
        Ok(())
    }
}

/// A file being read: sections are removed from it as they are parsed, and problems are collected.
pub(crate) struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    table: DeTable<'a>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reader = Self {
            file,
            text,
            table: table.into_inner(),
            problems: Vec::new(),
        };
        for error in errors {
            reader.problem(error.span().unwrap_or(0..0), error.message());
        }
        reader
    }

    /// Takes the section `[key]` (or the plain value `key = …`), which must exist.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        match self.table.remove(key) {
            Some(value) => self.deserialize(value),
            None => {
                self.problem(0..0, &format!("`{key}` is missing"));
                None
            }
        }
    }

    /// Takes the section `[key]`, if it exists.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.table.remove(key)?;
        self.deserialize(value)
    }

    /// Takes the section `[key]` or value `key`, which may not be there; `what` says why.
    pub(crate) fn refuse(&mut self, key: &str, what: &str) {
        if let Some((name, _)) = self.table.remove_entry(key) {
            self.problem(name.span(), what);
        }
    }

    /// Takes all sections `[[key]]`; the list may be empty.
    pub(crate) fn all<T: DeserializeOwned>(&mut self, key: &str) -> Vec<T> {
        let Some(value) = self.table.remove(key) else {
            return Vec::new();
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(values) => values.into_iter().filter_map(|value| self.deserialize(value)).collect(),
            _ => {
                self.problem(span, &format!("`{key}` must be given as [[{key}]] sections"));
                Vec::new()
            }
        }
    }

    /// Records a problem with the text at `span`.
    pub(crate) fn problem(&mut self, span: Range<usize>, what: &str) {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        self.problems.push(Problem {
            line,
            what: what.trim().to_owned(),
        });
    }

    /// The result: `value`, unless there was a problem or an unknown section.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Invalid> {
        for (key, _) in std::mem::take(&mut self.table) {
            self.problem(key.span(), &format!("`{}` is not known here", key.get_ref()));
        }
        self.problems.sort_by(|a, b| (a.line, &a.what).cmp(&(b.line, &b.what)));
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Invalid {
                file: self.file.to_owned(),
                problems: self.problems,
            }),
        }
    }

    fn deserialize<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'a>>) -> Option<T> {
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(error.span().unwrap_or(span), error.message());
                None
            }
        }
    }
}
