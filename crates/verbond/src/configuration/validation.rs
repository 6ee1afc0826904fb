//! What the types alone cannot say: whether the parts of a configuration make sense together.

use std::net::SocketAddr;

use url::{Host, Url};
use verbond_domain::Problem;

use super::{Access, Database, DecisionPoint, Export, Inway, ObjectStore, PeerListener, Profile, Settings};

impl Settings {
    /// Checks everything that needs no look at files, so that a mistake is told before a port opens.
    pub fn validate(&self) -> Result<(), Problem> {
        let configuration = &self.configuration;
        check_profile(&self.profile)?;
        if let Some(manager) = &configuration.manager {
            check_address("manager", &manager.address, &self.profile)?;
        }
        if let Some(inway) = &configuration.inway {
            check_address("inway", &inway.address, &self.profile)?;
        }
        if let (Some(manager), Some(inway)) = (&configuration.manager, &configuration.inway) {
            check_shared_port(manager, inway)?;
        }
        if let Some(listen) = configuration.outway.as_ref().and_then(|outway| outway.listen) {
            check_loopback("outway.listen", listen)?;
        }
        if let Some(listen) = configuration.metrics.listen {
            check_loopback("metrics.listen", listen)?;
        }
        if configuration
            .outway
            .as_ref()
            .and_then(|outway| outway.tls.as_ref())
            .is_some_and(|tls| tls.client_anchors.is_empty())
        {
            return Err(invalid(
                "outway.tls.client_anchors",
                "is leeg, dus geen applicatie zou binnenkomen",
                "is empty, so no application could get in",
            ));
        }
        if let Some(address) = configuration.public.as_ref().and_then(|public| public.address.as_deref()) {
            check_public_address(address)?;
        }
        if let Some(point) = &configuration.decision_point {
            check_decision_point(point)?;
        }
        if let Some(export) = &configuration.export {
            check_export(export)?;
        }
        if let Some(store) = &configuration.journal.object_store {
            check_object_store(store)?;
        }
        check_limits(self)?;
        within("backup.key_days", configuration.backup.key_days, 1, 3660)?;
        if let Database::Url(url) = &configuration.database
            && url != "sqlite"
        {
            refuse_password(&postgres_url(url)?)?;
        }
        Ok(())
    }
}

/// Whether this is a group identifier (FSC Core 2.0.0: `^[a-zA-Z0-9./_-]{1,100}$`).
fn is_group_id(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte))
}

/// Reads a `postgres://` URL. The message never repeats it: it may hold a password.
pub fn postgres_url(text: &str) -> Result<Url, Problem> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql")).ok_or_else(|| {
        invalid(
            "database",
            "is geen `sqlite` en geen `postgres://`-URL",
            "is neither `sqlite` nor a `postgres://` URL",
        )
        .next(
            "Schrijf `database = \"sqlite\"` of `database = \"postgres://gebruiker@host/naam\"`.",
            "write `database = \"sqlite\"` or `database = \"postgres://user@host/name\"`",
        )
    })
}

fn refuse_password(url: &Url) -> Result<(), Problem> {
    let in_query = url.query_pairs().any(|(name, _)| name == "password");
    if url.password().is_none() && !in_query {
        return Ok(());
    }
    Err(invalid("database", "bevat een wachtwoord; geheimen horen in een eigen bestand", "holds a password; secrets belong in a file of their own")
        .next("Zet de URL in een bestand dat alleen het knooppunt kan lezen en schrijf `database = { file = \"database-url.txt\" }`.",
              "put the URL in a file that only the node can read and write `database = { file = \"database-url.txt\" }`"))
}

fn check_profile(profile: &Profile) -> Result<(), Problem> {
    if !is_group_id(&profile.id) {
        return Err(invalid("group.id", "is geen groepsnaam", "is not a group identifier").next(
            "Zet onder `[group]` de `id` van de groep: 1 tot 100 letters, cijfers en . / _ -",
            "put the group's `id` under `[group]`: 1 to 100 letters, digits and . / _ -",
        ));
    }
    if profile.trust_anchors.is_empty() {
        return Err(invalid(
            "group.trust_anchors",
            "is leeg: geen enkel certificaat zou worden vertrouwd",
            "is empty: no certificate would be trusted",
        )
        .next(
            "Noem onder `[group]` de PEM-bestanden met de vertrouwensankers van de groep.",
            "name the PEM files with the group's trust anchors under `[group]`",
        ));
    }
    if !["1.2", "1.3"].contains(&profile.tls.minimum_version.as_str()) {
        return Err(invalid(
            "group.tls.minimum_version",
            "is niet `1.2` of `1.3`",
            "is neither `1.2` nor `1.3`",
        ));
    }
    for directory in &profile.directories {
        check_address("group.directories", &directory.manager_address, profile)?;
    }
    Ok(())
}

fn check_address(section: &str, address: &str, profile: &Profile) -> Result<(), Problem> {
    let key = if section.contains('.') { section.to_owned() } else { format!("{section}.address") };
    // The standard wants the port written out, also where it is the scheme's default, which the parser drops.
    let port = explicit_port(address).ok_or_else(|| {
        invalid(
            &key,
            format!("`{address}` is geen https://host:poort"),
            format!("`{address}` is not https://host:port"),
        )
        .next(
            "Schrijf het adres met schema en poort, zonder pad: `https://fsc.gemeente.example:8443`.",
            "write the address with scheme and port and no path: `https://fsc.gemeente.example:8443`",
        )
    })?;
    if profile.ports.is_empty() || profile.ports.contains(&port) {
        return Ok(());
    }
    let allowed = profile.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    Err(invalid(
        &key,
        format!("gebruikt poort {port}; de groep staat alleen {allowed} toe"),
        format!("uses port {port}; the group allows only {allowed}"),
    )
    .next(
        "Kies een van die poorten; `listen` mag een andere zijn als er een doorgeefluik voor staat.",
        "choose one of those ports; `listen` may differ when a forwarder stands before it",
    ))
}

/// The port of a bare `https://host:port`.
fn explicit_port(address: &str) -> Option<u16> {
    let url = Url::parse(address).ok()?;
    let bare = url.scheme() == "https"
        && url.host_str().is_some()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let (_, port) = address.trim_end_matches('/').rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (bare && url.port_or_known_default() == Some(port)).then_some(port)
}

fn check_shared_port(manager: &PeerListener, inway: &Inway) -> Result<(), Problem> {
    let host = |address: &str| Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned));
    if manager.listen != inway.listen
        || manager.listen.port() == 0
        || host(&manager.address) != host(&inway.address)
    {
        return Ok(());
    }
    Err(invalid(
        "inway.listen",
        "is gelijk aan `manager.listen`, en ook de hostnamen van de adressen zijn gelijk",
        "equals `manager.listen`, and the host names of the addresses are equal too",
    )
    .next(
        "Geef ze een eigen poort, of adressen met verschillende hostnamen op één poort.",
        "give each a port of its own, or addresses with different host names on one port",
    ))
}

fn check_loopback(key: &str, listen: SocketAddr) -> Result<(), Problem> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    Err(invalid(key, format!("({listen}) is van buiten deze machine bereikbaar zonder aanmelding over een beveiligde verbinding"), format!("({listen}) can be reached from outside this machine without authentication over a secured connection"))
        .next("Luister op 127.0.0.1 of [::1]; laat applicaties van elders binnen via `outway.tls` met een certificaat.",
              "listen on 127.0.0.1 or [::1]; let applications from elsewhere in through `outway.tls` with a certificate"))
}

/// Other organisations write this address into what people sign, with a path behind it.
fn check_public_address(address: &str) -> Result<(), Problem> {
    let fits = Url::parse(address).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    match fits && !address.ends_with('/') {
        true => Ok(()),
        false => Err(invalid(
            "public.address",
            format!("`{address}` is geen adres waar een pad achter kan staan"),
            format!("`{address}` is no address behind which a path can stand"),
        )
        .next(
            "Schrijf schema en host, zonder `/` aan het eind: `https://www.gemeente.example/verbond`.",
            "write scheme and host, without `/` at the end: `https://www.gemeente.example/verbond`",
        )),
    }
}

/// Longest that a decision point may be waited for: far below the minute after which who asked gives up.
const LONGEST_QUESTION_MS: u32 = 10_000;

fn check_decision_point(point: &DecisionPoint) -> Result<(), Problem> {
    check_own_server(
        "decision_point",
        point.access(),
        "https://pdp.gemeente.example:8443/access/v1/evaluation",
    )?;
    within("decision_point.timeout_ms", point.timeout_ms, 10, LONGEST_QUESTION_MS)
}

fn check_export(export: &Export) -> Result<(), Problem> {
    check_own_server("export", export.access(), "https://logboek.gemeente.example:4318/v1/traces")?;
    within("export.timeout_ms", export.timeout_ms, 100, 120_000)
}

fn check_object_store(store: &ObjectStore) -> Result<(), Problem> {
    const SECTION: &str = "journal.object_store";
    let example = "https://objecten.gemeente.example:9000";
    check_own_server(SECTION, store.access(), example)?;
    if Url::parse(&store.address).is_ok_and(|url| url.path() != "/") {
        let member = format!("{SECTION}.address");
        return Err(invalid(&member, "heeft een pad", "has a path")
            .next(format!("Schrijf `{example}`."), format!("write `{example}`")));
    }
    // Characters that need no escaping in a path, so that everybody signs and reads the same one.
    let plain = |text: &str, others: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
    };
    let segment = |text: &str| plain(text, b"._-") && !text.starts_with('.');
    let members = [
        ("bucket", store.bucket.len() <= 63 && segment(&store.bucket)),
        (
            "prefix",
            store.prefix.is_empty() || (store.prefix.len() <= 200 && store.prefix.split('/').all(segment)),
        ),
        ("region", store.region.len() <= 63 && plain(&store.region, b"-")),
    ];
    for (member, fits) in members {
        if !fits {
            return Err(invalid(
                &format!("{SECTION}.{member}"),
                "heeft niet de vorm die in een pad past",
                "does not have a form that fits in a path",
            )
            .next(
                "Alleen letters, cijfers, `-`, `_` en `.`; in `prefix` ook `/` tussen twee namen.",
                "letters, digits, `-`, `_` and `.` only; in `prefix` also `/` between two names",
            ));
        }
    }
    within("journal.object_store.timeout_ms", store.timeout_ms, 100, 120_000)
}

/// Whether a server of the organisation itself can be called as its section says.
fn check_own_server(section: &str, access: Access<'_>, example: &str) -> Result<(), Problem> {
    let is_endpoint = Url::parse(access.address).is_ok_and(|url| {
        let here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        (url.scheme() == "https" || (url.scheme() == "http" && here))
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if !is_endpoint {
        // The address is not repeated: it may hold a password.
        return Err(invalid(
            &format!("{section}.address"),
            "is geen https-adres zonder wachtwoord en vraag, en geen http-adres op deze machine",
            "is no https address without password and query, and no http address on this machine",
        )
        .next(format!("Schrijf `{example}`."), format!("write `{example}`")));
    }
    if access.certificate.is_some() != access.key.is_some() {
        return Err(invalid(
            &format!("{section}.certificate"),
            format!("hoort samen met `{section}.key`"),
            format!("goes together with `{section}.key`"),
        ));
    }
    if access.anchors.is_some_and(<[_]>::is_empty) {
        return Err(invalid(
            &format!("{section}.anchors"),
            "is leeg: geen enkel certificaat zou worden vertrouwd",
            "is empty: no certificate would be trusted",
        ));
    }
    Ok(())
}

fn check_limits(settings: &Settings) -> Result<(), Problem> {
    let limits = &settings.configuration.limits;
    let bounds = [
        ("limits.maximum_header_bytes", limits.maximum_header_bytes, 8192, 1 << 20),
        ("limits.maximum_body_bytes", limits.maximum_body_bytes, 65_536, 64 << 20),
        ("limits.append_timeout_ms", limits.append_timeout_ms, 10, 60_000),
        ("limits.journal_queue", limits.journal_queue, 1, 1 << 20),
        ("limits.journal_batch", limits.journal_batch, 1, 4096),
        ("limits.connections", limits.connections, 1, 1 << 20),
        ("limits.connect_timeout_ms", limits.connect_timeout_ms, 10, 60_000),
        ("limits.header_timeout_ms", limits.header_timeout_ms, 100, 120_000),
        ("records.within_seconds", settings.configuration.records.within_seconds, 1, 7 * 86_400),
        ("records.most_outstanding", settings.configuration.records.most_outstanding, 1, 10_000),
        ("journal.checkpoint_seconds", settings.configuration.journal.checkpoint_seconds, 1, 3600),
        ("account.reconcile_seconds", settings.configuration.account.reconcile_seconds, 0, 31 * 86_400),
        ("limits.drain_seconds", limits.drain_seconds, 0, 3600),
        ("group.rules.token_lifetime_seconds", settings.profile.rules.token_lifetime_seconds, 5, 3600),
    ];
    bounds.into_iter().try_for_each(|(key, value, least, most)| within(key, value, least, most))
}

fn within(key: &str, value: u32, least: u32, most: u32) -> Result<(), Problem> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(invalid(
            key,
            format!("is {value}, buiten {least} tot en met {most}"),
            format!("is {value}, outside {least} to {most}"),
        )),
    }
}

fn invalid(key: &str, nl: impl std::fmt::Display, en: impl std::fmt::Display) -> Problem {
    Problem::new("CONFIGURATION_INVALID", 400, format!("`{key}` {nl}"), format!("`{key}` {en}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BASE: &str =
        "profile = 'test'\n[identity]\ncertificate = 'c'\nkey = 'k'\n[group]\ntrust_anchors = ['a']\n";

    fn verdict(more: &str) -> Result<(), String> {
        Settings::parse(Path::new("/data"), &format!("{BASE}{more}"))
            .and_then(|settings| settings.validate())
            .map_err(|problem| problem.detail.en)
    }

    fn refused(more: &str, about: &str) {
        let complaint = verdict(more).err().unwrap_or_default();
        assert!(complaint.contains(about), "{more:?} gave {complaint:?}");
    }

    #[test]
    fn every_text_of_the_fuzz_corpus_is_judged() -> std::io::Result<()> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/configuration");
        for input in std::fs::read_dir(corpus)? {
            let text = std::fs::read_to_string(input?.path())?;
            let settings = Settings::parse(Path::new("/nowhere"), &format!("profile = 'test'\n{text}"));
            let _ = settings.and_then(|settings| settings.validate());
        }
        Ok(())
    }

    #[test]
    fn the_least_configuration_is_accepted() {
        assert_eq!(verdict(""), Ok(()));
    }

    #[test]
    fn ports_are_held_against_the_profile() {
        let manager = "[manager]\nlisten = '127.0.0.1:7443'\naddress = 'https://a.test:7443'\n";
        assert_eq!(verdict(manager), Ok(()));
        refused(&format!("ports = [443, 8443]\n{manager}"), "uses port 7443");
    }

    #[test]
    fn an_address_needs_scheme_and_port_and_no_more() {
        for address in [
            "http://a.test:7443",
            "https://a.test",
            "https://a.test:7443/x",
            "https://u@a.test:7443",
            "a.test:7443",
        ] {
            refused(
                &format!("[manager]\nlisten = '127.0.0.1:7443'\naddress = '{address}'\n"),
                "is not https://host:port",
            );
        }
        assert_eq!(verdict("[manager]\nlisten = '127.0.0.1:7443'\naddress = 'https://a.test:443'\n"), Ok(()));
    }

    #[test]
    fn the_outway_does_not_leave_the_machine_without_certificates() {
        refused("[outway]\nlisten = '0.0.0.0:7080'\n", "outside this machine");
        assert_eq!(verdict("[outway]\nlisten = '[::1]:7080'\n"), Ok(()));
        refused("[metrics]\nlisten = '192.0.2.1:1'\n", "outside this machine");
    }

    #[test]
    fn what_is_published_has_an_address_behind_which_a_path_can_stand() {
        let public = |address: &str| format!("[public]\nlisten = '127.0.0.1:1'\naddress = '{address}'\n");
        for address in ["https://a.test/", "ftp://a.test", "a.test", "https://u@a.test", "https://a.test?x=1"]
        {
            refused(&public(address), "behind which a path can stand");
        }
        for address in ["https://a.test", "https://a.test/verbond", "http://a.test:8080"] {
            assert_eq!(verdict(&public(address)), Ok(()));
        }
    }

    #[test]
    fn a_decision_point_is_reached_safely_and_waited_for_briefly() {
        let point = |rest: &str| format!("[decision_point]\n{rest}\n");
        for address in [
            "https://pdp.test",
            "https://pdp.test:8443/authzen/v1/evaluation",
            "http://127.0.0.1:8080",
            "http://[::1]:8080/x",
            "http://localhost:8080",
        ] {
            assert_eq!(verdict(&point(&format!("address = '{address}'"))), Ok(()), "{address}");
        }
        for address in [
            "http://pdp.test",
            "https://me:hunter2@pdp.test",
            "https://pdp.test?x=1",
            "pdp.test",
            "ftp://localhost",
        ] {
            let complaint = verdict(&point(&format!("address = '{address}'"))).err().unwrap_or_default();
            assert!(
                complaint.contains("decision_point.address") && !complaint.contains("hunter2"),
                "{address}"
            );
        }
        let good = "address = 'https://pdp.test'\n";
        refused(&point(&format!("{good}key = 'k'")), "goes together with");
        refused(&point(&format!("{good}anchors = []")), "no certificate would be trusted");
        refused(&point(&format!("{good}timeout_ms = 60000")), "outside 10 to 10000");
        refused(&point(&format!("{good}timeout_ms = 0")), "outside 10 to 10000");
    }

    #[test]
    fn one_port_serves_manager_and_inway_only_under_two_names() {
        let both = |host: &str| {
            format!(
                "[manager]\nlisten = '127.0.0.1:443'\naddress = 'https://a.test:443'\n[inway]\nlisten = '127.0.0.1:443'\naddress = 'https://{host}:443'\n"
            )
        };
        assert_eq!(verdict(&both("b.test")), Ok(()));
        refused(&both("a.test"), "equals `manager.listen`");
    }

    #[test]
    fn a_password_in_the_configuration_is_refused_and_not_repeated() {
        let text = format!("database = 'postgres://me:hunter2@localhost/x'\n{BASE}");
        let problem =
            Settings::parse(Path::new("/data"), &text).and_then(|settings| settings.validate()).err();
        assert!(problem.as_ref().is_some_and(|problem| problem.detail.en.contains("password")));
        assert!(!format!("{problem:?}").contains("hunter2"));
    }

    #[test]
    fn a_group_without_trust_anchors_is_refused() {
        let text = "profile = 'digikoppeling'\n[identity]\ncertificate = 'c'\nkey = 'k'\n[group]\nid = 'g'\n";
        let problem =
            Settings::parse(Path::new("/data"), text).and_then(|settings| settings.validate()).err();
        assert!(problem.is_some_and(|problem| problem.detail.en.contains("group.trust_anchors")));
    }
}
