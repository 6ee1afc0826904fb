//! Several participants in one test process: separate databases, certificates and ports on the loopback interface.

mod contracts;
mod delivery;
mod faces;
mod organisation;
mod revocation;
mod wire;

type TestResult = Result<(), Box<dyn std::error::Error>>;
