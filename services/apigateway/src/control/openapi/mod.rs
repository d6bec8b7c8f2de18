//! APIs as documents: import from Swagger 2.0 and OpenAPI 3.0, and export to either.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api.html>

mod document;
mod export;
mod import;
mod method;
mod yaml;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use cumulet_wire::Timestamp;
use serde_json::Value;

use super::super::api::{Export, ExportInput, ImportRestApiInput};
use super::super::errors::{bad_request, no_deployment, no_stage};
use super::super::state::{self, Api, EndpointConfiguration, Place, RestApi};
use super::rest_apis::{check_endpoints, shown};
use super::{api_id, manage, with_tags};
use document::Document;
use import::{BasePath, Importer, blank};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "ImportRestApi",
            |_, context, _: &ImportRestApiInput| manage(context, "POST", "/restapis"),
            import_rest_api,
        ),
        Operation::write(
            "PutRestApi",
            |_, context, input: &ImportRestApiInput| {
                manage(context, "PUT", &format!("/restapis/{}", input.rest_api_id))
            },
            put_rest_api,
        ),
        Operation::read(
            "GetExport",
            |_, context, input: &ExportInput| {
                let ExportInput {
                    rest_api_id,
                    stage_name,
                    export_type,
                    ..
                } = input;
                let path =
                    format!("/restapis/{rest_api_id}/stages/{stage_name}/exports/{export_type}");
                manage(context, "GET", &path)
            },
            get_export,
        ),
    ]
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_ImportRestApi.html>
fn import_rest_api(tx: &mut Tx<'_>, context: &Context, input: ImportRestApiInput) -> Result<Value> {
    let types = input.parameters.get("endpointConfigurationTypes");
    let types = types.map_or("EDGE", String::as_str).split(',');
    let mut endpoints = EndpointConfiguration {
        types: types.map(str::to_owned).collect(),
        ..EndpointConfiguration::default()
    };
    check_endpoints(&mut endpoints)?;
    let mut api = Api {
        settings: RestApi {
            id: api_id(&context.ids),
            created_date: Timestamp::from_seconds(context.now.seconds()),
            api_key_source: "HEADER".to_owned(),
            endpoint_configuration: endpoints,
            ..RestApi::default()
        },
        ..Api::default()
    };
    blank(&mut api, &context.ids);
    let warnings = read_into(&mut api, context, &input)?;
    state::save_api(tx, Place::of(context), &api)?;
    Ok(with_warnings(
        serde_json::json!(shown(api.settings)),
        warnings,
    ))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_PutRestApi.html>
fn put_rest_api(tx: &mut Tx<'_>, context: &Context, input: ImportRestApiInput) -> Result<Value> {
    let place = Place::of(context);
    document_of(&input)?;
    let mut api = state::api(tx, place, &input.rest_api_id)?;
    if input.mode.as_deref() == Some("overwrite") {
        overwrite(&mut api, context, &input)?;
    }
    let warnings = read_into(&mut api, context, &input)?;
    state::save_api(tx, place, &api)?;
    Ok(with_warnings(
        with_tags(serde_json::json!(shown(api.settings))),
        warnings,
    ))
}

/// Leaves of an API what a document cannot say. A path that stays keeps its resource's id.
fn overwrite(api: &mut Api, context: &Context, input: &ImportRestApiInput) -> Result<()> {
    let mut fresh = Api {
        settings: RestApi {
            binary_media_types: Vec::new(),
            version: None,
            description: None,
            ..api.settings.clone()
        },
        ..Api::default()
    };
    blank(&mut fresh, &context.ids);
    let mut probe = fresh.clone();
    read_into(&mut probe, context, input)?;
    let stays = |path: &str| {
        let mut resources = probe.definition.resources.values();
        resources.any(|resource| resource.path == path)
    };
    for (id, resource) in &api.definition.resources {
        if stays(&resource.path) {
            let mut kept = resource.clone();
            kept.resource_methods.clear();
            fresh.definition.resources.insert(id.clone(), kept);
        }
    }
    *api = fresh;
    Ok(())
}

fn document_of(input: &ImportRestApiInput) -> Result<Document> {
    let invalid = || bad_request("Invalid OpenAPI input.");
    let body = STANDARD.decode(&input.body).map_err(|_| invalid())?;
    let text = String::from_utf8(body).map_err(|_| invalid())?;
    Document::parse(&text).ok_or_else(invalid)
}

/// Reads the input's document into an API; answers what is worth a warning.
fn read_into(api: &mut Api, context: &Context, input: &ImportRestApiInput) -> Result<Vec<String>> {
    let document = document_of(input)?;
    let base_path = BasePath::named(input.parameters.get("basepath").map(String::as_str))?;
    let mut importer = Importer {
        document: &document,
        api,
        ids: &context.ids,
        warnings: Vec::new(),
    };
    importer.import(base_path)?;
    let warnings = importer.warnings;
    if input.fail_on_warnings && !warnings.is_empty() {
        return Err(bad_request(format!(
            "Warnings found during import:\n\t{}",
            warnings.join("\n\t")
        )));
    }
    Ok(warnings)
}

fn with_warnings(mut answer: Value, warnings: Vec<String>) -> Value {
    if !warnings.is_empty() {
        answer["warnings"] = warnings.into();
    }
    answer
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetExport.html>
fn get_export(tx: &mut Tx<'_>, context: &Context, input: ExportInput) -> Result<Export> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    let stage = state::stage(tx, &input.rest_api_id, &input.stage_name)?.ok_or_else(no_stage)?;
    let deployment = state::deployment(tx, &input.rest_api_id, &stage.deployment_id)?;
    let deployment = deployment.ok_or_else(no_deployment)?;
    if input
        .accepts
        .as_deref()
        .is_some_and(|accepts| accepts.contains("yaml"))
    {
        return Err(Error::not_implemented("apigateway:GetExport as YAML"));
    }
    let source = export::Source {
        api: &api.settings,
        stage: &stage.stage_name,
        region: &context.region,
        deployment: &deployment,
        extensions: export::Extensions::of(&input.parameters)?,
    };
    let document = match input.export_type.as_str() {
        "swagger" => source.swagger(),
        "oas30" => source.openapi(),
        other => {
            return Err(bad_request(format!("No API exporter for type '{other}'")));
        }
    };
    let version = document["info"]["version"].as_str().unwrap_or_default();
    Ok(Export {
        content_type: "application/octet-stream".to_owned(),
        content_disposition: format!(
            "attachment; filename=\"{}_{version}.json\"",
            input.export_type
        ),
        body: STANDARD.encode(serde_json::to_vec_pretty(&document).unwrap_or_default()),
    })
}
