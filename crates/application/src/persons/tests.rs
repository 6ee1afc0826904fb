use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use verbond_domain::{Ambient, Clock};
use verbond_store::{DatabaseUrl, Store};
use verbond_trust::{SystemEntropy, WrappingKey, personal::new_credential};

use super::*;
use crate::services::{self, ServiceDraft};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[derive(Default)]
struct Movable(AtomicI64);

impl Clock for Movable {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + self.0.load(Ordering::Relaxed))
    }
}

struct Scene {
    context: OpContext,
    clock: Arc<Movable>,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let clock = Arc::new(Movable::default());
        let ambient = Ambient::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(SystemEntropy));
        let database = DatabaseUrl::Sqlite(directory.path().join("node.sqlite"));
        let key = |_| WrappingKey::read(&WrappingKey::first(&ambient)).map_err(|error| error.to_string());
        let store = Store::open(&database, key, &ambient).await?;
        Ok(Self {
            context: OpContext { actor: Actor::Operator, ambient, store },
            clock,
            _directory: directory,
        })
    }

    fn certificate(&self) -> Outcome<String> {
        Ok(new_credential("x", 90 * 86_400, "passphrase", &self.context.ambient)?.certificate_pem)
    }

    async fn invited(&self, name: &str, roles: &[PersonRole]) -> Outcome<Invited> {
        let draft = PersonDraft {
            name: name.parse()?,
            display_name: "S. Voorbeeld".to_owned(),
            roles: roles.to_vec(),
            hours: None,
        };
        Ok(add(&self.context, draft).await?)
    }

    fn as_person(&self, name: &str) -> Outcome<OpContext> {
        let actor = Actor::Person { name: name.parse()?, thumbprint: "00".to_owned() };
        Ok(OpContext { actor, ..self.context.clone() })
    }
}

fn code<T>(result: Result<T, Problem>) -> &'static str {
    result.err().map_or("", |problem| problem.code)
}

#[tokio::test]
async fn a_code_enrols_one_key_once_and_in_time() -> Outcome {
    let scene = Scene::new().await?;
    let context = &scene.context;
    let invited = scene.invited("steward", &[PersonRole::Steward]).await?;
    let certificate = scene.certificate()?;
    assert_eq!(code(enrol_by_code(context, "vbe_other", &certificate).await), "ENROLMENT_CODE_UNKNOWN");
    scene.clock.0.store(24 * 3600 + 1, Ordering::Relaxed);
    assert_eq!(code(enrol_by_code(context, &invited.code, &certificate).await), "ENROLMENT_CODE_EXPIRED");
    scene.clock.0.store(24 * 3600, Ordering::Relaxed);
    let enrolled = enrol_by_code(context, &format!(" {}\n", invited.code), &certificate).await?;
    assert_eq!(enrolled.state, PersonState::Enrolled);
    assert_eq!(code(enrol_by_code(context, &invited.code, &certificate).await), "ENROLMENT_CODE_UNKNOWN");

    // Neither the code nor anything that leads to it stands in the journal.
    context.store.integrate(1000).await?;
    let lines =
        context.store.journal_lines(Some("act"), None, 10, verbond_store::SortOrder::Ascending).await?;
    let texts = lines.items.iter().map(|line| format!("{line:?}")).collect::<String>();
    assert!(texts.contains("person.add") && texts.contains("person.enrol"), "{texts}");
    assert!(!texts.contains(invited.code.trim_start_matches("vbe_")), "{texts}");
    Ok(())
}

#[tokio::test]
async fn a_new_code_ends_the_one_before_and_a_new_key_the_old_one() -> Outcome {
    let scene = Scene::new().await?;
    let context = &scene.context;
    let first = scene.invited("steward", &[PersonRole::Steward]).await?;
    let name = first.person.name.clone();
    let second = invite(context, &name, InvitationDraft::default()).await?;
    let (old, new) = (scene.certificate()?, scene.certificate()?);
    assert_eq!(code(enrol_by_code(context, &first.code, &old).await), "ENROLMENT_CODE_UNKNOWN");
    let enrolled = enrol_by_code(context, &second.code, &old).await?;
    let third = invite(context, &name, InvitationDraft { hours: Some(1) }).await?;
    assert_eq!(third.person.key_in_use(context.ambient.now()), enrolled.key.as_ref());
    let renewed = enrol_by_code(context, &third.code, &new).await?;
    assert_ne!(renewed.key, enrolled.key);
    assert_eq!(code(invite(context, &name, InvitationDraft { hours: Some(0) }).await), "CODE_TERM_UNUSABLE");
    Ok(())
}

#[tokio::test]
async fn one_key_is_not_two_persons() -> Outcome {
    let scene = Scene::new().await?;
    let context = &scene.context;
    let drafter = scene.invited("drafter", &[PersonRole::Drafter]).await?;
    let signatory = scene.invited("signatory", &[PersonRole::Signatory]).await?;
    let certificate = scene.certificate()?;
    enrol_by_code(context, &drafter.code, &certificate).await?;
    assert_eq!(code(enrol_by_code(context, &signatory.code, &certificate).await), "PERSON_KEY_TAKEN");
    let handed_over = enrol_handed_over(context, &signatory.person.name, &certificate).await;
    assert_eq!(code(handed_over), "PERSON_KEY_TAKEN");
    // Not even when the other is no longer there.
    disable(context, &drafter.person.name).await?;
    assert_eq!(code(enrol_by_code(context, &signatory.code, &certificate).await), "PERSON_KEY_TAKEN");
    let roles = vec![PersonRole::Drafter, PersonRole::Signatory];
    assert_eq!(code(set_roles(context, &signatory.person.name, roles).await), "ROLES_CONFLICT");
    Ok(())
}

#[tokio::test]
async fn who_is_disabled_has_no_key_in_use_and_no_code() -> Outcome {
    let scene = Scene::new().await?;
    let context = &scene.context;
    let invited = scene.invited("auditor", &[PersonRole::Auditor]).await?;
    let name = invited.person.name.clone();
    let certificate = scene.certificate()?;
    enrol_handed_over(context, &name, &certificate).await?;
    let invited = invite(context, &name, InvitationDraft::default()).await?;
    let disabled = disable(context, &name).await?;
    assert_eq!(disabled.key_in_use(context.ambient.now()), None);
    assert_eq!(code(enrol_by_code(context, &invited.code, &certificate).await), "ENROLMENT_CODE_UNKNOWN");
    assert_eq!(code(enrol_handed_over(context, &name, &certificate).await), "PERSON_DISABLED");
    let again = invite(context, &name, InvitationDraft::default()).await?;
    assert_eq!(again.person.key_in_use(context.ambient.now()), None, "an old key came back to life");
    scene.clock.0.store(100 * 86_400, Ordering::Relaxed);
    let again = invite(context, &name, InvitationDraft::default()).await?;
    assert_eq!(code(enrol_by_code(context, &again.code, &certificate).await), "PERSON_CERTIFICATE_NOT_VALID");
    Ok(())
}

#[tokio::test]
async fn once_there_is_a_steward_only_a_steward_declares_a_service_open() -> Outcome {
    let scene = Scene::new().await?;
    let declared = async |context: &OpContext, class| {
        let draft = ServiceDraft {
            upstream: "http://127.0.0.1:1/".to_owned(),
            protocol: services::ServiceProtocol::Http1,
            class,
            steward: "S. Voorbeeld".to_owned(),
            reason: "synthetic".to_owned(),
            sample: None,
        };
        Ok::<_, Box<dyn std::error::Error>>(code(services::put(context, &"trees".parse()?, draft).await))
    };
    use verbond_domain::ServiceClass::{Governed, Open};
    let steward = scene.invited("steward", &[PersonRole::Steward]).await?;
    scene.invited("operator", &[PersonRole::Operator]).await?;
    assert_eq!(declared(&scene.context, Open).await?, "");
    assert_eq!(declared(&scene.as_person("operator")?, Open).await?, "STEWARD_NEEDED");
    enrol_by_code(&scene.context, &steward.code, &scene.certificate()?).await?;
    assert_eq!(declared(&scene.context, Open).await?, "STEWARD_NEEDED");
    assert_eq!(declared(&scene.context, Governed).await?, "");
    assert_eq!(declared(&scene.as_person("steward")?, Open).await?, "");
    // Nor is a steward in the way that an operator can take away.
    disable(&scene.context, &steward.person.name).await?;
    assert_eq!(declared(&scene.context, Open).await?, "STEWARD_NEEDED");
    Ok(())
}
