//! Where services speak differently though they share a protocol: one row a service.
//!
//! None of this is in the models. It is recorded behaviour, and only of the wire: codes of framework refusals, namespaces of
//! error types, the fraction of timestamps.

use crate::timestamp::Milliseconds;

/// How a service words constraint violations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ViolationForm {
    /// All violations, with values, in lower camel case.
    All,
    /// The service does not use the framework's checks; it has texts of its own.
    None,
}

#[derive(Debug)]
pub(crate) struct Dialect {
    pub(crate) violation_form: ViolationForm,
    pub(crate) violation_code: &'static str,
    /// Element constraints of a list or map end with "Member must not be null".
    pub(crate) elements_not_null: bool,
    /// Body members are named under the operation's input (`createRestApiInput.name`) and come before path parameters.
    pub(crate) input_prefix: bool,
    /// Namespace of `__type` for the service's own errors, and for the framework's.
    pub(crate) error_namespace: &'static str,
    pub(crate) framework_namespace: &'static str,
    pub(crate) milliseconds: Milliseconds,
    /// The response carries `x-amz-crc32`.
    pub(crate) crc32: bool,
    pub(crate) json_type_texts: JsonTypeTexts,
    /// Operations and members that the service words in another way than the rest.
    pub(crate) exceptions: &'static [Exception],
}

/// A violation of one member that does not go the common way.
#[derive(Debug)]
pub(crate) struct Exception {
    /// Empty: every operation.
    pub(crate) operation: &'static str,
    /// The member's path; a star stands for a map's key.
    pub(crate) path: &'static str,
    pub(crate) instead: Instead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instead {
    /// Alone, in Pascal case and without its value: the form that AWS has been moving to since 2026.
    Newer,
    /// Alone, whatever else is wrong.
    Alone,
    /// `The parameter 'TableName' is required but was not present in the request`
    Required,
    /// Not at all: the service refuses it in words of its own.
    Later,
    /// The same, but only of what is there and empty.
    LaterIfEmpty,
}

impl Instead {
    pub(crate) fn is_later(self) -> bool {
        matches!(self, Self::Later | Self::LaterIfEmpty)
    }
}

/// How a wrong JSON type is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonTypeTexts {
    /// `class java.lang.Boolean can not be converted to an String`
    JavaClass,
    /// `TRUE_VALUE cannot be converted to String`
    Token,
}

const STANDARD: Dialect = Dialect {
    violation_form: ViolationForm::All,
    violation_code: "ValidationException",
    elements_not_null: false,
    input_prefix: false,
    error_namespace: "",
    framework_namespace: "",
    milliseconds: Milliseconds::WhereNotZero,
    crc32: false,
    json_type_texts: JsonTypeTexts::Token,
    exceptions: &[],
};

const QUERY: Dialect = Dialect {
    violation_code: "ValidationError",
    ..STANDARD
};

const fn except(operation: &'static str, path: &'static str, instead: Instead) -> Exception {
    Exception {
        operation,
        path,
        instead,
    }
}

/// Recorded in eu-west-2 and us-east-1 in 2026, while AWS was moving from one form to the other.
const DYNAMODB_EXCEPTIONS: &[Exception] = &[
    except("CreateTable", "tableName", Instead::Required),
    except("", "tableName", Instead::Alone),
    except("CreateTable", "keySchema", Instead::LaterIfEmpty),
    except("Query", "limit", Instead::Newer),
    except("BatchGetItem", "requestItems.*.member.keys", Instead::Newer),
    except("BatchGetItem", "requestItems", Instead::Later),
    except("BatchWriteItem", "requestItems", Instead::Later),
];

static DYNAMODB: Dialect = Dialect {
    exceptions: DYNAMODB_EXCEPTIONS,
    error_namespace: "com.amazonaws.dynamodb.v20120810#",
    framework_namespace: "com.amazon.coral.validate#",
    crc32: true,
    ..STANDARD
};
static S3: Dialect = Dialect {
    violation_form: ViolationForm::None,
    milliseconds: Milliseconds::Always,
    ..STANDARD
};
static SQS: Dialect = Dialect {
    violation_form: ViolationForm::None,
    error_namespace: "com.amazonaws.sqs#",
    framework_namespace: "com.amazon.coral.service#",
    ..STANDARD
};
static LAMBDA: Dialect = Dialect {
    elements_not_null: true,
    ..STANDARD
};
static APIGATEWAY: Dialect = Dialect {
    input_prefix: true,
    json_type_texts: JsonTypeTexts::JavaClass,
    ..STANDARD
};
static LOGS: Dialect = Dialect {
    violation_code: "InvalidParameterException",
    ..STANDARD
};
static CLOUDFORMATION: Dialect = Dialect {
    milliseconds: Milliseconds::Always,
    ..QUERY
};
static IAM: Dialect = Dialect {
    milliseconds: Milliseconds::Never,
    ..QUERY
};
static CLOUDWATCH: Dialect = Dialect {
    error_namespace: "com.amazonaws.cloudwatch.v2010_08_01#",
    ..QUERY
};
static QUERY_SERVICE: Dialect = QUERY;
static OTHER: Dialect = STANDARD;

pub(crate) fn of(service: &str) -> &'static Dialect {
    match service {
        "dynamodb" | "dynamodbstreams" => &DYNAMODB,
        "s3" => &S3,
        "sqs" => &SQS,
        "lambda" => &LAMBDA,
        "apigateway" => &APIGATEWAY,
        "logs" => &LOGS,
        "cloudformation" => &CLOUDFORMATION,
        "iam" | "sts" => &IAM,
        "cloudwatch" => &CLOUDWATCH,
        "sns" => &QUERY_SERVICE,
        _ => &OTHER,
    }
}
