//! The tree of the journal, published for everybody who wants to check it (C2SP tlog-tiles): which files a grown tree needs, in which
//! order they appear, and the places where they stand.

mod bucket;
mod credentials;
mod directory;
mod follow;
mod http_service;
mod layout;
mod place;
mod problems;
mod publisher;

pub use self::{
    bucket::{Bucket, BucketName},
    credentials::Credentials,
    directory::Directory,
    follow::{Publication, PublicationState, Trouble},
    place::{Creation, Held, Place},
    publisher::{CHECKPOINT, Publisher, Step},
};
