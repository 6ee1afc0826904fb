//! The data plane: inway and outway, one readable stack of layers each.
//!
//! The gateway knows no protocol. A face says through [`InboundFace`] and [`OutboundFace`] who may do what and what
//! the wire looks like; the gateway keeps the order of things. From the outside in, with the file of each layer:
//!
//! | layer | inway (`inway.rs`) | outway (`outway.rs`) |
//! |---|---|---|
//! | limits, method, hop-by-hop fields | `entrance.rs` | `entrance.rs` |
//! | who is it | the connection's judgement | `applications.rs` |
//! | what is known | the snapshot, unless stale | the snapshot, unless stale |
//! | for what | [`InboundFace::admit`] | `routes.rs`, [`OutboundFace::prepare`] |
//! | may it | class decision | class decision |
//! | watch over it | `in_flight.rs` | `in_flight.rs` |
//! | the organisation's own decision point, asked too | `decision_point.rs` | `decision_point.rs` |
//! | write it down | `record.rs` | `record.rs` |
//! | forward it | `forward.rs`, `upstream.rs` | `forward.rs` |
//! | count what crosses | `completing.rs` | `completing.rs` |
#![forbid(unsafe_code)]

mod applications;
mod completing;
mod decision_point;
mod entrance;
mod face;
mod failure;
mod forward;
mod governed;
mod guarded;
mod handed_in;
mod headers;
mod in_flight;
mod inway;
mod metrics;
mod minimise;
mod observed;
mod open_traffic;
mod outway;
mod people;
mod record;
mod routes;
mod samples;
mod shared;
mod sockets;
mod strangers;
mod to_its_end;
mod trace;
mod upstream;
mod witnessing;

pub use applications::{Credentials, is_loopback};
pub use decision_point::{DecisionPoint, Unanswered};
pub use face::{
    AdmittedInbound, HeaderChanges, InboundFace, NamedRoute, OutboundFace, OutboundRequest, PreparedOutbound,
    Refusal, RefusalRecord, Standing,
};
pub use failure::Failure;
pub use inway::Inway;
pub use metrics::Metrics;
pub use outway::Outway;
pub use samples::SourceSamples;
pub use shared::{Gateway, GatewayLimits};
pub use sockets::keep_sockets;
