//! Parquet: the entries as columns, for data tools.

use super::{ExportError, ExportReport};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
    merged::Merged,
    recording::Recording,
};
use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::{parser::parse_message_type, types::TypePtr},
};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// The columns. A level is the number 0 or 1; a gap has `gap_until_ns` and no value.
const SCHEMA: &str = "
message recording {
    required int64 time_ns (INTEGER(64, false));
    required binary lane (STRING);
    required binary unit (STRING);
    optional double value;
    optional binary text;
    optional int64 gap_until_ns (INTEGER(64, false));
}";
/// Entries of a row group, which is held in memory.
const ROWS: usize = 256 * 1_024;
/// Bytes of texts of a row group.
const TEXT_BYTES: usize = 64 << 20;

#[derive(Default)]
struct Rows {
    times: Vec<i64>,
    lanes: Vec<ByteArray>,
    units: Vec<ByteArray>,
    values: Optional<f64>,
    texts: Optional<ByteArray>,
    gaps: Optional<i64>,
    text_bytes: usize,
}

/// Values of a column that has none in some rows.
struct Optional<T> {
    values: Vec<T>,
    levels: Vec<i16>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            levels: Vec::new(),
        }
    }
}

impl<T> Optional<T> {
    fn push(&mut self, value: Option<T>) {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

/// Writes lanes as a Parquet file with the columns `time_ns`, `lane`, `unit`, `value` (a level is 0 or 1), `text` (bytes,
/// not always UTF-8) and `gap_until_ns`. Row groups have 262,144 entries.
///
/// # Errors
/// [`ExportError::Io`], [`ExportError::Damaged`].
pub fn write_parquet(
    recording: &Recording,
    lanes: &[LaneId],
    range: TimeRange,
    out: &mut (dyn Write + Send),
) -> Result<ExportReport, ExportError> {
    let schema: TypePtr = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(failed)?;
    let names: Vec<(ByteArray, ByteArray)> = recording
        .lanes()
        .map(|(_, lane)| (lane.name.as_str().into(), lane.unit.as_str().into()))
        .collect();
    let mut rows = Rows::default();
    for entry in Merged::new(recording, lanes, range) {
        let (id, entry) = entry?;
        let Some((name, unit)) = names.get(id.0 as usize) else {
            continue;
        };
        rows.push((name, unit), &entry);
        if rows.times.len() >= ROWS || rows.text_bytes >= TEXT_BYTES {
            rows.write(&mut file).map_err(failed)?;
        }
    }
    rows.write(&mut file).map_err(failed)?;
    file.close().map_err(failed)?;
    Ok(ExportReport::default())
}

fn failed(error: ParquetError) -> ExportError {
    ExportError::Io(match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    })
}

impl Rows {
    fn push(&mut self, (name, unit): (&ByteArray, &ByteArray), entry: &Entry<'_>) {
        let (value, text, gap) = match entry {
            Entry::Level { is_high, .. } => (Some(f64::from(u8::from(*is_high))), None, None),
            Entry::Number { value, .. } => (Some(*value), None, None),
            Entry::Text { bytes, .. } => (None, Some(ByteArray::from(bytes.to_vec())), None),
            Entry::Gap { range, .. } => (None, None, Some(range.until_ns as i64)),
        };
        self.text_bytes += text.as_ref().map_or(0, ByteArray::len);
        self.times.push(entry.at_ns() as i64);
        self.lanes.push(name.clone());
        self.units.push(unit.clone());
        self.values.push(value);
        self.texts.push(text);
        self.gaps.push(gap);
    }

    fn write<W: Write + Send>(&mut self, file: &mut SerializedFileWriter<W>) -> Result<(), ParquetError> {
        let rows = std::mem::take(self);
        if rows.times.is_empty() {
            return Ok(());
        }
        let mut group = file.next_row_group()?;
        let mut at = 0;
        while let Some(mut column) = group.next_column()? {
            rows.write_column(at, &mut column)?;
            column.close()?;
            at += 1;
        }
        group.close()?;
        Ok(())
    }

    fn write_column(&self, at: usize, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match at {
            0 => column.typed::<Int64Type>().write_batch(&self.times, None, None),
            1 => column.typed::<ByteArrayType>().write_batch(&self.lanes, None, None),
            2 => column.typed::<ByteArrayType>().write_batch(&self.units, None, None),
            3 => {
                let Optional { values, levels } = &self.values;
                column.typed::<DoubleType>().write_batch(values, Some(levels), None)
            }
            4 => {
                let Optional { values, levels } = &self.texts;
                column.typed::<ByteArrayType>().write_batch(values, Some(levels), None)
            }
            _ => {
                let Optional { values, levels } = &self.gaps;
                column.typed::<Int64Type>().write_batch(values, Some(levels), None)
            }
        }
        .map(|_| ())
    }
}
