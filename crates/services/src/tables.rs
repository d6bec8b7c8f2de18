//! The numbers of all tables in the store. They are on disk: add, never change or reuse.
//!
//! Numbers below 100 are the kernel's; each service has a block of a hundred and declares its tables
//! beside the records they hold, in its `state.rs`:
//! 100 iam, 200 sts, 300 kms, 400 logs, 500 ssm, 600 secretsmanager, 700 sqs, 800 cloudwatch,
//! 900 xray, 1000 s3, 1100 dynamodb, 1200 lambda, 1300 apigateway, 1400 cloudformation.

use cumulet_kernel::Table;

use crate::{
    apigateway, cloudformation, cloudwatch, dynamodb, iam, kms, lambda, logs, s3, secretsmanager,
    sqs, ssm, sts, xray,
};

const BLOCK: u16 = 100;

/// Every service's tables, with the first number of its block.
pub fn all() -> Vec<(u16, &'static [Table])> {
    vec![
        (100, iam::TABLES),
        (200, sts::TABLES),
        (300, kms::TABLES),
        (400, logs::TABLES),
        (500, ssm::TABLES),
        (600, secretsmanager::TABLES),
        (700, sqs::TABLES),
        (800, cloudwatch::TABLES),
        (900, xray::TABLES),
        (1000, s3::TABLES),
        (1100, dynamodb::TABLES),
        (1200, lambda::TABLES),
        (1300, apigateway::TABLES),
        (1400, cloudformation::TABLES),
    ]
}

/// The name of a stored key's table, for those who look at a store from outside.
pub fn name_of(number: u16) -> Option<&'static str> {
    let block = all()
        .into_iter()
        .find(|(first, _)| (*first..first + BLOCK).contains(&number));
    block?
        .1
        .iter()
        .find(|table| table.number == number)
        .map(|table| table.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_number_and_name_of_its_own_in_its_services_block() {
        let mut seen = Vec::new();
        for (first, tables) in all() {
            for table in tables {
                assert!(
                    (first..first + BLOCK).contains(&table.number),
                    "{table:?} lies outside its block"
                );
                assert!(!seen.contains(&table.number), "{table:?} is there twice");
                assert_eq!(name_of(table.number), Some(table.name));
                seen.push(table.number);
            }
        }
    }
}
