//! The installation's own certificate authority: HTTPS without asking anybody.
//!
//! Its certificate is a file to be trusted by whoever chooses to (`AWS_CA_BUNDLE`, `NODE_EXTRA_CA_CERTS`); its key lies
//! sealed under the root key. Certificates for names are made when a client first asks for them and live in memory only.
//! The authority signs names that mean this machine and names that AWS serves under, and no others: whoever trusts it for
//! this engine does not hand it the rest of the web.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use cumulet_kernel::Ids;
use cumulet_kernel::root_key::RESEALED;
use cumulet_kernel::seal::{RootKey, SealKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::installation::{OpenError, write_private};

const CERTIFICATE_FILE: &str = "authority.pem";
const KEY_FILE: &str = "authority.key";
/// What its key is derived for.
const LABEL: &str = "certificate authority";
const PURPOSE: &[u8] = b"certificate authority";
const NAME: &str = "Cumulet local authority";
const YEARS: i32 = 10;

/// Domains that name this machine, and those of AWS's endpoints.
const DOMAINS: [&str; 5] = [
    "localhost",
    "localhost.localstack.cloud",
    "amazonaws.com",
    "on.aws",
    "api.aws",
];

/// A certificate and its key, for the listener.
pub(crate) struct Leaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// Signs certificates for the names of this installation.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// Names beyond [`DOMAINS`] that the person at the machine asked for.
    names: Vec<String>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authority")
    }
}

/// Seals the authority's key under another root key, for when that one takes the old one's place.
pub(crate) fn reseal(directory: &Path, old: &RootKey, new: &RootKey) -> std::io::Result<()> {
    let Ok(sealed) = std::fs::read(directory.join(KEY_FILE)) else {
        return Ok(());
    };
    let seal_key = |root_key: &RootKey| SealKey::new(root_key.derive(LABEL));
    let opened = seal_key(old).open(PURPOSE, &sealed);
    let opened = opened.map_err(|error| std::io::Error::other(error.to_string()))?;
    let sealed = seal_key(new).seal(&Ids::random(), PURPOSE, &opened);
    let path = directory.join(format!("{KEY_FILE}{RESEALED}"));
    write_private(&path, &sealed)
}

impl Authority {
    /// The authority of the installation in `directory`, made where there is none.
    pub(crate) fn load_or_make(
        directory: &Path,
        root_key: &RootKey,
        names: Vec<String>,
    ) -> Result<Self, OpenError> {
        let seal_key = SealKey::new(root_key.derive(LABEL));
        match Self::load(directory, &seal_key) {
            Some((certificate, key)) => Ok(Self {
                issuer: Issuer::new(parameters(), key),
                certificate,
                names,
            }),
            None => Self::make(directory, &seal_key, names),
        }
    }

    fn load(directory: &Path, seal_key: &SealKey) -> Option<(CertificateDer<'static>, KeyPair)> {
        use rustls::pki_types::pem::PemObject;

        let certificate = CertificateDer::from_pem_file(certificate_path(directory)).ok()?;
        let sealed = std::fs::read(directory.join(KEY_FILE)).ok()?;
        let key = seal_key.open(PURPOSE, &sealed).ok()?;
        let key = PrivatePkcs8KeyDer::from(key);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_ECDSA_P256_SHA256);
        Some((certificate, key.ok()?))
    }

    fn make(directory: &Path, seal_key: &SealKey, names: Vec<String>) -> Result<Self, OpenError> {
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = parameters().self_signed(&key).map_err(failed)?;
        let written = |error| OpenError::Folder(directory.display().to_string(), error);
        let sealed = seal_key.seal(&Ids::random(), PURPOSE, key.serialized_der());
        write_private(&directory.join(KEY_FILE), &sealed).map_err(written)?;
        let path = certificate_path(directory);
        write_private(&path, certificate.pem().as_bytes()).map_err(written)?;
        Ok(Self {
            issuer: Issuer::new(parameters(), key),
            certificate: certificate.der().clone(),
            names,
        })
    }

    /// Whether a certificate may be made for a name that a client asks for.
    pub(crate) fn covers(&self, name: &str) -> bool {
        let within = |domain: &str| {
            name.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let asked_for = self.names.iter().any(|known| known == name);
        asked_for || DOMAINS.into_iter().any(within)
    }

    /// A certificate for a name, or, where the client gave none, for the address it reached and all that mean this machine.
    pub(crate) fn issue(&self, name: Option<&str>, address: IpAddr) -> Result<Leaf, rcgen::Error> {
        let names = match name {
            Some(name) => vec![name.to_owned()],
            None => self.own_names(address),
        };
        let mut parameters = CertificateParams::new(names)?;
        parameters.distinguished_name = named(name.unwrap_or("localhost"));
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        set_validity(&mut parameters, 1);
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            chain: vec![certificate.der().clone(), self.certificate.clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    fn own_names(&self, address: IpAddr) -> Vec<String> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
        let address = address.to_canonical().to_string();
        if !names.contains(&address) {
            names.push(address);
        }
        names.extend(self.names.iter().cloned());
        names
    }
}

/// Where the certificate lies that clients are to trust.
pub(crate) fn certificate_path(directory: &Path) -> PathBuf {
    directory.join(CERTIFICATE_FILE)
}

/// The authority's own parameters; its name is part of every certificate it signs, so they are the same at every start.
fn parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = named(NAME);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut parameters, YEARS);
    parameters
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// From the first of last month, so that a clock that is behind does no harm, for so many years.
fn set_validity(parameters: &mut CertificateParams, years: i32) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let (year, month) = (i32::from(today.year()), today.month().unsigned_abs());
    let (from_year, from_month) = match month {
        1 => (year - 1, 12),
        month => (year, month - 1),
    };
    parameters.not_before = rcgen::date_time_ymd(from_year, from_month, 1);
    parameters.not_after = rcgen::date_time_ymd(from_year + years, from_month, 28);
}

fn failed(error: rcgen::Error) -> OpenError {
    OpenError::Certificate(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(directory: &Path) -> Authority {
        let root_key = RootKey::new([3; 32]);
        Authority::load_or_make(directory, &root_key, vec!["shop.example".into()])
            .expect("an authority")
    }

    #[test]
    fn an_authority_is_kept_sealed_and_signs_only_its_own_names() {
        let directory = tempfile::tempdir().expect("a directory");
        let made = authority(directory.path());
        let kept = authority(directory.path());
        assert_eq!(made.certificate, kept.certificate);
        let key = std::fs::read(directory.path().join(KEY_FILE)).expect("the key");
        let plain = kept.issuer.key().serialized_der();
        assert!(!key.windows(16).any(|window| plain.ends_with(window)));
        for name in [
            "localhost",
            "a.s3.localhost",
            "s3.us-east-1.amazonaws.com",
            "shop.example",
        ] {
            assert!(kept.covers(name), "{name}");
        }
        for name in [
            "example.com",
            "notlocalhost",
            "evilamazonaws.com",
            "www.shop.example",
            "",
        ] {
            assert!(!kept.covers(name), "{name}");
        }
    }
}
