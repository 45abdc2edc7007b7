//! The service that devices hold a TLS session with.
