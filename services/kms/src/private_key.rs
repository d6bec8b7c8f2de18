//! The private halves of asymmetric keys: what is computed with them, and nothing of who may.
//!
//! They are stored as PKCS #8, so any other tool could take them over; random numbers come from the
//! caller's source of ids like all others.

use std::convert::Infallible;

use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Ids;
use p256::elliptic_curve::Generate;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use rsa::{Oaep, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The installation's source of random bytes, as the ciphers ask for it.
struct Random<'i>(&'i Ids);

impl TryRng for Random<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.0.bytes()))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.0.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Random<'_> {}

pub(super) enum PrivateKey {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    P521(p521::SecretKey),
    K256(k256::SecretKey),
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("a private key cannot be used: {error}"))
}

impl PrivateKey {
    /// A new key of a spec. Making an RSA key takes a second or so.
    pub(super) fn generate(spec: &str, ids: &Ids) -> Result<Self> {
        let random = &mut Random(ids);
        let rsa = |bits: usize, random: &mut Random<'_>| {
            let key = RsaPrivateKey::new(random, bits).map_err(broken)?;
            Ok(Self::Rsa(Box::new(key)))
        };
        match spec {
            "RSA_2048" => rsa(2048, random),
            "RSA_3072" => rsa(3072, random),
            "RSA_4096" => rsa(4096, random),
            "ECC_NIST_P256" => Ok(Self::P256(p256::SecretKey::generate_from_rng(random))),
            "ECC_NIST_P384" => Ok(Self::P384(p384::SecretKey::generate_from_rng(random))),
            "ECC_NIST_P521" => Ok(Self::P521(p521::SecretKey::generate_from_rng(random))),
            "ECC_SECG_P256K1" => Ok(Self::K256(k256::SecretKey::generate_from_rng(random))),
            other => Err(Error::not_implemented(format!("kms: keys of spec {other}"))),
        }
    }

    pub(super) fn from_der(spec: &str, der: &[u8]) -> Result<Self> {
        match spec {
            "ECC_NIST_P256" => p256::SecretKey::from_pkcs8_der(der)
                .map(Self::P256)
                .map_err(broken),
            "ECC_NIST_P384" => p384::SecretKey::from_pkcs8_der(der)
                .map(Self::P384)
                .map_err(broken),
            "ECC_NIST_P521" => p521::SecretKey::from_pkcs8_der(der)
                .map(Self::P521)
                .map_err(broken),
            "ECC_SECG_P256K1" => k256::SecretKey::from_pkcs8_der(der)
                .map(Self::K256)
                .map_err(broken),
            _ => RsaPrivateKey::from_pkcs8_der(der)
                .map(|key| Self::Rsa(Box::new(key)))
                .map_err(broken),
        }
    }

    /// PKCS #8.
    pub(super) fn to_der(&self) -> Result<Vec<u8>> {
        let document = match self {
            Self::Rsa(key) => key.to_pkcs8_der(),
            Self::P256(key) => key.to_pkcs8_der(),
            Self::P384(key) => key.to_pkcs8_der(),
            Self::P521(key) => key.to_pkcs8_der(),
            Self::K256(key) => key.to_pkcs8_der(),
        };
        Ok(document.map_err(broken)?.as_bytes().to_vec())
    }

    /// The public half as SubjectPublicKeyInfo.
    pub(super) fn public_der(&self) -> Result<Vec<u8>> {
        let document = match self {
            Self::Rsa(key) => key.to_public_key().to_public_key_der(),
            Self::P256(key) => key.public_key().to_public_key_der(),
            Self::P384(key) => key.public_key().to_public_key_der(),
            Self::P521(key) => key.public_key().to_public_key_der(),
            Self::K256(key) => key.public_key().to_public_key_der(),
        };
        Ok(document.map_err(broken)?.into_vec())
    }

    /// Signs a digest that has the length of the algorithm's. ECDSA signatures are DER.
    pub(super) fn sign(&self, ids: &Ids, algorithm: &str, digest: &[u8]) -> Result<Vec<u8>> {
        macro_rules! ecdsa {
            ($curve:ident, $key:expr) => {{
                let signer = $curve::ecdsa::SigningKey::from($key);
                let signature: $curve::ecdsa::Signature =
                    signer.sign_prehash(digest).map_err(broken)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }};
        }
        match self {
            Self::Rsa(key) => sign_rsa(key, ids, algorithm, digest),
            Self::P256(key) => ecdsa!(p256, key),
            Self::P384(key) => ecdsa!(p384, key),
            Self::P521(key) => ecdsa!(p521, key),
            Self::K256(key) => ecdsa!(k256, key),
        }
    }

    pub(super) fn verifies(&self, algorithm: &str, digest: &[u8], signature: &[u8]) -> bool {
        macro_rules! ecdsa {
            ($curve:ident, $key:expr) => {{
                let verifier = $curve::ecdsa::VerifyingKey::from($key.public_key());
                let signature = $curve::ecdsa::Signature::from_der(signature);
                // Both signatures that differ in the sign of s are right.
                signature.is_ok_and(|signature| {
                    let other = signature.normalize_s();
                    verifier.verify_prehash(digest, &signature).is_ok()
                        || verifier.verify_prehash(digest, &other).is_ok()
                })
            }};
        }
        match self {
            Self::Rsa(key) => verifies_rsa(&key.to_public_key(), algorithm, digest, signature),
            Self::P256(key) => ecdsa!(p256, key),
            Self::P384(key) => ecdsa!(p384, key),
            Self::P521(key) => ecdsa!(p521, key),
            Self::K256(key) => ecdsa!(k256, key),
        }
    }

    /// The shared secret with another's public key; `None` where that is no key of this curve.
    pub(super) fn agree(&self, public_der: &[u8]) -> Option<Vec<u8>> {
        macro_rules! ecdh {
            ($curve:ident, $key:expr) => {{
                let other = $curve::PublicKey::from_public_key_der(public_der).ok()?;
                let shared =
                    $curve::ecdh::diffie_hellman($key.to_nonzero_scalar(), other.as_affine());
                Some(shared.raw_secret_bytes().to_vec())
            }};
        }
        match self {
            Self::P256(key) => ecdh!(p256, key),
            Self::P384(key) => ecdh!(p384, key),
            Self::P521(key) => ecdh!(p521, key),
            Self::Rsa(_) | Self::K256(_) => None,
        }
    }

    pub(super) fn encrypt(&self, ids: &Ids, algorithm: &str, plaintext: &[u8]) -> Result<Vec<u8>> {
        let Self::Rsa(key) = self else {
            return Err(broken("it does not encrypt"));
        };
        let (key, random) = (key.to_public_key(), &mut Random(ids));
        match algorithm {
            "RSAES_OAEP_SHA_1" => key.encrypt(random, Oaep::<Sha1>::new(), plaintext),
            _ => key.encrypt(random, Oaep::<Sha256>::new(), plaintext),
        }
        .map_err(broken)
    }

    /// `None` where the ciphertext was not made so under this key.
    pub(super) fn decrypt(&self, ids: &Ids, algorithm: &str, blob: &[u8]) -> Option<Vec<u8>> {
        let Self::Rsa(key) = self else {
            return None;
        };
        let random = &mut Random(ids);
        match algorithm {
            "RSAES_OAEP_SHA_1" => key.decrypt_blinded(random, Oaep::<Sha1>::new(), blob),
            _ => key.decrypt_blinded(random, Oaep::<Sha256>::new(), blob),
        }
        .ok()
    }
}

fn sign_rsa(key: &RsaPrivateKey, ids: &Ids, algorithm: &str, digest: &[u8]) -> Result<Vec<u8>> {
    let random = &mut Random(ids);
    match algorithm {
        "RSASSA_PSS_SHA_256" => key.sign_with_rng(random, Pss::<Sha256>::new(), digest),
        "RSASSA_PSS_SHA_384" => key.sign_with_rng(random, Pss::<Sha384>::new(), digest),
        "RSASSA_PSS_SHA_512" => key.sign_with_rng(random, Pss::<Sha512>::new(), digest),
        "RSASSA_PKCS1_V1_5_SHA_256" => {
            key.sign_with_rng(random, Pkcs1v15Sign::new::<Sha256>(), digest)
        }
        "RSASSA_PKCS1_V1_5_SHA_384" => {
            key.sign_with_rng(random, Pkcs1v15Sign::new::<Sha384>(), digest)
        }
        _ => key.sign_with_rng(random, Pkcs1v15Sign::new::<Sha512>(), digest),
    }
    .map_err(broken)
}

fn verifies_rsa(key: &RsaPublicKey, algorithm: &str, digest: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        "RSASSA_PSS_SHA_256" => key.verify(Pss::<Sha256>::new(), digest, signature),
        "RSASSA_PSS_SHA_384" => key.verify(Pss::<Sha384>::new(), digest, signature),
        "RSASSA_PSS_SHA_512" => key.verify(Pss::<Sha512>::new(), digest, signature),
        "RSASSA_PKCS1_V1_5_SHA_256" => key.verify(Pkcs1v15Sign::new::<Sha256>(), digest, signature),
        "RSASSA_PKCS1_V1_5_SHA_384" => key.verify(Pkcs1v15Sign::new::<Sha384>(), digest, signature),
        _ => key.verify(Pkcs1v15Sign::new::<Sha512>(), digest, signature),
    }
    .is_ok()
}

/// The digest that an algorithm's name ends in, of a message.
pub(super) fn digest(algorithm: &str, message: &[u8]) -> Vec<u8> {
    match algorithm.rsplit('_').next() {
        Some("256") => Sha256::digest(message).to_vec(),
        Some("384") => Sha384::digest(message).to_vec(),
        _ => Sha512::digest(message).to_vec(),
    }
}

/// How many bytes that digest has.
pub(super) fn digest_bytes(algorithm: &str) -> usize {
    match algorithm.rsplit('_').next() {
        Some("256") => 32,
        Some("384") => 48,
        _ => 64,
    }
}
