//! Whose certificates the organisation's own sources may have, when they are at `https://` addresses.

use std::path::{Path, PathBuf};

use rustls::{RootCertStore, pki_types::CertificateDer};
use verbond_domain::Problem;
use verbond_trust::read_chain;

use crate::configuration::Settings;

/// The authorities that the system trusts, where Debian, Ubuntu, Alpine and Arch keep them.
pub const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The authorities of sources: those that the configuration names, or else the system's; none when it has none either.
pub fn anchors(settings: &Settings) -> Result<Vec<CertificateDer<'static>>, Problem> {
    read(named(settings)).map_err(|reason| unusable(&reason))
}

/// The certificates in these files, or else the system's authorities; what is wrong with them as a sentence.
pub fn read(paths: Option<Vec<PathBuf>>) -> Result<Vec<CertificateDer<'static>>, String> {
    let Some(paths) = paths else { return Ok(of_system(Path::new(SYSTEM_BUNDLE))) };
    let mut anchors = Vec::new();
    for path in paths {
        let more = read_chain(&path).map_err(|error| error.to_string())?;
        if let Some(error) = more.iter().find_map(refusal) {
            return Err(format!("{}: {error}", path.display()));
        }
        anchors.extend(more);
    }
    Ok(anchors)
}

fn named(settings: &Settings) -> Option<Vec<PathBuf>> {
    let paths = settings.configuration.inway.as_ref()?.source_anchors.as_ref()?;
    Some(paths.iter().map(|path| settings.path(path)).collect())
}

/// What can be used of the system's bundle: one certificate of an odd form does not make the others useless.
fn of_system(bundle: &Path) -> Vec<CertificateDer<'static>> {
    let mut anchors = read_chain(bundle).unwrap_or_default();
    anchors.retain(|anchor| refusal(anchor).is_none());
    anchors
}

fn refusal(anchor: &CertificateDer<'static>) -> Option<rustls::Error> {
    RootCertStore::empty().add(anchor.clone()).err()
}

fn unusable(reason: &str) -> Problem {
    Problem::new(
        "SOURCE_ANCHORS_UNUSABLE",
        400,
        format!("`inway.source_anchors` is niet bruikbaar: {reason}"),
        format!("`inway.source_anchors` cannot be used: {reason}"),
    )
    .next(
        "Noem PEM-bestanden met certificaten van de autoriteiten van uw bronnen, of haal de sleutel weg.",
        "name PEM files with certificates of the authorities of your sources, or remove the key",
    )
}

#[cfg(test)]
mod tests {
    use verbond_trust::authority::TestAuthority;

    use super::*;
    use crate::ambient;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn settings(directory: &Path, named: &str) -> Result<Settings, Problem> {
        let text = format!(
            "profile = 'test'\n[identity]\ncertificate = 'c'\nkey = 'k'\n[group]\ntrust_anchors = ['a']\n\
             [inway]\nlisten = '127.0.0.1:1'\naddress = 'https://a:1'\nsource_anchors = [{named}]\n"
        );
        Settings::parse(directory, &text)
    }

    #[test]
    fn named_authorities_take_the_place_of_the_systems_and_a_wrong_file_is_told() -> Outcome {
        let directory = tempfile::tempdir()?;
        TestAuthority::open_or_create(directory.path(), None, &ambient::system())?;
        assert_eq!(anchors(&settings(directory.path(), "'root.pem'")?)?.len(), 1);
        assert!(anchors(&settings(directory.path(), "")?)?.is_empty());
        let wrong = anchors(&settings(directory.path(), "'root.pem', 'absent.pem'")?);
        assert_eq!(wrong.map_err(|problem| problem.code), Err("SOURCE_ANCHORS_UNUSABLE"));
        Ok(())
    }

    #[test]
    fn one_odd_certificate_in_the_systems_bundle_costs_no_other() -> Outcome {
        let directory = tempfile::tempdir()?;
        TestAuthority::open_or_create(directory.path(), None, &ambient::system())?;
        let good = std::fs::read_to_string(directory.path().join("root.pem"))?;
        let odd = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
        let bundle = directory.path().join("bundle.crt");
        std::fs::write(&bundle, format!("{odd}{good}"))?;
        assert_eq!(of_system(&bundle).len(), 1);
        assert!(of_system(&directory.path().join("absent")).is_empty());
        Ok(())
    }
}
