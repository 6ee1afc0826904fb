//! What `--keep` invites to: lines that work as they stand.

use std::path::Path;

use super::Scene;

impl Scene {
    /// Lines that can be pasted into another terminal while the nodes run.
    pub fn what_to_try(&self) -> String {
        let (consumer, provider) = (&self.municipality, &self.income_register);
        let token = format!(
            "\"Authorization: Bearer $(cat {})\"",
            quoted(&consumer.data.join("demo-application.token"))
        );
        let (outway, socket) = (consumer.outway(), quoted(&provider.data.join("administration.sock")));
        let lines = [
            format!("curl -fsSi -H {token} http://{outway}/pensions/pensions/P-0001"),
            format!("curl -fsS -H {token} http://{outway}/incomes/incomes/P-0042"),
            format!("curl -fsS http://{}/v1/services", provider.public()),
            format!("curl -fsS --unix-socket {socket} http://node/v1/contracts"),
            format!("curl -fsS --unix-socket {socket} http://node/metrics"),
            consumer.command_line(&["contract", "list"]),
            provider.command_line(&["record", "list"]),
            provider.command_line(&["doctor"]),
        ];
        format!(
            "All four nodes are still running. Try, in another terminal:\n\n  {}\n\nCtrl-C ends them and removes {}.",
            lines.join("\n  "),
            self.authority.parent().unwrap_or(Path::new("everything")).display(),
        )
    }
}

/// A path as one word of a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
