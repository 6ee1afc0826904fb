//! Connections between real sockets, with certificates of the test authority.

mod identity;
mod limits;
mod resending;
mod routing;
mod standing;
mod world;
