//! Figures of the data plane. No label ever names a participant, an application, a service or a person.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use verbond_domain::Direction;
use verbond_policy::PointOutcome;

/// The figures, shared by all gateways of a node. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    open_looks: Family<OpenLookLabels, Counter>,
    outcomes: Family<OutcomeLabels, Counter>,
    decision_points: Family<OutcomeLabels, Counter>,
    incoming: OfDirection,
    outgoing: OfDirection,
}

struct OfDirection {
    permitted: Counter,
    in_flight: Gauge,
    broken_off: Counter,
    duration: Histogram,
    append: Histogram,
    decision_point: Histogram,
    received: Counter,
    sent: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    direction: Way,
    outcome: &'static str,
}

/// What came of looking at a response of an open service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OpenLook {
    /// Its beginning is looked at.
    Looked,
    /// Too many wait.
    Dropped,
    /// Of a form or coding that is not read.
    Unreadable,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OpenLookLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabels {
    direction: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Way(Direction);

impl EncodeLabelValue for Way {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> std::fmt::Result {
        self.0.as_str().encode(encoder)
    }
}

const DURATIONS: [f64; 14] =
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

impl Metrics {
    /// Registers the figures.
    pub fn new(registry: &mut Registry) -> Self {
        let outcomes = Family::<OutcomeLabels, Counter>::default();
        let in_flight = Family::<DirectionLabels, Gauge>::default();
        let broken_off = Family::<DirectionLabels, Counter>::default();
        let new_histogram: fn() -> Histogram = || Histogram::new(DURATIONS);
        let duration = Family::<DirectionLabels, Histogram>::new_with_constructor(new_histogram);
        let append = Family::<DirectionLabels, Histogram>::new_with_constructor(new_histogram);
        let received = Family::<DirectionLabels, Counter>::default();
        let sent = Family::<DirectionLabels, Counter>::default();
        let open_looks = Family::<OpenLookLabels, Counter>::default();
        registry.register(
            "open_looks",
            "Responses of open services that were to be looked at: looked, dropped, unreadable",
            open_looks.clone(),
        );
        let decision_points = Family::<OutcomeLabels, Counter>::default();
        let decision_point = Family::<DirectionLabels, Histogram>::new_with_constructor(new_histogram);
        let registry = registry.sub_registry_with_prefix("exchange");
        registry.register(
            "requests",
            "Exchanges by outcome: permitted, or the code of the refusal",
            outcomes.clone(),
        );
        registry.register("in_flight", "Exchanges in flight", in_flight.clone());
        registry.register(
            "broken_off",
            "Exchanges broken off because they were no longer permitted",
            broken_off.clone(),
        );
        registry.register_with_unit(
            "duration",
            "Time from the permit to the last byte",
            Unit::Seconds,
            duration.clone(),
        );
        registry.register_with_unit("append", "Time to make a permit durable", Unit::Seconds, append.clone());
        registry.register_with_unit(
            "request",
            "Bytes of request bodies forwarded",
            Unit::Bytes,
            received.clone(),
        );
        registry.register_with_unit(
            "response",
            "Bytes of response bodies forwarded",
            Unit::Bytes,
            sent.clone(),
        );
        registry.register(
            "decision_point_questions",
            "Questions to the organisation's own decision point by outcome: permit, deny, unavailable",
            decision_points.clone(),
        );
        registry.register_with_unit(
            "decision_point_duration",
            "Time that the organisation's own decision point took",
            Unit::Seconds,
            decision_point.clone(),
        );
        let of = |direction| {
            let labels = DirectionLabels { direction: Way(direction) };
            let permitted = OutcomeLabels { direction: Way(direction), outcome: "PERMITTED" };
            // Looked up once: a request then touches counters only, no table.
            OfDirection {
                permitted: outcomes.get_or_create_owned(&permitted),
                in_flight: in_flight.get_or_create_owned(&labels),
                broken_off: broken_off.get_or_create_owned(&labels),
                duration: duration.get_or_create_owned(&labels),
                append: append.get_or_create_owned(&labels),
                decision_point: decision_point.get_or_create_owned(&labels),
                received: received.get_or_create_owned(&labels),
                sent: sent.get_or_create_owned(&labels),
            }
        };
        let (incoming, outgoing) = (of(Direction::Incoming), of(Direction::Outgoing));
        Self(Arc::new(Inner { open_looks, outcomes, decision_points, incoming, outgoing }))
    }

    fn of(&self, direction: Direction) -> &OfDirection {
        match direction {
            Direction::Incoming => &self.0.incoming,
            Direction::Outgoing => &self.0.outgoing,
        }
    }

    pub(crate) fn permitted(&self, direction: Direction, append: Duration) {
        let figures = self.of(direction);
        figures.permitted.inc();
        figures.append.observe(append.as_secs_f64());
    }

    pub(crate) fn decision_point(&self, direction: Direction, outcome: PointOutcome, duration: Duration) {
        let labels = OutcomeLabels { direction: Way(direction), outcome: outcome.as_str() };
        self.0.decision_points.get_or_create(&labels).inc();
        self.of(direction).decision_point.observe(duration.as_secs_f64());
    }

    pub(crate) fn refused(&self, direction: Direction, code: &'static str) {
        self.0.outcomes.get_or_create(&OutcomeLabels { direction: Way(direction), outcome: code }).inc();
    }

    pub(crate) fn open_look(&self, look: OpenLook) {
        let outcome = match look {
            OpenLook::Looked => "looked",
            OpenLook::Dropped => "dropped",
            OpenLook::Unreadable => "unreadable",
        };
        self.0.open_looks.get_or_create(&OpenLookLabels { outcome }).inc();
    }

    pub(crate) fn begun(&self, direction: Direction) {
        self.of(direction).in_flight.inc();
    }

    pub(crate) fn ended(
        &self,
        direction: Direction,
        duration: Duration,
        request_bytes: u64,
        response_bytes: u64,
    ) {
        let figures = self.of(direction);
        figures.in_flight.dec();
        figures.duration.observe(duration.as_secs_f64());
        figures.received.inc_by(request_bytes);
        figures.sent.inc_by(response_bytes);
    }

    pub(crate) fn broken_off(&self, direction: Direction) {
        self.of(direction).broken_off.inc();
    }
}
