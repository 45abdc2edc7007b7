//! Versions of an app: those that were signed, and the effect of signing a module under a version. A name is never
//! locked: an older version that was signed before is a rollback, and every refusal names the next free version.

use super::Packages;
use crate::{
    domain::{AppVersions, Digest, PackageView, SignedVersion, VersionPlan},
    error::UploadError,
    store::Model,
};
use drydock_protocol::types::Version;

/// Version of an app's first package, if neither module nor user gives one.
const FIRST_VERSION: Version = Version {
    major: 0,
    minor: 1,
    patch: 0,
};

impl Packages {
    /// The signed versions of an app, and the next free one.
    pub(crate) fn app_versions(&self, app: &str) -> AppVersions {
        let model = self.store.read();
        let mut versions: Vec<SignedVersion> = Vec::new();
        for package in model.versions(app) {
            let PackageView { version, digest, .. } = &package.view;
            match versions
                .iter_mut()
                .find(|known| known.version == *version && known.digest == *digest)
            {
                Some(known) => known.packages.push(package.view.id.clone()),
                None => versions.push(SignedVersion {
                    version: version.clone(),
                    digest: *digest,
                    signed_ms: package.view.signed_ms,
                    packages: vec![package.view.id.clone()],
                }),
            }
        }
        AppVersions {
            app: app.to_owned(),
            versions,
            next: next_version(&model, app).to_string(),
        }
    }

    /// The effect of signing a module under a version. `None` as version stands for the one that follows from the
    /// signed ones.
    pub(crate) fn plan_version(&self, app: &str, digest: Digest, version: Option<Version>) -> VersionPlan {
        plan_version(&self.store.read(), app, digest, version)
    }
}

/// The rule of versions.
///
/// * No package of the app yet: any version; 0.1.0 where none is given.
/// * A version above the highest, or equal to it: as given. A rebuild under the same version is a new package.
/// * A lower version, and this very module was signed under it: a rollback.
/// * A lower version, and another module: refused, with the next free version.
/// * No version given: the one that this very module was last signed under, else the patch after the highest.
pub(super) fn plan_version(model: &Model, app: &str, digest: Digest, version: Option<Version>) -> VersionPlan {
    let Some(highest) = highest_version(model, app) else {
        let version = version.unwrap_or(FIRST_VERSION);
        return VersionPlan::New { version };
    };
    let signed_as = |wanted: Option<Version>| {
        let mut versions = model.versions(app).into_iter();
        versions.find(|package| {
            package.view.digest == digest
                && wanted.is_none_or(|wanted| package.view.version.parse::<Version>().ok() == Some(wanted))
        })
    };
    let known = signed_as(version);
    let known_version = known.and_then(|package| package.view.version.parse().ok());
    match (version.or(known_version), known) {
        (Some(version), _) if version >= highest => VersionPlan::New { version },
        (Some(version), Some(known)) => VersionPlan::Rollback {
            version,
            of: known.view.id.clone(),
        },
        (Some(version), None) => VersionPlan::Older {
            version,
            highest,
            next: following(highest),
        },
        (None, _) => VersionPlan::New {
            version: following(highest),
        },
    }
}

/// The refusal of a version that is below a signed one.
pub(super) fn older(app: &str, version: Version, highest: Version, next: Version) -> UploadError {
    UploadError::OlderVersion {
        app: app.to_owned(),
        version,
        highest,
        next,
    }
}

fn next_version(model: &Model, app: &str) -> Version {
    highest_version(model, app).map_or(FIRST_VERSION, following)
}

fn highest_version(model: &Model, app: &str) -> Option<Version> {
    let versions = model.versions(app).into_iter();
    versions.filter_map(|package| package.view.version.parse().ok()).max()
}

/// The next version: its patch number goes up, or if that overflows its minor, or its major number.
fn following(version: Version) -> Version {
    let Version { major, minor, patch } = version;
    if let Some(patch) = patch.checked_add(1) {
        Version { major, minor, patch }
    } else if let Some(minor) = minor.checked_add(1) {
        Version { major, minor, patch: 0 }
    } else {
        Version {
            major: major.saturating_add(1),
            minor: 0,
            patch: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::following;

    #[test]
    fn a_version_follows_another() {
        for (version, next) in [("0.1.0", "0.1.1"), ("2.0.65535", "2.1.0"), ("2.65535.65535", "3.0.0")] {
            let version = version.parse().expect("a version");
            assert_eq!(following(version).to_string(), next, "after {version}");
        }
    }
}
