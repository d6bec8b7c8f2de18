//! The services of this binary. What is not in this list answers `NotImplemented`.

use std::sync::{Arc, LazyLock};

use cumulet_engine::Registry;

static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| {
    let one_each = [
        cumulet_apigateway::service(),
        cumulet_cloudformation::service(),
        cumulet_cloudwatch::service(),
        cumulet_kms::service(),
        cumulet_lambda::service(),
        cumulet_logs::service(),
        cumulet_s3::service(),
        cumulet_secretsmanager::service(),
        cumulet_sqs::service(),
        cumulet_ssm::service(),
        cumulet_xray::service(),
    ];
    let all = one_each
        .into_iter()
        .chain(cumulet_dynamodb::services())
        .chain(cumulet_identity::services());
    Arc::new(Registry::new(all, cumulet_identity::iam::authorise))
});

pub(crate) fn registry() -> &'static Arc<Registry> {
    &REGISTRY
}

#[cfg(test)]
mod tests {
    use cumulet_engine::registry::TABLE_BLOCK;

    use super::registry;

    /// The numbers are on disk: a service adds to its block and never changes or reuses one.
    #[test]
    fn every_table_has_a_number_and_name_of_its_own_in_its_services_block() {
        let mut seen = Vec::new();
        for service in registry().services() {
            let (first, tables) = service.tables;
            for table in tables {
                let block = first..first + TABLE_BLOCK;
                assert!(
                    block.contains(&table.number),
                    "{table:?} lies outside its block"
                );
                assert!(!seen.contains(&table.number), "{table:?} is there twice");
                assert_eq!(registry().table_name(table.number), Some(table.name));
                seen.push(table.number);
            }
        }
    }
}
