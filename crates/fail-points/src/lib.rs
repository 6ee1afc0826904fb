//! Places on the way of an exchange at which a test has something go wrong.
//!
//! Without the feature `fail-points` the macros expand to nothing, so that a program that is released holds neither the
//! places nor their names. With it each place asks at every passage whether something has been arranged for it. Which
//! places there are, what may go wrong there and what must hold then stands in `drill/fail-points.md`; a test holds that
//! table against the sources.
#![forbid(unsafe_code)]

#[cfg(feature = "fail-points")]
mod arranged;

#[cfg(feature = "fail-points")]
pub use arranged::{begin, reach, reach_now};

/// Takes in what has been arranged, and listens for more; to be called once, at the start. Here nothing can be arranged.
#[cfg(not(feature = "fail-points"))]
pub const fn begin() {}

/// A place in an asynchronous function. With a second argument, an error can be arranged: the function returns what the
/// argument makes of the reason.
#[cfg(feature = "fail-points")]
#[macro_export]
macro_rules! fail_point {
    ($name:literal) => {{
        let _ = $crate::reach($name).await;
    }};
    ($name:literal, $made_of:expr) => {
        if let Some(reason) = $crate::reach($name).await {
            return ($made_of)(reason);
        }
    };
}

/// A place in an asynchronous function. In this build there is none.
#[cfg(not(feature = "fail-points"))]
#[macro_export]
macro_rules! fail_point {
    ($name:literal $(, $made_of:expr)?) => {};
}

/// A place where bytes are polled for: nothing can be waited for there, so that a delay holds up the thread.
#[cfg(feature = "fail-points")]
#[macro_export]
macro_rules! fail_point_polled {
    ($name:literal) => {{
        let _ = $crate::reach_now($name);
    }};
    ($name:literal, $made_of:expr) => {
        if let Some(reason) = $crate::reach_now($name) {
            return ($made_of)(reason);
        }
    };
}

/// A place where bytes are polled for. In this build there is none.
#[cfg(not(feature = "fail-points"))]
#[macro_export]
macro_rules! fail_point_polled {
    ($name:literal $(, $made_of:expr)?) => {};
}
