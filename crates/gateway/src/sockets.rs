//! One Unix socket per application that is known by its socket, opened and closed as applications come and go.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::watch;
use verbond_application::snapshot::Snapshot;
use verbond_domain::ApplicationName;
use verbond_fail_points::fail_point;
use verbond_store::applications::Credential;
use verbond_transport::{Listener, ListenerLimits, Routes, Security, Serving};

use crate::{Credentials, Outway};

/// Time for requests in flight when an application has been removed.
const LEAVE: Duration = Duration::from_secs(1);

/// Keeps a socket `<directory>/<application>.sock` open for every application with that credential, until `stop` turns
/// true; then finishes what is in flight, at most until the deadline. Sockets get the permission bits 0660: who may
/// open them is decided by the owner and the group of the directory.
pub async fn keep_sockets(
    outway: Arc<Outway>,
    directory: PathBuf,
    limits: ListenerLimits,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    mut stop: watch::Receiver<bool>,
    deadline: Duration,
) {
    let mut open: HashMap<ApplicationName, Serving> = HashMap::new();
    loop {
        fail_point!("task::sockets");
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        let wanted = |name: &ApplicationName| {
            snapshot.applications.get(name).is_some_and(|row| matches!(row.credential, Credential::Socket))
        };
        let gone: Vec<_> = open.keys().filter(|name| !wanted(name)).cloned().collect();
        for name in gone {
            if let Some(serving) = open.remove(&name) {
                tokio::spawn(serving.drain(LEAVE));
            }
        }
        let mut failed = false;
        for name in snapshot.applications.keys().filter(|name| wanted(name)) {
            if open.contains_key(name) {
                continue;
            }
            match Listener::unix(&directory.join(format!("{name}.sock")), 0o660).await {
                Ok(listener) => {
                    let handler = outway.for_applications(Credentials::Socket(name.clone()));
                    open.insert(name.clone(), listener.serve(Security::None, Routes::all(handler), limits));
                }
                Err(error) => {
                    failed = true;
                    tracing::error!(%error, "cannot open the socket of an application");
                }
            }
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { break },
            stopped = stop.wait_for(|stop| *stop) => {
                let _ = stopped;
                break;
            }
            () = tokio::time::sleep(Duration::from_secs(5)), if failed => {}
        }
    }
    futures_util::future::join_all(open.into_values().map(|serving| serving.drain(deadline))).await;
}
