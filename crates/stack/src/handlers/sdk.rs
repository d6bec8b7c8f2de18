//! The SDK's configuration of a function: as AWS gives it, with limits that a waiting caller can bear.

use std::env;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::{Builder, tls};

/// With its retries. API Gateway gives up after 29 s, and a handler that cleans up makes three calls in a row.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS_MAX: u32 = 3;

pub(super) async fn configuration() -> SdkConfig {
    let endpoint = env::var("AWS_ENDPOINT_URL").ok();
    let builder = Builder::new();
    // Without TLS there are no root certificates to read, which is most of the time such a client takes to start.
    let client = if endpoint.is_some_and(|url| url.starts_with("http://")) {
        builder.build_http()
    } else {
        let ring = tls::rustls_provider::CryptoMode::Ring;
        builder
            .tls_provider(tls::Provider::Rustls(ring))
            .build_https()
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .load()
        .await
}
