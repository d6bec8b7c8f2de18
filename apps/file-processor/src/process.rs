//! What happens to a file: it is read once, whatever its size, and its digest and seal go to the log.

use cumulet_stack::{Failure, LambdaEvent, ObjectRecord, S3Event, SdkConfig, log, variable};
use hmac::Mac;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::metrics::Counts;
use crate::secret::{Credentials, Seal};

#[derive(Debug)]
pub(crate) struct Processor {
    files: aws_sdk_s3::Client,
    secrets: aws_sdk_secretsmanager::Client,
    metrics: aws_sdk_cloudwatch::Client,
    secret_id: String,
}

/// What is known of a file that was read.
struct Processed {
    size_bytes: u64,
    sha256: String,
    seal: String,
}

impl Processor {
    pub(crate) async fn start(config: SdkConfig) -> Result<Self, Failure> {
        Ok(Self::new(&config, variable("SECRET_ARN")?))
    }

    pub(crate) fn new(config: &SdkConfig, secret_id: String) -> Self {
        Self {
            files: aws_sdk_s3::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            metrics: aws_sdk_cloudwatch::Client::new(config),
            secret_id,
        }
    }

    /// Reads exactly the version that the event is about: the key may hold another file by now.
    async fn process_file(
        &self,
        record: &ObjectRecord,
        mut seal: Seal,
    ) -> Result<Processed, Failure> {
        let request = self
            .files
            .get_object()
            .bucket(&record.bucket)
            .key(&record.key);
        let version = record.version_id.clone();
        let mut body = request.set_version_id(version).send().await?.body;
        let mut digest = Sha256::new();
        let mut size_bytes = 0;
        while let Some(chunk) = body.try_next().await? {
            digest.update(&chunk);
            seal.update(&chunk);
            size_bytes += chunk.len() as u64;
        }
        Ok(Processed {
            size_bytes,
            sha256: hex::encode(digest.finalize()),
            seal: hex::encode(seal.finalize().into_bytes()),
        })
    }

    /// Every file of the event gets its turn; one that fails does not keep the others back.
    async fn process_files(
        &self,
        records: &[ObjectRecord],
        credentials: &Credentials,
    ) -> (Counts, Vec<String>) {
        let (mut counts, mut failures) = (Counts::default(), vec![]);
        for record in records {
            let outcome = async { self.process_file(record, credentials.seal()?).await }.await;
            match outcome {
                Ok(file) => {
                    log(&json!({
                        "level": "INFO", "event": "processed", "bucket": record.bucket, "key": record.key,
                        "versionId": record.version_id, "sizeBytes": file.size_bytes, "sha256": file.sha256,
                        "seal": file.seal, "sealedBy": credentials.username,
                    }));
                    counts.sizes_bytes.push(file.size_bytes);
                }
                Err(failure) => {
                    counts.processing_errors += 1;
                    failures.push(format!("{}: {}", record.key, failure.message));
                }
            }
        }
        (counts, failures)
    }
}

/// One invocation. It fails if one of its files did: Lambda then tries it again, and keeps it as a dead letter in the
/// end. A file that is processed twice is the same afterwards.
pub(crate) async fn process(
    processor: &Processor,
    event: LambdaEvent<S3Event>,
) -> Result<(), Failure> {
    let records = &event.payload.records;
    let credentials = Credentials::read(&processor.secrets, &processor.secret_id).await;
    let (counts, failures) = match credentials {
        Ok(credentials) => processor.process_files(records, &credentials).await,
        Err(failure) => (
            Counts {
                processing_errors: 1,
                ..Counts::default()
            },
            vec![failure.message],
        ),
    };
    // A file must not wait for a metric, so this failure is only told.
    if let Err(failure) = counts.publish(&processor.metrics).await {
        log(&json!({ "level": "WARN", "event": "unmeasured", "cause": failure.message }));
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Failure::new("ProcessingError", failures.join("; ")))
}

#[cfg(test)]
mod tests;
