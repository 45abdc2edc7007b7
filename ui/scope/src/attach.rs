//! Asks the running Drydock to record boards, and watches over that recording. The scope reads the file itself.

use drydock_api::{ApiError, Empty, RecordingRef, RecordingStart, RecordingState, RecordingView, Request, Response};
use drydock_client::{Attached, DataDir};
use std::{
    path::PathBuf,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::JoinHandle,
    time::Duration,
};

/// How often the owner is asked how the recording is.
const ASK: Duration = Duration::from_secs(1);

/// A recording that the owner writes for this window. Dropping it ends the recording; its file stays.
#[derive(Debug)]
pub struct Attachment {
    /// The file.
    pub file: PathBuf,
    notices: Receiver<String>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attachment {
    /// Begins to record boards, by name or id.
    ///
    /// # Errors
    /// A sentence: no Drydock runs there, or it refused.
    pub fn record(which: DataDir, boards: Vec<String>) -> Result<Self, String> {
        let (began, file) = mpsc::channel();
        let (notify, notices) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = began.send(Err(format!("The scope cannot attach: {error}.")));
                    return;
                }
            };
            runtime.block_on(async {
                match start(&which, boards).await {
                    Err(problem) => drop(began.send(Err(problem))),
                    Ok((attached, view)) => {
                        let _ = began.send(Ok(PathBuf::from(&view.file)));
                        watch(&attached, view.id, &notify, &stopped).await;
                    }
                }
            });
        });
        let file = file
            .recv()
            .map_err(|_| "The scope cannot attach; start it again.".to_owned())??;
        Ok(Self {
            file,
            notices,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What the owner said since: why the recording ended, or that the owner is gone.
    pub fn notice(&self) -> Option<String> {
        self.notices.try_recv().ok()
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The thread has its own limits: a call of the API ends in any case.
            let _ = thread.join();
        }
    }
}

async fn start(which: &DataDir, boards: Vec<String>) -> Result<(Attached, RecordingView), String> {
    let attached = Attached::attach(which)
        .await
        .map_err(|error| ApiError::from(error).message)?;
    let request = RecordingStart {
        boards,
        ..RecordingStart::default()
    };
    match attached.call(Request::RecordingStart(request)).await {
        Ok(Response::RecordingStart(view)) => Ok((attached, view)),
        Ok(_) => Err("The running Drydock answered another question; start the scope again.".into()),
        Err(error) => Err(error.message),
    }
}

/// Asks how the recording is until it ends or the window does, and ends it then.
async fn watch(attached: &Attached, recording: String, notify: &Sender<String>, stopped: &Receiver<()>) {
    loop {
        tokio::time::sleep(ASK / 4).await;
        let is_over = !matches!(stopped.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        if is_over {
            let stop = Request::RecordingStop(RecordingRef { recording });
            // An owner that is gone has ended the recording.
            let _ = attached.call(stop).await;
            return;
        }
        let said = match attached.call(Request::RecordingList(Empty {})).await {
            Ok(Response::RecordingList(all)) => ended(all.iter().find(|view| view.id == recording)),
            Ok(_) => None,
            Err(error) => Some(format!("{} What was recorded stays in the window.", error.message)),
        };
        if let Some(said) = said {
            let _ = notify.send(said);
            return;
        }
    }
}

/// Why a recording is not written any more; `None` while it is.
fn ended(view: Option<&RecordingView>) -> Option<String> {
    let Some(view) = view else {
        return Some("The running Drydock does not know this recording any more; what was recorded stays.".into());
    };
    match (view.state, view.reason.is_empty()) {
        (RecordingState::Recording, _) => None,
        (_, true) => Some("The recording was ended elsewhere; what was recorded stays in the window.".into()),
        (_, false) => Some(view.reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_owner_the_problem_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let which = DataDir::At(folder.path().to_owned());
        let problem = Attachment::record(which, vec!["desk".into()]).expect_err("nobody is there");
        assert!(problem.contains("Drydock"), "{problem}");
    }

    #[test]
    fn an_end_is_said_once_it_is_there() {
        let view = |state, reason: &str| RecordingView {
            id: "1".into(),
            file: "/x".into(),
            boards: Vec::new(),
            state,
            began_ms: 0,
            seconds: 1.0,
            bytes: 1,
            max_bytes: 2,
            lost: 0,
            reason: reason.into(),
        };
        assert_eq!(ended(Some(&view(RecordingState::Recording, ""))), None);
        let full = ended(Some(&view(RecordingState::Failed, "The disk is full.")));
        assert_eq!(full.as_deref(), Some("The disk is full."));
        assert!(ended(Some(&view(RecordingState::Stopped, ""))).is_some_and(|it| it.contains("ended elsewhere")));
        assert!(ended(None).is_some());
    }
}
