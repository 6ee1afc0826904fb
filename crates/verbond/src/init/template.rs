//! The text of a first `verbond.toml`, with remarks for whoever will edit it.

use std::{net::IpAddr, path::PathBuf};

use crate::configuration::Directory;

/// What the configuration is to say.
pub struct Plan {
    /// Name or path of the profile.
    pub profile: String,
    /// Directory of the test authority, absolute; absent: a real group.
    pub authority: Option<PathBuf>,
    /// Host of the node's addresses.
    pub host: String,
    /// Port for applications.
    pub outway: u16,
    /// Port for other participants' outways.
    pub inway: u16,
    /// Port for other participants' managers.
    pub manager: u16,
    /// Port for everybody.
    pub public: u16,
    /// Port for persons who act for the organisation.
    pub administration: u16,
    /// The group's directories.
    pub directories: Vec<Directory>,
    /// Whether this node is one.
    pub directory_role: bool,
    /// Names with their addresses.
    pub hosts: Vec<(String, IpAddr)>,
}

/// The text.
pub fn configuration(plan: &Plan) -> String {
    let host = &plan.host;
    // In a real group the ports that others dial are the group's; `listen` may differ behind a forwarder.
    let (listen, outside) = match plan.authority {
        Some(_) => ("127.0.0.1", (plan.manager, plan.inway)),
        None => ("0.0.0.0", (8443, 443)),
    };
    let mut text = format!(
        "# Configuration of a Verbond node. Every key: `verbond schema configuration`. Check: `verbond doctor`.\n\
         # Relative paths are taken from this file's directory.\n\
         profile = {profile}\n\
         # or \"postgres://user@host/name\", or {{ file = \"database-url.txt\" }} when the URL holds a password\n\
         database = \"sqlite\"\n\
         \n[identity]\n\
         certificate = \"certificate.pem\"\n\
         key = \"key.pem\"\n\
         \n{group}\
         \n# What other participants' managers dial.\n\
         [manager]\n\
         listen = \"{listen}:{manager}\"\n\
         address = {manager_address}\n\
         \n# What other participants' outways dial.\n\
         [inway]\n\
         listen = \"{listen}:{inway}\"\n\
         address = {inway_address}\n\
         \n# What your own applications dial: with a bearer token here, or over a Unix socket of their own.\n\
         [outway]\n\
         listen = \"127.0.0.1:{outway}\"\n\
         sockets = \"sockets\"\n\
         \n[administration]\n\
         socket = \"administration.sock\"\n\
         # For persons with a key of their own: `verbond person add --help`.\n\
         listen = \"127.0.0.1:{administration}\"\n\
         \n# Read-only, for everybody: which services there are and who declared what about them, and the registers of\n\
         # processing activities and algorithms. `address` is where others reach it; agreements name that.\n\
         [public]\n\
         listen = \"127.0.0.1:{public}\"\n\
         {public_address}\n\
         \n[directory]\n\
         enabled = {directory_role}\n\
         \n{acceptance}",
        profile = quoted(&plan.profile),
        group = group(plan),
        manager = plan.manager,
        manager_address = quoted(&format!("https://{host}:{}", outside.0)),
        inway = plan.inway,
        inway_address = quoted(&format!("https://{host}:{}", outside.1)),
        outway = plan.outway,
        public = plan.public,
        public_address = match plan.authority {
            Some(_) => format!("address = {}", quoted(&format!("http://{host}:{}", plan.public))),
            None => format!("# address = {}", quoted(&format!("https://{host}/verbond"))),
        },
        administration = plan.administration,
        directory_role = plan.directory_role,
        acceptance = acceptance(plan),
    );
    if !plan.hosts.is_empty() {
        text.push_str("\n# Addresses of host names that the name service does not know.\n[hosts]\n");
        for (name, address) in &plan.hosts {
            text.push_str(&format!("{} = \"{address}\"\n", quoted(name)));
        }
    }
    text
}

fn group(plan: &Plan) -> String {
    let directories: Vec<String> = plan
        .directories
        .iter()
        .map(|directory| {
            let id = quoted(&directory.id.to_string());
            format!("  {{ id = {id}, manager_address = {} }},\n", quoted(&directory.manager_address))
        })
        .collect();
    let directories = match directories.is_empty() {
        true => "[]".to_owned(),
        false => format!("[\n{}]", directories.concat()),
    };
    let Some(authority) = &plan.authority else {
        return format!(
            "# The group that you join: its name, the authorities that it trusts, and its directories.\n\
             [group]\n\
             id = \"\"\n\
             trust_anchors = []\n\
             directories = {directories}\n"
        );
    };
    let list = |name: &str| quoted(&authority.join(name).display().to_string());
    format!(
        "# A throw-away group for tests.\n\
         [group]\n\
         trust_anchors = [\"trust-anchors.pem\"]\n\
         directories = {directories}\n\
         \n[group.revocation]\n\
         lists = [{}, {}]\n",
        list("crl.pem"),
        list("crl-root.pem"),
    )
}

fn acceptance(plan: &Plan) -> &'static str {
    match plan.authority {
        Some(_) => {
            "# In a test group, clean contracts for the use of a service are signed at once.\n\
             [acceptance]\n\
             known_consumers = [\"*\"]\n\
             connection = \"accept\"\n"
        }
        None => {
            "# Contracts that others propose wait for a person: `verbond contract list --state proposed`. To have clean\n\
             # ones of known participants signed at once, name those participants and say \"accept\".\n\
             [acceptance]\n\
             known_consumers = []\n\
             connection = \"leave\"\n"
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::configuration::Settings;

    fn plan(authority: Option<&str>) -> Plan {
        Plan {
            profile: if authority.is_some() { "test" } else { "digikoppeling" }.to_owned(),
            authority: authority.map(PathBuf::from),
            host: "a.test".to_owned(),
            outway: 7440,
            inway: 7441,
            manager: 7442,
            public: 7443,
            administration: 7444,
            directories: Vec::new(),
            directory_role: false,
            hosts: vec![("a.test".to_owned(), IpAddr::from([127, 0, 0, 1]))],
        }
    }

    #[test]
    fn the_first_configuration_of_a_test_group_is_valid() {
        let settings = Settings::parse(Path::new("/data"), &configuration(&plan(Some("/ca"))));
        assert_eq!(settings.and_then(|settings| settings.validate()), Ok(()));
    }

    #[test]
    fn the_first_configuration_of_a_real_group_asks_for_the_group() {
        let settings = Settings::parse(Path::new("/data"), &configuration(&plan(None)));
        let problem = settings.and_then(|settings| settings.validate()).err();
        assert!(problem.is_some_and(|problem| problem.detail.en.contains("group.id")));
    }
}
