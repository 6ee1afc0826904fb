//! Archives (POSIX tar) with a manifest before what it names. Blocking.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
};

use anyhow::Context;
use aws_lc_rs::digest;
use verbond_domain::{Problem, Timestamp};

use super::{
    manifest::{Manifest, Member},
    refusals,
};

/// The name of the manifest.
const MANIFEST: &str = "manifest.json";
/// Bytes of a manifest at most.
const LONGEST_MANIFEST: u64 = 1024 * 1024;
/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// A file that goes into an archive, and where it lies now.
pub struct Source {
    pub name: String,
    pub path: PathBuf,
}

/// What a manifest says of a file.
pub fn member(source: &Source) -> anyhow::Result<Member> {
    let about = || format!("cannot read {}", source.path.display());
    let mut file = File::open(&source.path).with_context(about)?;
    let (bytes, sha256) = through(&mut file, &mut io::sink(), u64::MAX).with_context(about)?;
    Ok(Member { name: source.name.clone(), bytes, sha256 })
}

/// Writes an archive that only its owner may read, and syncs it.
pub fn write(
    path: &Path,
    manifest: &impl Manifest,
    sources: &[Source],
    made_at: Timestamp,
) -> anyhow::Result<()> {
    let about = || format!("cannot write {}", path.display());
    let file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(about)?;
    let mut archive = tar::Builder::new(io::BufWriter::with_capacity(PIECE, file));
    let text = serde_json::to_vec_pretty(manifest)?;
    let header = |bytes: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(made_at.seconds()).unwrap_or_default());
        header.set_size(bytes);
        header
    };
    let mut first = header(u64::try_from(text.len())?);
    archive.append_data(&mut first, MANIFEST, text.as_slice()).with_context(about)?;
    for (source, member) in sources.iter().zip(manifest.files()) {
        let file = File::open(&source.path).with_context(about)?;
        // No more than was counted: what is written meanwhile would break the archive.
        archive
            .append_data(&mut header(member.bytes), &member.name, file.take(member.bytes))
            .with_context(about)?;
    }
    let mut file = archive.into_inner().with_context(about)?;
    file.flush().with_context(about)?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .with_context(about)
}

/// Reads the manifest of an archive, and no more.
pub fn manifest<M: Manifest>(path: &Path) -> anyhow::Result<M> {
    let mut archive = open(path)?;
    first(&mut archive.entries()?)
}

/// Puts what an archive holds in a directory; each file must be what the manifest says of it, and none may be missing or more.
pub fn extract<M: Manifest>(path: &Path, into: &Path) -> anyhow::Result<M> {
    let mut archive = open(path)?;
    let mut entries = archive.entries()?;
    let manifest: M = first(&mut entries)?;
    for member in manifest.files() {
        let damaged = || refusals::damaged(&path.display().to_string(), &member.name);
        let mut entry = entries.next().ok_or_else(damaged)?.map_err(|_| damaged())?;
        let is_named = entry.path().is_ok_and(|name| name == Path::new(&member.name));
        if !is_named || !entry.header().entry_type().is_file() || !stays_below(Path::new(&member.name)) {
            return Err(damaged().into());
        }
        let target = into.join(&member.name);
        if let Some(directory) = target.parent() {
            crate::init::make_directory(directory)?;
        }
        let about = || format!("cannot write {}", target.display());
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target);
        let mut file = file.with_context(about)?;
        let (bytes, sha256) = through(&mut entry, &mut file, member.bytes).with_context(about)?;
        if (bytes, &sha256) != (member.bytes, &member.sha256) {
            return Err(damaged().into());
        }
        file.sync_all().with_context(about)?;
    }
    match entries.next() {
        None => Ok(manifest),
        Some(_) => Err(refusals::damaged(&path.display().to_string(), "-").into()),
    }
}

fn open(path: &Path) -> anyhow::Result<tar::Archive<File>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(tar::Archive::new(file))
}

fn first<M: Manifest>(entries: &mut tar::Entries<'_, File>) -> anyhow::Result<M> {
    let unreadable = || refusals::not_a_backup(M::FORMAT);
    let entry = entries.next().ok_or_else(unreadable)?.map_err(|_| unreadable())?;
    if entry.path().map_or(true, |name| name != Path::new(MANIFEST)) || entry.size() > LONGEST_MANIFEST {
        return Err(unreadable().into());
    }
    let mut text = Vec::new();
    entry.take(LONGEST_MANIFEST).read_to_end(&mut text).map_err(|_| unreadable())?;
    Ok(M::read(&text)?)
}

/// Whether a name leads nowhere but below where it is taken from.
fn stays_below(name: &Path) -> bool {
    !name.as_os_str().is_empty() && name.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Carries bytes over, `most` and one at most; how many there were, and their SHA-256.
fn through(from: &mut impl Read, into: &mut impl Write, most: u64) -> io::Result<(u64, String)> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut from = from.take(most.saturating_add(1));
    let (mut piece, mut bytes) = (vec![0; PIECE], 0_u64);
    loop {
        let count = from.read(&mut piece)?;
        let read = piece.get(..count).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        context.update(read);
        into.write_all(read)?;
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
    let sha256 = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, sha256))
}

/// Whether a problem says that a file is no backup, or a damaged one.
pub fn is_about_the_file(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some()
}

#[cfg(test)]
mod tests {
    use verbond_domain::ParticipantId;

    use super::*;
    use crate::backup::manifest::{KEYS_FORMAT, KeysManifest};

    fn manifest_of(files: Vec<Member>) -> Result<KeysManifest, Box<dyn std::error::Error>> {
        Ok(KeysManifest {
            format: KEYS_FORMAT.to_owned(),
            backup: "b".to_owned(),
            participant: "oin:00000099000000010000".parse::<ParticipantId>()?,
            program: "0".to_owned(),
            made_at: Timestamp::from_millis(1000),
            expires_at: Timestamp::from_millis(2000),
            private_keys: false,
            files,
        })
    }

    #[test]
    fn what_comes_out_is_what_went_in_or_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("one");
        fs::write(&path, b"content")?;
        let sources = [Source { name: "below/one".to_owned(), path }];
        let members = vec![member(&sources[0])?];
        let archive = folder.path().join("archive");
        write(&archive, &manifest_of(members.clone())?, &sources, Timestamp::from_millis(1000))?;
        assert_eq!(manifest::<KeysManifest>(&archive)?.files, members);
        extract::<KeysManifest>(&archive, &folder.path().join("out"))?;
        assert_eq!(fs::read(folder.path().join("out/below/one"))?, b"content");

        let text = fs::read(&archive)?;
        let place = text.windows(7).position(|bytes| bytes == b"content").unwrap_or_default();
        let mut changed = text.clone();
        changed[place] ^= 1;
        fs::write(&archive, changed)?;
        assert!(extract::<KeysManifest>(&archive, &folder.path().join("changed")).is_err());
        fs::write(&archive, &text[..place])?;
        assert!(extract::<KeysManifest>(&archive, &folder.path().join("cut")).is_err());
        Ok(())
    }

    #[test]
    fn nothing_is_written_outside() -> Result<(), Box<dyn std::error::Error>> {
        for name in ["../one", "/one", "a/../../one", "", "."] {
            assert!(!stays_below(Path::new(name)), "{name}");
        }
        assert!(stays_below(Path::new("earlier/one.pem")));
        Ok(())
    }
}
