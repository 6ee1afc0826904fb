//! The places where the journal's tree is published, from their parts of the configuration.

use std::{sync::Arc, time::Duration};

use url::Url;
use verbond_application::{OpContext, checkpoints::Checkpoints};
use verbond_domain::Problem;
use verbond_tiles::{Bucket, BucketName, Credentials, Directory, Place, Publication, Publisher};
use verbond_transport::ClientLimits;

use super::own_server::OwnServer;
use crate::configuration::{ObjectStore, Settings};

/// Connections that are kept to an object store: as many as files are on their way at once.
const IDLE_CONNECTIONS: usize = 8;

/// The places, if the organisation publishes its tree at all.
///
/// # Errors
/// `OBJECT_STORE_UNUSABLE`, when a file or a key cannot be used.
pub async fn places(settings: &Settings) -> Result<Vec<Arc<dyn Place>>, Problem> {
    let journal = &settings.configuration.journal;
    let mut places: Vec<Arc<dyn Place>> = Vec::new();
    if let Some(directory) = &journal.tiles {
        places.push(Arc::new(Directory::new(settings.path(directory))));
    }
    if let Some(store) = &journal.object_store {
        places.push(Arc::new(bucket(settings, store).await.map_err(|(key, reason)| unusable(key, &reason))?));
    }
    Ok(places)
}

/// What publishes in these places, each by itself: one that does not answer holds up no other.
pub fn publications(
    places: Vec<Arc<dyn Place>>,
    checkpoints: &Arc<Checkpoints>,
    context: &OpContext,
) -> Vec<(Arc<Publication>, Publisher)> {
    let publisher = |place| Publisher::new(place, Arc::clone(checkpoints), context.clone());
    let publishers = places.into_iter().map(publisher);
    publishers.map(|publisher| (Publication::new(&publisher), publisher)).collect()
}

async fn bucket(settings: &Settings, store: &ObjectStore) -> Result<Bucket, (&'static str, String)> {
    let credentials = match &store.credentials_file {
        Some(file) => Credentials::File(settings.path(file)),
        None => Credentials::of_environment(|name| std::env::var(name).ok())
            .map_err(|reason| ("credentials_file", format!("not given, and in the environment {reason}")))?,
    };
    credentials.look().await.map_err(|reason| ("credentials_file", reason))?;
    let time = Duration::from_millis(store.timeout_ms.into());
    let limits =
        ClientLimits { head_timeout: time, idle_connections: IDLE_CONNECTIONS, ..ClientLimits::servers() };
    let OwnServer { client, target, .. } = OwnServer::of(settings, store.access(), "/", limits)?;
    // In the one form in which it is also dialled, since the host is part of what is signed.
    let address = Url::parse(&store.address).map_err(|error| ("address", error.to_string()))?;
    let address = address.origin().ascii_serialization();
    let name = BucketName {
        address,
        bucket: store.bucket.clone(),
        prefix: store.prefix.clone(),
        region: store.region.clone(),
    };
    Bucket::new(name, (client, target), credentials, time).map_err(|reason| ("address", reason))
}

fn unusable(key: &str, reason: &str) -> Problem {
    Problem::new(
        "OBJECT_STORE_UNUSABLE",
        400,
        format!("`journal.object_store.{key}` is niet bruikbaar: {reason}"),
        format!("`journal.object_store.{key}` cannot be used: {reason}"),
    )
    .next(
        "Zet het bestand of de omgeving van de dienst goed, of haal het onderdeel [journal.object_store] weg als er niet meer wordt gepubliceerd.",
        "put the file or the service's environment right, or remove the section [journal.object_store] if nothing is published any more",
    )
}
