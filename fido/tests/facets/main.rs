//! Facet lists from a real HTTPS server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cache;
mod cached_files;
mod process;
mod redirects;
mod responses;
mod servers;
