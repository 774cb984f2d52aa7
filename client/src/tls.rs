//! Certificates, and how QUIC is set up.

use std::sync::Arc;
use std::time::Duration;

use gomera_model::silbo::ALPN;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{AckFrequencyConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};

use crate::error::BuildError;
use crate::limits::{ACK_DELAY_MAX, KEEP_ALIVES, RECEIVE_BYTES, RTT_INITIAL, SEND_BYTES, STREAMS};

/// What a client shows of itself, in PEM form.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificates: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// Everything that a connection needs to know beforehand.
pub(crate) fn configure(
    authorities: &[u8],
    identity: Option<&Identity>,
    silence_max: Duration,
) -> Result<quinn::ClientConfig, BuildError> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities) {
        roots.add(authority?)?;
    }
    if roots.is_empty() {
        return Err(BuildError::NoAuthority);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => {
            let certificates: Result<_, _> =
                CertificateDer::pem_slice_iter(&identity.certificates).collect();
            let key = PrivateKeyDer::from_pem_slice(&identity.key)?;
            config.with_client_auth_cert(certificates?, key)?
        }
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?));
    config.transport_config(Arc::new(transport(silence_max)));
    Ok(config)
}

fn transport(silence_max: Duration) -> TransportConfig {
    let mut acknowledging = AckFrequencyConfig::default();
    acknowledging.max_ack_delay(Some(ACK_DELAY_MAX));
    // What does not fit the 62 bits of milliseconds of the wire is as good as no limit.
    let idle = IdleTimeout::try_from(silence_max).ok();
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .max_idle_timeout(idle)
        .keep_alive_interval(Some(silence_max / KEEP_ALIVES))
        .initial_rtt(RTT_INITIAL)
        .ack_frequency_config(Some(acknowledging))
        .stream_receive_window(VarInt::from_u32(RECEIVE_BYTES))
        .receive_window(VarInt::from_u32(RECEIVE_BYTES))
        .send_window(SEND_BYTES)
        .datagram_receive_buffer_size(None);
    transport
}
