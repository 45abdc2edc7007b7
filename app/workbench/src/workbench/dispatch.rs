//! Which part carries out each request.

use crate::{
    api::{ApiError, Empty, EventName, Fleet, Request, Response, Text},
    apps::{self, Action},
    boards, debugger,
    diagnostics::diagnostics,
    fleet, forks, hardware, jobs, kind_detail, labels, metrics, monitor, own_firmware, own_kinds,
    owner::Serves,
    pairing, part_contents, parts, profile, recordings, snapshots,
    state::WorkbenchState,
    system_info::system_info,
};
use drydock_client::Updates;
use serde_json::Map;
use std::sync::Arc;

/// The workbench's interface for clients of the socket.
pub(super) struct ApiService(pub(super) Arc<WorkbenchState>);

impl Serves for ApiService {
    async fn call(&self, request: Request) -> Result<Response, ApiError> {
        call(&self.0, request).await
    }

    fn subscribe(&self) -> Updates {
        self.0.hub.subscribe()
    }
}

pub(super) async fn call(workbench: &Arc<WorkbenchState>, request: Request) -> Result<Response, ApiError> {
    use Request as Q;
    use Response as R;
    Ok(match request {
        Q::SystemInfo(_) => R::SystemInfo(system_info(workbench)),
        Q::Diagnostics(_) => R::Diagnostics(Text {
            text: diagnostics(workbench),
        }),
        Q::BoardKinds(_) => R::BoardKinds(boards::kinds(workbench)),
        Q::BoardKind(kind) => R::BoardKind(kind_detail::view(workbench, &kind.kind)?),
        Q::BoardKindAdd(add) => R::BoardKindAdd(own_kinds::add(workbench, &add)?),
        Q::BoardKindRemove(kind) => R::BoardKindRemove(own_kinds::remove(workbench, &kind)?),
        Q::BoardList(_) => R::BoardList(Fleet {
            revision: workbench.revision(),
            boards: workbench
                .fleet
                .all()
                .iter()
                .map(|board| workbench.view(board))
                .collect(),
        }),
        Q::BoardGet(board) => R::BoardGet(workbench.view(&*workbench.board(&board.board)?)),
        Q::BoardAdd(add) => R::BoardAdd(boards::add(workbench, add).await?),
        Q::BoardRemove(board) => R::BoardRemove(boards::remove(workbench, &board.board).await?),
        Q::FirmwarePreview(request) => R::FirmwarePreview(own_firmware::preview(workbench, request).await?),
        Q::BoardFirmware(request) => R::BoardFirmware(own_firmware::give(workbench, request).await?),
        Q::BoardRename(rename) => R::BoardRename(boards::rename(workbench, rename).await?),
        Q::BoardLabel(request) => R::BoardLabel(labels::label(workbench, request).await?),
        Q::BoardPower(power) => R::BoardPower(boards::power(workbench, power).await?),
        Q::BoardButton(button) => R::BoardButton(boards::button(workbench, button).await?),
        Q::MachinePace(pace) => R::MachinePace(boards::pace(workbench, &pace).await?),
        Q::MachineStep(step) => R::MachineStep(boards::step(workbench, &step)?),
        Q::PartsList(board) => R::PartsList(parts::list(workbench, &board.board).await?),
        Q::PartsSet(set) => R::PartsSet(parts::set(workbench, set).await?),
        Q::PartsLoad(content) => R::PartsLoad(part_contents::load(workbench, content).await?),
        Q::PartsSave(content) => R::PartsSave(part_contents::save(workbench, content).await?),
        Q::PartsPlay(play) => R::PartsPlay(parts::play(workbench, play).await?),
        Q::SnapshotList(board) => R::SnapshotList(snapshots::list(workbench, &board.board)?),
        Q::SnapshotTake(take) => R::SnapshotTake(snapshots::take(workbench, take).await?),
        Q::SnapshotRestore(restore) => R::SnapshotRestore(snapshots::restore(workbench, restore).await?),
        Q::SnapshotDelete(snapshot) => R::SnapshotDelete(snapshots::delete(workbench, &snapshot)?),
        Q::SnapshotExport(export) => R::SnapshotExport(snapshots::export(workbench, export).await?),
        Q::SnapshotImport(import) => R::SnapshotImport(snapshots::import(workbench, import).await?),
        Q::BoardFork(fork) => R::BoardFork(forks::fork(workbench, fork).await?),
        Q::RecordingStart(start) => R::RecordingStart(recordings::start(workbench, start).await?),
        Q::RecordingStop(recording) => R::RecordingStop(recordings::stop(workbench, &recording.recording).await?),
        Q::RecordingKeep(keep) => R::RecordingKeep(recordings::recent::keep(workbench, keep).await?),
        Q::RecordingRecentSize(size) => {
            R::RecordingRecentSize(recordings::recent::set_size(workbench, size.max_bytes).await?)
        }
        Q::RecordingList(_) => R::RecordingList(recordings::list(workbench).await),
        Q::ProfileStart(start) => R::ProfileStart(profile::start(workbench, start).await?),
        Q::ProfileView(query) => R::ProfileView(profile::look(workbench, query).await?),
        Q::ProfileStop(stop) => R::ProfileStop(profile::stop(workbench, stop).await?),
        Q::ProfileSample(sample) => R::ProfileSample(profile::sample(workbench, sample).await?),
        Q::ProfileSampleStop(stop) => R::ProfileSampleStop(profile::stop_sampling(workbench, &stop)?),
        Q::ProfileExport(export) => R::ProfileExport(profile::export(workbench, export).await?),
        Q::GdbOpen(open) => R::GdbOpen(debugger::open(workbench, open).await?),
        Q::GdbView(board) => R::GdbView(debugger::view(workbench, &board.board)?),
        Q::GdbClose(board) => R::GdbClose(debugger::close(workbench, &board.board).await?),
        Q::ProbeRead(read) => R::ProbeRead(hardware::memory_over_probe(workbench, read).await?),
        Q::ProbeRegisters(probe) => R::ProbeRegisters(hardware::registers_over_probe(workbench, probe).await?),
        Q::MonitorView(board) => R::MonitorView(monitor::view(workbench, &board.board).await?),
        Q::MonitorExecute(line) => R::MonitorExecute(monitor::execute(workbench, line).await?),
        Q::AppSamples(_) => R::AppSamples(apps::samples()),
        Q::AppPreview(preview) => R::AppPreview(apps::preview(workbench, preview).await?),
        Q::AppDeploy(deploy) => R::AppDeploy(apps::deploy(workbench, deploy).await?),
        Q::AppStart(app) => R::AppStart(apps::act(workbench, Action::Start, &app).await?),
        Q::AppStop(app) => R::AppStop(apps::act(workbench, Action::Stop, &app).await?),
        Q::AppRemove(app) => R::AppRemove(apps::act(workbench, Action::Remove, &app).await?),
        Q::AppCancel(app) => R::AppCancel(apps::act(workbench, Action::Cancel, &app).await?),
        Q::LogsQuery(query) => {
            let board = workbench.board(&query.board)?;
            fleet::read_logs(&board, &workbench.gateway);
            workbench.throttle.post(&board);
            let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
            R::LogsQuery(board.state().console.query(query.after, query.source.as_deref(), limit))
        }
        Q::MetricsQuery(query) => R::MetricsQuery(metrics::query(workbench, &query)?),
        Q::MetricsExport(export) => R::MetricsExport(metrics::export(workbench, export).await?),
        Q::ActivityList(query) => {
            let board = query.board.as_deref().map(|board| workbench.board(board)).transpose()?;
            let name = board.map(|board| board.name());
            R::ActivityList(
                workbench
                    .activity
                    .list(query.before, query.limit as usize, name.as_deref()),
            )
        }
        Q::HardwareList(_) => R::HardwareList(hardware::list(workbench).await?),
        Q::HardwareAllow(_) => R::HardwareAllow(hardware::allow(workbench).await?),
        Q::PortLend(port) => R::PortLend(hardware::lend(workbench, port).await?),
        Q::PortTakeBack(port) => R::PortTakeBack(hardware::take_back(workbench, port).await?),
        Q::ConsoleOpen(open) => R::ConsoleOpen(hardware::open_console(workbench, open).await?),
        Q::ConsoleSend(send) => R::ConsoleSend(hardware::send_console(workbench, send).await?),
        Q::ConsoleRead(read) => R::ConsoleRead(hardware::read_console(workbench, &read)?),
        Q::ConsoleClose(port) => R::ConsoleClose(hardware::close_console(workbench, port).await?),
        Q::FlashStart(start) => R::FlashStart(jobs::flash(workbench, start)?),
        Q::FlashBackup(start) => R::FlashBackup(jobs::backup(workbench, start)?),
        Q::FlashErase(start) => R::FlashErase(jobs::erase(workbench, start)?),
        Q::ProvisionStart(start) => R::ProvisionStart(jobs::provision(workbench, start)?),
        Q::JobList(_) => R::JobList(jobs::list(workbench)),
        Q::JobGet(job) => R::JobGet(jobs::get(workbench, job)?),
        Q::JobCancel(job) => R::JobCancel(jobs::cancel(workbench, job)?),
        Q::JobResume(job) => R::JobResume(jobs::resume(workbench, job)?),
        Q::EvidenceList(_) => R::EvidenceList(jobs::evidence::list(workbench).await?),
        Q::EvidenceExport(export) => R::EvidenceExport(jobs::evidence::export(workbench, export).await?),
        Q::LabelsMake(request) => R::LabelsMake(jobs::sheet::make(workbench, request).await?),
        Q::VirtualAdd(add) => R::VirtualAdd(hardware::add_virtual(workbench, add).await?),
        Q::VirtualRemove(board) => R::VirtualRemove(hardware::remove_virtual(workbench, board).await?),
        Q::VirtualCable(cable) => R::VirtualCable(hardware::cable_of_virtual(workbench, cable).await?),
        Q::PairingSet(request) => R::PairingSet(pairing::set(workbench, request).await?),
        Q::WindowShow(_) => {
            workbench.publish(
                EventName::WindowShow,
                None,
                "Another start of Drydock asks for the window.",
                Map::new(),
            );
            R::WindowShow(Empty {})
        }
    })
}
