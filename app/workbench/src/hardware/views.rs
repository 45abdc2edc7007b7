//! Ports, probes and virtual boards as users see them, and how changes are published.

use crate::{
    api::{
        AccessView, ApiError, CandidateView, Confidence, DfuView, ErrorCode, EventName, Hardware, PortView, ProbeView,
        Text, Update, UsbView,
    },
    state::WorkbenchState,
};
use drydock_hardware::{
    candidate::{self, Candidate},
    dfu::DfuInfo,
    port::{self, Access, Port, UsbIdentity},
    probe::{ProbeAccess, ProbeInfo},
};
use serde_json::{Map, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Minimum time between two updates of the hardware.
const INTERVAL: Duration = Duration::from_millis(100);

/// All hardware.
pub(crate) async fn list(workbench: &Arc<WorkbenchState>) -> Result<Hardware, ApiError> {
    let workbench = Arc::clone(workbench);
    // Looking for the holder of a port reads files of the system.
    let listed = tokio::task::spawn_blocking(move || hardware(&workbench)).await;
    listed.map_err(|error| ApiError::internal(format!("The hardware cannot be listed: {error}.")))
}

fn hardware(workbench: &WorkbenchState) -> Hardware {
    let state = &workbench.hardware;
    let ports = state.ports.list();
    // All at once: looking for holders takes as long for all ports as for one.
    let access = port::access_all(&ports);
    let views = ports.iter().zip(access);
    Hardware {
        ports: views.map(|(port, access)| view(workbench, port, access)).collect(),
        probes: state
            .probes
            .list()
            .iter()
            .map(|probe| probe_view(workbench, probe))
            .collect(),
        dfu: state
            .ports
            .dfu()
            .list()
            .iter()
            .map(|device| dfu_view(workbench, device))
            .collect(),
        virtual_boards: state.desk.views(),
    }
}

/// A port as users see it.
pub(super) fn port_view(workbench: &WorkbenchState, port: &Port) -> PortView {
    view(workbench, port, port::access(port))
}

fn view(workbench: &WorkbenchState, port: &Port, access: Access) -> PortView {
    let used_by = used_by(workbench, &port.path);
    PortView {
        path: port.path.clone(),
        topology: port.topology.as_ref().map(ToString::to_string),
        usb: port.usb.as_ref().map(usb_view),
        is_virtual: port.is_virtual,
        candidates: candidate::candidates(port).into_iter().map(candidate_view).collect(),
        // Drydock itself holds a port that it uses.
        access: match used_by {
            Some(_) => AccessView::Usable,
            None => access_view(access),
        },
        used_by,
    }
}

fn usb_view(usb: &UsbIdentity) -> UsbView {
    UsbView {
        vendor: usb.vendor,
        product: usb.product,
        serial: usb.serial.clone(),
        manufacturer: usb.manufacturer.clone(),
        product_name: usb.product_name.clone(),
    }
}

fn dfu_view(workbench: &WorkbenchState, device: &DfuInfo) -> DfuView {
    DfuView {
        id: device.id.clone(),
        usb: usb_view(&device.usb),
        topology: device.topology.as_ref().map(ToString::to_string),
        is_virtual: device.is_virtual,
        candidates: candidate::candidates_of_dfu(&device.usb)
            .into_iter()
            .map(candidate_view)
            .collect(),
        access: access_view(device.access.clone()),
        used_by: used_by(workbench, &device.id),
    }
}

/// The boards that a probe may be on, the likeliest first.
pub(super) fn candidates_of_probe(workbench: &WorkbenchState, probe: &ProbeInfo) -> Vec<CandidateView> {
    if probe.is_virtual {
        // The port of the same board says more.
        return workbench.hardware.desk.candidates_of_probe(&probe.id);
    }
    let (vendor, product) = usb_ids(&probe.id);
    let candidates = candidate::candidates_of_probe(vendor, product, &probe.name, None);
    candidates.into_iter().map(candidate_view).collect()
}

fn probe_view(workbench: &WorkbenchState, probe: &ProbeInfo) -> ProbeView {
    ProbeView {
        id: probe.id.clone(),
        name: probe.name.clone(),
        serial: probe.serial.clone(),
        topology: probe.topology.as_ref().map(ToString::to_string),
        is_virtual: probe.is_virtual,
        candidates: candidates_of_probe(workbench, probe),
        access: match &probe.access {
            ProbeAccess::Denied(text) => AccessView::Denied {
                text: text.clone(),
                rule_helps: cfg!(target_os = "linux"),
            },
            ProbeAccess::Ready => AccessView::Usable,
        },
        used_by: used_by(workbench, &probe.id),
    }
}

fn used_by(workbench: &WorkbenchState, path: &str) -> Option<String> {
    let user = workbench.hardware.uses.user(path)?;
    Some(user.name(&workbench.fleet))
}

/// Vendor and product of a probe's id.
fn usb_ids(id: &str) -> (u16, u16) {
    let mut parts = id.split(':').map(|part| u16::from_str_radix(part, 16).unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn candidate_view(candidate: Candidate) -> CandidateView {
    CandidateView {
        kind: candidate.board,
        title: candidate.title,
        confidence: match candidate.confidence {
            candidate::Confidence::Certain => Confidence::Certain,
            candidate::Confidence::Likely => Confidence::Likely,
            candidate::Confidence::Possible => Confidence::Possible,
        },
        reason: candidate.reason,
    }
}

fn access_view(access: Access) -> AccessView {
    match access {
        Access::Usable => AccessView::Usable,
        Access::Denied { text, rule_helps } => AccessView::Denied { text, rule_helps },
        Access::Held { pid, program, text } => AccessView::Held { pid, program, text },
    }
}

/// Installs the udev rule.
pub(crate) async fn allow(workbench: &WorkbenchState) -> Result<Text, ApiError> {
    let staging = workbench.dir.path().to_owned();
    let installed = tokio::task::spawn_blocking(move || port::install_rule(&staging)).await;
    match installed {
        Ok(Ok(())) => Ok(Text {
            text: "The rule is installed. Unplug each board and plug it in again.".into(),
        }),
        Ok(Err(error)) => Err(ApiError::new(ErrorCode::Refused, error.to_string())),
        Err(error) => Err(ApiError::internal(format!("The rule was not installed: {error}."))),
    }
}

impl WorkbenchState {
    /// Publishes the hardware as it is now.
    async fn publish_hardware(self: &Arc<Self>) {
        if let Ok(hardware) = list(self).await {
            let hardware = Box::new(hardware);
            self.hub.publish(&Update::Hardware { hardware });
        }
    }

    /// Publishes what is plugged in and out, and who uses it, until the workbench closes.
    pub(crate) async fn follow_hardware(self: Arc<Self>) {
        let mut plugs = self.hardware.ports.watch();
        let mut devices = self.hardware.ports.dfu().watch();
        let mut changes = self.hardware.changed.subscribe();
        let now = |plugs: &mut watch::Receiver<Vec<Port>>, devices: &mut watch::Receiver<Vec<DfuInfo>>| {
            let mut now = paths(&plugs.borrow_and_update());
            now.extend(devices.borrow_and_update().iter().map(|device| device.id.clone()));
            now
        };
        let mut known: BTreeSet<String> = now(&mut plugs, &mut devices);
        loop {
            let follows = tokio::select! {
                plugged = plugs.changed() => plugged,
                plugged = devices.changed() => plugged,
                changed = changes.changed() => changed,
            };
            if follows.is_err() {
                return;
            }
            let now = now(&mut plugs, &mut devices);
            for path in now.difference(&known) {
                self.publish_plug(EventName::HardwarePlugged, path, "was plugged in");
            }
            for path in known.difference(&now) {
                self.publish_plug(EventName::HardwareUnplugged, path, "was unplugged");
            }
            known = now;
            self.publish_hardware().await;
            // Many boards at once change much: what follows is published together.
            tokio::time::sleep(INTERVAL).await;
        }
    }

    fn publish_plug(&self, event: EventName, path: &str, what: &str) {
        let mut data = Map::new();
        data.insert("path".into(), json!(path));
        self.publish(event, None, format!("{path} {what}."), data);
    }
}

fn paths(ports: &[Port]) -> BTreeSet<String> {
    ports.iter().map(|port| port.path.clone()).collect()
}
