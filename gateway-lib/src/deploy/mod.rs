//! Deployments: what is wished for, what devices report, and the reconciler that closes the gap.

mod plan;
mod reconcile;
mod transfer;
mod wishes;

pub(crate) use reconcile::reconcile;
pub(crate) use transfer::Transfers;
