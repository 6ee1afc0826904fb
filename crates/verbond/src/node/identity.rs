//! The node's certificate, key and trust anchors, from files, at the start and again on request.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::pki_types::CertificateDer;
use verbond_domain::{Ambient, Problem};
use verbond_trust::{
    CertificateRefusal, Identity, IdentityError, IdentityHandle, TrustStore, Usage, read_chain,
};

use crate::configuration::Settings;

/// Directory in the data directory where certificates go that have been replaced.
pub const EARLIER: &str = "earlier";

/// Reads certificate and key, and says what to do when they cannot be used.
pub fn load(settings: &Settings) -> Result<Identity, Problem> {
    let files = &settings.configuration.identity;
    let (certificate, key) = (settings.path(&files.certificate), settings.path(&files.key));
    Identity::load(&certificate, &key, &settings.profile.identity_rules()).map_err(|error| unusable(&error))
}

/// Where a new certificate waits while its key takes the place of the old one.
pub fn pending_certificate(settings: &Settings) -> PathBuf {
    settings.path(&settings.configuration.identity.certificate).with_extension("next.pem")
}

/// Where the old key is kept until the new one is in use.
pub fn previous_key(settings: &Settings) -> PathBuf {
    settings.path(&settings.configuration.identity.key).with_extension("previous.pem")
}

/// Finishes the replacement of key and certificate that was broken off between the two: the new key is in place, and
/// the certificate that waits belongs to it. Returns whether there was something to finish.
pub fn finish_switch(settings: &Settings) -> Result<bool, Problem> {
    let (files, rules) = (&settings.configuration.identity, settings.profile.identity_rules());
    let (certificate, key) = (settings.path(&files.certificate), settings.path(&files.key));
    let pending = pending_certificate(settings);
    let is_broken_off = matches!(Identity::load(&certificate, &key, &rules), Err(IdentityError::Mismatch))
        && Identity::load(&pending, &key, &rules).is_ok();
    if is_broken_off {
        take_place(&pending, &certificate).map_err(|source| {
            unusable(&IdentityError::Read { path: certificate.display().to_string(), source })
        })?;
        tracing::warn!("a replacement of key and certificate that was broken off has been finished");
    }
    Ok(is_broken_off)
}

/// Moves the certificate that waits to its place, for good.
pub fn take_place(pending: &Path, certificate: &Path) -> std::io::Result<()> {
    std::fs::rename(pending, certificate)?;
    let directory = certificate.parent().unwrap_or(Path::new("."));
    std::fs::File::open(directory)?.sync_all()
}

/// Removes the key before the one that is in use now.
pub fn forget_previous_key(settings: &Settings) {
    let path = previous_key(settings);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "the previous key cannot be removed");
        }
        _ => {}
    }
}

/// Reads the chains of certificates before the present one: those that the configuration names and those that
/// `certificate install` has put aside.
pub fn earlier(settings: &Settings) -> Vec<Vec<CertificateDer<'static>>> {
    let named = settings.configuration.identity.earlier.iter().map(|path| settings.path(path));
    let put_aside = std::fs::read_dir(settings.directory.join(EARLIER)).into_iter().flatten().flatten();
    let put_aside = put_aside.map(|entry| entry.path());
    let paths: Vec<PathBuf> = named.chain(put_aside).collect();
    let mut chains = Vec::new();
    for path in paths {
        match read_chain(&path) {
            Ok(chain) => chains.push(chain),
            Err(error) => tracing::warn!(%error, "an earlier certificate is left out"),
        }
    }
    chains
}

/// Reads the group's trust anchors.
pub fn trust(settings: &Settings) -> Result<Arc<TrustStore>, Problem> {
    trust_in(&anchors(&settings.profile.trust_anchors)?, settings)
}

fn trust_in(anchors: &[CertificateDer<'static>], settings: &Settings) -> Result<Arc<TrustStore>, Problem> {
    TrustStore::new(anchors, settings.profile.identity_rules(), settings.profile.revocation_rules())
        .map_err(|refusal| anchors_unusable(&refusal.to_string()))
}

/// Reads certificates of authorities.
pub fn anchors(paths: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let mut anchors = Vec::new();
    for path in paths {
        anchors.extend(read_chain(path).map_err(|error| anchors_unusable(&error.to_string()))?);
    }
    Ok(anchors)
}

/// Puts the group's trust anchors in use as they are in the files now, unless others would refuse the certificate in
/// the file by them: whoever has cut itself off would be refused at every call. Returns whether they are others.
pub fn replace_anchors(settings: &Settings, trust: &TrustStore, ambient: &Ambient) -> Result<bool, Problem> {
    let certificates = anchors(&settings.profile.trust_anchors)?;
    let unusable = |refusal: CertificateRefusal| anchors_unusable(&refusal.to_string());
    if trust.has_anchors(&certificates).map_err(unusable)? {
        return Ok(false);
    }
    fit(&load(settings)?, &*trust_in(&certificates, settings)?, ambient)
        .map_err(|refusal| not_fit(&refusal))?;
    trust.set_anchors(&certificates).map_err(unusable)?;
    Ok(true)
}

/// Whether the identity is fit to be presented, by the same judgement that others will make.
pub fn fit(identity: &Identity, trust: &TrustStore, ambient: &Ambient) -> Result<(), CertificateRefusal> {
    for usage in [Usage::Server, Usage::Client, Usage::Signature] {
        match trust.judge(&identity.chain, usage, ambient.now()) {
            // Whether it has been revoked is not known before the lists have been read; others decide on that.
            Ok(_) | Err(CertificateRefusal::RevocationUnknown) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(())
}

/// Replaces the identity by the one in the files, if it is another one for the same participant. Returns whether it is
/// another.
pub fn replace(
    settings: &Settings,
    handle: &IdentityHandle,
    trust: &TrustStore,
    ambient: &Ambient,
) -> Result<bool, Problem> {
    let identity = load(settings)?;
    let current = handle.current();
    if identity.certificate.thumbprint == current.certificate.thumbprint {
        return Ok(false);
    }
    if identity.certificate.participant != current.certificate.participant {
        return Err(other_participant(&identity, &current));
    }
    fit(&identity, trust, ambient).map_err(|refusal| not_fit(&refusal))?;
    handle.replace(identity);
    Ok(true)
}

fn unusable(error: &IdentityError) -> Problem {
    Problem::new(
        "IDENTITY_UNUSABLE",
        400,
        format!("Certificaat en sleutel van het knooppunt zijn niet bruikbaar: {error}"),
        format!("the node's certificate and key cannot be used: {error}"),
    )
    .next(
        "Kijk met `verbond doctor`; een certificaat van uw autoriteit zet u neer met `verbond certificate install BESTAND`.",
        "look with `verbond doctor`; put a certificate of your authority in place with `verbond certificate install FILE`",
    )
}

/// What to say of a certificate that others would refuse.
pub fn not_fit(refusal: &CertificateRefusal) -> Problem {
    Problem::new(
        "CERTIFICATE_REFUSED",
        400,
        format!("Anderen in de groep zouden dit certificaat weigeren: {refusal}"),
        format!("others in the group would refuse this certificate: {refusal}"),
    )
    .next(
        "Vraag een certificaat aan bij een autoriteit van de groep, voor dit identificatienummer, voor server én client.",
        "ask an authority of the group for a certificate with this identifier, for both server and client",
    )
}

fn other_participant(new: &Identity, current: &Identity) -> Problem {
    let (new, current) = (&new.certificate.participant, &current.certificate.participant);
    Problem::new(
        "CERTIFICATE_OF_ANOTHER",
        400,
        format!("Het nieuwe certificaat is van {new}, dit knooppunt is van {current}."),
        format!("the new certificate is of {new}, this node is of {current}"),
    )
    .next("Eén knooppunt is één deelnemer.", "one node is one participant")
}

fn anchors_unusable(reason: &str) -> Problem {
    Problem::new(
        "TRUST_ANCHORS_UNUSABLE",
        400,
        format!("De vertrouwensankers zijn niet bruikbaar: {reason}"),
        format!("the trust anchors cannot be used: {reason}"),
    )
    .next(
        "Noem PEM-bestanden met certificaten van autoriteiten.",
        "name PEM files with certificates of authorities",
    )
}
