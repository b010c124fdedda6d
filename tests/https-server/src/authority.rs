//! Certificates for one server, good or bad.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::Flaw;

pub(crate) struct Certificates {
    /// What clients trust.
    pub(crate) authority_pem: String,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Certificates {
    pub(crate) fn issue(host: &str, flaw: Option<Flaw>) -> Self {
        let trusted = authority();
        let issuer = match flaw {
            Some(Flaw::Untrusted) => &authority(),
            _ => &trusted,
        };
        let host = match flaw {
            Some(Flaw::OtherHost) => format!("other-{host}"),
            _ => host.to_owned(),
        };
        let mut wanted = CertificateParams::new([host]).unwrap();
        if flaw == Some(Flaw::Expired) {
            wanted.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = wanted.signed_by(&key, issuer).unwrap();
        Self {
            authority_pem: trusted.pem(),
            certificate: certificate.der().clone(),
            key,
        }
    }

    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key);
        Arc::new(config.unwrap())
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut wanted = CertificateParams::default();
    wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    wanted.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    wanted
        .distinguished_name
        .push(DnType::CommonName, "krb5-fido tests");
    CertifiedIssuer::self_signed(wanted, KeyPair::generate().unwrap()).unwrap()
}
