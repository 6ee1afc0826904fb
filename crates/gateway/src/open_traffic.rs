//! A copy of the beginning of what open services answer, handed over to be looked at. The stream itself is neither held nor
//! changed.

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body::Body as _;
use tokio::time::Instant;
use verbond_agreement::WireForm;
use verbond_application::open_traffic::{Beginning, Coding, LOOKED_AT, OpenTraffic};
use verbond_store::services::ServiceRow;
use verbond_transport::Body;

use crate::{
    Metrics,
    metrics::OpenLook,
    observed::{Observer, observed},
};

/// A stream that is slow is looked at with what there is by then.
const WITHIN: Duration = Duration::from_secs(10);

/// The response, the beginning of which is copied where it is to be looked at and can be.
pub(crate) fn beside(
    traffic: &Arc<OpenTraffic>,
    metrics: &Metrics,
    service: &Arc<ServiceRow>,
    response: Response<Body>,
) -> Response<Body> {
    if response.body().is_end_stream() || !traffic.is_next(service) {
        return response;
    }
    let Some((form, coding)) = readable(response.headers()) else {
        metrics.open_look(OpenLook::Unreadable);
        return response;
    };
    let beginning = Beginning { service: Arc::clone(service), form, coding, bytes: Vec::new() };
    let watched = Watched { traffic: Arc::clone(traffic), metrics: metrics.clone(), since: Instant::now() };
    response.map(|body| observed(body, Copy { beginning: Some((beginning, watched)) }))
}

fn readable(fields: &HeaderMap) -> Option<(WireForm, Coding)> {
    let text = |name| fields.get(name).map(|value| value.to_str().unwrap_or("?"));
    // What does not say what it is may be anything.
    let form = text(CONTENT_TYPE).map_or(Some(WireForm::Json), WireForm::of)?;
    let coding = text(CONTENT_ENCODING).map_or(Some(Coding::Identity), Coding::of)?;
    Some((form, coding))
}

struct Watched {
    traffic: Arc<OpenTraffic>,
    metrics: Metrics,
    since: Instant,
}

struct Copy {
    /// Until it is handed over.
    beginning: Option<(Beginning, Watched)>,
}

impl Copy {
    fn hand_over(&mut self) {
        if let Some((beginning, watched)) = self.beginning.take() {
            let look = match watched.traffic.hand_over(beginning) {
                true => OpenLook::Looked,
                false => OpenLook::Dropped,
            };
            watched.metrics.open_look(look);
        }
    }
}

impl Observer for Copy {
    fn data(&mut self, data: &[u8]) {
        let Some((beginning, watched)) = &mut self.beginning else { return };
        let room = LOOKED_AT.saturating_sub(beginning.bytes.len());
        beginning.bytes.extend_from_slice(data.get(..room).unwrap_or(data));
        if beginning.bytes.len() >= LOOKED_AT || watched.since.elapsed() > WITHIN {
            self.hand_over();
        }
    }

    fn ended(&mut self) {
        self.hand_over();
    }
}

/// One that broke off, or whose reader went away, is looked at with what came.
impl Drop for Copy {
    fn drop(&mut self) {
        self.hand_over();
    }
}
