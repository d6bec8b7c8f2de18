//! Models and request validators.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;

use super::super::api::{
    CreateModelInput, CreateRequestValidatorInput, Items, Nothing, Patch, Target,
};
use super::super::errors::{bad_request, conflict, no_model, no_validator};
use super::super::state::{self, Api, Model, Place, RequestValidator};
use super::patch::{self, Change, Op};
use super::{api_or, edit_api, edit_api_or, manage, page, part_id};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateModel",
            |_, context, input: &CreateModelInput| {
                manage(
                    context,
                    "POST",
                    &format!("/restapis/{}/models", input.rest_api_id),
                )
            },
            create_model,
        ),
        Operation::read(
            "GetModel",
            |_, context, input| on_model(context, "GET", input),
            get_model,
        ),
        Operation::read(
            "GetModels",
            |_, context, input: &Target| {
                manage(
                    context,
                    "GET",
                    &format!("/restapis/{}/models", input.rest_api_id),
                )
            },
            get_models,
        ),
        Operation::write(
            "UpdateModel",
            |_, context, input: &Patch| on_model(context, "PATCH", &input.target),
            update_model,
        ),
        Operation::write(
            "DeleteModel",
            |_, context, input| on_model(context, "DELETE", input),
            delete_model,
        ),
        Operation::write(
            "CreateRequestValidator",
            |_, context, input: &CreateRequestValidatorInput| {
                manage(
                    context,
                    "POST",
                    &format!("/restapis/{}/requestvalidators", input.rest_api_id),
                )
            },
            create_request_validator,
        ),
        Operation::read(
            "GetRequestValidator",
            |_, context, input| on_validator(context, "GET", input),
            get_request_validator,
        ),
        Operation::read(
            "GetRequestValidators",
            |_, context, input: &Target| {
                manage(
                    context,
                    "GET",
                    &format!("/restapis/{}/requestvalidators", input.rest_api_id),
                )
            },
            get_request_validators,
        ),
        Operation::write(
            "UpdateRequestValidator",
            |_, context, input: &Patch| on_validator(context, "PATCH", &input.target),
            update_request_validator,
        ),
        Operation::write(
            "DeleteRequestValidator",
            |_, context, input| on_validator(context, "DELETE", input),
            delete_request_validator,
        ),
    ]
}

fn on_model(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!(
            "/restapis/{}/models/{}",
            target.rest_api_id, target.model_name
        ),
    )
}

fn on_validator(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    let Target {
        rest_api_id,
        request_validator_id,
        ..
    } = target;
    manage(
        context,
        method,
        &format!("/restapis/{rest_api_id}/requestvalidators/{request_validator_id}"),
    )
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateModel.html>
fn create_model(tx: &mut Tx<'_>, context: &Context, input: CreateModelInput) -> Result<Model> {
    check_model(&input)?;
    let id = part_id(&context.ids);
    edit_api(tx, context, &input.rest_api_id, |api| {
        if api.definition.models.contains_key(&input.name) {
            return Err(conflict("Model name already exists for this REST API"));
        }
        let made = Model {
            id,
            name: input.name.clone(),
            description: input.description.filter(|text| !text.is_empty()),
            schema: input.schema,
            content_type: input.content_type,
        };
        api.definition.models.insert(input.name, made.clone());
        Ok(made)
    })
}

fn check_model(input: &CreateModelInput) -> Result<()> {
    if input.name.is_empty() {
        return Err(bad_request("Model name must be non-empty"));
    }
    if !input.name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(bad_request(
            "Model name must be alphanumeric: ".to_owned() + &input.name,
        ));
    }
    if !input.content_type.contains('/') {
        return Err(bad_request(format!(
            "Validation Result: warnings : [], errors : [Invalid content type specified: {}]",
            input.content_type
        )));
    }
    check_schema(input.schema.as_deref())
}

fn check_schema(schema: Option<&str>) -> Result<()> {
    let Some(schema) = schema.filter(|schema| !schema.is_empty()) else {
        return Err(bad_request(
            "Model schema must have at least 1 property or array items defined",
        ));
    };
    let is_object =
        serde_json::from_str::<serde_json::Value>(schema).is_ok_and(|schema| schema.is_object());
    if is_object {
        Ok(())
    } else {
        Err(bad_request("Invalid model schema specified"))
    }
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetModel.html>
fn get_model(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Model> {
    if input.flatten {
        return Err(cumulet_engine::Error::not_implemented(
            "apigateway:GetModel with flatten",
        ));
    }
    let api = api_or(tx, context, &input.rest_api_id, || {
        no_model(&input.model_name)
    })?;
    api.definition
        .models
        .get(&input.model_name)
        .cloned()
        .ok_or_else(|| no_model(&input.model_name))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetModels.html>
fn get_models(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Items<Model>> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    let models = api.definition.models.into_values().collect();
    Ok(page(models, |model| &model.name, &input))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateModel.html>
fn update_model(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Model> {
    let name = input.target.model_name;
    let missing = || no_model(&name);
    edit_api_or(tx, context, &input.target.rest_api_id, missing, |api| {
        let model = api
            .definition
            .models
            .get_mut(&name)
            .ok_or_else(|| no_model(&name))?;
        patch::each(&input.patch_operations, |change| {
            match (change.op, change.path) {
                (Op::Replace, "/description") => {
                    model.description = change.text().filter(|text| !text.is_empty());
                    Ok(())
                }
                (Op::Replace, "/schema") => {
                    check_schema(change.value)?;
                    model.schema = change.text();
                    Ok(())
                }
                _ => Err(change.unknown(&["/description", "/schema"])),
            }
        })?;
        Ok(model.clone())
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteModel.html>
fn delete_model(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    let name = input.model_name;
    let missing = || no_model(&name);
    edit_api_or(tx, context, &input.rest_api_id, missing, |api| {
        if let Some(user) = user_of_model(api, &name) {
            let text =
                format!("Cannot delete model '{name}', is referenced in method request: {user}");
            return Err(conflict(text));
        }
        api.definition
            .models
            .remove(&name)
            .map(|_| Nothing {})
            .ok_or_else(|| no_model(&name))
    })
}

/// A method whose requests or responses have the model's form, as `/path/METHOD`.
fn user_of_model(api: &Api, name: &str) -> Option<String> {
    let methods = api.definition.resources.values().flat_map(|resource| {
        resource
            .resource_methods
            .values()
            .map(move |method| (resource, method))
    });
    let mut users = methods.filter(|(_, method)| {
        let responses = method
            .method_responses
            .values()
            .flat_map(|response| response.models().map(|(_, model)| model));
        method
            .request_models
            .values()
            .chain(responses)
            .any(|model| model == name)
    });
    users
        .next()
        .map(|(resource, method)| format!("{}/{}", resource.path, method.http_method))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateRequestValidator.html>
fn create_request_validator(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateRequestValidatorInput,
) -> Result<RequestValidator> {
    let id = part_id(&context.ids);
    if input
        .name
        .as_deref()
        .is_some_and(|name| name.trim().is_empty())
    {
        return Err(bad_request("Request Validator name cannot be blank"));
    }
    let missing = || bad_request("Invalid REST API identifier specified");
    edit_api_or(tx, context, &input.rest_api_id, missing, |api| {
        let made = RequestValidator {
            id: id.clone(),
            name: input.name,
            validate_request_body: input.validate_request_body,
            validate_request_parameters: input.validate_request_parameters,
        };
        api.definition.validators.insert(id, made.clone());
        Ok(made)
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetRequestValidator.html>
fn get_request_validator(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<RequestValidator> {
    let api = api_or(tx, context, &input.rest_api_id, no_validator)?;
    api.definition
        .validators
        .get(&input.request_validator_id)
        .cloned()
        .ok_or_else(no_validator)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetRequestValidators.html>
fn get_request_validators(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<Items<RequestValidator>> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    let validators = api.definition.validators.into_values().collect();
    Ok(page(validators, |validator| &validator.id, &input))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateRequestValidator.html>
fn update_request_validator(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Patch,
) -> Result<RequestValidator> {
    let id = input.target.request_validator_id;
    edit_api(tx, context, &input.target.rest_api_id, |api| {
        let validator = api
            .definition
            .validators
            .get_mut(&id)
            .ok_or_else(no_validator)?;
        patch::each(&input.patch_operations, |change| {
            patch_validator(validator, change)
        })?;
        Ok(validator.clone())
    })
}

fn patch_validator(validator: &mut RequestValidator, change: &Change<'_>) -> Result<()> {
    match (change.op, change.path) {
        (Op::Replace, "/name") if change.value.is_none_or(|name| name.trim().is_empty()) => {
            return Err(bad_request("Request Validator name cannot be blank"));
        }
        (Op::Replace, "/name") => validator.name = change.text(),
        (Op::Replace, "/validateRequestParameters") => {
            validator.validate_request_parameters = change
                .value
                .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        }
        (Op::Replace, "/validateRequestBody") => {
            validator.validate_request_body = change
                .value
                .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        }
        _ => {
            return Err(change.unknown(&[
                "/name",
                "/validateRequestParameters",
                "/validateRequestBody",
            ]));
        }
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteRequestValidator.html>
fn delete_request_validator(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    edit_api_or(tx, context, &input.rest_api_id, no_validator, |api| {
        let gone = api
            .definition
            .validators
            .remove(&input.request_validator_id);
        gone.map(|_| Nothing {}).ok_or_else(no_validator)
    })
}
