//! A TOML text as tables whose values are taken one by one, each with its place. Every value that does not fit is a problem
//! of its own, so that a reader sees all of them.

use crate::units;
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

/// Problems that are reported of one file.
const MAX_PROBLEMS: usize = 100;

/// A file with problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Which file.
    pub file: String,
    /// The problems, from top to bottom; at most 100.
    pub problems: Vec<Problem>,
}

/// A problem of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line, from 1; 0 if it is the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 if it is the file as a whole.
    pub column: usize,
    /// The problem, as a clause.
    pub what: String,
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    /// A line for each problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { line, column, what }) in self.problems.iter().enumerate() {
            let end = if index + 1 == self.problems.len() { "" } else { "\n" };
            match line {
                0 => write!(f, "{}: {what}{end}", self.file)?,
                line => write!(f, "{}:{line}:{column}: {what}{end}", self.file)?,
            }
        }
        Ok(())
    }
}

/// The problems of a text, with their places.
pub(crate) struct Places<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            problems: Vec::new(),
        }
    }

    /// Records a problem with the text at `span`.
    pub(crate) fn problem(&mut self, span: Range<usize>, what: &str) {
        let (line, column) = self.place(span.start);
        self.problems.push(Problem {
            line,
            column,
            what: what.trim().to_owned(),
        });
    }

    /// Line and column, from 1.
    pub(crate) fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let column = 1 + String::from_utf8_lossy(&before[line..]).chars().count();
        (1 + before.iter().filter(|byte| **byte == b'\n').count(), column)
    }

    /// The whole text as a table. `None` if it is no TOML: what is left of it would give problems that are none.
    pub(crate) fn root(&mut self, text: &'a str) -> Option<Table<'a>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let is_whole = errors.is_empty();
        for error in errors {
            self.problem(error.span().unwrap_or(0..0), error.message());
        }
        is_whole.then(|| Table::new(0..0, table.into_inner()))
    }

    /// `value`, unless there was a problem.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Invalid> {
        self.problems.sort();
        self.problems.dedup();
        self.problems.truncate(MAX_PROBLEMS);
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Invalid {
                file: self.file.to_owned(),
                problems: self.problems,
            }),
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) span: Range<usize>,
    pub(crate) value: T,
}

/// A table whose values are taken one by one.
pub(crate) struct Table<'a> {
    pub(crate) span: Range<usize>,
    values: BTreeMap<String, (Range<usize>, Spanned<DeValue<'a>>)>,
}

impl<'a> Table<'a> {
    fn new(span: Range<usize>, table: DeTable<'a>) -> Self {
        let values = table
            .into_iter()
            .map(|(key, value)| (key.get_ref().to_string(), (key.span(), value)));
        Self {
            span,
            values: values.collect(),
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The place of a key; of the table, if it has none.
    pub(crate) fn place_of(&self, key: &str) -> Range<usize> {
        self.values.get(key).map_or(self.span.clone(), |(span, _)| span.clone())
    }

    fn take<T: Deserialize<'a>>(&mut self, places: &mut Places<'_>, key: &str, what: &str) -> Option<At<T>> {
        let (_, value) = self.values.remove(key)?;
        let span = value.span();
        // Deserialising says what it found in words for programmers.
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(At { span, value }),
            Err(_) => {
                places.problem(span, &format!("`{key}` must be {what}"));
                None
            }
        }
    }

    pub(crate) fn decimal(&mut self, places: &mut Places<'_>, key: &str) -> Option<At<f64>> {
        self.take(places, key, "a number")
    }

    pub(crate) fn texts_by_name(&mut self, places: &mut Places<'_>, key: &str) -> Option<BTreeMap<String, String>> {
        let what = "texts by name, such as { red = \"P0.24\" }";
        self.take(places, key, what).map(|found| found.value)
    }

    pub(crate) fn numbers_by_name(&mut self, places: &mut Places<'_>, key: &str) -> Option<BTreeMap<String, f64>> {
        let what = "numbers by name, such as { temperature = 20.5 }";
        self.take(places, key, what).map(|found| found.value)
    }

    /// Says that a value is missing, unless there was one that did not fit.
    pub(crate) fn required<T>(
        &mut self,
        places: &mut Places<'_>,
        key: &str,
        take: impl FnOnce(&mut Self, &mut Places<'_>, &str) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            places.problem(self.span.clone(), &format!("`{key}` is missing"));
            return None;
        }
        take(self, places, key)
    }

    pub(crate) fn text(&mut self, places: &mut Places<'_>, key: &str) -> Option<At<String>> {
        self.take(places, key, "a text")
    }

    /// `1` or `"gps"`.
    pub(crate) fn number_or_name(&mut self, places: &mut Places<'_>, key: &str) -> Option<String> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u8),
            Name(String),
        }
        let found = self.take(places, key, "a number or a name")?;
        Some(match found.value {
            Either::Number(number) => number.to_string(),
            Either::Name(name) => name,
        })
    }

    pub(crate) fn texts(&mut self, places: &mut Places<'_>, key: &str) -> Option<At<Vec<Spanned<String>>>> {
        self.take(places, key, "a list of texts")
    }

    pub(crate) fn number(&mut self, places: &mut Places<'_>, key: &str) -> Option<At<u32>> {
        self.take(places, key, "a whole number from 0 to 4294967295")
    }

    pub(crate) fn seed(&mut self, places: &mut Places<'_>, key: &str) -> Option<At<u64>> {
        self.take(places, key, "a whole number from 0 on")
    }

    pub(crate) fn seeds(&mut self, places: &mut Places<'_>, key: &str) -> Option<At<Vec<Spanned<u64>>>> {
        self.take(places, key, "a list of whole numbers from 0 on")
    }

    pub(crate) fn time(&mut self, places: &mut Places<'_>, key: &str) -> Option<Duration> {
        self.quantity(places, key, "a time in quotes, such as \"200 ms\"", units::time)
    }

    pub(crate) fn percent(&mut self, places: &mut Places<'_>, key: &str) -> Option<f64> {
        self.quantity(places, key, "a share in quotes, such as \"2 %\"", units::percent)
    }

    pub(crate) fn frequency(&mut self, places: &mut Places<'_>, key: &str) -> Option<f64> {
        self.quantity(places, key, "a frequency in quotes, such as \"5 Hz\"", units::frequency)
    }

    fn quantity<T>(
        &mut self,
        places: &mut Places<'_>,
        key: &str,
        what: &str,
        read: impl FnOnce(&str) -> Result<T, units::UnitError>,
    ) -> Option<T> {
        let text: At<String> = self.take(places, key, what)?;
        let read = read(&text.value);
        read.map_err(|error| places.problem(text.span, &format!("`{key}`: {error}")))
            .ok()
    }

    /// The sections `[[key]]`, at most `max` of them.
    pub(crate) fn sections(&mut self, places: &mut Places<'_>, key: &str, max: usize) -> Vec<Table<'a>> {
        let Some((span, value)) = self.values.remove(key) else {
            return Vec::new();
        };
        let DeValue::Array(values) = value.into_inner() else {
            places.problem(span, &format!("write [[{key}]] with two brackets on each side"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for value in values {
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(_) if tables.len() == max => {
                    places.problem(span, &format!("a scenario has at most {max} [[{key}]]"));
                    break;
                }
                DeValue::Table(table) => tables.push(Table::new(span, table)),
                _ => places.problem(span, &format!("`{key}` must be given as [[{key}]] sections")),
            }
        }
        tables
    }

    /// The section `[key]`.
    pub(crate) fn section(&mut self, places: &mut Places<'_>, key: &str) -> Option<Table<'a>> {
        let (span, value) = self.values.remove(key)?;
        match value.into_inner() {
            DeValue::Table(table) => Some(Table::new(span, table)),
            _ => {
                places.problem(span, &format!("`{key}` must be given as a section [{key}]"));
                None
            }
        }
    }

    /// What was not taken is not known.
    pub(crate) fn finish(self, places: &mut Places<'_>, what: &str) {
        for (key, (span, _)) in self.values {
            let key: String = key.chars().take(40).collect();
            places.problem(span, &format!("`{key}` is not known {what}"));
        }
    }
}
