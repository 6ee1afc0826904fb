//! The parts of a node put together, from the database up.

use std::{path::Path, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tokio::{sync::Mutex, task::JoinHandle};
use verbond_account::{Export, Halves};
use verbond_application::{
    Managers, OpContext,
    absences::Absences,
    agreements::AgreementOffice,
    checkpoints::Checkpoints,
    class_questions,
    completions::Completions,
    exchange::Exchanges,
    handed_in::OwedRules,
    limits::Limits,
    open_traffic::OpenTraffic,
    snapshot::SnapshotKeeper,
    witnesses::{CounterpartJournal, Witnesses},
};
use verbond_domain::{Actor, Ambient, ParticipantId, Problem};
use verbond_fsc::{
    Directory, FscNode, FscParts, FscRules, RevocationRefresh, RevocationSources, ShownContracts,
    protocol::validation::ContractLimits,
};
use verbond_gateway::{Gateway, GatewayLimits, Inway, Outway, SourceSamples};
use verbond_journal::{Journal, JournalLimits};
use verbond_node_api::{
    AccountReader, AgreementCourier, Asked, JournalReader, NodeApi, NodeReader, WitnessCourier,
};
use verbond_store::{DatabaseUrl, Store, StoreError, copies::Restored};
use verbond_supervision::Supervisor;
use verbond_tiles::Publication;
use verbond_transport::{Client, ClientLimits, Hosts, PeerTls};
use verbond_trust::{
    IdentityHandle, TrustStore,
    tls::{self, PinnedKeys},
};

use super::{
    Metrics, Reloader, decision_point, export, identity, journal_files, judge::Verifier, metrics::Sources,
    pseudonyms, reload::AtStart, roles::Roles, sources, tasks, tiles, wrapping_key,
};
use crate::{ambient, configuration::Settings};

/// Seconds that the clocks of other participants may be ahead of ours.
const CLOCK_SKEW_SECONDS: i64 = 60;

/// A node without its ports.
pub struct Node {
    pub ambient: Ambient,
    /// Whose node it is.
    pub own: ParticipantId,
    pub store: Store,
    pub journal: Journal,
    completions: Completions,
    pub checkpoints: Arc<Checkpoints>,
    pub publications: Vec<Arc<Publication>>,
    pub snapshots: Arc<SnapshotKeeper>,
    pub identity: Arc<IdentityHandle>,
    pub trust: Arc<TrustStore>,
    pub fsc: Arc<FscNode>,
    pub agreements: Arc<AgreementOffice>,
    pub among_nodes: Arc<NodeApi>,
    pub samples: Arc<SourceSamples>,
    pub counterparts: Arc<AccountReader>,
    pub halves: Arc<Halves>,
    pub limits: Arc<Limits>,
    pub inway: Option<Arc<Inway>>,
    pub outway: Option<Arc<Outway>>,
    pub metrics: Arc<Metrics>,
    /// What runs beside the requests.
    pub supervisor: Supervisor,
    /// Keys of persons, for the administration listener.
    pub pinned: Arc<PinnedKeys>,
    settings: Arc<Settings>,
    lists: Arc<RevocationRefresh>,
    at_start: Arc<AtStart>,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    /// Opens the database, reads certificates and lists, and starts what runs by itself.
    pub async fn assemble(
        settings: &Arc<Settings>,
        database: &DatabaseUrl,
        roles: Roles,
    ) -> anyhow::Result<Self> {
        let ambient = ambient::system();
        let profile = &settings.profile;

        // Who we are and whom we trust: files only, so that a mistake shows before the database is touched.
        let at_start = AtStart::look(settings);
        let decision_point = decision_point::of(settings)?.map(Arc::new);
        let logbook = export::of(settings)?;
        let places = match roles.leads {
            true => tiles::places(settings).await?,
            false => Vec::new(),
        };
        let trust = identity::trust(settings)?;
        identity::finish_switch(settings)?;
        let present = identity::load(settings)?;
        identity::fit(&present, &trust, &ambient).map_err(|refusal| identity::not_fit(&refusal))?;
        identity::forget_previous_key(settings);
        let own = present.certificate.participant.clone();
        let identity = IdentityHandle::new(present, identity::earlier(settings));
        identity.judged_by(Arc::clone(&trust));

        // What we know, and the one place where it is written down.
        let key = wrapping_key::of(&settings.directory, &ambient);
        let store = Store::open(database, key, &ambient).await.map_err(|error| unusable_database(&error))?;
        store.claim(&own).await.map_err(|error| unusable_database(&error))?;
        // Before anything is written in the journal: what was lost since the backup may know of other entries at the same places.
        if let Some(restored) = store.restored().await.map_err(|error| unusable_database(&error))? {
            return Err(restored_from_a_backup(&restored).into());
        }
        let checkpoints = checkpoints(settings, roles, &own, &identity, &trust, &ambient)?;
        let of_journal = OpContext {
            actor: Actor::Node { rule: "journal".to_owned() },
            ambient: ambient.clone(),
            store: store.clone(),
        };
        if let Some(kept) = journal_files::kept_head(&settings.directory)? {
            checkpoints.compare(&of_journal, &kept).await?;
        }
        checkpoints.certify(&of_journal).await?;
        let limits = &settings.configuration.limits;
        let journal_limits = JournalLimits {
            queue: size(limits.journal_queue),
            batch: size(limits.journal_batch),
            timeout: Duration::from_millis(limits.append_timeout_ms.into()),
        };
        let supervisor = Supervisor::default();
        let journal = Journal::start(Arc::new(store.clone()), ambient.clone(), journal_limits);
        let (snapshots, keeping) = SnapshotKeeper::start(store.clone(), ambient.clone(), &supervisor).await?;

        // How others are reached, and the face that speaks their protocol.
        let hosts = Hosts::new(settings.configuration.hosts.clone());
        let rules = profile.tls_rules();
        let client_config = |http2| {
            tls::client_config(Arc::clone(&identity), Arc::clone(&trust), &rules, ambient.clone(), http2)
        };
        let peer_tls = PeerTls {
            http1: client_config(false)?,
            http2: client_config(true)?,
            identity: Arc::clone(&identity),
            trust: Arc::clone(&trust),
            ambient: ambient.clone(),
        };
        let bounded = |kind| ClientLimits {
            connect_timeout: Duration::from_millis(limits.connect_timeout_ms.into()),
            maximum_header_bytes: size(limits.maximum_header_bytes),
            ..kind
        };
        let peers = Client::peers(peer_tls, hosts.clone(), bounded(ClientLimits::peers()));
        let anchors = sources::anchors(settings)?;
        let open = Client::servers(&anchors, hosts.chosen_by_others(), bounded(ClientLimits::servers()))?;
        let servers = Client::servers(&anchors, hosts, bounded(ClientLimits::servers()))?;
        let rules = fsc_rules(settings, own.clone());
        let lists = RevocationRefresh::new(
            rules.revocation.clone(),
            servers.clone(),
            Arc::clone(&identity),
            Arc::clone(&trust),
            ambient.clone(),
        );
        lists.load().await;
        let reader = NodeReader::new(open, peers.clone());
        let agreements = Arc::new(AgreementOffice {
            own: own.clone(),
            coalition: profile.id.clone(),
            identity: Arc::clone(&identity),
            trust: Arc::clone(&trust),
            reader: Arc::clone(&reader) as _,
            wire: Arc::new(ShownContracts::new(&rules, Arc::clone(&trust))),
            public_address: settings.configuration.public.as_ref().and_then(|public| public.address.clone()),
            directories: rules.directories.iter().map(|directory| directory.id.clone()).collect(),
            deciding: Mutex::default(),
        });
        let among_nodes = Arc::new(NodeApi {
            office: Arc::clone(&agreements),
            store: store.clone(),
            ambient: ambient.clone(),
            peers: peers.clone(),
            checkpoints: Arc::clone(&checkpoints),
            asked: Asked::default(),
        });
        let fsc = FscNode::new(FscParts {
            rules,
            store: store.clone(),
            ambient: ambient.clone(),
            identity: Arc::clone(&identity),
            trust: Arc::clone(&trust),
            peers: peers.clone(),
            agreements: Arc::clone(&agreements),
            couriers: vec![
                Arc::new(WitnessCourier(Arc::clone(&among_nodes))),
                Arc::new(AgreementCourier(Arc::clone(&among_nodes))),
            ],
        });
        let managers: Arc<dyn Managers> = Arc::clone(&fsc) as _;
        reader.knows(Arc::downgrade(&managers));
        let journals = JournalReader::new(peers.clone(), Arc::clone(&managers));
        let counterparts = Arc::new(AccountReader::new(peers.clone(), managers));

        // The data plane.
        let counting = Limits::new(Arc::new(store.clone()));
        let records = &settings.configuration.records;
        let owed_rules = OwedRules { within_seconds: records.within_seconds, most: records.most_outstanding };
        let directory: Arc<Path> = settings.directory.as_path().into();
        let mut registry = Registry::default();
        let absences: Arc<Absences> = Arc::default();
        let completions = Completions::start(journal.clone());
        let (witnesses, shown) = Witnesses::new();
        let halves = Arc::new(Halves {
            own: own.clone(),
            counterparts: Arc::clone(&counterparts) as _,
            judge: Arc::new(Verifier { anchors: profile.trust_anchors.clone(), trust: Arc::clone(&trust) }),
            witnesses: witnesses.clone(),
        });
        let gateway = Gateway {
            absences: Arc::clone(&absences),
            exchanges: Arc::new(
                Exchanges::new(
                    journal.clone(),
                    Arc::clone(&counting),
                    (Arc::new(store.clone()), owed_rules),
                    ambient.clone(),
                )
                .stopping_on_contradiction(settings.configuration.journal.stop_on_contradiction),
            ),
            completions: completions.clone(),
            checkpoints: Arc::clone(&checkpoints),
            witnesses: witnesses.clone(),
            snapshots: Arc::clone(&snapshots),
            ambient: ambient.clone(),
            metrics: verbond_gateway::Metrics::new(registry.sub_registry_with_prefix("verbond")),
            limits: GatewayLimits::default(),
            decision_point,
            supervisor: supervisor.clone(),
        };
        let samples = Arc::new(SourceSamples::new(servers.clone()));
        let (open_traffic, beginnings) = OpenTraffic::new(ambient.clone());
        let inway = match roles.inway {
            true => Some(Inway::new(gateway.clone(), fsc.inbound(), servers, open_traffic)),
            false => None,
        };
        let outway = roles.outway.then(|| Outway::new(gateway, fsc.outbound(), peers));

        let published = tiles::publications(places, &checkpoints, &of_journal);
        let publications: Vec<_> = published.iter().map(|(publication, _)| Arc::clone(publication)).collect();
        let sources = Sources {
            store: store.clone(),
            journal: journal.clone(),
            completions: completions.clone(),
            witnesses: witnesses.clone(),
            snapshots: Arc::clone(&snapshots),
            identity: Arc::clone(&identity),
            trust: Arc::clone(&trust),
            ambient: ambient.clone(),
            own: own.clone(),
            exports: settings.configuration.export.is_some(),
            publications: publications.clone(),
            lists: Arc::clone(&lists),
            supervisor: supervisor.clone(),
        };
        let metrics = Arc::new(Metrics::new(sources, registry));

        // Once before the first request; what it finds wrong it tells when it looks again.
        let _ = pseudonyms::look(&directory, &store, &counting, &ambient).await;
        let mut running = vec![keeping, lists.start(&supervisor)];
        running.push(supervisor.keep("journal-tree", store.clone(), tasks::integrate));
        let with = (Arc::clone(&checkpoints), of_journal.clone(), Arc::clone(settings));
        running.push(supervisor.keep("checkpoints", with, move |(checkpoints, context, settings)| {
            tasks::checkpoint(checkpoints, context, settings, roles.leads)
        }));
        let pause = Duration::from_secs(settings.configuration.journal.checkpoint_seconds.into());
        running.extend(published.into_iter().map(|(publication, publisher)| {
            let task = publisher.place().task();
            supervisor.keep(task, (publication, publisher), move |(publication, publisher)| {
                publication.follow(publisher, pause)
            })
        }));
        let journals: Arc<dyn CounterpartJournal> = Arc::new(journals);
        let with = (witnesses, Arc::new(shown), of_journal, Arc::clone(&checkpoints), journals);
        running.push(supervisor.keep(
            "witnesses",
            with,
            |(witnesses, shown, context, checkpoints, journals)| {
                witnesses.look(shown, context, checkpoints, journals)
            },
        ));
        let with = (directory, store.clone(), Arc::clone(&counting), ambient.clone());
        running.push(supervisor.keep("pseudonym-keys", with, |(directory, store, counting, ambient)| {
            pseudonyms::follow(directory, store, counting, ambient)
        }));
        let pinned = Arc::new(PinnedKeys::default());
        let with = (snapshots.subscribe(), Arc::clone(&pinned));
        running.push(
            supervisor.keep("persons", with, |(pictures, pinned)| tasks::follow_persons(pictures, pinned)),
        );
        let looks = OpContext {
            actor: Actor::Node { rule: class_questions::RULE.to_owned() },
            ambient: ambient.clone(),
            store: store.clone(),
        };
        let with = (Arc::new(beginnings), looks);
        running.push(supervisor.keep("open-traffic", with, |(beginnings, context)| beginnings.look(context)));
        let with = (Arc::clone(settings), Arc::clone(&lists));
        running.push(
            supervisor.keep("list-files", with, |(settings, lists)| tasks::follow_lists(settings, lists)),
        );
        if roles.leads {
            let (days, key_days) = (profile.retention_days, settings.configuration.backup.key_days);
            let with = (store.clone(), ambient.clone());
            running.push(supervisor.keep("retention", with.clone(), move |(store, ambient)| {
                tasks::destroy_what_is_over(store, ambient, days, key_days)
            }));
            running.push(supervisor.keep("missing-records", with.clone(), |(store, ambient)| {
                tasks::raise_missing_records(store, ambient)
            }));
            running
                .push(supervisor.keep("counts", with, |(store, ambient)| tasks::drop_counts(store, ambient)));
            let every = settings.configuration.account.reconcile_seconds;
            if every > 0 {
                let actor = Actor::Node { rule: "reconciliation".to_owned() };
                let context = OpContext { actor, ambient: ambient.clone(), store: store.clone() };
                let with = (context, Arc::clone(&counterparts));
                running.push(supervisor.keep("accounts", with, move |(context, counterparts)| {
                    tasks::reconcile(context, counterparts, every)
                }));
            }
            if let Some(logbook) = logbook {
                let actor = Actor::Node { rule: "export of processing records".to_owned() };
                let context = OpContext { actor, ambient: ambient.clone(), store: store.clone() };
                let export = Arc::new(Mutex::new(Export::new(context, own.clone(), logbook)));
                running.push(supervisor.keep("export", export, export::hand_on));
            }
        }
        if roles.inway || roles.outway {
            let with = (absences, ambient.clone(), store.clone());
            running.push(supervisor.keep("absences", with, |(absences, ambient, store)| {
                tasks::write_absences(absences, ambient, store)
            }));
        }
        if roles.manager {
            let with = (Arc::clone(&agreements), Arc::clone(&trust), ambient.clone(), store.clone());
            running.push(supervisor.keep(
                "compromised-agreements",
                with,
                |(agreements, trust, ambient, store)| {
                    tasks::end_compromised(agreements, trust, ambient, store)
                },
            ));
        }
        if roles.split {
            let with = (Arc::clone(settings), Arc::clone(&identity), Arc::clone(&trust), ambient.clone());
            running.push(supervisor.keep(
                "certificate-files",
                with,
                |(settings, identity, trust, ambient)| {
                    tasks::follow_files(settings, identity, trust, ambient)
                },
            ));
        }
        running.extend(match roles.manager {
            true => fsc.start_manager(&supervisor),
            false => fsc.start_gateway(&supervisor),
        });
        Ok(Self {
            ambient,
            own,
            store,
            journal,
            completions,
            checkpoints,
            publications,
            snapshots,
            identity,
            trust,
            fsc,
            agreements,
            among_nodes,
            samples,
            counterparts,
            halves,
            limits: counting,
            inway,
            outway,
            metrics,
            pinned,
            settings: Arc::clone(settings),
            lists,
            at_start,
            supervisor,
            tasks: running,
        })
    }

    /// Reads trust anchors, certificates and revocation lists again.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(
            Arc::clone(&self.settings),
            Arc::clone(&self.identity),
            Arc::clone(&self.trust),
            Arc::clone(&self.lists),
            Arc::clone(&self.at_start),
        )
    }

    /// Ends everything once no requests come in any more: what is handed in is written first.
    pub async fn close(self) {
        for task in &self.tasks {
            task.abort();
        }
        self.completions.close().await;
        self.journal.close().await;
        self.store.close().await;
    }
}

/// The journal's checkpoints; with its key in the process that leads.
fn checkpoints(
    settings: &Settings,
    roles: Roles,
    own: &ParticipantId,
    identity: &Arc<IdentityHandle>,
    trust: &Arc<TrustStore>,
    ambient: &Ambient,
) -> anyhow::Result<Arc<Checkpoints>> {
    let signer = match roles.leads {
        true => Some(journal_files::key(&settings.directory, ambient)?),
        false => None,
    };
    Ok(Arc::new(Checkpoints::new(own.clone(), Arc::clone(identity), Arc::clone(trust), signer)))
}

/// What to say of a database that cannot be used.
pub fn unusable_database(error: &StoreError) -> Problem {
    if let StoreError::Newer { found, known } = error {
        return Problem::new(
            "DATABASE_NEWER",
            503,
            format!("Een latere versie van het programma heeft de database gewijzigd: die heeft schema {found}, deze versie kent tot {known}. Er is niets gewijzigd."),
            format!("a later version of the program has changed the database: it has schema {found}, this version knows up to {known}. Nothing has been changed"),
        )
        .next(
            "Start de versie die er het laatst was. Terug kan alleen met de back-up van voor de wijziging: `verbond restore`.",
            "start the version that was there last. The only way back is the backup of before the change: `verbond restore`",
        );
    }
    Problem::new(
        "DATABASE_UNUSABLE",
        503,
        format!("De database kan niet worden gebruikt: {error}"),
        format!("the database cannot be used: {error}"),
    )
    .next(
        "Controleer `database` in verbond.toml en of de database draait; `verbond doctor` kijkt mee.",
        "check `database` in verbond.toml, and whether the database runs; `verbond doctor` looks too",
    )
}

fn restored_from_a_backup(restored: &Restored) -> Problem {
    let made_at = ambient::rfc_3339(restored.made_at);
    Problem::new(
        "JOURNAL_RESTORED",
        503,
        format!("De database is teruggezet uit de back-up van {made_at}; wat er sindsdien is opgeschreven, is niet verklaard."),
        format!("the database was restored from the backup of {made_at}; what was written since has not been declared"),
    )
    .next(
        "Is er toch een nieuwere database, zet dan die neer. Verklaar anders het gat met `verbond journal continue --reason \"…\"`.",
        "if there is a newer database after all, put that one in place; else declare the gap with `verbond journal continue --reason \"…\"`",
    )
}

/// Where lists of revoked certificates come from.
pub fn revocation_sources(settings: &Settings) -> RevocationSources {
    RevocationSources {
        lists: settings.profile.revocation.lists.clone(),
        refresh_seconds: settings.profile.revocation.refresh_seconds,
        cache: settings.directory.join(tasks::REVOCATION_CACHE),
    }
}

fn fsc_rules(settings: &Settings, own: ParticipantId) -> FscRules {
    let (configuration, profile) = (&settings.configuration, &settings.profile);
    FscRules {
        group_id: profile.id.clone(),
        own,
        manager_address: configuration
            .manager
            .as_ref()
            .map(|manager| manager.address.clone())
            .unwrap_or_default(),
        inway_address: configuration.inway.as_ref().map(|inway| inway.address.clone()),
        directories: profile
            .directories
            .iter()
            .map(|directory| Directory {
                id: directory.id.clone(),
                manager_address: directory.manager_address.clone(),
            })
            .collect(),
        ports: profile.ports.clone(),
        directory: configuration.directory.enabled,
        acceptance: configuration.acceptance.clone(),
        limits: ContractLimits {
            maximum_grants: profile.limits.grants,
            clock_skew_seconds: CLOCK_SKEW_SECONDS,
        },
        maximum_body_bytes: size(configuration.limits.maximum_body_bytes),
        token_lifetime_seconds: profile.rules.token_lifetime_seconds.into(),
        contract_per_request: profile.rules.contract_per_request,
        transaction_id_version_7: profile.rules.transaction_id_version_7,
        transaction_id_skew_seconds: profile.rules.transaction_id_skew_seconds.into(),
        reconcile_before_serving: true,
        revocation: revocation_sources(settings),
    }
}

/// A bound from the configuration as a size in memory; validation keeps bounds far below what does not fit.
pub fn size(bound: u32) -> usize {
    usize::try_from(bound).unwrap_or(usize::MAX)
}
