//! Reading files as lines, each judged by itself: one thread reads, others parse and hash, and the lines come out in the order
//! in which they stand. What is held at once is a few batches, whatever the size of the file.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use memchr::{memchr_iter, memrchr};

use crate::{
    agreement::AgreementVersion,
    line::{self, Header, Line},
    merkle::Hash,
    note::Checkpoint,
    payload::Entry,
    revocation::List,
    told::Told,
};

/// Longest line, in bytes.
const LONGEST_LINE: usize = 16 * 1024 * 1024;
/// Bytes that are handed to a thread at once.
const BATCH: usize = 512 * 1024;
/// Batches that may wait for each thread.
const WAITING: usize = 4;
/// Threads that parse and hash, at most: beyond that the one that reads is what is waited for.
const MOST_THREADS: usize = 8;

/// A line, judged by itself.
#[derive(Debug)]
pub(crate) enum Item {
    Entry(Entry),
    Evidence(Header),
    Checkpoint {
        checkpoint: Option<Checkpoint>,
        at: i64,
    },
    Inclusion {
        index: u64,
        hashes: Vec<Hash>,
    },
    Consistency {
        from: u64,
        to: u64,
        hashes: Vec<Hash>,
    },
    Agreement(Box<AgreementVersion>),
    Certificate(Vec<u8>),
    /// A list of revoked certificates; nothing when it cannot be read.
    RevocationList(Option<Box<List>>),
    /// What is told of the withheld entry with this index; nothing when the statement is not good.
    Told {
        index: u64,
        told: Option<Box<Told>>,
    },
    NotGiven,
    End {
        lines: u64,
    },
    /// It cannot be read.
    Bad,
}

impl Item {
    fn judge(bytes: &[u8]) -> Self {
        match line::parse(bytes) {
            None => Self::Bad,
            Some(Line::Entry(entry)) => Self::Entry(Entry::judge(entry)),
            Some(Line::Evidence(header)) => Self::Evidence(header),
            Some(Line::Checkpoint { note, at }) => {
                Self::Checkpoint { checkpoint: Checkpoint::parse(&note), at }
            }
            Some(Line::Inclusion { index, hashes }) => Self::Inclusion { index, hashes },
            Some(Line::Consistency { from, to, hashes }) => Self::Consistency { from, to, hashes },
            Some(Line::Agreement(agreement)) => {
                Self::Agreement(Box::new(AgreementVersion::judge(*agreement)))
            }
            Some(Line::Certificate(der)) => Self::Certificate(der),
            Some(Line::RevocationList(der)) => Self::RevocationList(List::parse(der).map(Box::new)),
            Some(Line::Told { index, signed }) => {
                Self::Told { index, told: Told::judge(&signed).map(Box::new) }
            }
            Some(Line::NotGiven) => Self::NotGiven,
            Some(Line::End { lines }) => Self::End { lines },
        }
    }
}

/// Whole lines, or the mark of one that was too long.
enum Batch {
    Lines(Vec<u8>),
    TooLong,
}

/// Reads all lines and hands each to `take`, with how many bytes have been read.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read(file: Box<dyn Read + Send>, mut take: impl FnMut(Item, u64)) -> io::Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from).clamp(1, MOST_THREADS);
    thread::scope(|scope| {
        let mut inputs = Vec::new();
        let mut outputs = Vec::new();
        for _ in 0..threads {
            let (input, batches) = sync_channel(WAITING);
            let (judged, output) = sync_channel(WAITING);
            scope.spawn(move || judge_all(&batches, &judged));
            inputs.push(input);
            outputs.push(output);
        }
        let reading = scope.spawn(move || deal(file, &inputs));
        // Batches were dealt in turn, and are taken back in turn.
        for output in outputs.iter().cycle() {
            let Ok((items, bytes)) = output.recv() else { break };
            items.into_iter().for_each(|item| take(item, bytes));
        }
        reading.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread ended")))
    })
}

fn judge_all(batches: &Receiver<(Batch, u64)>, judged: &SyncSender<(Vec<Item>, u64)>) {
    while let Ok((batch, bytes)) = batches.recv() {
        let items = match batch {
            Batch::TooLong => vec![Item::Bad],
            Batch::Lines(text) => lines(&text).map(Item::judge).collect(),
        };
        if judged.send((items, bytes)).is_err() {
            return;
        }
    }
}

/// Lines of a text, without their ends; the last one may lack it.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(b'\n', text).chain((text.last() != Some(&b'\n')).then_some(text.len()));
    ends.scan(0, |start, end| {
        let line = text.get(*start..end);
        *start = end.saturating_add(1);
        line
    })
}

/// Cuts the file into batches of whole lines and deals them to the threads in turn.
fn deal(mut file: Box<dyn Read + Send>, inputs: &[SyncSender<(Batch, u64)>]) -> io::Result<()> {
    let mut turns = inputs.iter().cycle();
    let (mut rest, mut bytes, mut skipping) = (Vec::new(), 0_u64, false);
    let mut send = |batch, bytes| turns.next().is_some_and(|input| input.send((batch, bytes)).is_ok());
    loop {
        let mut text = std::mem::take(&mut rest);
        let before = text.len();
        let read = file.by_ref().take(BATCH as u64).read_to_end(&mut text)?;
        bytes = bytes.saturating_add(read as u64);
        if read == 0 {
            if !text.is_empty() && !skipping {
                send(Batch::Lines(text), bytes);
            }
            return Ok(());
        }
        if skipping {
            let Some(end) = memchr::memchr(b'\n', &text) else { continue };
            text.drain(..=end);
            skipping = false;
        }
        // What was carried over holds no end of a line.
        let from = if text.len() > before { before.min(text.len()) } else { 0 };
        match text.get(from..).and_then(|new| memrchr(b'\n', new)) {
            Some(end) => {
                rest = text.split_off(from.saturating_add(end).saturating_add(1));
                if !send(Batch::Lines(text), bytes) {
                    return Ok(());
                }
            }
            None if text.len() > LONGEST_LINE => {
                skipping = true;
                if !send(Batch::TooLong, bytes) {
                    return Ok(());
                }
            }
            None => rest = text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(text: Vec<u8>) -> (usize, usize) {
        let (mut ends, mut bad) = (0, 0);
        let taken = read(Box::new(io::Cursor::new(text)), |item, _| match item {
            Item::End { .. } => ends += 1,
            _ => bad += 1,
        });
        assert!(taken.is_ok());
        (ends, bad)
    }

    #[test]
    fn lines_come_out_whole_however_many_there_are() {
        let line = "{\"type\":\"end\",\"lines\":3}\n";
        assert_eq!(count(line.repeat(100_000).into_bytes()), (100_000, 0));
        assert_eq!(count(line.trim_end().as_bytes().to_vec()), (1, 0));
        assert_eq!(count(Vec::new()), (0, 0));
        assert_eq!(count(b"\n\n".to_vec()), (0, 2));
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_those_round_it_are_read() {
        let line = b"{\"type\":\"end\",\"lines\":3}\n".to_vec();
        let long = [vec![b'x'; LONGEST_LINE + BATCH * 3], b"\n".to_vec()].concat();
        assert_eq!(count([line.clone(), long, line].concat()), (2, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes: Vec<u8>) {
            let wanted = bytes.split(|byte| *byte == b'\n').count() - usize::from(bytes.last().is_none_or(|last| *last == b'\n'));
            prop_assert_eq!(count(bytes), (0, wanted));
        }
    }
}
