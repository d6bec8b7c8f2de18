//! Data key pairs: made for the caller, the private half sealed under a symmetric key.
//!
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKeyPair.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::api::{GenerateDataKeyPairInput, GenerateDataKeyPairOutput, to_base64};
use super::ciphertext;
use super::encrypt::{current_material_id, to_use, unless_dry};
use super::keys::refuse_recipient;
use super::private_key::PrivateKey;

pub(super) fn generate(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GenerateDataKeyPairInput,
) -> Result<GenerateDataKeyPairOutput> {
    let (output, private) = made(tx, context, input, "GenerateDataKeyPair")?;
    Ok(GenerateDataKeyPairOutput {
        private_key_plaintext: Some(to_base64(&private)),
        ..output
    })
}

pub(super) fn generate_without_plaintext(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GenerateDataKeyPairInput,
) -> Result<GenerateDataKeyPairOutput> {
    Ok(made(tx, context, input, "GenerateDataKeyPairWithoutPlaintext")?.0)
}

fn made(
    tx: &Tx<'_>,
    context: &Context,
    input: GenerateDataKeyPairInput,
    operation: &str,
) -> Result<(GenerateDataKeyPairOutput, Vec<u8>)> {
    refuse_recipient(operation, input.recipient.as_ref())?;
    let bound_to = &input.encryption_context;
    let key = to_use(tx, context, &input.key_id, operation, bound_to)?;
    super::spec::check_symmetric(&key, operation)?;
    unless_dry(input.dry_run)?;
    let pair = PrivateKey::generate(&input.key_pair_spec, &context.ids)?;
    let private = pair.to_der()?;
    let blob = ciphertext::seal(&context.ids, &key, bound_to, &private)?;
    let output = GenerateDataKeyPairOutput {
        private_key_ciphertext_blob: to_base64(&blob),
        private_key_plaintext: None,
        public_key: to_base64(&pair.public_der()?),
        key_id: key.arn(),
        key_pair_spec: input.key_pair_spec,
        key_material_id: current_material_id(&key),
    };
    Ok((output, private))
}
