//! One organisation of the demonstration: a data directory, a running process, and the verbs its people use.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::invitation::quoted;

/// Who takes part: a fictional name, a test identifier (OIN prefix 00000099) and a host name.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Directory name and short name.
    pub short: &'static str,
    /// The organisation's name as it stands in the certificate.
    pub name: &'static str,
    /// Its identifier.
    pub id: &'static str,
    /// The host name in its certificate.
    pub host: &'static str,
}

/// Where an organisation's files and ports are.
pub struct Organisation {
    /// Who it is.
    pub description: Description,
    /// Its data directory.
    pub data: PathBuf,
    /// First of its ports: outway, inway, manager, public, administration.
    pub base_port: u16,
    program: PathBuf,
    process: Option<Child>,
}

impl Organisation {
    /// An organisation below `directory`, with [`super::PORTS`] consecutive free ports.
    pub fn new(description: Description, directory: &Path, base_port: u16) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the running program")?;
        let data = directory.join(description.short);
        Ok(Self { description, data, base_port, program, process: None })
    }

    /// `https://host:port` of its manager.
    pub fn manager_address(&self) -> String {
        format!("https://{}:{}", self.description.host, self.base_port + 2)
    }

    /// Where its outway listens for applications.
    pub fn outway(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base_port).into()
    }

    /// Where it shows everybody what its services are declared to be.
    pub fn public(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base_port + 3).into()
    }

    /// Runs a verb of this program on this organisation's data directory and reads its `--json` output.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.output(arguments).await?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("{}: {}", self.command_line(arguments), error.trim());
        }
        if output.stdout.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} printed no JSON", self.command_line(arguments)))
    }

    /// As [`Organisation::run`], for a verb that ends with another status when its report says that something was found.
    pub async fn report(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.output(arguments).await?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} printed no JSON", self.command_line(arguments)))
    }

    async fn output(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.program);
        command.arg("--data").arg(&self.data).args(arguments).arg("--json").stdin(Stdio::null());
        // When the demonstration is interrupted, the verb ends with it.
        command.kill_on_drop(true).output().await.context("cannot start a verb of this program")
    }

    /// The verb as a person would type it.
    pub fn command_line(&self, arguments: &[&str]) -> String {
        format!("{} --data {} {}", quoted(&self.program), quoted(&self.data), arguments.join(" "))
    }

    /// Starts the node and waits until all its ports are open.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.data.join("node.log"))?;
        let mut process = Command::new(&self.program)
            .arg("--data")
            .arg(&self.data)
            .args(["serve", "--json", "--end-with-input"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a node")?;
        let output = process.stdout.take().context("the node has no output")?;
        let mut lines = BufReader::new(output).lines();
        let ready = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await;
        match ready {
            Ok(Ok(Some(line))) if line.contains("ready") => {
                self.process = Some(process);
                Ok(())
            }
            _ => {
                let log = std::fs::read_to_string(self.data.join("node.log")).unwrap_or_default();
                let last = log.lines().rev().take(5).collect::<Vec<_>>().join(" | ");
                bail!("{} did not get ready: {last}", self.description.name)
            }
        }
    }

    /// Ends the process as a power cut would end it: without warning.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill().await.context("cannot end the node")?;
        }
        Ok(())
    }

    /// Asks the process to end and waits for it.
    pub async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        drop(process.stdin.take());
        if tokio::time::timeout(Duration::from_secs(5), process.wait()).await.is_err() {
            process.start_kill().ok();
            process.wait().await.ok();
        }
    }
}

/// The first of `count` consecutive free loopback ports, at or above `from`.
pub fn free_ports(from: u16, count: u16) -> anyhow::Result<u16> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (from..u16::MAX - count)
        .step_by(usize::from(count))
        .find(|base| (*base..base + count).all(is_free))
        .context("no free ports on the loopback address")
}
