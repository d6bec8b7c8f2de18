//! Who may do what: IAM and STS, and the one door that every call passes.
//!
//! The two know each other: a session's standing is its role's, and a role is taken on through STS. All
//! other services stand above this crate; of them it knows nothing but the words in policies.

pub mod iam;
pub mod sts;

use cumulet_engine::registry::{Denial, Service};

/// Both services, as the rest of the house knows them.
pub fn services() -> [Service; 2] {
    [
        Service::new("iam", Denial::Xml, iam::operations())
            .with_tables(100, iam::TABLES)
            .with_resource_types(iam::resource_types()),
        Service::new("sts", Denial::Xml, sts::operations()).with_tables(200, sts::TABLES),
    ]
}

#[cfg(test)]
fn testing_house() -> cumulet_fixture::house::House {
    use cumulet_engine::Registry;

    // KMS stands for all who are asked for permission.
    let all = services().into_iter().chain([cumulet_kms::service()]);
    cumulet_fixture::house::House::new(Registry::new(all, iam::authorise))
}
