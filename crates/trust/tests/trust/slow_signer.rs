//! Keys that have to be waited for, as those in a hardware token.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use rcgen::KeyPair;
use rustls::{ClientConfig, ServerConfig};
use verbond_trust::{
    FileSigner, Identity, IdentityHandle, SignError, SignatureAlgorithm, Signer,
    tls::{client_config, server_config},
};

use crate::{
    handshake::{any_version, shake},
    pki::{HOST, Pki, rules, still_clock},
};

#[derive(Clone, Copy)]
enum Manner {
    /// Blocks the thread that polls it, as a token's library does.
    Blocks,
    /// Blocks until other tasks of the runtime that shakes hands have gone on meanwhile; fails if they do not.
    BlocksUntilOthersWentOn,
    /// Waits as asynchronous code should.
    Waits,
    Panics,
    Fails,
}

struct Token {
    key: FileSigner,
    manner: Manner,
    signing: AtomicUsize,
    most: AtomicUsize,
    /// Counted by a task of the runtime that shakes hands.
    ticks: AtomicUsize,
}

impl Token {
    fn block_until_others_went_on(&self) -> Result<(), SignError> {
        let before = self.ticks.load(Ordering::SeqCst);
        for _ in 0..1000 {
            if self.ticks.load(Ordering::SeqCst) >= before + 3 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(SignError::Failed("the runtime stands still".to_owned()))
    }
}

const DELAY: Duration = Duration::from_millis(40);

impl Signer for Token {
    fn public_key(&self) -> &[u8] {
        self.key.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        self.key.algorithms()
    }

    fn sign<'a>(
        &'a self,
        algorithm: SignatureAlgorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async move {
            let now = self.signing.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            match self.manner {
                Manner::Blocks => std::thread::sleep(DELAY),
                Manner::BlocksUntilOthersWentOn => self.block_until_others_went_on()?,
                Manner::Waits => tokio::time::sleep(DELAY).await,
                Manner::Panics => panic!("the token's library has a fault"),
                Manner::Fails => return Err(SignError::Failed("the token was taken out".to_owned())),
            }
            let signature = self.key.sign(algorithm, message).await;
            self.signing.fetch_sub(1, Ordering::SeqCst);
            signature
        })
    }
}

struct Setup {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    token: Arc<Token>,
}

/// Both sides sign with the one token.
fn setup(manner: Manner) -> Setup {
    let pki = Pki::new();
    let key = KeyPair::generate().unwrap();
    let token = Arc::new(Token {
        key: FileSigner::from_pem(key.serialize_pem().as_bytes()).unwrap(),
        manner,
        signing: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        ticks: AtomicUsize::new(0),
    });
    let signer = Arc::clone(&token) as Arc<dyn Signer>;
    let identity = Identity::new(pki.chain(&key, |_| {}), signer, &rules()).unwrap();
    let identity = IdentityHandle::new(identity, Vec::new());
    let (_, ambient) = still_clock();
    let server =
        server_config(Arc::clone(&identity), pki.store(), &any_version(), ambient.clone(), false).unwrap();
    let client = client_config(identity, pki.store(), &any_version(), ambient, false).unwrap();
    Setup { server, client, token }
}

async fn many_handshakes_while_the_runtime_goes_on(manner: Manner) {
    let Setup { server, client, token } = setup(manner);
    let ticking = tokio::spawn({
        let token = Arc::clone(&token);
        async move {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                token.ticks.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let handshakes: Vec<_> = (0..20)
        .map(|_| {
            let (server, client) = (Arc::clone(&server), Arc::clone(&client));
            tokio::spawn(async move { shake(&server, &client, HOST).await.client.is_ok() })
        })
        .collect();
    for handshake in handshakes {
        assert!(handshake.await.unwrap());
    }
    ticking.abort();
    assert!((1..=4).contains(&token.most.load(Ordering::SeqCst)), "the pool is bounded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_blocks_does_not_hold_up_the_others() {
    many_handshakes_while_the_runtime_goes_on(Manner::BlocksUntilOthersWentOn).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_waits_does_not_hold_up_the_others() {
    many_handshakes_while_the_runtime_goes_on(Manner::Waits).await;
}

#[tokio::test]
async fn a_runtime_of_one_thread_gets_its_signature_too() {
    for manner in [Manner::Blocks, Manner::Waits] {
        let Setup { server, client, .. } = setup(manner);
        assert!(shake(&server, &client, HOST).await.client.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_fails_costs_its_handshake_and_no_more() {
    for _ in 0..8 {
        let Setup { server, client, .. } = setup(Manner::Panics);
        assert!(shake(&server, &client, HOST).await.client.is_err());
    }
    let Setup { server, client, .. } = setup(Manner::Fails);
    assert!(shake(&server, &client, HOST).await.client.is_err());
    let Setup { server, client, .. } = setup(Manner::Blocks);
    assert!(shake(&server, &client, HOST).await.client.is_ok());
}
