//! The bucket and the table, through the official SDK.

use std::env;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::{Builder, tls};

use crate::item::Stored;
use crate::request::Upload;

/// API Gateway gives up after 29 s. Three calls at most follow each other (the file, the item, the file's removal),
/// so each has eight, retries included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Store {
    files: aws_sdk_s3::Client,
    products: aws_sdk_dynamodb::Client,
}

/// Where things are, as the stack told the function.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) bucket: String,
    pub(crate) table: String,
}

impl Places {
    pub(crate) fn from_environment() -> Option<Self> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Some(Self {
            bucket: set("BUCKET_NAME")?,
            table: set("TABLE_NAME")?,
        })
    }
}

impl Store {
    pub(crate) async fn from_environment() -> Self {
        let endpoint = env::var("AWS_ENDPOINT_URL").ok();
        let builder = Builder::new();
        // Without TLS there are no root certificates to read, which is most of the time such a client takes to start.
        let client = if endpoint.is_some_and(|url| url.starts_with("http://")) {
            builder.build_http()
        } else {
            builder
                .tls_provider(tls::Provider::Rustls(
                    tls::rustls_provider::CryptoMode::Ring,
                ))
                .build_https()
        };
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client)
            .load()
            .await;
        Self::new(&config)
    }

    pub(crate) fn new(config: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let retries = RetryConfig::standard().with_max_attempts(3);
        let config = config
            .to_builder()
            .timeout_config(timeouts)
            .retry_config(retries)
            .build();
        // A bucket is a name under AWS's domain; at any other endpoint it is a path.
        let path_style = config.endpoint_url().is_some();
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(path_style)
            .build();
        Self {
            files: aws_sdk_s3::Client::from_conf(s3),
            products: aws_sdk_dynamodb::Client::new(&config),
        }
    }

    /// Stores the file and returns its version.
    pub(crate) async fn put_file(
        &self,
        places: &Places,
        upload: &Upload,
    ) -> Result<Option<String>, aws_sdk_s3::Error> {
        let request = self
            .files
            .put_object()
            .bucket(&places.bucket)
            .key(upload.key());
        let body = ByteStream::from(upload.content.clone());
        let output = request
            .content_type("application/octet-stream")
            .body(body)
            .send()
            .await?;
        Ok(output.version_id)
    }

    /// Removes exactly the version that was stored, so what was there before is current again.
    pub(crate) async fn remove_file(
        &self,
        places: &Places,
        stored: &Stored<'_>,
    ) -> Result<(), aws_sdk_s3::Error> {
        let request = self
            .files
            .delete_object()
            .bucket(&places.bucket)
            .key(stored.upload.key());
        request
            .set_version_id(stored.version_id.clone())
            .send()
            .await?;
        Ok(())
    }

    pub(crate) async fn put_item(
        &self,
        places: &Places,
        stored: &Stored<'_>,
    ) -> Result<(), aws_sdk_dynamodb::Error> {
        let request = self.products.put_item().table_name(&places.table);
        request.set_item(Some(stored.item())).send().await?;
        Ok(())
    }
}
