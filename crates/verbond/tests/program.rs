//! The built program, as a person uses it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

struct Place {
    directory: tempfile::TempDir,
    port: u16,
}

impl Place {
    /// A directory with an initialised node `node` in a test group.
    fn new() -> Outcome<Self> {
        Self::of_host("a.test")
    }

    fn of_host(host: &str) -> Outcome<Self> {
        let place = Self { directory: tempfile::tempdir()?, port: free_ports()? };
        let made = place.verbond(&[
            "init",
            "--test-group",
            &place.path("ca").display().to_string(),
            "--id",
            "00000099000000010000",
            "--name",
            "Gemeente Voorbeeld",
            "--host",
            host,
            "--base-port",
            &place.port.to_string(),
        ])?;
        assert!(made.status.success(), "{}", stderr(&made));
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verbond"));
        command.arg("--data").arg(self.path("node")).args(arguments);
        command
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env("LANG", "C.UTF-8")
            .env_remove("VERBOND_NODE");
        command
    }

    fn verbond(&self, arguments: &[&str]) -> Outcome<Output> {
        Ok(self.command(arguments).output()?)
    }

    /// A `serve` that must be refused; one that is not is ended, so that the test fails instead of waiting.
    fn refused(&self, arguments: &[&str]) -> Outcome<String> {
        let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        for _ in 0..200 {
            if child.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        child.kill()?;
        Ok(stderr(&child.wait_with_output()?))
    }

    fn json(&self, arguments: &[&str]) -> Outcome<Value> {
        let output = self.command(arguments).arg("--json").output()?;
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn serve(&self) -> Outcome<Running> {
        let mut child = self
            .command(&["serve", "--json", "--end-with-input"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        if line.is_empty() {
            let mut error = String::new();
            child.stderr.take().ok_or("no errors")?.read_to_string(&mut error)?;
            return Err(error.into());
        }
        Ok(Running { ready: serde_json::from_str(&line)?, child })
    }

    fn edit(&self, from: &str, to: &str) -> Outcome {
        let path = self.path("node/verbond.toml");
        let text = std::fs::read_to_string(&path)?;
        assert!(text.contains(from), "{from}");
        std::fs::write(path, text.replace(from, to))?;
        Ok(())
    }
}

struct Running {
    ready: Value,
    child: Child,
}

impl Running {
    /// Ends the node as a service manager does, and returns whether it ended well.
    fn stop(mut self) -> Outcome<bool> {
        drop(self.child.stdin.take());
        Ok(self.child.wait()?.success())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_ports() -> Outcome<u16> {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let free = |step: u16| {
            first.checked_add(step).is_some_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        };
        if (0..5).all(free) {
            return Ok(first);
        }
    }
    Err("no five free ports in a row".into())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// One request over the administration socket, as `curl --unix-socket` makes it.
fn raw(socket: &Path, request: &str) -> Outcome<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn from_nothing_to_a_node_that_offers_a_service() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new()?;
    let mode = |name: &str| {
        Ok::<_, std::io::Error>(std::fs::metadata(place.path(name))?.permissions().mode() & 0o777)
    };
    assert_eq!((mode("node")?, mode("node/key.pem")?), (0o700, 0o600));

    let node = place.serve()?;
    assert_eq!(node.ready.get("outway"), Some(&Value::from(format!("127.0.0.1:{}", place.port))));
    assert_eq!(mode("node/administration.sock")?, 0o600);

    let added = place.verbond(&[
        "service",
        "add",
        "trees",
        "--upstream",
        "http://127.0.0.1:1/",
        "--class",
        "governed",
        "--steward",
        "J. de Vries",
        "--reason",
        "who owns which tree",
    ])?;
    assert!(added.status.success(), "{}", stderr(&added));
    assert_eq!(
        stdout(&added),
        "service `trees` is in place\nit refuses everything until an agreement is in force\n"
    );
    let listed = place.verbond(&["service", "list"])?;
    assert_eq!(
        stdout(&listed),
        "NAME   CLASS     STEWARD      PROTOCOL  UPSTREAM\ntrees  governed  J. de Vries  http1     http://127.0.0.1:1/\n"
    );
    let shown = place.json(&["service", "show", "trees"])?;
    assert_eq!(shown.pointer("/declaration/class"), Some(&Value::from("governed")));

    let answer = raw(&place.path("node/administration.sock"), "GET /v1/services/none HTTP/1.1")?;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let lower = answer.to_lowercase();
    assert!(
        lower.contains("content-type: application/problem+json") && lower.contains("api-version: 1."),
        "{answer}"
    );
    assert!(node.stop()?);

    // What was there is there after a restart.
    let node = place.serve()?;
    assert_eq!(place.json(&["service", "show", "trees"])?, shown);
    assert!(node.stop()?);
    Ok(())
}

#[test]
fn a_contract_is_shown_as_lines_that_can_be_read() -> Outcome {
    let place = Place::new()?;
    place.edit("enabled = false", "enabled = true")?;
    let node = place.serve()?;
    let add = ["service", "add", "trees", "--upstream", "http://127.0.0.1:1/", "--class", "governed"];
    let declared = ["--steward", "J. de Vries", "--reason", "who owns which tree"];
    assert!(place.verbond(&[&add[..], &declared[..]].concat())?.status.success());
    let published = place.json(&["service", "publish", "trees"])?;
    let hash = published.get("hash").and_then(Value::as_str).ok_or("no hash")?;
    let shown = stdout(&place.verbond(&["contract", "show", hash])?);
    let lines: Vec<&str> = shown.lines().collect();
    for line in [
        "state             valid",
        "kind       service publication",
        "service    oin:00000099000000010000/trees",
        "directory  oin:00000099000000010000",
        "PARTICIPANT               SIGNATURE  AT",
    ] {
        assert!(lines.contains(&line), "{line}\n{shown}");
    }
    assert!(lines.iter().all(|line| line.len() < 120), "{shown}");
    let listed = |arguments: &[&str]| {
        let answer = place.json(&[&["contract", "list"], arguments].concat())?;
        Ok::<_, Box<dyn std::error::Error>>(answer.pointer("/items/0/hash") == Some(&Value::from(hash)))
    };
    let grant = published.pointer("/grants/0/hash").and_then(Value::as_str).ok_or("no grant")?;
    assert!(listed(&["--peer", "00000099000000010000"])? && listed(&["--grant", grant])?);
    assert!(!listed(&["--peer", "00000099000000020000"])? && !listed(&["--grant", hash])?);
    assert!(node.stop()?);
    Ok(())
}

#[test]
fn an_application_is_bound_and_its_socket_opened() -> Outcome {
    let place = Place::new()?;
    let node = place.serve()?;
    let made = place.json(&["application", "add", "nightly", "--socket"])?;
    let socket = PathBuf::from(made.get("socket").and_then(Value::as_str).ok_or("no socket")?);
    let allowed =
        place.verbond(&["application", "allow", "nightly", "00000099000000020000/trees", "--alias", "t"])?;
    assert!(
        stdout(&allowed).contains("reaches oin:00000099000000020000/trees as /t/"),
        "{}",
        stderr(&allowed)
    );
    for _ in 0..100 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // Nobody has declared the service open: refused here already, with a reason.
    let answer = raw(&socket, "GET /t/x HTTP/1.1")?;
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("AGREEMENT_MISSING"), "{answer}");
    let shown = stdout(&place.verbond(&["application", "show", "nightly"])?);
    assert!(shown.contains("credential   socket"), "{shown}");
    assert!(shown.contains("t      oin:00000099000000020000/trees"), "{shown}");
    let denied = place.verbond(&["application", "deny", "nightly", "t"])?;
    assert!(denied.status.success(), "{}", stderr(&denied));
    assert!(node.stop()?);
    Ok(())
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_place_and_hint_in_the_readers_language() -> Outcome {
    let place = Place::new()?;
    place.edit("address = \"https://a.test", "adress = \"https://a.test")?;
    let english = place.verbond(&["serve"])?;
    assert_eq!(english.status.code(), Some(1));
    assert!(stdout(&english).is_empty());
    let text = stderr(&english);
    assert!(text.starts_with("error[CONFIGURATION_UNKNOWN_KEY]: verbond.toml:"), "{text}");
    assert!(text.ends_with("there is no key `adress` here\nhint: did you mean `address`?\n"), "{text}");
    let dutch = place.command(&["serve"]).env("LANG", "nl_NL.UTF-8").output()?;
    assert!(stderr(&dutch).ends_with("de sleutel `adress` bestaat hier niet\nhint: Bedoelt u `address`?\n"));
    Ok(())
}

#[test]
fn one_process_holds_a_data_directory() -> Outcome {
    let place = Place::new()?;
    let node = place.serve()?;
    let second = place.refused(&["serve"])?;
    assert!(second.starts_with("error[DIRECTORY_IN_USE]"), "{second}");
    let split = place.refused(&["serve", "--roles", "manager"])?;
    assert!(split.starts_with("error[ROLES_NEED_POSTGRESQL]"), "{split}");
    assert!(node.stop()?);
    // A node that was killed leaves nothing in the way of the next.
    let mut killed = place.serve()?;
    killed.child.kill()?;
    killed.child.wait()?;
    assert!(place.serve()?.stop()?);
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_named() -> Outcome {
    let place = Place::new()?;
    let _taken = TcpListener::bind(("127.0.0.1", place.port))?;
    let refused = place.refused(&["serve"])?;
    assert!(refused.starts_with("error[PORT_CLOSED]"), "{refused}");
    let doctor = place.verbond(&["doctor"])?;
    assert_eq!(doctor.status.code(), Some(1));
    assert!(stdout(&doctor).contains("fail  ports"), "{}", stdout(&doctor));
    Ok(())
}

#[test]
fn a_socket_is_not_opened_where_others_may_write() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new()?;
    std::fs::set_permissions(place.path("node"), std::fs::Permissions::from_mode(0o777))?;
    let refused = place.refused(&["serve"])?;
    assert!(refused.starts_with("error[DIRECTORY_OPEN_TO_OTHERS]"), "{refused}");
    Ok(())
}

#[test]
fn a_silent_node_is_told_from_a_broken_verb() -> Outcome {
    let place = Place::new()?;
    let output = place.verbond(&["service", "list"])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error[NODE_SILENT]"), "{}", stderr(&output));
    assert!(stderr(&output).contains("hint: start it with"));
    let usage = place.verbond(&["service", "lsit"])?;
    assert_eq!(usage.status.code(), Some(2));
    assert!(stderr(&usage).contains("similar subcommand exists: 'list'"), "{}", stderr(&usage));
    Ok(())
}

#[test]
fn a_renewed_certificate_is_in_use_at_once_and_keeps_its_key() -> Outcome {
    let place = Place::new()?;
    let node = place.serve()?;
    let before = place.json(&["certificate", "show"])?;
    let renewed = place.json(&["certificate", "renew"])?;
    assert_eq!(renewed.get("certificate_changed"), Some(&Value::Bool(true)), "{renewed}");
    let after = place.json(&["certificate", "show"])?;
    assert_ne!(before.get("thumbprint"), after.get("thumbprint"));
    assert_eq!(before.get("public_key_thumbprint"), after.get("public_key_thumbprint"));
    assert_eq!(std::fs::read_dir(place.path("node/earlier"))?.count(), 1);
    assert!(node.stop()?);
    Ok(())
}

#[test]
fn a_certificate_of_another_organisation_is_not_installed() -> Outcome {
    let place = Place::new()?;
    let other = Place::new()?;
    let foreign = other.path("node/certificate.pem").display().to_string();
    let before = std::fs::read(place.path("node/certificate.pem"))?;
    let refused = place.verbond(&["certificate", "install", &foreign])?;
    assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
    assert_eq!(std::fs::read(place.path("node/certificate.pem"))?, before);
    Ok(())
}

/// `verbond …` on another machine, with this certificate and key.
fn afar(place: &Place, certificate: &Path, key: &Path, verb: &[&str]) -> Outcome<Output> {
    let file = |path: &Path| path.display().to_string();
    let address = format!("https://localhost:{}", place.port + 4);
    let (anchor, certificate, key) = (file(&place.path("ca/root.pem")), file(certificate), file(key));
    let mut arguments = vec![
        "--node",
        &address,
        "--client-certificate",
        &certificate,
        "--client-key",
        &key,
        "--node-anchors",
        &anchor,
    ];
    arguments.extend(verb);
    place.verbond(&arguments)
}

fn with_phrase<'a>(verb: &[&'a str], phrase: &'a str) -> Vec<&'a str> {
    [verb, &["--passphrase-file", phrase]].concat()
}

#[test]
fn an_administrator_from_afar_is_known_as_a_person() -> Outcome {
    let place = Place::of_host("localhost")?;
    let other = Place::of_host("localhost")?;
    let anchor = place.path("ca/root.pem").display().to_string();
    place.edit("[administration]", &format!("[administration]\nclient_anchors = [\"{anchor}\"]"))?;
    let node = place.serve()?;
    let add = ["service", "add", "trees", "--upstream", "http://127.0.0.1:1/", "--class", "governed"];
    let verb = [add.as_slice(), &["--steward", "J. de Vries", "--reason", "who owns which tree"]].concat();
    let with =
        |owner: &Place| afar(&place, &owner.path("node/certificate.pem"), &owner.path("node/key.pem"), &verb);
    let refused = with(&other)?;
    assert!(stderr(&refused).starts_with("error[CERTIFICATE_NOT_LET_IN]"), "{}", stderr(&refused));
    let unknown = with(&place)?;
    assert!(stderr(&unknown).starts_with("error[NOT_PERMITTED]"), "{}", stderr(&unknown));
    assert!(stderr(&unknown).contains("person enrol --code"), "{}", stderr(&unknown));

    let person = ["person", "add", "b-voorbeeld", "--display-name", "B. Voorbeeld", "--role", "operator"];
    place.json(&person)?;
    let certificate = place.path("node/certificate.pem").display().to_string();
    let enrolled = place.json(&["person", "enrol", "b-voorbeeld", "--certificate", &certificate])?;
    assert_eq!(enrolled.get("state"), Some(&Value::from("enrolled")), "{enrolled}");
    let added = with(&place)?;
    assert!(added.status.success(), "{}", stderr(&added));
    let mut acts = Value::Null;
    for _ in 0..100 {
        acts = place.json(&["record", "journal", "--kind", "act", "--limit", "10"])?;
        if acts.to_string().contains("service.put") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let items = acts.get("items").and_then(Value::as_array).ok_or("no items")?;
    let act = items
        .iter()
        .find(|act| act.pointer("/payload/action") == Some(&Value::from("service.put")))
        .ok_or("no act")?;
    assert_eq!(act.pointer("/payload/author/kind"), Some(&Value::from("person")), "{act}");
    assert_eq!(act.pointer("/payload/author/name"), Some(&Value::from("b-voorbeeld")), "{act}");
    assert_eq!(act.pointer("/payload/author/thumbprint"), enrolled.get("key_thumbprint"), "{act}");

    place.json(&["person", "disable", "b-voorbeeld"])?;
    let disabled = with(&place)?;
    assert!(stderr(&disabled).starts_with("error[NOT_PERMITTED]"), "{}", stderr(&disabled));
    assert!(node.stop()?);
    Ok(())
}

#[test]
fn a_person_enrols_a_key_of_their_own_with_the_code_that_the_operator_handed_over() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::of_host("localhost")?;
    let phrase = place.path("phrase");
    std::fs::write(&phrase, "four random words here\n")?;
    std::fs::set_permissions(&phrase, std::fs::Permissions::from_mode(0o600))?;
    let phrase = phrase.display().to_string();
    let out = place.path("mine").display().to_string();
    let inside = place.path("node/mine").display().to_string();
    let refused = place.verbond(&with_phrase(&["person", "key", "--out", &inside], &phrase))?;
    assert!(stderr(&refused).starts_with("error[KEY_IN_DATA_DIRECTORY]"), "{}", stderr(&refused));
    let made = place.json(&with_phrase(&["person", "key", "--out", &out], &phrase))?;
    let key = std::fs::read_to_string(place.path("mine/key.pem"))?;
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_eq!(std::fs::metadata(place.path("mine/key.pem"))?.permissions().mode() & 0o777, 0o600);

    let node = place.serve()?;
    let mine = |verb: &[&str]| {
        let verb = with_phrase(verb, &phrase);
        afar(&place, &place.path("mine/certificate.pem"), &place.path("mine/key.pem"), &verb)
    };
    // Before anybody has been invited, a key that nobody knows does not get through the handshake.
    let early = mine(&["person", "enrol", "--code", "vbe_x"])?;
    assert!(stderr(&early).starts_with("error[CERTIFICATE_NOT_LET_IN]"), "{}", stderr(&early));
    let steward = ["person", "add", "s-voorbeeld", "--display-name", "S. Voorbeeld", "--role", "steward"];
    let invited = place.json(&steward)?;
    let code = invited.get("code").and_then(Value::as_str).ok_or("no code")?;
    let enrolled = mine(&["person", "enrol", "--code", code, "--json"])?;
    assert!(enrolled.status.success(), "{}", stderr(&enrolled));
    let enrolled: Value = serde_json::from_slice(&enrolled.stdout)?;
    assert_eq!(enrolled.get("key_thumbprint"), made.get("key_thumbprint"));

    let open = ["service", "add", "trees", "--upstream", "http://127.0.0.1:1/", "--class", "open"];
    let open = [open.as_slice(), &["--steward", "S. Voorbeeld", "--reason", "public register"]].concat();
    let socket = place.verbond(&open)?;
    assert!(stderr(&socket).starts_with("error[STEWARD_NEEDED]"), "{}", stderr(&socket));
    let declared = mine(&open)?;
    assert!(declared.status.success(), "{}", stderr(&declared));
    assert!(node.stop()?);
    Ok(())
}

#[test]
fn init_does_not_touch_a_node_that_is_there() -> Outcome {
    let place = Place::new()?;
    let key = std::fs::read(place.path("node/key.pem"))?;
    let again =
        place.verbond(&["init", "--id", "00000099000000010000", "--name", "X", "--host", "a.test"])?;
    assert!(stderr(&again).starts_with("error[NODE_EXISTS]"), "{}", stderr(&again));
    assert_eq!(std::fs::read(place.path("node/key.pem"))?, key);
    Ok(())
}

#[test]
fn without_a_test_group_init_makes_a_request_and_says_what_to_do_next() -> Outcome {
    let directory = tempfile::tempdir()?;
    let place = Place { directory, port: 1 };
    let made = place.verbond(&[
        "init",
        "--id",
        "00000001001234567000",
        "--name",
        "Gemeente",
        "--host",
        "fsc.example",
    ])?;
    assert!(made.status.success(), "{}", stderr(&made));
    assert!(stdout(&made).contains("send ") && stdout(&made).contains("certificate-request.pem"));
    let request = std::fs::read_to_string(place.path("node/certificate-request.pem"))?;
    assert!(request.starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
    let doctor = place.verbond(&["doctor", "--offline"])?;
    assert_eq!(doctor.status.code(), Some(1));
    assert!(
        stdout(&doctor).starts_with("fail  configuration   `group.id` is not a group identifier"),
        "{}",
        stdout(&doctor)
    );
    Ok(())
}

#[test]
fn doctor_fetches_lists_of_revoked_certificates_and_keeps_them_and_makes_no_database() -> Outcome {
    let place = Place::new()?;
    let lists = ["crl.pem", "crl-root.pem"].map(|name| std::fs::read(place.path("ca").join(name)));
    let [leaves, roots] = lists;
    let (leaves, roots) = (leaves?, roots?);
    let server = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", server.local_addr()?);
    std::thread::spawn(move || {
        // Two answers, and none after that.
        for stream in server.incoming().take(2) {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 1024];
            let length = stream.read(&mut head).unwrap_or_default();
            let asked = head.get(..length).unwrap_or_default();
            let list = if asked.starts_with(b"GET /root") { &roots } else { &leaves };
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", list.len());
            let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(list));
        }
    });
    let (leaf_file, root_file) = (place.path("ca/crl.pem"), place.path("ca/crl-root.pem"));
    place.edit(&leaf_file.display().to_string(), &format!("{address}/leaves"))?;
    place.edit(&root_file.display().to_string(), &format!("{address}/root"))?;

    let offline = place.verbond(&["doctor", "--offline"])?;
    assert_eq!(offline.status.code(), Some(1), "{}", stdout(&offline));
    assert!(stdout(&offline).contains("there is none in the cache"), "{}", stdout(&offline));
    let online = place.verbond(&["doctor"])?;
    assert_eq!(online.status.code(), Some(0), "{}", stdout(&online));
    let cached = place.verbond(&["doctor", "--offline"])?;
    assert_eq!(cached.status.code(), Some(0), "{}", stdout(&cached));
    assert!(!place.path("node/verbond.sqlite").exists());
    Ok(())
}

#[test]
fn doctor_finds_an_open_key_and_tells_how_to_close_it() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new()?;
    let well = place.verbond(&["doctor"])?;
    assert_eq!(well.status.code(), Some(0), "{}", stdout(&well));
    std::fs::set_permissions(place.path("node/key.pem"), std::fs::Permissions::from_mode(0o644))?;
    let report = place.command(&["doctor", "--json"]).output()?;
    assert_eq!(report.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&report.stdout)?;
    let checks = report.get("checks").and_then(Value::as_array).ok_or("no checks")?;
    let failed: Vec<_> =
        checks.iter().filter(|check| check.get("status") == Some(&Value::from("fail"))).collect();
    assert_eq!(failed.len(), 1, "{report}");
    assert!(failed.iter().all(|check| {
        check.get("mend").and_then(Value::as_str).is_some_and(|mend| mend.starts_with("chmod 600"))
    }));
    Ok(())
}
