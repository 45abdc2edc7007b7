//! Events for subscribers: the latest from memory, older ones from the database. A gap is never silent.

use super::Store;
use crate::domain::{EventKind, EventMessage, GatewayEvent};
use sqlx::{Row, SqliteConnection};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

const RECENT: usize = 4_096;
const PAGE: i64 = 512;

/// Publishes committed events.
pub(crate) struct EventBus {
    recent: Mutex<VecDeque<Arc<GatewayEvent>>>,
    /// The latest revision; `None` after closing.
    tip: watch::Sender<Option<u64>>,
}

/// The position of a subscriber.
pub(crate) struct EventCursor {
    store: Arc<Store>,
    after: u64,
    tip: watch::Receiver<Option<u64>>,
    page: VecDeque<Arc<GatewayEvent>>,
    ended: bool,
}

impl EventBus {
    pub(super) fn new(revision: u64) -> Self {
        Self {
            recent: Mutex::new(VecDeque::new()),
            tip: watch::Sender::new(Some(revision)),
        }
    }

    pub(super) fn publish(&self, events: Vec<Arc<GatewayEvent>>) {
        let Some(last) = events.last().map(|event| event.revision) else {
            return;
        };
        let mut recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for event in events {
            if recent.len() == RECENT {
                recent.pop_front();
            }
            recent.push_back(event);
        }
        drop(recent);
        self.tip.send_replace(Some(last));
    }

    /// Ends all subscriptions.
    pub(crate) fn close(&self) {
        self.tip.send_replace(None);
    }

    /// The event with this revision, if it is among the latest.
    fn recent(&self, revision: u64) -> Option<Arc<GatewayEvent>> {
        let recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = recent.front()?.revision;
        let index = usize::try_from(revision.checked_sub(first)?).ok()?;
        recent.get(index).cloned()
    }
}

impl EventCursor {
    pub(crate) fn new(store: Arc<Store>, after: u64) -> Self {
        Self {
            after,
            tip: store.bus.tip.subscribe(),
            page: VecDeque::new(),
            ended: false,
            store,
        }
    }

    /// The next message; `None` after the end.
    pub(crate) async fn next(&mut self) -> Option<EventMessage> {
        loop {
            if self.ended {
                return None;
            }
            let wanted = self.after + 1;
            if let Some(event) = self.page.pop_front().or_else(|| self.store.bus.recent(wanted)) {
                self.after = event.revision;
                return Some(EventMessage::Event(event));
            }
            let tip = (*self.tip.borrow_and_update())?;
            if tip < self.after {
                // A revision that this store never issued: it is from another store, or this one was restored from a
                // backup.
                return self.resync();
            }
            if tip == self.after {
                self.tip.changed().await.ok()?;
                continue;
            }
            match self.store.events_after(self.after).await {
                Ok(Some(page)) if !page.is_empty() => self.page = page.into(),
                // Just published while we looked.
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return self.resync(),
            }
        }
    }

    fn resync(&mut self) -> Option<EventMessage> {
        self.ended = true;
        Some(EventMessage::Resync)
    }
}

/// Events after a revision, at most a page. `None` if the first of them is no longer kept.
pub(super) async fn read_after(
    connection: &mut SqliteConnection,
    revision: u64,
) -> Result<Option<Vec<Arc<GatewayEvent>>>, sqlx::Error> {
    let rows = sqlx::query("SELECT revision, time_ms, fact FROM events WHERE revision > ? ORDER BY revision LIMIT ?")
        .bind(revision.cast_signed())
        .bind(PAGE)
        .fetch_all(connection)
        .await?;
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        let text: String = row.get(2);
        // An event that this version cannot read is a gap, like one that is no longer kept.
        let Ok(kind) = serde_json::from_str::<EventKind>(&text) else {
            return Ok(None);
        };
        events.push(Arc::new(GatewayEvent {
            revision: row.get::<i64, _>(0).cast_unsigned(),
            time_ms: row.get::<i64, _>(1).cast_unsigned(),
            kind,
        }));
    }
    let whole = events.first().is_none_or(|event| event.revision == revision + 1);
    Ok(whole.then_some(events))
}

pub(super) async fn write(connection: &mut SqliteConnection, event: &GatewayEvent) -> Result<(), sqlx::Error> {
    let kind = serde_json::to_string(&event.kind).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query("INSERT INTO events (revision, time_ms, fact) VALUES (?, ?, ?)")
        .bind(event.revision.cast_signed())
        .bind(event.time_ms.cast_signed())
        .bind(kind)
        .execute(connection)
        .await?;
    Ok(())
}

/// Drops what is older than the latest `kept` events.
pub(super) async fn prune(connection: &mut SqliteConnection, tip: u64, kept: u64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM events WHERE revision <= ?")
        .bind(tip.saturating_sub(kept).cast_signed())
        .execute(connection)
        .await?;
    Ok(())
}
