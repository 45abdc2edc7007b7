//! One module for many devices: a package for each set of grants, a deployment for each package, an outcome for each device.

use super::Deployments;
use crate::{
    domain::{AcceptedTarget, DeployTarget, Deployment, DeviceId, ModuleDeployment, ModuleOutcome, TargetOutcome},
    error::{DeployError, UploadError},
    package::BoardPackages,
};
use std::collections::HashMap;

impl Deployments {
    /// Signs a module and makes it the desired state of each device that can take it.
    pub(crate) async fn deploy_module(
        &self,
        given: &[u8],
        request: ModuleDeployment,
    ) -> Result<ModuleOutcome, UploadError> {
        let boards: Vec<String> = request.targets.iter().map(|target| target.board.clone()).collect();
        let signed = self.packages.upload_for_each(given, &request.options, &boards).await?;
        let mut accepted = HashMap::new();
        let mut refused: HashMap<DeviceId, String> = HashMap::new();
        for (package, devices) in self.devices_by_package(&signed, &request.targets, &mut refused) {
            match self.deploy(&devices, &package, request.start).await {
                Ok(deployment) => accepted.extend(accepted_by(&deployment)),
                Err(DeployError::Store(error)) => return Err(error.into()),
                Err(error) => refused.extend(devices.into_iter().map(|device| (device, error.to_string()))),
            }
        }
        let targets = request.targets.into_iter().map(|target| TargetOutcome {
            accepted: accepted.get(&target.device).cloned(),
            refused: refused.get(&target.device).cloned().unwrap_or_default(),
            device: target.device,
        });
        Ok(ModuleOutcome {
            targets: targets.collect(),
            app: signed.app,
            version: signed.version.to_string(),
            digest: signed.digest,
        })
    }

    /// The devices that can take each package; the others are refused with a reason.
    fn devices_by_package(
        &self,
        signed: &BoardPackages,
        targets: &[DeployTarget],
        refused: &mut HashMap<DeviceId, String>,
    ) -> Vec<(crate::domain::PackageId, Vec<DeviceId>)> {
        let mut groups: Vec<(crate::domain::PackageId, Vec<DeviceId>)> = Vec::new();
        for target in targets {
            let package = match signed.packages.get(&target.board) {
                Some(Ok(package)) => &package.id,
                Some(Err(sentence)) => {
                    refused.insert(target.device.clone(), sentence.clone());
                    continue;
                }
                None => continue,
            };
            if let Err(error) = self.check_target(&target.device, package) {
                refused.insert(target.device.clone(), error.to_string());
                continue;
            }
            match groups.iter_mut().find(|(known, _)| known == package) {
                Some((_, devices)) => devices.push(target.device.clone()),
                None => groups.push((package.clone(), vec![target.device.clone()])),
            }
        }
        groups
    }
}

fn accepted_by(deployment: &Deployment) -> impl Iterator<Item = (DeviceId, AcceptedTarget)> {
    let accepted = AcceptedTarget {
        package: deployment.package.clone(),
        deployment: deployment.id,
    };
    let targets = deployment.targets.iter();
    targets.map(move |target| (target.device.clone(), accepted.clone()))
}
