//! Deployments: the desired state, the reported state, and the reconciler that closes the gap.

mod desired;
mod plan;
mod reconcile;
mod transfer;

pub(crate) use reconcile::reconcile;
pub(crate) use transfer::Transfers;
