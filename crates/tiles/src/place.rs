//! What publishing asks of a place.

use async_trait::async_trait;
use bytes::Bytes;
use verbond_domain::Problem;

/// Most bytes of a file that is read back from a place: a full bundle of leaves has some 25,000.
pub(crate) const LONGEST_FILE: usize = 256 * 1024;

/// A file as it stands in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What is in it.
    pub content: Bytes,
    /// By what the place tells it from what may take its place (`ETag`); none where a place has nothing of the kind.
    pub tag: Option<String>,
}

/// What became of a file that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It stands there now.
    Made,
    /// One stood there already, and still does.
    Exists,
}

/// A place where files stand under paths, each as a whole or not at all.
#[async_trait]
pub trait Place: Send + Sync {
    /// Where it is, for people; no secrets.
    fn name(&self) -> String;

    /// The name of what publishes there, among the tasks of a node.
    fn task(&self) -> &'static str;

    /// What stands under a path.
    ///
    /// # Errors
    /// `TILES_UNREACHABLE`, `TILES_REFUSED`, `TILES_NOT_TAKEN`; as with the others.
    async fn read(&self, path: &str) -> Result<Option<Held>, Problem>;

    /// Puts a file that never changes where none stands.
    ///
    /// # Errors
    /// As [`Place::read`].
    async fn create(&self, path: &str, content: Bytes) -> Result<Creation, Problem>;

    /// Puts a file in the place of what was read there; fails where that has changed meanwhile and the place can tell.
    ///
    /// # Errors
    /// As [`Place::read`].
    async fn replace(&self, path: &str, content: Bytes, held: Option<&Held>) -> Result<(), Problem>;
}
