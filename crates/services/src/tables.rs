//! The numbers of all tables in the store. They are on disk: add, never change or reuse.
//!
//! Numbers below 100 are the kernel's; each service has a block of a hundred and declares its tables
//! beside the records they hold, in its `state.rs`:
//! 100 iam, 200 sts, 300 kms, 400 logs, 500 ssm, 600 secretsmanager, 700 sqs, 800 cloudwatch,
//! 900 xray, 1000 s3, 1100 dynamodb, 1200 lambda, 1300 apigateway, 1400 cloudformation.

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use cumulet_kernel::Table;

    use crate::{
        apigateway, cloudformation, dynamodb, iam, kms, lambda, logs, s3, secretsmanager, sqs, ssm,
        sts,
    };

    #[test]
    fn every_table_has_a_number_and_name_of_its_own_in_its_services_block() {
        let blocks: [(Range<u16>, &[Table]); 12] = [
            (100..200, iam::TABLES),
            (200..300, sts::TABLES),
            (300..400, kms::TABLES),
            (400..500, logs::TABLES),
            (500..600, ssm::TABLES),
            (600..700, secretsmanager::TABLES),
            (700..800, sqs::TABLES),
            (1000..1100, s3::TABLES),
            (1100..1200, dynamodb::TABLES),
            (1200..1300, lambda::TABLES),
            (1300..1400, apigateway::TABLES),
            (1400..1500, cloudformation::TABLES),
        ];
        let mut seen = Vec::new();
        for (numbers, tables) in blocks {
            for table in tables {
                assert!(
                    numbers.contains(&table.number),
                    "{table:?} lies outside its block"
                );
                assert!(!seen.contains(&table.number), "{table:?} is there twice");
                seen.push(table.number);
            }
        }
    }
}
