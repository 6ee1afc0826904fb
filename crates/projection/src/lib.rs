//! The streamed projection of a JSON document on agreed elements: of what a source answers, only what the agreement
//! names goes on.
//!
//! Pure: bytes go in by [`Projector::feed`], [`Pieces`] come out; no input or output, no clock, nothing asynchronous.
//!
//! ```
//! use std::sync::Arc;
//! use verbond_projection::{Bounds, Element, ElementType, Form, Piece, Projection, Projector, ScalarType};
//!
//! let name = Element {
//!     path: "$.persons[*].name".parse()?,
//!     element_type: ElementType::Scalar { scalar: ScalarType::String, nullable: false },
//! };
//! let (record, subject) = ("$.persons[*]".parse()?, "$.number".parse()?);
//! let projection = Projection::new(vec![name], &record, &[subject], Form::Document, Bounds::default())?;
//!
//! let mut projector = Projector::new(Arc::new(projection));
//! projector.feed(br#"{"total": 1, "persons": [{"number": "P-1", "na"#)?;
//! projector.feed(br#"me": "Jo", "income": 12}]}"#)?;
//! projector.finish()?;
//! let pieces = projector.take();
//!
//! assert_eq!(pieces.bytes(), br#"{"persons":[{"name":"Jo"}]}"#);
//! let Some(Piece::Record(record)) = pieces.iter().nth(1) else { unreachable!() };
//! assert_eq!(record.bytes, br#"{"name":"Jo"}"#);
//! assert_eq!(record.subjects[0].identifier, "P-1");
//! assert_eq!(projector.summary().not_agreed, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What comes out
//! A JSON document with what remains, in its order, without white space.
//!
//! * **Scalars** that are agreed and of the agreed type pass byte for byte, numbers and escapes included. One of another
//!   type is dropped and counted under the agreed path.
//! * **Containers** that lead to an agreed element stay when the source has them, be it empty: no results can be told
//!   from no list. All other containers vanish. `null` in the place of such a container vanishes too.
//! * **Items of arrays keep their places.** An item of which nothing may be delivered, because it is of another type,
//!   leaves `null`; an object of which nothing is agreed leaves `{}`. The third name still belongs to the third
//!   person. The document as a whole, which must be something, leaves `null` likewise. `null` in an array can
//!   thus mean *not delivered*; the counts tell.
//! * **Names** of agreed members are written as the agreement writes them. Names within a subtree pass byte for byte.
//! * **Subtrees** pass whole, save white space between their tokens.
//!
//! A projected document projected again is the same document.
//!
//! # Records and people
//! The unit that leaves is the *record*. A record comes out when it is complete; until then it is held, within a bound.
//! With it come the identifiers of the people it is about, from elements that are delivered or not. What surrounds
//! records comes out as it is known.
//!
//! # Answers instead of data
//! An element can be *derived*: it tells something about a value that is not delivered itself ([`Rule`]). The answer
//! comes last in the object in which it stands, once that is complete. What cannot be told, because its source is absent
//! or of another type, is not there and is counted; it is never `false`. Whoever receives the answer projects with plain
//! scalars and [`ElementType::Word`] in the places of derived elements, which does not change it.
//!
//! # What refuses a document
//! See [`FaultKind`]. All of the document is validated, what is skipped included. After a fault nothing of the current
//! record comes out, and nothing more is taken; complete records before it may have left.
#![forbid(unsafe_code)]

mod decimal;
mod derivation;
mod fault;
mod names;
mod output;
mod path;
mod pieces;
mod projection;
mod projector;
mod scan;
mod summary;

pub use decimal::{Decimal, DecimalError};
pub use derivation::{Band, Comparison, Constant, Derivation, Operator, Rule};
pub use fault::{Fault, FaultKind};
pub use path::{ElementPath, MAX_PATH_BYTES, MAX_PATH_STEPS, PathError, PathErrorKind, Step};
pub use pieces::{Piece, Pieces, Record, SubjectValue};
pub use projection::{
    Bounds, Element, ElementType, Form, MAX_ELEMENTS, Projection, ProjectionError, ScalarType,
};
pub use projector::Projector;
pub use summary::{ElementCount, Summary};
