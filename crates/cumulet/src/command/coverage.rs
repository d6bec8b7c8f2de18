//! `cumulet coverage`: the difference between AWS's models and the OPERATIONS tables.

use crate::services::registry;
use cumulet_wire::model;
use serde_json::{Value, json};

use super::Failure;
use crate::cli::Coverage;
use crate::console::{Colour, paint, print};

/// A service of AWS, and what is built of it.
struct Covered {
    name: &'static str,
    built: Vec<&'static str>,
    missing: Vec<&'static str>,
}

pub(crate) fn run(arguments: &Coverage) -> Result<(), Failure> {
    let mut services: Vec<Covered> = model::services()
        .iter()
        .map(|listing| covered(listing.name))
        .collect();
    services.sort_by_key(|service| service.name);
    if let Some(wanted) = &arguments.service {
        services.retain(|service| service.name == wanted);
        if services.is_empty() {
            return Err(Failure::Usage(format!(
                "no service is called {wanted}; see: cumulet coverage"
            )));
        }
    }
    if arguments.json {
        let shown: Value = services
            .iter()
            .map(|service| (service.name.to_owned(), in_json(service)))
            .collect();
        print(&serde_json::to_string_pretty(&shown).unwrap_or_default());
    } else if arguments.markdown {
        print(&page(&services));
    } else {
        services
            .iter()
            .for_each(|service| show(service, arguments.service.is_some()));
    }
    Ok(())
}

fn covered(name: &'static str) -> Covered {
    let operations = model::service(name)
        .into_iter()
        .flat_map(|service| service.operations());
    let names = operations.map(|operation| operation.name);
    let (built, missing) =
        names.partition(|operation| registry().operation(name, operation).is_ok());
    Covered {
        name,
        built,
        missing,
    }
}

fn in_json(service: &Covered) -> Value {
    json!({ "built": service.built, "missing": service.missing })
}

fn show(service: &Covered, whole: bool) {
    let (built, all) = (
        service.built.len(),
        service.built.len() + service.missing.len(),
    );
    print(&format!("{:<16} {built:>4} of {all:>4}", service.name));
    if whole {
        service
            .built
            .iter()
            .for_each(|name| print(&format!("  {} {name}", paint("built  ", Colour::Green))));
        service
            .missing
            .iter()
            .for_each(|name| print(&format!("  {} {name}", paint("missing", Colour::Faint))));
    }
}

fn page(services: &[Covered]) -> String {
    let mut text = "# Coverage\n\nMade by `cumulet coverage --markdown` from AWS's models and the OPERATIONS tables. What is \
                    missing answers\n`NotImplemented` (501), naming itself.\n\n| service | built | of |\n| --- | --- | --- |\n"
        .to_owned();
    for service in services {
        let (built, all) = (
            service.built.len(),
            service.built.len() + service.missing.len(),
        );
        text.push_str(&format!("| {} | {built} | {all} |\n", service.name));
    }
    for service in services {
        let missing = if service.missing.is_empty() {
            "nothing".to_owned()
        } else {
            service.missing.join(", ")
        };
        let built = if service.built.is_empty() {
            "nothing".to_owned()
        } else {
            service.built.join(", ")
        };
        text.push_str(&format!(
            "\n## {}\n\nBuilt: {built}.\n\nMissing: {missing}.\n",
            service.name
        ));
    }
    text.trim_end().to_owned()
}
