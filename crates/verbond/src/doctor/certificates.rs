//! Certificate, key, trust anchors and revocation lists, judged as others will judge them.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context;
use url::Url;
use verbond_domain::{Ambient, Timestamp};
use verbond_fsc::RevocationRefresh;
use verbond_transport::{Client, ClientLimits, Hosts};
use verbond_trust::{Identity, IdentityHandle, RevocationList, TrustStore, Usage};

use super::Finding;
use crate::{
    ambient::{self, rfc_3339},
    configuration::Settings,
    node::{identity, revocation_sources, sources},
};

/// Days before its end from which a certificate is worth a warning.
const DAYS: i64 = 30;
const DAY_SECONDS: i64 = 86_400;

/// What is needed to dial others as the node does.
pub struct Credentials {
    /// The certificate and key.
    pub identity: Arc<IdentityHandle>,
    /// The group's trust anchors, with the lists that could be read.
    pub trust: Arc<TrustStore>,
    /// The clock.
    pub ambient: Ambient,
}

/// What is needed to dial others and to judge what they show, lists of revoked certificates fetched where there are none.
///
/// # Errors
/// When certificate, key or trust anchors cannot be used.
pub async fn usable(settings: &Settings) -> anyhow::Result<Credentials> {
    look(settings, false)
        .await
        .0
        .context("certificate, key or trust anchors cannot be used: see `verbond doctor`")
}

/// Looks.
pub async fn look(settings: &Settings, offline: bool) -> (Option<Credentials>, Vec<Finding>) {
    let ambient = ambient::system();
    let mut findings = Vec::new();
    let trust = match identity::trust(settings) {
        Ok(trust) => trust,
        Err(problem) => return (None, vec![Finding::problem("trust anchors", problem)]),
    };
    let anchors = settings.profile.trust_anchors.len();
    findings.push(Finding::ok(
        "trust anchors",
        format!("{anchors} bestand(en) leesbaar"),
        format!("{anchors} file(s) readable"),
    ));
    findings.extend(source_anchors(settings));
    let identity = match identity::load(settings) {
        Ok(identity) => identity,
        Err(problem) => {
            findings.push(Finding::problem("certificate", problem));
            return (None, findings);
        }
    };
    findings.push(validity(&identity, ambient.now()));
    findings.push(names(settings, &identity));
    let credentials = Credentials { identity: IdentityHandle::new(identity, Vec::new()), trust, ambient };
    match lists(settings, &credentials, offline).await {
        Ok(more) => findings.extend(more),
        Err(error) => findings.push(Finding::fail("revocation", error.to_string(), error.to_string())),
    }
    let present = credentials.identity.current();
    findings.push(judged(&present, &credentials.trust, credentials.ambient.now()));
    (Some(credentials), findings)
}

fn validity(identity: &Identity, now: Timestamp) -> Finding {
    let certificate = &identity.certificate;
    let days = certificate.not_after.millis_since(now) / 1000 / DAY_SECONDS;
    let (who, until) = (&certificate.participant, rfc_3339(certificate.not_after));
    let renew = |finding: Finding| {
        finding.mend(
            "Vraag een nieuw aan met `verbond certificate renew`.",
            "ask for a new one with `verbond certificate renew`",
        )
    };
    if certificate.not_after <= now {
        return renew(Finding::fail(
            "certificate",
            format!("het certificaat van {who} is verlopen op {until}"),
            format!("the certificate of {who} expired on {until}"),
        ));
    }
    let nl = format!("van {who}, nog {days} dagen geldig, en de sleutel hoort erbij");
    let en = format!("of {who}, valid for {days} more days, and the key belongs to it");
    match days < DAYS {
        true => renew(Finding::warn("certificate", nl, en)),
        false => Finding::ok("certificate", nl, en),
    }
}

fn judged(identity: &Identity, trust: &TrustStore, now: Timestamp) -> Finding {
    for usage in [Usage::Server, Usage::Client, Usage::Signature] {
        if let Err(refusal) = trust.judge(&identity.chain, usage, now) {
            return Finding::fail(
                "judgement",
                format!("anderen zouden het certificaat weigeren ({usage:?}): {refusal}"),
                format!("others would refuse the certificate ({usage:?}): {refusal}"),
            )
            .mend(
                "Het certificaat moet van een autoriteit van de groep zijn, voor server én client, met een verse CRL.",
                "the certificate must be of an authority of the group, for server and client, with a fresh CRL",
            );
        }
    }
    Finding::ok(
        "judgement",
        "anderen nemen het certificaat aan: als server, als client en onder handtekeningen",
        "others accept the certificate: as server, as client and under signatures",
    )
}

fn names(settings: &Settings, identity: &Identity) -> Finding {
    let configuration = &settings.configuration;
    let manager = configuration.manager.as_ref().map(|manager| &manager.address);
    let inway = configuration.inway.as_ref().map(|inway| &inway.address);
    let hosts = [manager, inway]
        .into_iter()
        .flatten()
        .filter_map(|address| Url::parse(address).ok()?.host_str().map(str::to_ascii_lowercase));
    let held = &identity.certificate.dns_names;
    let covers = |host: &str| held.iter().any(|name| name_covers(name, host));
    let missing: Vec<String> = hosts.filter(|host| !covers(host)).collect();
    if missing.is_empty() {
        return Finding::ok(
            "host names",
            "de adressen staan in het certificaat",
            "the addresses are in the certificate",
        );
    }
    let (missing, held) = (missing.join(", "), held.join(", "));
    Finding::fail(
        "host names",
        format!("niet in het certificaat: {missing}; daarin staat: {held}"),
        format!("not in the certificate: {missing}; it holds: {held}"),
    )
    .mend(
        "Pas `address` in verbond.toml aan, of vraag een certificaat met deze namen aan.",
        "change `address` in verbond.toml, or ask for a certificate with these names",
    )
}

/// A wildcard stands for one label (RFC 6125 §6.4.3).
fn name_covers(name: &str, host: &str) -> bool {
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(rest), Some((_, domain))) => rest == domain,
        _ => name == host,
    }
}

/// Reads the lists as the node does, and fetches those that it does not have yet.
async fn lists(
    settings: &Settings,
    credentials: &Credentials,
    offline: bool,
) -> anyhow::Result<Vec<Finding>> {
    let rules = &settings.profile.revocation;
    if !rules.check {
        return Ok(vec![
            Finding::warn(
                "revocation",
                "intrekkingslijsten worden niet gecontroleerd: een gestolen sleutel blijft bruikbaar",
                "revocation lists are not checked: a stolen key stays usable",
            )
            .mend(
                "Zet `check = true` onder [group.revocation].",
                "set `check = true` under [group.revocation]",
            ),
        ]);
    }
    let hosts = Hosts::new(settings.configuration.hosts.clone());
    let refresh = RevocationRefresh::new(
        revocation_sources(settings),
        Client::servers(&sources::anchors(settings)?, hosts, ClientLimits::servers())?,
        Arc::clone(&credentials.identity),
        Arc::clone(&credentials.trust),
        credentials.ambient.clone(),
    );
    refresh.load().await;
    let failures: HashMap<String, String> = match offline {
        true => HashMap::new(),
        false => refresh.renew().await.into_iter().collect(),
    };
    let (now, reason) =
        (credentials.ambient.now(), "there is none in the cache, and it is not fetched offline");
    let found = refresh.held().into_iter().map(|(source, list)| match list {
        Some(list) => age(&source, &list, rules.grace_seconds, now),
        None => {
            let reason = failures.get(&source).map_or(reason, String::as_str);
            Finding::fail("revocation", format!("{source}: {reason}"), format!("{source}: {reason}")).mend(
                "Zet er een verse lijst van de autoriteit neer, of laat de firewall het knooppunt bij dit adres toe.",
                "put a fresh list of the authority there, or let the node reach this address through the firewall",
            )
        }
    });
    Ok(found.collect())
}

fn source_anchors(settings: &Settings) -> Option<Finding> {
    let inway = settings.configuration.inway.as_ref()?;
    let count = match sources::anchors(settings) {
        Ok(anchors) => anchors.len(),
        Err(problem) => return Some(Finding::problem("sources", problem)),
    };
    Some(match (count, &inway.source_anchors) {
        (0, _) => Finding::warn(
            "sources",
            "geen autoriteiten voor bronnen op https: zulke bronnen antwoorden 502",
            "no authorities for sources at https: such sources answer 502",
        )
        .mend("Noem ze in `inway.source_anchors`.", "name them in `inway.source_anchors`"),
        (count, Some(_)) => Finding::ok(
            "sources",
            format!("{count} autoriteit(en) voor bronnen op https"),
            format!("{count} authorities for sources at https"),
        ),
        (count, None) => Finding::ok(
            "sources",
            format!("{count} autoriteiten van het systeem voor bronnen op https"),
            format!("{count} authorities of the system for sources at https"),
        ),
    })
}

fn age(source: &str, list: &RevocationList, grace: i64, now: Timestamp) -> Finding {
    let hours = now.millis_since(list.this_update()) / 3_600_000;
    let overdue = list.next_update().map_or(0, |next| now.millis_since(next) / 1000);
    let nl = format!("{source}: {hours} uur oud");
    let en = format!("{source}: {hours} hours old");
    let mend = ("Haal een verse lijst op bij de autoriteit.", "fetch a fresh list from the authority");
    match overdue {
        ..=0 => Finding::ok("revocation", nl, en),
        late if late <= grace => {
            Finding::warn("revocation", format!("{nl}, en over tijd"), format!("{en}, and overdue"))
                .mend(mend.0, mend.1)
        }
        _ => Finding::fail(
            "revocation",
            format!("{nl}, te oud om op te vertrouwen"),
            format!("{en}, too old to rely on"),
        )
        .mend(mend.0, mend.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(name_covers("*.a.test", "x.a.test"));
        assert!(name_covers("a.test", "a.test"));
        assert!(!name_covers("*.a.test", "x.y.a.test"));
        assert!(!name_covers("*.a.test", "a.test"));
    }
}
