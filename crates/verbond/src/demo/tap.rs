//! A tap on a plain connection: passes everything on and counts the incomes that come by. It knows the incomes and
//! nothing else; nothing of the node is in it.

use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Texts longer than an income are none.
const LONGEST: usize = 32;

/// Incomes, as they are written.
type Incomes = HashSet<String>;

/// A tap that is open.
pub struct Tap {
    address: SocketAddr,
    seen: Arc<Mutex<Incomes>>,
    task: tokio::task::JoinHandle<()>,
}

impl Tap {
    /// Opens one before `target`.
    pub async fn open(target: SocketAddr, known: Arc<Incomes>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, seen) = (listener.local_addr()?, Arc::default());
        let into = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass(near, target, Arc::clone(&known), Arc::clone(&into)));
            }
        });
        Ok(Self { address, seen, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many different incomes have come by.
    pub fn incomes(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(near: TcpStream, target: SocketAddr, known: Arc<Incomes>, seen: Arc<Mutex<Incomes>>) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    near.set_nodelay(true).ok();
    far.set_nodelay(true).ok();
    let ((mut near_read, mut near_write), (mut far_read, mut far_write)) =
        (near.into_split(), far.into_split());
    let asking = async {
        tokio::io::copy(&mut near_read, &mut far_write).await.ok();
        far_write.shutdown().await.ok();
    };
    let answering = async {
        let mut search = Search::default();
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(length) = far_read.read(&mut bytes).await {
            let part = bytes.get(..length).unwrap_or_default();
            search.over(part, &known, &seen);
            if part.is_empty() || near_write.write_all(part).await.is_err() {
                break;
            }
        }
        search.end(&known, &seen);
        near_write.shutdown().await.ok();
    };
    tokio::join!(asking, answering);
}

/// Numbers with a point, wherever they stand in a stream and however it is cut.
#[derive(Default)]
struct Search {
    number: String,
}

impl Search {
    fn over(&mut self, bytes: &[u8], known: &Incomes, seen: &Mutex<Incomes>) {
        for &byte in bytes {
            match byte {
                b'0'..=b'9' | b'.' if self.number.len() < LONGEST => self.number.push(char::from(byte)),
                _ => self.end(known, seen),
            }
        }
    }

    fn end(&mut self, known: &Incomes, seen: &Mutex<Incomes>) {
        if known.contains(&self.number) {
            seen.lock().unwrap_or_else(PoisonError::into_inner).insert(self.number.clone());
        }
        self.number.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_income_is_seen_however_the_stream_is_cut() {
        let known = Incomes::from(["14250.37".to_owned(), "9000.00".to_owned()]);
        let stream = b"HTTP/1.1 200 OK\r\n\r\n{\"amount\":14250.37,\"others\":[19000.00,9000.001]} 9000.00";
        for cut in 0..stream.len() {
            let (seen, mut search) = (Mutex::default(), Search::default());
            let (before, after) = stream.split_at(cut);
            search.over(before, &known, &seen);
            search.over(after, &known, &seen);
            search.end(&known, &seen);
            assert_eq!(seen.into_inner().ok(), Some(known.clone()), "{cut}");
        }
    }
}
