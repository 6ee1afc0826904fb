//! A directory of files, for whatever web server serves it.

use std::{io, path::PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::fs;
use verbond_domain::Problem;

use crate::{
    place::{Creation, Held, LONGEST_FILE, Place},
    problems::not_taken,
};

/// A directory, which is made when it is needed.
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// This one.
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// A file as a whole, or not at all.
    async fn put(&self, path: &str, content: &[u8]) -> io::Result<()> {
        let file = self.path.join(path);
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory).await?;
        }
        let beside = file.with_extension("new");
        fs::write(&beside, content).await?;
        fs::rename(&beside, file).await
    }

    fn failed(&self, error: &io::Error) -> Problem {
        not_taken(&self.name(), &error.to_string())
    }
}

#[async_trait]
impl Place for Directory {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn task(&self) -> &'static str {
        "tiles-in-directory"
    }

    async fn read(&self, path: &str) -> Result<Option<Held>, Problem> {
        let file = self.path.join(path);
        let read = async {
            if fs::metadata(&file).await?.len() > LONGEST_FILE as u64 {
                return Err(io::Error::other(format!("{path} is too long")));
            }
            fs::read(&file).await
        };
        match read.await {
            Ok(content) => Ok(Some(Held { content: content.into(), tag: None })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn create(&self, path: &str, content: Bytes) -> Result<Creation, Problem> {
        if fs::try_exists(self.path.join(path)).await.map_err(|error| self.failed(&error))? {
            return Ok(Creation::Exists);
        }
        self.put(path, &content).await.map_err(|error| self.failed(&error))?;
        Ok(Creation::Made)
    }

    async fn replace(&self, path: &str, content: Bytes, _held: Option<&Held>) -> Result<(), Problem> {
        self.put(path, &content).await.map_err(|error| self.failed(&error))
    }
}
