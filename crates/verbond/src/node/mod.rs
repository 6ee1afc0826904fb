//! A node put together from its configuration, without ports; and what it does by itself.

mod assembly;
pub mod decision_point;
pub mod export;
mod health;
pub mod identity;
pub mod journal_files;
mod judge;
mod metrics;
mod offline;
pub mod own_server;
pub mod pseudonyms;
mod reload;
mod roles;
pub mod sources;
mod tasks;
pub mod tiles;
pub mod wrapping_key;

pub use self::{
    assembly::{Node, revocation_sources, size, unusable_database},
    health::{Health, HealthView},
    metrics::Metrics,
    offline::Offline,
    reload::{Reloaded, Reloader},
    roles::{Role, Roles},
    tasks::destroy_due,
};
