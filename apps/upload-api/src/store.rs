//! The bucket and the table, through the official SDK.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use cumulet_stack::SdkConfig;

use crate::item::Stored;
use crate::request::Upload;
use crate::uploads::Places;

#[derive(Clone, Debug)]
pub(crate) struct Store {
    files: aws_sdk_s3::Client,
    products: aws_sdk_dynamodb::Client,
}

impl Store {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self {
            files: aws_sdk_s3::Client::new(config),
            products: aws_sdk_dynamodb::Client::new(config),
        }
    }

    /// Stores the file and returns its version.
    pub(crate) async fn put_file(
        &self,
        places: &Places,
        upload: &Upload,
        metadata: Vec<(&str, String)>,
    ) -> Result<Option<String>, aws_sdk_s3::Error> {
        let mut request = self
            .files
            .put_object()
            .bucket(&places.bucket)
            .key(upload.key())
            .content_type("application/octet-stream");
        for (name, value) in metadata {
            request = request.metadata(name, value);
        }
        let body = ByteStream::from(upload.content.clone());
        Ok(request.body(body).send().await?.version_id)
    }

    /// Removes exactly the version that was stored, so what was there before is current again.
    pub(crate) async fn remove_file(
        &self,
        places: &Places,
        stored: &Stored,
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
        item: HashMap<String, AttributeValue>,
    ) -> Result<(), aws_sdk_dynamodb::Error> {
        let request = self.products.put_item().table_name(&places.table);
        request.set_item(Some(item)).send().await?;
        Ok(())
    }
}
