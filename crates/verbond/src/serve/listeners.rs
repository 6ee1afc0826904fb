//! The node's ports: all opened before any of them answers.

use std::{
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum::middleware;
use rustls::pki_types::CertificateDer;
use serde_json::{Map, Value};
use tokio::{sync::watch, task::JoinHandle};
use url::Url;
use verbond_domain::Problem;
use verbond_fsc::FscNode;
use verbond_gateway::{Credentials, keep_sockets};
use verbond_transport::{
    Handler, Listener, ListenerLimits, Routes, Security, Serving, refusing_large_heads, tower_handler,
};
use verbond_trust::tls;

use crate::{
    administration::{self, Office},
    backup::Backups,
    configuration::Settings,
    design_rules,
    node::{Health, Node, Roles, identity, size},
    public,
};

/// A handshake gets this much however long a request's head may take.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(10);

/// Open ports, by what they are for.
pub struct Listeners {
    manager: Option<Listener>,
    inway: Option<Listener>,
    /// Manager and inway on one port, told apart by the host name that is asked for.
    shared: Option<Listener>,
    outway: Option<Listener>,
    outway_tls: Option<Listener>,
    sockets: bool,
    public: Option<Listener>,
    metrics: Option<Listener>,
    administration: Option<Listener>,
    administration_afar: Option<Listener>,
    /// Whether this process is administered for the whole node.
    leads: bool,
}

impl Listeners {
    /// Opens every port that the configuration names for these roles.
    pub async fn open(settings: &Settings, roles: Roles) -> anyhow::Result<Self> {
        let configuration = &settings.configuration;
        let manager = configuration.manager.as_ref().filter(|_| roles.manager).map(|manager| manager.listen);
        let inway = configuration.inway.as_ref().filter(|_| roles.inway).map(|inway| inway.listen);
        let one_port =
            manager.is_some() && manager == inway && manager.is_some_and(|address| address.port() != 0);
        let outway = configuration.outway.as_ref().filter(|_| roles.outway);
        let public = configuration.public.as_ref().filter(|_| roles.manager);
        Ok(Self {
            shared: tcp(manager.filter(|_| one_port)).await?,
            manager: tcp(manager.filter(|_| !one_port)).await?,
            inway: tcp(inway.filter(|_| !one_port)).await?,
            outway: tcp(outway.and_then(|outway| outway.listen)).await?,
            outway_tls: tcp(outway.and_then(|outway| outway.tls.as_ref()).map(|tls| tls.listen)).await?,
            sockets: outway.is_some(),
            public: tcp(public.map(|public| public.listen)).await?,
            metrics: tcp(configuration.metrics.listen.filter(|_| roles.leads)).await?,
            administration: administration_socket(settings, roles).await?,
            administration_afar: tcp(configuration.administration.listen.filter(|_| roles.leads)).await?,
            leads: roles.leads,
        })
    }

    /// Where the node listens, by name.
    pub fn addresses(&self) -> Value {
        let both = self.shared.as_ref();
        let named = [
            ("manager", self.manager.as_ref().or(both)),
            ("inway", self.inway.as_ref().or(both)),
            ("outway", self.outway.as_ref()),
            ("outway_tls", self.outway_tls.as_ref()),
            ("public", self.public.as_ref()),
            ("metrics", self.metrics.as_ref()),
            ("administration", self.administration_afar.as_ref()),
        ];
        let known = named.into_iter().filter_map(|(name, listener)| {
            Some((name.to_owned(), Value::from(listener?.local_address()?.to_string())))
        });
        Value::Object(known.collect::<Map<_, _>>())
    }

    /// Answers on every port.
    pub fn serve(self, settings: &Arc<Settings>, node: &Node, listening: Value) -> anyhow::Result<Running> {
        let plan = Plan { settings, node };
        let office = office(settings, node, listening);
        let mut serving = Vec::new();
        let mut add = |listener: Option<Listener>, security: Security, routes: Routes| {
            serving.extend(listener.map(|listener| listener.serve(security, routes, plan.limits())));
        };

        // Ports for other participants: mutual TLS, judged per request.
        let mutual = plan.mutual()?;
        let manager = || {
            let own = node.among_nodes.router().layer(middleware::from_fn(design_rules::fields));
            let router = own.fallback_service(node.fsc.manager());
            refusing_large_heads(tower_handler(router), FscNode::head_too_large)
        };
        let inway = node.inway.clone();
        if let Some(inway) = inway {
            let by_name = plan.route_by_name(manager(), Arc::clone(&inway) as Arc<dyn Handler>);
            add(self.shared, mutual.clone(), by_name);
            add(self.inway, mutual.clone(), Routes::all(inway));
        }
        add(self.manager, mutual, Routes::all(manager()));

        // Ports for the organisation's own applications.
        let (stop, stopped) = watch::channel(false);
        let mut sockets = None;
        if let Some(outway) = &node.outway {
            add(self.outway, Security::None, Routes::all(outway.for_applications(Credentials::Token)));
            if let Some(listener) = self.outway_tls {
                let security = plan.private(
                    settings
                        .configuration
                        .outway
                        .iter()
                        .flat_map(|outway| &outway.tls)
                        .flat_map(|tls| &tls.client_anchors),
                )?;
                add(Some(listener), security, Routes::all(outway.for_applications(Credentials::Certificate)));
            }
            if self.sockets {
                let directory = plan.sockets();
                make_private(&directory)?;
                let (limits, drain) = (plan.limits(), plan.drain());
                let with = (Arc::clone(outway), directory, node.snapshots.subscribe(), stopped);
                sockets = Some(node.supervisor.keep(
                    "sockets",
                    with,
                    move |(outway, directory, snapshots, stopped)| {
                        keep_sockets(outway, directory, limits, snapshots, stopped, drain)
                    },
                ));
            }
        }

        // Ports for everybody, for Prometheus, and for those who run the node.
        if let (Some(listener), Some(public)) = (self.public, &settings.configuration.public) {
            let own = node.fsc.rules().own.clone();
            let counter = public::Counter::new(
                own,
                Arc::clone(&node.snapshots),
                node.store.clone(),
                node.ambient.clone(),
                public,
            );
            let security = match public.tls {
                true => {
                    let config =
                        tls::public_server_config(Arc::clone(&node.identity), &settings.profile.tls_rules())?;
                    Security::Tls(config)
                }
                false => Security::None,
            };
            add(Some(listener), security, Routes::all(tower_handler(public::router(counter))));
        }
        let metrics = tower_handler(administration::metrics_router(Arc::clone(&node.metrics)));
        add(self.metrics, Security::None, Routes::all(metrics));
        let operator = match self.leads {
            true => administration::for_operator(Arc::clone(&office)),
            false => administration::for_operator_of_part(Arc::clone(&office)),
        };
        add(self.administration, Security::None, Routes::all(tower_handler(operator)));
        if let Some(listener) = self.administration_afar {
            let security = plan.personal(&settings.configuration.administration.client_anchors)?;
            let afar = tower_handler(administration::for_persons(office));
            add(Some(listener), security, Routes::all(afar));
        }
        Ok(Running { serving, sockets, stop })
    }
}

/// A node that answers.
pub struct Running {
    serving: Vec<Serving>,
    sockets: Option<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Takes no more requests, and returns when those in flight are answered or the deadline has passed.
    pub async fn drain(self, deadline: Duration) {
        self.stop.send_replace(true);
        let listeners =
            futures_util::future::join_all(self.serving.into_iter().map(|serving| serving.drain(deadline)));
        let sockets = async {
            if let Some(sockets) = self.sockets {
                // The task ends by itself at the deadline.
                let _ = sockets.await;
            }
        };
        futures_util::future::join(listeners, sockets).await;
    }
}

struct Plan<'a> {
    settings: &'a Arc<Settings>,
    node: &'a Node,
}

impl Plan<'_> {
    fn limits(&self) -> ListenerLimits {
        let limits = &self.settings.configuration.limits;
        let header_timeout = Duration::from_millis(limits.header_timeout_ms.into());
        ListenerLimits {
            connections: size(limits.connections),
            handshake_timeout: header_timeout.min(LONGEST_HANDSHAKE),
            header_timeout,
            maximum_header_bytes: size(limits.maximum_header_bytes),
            ..ListenerLimits::default()
        }
    }

    fn drain(&self) -> Duration {
        Duration::from_secs(self.settings.configuration.limits.drain_seconds.into())
    }

    fn sockets(&self) -> PathBuf {
        let configured = self.settings.configuration.outway.as_ref().map(|outway| outway.sockets.clone());
        self.settings.path(&configured.unwrap_or_else(|| "sockets".into()))
    }

    fn mutual(&self) -> anyhow::Result<Security> {
        let Node { identity, trust, ambient, .. } = self.node;
        let rules = self.settings.profile.tls_rules();
        let config =
            tls::server_config(Arc::clone(identity), Arc::clone(trust), &rules, ambient.clone(), true)?;
        Ok(Security::Mutual { config, trust: Arc::clone(trust), ambient: ambient.clone() })
    }

    /// For those whose certificates come from the organisation's own authorities.
    fn private<'a>(&self, anchors: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<Security> {
        let anchors = self.anchors(anchors)?;
        let rules = self.settings.profile.tls_rules();
        let (identity, ambient) = (Arc::clone(&self.node.identity), self.node.ambient.clone());
        let config = tls::private_server_config(identity, &anchors, &rules, ambient.clone(), true)?;
        Ok(Security::Private { config, ambient, pinned: None })
    }

    /// For persons, known by their keys, and for those who bring a certificate of these authorities to be told how to
    /// become known.
    fn personal<'a>(&self, anchors: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<Security> {
        let anchors = self.anchors(anchors)?;
        let rules = self.settings.profile.tls_rules();
        let Node { identity, ambient, pinned, .. } = self.node;
        let (identity, pinned) = (Arc::clone(identity), Arc::clone(pinned));
        let config =
            tls::personal_server_config(identity, &anchors, Arc::clone(&pinned), &rules, ambient.clone())?;
        Ok(Security::Private { config, ambient: ambient.clone(), pinned: Some(pinned) })
    }

    fn anchors<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Result<Vec<CertificateDer<'static>>, Problem> {
        let paths: Vec<PathBuf> = paths.into_iter().map(|path| self.settings.path(path)).collect();
        identity::anchors(&paths)
    }

    fn route_by_name(&self, manager: Arc<dyn Handler>, inway: Arc<dyn Handler>) -> Routes {
        let configuration = &self.settings.configuration;
        let host = |address: Option<&str>| {
            address
                .and_then(|address| Url::parse(address).ok()?.host_str().map(str::to_owned))
                .unwrap_or_default()
        };
        Routes::default()
            .name(&host(configuration.manager.as_ref().map(|manager| manager.address.as_str())), manager)
            .name(&host(configuration.inway.as_ref().map(|inway| inway.address.as_str())), inway)
    }
}

/// What the administration API works with.
pub fn office(settings: &Arc<Settings>, node: &Node, listening: Value) -> Arc<Office> {
    Arc::new(Office {
        store: node.store.clone(),
        ambient: node.ambient.clone(),
        fsc: Arc::clone(&node.fsc),
        agreements: Arc::clone(&node.agreements),
        samples: Arc::clone(&node.samples),
        limits: Arc::clone(&node.limits),
        checkpoints: Arc::clone(&node.checkpoints),
        publications: node.publications.clone(),
        counterparts: Arc::clone(&node.counterparts),
        halves: Arc::clone(&node.halves),
        snapshots: Arc::clone(&node.snapshots),
        reloader: node.reloader(),
        backups: Backups::new(Arc::clone(settings), node.own.clone(), Arc::clone(&node.checkpoints)),
        health: Arc::new(Health {
            store: node.store.clone(),
            snapshots: Arc::clone(&node.snapshots),
            identity: Arc::clone(&node.identity),
            trust: Arc::clone(&node.trust),
            ambient: node.ambient.clone(),
            supervisor: node.supervisor.clone(),
        }),
        metrics: Arc::clone(&node.metrics),
        sockets: Plan { settings, node }.sockets(),
        listening,
        maximum_body_bytes: size(settings.configuration.limits.maximum_body_bytes),
    })
}

async fn tcp(address: Option<SocketAddr>) -> anyhow::Result<Option<Listener>> {
    match address {
        None => Ok(None),
        Some(address) => match Listener::tcp(address).await {
            Ok(listener) => Ok(Some(listener)),
            Err(error) => Err(port_closed(address, &error.source).into()),
        },
    }
}

/// The operator's socket. Of several processes of one node each has its own.
async fn administration_socket(settings: &Settings, roles: Roles) -> anyhow::Result<Option<Listener>> {
    let path = roles.socket(&settings.administration_socket());
    let directory = path.parent().unwrap_or(Path::new("."));
    refuse_open_directory(directory)?;
    Ok(Some(Listener::unix(&path, 0o600).await?))
}

/// Refuses a directory in which others could put a socket of their own in the place of ours.
fn refuse_open_directory(directory: &Path) -> anyhow::Result<()> {
    let metadata =
        std::fs::metadata(directory).with_context(|| format!("cannot look at {}", directory.display()))?;
    let mode = metadata.permissions().mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let place = directory.display();
    Err(Problem::new(
        "DIRECTORY_OPEN_TO_OTHERS",
        400,
        format!(
            "In {place} mogen anderen schrijven (rechten {:o}); zij zouden de beheersocket kunnen vervangen.",
            mode & 0o777
        ),
        format!(
            "others may write in {place} (mode {:o}); they could replace the administration socket",
            mode & 0o777
        ),
    )
    .next(format!("Doe `chmod go-w {place}`."), format!("run `chmod go-w {place}`"))
    .into())
}

fn make_private(directory: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(directory);
    made.with_context(|| format!("cannot make {}", directory.display()))
}

fn port_closed(address: SocketAddr, error: &std::io::Error) -> Problem {
    Problem::new(
        "PORT_CLOSED",
        400,
        format!("Poort {address} kan niet worden geopend: {error}"),
        format!("the port {address} cannot be opened: {error}"),
    )
    .next(
        format!(
            "Kijk met `ss -ltnp 'sport = :{}'` wie haar heeft, of kies in verbond.toml een andere.",
            address.port()
        ),
        format!(
            "see with `ss -ltnp 'sport = :{}'` who has it, or choose another in verbond.toml",
            address.port()
        ),
    )
}
