//! Live streams for callers: bounded, and they report what they drop.

use crate::{
    domain::{AppSamples, EventMessage, LogLine, MetricsSample, StreamItem, TransferProgress},
    store::EventCursor,
};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Metrics of one device as they come.
#[derive(Debug)]
pub struct MetricsStream(pub(crate) broadcast::Receiver<MetricsSample>);

/// Numbers that the apps of one device publish, as they come.
#[derive(Debug)]
pub struct AppSampleStream(pub(crate) broadcast::Receiver<Arc<AppSamples>>);

/// Log lines of one device as they arrive.
#[derive(Debug)]
pub struct LogStream {
    pub(crate) lines: broadcast::Receiver<Arc<LogLine>>,
    pub(crate) app: Option<String>,
}

/// Transfers as they move.
#[derive(Debug)]
pub struct TransferStream(pub(crate) broadcast::Receiver<TransferProgress>);

/// Events from a revision on.
pub struct EventStream(pub(crate) EventCursor);

impl MetricsStream {
    /// The next sample; `None` when the device was forgotten or the gateway closed.
    pub async fn next(&mut self) -> Option<StreamItem<MetricsSample>> {
        receive(&mut self.0).await
    }
}

impl AppSampleStream {
    /// The next batch; `None` when the device was forgotten or the gateway closed.
    pub async fn next(&mut self) -> Option<StreamItem<Arc<AppSamples>>> {
        receive(&mut self.0).await
    }
}

impl LogStream {
    /// The next line; `None` when the device was forgotten or the gateway closed.
    pub async fn next(&mut self) -> Option<StreamItem<Arc<LogLine>>> {
        loop {
            match receive(&mut self.lines).await? {
                StreamItem::Item(line) if self.app.as_ref().is_some_and(|app| *app != line.app) => {}
                item => return Some(item),
            }
        }
    }
}

impl TransferStream {
    /// The next step of any transfer; `None` when the gateway closed.
    pub async fn next(&mut self) -> Option<StreamItem<TransferProgress>> {
        receive(&mut self.0).await
    }
}

impl EventStream {
    /// The next message; `None` when the gateway closed, or after an [`EventMessage::Resync`].
    pub async fn next(&mut self) -> Option<EventMessage> {
        self.0.next().await
    }
}

async fn receive<T: Clone>(receiver: &mut broadcast::Receiver<T>) -> Option<StreamItem<T>> {
    match receiver.recv().await {
        Ok(item) => Some(StreamItem::Item(item)),
        Err(broadcast::error::RecvError::Lagged(dropped)) => Some(StreamItem::Dropped(dropped)),
        Err(broadcast::error::RecvError::Closed) => None,
    }
}
