//! Provisioning: firmware, an identity born on the chip, and the first app, for one board.
//!
//! Each step looks first whether it is done already, so that a job can be resumed at any step. A board is in the fleet from
//! the step *Enroll* on.

use super::{
    cable::Cable,
    evidence::Written,
    flash::{Firmware, OpenBoard, begin, description, firmware},
    job::{Job, JobEnd},
    journal::JobRequest,
};
use crate::{
    api::{
        ApiError, AppDeploy, AppSource, AppState, CableRef, CableState, Deployment, ErrorCode, FirmwareSource, JobKind,
        JobView, ProvisionStart,
    },
    apps, boards,
    clock::now_ms,
    errors::with_sources,
    fleet::{BoardKind, BoardRecord, FleetBoard, HostRecord, PhysicalRecord},
    state::WorkbenchState,
};
use drydock_assets::Board as Description;
use drydock_gateway::DeviceState;
use drydock_hardware::{
    binding::ChipId,
    flash::{Erase, FlashError, Flasher, Report},
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a board may take from its start to its first session: enrollment signs twice on the chip.
const ENROLL_TIME: Duration = Duration::from_secs(90);

/// How long the first app may take until it runs.
const APP_TIME: Duration = Duration::from_secs(180);

/// How long a board's port may be away while the job waits for the board: its USB device enumerates anew with the firmware.
const AWAY_TIME: Duration = Duration::from_secs(5);

/// How long a board may be refused while the job waits for it: another board may have its port's old path for a moment.
const REFUSED_TIME: Duration = Duration::from_secs(5);

/// Interval between two looks at what a board reports.
const LOOK: Duration = Duration::from_millis(50);

/// Most boards that one request provisions.
const MOST: usize = 64;

/// Areas of flash that hold an identity and apps.
const DATA_AREAS: [&str; 2] = ["identity", "store"];

/// Starts provisioning boards, a job for each.
pub(crate) fn provision(workbench: &Arc<WorkbenchState>, request: ProvisionStart) -> Result<Vec<JobView>, ApiError> {
    let usage = |text: &str| Err(ApiError::new(ErrorCode::Usage, text));
    if request.on.is_empty() || request.on.len() > MOST {
        return usage("Name 1 to 64 boards by their serial ports.");
    }
    if request.on.iter().any(|on| on.port.is_none()) {
        return usage(
            "Name the serial port of each board: its link runs there, even if the firmware is written over a debug probe or a DFU device.",
        );
    }
    let ports: BTreeSet<_> = request.on.iter().map(|on| &on.port).collect();
    if ports.len() != request.on.len() {
        return usage("A serial port is named twice.");
    }
    if request.on.len() > 1 && request.name.as_deref().is_some_and(|name| !name.contains("{n}")) {
        return usage("A name for several boards needs {n}, which becomes a number.");
    }
    if let Some(name) = &request.name {
        boards::proper_name(&name.replace("{n}", "1"))?;
    }
    let board = description(&request.kind)?;
    if board.limit.as_ref().is_some_and(|limit| !limit.enrolls) {
        let text = format!("{} cannot be provisioned: it cannot have an identity.", board.title);
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    if request.app.is_some() && board.limit.as_ref().is_some_and(|limit| !limit.apps) {
        let text = format!("{} takes no apps; provision it without one.", board.title);
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let steps = [
        "Find the board",
        "Read the chip",
        "Write firmware",
        "Start firmware",
        "Enroll",
        "First app",
        "Evidence",
    ];
    let one = |on: &CableRef| ProvisionStart {
        on: vec![on.clone()],
        ..request.clone()
    };
    let begin_one = |on| {
        begin(
            workbench,
            JobKind::Provision,
            &request.kind,
            &steps,
            JobRequest::Provision(one(on)),
        )
    };
    request.on.iter().map(begin_one).collect()
}

pub(super) async fn run(
    workbench: &Arc<WorkbenchState>,
    job: &Arc<Job>,
    request: &ProvisionStart,
) -> Result<String, JobEnd> {
    let description = description(&request.kind).map_err(|error| error.message)?;
    let on = request.on.first().cloned().unwrap_or_default();
    job.step(workbench, 0, format!("Looks for the {}.", description.title))?;
    let cable = Cable::take(workbench, job, &on, &description).await?;
    let firmware = match firmware(&FirmwareSource::Ours, None, &description).await {
        Ok(firmware) => firmware,
        Err(end) => {
            cable.give_back().await;
            return Err(end);
        }
    };
    let firmware_sha256 = firmware.sha256.clone();
    let mut open = OpenBoard::open(workbench, job, cable, &description).await?;
    let (method, can_start) = (open.flasher.method(), open.flasher.can_start());
    if !open.flasher.tells_chip_id() {
        let text = format!(
            "{method} does not tell the chip's id at {}, by which a board of the fleet is known; nothing was written. \
             Provision it over a debug probe.",
            open.cable.place
        );
        open.cable.give_back().await;
        return Err(JobEnd::Failed(text));
    }
    let unseen = unreached(&*open.flasher, &description);
    let written = write(workbench, job, &mut open, &description, (firmware, request.erase_all)).await;
    let report = match written {
        Ok(report) => report,
        Err(end) => {
            open.cable.give_back().await;
            return Err(end);
        }
    };
    let chip = open.chip().map(|chip| chip.as_str().to_owned());
    job.change(|view| view.chip.clone_from(&chip));
    let cable = match open.start(workbench, job, 3).await {
        Ok(cable) => cable,
        Err((end, cable)) => {
            cable.give_back().await;
            return Err(end);
        }
    };
    let record = PhysicalRecord {
        // A board with half a firmware showed no port.
        port: cable
            .place
            .port
            .as_ref()
            .map(|port| port.path.clone())
            .or_else(|| on.port.clone())
            .unwrap_or_default(),
        topology: cable.binding().topology.map(|topology| topology.to_string()),
        // The firmware may show another number than the bootloader; it is stored when the port is opened.
        usb_serial: None,
        chip: chip.unwrap_or_default(),
    };
    cable.give_back().await;

    let waits = match can_start {
        true => "Waits for the firmware, and gives it an identity.",
        false => "Press the board's reset button now: its port has no line for it. Then it gets its identity.",
    };
    job.step(workbench, 4, waits)?;
    let board = fleet_board(workbench, job, request, &description, record).await?;
    board.state().may_enroll = true;
    let enrolled = wait_for_session(workbench, job, &board).await;
    board.state().may_enroll = false;
    enrolled?;

    let app = match &request.app {
        Some(source) => {
            job.step(workbench, 5, "Sends the first app.".to_owned())?;
            Some(first_app(workbench, job, &board, source, &request.grant).await?)
        }
        None => {
            job.skip(5);
            None
        }
    };

    job.step(workbench, 6, "Writes the evidence.".to_owned())?;
    let device = board.state().record.device.clone();
    let evidence = Written {
        job: job.view(),
        board: board.name(),
        description: &description,
        method,
        firmware_sha256,
        written_bytes: report.written_bytes,
        device: workbench.gateway.device(&device),
        app,
        ended_ms: now_ms(),
    };
    let path = evidence.write(workbench.dir.path()).map_err(|error| {
        format!(
            "{} is provisioned, but its evidence cannot be written: {error}. Free some space and resume.",
            board.name()
        )
    })?;
    job.change(|view| view.evidence = Some(path));
    let mut text = match &request.app {
        Some(_) => format!("{} is in the fleet and runs its first app.", board.name()),
        None => format!("{} is in the fleet.", board.name()),
    };
    if let Some(areas) = unseen {
        text += &format!(" {method} reaches no flash area {areas}: what it held before was neither seen nor erased.");
    }
    Ok(text)
}

/// The names of flash areas with data that a method does not reach.
pub(super) fn unreached(flasher: &dyn Flasher, board: &Description) -> Option<String> {
    let areas = DATA_AREAS.iter().filter_map(|name| board.flash_area(name));
    let names: Vec<&str> = areas
        .filter(|area| !flasher.reaches(area.base))
        .map(|area| area.name.as_str())
        .collect();
    (!names.is_empty()).then(|| names.join(" and "))
}

/// Writes the firmware. What an earlier owner left on the board is erased only if the user said so.
async fn write(
    workbench: &Arc<WorkbenchState>,
    job: &Arc<Job>,
    open: &mut OpenBoard,
    board: &Description,
    (firmware, erase_all): (Firmware, bool),
) -> Result<Report, JobEnd> {
    // What a resumed job has erased and written may have an identity by now.
    let written_before = job.has_done(2);
    let erase_all = erase_all && !written_before;
    if !erase_all {
        let chip = open.chip();
        let known = written_before
            || chip
                .as_ref()
                .is_some_and(|chip| board_of_chip(workbench, chip.as_str()).is_some());
        let areas: Vec<_> = DATA_AREAS
            .iter()
            .filter_map(|name| board.flash_area(name).cloned())
            .collect();
        let left = open.with(move |flasher| left_in(flasher, &areas)).await?;
        if let Some(area) = left.filter(|_| !known) {
            let text = format!(
                "The board at {} is not blank: its flash area {area} holds data of an earlier use, and its chip {} is not \
                 in this fleet. Nothing was written. To use it here, begin again and have everything erased first \
                 (--erase-all); what is on it is lost then.",
                open.cable.place,
                chip.as_ref().map_or("id", ChipId::as_str)
            );
            return Err(JobEnd::Failed(text));
        }
    }
    let erase = if erase_all { Erase::All } else { Erase::Changed };
    open.write(workbench, job, (2, board), firmware, erase).await
}

/// The first of these areas that is not erased.
fn left_in(flasher: &mut dyn Flasher, areas: &[drydock_assets::FlashArea]) -> Result<Option<String>, FlashError> {
    if flasher.is_locked()? {
        return Err(FlashError::Locked);
    }
    for area in areas
        .iter()
        .filter(|area| flasher.reaches(area.base))
        .cloned()
        .collect::<Vec<_>>()
    {
        let unit = flasher.erase_unit(area.base);
        let mut address = area.base;
        while address < area.base + area.bytes {
            let bytes = vec![0xff; ((unit.end - unit.start).min(area.base + area.bytes - address)) as usize];
            if !flasher.holds(address, &bytes)? {
                return Ok(Some(area.name));
            }
            address += bytes.len() as u32;
        }
    }
    Ok(None)
}

/// The physical board of the fleet with this chip.
fn board_of_chip(workbench: &WorkbenchState, chip: &str) -> Option<Arc<FleetBoard>> {
    workbench.fleet.all().into_iter().find(|board| {
        let state = board.state();
        state.record.physical().is_some_and(|physical| physical.chip == chip)
    })
}

/// The board of the fleet for a chip: the one that it was provisioned as before, or a new one.
async fn fleet_board(
    workbench: &Arc<WorkbenchState>,
    job: &Job,
    request: &ProvisionStart,
    description: &Description,
    record: PhysicalRecord,
) -> Result<Arc<FleetBoard>, JobEnd> {
    let message = |error: ApiError| JobEnd::Failed(error.message);
    if let Some(board) = board_of_chip(workbench, &record.chip) {
        board.state().record.host = HostRecord::Physical(record);
        boards::save(workbench, None).await.map_err(message)?;
        boards::switch(workbench, &board, true).await.map_err(message)?;
        job.is_about(&board);
        return Ok(board);
    }
    release_chip(workbench, &record.chip).await?;
    let pattern = request.name.as_deref().unwrap_or("board-{n}");
    let name = boards::reserve_pattern(workbench, pattern).map_err(message)?;
    let (id, device) = boards::place(workbench, name.text()).await.map_err(message)?;
    let record = BoardRecord {
        id: id.text().to_owned(),
        name: name.text().to_owned(),
        labels: BTreeSet::new(),
        kind: description.name.clone(),
        device,
        on: true,
        host: HostRecord::Physical(record),
    };
    boards::save(workbench, Some(&record)).await.map_err(message)?;
    let entered = boards::enter(workbench, record, BoardKind::kept(description.clone()), true);
    boards::was_added(workbench, &entered.board, None);
    let board = entered.begin(workbench, None);
    job.is_about(&board);
    Ok(board)
}

/// Releases a chip's id from a device that is out of service. A device in use keeps it: it may be the same chip over
/// another way.
async fn release_chip(workbench: &WorkbenchState, chip: &str) -> Result<(), JobEnd> {
    let holders = workbench.gateway.devices();
    for device in holders.iter().filter(|device| device.chip_id == chip) {
        if device.state != DeviceState::Retired {
            let text = format!(
                "The chip {chip} belongs to the device {} of this gateway, which is in use. Retire that device first.",
                device.name
            );
            return Err(JobEnd::Failed(text));
        }
        let released = workbench.gateway.release_chip_id(&device.id).await;
        released.map_err(|error| with_sources(ErrorCode::Refused, &error).message)?;
    }
    Ok(())
}

/// Ends a wait for a board whose cable is out.
struct CableWatch<'a> {
    board: &'a FleetBoard,
    there: Instant,
}

impl<'a> CableWatch<'a> {
    fn new(board: &'a FleetBoard) -> Self {
        let there = Instant::now();
        Self { board, there }
    }

    fn check(&mut self) -> Result<(), JobEnd> {
        let state = self.board.state();
        if state.cable != CableState::Unplugged {
            self.there = Instant::now();
            return Ok(());
        }
        if self.there.elapsed() < AWAY_TIME {
            return Ok(());
        }
        let physical = state.record.physical();
        let at = physical.map(|physical| physical.topology.as_ref().unwrap_or(&physical.port));
        Err(JobEnd::Failed(format!(
            "{} went away: no board is at {} any more. Plug it in again there and resume.",
            state.record.name,
            at.map_or("its port", String::as_str)
        )))
    }
}

async fn wait_for_session(workbench: &WorkbenchState, job: &Job, board: &FleetBoard) -> Result<(), JobEnd> {
    let begin = Instant::now();
    let device = board.state().record.device.clone();
    let mut cable = CableWatch::new(board);
    let mut accepted = begin;
    loop {
        job.check()?;
        cable.check()?;
        let connected = workbench
            .gateway
            .device(&device)
            .is_some_and(|device| device.session_id.is_some());
        if connected {
            return Ok(());
        }
        let (refused, phase) = {
            let state = board.state();
            (state.refused.clone(), state.phase.clone())
        };
        match refused {
            None => accepted = Instant::now(),
            Some(refused) if accepted.elapsed() > REFUSED_TIME => return Err(JobEnd::Failed(refused)),
            Some(_) => {}
        }
        if begin.elapsed() > ENROLL_TIME {
            let text = format!(
                "{} did not get a session within {} s; it is at this step: {phase}. Check that the serial port is the one of \
                 the board's link, then resume.",
                board.name(),
                ENROLL_TIME.as_secs()
            );
            return Err(JobEnd::Failed(text));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn first_app(
    workbench: &WorkbenchState,
    job: &Job,
    board: &FleetBoard,
    source: &AppSource,
    grant: &[String],
) -> Result<Deployment, JobEnd> {
    let request = AppDeploy {
        source: source.clone(),
        boards: vec![board.id.clone()],
        name: None,
        version: None,
        grant: grant.to_vec(),
        no_start: false,
    };
    let deployment = apps::deploy(workbench, request).await.map_err(|error| error.message)?;
    let begin = Instant::now();
    let mut cable = CableWatch::new(board);
    loop {
        job.check()?;
        cable.check()?;
        let view = workbench.view(board);
        let app = view.apps.iter().find(|app| app.name == deployment.app);
        if let Some(app) = app {
            match (app.state, &app.failure) {
                (AppState::Running | AppState::Exited, _) if !app.asked => return Ok(deployment),
                (AppState::Failed, failure) => {
                    let why = failure
                        .as_ref()
                        .map_or("no reason known", |failure| failure.detail.as_str());
                    return Err(JobEnd::Failed(format!(
                        "{} failed on {}: {why}.",
                        app.name,
                        board.name()
                    )));
                }
                _ => {}
            }
            if let Some(progress) = app.progress {
                job.progress(None, progress.done_bytes, progress.total_bytes);
            }
        }
        if begin.elapsed() > APP_TIME {
            let text = format!(
                "{} does not run on {} after {} s. Look at the board's log, then resume.",
                deployment.app,
                board.name(),
                APP_TIME.as_secs()
            );
            return Err(JobEnd::Failed(text));
        }
        tokio::time::sleep(LOOK).await;
    }
}
