//! The cryptography of every TLS connection here: with clients, with sites, and over ICAP.

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// What all of them use. The key exchange that is preferred is the hybrid X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): what is
/// recorded today stays closed to whoever has a quantum computer later, unless both of its parts are broken. Those who do not
/// know it get X25519 or a curve of NIST.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(test)]
mod tests {
    use rustls::NamedGroup;

    #[test]
    fn the_post_quantum_exchange_is_offered_first_and_the_usual_ones_behind_it() {
        let groups: Vec<_> = super::provider().kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(groups.first(), Some(&NamedGroup::X25519MLKEM768), "{groups:?}");
        assert!(groups.contains(&NamedGroup::X25519) && groups.contains(&NamedGroup::secp256r1), "{groups:?}");
    }
}
