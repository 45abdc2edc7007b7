//! Jobs that write, read or erase a board's flash.

use super::{
    cable::{Cable, blocking},
    job::{Job, JobEnd},
    journal::JobRequest,
    provision::unreached,
    start,
};
use crate::{
    api::{ApiError, BackupStart, CableRef, EraseStart, ErrorCode, FirmwareSource, FlashStart, JobKind, JobView},
    state::WorkbenchState,
};
use drydock_assets::Board as Description;
use drydock_hardware::{
    binding::ChipId,
    flash::{self, Control, Erase, FlashError, Flasher, Report, Step},
    image,
};
use sha2::{Digest, Sha256};
use std::{
    io::Write,
    path::Path,
    sync::{Arc, PoisonError},
};

/// Largest firmware file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Bytes that a backup reads at once.
const READ_BYTES: usize = 16 << 10;

/// Starts writing firmware.
pub(crate) fn flash(workbench: &Arc<WorkbenchState>, request: FlashStart) -> Result<JobView, ApiError> {
    let steps = ["Find the board", "Read the chip", "Write firmware", "Start firmware"];
    let kind = request.kind.clone();
    begin(workbench, JobKind::Flash, &kind, &steps, JobRequest::Flash(request))
}

/// Starts reading flash into a file.
pub(crate) fn backup(workbench: &Arc<WorkbenchState>, request: BackupStart) -> Result<JobView, ApiError> {
    if !Path::new(&request.path).is_absolute() {
        return Err(ApiError::new(ErrorCode::Usage, "Give the file's absolute path."));
    }
    if Path::new(&request.path).exists() {
        let text = format!("{} is there already; name a new file.", request.path);
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let steps = ["Find the board", "Read the chip", "Read flash", "Start firmware"];
    let kind = request.kind.clone();
    begin(workbench, JobKind::Backup, &kind, &steps, JobRequest::Backup(request))
}

/// Starts erasing flash.
pub(crate) fn erase(workbench: &Arc<WorkbenchState>, request: EraseStart) -> Result<JobView, ApiError> {
    let steps = ["Find the board", "Read the chip", "Erase everything"];
    let kind = request.kind.clone();
    begin(workbench, JobKind::Erase, &kind, &steps, JobRequest::Erase(request))
}

/// Adds a job and starts it.
pub(super) fn begin(
    workbench: &Arc<WorkbenchState>,
    what: JobKind,
    kind: &str,
    steps: &[&str],
    request: JobRequest,
) -> Result<JobView, ApiError> {
    description(kind)?;
    let CableRef { port, probe, dfu } = request.on();
    if port.is_none() && probe.is_none() && dfu.is_none() {
        return Err(ApiError::new(
            ErrorCode::Usage,
            "Name a serial port, a debug probe or a DFU device.",
        ));
    }
    if probe.is_some() && dfu.is_some() {
        return Err(ApiError::new(
            ErrorCode::Usage,
            "Flash is written over one way: name a debug probe or a DFU device, and not both.",
        ));
    }
    let job = workbench
        .jobs
        .add(|id| Job::new(workbench, id, what, kind, steps, request));
    start(workbench, &job);
    Ok(job.view())
}

/// The description of a kind of board.
pub(crate) fn description(kind: &str) -> Result<Description, ApiError> {
    drydock_assets::board(kind).ok_or_else(|| {
        let kinds: Vec<String> = drydock_assets::boards().into_iter().map(|board| board.name).collect();
        let text = format!("There is no kind of board {kind}; there are: {}.", kinds.join(", "));
        ApiError::new(ErrorCode::NotFound, text)
    })
}

/// An open way to a board's flash, with the cable that it goes over.
pub(super) struct OpenBoard {
    pub(super) cable: Cable,
    pub(super) flasher: Box<dyn Flasher>,
}

impl OpenBoard {
    /// Step 0 of each job: finds the board; then step 1.
    async fn find(
        workbench: &Arc<WorkbenchState>,
        job: &Job,
        on: &CableRef,
        board: &Description,
    ) -> Result<Self, JobEnd> {
        job.step(workbench, 0, format!("Looks for the {}.", board.title))?;
        let cable = Cable::take(workbench, job, on, board).await?;
        Self::open(workbench, job, cable, board).await
    }

    /// Step 1 of each job: opens the way to the board's flash and reads the chip's id.
    pub(super) async fn open(
        workbench: &Arc<WorkbenchState>,
        job: &Job,
        cable: Cable,
        board: &Description,
    ) -> Result<Self, JobEnd> {
        match Self::open_on(workbench, job, &cable, board).await {
            Ok(flasher) => Ok(Self { cable, flasher }),
            Err(end) => {
                cable.give_back().await;
                Err(end)
            }
        }
    }

    async fn open_on(
        workbench: &Arc<WorkbenchState>,
        job: &Job,
        cable: &Cable,
        board: &Description,
    ) -> Result<Box<dyn Flasher>, JobEnd> {
        job.step(workbench, 1, "Reads the chip's id.".to_owned())?;
        let mut flasher = cable.open(workbench, board).await?;
        let (flasher, chip) = blocking(move || {
            let chip = flasher.chip();
            (flasher, chip)
        })
        .await?;
        let chip = match chip {
            // A locked chip says its id only after everything on it was erased.
            Err(FlashError::Locked) if job.request().erases_all() => return Ok(flasher),
            chip => chip.map_err(|error| cable.sentence(&error))?,
        };
        let expected = job.view().chip;
        if expected.as_deref().is_some_and(|expected| expected != chip.as_str()) {
            let text = format!(
                "Another board is at {}: chip {chip}, not {}. Nothing was written; plug the right board in and resume.",
                cable.place,
                expected.unwrap_or_default()
            );
            return Err(JobEnd::Failed(text));
        }
        let bound = cable
            .binding
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .check_chip(&chip);
        bound.map_err(|wrong| cable.sentence(&FlashError::WrongBoard(wrong)))?;
        job.change(|view| view.chip = Some(chip.as_str().to_owned()));
        job.keep();
        Ok(flasher)
    }

    /// The chip that the job is bound to.
    pub(super) fn chip(&self) -> Option<ChipId> {
        self.cable.binding().chip
    }

    /// Calls the flasher on a thread that may block.
    pub(super) async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut dyn Flasher) -> Result<T, FlashError> + Send + 'static,
    ) -> Result<T, JobEnd> {
        let mut flasher = std::mem::replace(&mut self.flasher, Box::new(flash::Gone));
        let (flasher, done) = blocking(move || {
            let done = work(&mut *flasher);
            (flasher, done)
        })
        .await?;
        self.flasher = flasher;
        done.map_err(|error| self.cable.sentence(&error))
    }

    /// Writes firmware as step `index` of a job.
    pub(super) async fn write(
        &mut self,
        workbench: &WorkbenchState,
        job: &Arc<Job>,
        (index, board): (usize, &Description),
        firmware: Firmware,
        erase: Erase,
    ) -> Result<Report, JobEnd> {
        job.step(workbench, index, format!("Writes {}.", firmware.name))?;
        let (binding, cancelled) = (Arc::clone(&self.cable.binding), Arc::clone(&job.cancelled));
        let (shown, board) = (Arc::clone(job), board.clone());
        let mut step_before = None;
        self.with(move |flasher| {
            let plan = flash::plan(flasher, &board, firmware.segments, erase)?;
            let mut control = Control::new(cancelled, move |step, done, total| {
                let text = (step_before != Some(step)).then(|| step_text(step));
                step_before = Some(step);
                shown.progress(text, done, total);
            });
            let mut binding = binding.lock().unwrap_or_else(PoisonError::into_inner);
            flash::program(flasher, &mut binding, &plan, &mut control)
        })
        .await
    }

    /// Starts what is in flash, as step `index`, and gives the port back.
    pub(super) async fn start(
        mut self,
        workbench: &WorkbenchState,
        job: &Job,
        index: usize,
    ) -> Result<Cable, (JobEnd, Cable)> {
        if let Err(end) = job.step(workbench, index, "Starts the firmware.".to_owned()) {
            return Err((end, self.cable));
        }
        match self.with(|flasher| flasher.start()).await {
            Ok(()) => Ok(self.cable),
            Err(end) => Err((end, self.cable)),
        }
    }
}

fn step_text(step: Step) -> &'static str {
    match step {
        Step::Comparing => "Compares flash with the firmware.",
        Step::Erasing => "Erases flash.",
        Step::Writing => "Writes the firmware.",
        Step::Verifying => "Reads the firmware back.",
    }
}

/// Firmware to be written.
pub(super) struct Firmware {
    /// What it is, for people.
    pub(super) name: String,
    /// SHA-256 of the file, hexadecimal.
    pub(super) sha256: String,
    pub(super) segments: Vec<flash::Segment>,
}

/// Reads firmware and turns it into bytes at addresses.
pub(super) async fn firmware(
    source: &FirmwareSource,
    address: Option<u32>,
    board: &Description,
) -> Result<Firmware, JobEnd> {
    let (name, bytes) = match source {
        FirmwareSource::Ours => {
            let ours = drydock_embedded::firmware(&board.name).map_err(|error| JobEnd::Failed(format!("{error}.")))?;
            (format!("Drydock's firmware for the {}", board.title), ours.elf.to_vec())
        }
        FirmwareSource::Path(path) => {
            let read = read_file(path).await;
            let bytes = read.map_err(|error| JobEnd::Failed(format!("{path} cannot be read: {error}.")))?;
            (path.clone(), bytes)
        }
    };
    let sha256 = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let board = board.clone();
    let segments = blocking(move || image::segments(&bytes, &board, address)).await?;
    let segments = segments.map_err(|error| JobEnd::Failed(format!("{name}: {error}.")))?;
    Ok(Firmware { name, sha256, segments })
}

async fn read_file(path: &str) -> std::io::Result<Vec<u8>> {
    let length = tokio::fs::metadata(path).await?.len();
    if length > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!(
            "it has {length} bytes, and no board holds more than {MAX_FILE_BYTES}"
        )));
    }
    tokio::fs::read(path).await
}

pub(super) async fn run_flash(
    workbench: &Arc<WorkbenchState>,
    job: &Arc<Job>,
    request: &FlashStart,
) -> Result<String, JobEnd> {
    let board = description(&request.kind).map_err(|error| error.message)?;
    let firmware = firmware(&request.firmware, request.address, &board).await?;
    let mut open = OpenBoard::find(workbench, job, &request.on, &board).await?;
    let erase = if request.erase_all { Erase::All } else { Erase::Changed };
    let name = firmware.name.clone();
    let written = open.write(workbench, job, (2, &board), firmware, erase).await;
    let report = match written {
        Ok(report) => report,
        Err(end) => {
            open.cable.give_back().await;
            return Err(end);
        }
    };
    let place = open.cable.place.to_string();
    match open.start(workbench, job, 3).await {
        Ok(cable) => cable.give_back().await,
        Err((end, cable)) => {
            cable.give_back().await;
            return Err(end);
        }
    }
    Ok(match report.written_bytes {
        0 => format!("{name} was on the board at {place} already."),
        bytes if report.is_unread => format!(
            "{name} is on the board at {place}: {bytes} bytes were written. This way cannot read flash, so they were not read \
             back."
        ),
        bytes => format!("{name} is on the board at {place}: {bytes} bytes were written and read back."),
    })
}

pub(super) async fn run_backup(
    workbench: &Arc<WorkbenchState>,
    job: &Arc<Job>,
    request: &BackupStart,
) -> Result<String, JobEnd> {
    let board = description(&request.kind).map_err(|error| error.message)?;
    let mut open = OpenBoard::find(workbench, job, &request.on, &board).await?;
    let read = read_flash(workbench, job, &mut open, &board, &request.path).await;
    let started = open.start(workbench, job, 3).await;
    match started {
        Ok(cable) => cable.give_back().await,
        Err((end, cable)) => {
            cable.give_back().await;
            read?;
            return Err(end);
        }
    }
    read
}

async fn read_flash(
    workbench: &WorkbenchState,
    job: &Arc<Job>,
    open: &mut OpenBoard,
    board: &Description,
    path: &str,
) -> Result<String, JobEnd> {
    job.step(workbench, 2, "Reads flash.".to_owned())?;
    let (base, bytes) = (board.chip.flash.base, board.chip.flash.bytes);
    let (shown, cancelled) = (Arc::clone(job), Arc::clone(&job.cancelled));
    let content = open
        .with(move |flasher| {
            if flasher.is_locked()? {
                return Err(FlashError::Locked);
            }
            let mut content = vec![0; bytes as usize];
            for (number, chunk) in content.chunks_mut(READ_BYTES).enumerate() {
                if cancelled.load(std::sync::atomic::Ordering::Relaxed) {
                    return Err(FlashError::Cancelled);
                }
                let at = (number * READ_BYTES) as u32;
                flasher.read(base + at, chunk)?;
                shown.progress(None, at + chunk.len() as u32, bytes);
            }
            Ok(content)
        })
        .await?;
    let file = path.to_owned();
    let written = blocking(move || {
        let mut file = std::fs::File::create_new(file)?;
        file.write_all(&content)?;
        file.sync_all()
    })
    .await?;
    written.map_err(|error| JobEnd::Failed(format!("{path} cannot be written: {error}.")))?;
    Ok(format!("{bytes} bytes from {base:#010x} on are in {path}."))
}

pub(super) async fn run_erase(
    workbench: &Arc<WorkbenchState>,
    job: &Arc<Job>,
    request: &EraseStart,
) -> Result<String, JobEnd> {
    let board = description(&request.kind).map_err(|error| error.message)?;
    let mut open = OpenBoard::find(workbench, job, &request.on, &board).await?;
    let place = open.cable.place.to_string();
    let unreached = unreached(&*open.flasher, &board);
    let erased = async {
        job.step(workbench, 2, "Erases everything.".to_owned())?;
        open.with(|flasher| flasher.erase_all()).await
    }
    .await;
    open.cable.give_back().await;
    erased?;
    Ok(match unreached {
        None => format!(
            "The {} at {place} is erased; provision it to use it again.",
            board.title
        ),
        Some(areas) => format!(
            "The firmware of the {} at {place} is erased; its flash area {areas} is not: this way does not reach it.",
            board.title
        ),
    })
}
