//! What has been arranged, by the crate `fail`, and how to arrange it.
//!
//! `FAILPOINTS` in the environment holds for the whole run (`place=action;…`). `FAILPOINTS_SOCKET` names a Unix socket on
//! which a running program takes lines of `place=action` and answers `ok`. Actions are those of the crate (`panic`, `off`,
//! `1*…`, `10%…`), and `return(WORD)` with a word of ours:
//!
//! | word | what happens |
//! |---|---|
//! | `error` | what is done there fails |
//! | `delay:N` | it takes N milliseconds longer |
//! | `pause` | it stands still for as long as this is arranged |
//! | `abort` | the process ends at once, like one that is killed |

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    time::Duration,
};

/// Between two looks whether a pause is over.
const LOOK: Duration = Duration::from_millis(10);

/// Takes in what has been arranged, and listens for more; to be called once, at the start.
#[expect(
    clippy::print_stderr,
    reason = "said before there is a log, and to be seen by whoever runs this by mistake"
)]
pub fn begin() {
    eprintln!("this build can be made to fail at will: it is for tests only");
    // It holds as long as the process.
    std::mem::forget(fail::FailScenario::setup());
    let Some(place) = std::env::var_os("FAILPOINTS_SOCKET") else { return };
    // Left behind by a process that was killed.
    let _ = std::fs::remove_file(&place);
    match UnixListener::bind(&place) {
        Ok(listener) => {
            std::thread::spawn(move || listener.incoming().flatten().for_each(take));
        }
        Err(error) => eprintln!("FAILPOINTS_SOCKET: {error}"),
    }
}

/// One conversation; whoever talks no more has ended it.
fn take(stream: UnixStream) {
    let Ok(mut answers) = stream.try_clone() else { return };
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let (place, action) = line.split_once('=').unwrap_or((&line, "off"));
        let answer = fail::cfg(place, action).map_or_else(|error| error, |()| "ok".to_owned());
        if writeln!(answers, "{answer}").is_err() {
            return;
        }
    }
}

enum Arranged {
    Error,
    Delay(Duration),
    Pause,
}

fn arranged(place: &'static str) -> Option<Arranged> {
    let word = fail::eval(place, |word| word)??;
    match word.as_str() {
        "error" => Some(Arranged::Error),
        "pause" => Some(Arranged::Pause),
        "abort" => std::process::abort(),
        word => {
            let milliseconds = word.strip_prefix("delay:").and_then(|number| number.parse().ok());
            milliseconds.map(|number| Arranged::Delay(Duration::from_millis(number)))
        }
    }
}

/// Passes a place; gives the reason when an error has been arranged there.
pub async fn reach(place: &'static str) -> Option<String> {
    loop {
        match arranged(place)? {
            Arranged::Error => return Some(reason(place)),
            Arranged::Delay(time) => {
                tokio::time::sleep(time).await;
                return None;
            }
            Arranged::Pause => tokio::time::sleep(LOOK).await,
        }
    }
}

/// As [`reach`], where nothing can be waited for.
pub fn reach_now(place: &'static str) -> Option<String> {
    loop {
        match arranged(place)? {
            Arranged::Error => return Some(reason(place)),
            Arranged::Delay(time) => {
                std::thread::sleep(time);
                return None;
            }
            Arranged::Pause => std::thread::sleep(LOOK),
        }
    }
}

fn reason(place: &str) -> String {
    format!("arranged at {place}")
}
