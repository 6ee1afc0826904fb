//! A person's own key, on the person's own machine: opened with its passphrase, used to sign and to reach a node.

use std::{
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use futures_util::FutureExt;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use verbond_domain::{Problem, Timestamp};
use verbond_trust::{
    FileSigner, Signer, jws,
    personal::{PersonalError, is_encrypted, open_key},
};

/// Fewest characters of a new passphrase.
const SHORTEST: usize = 12;
/// Longest file that is read as a key or a passphrase.
const LONGEST_FILE: u64 = 64 * 1024;

/// A key that has been opened.
pub struct PersonKey {
    signer: FileSigner,
}

impl PersonKey {
    /// Opens the key in this file; the passphrase comes from a file or is asked for.
    pub fn open(path: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<Self> {
        let opened = open(path, &read(path)?, passphrase_file)?;
        Ok(Self { signer: FileSigner::from_pkcs8(opened.as_bytes())? })
    }

    /// DER `SubjectPublicKeyInfo`.
    pub fn public_key(&self) -> &[u8] {
        self.signer.public_key()
    }
}

/// Signs the bytes: a JWS beside them (RFC 7515 appendix F). `typ` says what kind of thing they are, so that a signature
/// over one kind is none over another.
pub fn sign_detached(key: &PersonKey, typ: &str, payload: &[u8], now: Timestamp) -> anyhow::Result<String> {
    // A key that lies in memory signs at once.
    let signed = jws::sign_detached(&key.signer, typ, payload, now).now_or_never();
    Ok(signed.context("the key did not sign at once")??)
}

/// The key in this file, for TLS; one under a passphrase is opened first.
pub fn tls_key(path: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<PrivateKeyDer<'static>> {
    let pem = read(path)?;
    if !is_encrypted(&pem) {
        return PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .with_context(|| format!("cannot read a key from {}", path.display()));
    }
    let opened = open(path, &pem, passphrase_file)?;
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(opened.as_bytes().to_vec())))
}

/// The passphrase for a new key, asked for twice unless it comes from a file.
pub fn new_passphrase(file: Option<&Path>) -> anyhow::Result<String> {
    let passphrase = match file {
        Some(file) => from_file(file)?,
        None => {
            let first = ask("New passphrase: ")?;
            if first != ask("The same again: ")? {
                return Err(differs().into());
            }
            first
        }
    };
    if passphrase.chars().count() < SHORTEST { Err(short().into()) } else { Ok(passphrase) }
}

fn open(
    path: &Path,
    pem: &str,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<verbond_trust::personal::SecretDocument> {
    if !is_encrypted(pem) {
        return Err(not_encrypted(path).into());
    }
    let passphrase = secret_line(&format!("Passphrase of {}: ", path.display()), passphrase_file)?;
    open_key(pem, &passphrase).map_err(|error| match error {
        PersonalError::Passphrase => wrong(path).into(),
        error => anyhow::Error::new(error),
    })
}

/// A line that is not to be seen: from a file that nobody else can read, or asked for.
pub fn secret_line(prompt: &str, file: Option<&Path>) -> anyhow::Result<String> {
    match file {
        Some(file) => from_file(file),
        None => ask(prompt),
    }
}

fn ask(prompt: &str) -> anyhow::Result<String> {
    rpassword::prompt_password(prompt).map_err(|_| nobody_to_ask().into())
}

/// The first line. An inherited descriptor has a name too: `/dev/fd/3`.
fn from_file(path: &Path) -> anyhow::Result<String> {
    let about = std::fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    if about.is_file() && about.permissions().mode() & 0o077 != 0 {
        return Err(open_to_others(path).into());
    }
    let text = read(path)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let failed = || format!("cannot read {}", path.display());
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text))
        .with_context(failed)?;
    Ok(text)
}

/// Refuses to make a person's key where the node keeps its own: whoever runs the node would have it.
pub fn refuse_data_directory(out: &Path, data: &Path) -> anyhow::Result<()> {
    let whole = |path: &Path| -> anyhow::Result<PathBuf> {
        let path = std::path::absolute(path)?;
        // Of a directory that is still to be made, its parent tells where it will be.
        let there = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(&path).to_owned();
        let rest = path.strip_prefix(&there).unwrap_or(Path::new("")).to_owned();
        Ok(there.canonicalize()?.join(rest))
    };
    let (out, data) = (whole(out)?, whole(data)?);
    let is_node = |directory: &Path| directory.join(crate::configuration::FILE).exists();
    if out.starts_with(&data) || out.ancestors().any(is_node) {
        return Err(in_data_directory(&out).into());
    }
    Ok(())
}

fn in_data_directory(out: &Path) -> Problem {
    let out = out.display();
    Problem::new(
        "KEY_IN_DATA_DIRECTORY",
        400,
        format!("{out} ligt in de gegevensmap van een knooppunt; daar hoort geen sleutel van een persoon."),
        format!("{out} lies in a node's data directory; a person's key does not belong there"),
    )
    .next(
        "Maak de sleutel op de eigen machine van de persoon, in een eigen map.",
        "make the key on the person's own machine, in a directory of their own",
    )
}

fn not_encrypted(path: &Path) -> Problem {
    let path = path.display();
    Problem::new(
        "KEY_WITHOUT_PASSPHRASE",
        400,
        format!("{path} is geen sleutel onder een wachtwoordzin."),
        format!("{path} is not a key under a passphrase"),
    )
    .next("Maak er een met `verbond person key --out MAP`.", "make one with `verbond person key --out DIR`")
}

fn wrong(path: &Path) -> Problem {
    let path = path.display();
    Problem::new(
        "PASSPHRASE_WRONG",
        400,
        format!("De wachtwoordzin opent {path} niet."),
        format!("the passphrase does not open {path}"),
    )
    .next(
        "Probeer het opnieuw. Is de wachtwoordzin vergeten, maak dan een nieuwe sleutel en vraag de beheerder om een code.",
        "try again. If it has been forgotten, make a new key and ask the operator for a code",
    )
}

fn short() -> Problem {
    Problem::new(
        "PASSPHRASE_SHORT",
        400,
        format!("Een wachtwoordzin heeft minstens {SHORTEST} tekens."),
        format!("a passphrase has at least {SHORTEST} characters"),
    )
    .next(
        "Neem een zin van vier of meer willekeurige woorden.",
        "take a sentence of four or more random words",
    )
}

fn differs() -> Problem {
    Problem::new(
        "PASSPHRASES_DIFFER",
        400,
        "De twee wachtwoordzinnen zijn niet gelijk.",
        "the two passphrases are not the same",
    )
    .next("Probeer het opnieuw.", "try again")
}

fn nobody_to_ask() -> Problem {
    Problem::new(
        "PASSPHRASE_MISSING",
        400,
        "Er is geen terminal om de wachtwoordzin te vragen.",
        "there is no terminal to ask for the passphrase",
    )
    .next(
        "Geef haar met `--passphrase-file BESTAND`, of over een geërfde descriptor: `--passphrase-file /dev/fd/3`.",
        "give it with `--passphrase-file FILE`, or over an inherited descriptor: `--passphrase-file /dev/fd/3`",
    )
}

fn open_to_others(path: &Path) -> Problem {
    let path = path.display();
    Problem::new(
        "PASSPHRASE_FILE_OPEN_TO_OTHERS",
        400,
        format!("Anderen kunnen {path} lezen."),
        format!("others can read {path}"),
    )
    .next(format!("Doe `chmod 600 {path}`."), format!("run `chmod 600 {path}`"))
}

#[cfg(test)]
mod tests {
    use verbond_trust::{Signer, jws::verify_detached, personal::new_credential};

    use super::*;
    use crate::ambient;

    type Outcome = anyhow::Result<()>;

    fn write(path: &Path, text: &str, mode: u32) -> Outcome {
        std::fs::write(path, text)?;
        Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?)
    }

    #[test]
    fn a_key_signs_once_its_passphrase_has_been_read_from_a_file_that_nobody_else_can_read() -> Outcome {
        let directory = tempfile::tempdir()?;
        let (key, phrase) = (directory.path().join("key.pem"), directory.path().join("phrase"));
        let ambient = ambient::system();
        std::fs::write(&key, new_credential("x", 60, "correct horse", &ambient)?.key_pem)?;
        let code = |error: anyhow::Error| error.downcast_ref::<Problem>().map(|problem| problem.code);
        let opened = |phrase: &Path| PersonKey::open(&key, Some(phrase)).map_err(code);

        write(&phrase, "correct horse\n", 0o644)?;
        assert_eq!(opened(&phrase).err(), Some(Some("PASSPHRASE_FILE_OPEN_TO_OTHERS")));
        write(&phrase, "wrong horse\n", 0o600)?;
        assert_eq!(opened(&phrase).err(), Some(Some("PASSPHRASE_WRONG")));
        assert_eq!(new_passphrase(Some(&phrase)).map_err(code).err(), Some(Some("PASSPHRASE_SHORT")));
        write(&phrase, "correct horse\n", 0o600)?;
        let Ok(opened) = opened(&phrase) else { anyhow::bail!("the passphrase did not open the key") };
        let jws = sign_detached(&opened, "test", b"text", ambient.now())?;
        let header = verify_detached(&jws, b"text", opened.signer.public_key())?;
        assert_eq!(header.typ, "test");
        Ok(())
    }

    #[test]
    fn a_persons_key_is_not_made_where_a_node_keeps_its_own() -> Outcome {
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("node/sub"))?;
        std::fs::write(at("node").join(crate::configuration::FILE), "")?;
        std::os::unix::fs::symlink(at("node/sub"), at("link"))?;
        for (out, data) in
            [("node", "other"), ("node/sub/new", "other"), ("link/new", "other"), ("plain/a", "plain")]
        {
            assert!(refuse_data_directory(&at(out), &at(data)).is_err(), "{out}");
        }
        assert!(refuse_data_directory(&at("mine"), &at("node")).is_ok());
        Ok(())
    }
}
