//! Profiles of builtin machines: starts the recorder and supplies what its report needs from the machine.

use std::sync::Arc;

use super::machine::BuiltinMachine;
use crate::core::any_core::AnyCore;
use crate::core::memory::RegionKind;
use crate::debug::profile::{Naming, Profile, Profiler, Progress, Recorder, Symbols, Watching};
use crate::machine::VirtualTime;

impl AnyCore {
    /// Removes and returns the profile, before another state is restored.
    pub(super) fn take_profile(&mut self) -> Option<Box<Watching>> {
        self.fabric_mut().profile_mut().take()
    }

    /// Continues recording in this state.
    pub(super) fn keep_profile(&mut self, profile: Option<Box<Watching>>) {
        *self.fabric_mut().profile_mut() = profile;
        let (at, now) = (self.watched(), self.now());
        if let Some(profile) = self.fabric_mut().profile_mut() {
            profile.recorder.moved(at, now);
        }
    }

    /// Ends and sleeps are normally recorded at the next instruction; a report must include them now.
    fn report(&self, watching: &Watching) -> Profile {
        let mut watching = watching.clone();
        watching.recorder.came_to(self.watched(), self.now());
        let naming = match self {
            Self::CortexM(_) => Naming::Arm,
            Self::RiscV(_) => Naming::RiscV,
        };
        watching.report(naming, &self.address_blocks(), self.fabric().cpu_hz())
    }
}

impl Profiler for BuiltinMachine {
    fn start(&mut self, symbols: Arc<Symbols>, span: Option<VirtualTime>) {
        let core = self.core_mut();
        let regions = core.fabric().memory().regions();
        let ram = regions
            .filter(|region| region.kind == RegionKind::Ram)
            .map(|region| (region.base, region.base.saturating_add(region.bytes)))
            .collect();
        let now = core.now();
        let until = span.map(|span| now.saturating_add(span));
        core.take_profile();
        let recorder = Recorder::new(symbols, ram, core.watched(), (now, until));
        *core.fabric_mut().profile_mut() = Some(Box::new(Watching::new(recorder)));
    }

    fn look(&self) -> Option<Profile> {
        let core = self.core();
        core.fabric().profile().map(|watching| core.report(watching))
    }

    fn progress(&self) -> Option<Progress> {
        let core = self.core();
        let mut progress = core.fabric().profile()?.recorder.progress();
        if progress.recording {
            progress.to = core.now();
        }
        Some(progress)
    }

    fn stop(&mut self) -> Option<Profile> {
        let profile = self.look();
        self.core_mut().take_profile();
        profile
    }
}
