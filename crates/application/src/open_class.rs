//! Whether a service may be called open: what its own description and a sample of it say to the contrary counts.

use serde_json::Value;
use verbond_agreement::{
    DescribedService, RegisterContent, RegisterKind, signs_in_description, signs_in_sample,
};
use verbond_domain::{Problem, ServiceClass, ServiceName};

use crate::{OpContext, context::database_problem, registers};

/// Refuses to call a service open whose description here, or whose sample, is about people.
///
/// # Errors
/// The refusal, or a failing database.
pub(crate) async fn may_be_open(
    context: &OpContext,
    name: &ServiceName,
    sample: Option<&Value>,
) -> Result<(), Problem> {
    let mut signs: Vec<String> = Vec::new();
    for entry in registers::list(context, RegisterKind::Service).await? {
        if let RegisterContent::Service(service) = entry.content
            && service.service == *name
            && entry.ended_at.is_none()
        {
            signs.extend(signs_in_description(&service));
        }
    }
    signs.extend(sample.into_iter().flat_map(signs_in_sample).map(str::to_owned));
    refuse(name, &signs)
}

/// Refuses a description that is about people, of a service that is called open.
///
/// # Errors
/// As [`may_be_open`].
pub(crate) async fn may_be_described(context: &OpContext, service: &DescribedService) -> Result<(), Problem> {
    let offered = context.store.service(&service.service).await.map_err(database_problem)?;
    match offered {
        Some(offered) if offered.declaration.class == ServiceClass::Open => {
            refuse(&service.service, &signs_in_description(service))
        }
        _ => Ok(()),
    }
}

fn refuse(name: &ServiceName, signs: &[String]) -> Result<(), Problem> {
    if signs.is_empty() {
        return Ok(());
    }
    let signs = signs.join(", ");
    Err(Problem::new(
        "OPEN_SERVICE_PERSONAL",
        422,
        format!("`{name}` kan niet open zijn: beschrijving of voorbeeld gaat over mensen of is vertrouwelijk ({signs})."),
        format!("`{name}` cannot be open: its description or sample is about people, or confidential ({signs})"),
    )
    .next(
        "Verklaar de gegevensdienst `governed`, of laat de steward de beschrijving herstellen als die niet klopt.",
        "declare the service `governed`, or have the steward mend the description if it is wrong",
    ))
}
