//! Writes the list of boards. A caller waits until a list with its change is on disk; callers that ask at the same time
//! share one write.

use super::record::{BoardRecord, write};
use std::{
    collections::HashSet,
    io,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

#[derive(Debug, Default)]
pub(super) struct Saving {
    /// Changes so far.
    asked: AtomicU64,
    /// Number of changes on disk; locked during a write.
    written: tokio::sync::Mutex<u64>,
    /// New boards, added to the fleet once they are on disk.
    coming: Mutex<Vec<BoardRecord>>,
}

impl Saving {
    pub(super) async fn save(
        &self,
        directory: &Path,
        new: Option<&BoardRecord>,
        records: impl Fn() -> Vec<BoardRecord>,
    ) -> io::Result<()> {
        if let Some(new) = new {
            self.coming().push(new.clone());
        }
        let mine = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut written = self.written.lock().await;
        let outcome = if *written >= mine {
            Ok(())
        } else {
            let asked = self.asked.load(Ordering::Acquire);
            // Read the new boards first: one that joins the fleet meanwhile is then in the records.
            let coming = self.coming().clone();
            let mut all = records();
            let known: HashSet<String> = all.iter().map(|record| record.id.clone()).collect();
            all.extend(coming.into_iter().filter(|new| !known.contains(&new.id)));
            let outcome = write(directory, all);
            if outcome.is_ok() {
                *written = asked;
            }
            outcome
        };
        if outcome.is_err()
            && let Some(new) = new
        {
            self.coming().retain(|record| record.id != new.id);
        }
        outcome
    }

    /// The board is in the fleet now.
    pub(super) fn came(&self, id: &str) {
        self.coming().retain(|record| record.id != id);
    }

    fn coming(&self) -> std::sync::MutexGuard<'_, Vec<BoardRecord>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{read, tests::record};
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn boards_that_come_at_once_are_all_on_disk() {
        let place = tempfile::tempdir().unwrap();
        let saving = Arc::new(Saving::default());
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..50 {
            let (saving, directory) = (Arc::clone(&saving), place.path().to_owned());
            tasks.spawn(async move {
                saving.save(&directory, Some(&record(number)), Vec::new).await.unwrap();
                // A board whose save has returned is on disk.
                assert!(read(&directory).unwrap().contains(&record(number)));
            });
        }
        tasks.join_all().await;
        assert_eq!(read(place.path()).unwrap().len(), 50);
    }

    #[tokio::test]
    async fn a_board_that_could_not_be_written_does_not_come_later() {
        let place = tempfile::tempdir().unwrap();
        let saving = Saving::default();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        saving
            .save(&file.join("none"), Some(&record(1)), Vec::new)
            .await
            .unwrap_err();
        saving.save(place.path(), Some(&record(2)), Vec::new).await.unwrap();
        assert_eq!(read(place.path()).unwrap(), [record(2)]);
    }
}
