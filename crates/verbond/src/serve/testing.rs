//! A node without ports, for tests.

use std::sync::Arc;

use super::listeners;
use crate::{
    administration::Office,
    configuration::Settings,
    node::{Node, Roles},
};

/// What the administration API of this node works with.
pub async fn office(settings: &Arc<Settings>) -> anyhow::Result<Arc<Office>> {
    let roles = Roles { manager: false, inway: false, outway: false, split: false, leads: true };
    let node = Node::assemble(settings, &settings.database()?, roles).await?;
    // The node's tasks go on when it is dropped; a test ends them with its runtime.
    Ok(listeners::office(settings, &node, serde_json::Value::Null))
}
