//! The QUIC client library.
