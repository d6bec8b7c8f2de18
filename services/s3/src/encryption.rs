//! How a body is encrypted: by whose key, and how its data key is kept.
//!
//! Every body has a data key of its own. It is stored sealed: under S3's key (SSE-S3), by KMS as the
//! caller (SSE-KMS), or under the key the customer brought (SSE-C). Whoever cannot open the data key
//! cannot read the body, we included.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::seal::SealKey;
use cumulet_kernel::{Key, Tx};
use cumulet_kms as kms;
use cumulet_kms::EncryptionContext;
use md5::{Digest, Md5};

use super::api::{CustomerKey, EncryptionAnswer, EncryptionRequest};
use super::errors::{access_denied, invalid_argument, invalid_request};
use super::state::{Bucket, Encryption, KEYS};

pub(crate) const AES256: &str = "AES256";
const KMS: &str = "aws:kms";
const DSSE: &str = "aws:kms:dsse";
/// How a record names a customer's key.
const CUSTOMER: &str = "SSE-C";
const KEY_PURPOSE: &[u8] = b"s3 data key";

/// What was decided for a new body.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    algorithm: String,
    key_id: Option<String>,
    /// Where a bare key id is looked up: the bucket's account if its default names the key.
    key_account: Option<String>,
    bucket_key: bool,
    context: EncryptionContext,
    customer: Option<OpenCustomerKey>,
}

/// A customer's key, checked.
#[derive(Clone, Debug)]
struct OpenCustomerKey {
    key: SealKey,
    md5: String,
}

/// A data key in the clear, and how it is kept.
#[derive(Clone, Debug)]
pub(crate) struct DataKey {
    pub(crate) plain: SealKey,
    pub(crate) encryption: Encryption,
}

impl Choice {
    /// Whether the ETag is the MD5 of the body.
    pub(crate) fn etag_is_md5(&self) -> bool {
        self.algorithm == AES256
    }
}

/// Decides by the request, or else by the bucket's default.
pub(crate) fn choose(bucket: &Bucket, request: &EncryptionRequest) -> Result<Choice> {
    if let Some(customer) = open_customer_key(&request.customer)? {
        return choose_customer(bucket, request, customer);
    }
    let algorithm = request.server_side_encryption.as_deref();
    if request.kms_key_id.is_some() && !matches!(algorithm, Some(KMS | DSSE)) {
        return Err(needs_kms_header(algorithm.unwrap_or_default()));
    }
    let default = &bucket.encryption;
    let Some(algorithm) = algorithm else {
        return Ok(Choice {
            algorithm: default.algorithm.clone(),
            key_id: default.key_id.clone(),
            key_account: Some(bucket.account.clone()),
            bucket_key: default.algorithm == KMS
                && request.bucket_key_enabled.unwrap_or(default.bucket_key),
            context: EncryptionContext::new(),
            customer: None,
        });
    };
    if ![AES256, KMS, DSSE].contains(&algorithm) {
        let message = "The encryption method specified is not supported";
        return Err(invalid_argument(
            message,
            "x-amz-server-side-encryption",
            algorithm,
        ));
    }
    let own_key = request.kms_key_id.clone();
    let takes_default_key = own_key.is_none() && default.algorithm == algorithm;
    Ok(Choice {
        algorithm: algorithm.to_owned(),
        key_account: (own_key.is_none()).then(|| bucket.account.clone()),
        key_id: own_key.or_else(|| default.key_id.clone().filter(|_| takes_default_key)),
        bucket_key: algorithm == KMS && request.bucket_key_enabled.unwrap_or(default.bucket_key),
        context: requested_context(request)?,
        customer: None,
    })
}

fn choose_customer(
    bucket: &Bucket,
    request: &EncryptionRequest,
    customer: OpenCustomerKey,
) -> Result<Choice> {
    if let Some(algorithm) = &request.server_side_encryption {
        let message = "Server Side Encryption with Customer provided key is incompatible with the \
                       encryption method specified";
        return Err(invalid_argument(
            message,
            "x-amz-server-side-encryption",
            algorithm,
        ));
    }
    if bucket.encryption.blocks_customer_keys {
        return Err(access_denied());
    }
    Ok(Choice {
        algorithm: CUSTOMER.to_owned(),
        key_id: None,
        key_account: None,
        bucket_key: false,
        context: EncryptionContext::new(),
        customer: Some(customer),
    })
}

fn needs_kms_header(algorithm: &str) -> Error {
    let message = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                   x-amz-server-side-encryption : aws:kms";
    invalid_argument(message, "x-amz-server-side-encryption", algorithm)
}

fn requested_context(request: &EncryptionRequest) -> Result<EncryptionContext> {
    let Some(encoded) = &request.kms_encryption_context else {
        return Ok(EncryptionContext::new());
    };
    let decoded = BASE64.decode(encoded).ok();
    decoded
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| {
            let message = "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded \
                           UTF-8 string holding JSON which represents a string-string map";
            invalid_argument(message, "x-amz-server-side-encryption-context", encoded)
        })
}

fn open_customer_key(customer: &CustomerKey) -> Result<Option<OpenCustomerKey>> {
    const HEADER: &str = "x-amz-server-side-encryption-customer-algorithm";
    let (Some(algorithm), Some(key)) = (&customer.algorithm, &customer.key) else {
        return match (&customer.algorithm, &customer.key, &customer.key_md5) {
            (None, None, None) => Ok(None),
            (None, _, _) => Err(invalid_argument(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a \
                 valid encryption algorithm.",
                HEADER,
                "null",
            )),
            _ => Err(invalid_argument(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an \
                 appropriate secret key.",
                "x-amz-server-side-encryption",
                "null",
            )),
        };
    };
    if algorithm != AES256 {
        let message = "The Encryption request you specified is not valid. Supported value: AES256.";
        return Err(Error::new("InvalidEncryptionAlgorithmError", message)
            .member("ArgumentName", "x-amz-server-side-encryption")
            .member("ArgumentValue", algorithm.as_str()));
    }
    check_customer_key(key, customer.key_md5.as_deref()).map(Some)
}

fn check_customer_key(encoded: &str, md5: Option<&str>) -> Result<OpenCustomerKey> {
    const HEADER: &str = "x-amz-server-side-encryption-customer-key";
    let key: Option<[u8; 32]> = BASE64
        .decode(encoded)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    let key = key.ok_or_else(|| {
        let message = "The secret key was invalid for the specified algorithm.";
        invalid_argument(message, "x-amz-server-side-encryption", "null")
    })?;
    let calculated = BASE64.encode(Md5::digest(key));
    if md5 != Some(calculated.as_str()) {
        let message =
            "The calculated MD5 hash of the key did not match the hash that was provided.";
        return Err(invalid_argument(message, HEADER, "null"));
    }
    Ok(OpenCustomerKey {
        key: SealKey::new(key),
        md5: calculated,
    })
}

/// A fresh data key for a body of `key` in `bucket`.
pub(crate) fn new_data_key(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    choice: &Choice,
) -> Result<DataKey> {
    match choice.algorithm.as_str() {
        KMS | DSSE => kms_data_key(tx, context, bucket, key, choice),
        _ => own_data_key(tx, context, bucket, choice),
    }
}

fn own_data_key(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    choice: &Choice,
) -> Result<DataKey> {
    let sealing = match &choice.customer {
        Some(customer) => customer.key.clone(),
        None => make_s3_key(tx, context, &bucket.account)?,
    };
    let plain = SealKey::generate(&context.ids);
    let encryption = Encryption {
        algorithm: choice.algorithm.clone(),
        customer_key_md5: choice
            .customer
            .as_ref()
            .map(|customer| customer.md5.clone()),
        sealed_key: sealing.seal(&context.ids, KEY_PURPOSE, plain.as_bytes()),
        ..Encryption::default()
    };
    Ok(DataKey { plain, encryption })
}

fn kms_data_key(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    choice: &Choice,
) -> Result<DataKey> {
    let account = choice.key_account.as_deref().unwrap_or(&context.account);
    let context = context.located(account, &bucket.region).through("s3");
    let key_id = match &choice.key_id {
        Some(key_id) => key_id.clone(),
        None => kms::aws_managed_key(tx, &context, "s3").map_err(kms_error)?,
    };
    let arn = if choice.bucket_key {
        bucket.arn()
    } else {
        bucket.object_arn(key)
    };
    let mut encryption_context = choice.context.clone();
    encryption_context.insert("aws:s3:arn".into(), arn);
    let data_key =
        kms::generate_data_key(tx, &context, &key_id, &encryption_context).map_err(kms_error)?;
    Ok(DataKey {
        plain: data_key.plaintext,
        encryption: Encryption {
            algorithm: choice.algorithm.clone(),
            key_arn: Some(data_key.key_arn),
            bucket_key: choice.bucket_key,
            context: encryption_context,
            customer_key_md5: None,
            sealed_key: data_key.ciphertext,
        },
    })
}

/// Opens the data key of a stored body, as the caller.
pub(crate) fn open_data_key(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    encryption: &Encryption,
    customer: &CustomerKey,
) -> Result<SealKey> {
    let customer = match_customer_key(encryption, customer)?;
    let sealing = match encryption.algorithm.as_str() {
        KMS | DSSE => {
            let context = context
                .located(&context.account, &bucket.region)
                .through("s3");
            return kms::decrypt_data_key(
                tx,
                &context,
                &encryption.sealed_key,
                &encryption.context,
            )
            .map_err(kms_error);
        }
        _ => match customer {
            Some(customer) => customer.key,
            None => {
                s3_key(tx, &bucket.account)?.ok_or_else(|| Error::internal("S3's key is gone"))?
            }
        },
    };
    open_with(&sealing, &encryption.sealed_key)
}

/// Refuses a read whose customer key does not fit the object, or comes uncalled for.
pub(crate) fn check_customer(encryption: &Encryption, customer: &CustomerKey) -> Result<()> {
    match_customer_key(encryption, customer).map(drop)
}

fn match_customer_key(
    encryption: &Encryption,
    customer: &CustomerKey,
) -> Result<Option<OpenCustomerKey>> {
    let given = open_customer_key(customer)?;
    match (&encryption.customer_key_md5, &given) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(invalid_request(
            "The encryption parameters are not applicable to this object.",
        )),
        (Some(_), None) => Err(invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be \
             provided to retrieve the object.",
        )),
        (Some(stored), Some(key)) if *stored != key.md5 => Err(Error::access_denied(
            "Requests specifying Server Side Encryption with Customer provided keys must provide the \
             correct secret key.",
        )),
        _ => Ok(given),
    }
}

/// The key of a part, sealed under the data key of its upload.
pub(crate) fn part_key(context: &Context, data_key: &SealKey, of: &Encryption) -> DataKey {
    let plain = SealKey::generate(&context.ids);
    let sealed_key = data_key.seal(&context.ids, KEY_PURPOSE, plain.as_bytes());
    let encryption = Encryption {
        sealed_key,
        ..of.clone()
    };
    DataKey { plain, encryption }
}

/// Opens a key that [`part_key`] sealed.
pub(crate) fn open_with(sealing: &SealKey, sealed_key: &[u8]) -> Result<SealKey> {
    let opened = sealing.open(KEY_PURPOSE, sealed_key).ok();
    let key: Option<[u8; 32]> = opened.and_then(|bytes| bytes.try_into().ok());
    key.map(SealKey::new)
        .ok_or_else(|| Error::internal("a data key does not open"))
}

fn s3_key(tx: &Tx<'_>, account: &str) -> Result<Option<SealKey>> {
    let stored = tx.get(KEYS, Key::new().text(account))?;
    let key: Option<[u8; 32]> = stored.and_then(|bytes| bytes.try_into().ok());
    Ok(key.map(SealKey::new))
}

fn make_s3_key(tx: &mut Tx<'_>, context: &Context, account: &str) -> Result<SealKey> {
    if let Some(key) = s3_key(tx, account)? {
        return Ok(key);
    }
    let key = SealKey::generate(&context.ids);
    tx.put(KEYS, Key::new().text(account), key.as_bytes().to_vec())?;
    Ok(key)
}

/// KMS's refusals as S3 hands them on.
fn kms_error(mut error: Error) -> Error {
    if error.is_access_denied() {
        return Error::access_denied(error.message);
    }
    if error.status < 500 {
        error.code = format!("KMS.{}", error.code).into();
        error.status = 400;
    }
    error
}

/// What answers say of an encryption.
pub(crate) fn answer(encryption: &Encryption) -> EncryptionAnswer {
    if let Some(md5) = &encryption.customer_key_md5 {
        return EncryptionAnswer {
            customer_algorithm: Some(AES256.into()),
            customer_key_md5: Some(md5.clone()),
            ..EncryptionAnswer::default()
        };
    }
    EncryptionAnswer {
        server_side_encryption: Some(encryption.algorithm.clone()),
        kms_key_id: encryption.key_arn.clone(),
        bucket_key_enabled: encryption.bucket_key.then_some(true),
        ..EncryptionAnswer::default()
    }
}
