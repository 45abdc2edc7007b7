//! The owner's socket under clients whose requests fail, take long, or exceed limits.

use super::{Server, Serves};
use crate::{
    api::{ApiError, BoardRef, Empty, Request, Response, Text},
    data_dir::OwnedDir,
};
use drydock_client::{AttachError, Attached, DataDir, Hub, Updates};
use std::{sync::Arc, time::Duration};

/// Answers one request, panics at another, and takes long for a third.
#[derive(Default)]
struct Trial(Hub);

impl Serves for Trial {
    async fn call(&self, request: Request) -> Result<Response, ApiError> {
        match request {
            Request::Diagnostics(_) => Ok(Response::Diagnostics(Text { text: "here".into() })),
            Request::BoardRemove(board) => panic!("no board {}", board.board),
            Request::SystemInfo(_) => {
                tokio::time::sleep(Duration::from_secs(45)).await;
                Ok(Response::WindowShow(Empty {}))
            }
            other => Err(ApiError::internal(other.method())),
        }
    }

    fn subscribe(&self) -> Updates {
        self.0.subscribe()
    }
}

fn open() -> (OwnedDir, DataDir, Server) {
    let owned = OwnedDir::open(&DataDir::Temporary).unwrap();
    let which = DataDir::At(owned.path().to_owned());
    let server = Server::open(&owned, Arc::new(Trial::default())).unwrap();
    (owned, which, server)
}

#[tokio::test]
async fn a_request_that_panics_is_answered_and_its_connection_lives_on() {
    let (_owned, which, _server) = open();
    let attached = Attached::attach(&which).await.unwrap();
    let remove = Request::BoardRemove(BoardRef { board: "attic".into() });
    let error = attached.call(remove).await.unwrap_err();
    assert!(error.message.contains("board.remove"), "{error}");
    assert_eq!(error.detail.as_deref(), Some("no board attic"));
    let answer = attached.call(Request::Diagnostics(Empty {})).await;
    assert!(matches!(answer, Ok(Response::Diagnostics(text)) if text.text == "here"));
}

#[tokio::test(start_paused = true)]
async fn a_long_call_is_not_taken_for_a_silent_owner() {
    let (_owned, which, _server) = open();
    let attached = Attached::attach(&which).await.unwrap();
    let error = attached.call(Request::SystemInfo(Empty {})).await.unwrap_err();
    // The answer arrived, but it belongs to another method.
    assert!(error.message.contains("answered in another form"), "{error}");
}

#[tokio::test]
async fn a_client_too_many_is_told_so_at_once() {
    let (_owned, which, _server) = open();
    let mut clients = Vec::new();
    let error = loop {
        match Attached::attach(&which).await {
            Ok(attached) => clients.push(attached),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, AttachError::Full { connections } if connections == clients.len()),
        "{error}"
    );
    // Those that are attached are served.
    let answer = clients[0].call(Request::Diagnostics(Empty {})).await;
    assert!(answer.is_ok(), "{answer:?}");
}
