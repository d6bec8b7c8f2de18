//! Python and Node.js functions with our own runtime clients. A host without the interpreter says which one is missing,
//! and then there is nothing to test.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use cumulet_functions::{FunctionVersion, runtime_available};
use serde_json::{Value, json};

use crate::host::{TestHost, function_lines, payload};

fn first_available(names: &[&'static str]) -> Option<&'static str> {
    names
        .iter()
        .copied()
        .find(|name| runtime_available(name).is_ok())
}

const PYTHON: &str = r#"
import decimal, json, logging, os, sys
log = logging.getLogger()
log.setLevel("INFO")
calls = 0

def handler(event, context):
    global calls
    calls += 1
    print("printed")
    log.info("logged")
    return {
        "event": event, "calls": calls, "decimal": decimal.Decimal("1.5"), "prefix": sys.version_info[:2],
        "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
        "time": context.get_remaining_time_in_millis() > 0, "custom": context.client_context,
        "execution": os.environ["AWS_EXECUTION_ENV"],
    }

def fails(event, context):
    raise ValueError("bad value")

def unserialisable(event, context):
    return object()

def leaves(event, context):
    sys.exit(1)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn python_functions_run() {
    let Some(runtime) = first_available(&["python3.13", "python3.12", "python3.11", "python3.10"])
    else {
        return;
    };
    let host = TestHost::start().await;
    let files = [
        ("app.py", PYTHON),
        ("sub/nested.py", PYTHON),
        ("broken.py", "import nowhere\n"),
        ("raises.py", "1/0\n"),
    ];
    let code_dir = host.package("python", &files);
    let with = |handler: &str| {
        let (runtime, handler) = (runtime.to_owned(), handler.to_owned());
        let key = handler.clone();
        Arc::new(FunctionVersion {
            key,
            runtime,
            handler,
            code_dir: code_dir.clone(),
            ..host.function()
        })
    };
    let outcome = host.invoke(&with("app.handler"), "hello").await;
    let answer: Value =
        serde_json::from_slice(&outcome.payload).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert_eq!(
        (&answer["event"], &answer["decimal"], &answer["memory"]),
        (&json!("hello"), &json!(1.5), &json!("128"))
    );
    assert_eq!(
        (&answer["time"], &answer["custom"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(answer["execution"], json!(format!("AWS_Lambda_{runtime}")));
    let lines = function_lines(&outcome);
    assert_eq!(lines[0], "printed");
    assert!(
        lines[1].starts_with("[INFO]\t")
            && lines[1].ends_with("Z\t8f5d3c1e-0000-4000-8000-000000000001\tlogged")
    );
    let warm: Value =
        serde_json::from_slice(&host.invoke(&with("app.handler"), "again").await.payload)
            .expect("JSON");
    assert_eq!(warm["calls"], json!(2));
    assert_eq!(
        host.invoke(&with("sub/nested.handler"), "hello")
            .await
            .function_error,
        None
    );

    let failed = host.invoke(&with("app.fails"), "x").await;
    let error: Value = serde_json::from_slice(&failed.payload).expect("JSON");
    assert_eq!(
        (&error["errorMessage"], &error["errorType"]),
        (&json!("bad value"), &json!("ValueError"))
    );
    assert_eq!(
        error["requestId"],
        json!("8f5d3c1e-0000-4000-8000-000000000001")
    );
    let frame = error["stackTrace"][0].as_str().unwrap_or_default();
    assert!(
        frame.starts_with("  File \"/var/task/app.py\", line ") && frame.contains("in fails\n"),
        "{error}"
    );

    let message = async |handler: &str| {
        let outcome = host.invoke(&with(handler), "x").await;
        let error: Value = serde_json::from_slice(&outcome.payload).expect("JSON");
        format!(
            "{}: {}",
            error["errorType"].as_str().unwrap_or(""),
            error["errorMessage"].as_str().unwrap_or("")
        )
    };
    let unserialisable = "Runtime.MarshalError: Unable to marshal response: Object of type object is not JSON serializable";
    assert_eq!(message("app.unserialisable").await, unserialisable);
    let missing =
        "Runtime.ImportModuleError: Unable to import module 'broken': No module named 'nowhere'";
    assert_eq!(message("broken.handler").await, missing);
    assert_eq!(
        message("app.nothing").await,
        "Runtime.HandlerNotFound: Handler 'nothing' missing on module 'app'"
    );
    assert_eq!(
        message("raises.handler").await,
        "ZeroDivisionError: division by zero"
    );
    assert!(
        message("app.leaves")
            .await
            .ends_with("Error: Runtime exited with error: exit status 1")
    );
}

const NODE: &str = r"
let calls = 0;
exports.handler = async (event, context) => {
  calls += 1;
  console.log('first\nsecond');
  return { event, calls, memory: context.memoryLimitInMB, time: context.getRemainingTimeInMillis() > 0 };
};
exports.back = (event, context, callback) => { setTimeout(() => callback(null, 'called back'), 5); };
exports.fails = async () => { throw new TypeError('bad type'); };
exports.uncaught = () => { setTimeout(() => { throw new Error('nobody'); }, 1); };
exports.nested = { deep: { handler: async () => 'nested' } };
";

#[tokio::test(flavor = "multi_thread")]
async fn node_functions_run() {
    let Some(runtime) = first_available(&["nodejs24.x", "nodejs22.x", "nodejs20.x", "nodejs18.x"])
    else {
        return;
    };
    let host = TestHost::start().await;
    let module = "export const handler = async () => 'module';";
    let files = [
        ("app.js", NODE),
        ("es.mjs", module),
        ("broken.js", "require('nowhere')"),
        ("bad.js", "syntax error"),
    ];
    let code_dir = host.package("node", &files);
    let with = |handler: &str| {
        let (runtime, handler) = (runtime.to_owned(), handler.to_owned());
        let key = handler.clone();
        Arc::new(FunctionVersion {
            key,
            runtime,
            handler,
            code_dir: code_dir.clone(),
            ..host.function()
        })
    };
    let outcome = host.invoke(&with("app.handler"), "hello").await;
    assert_eq!(
        payload(&outcome),
        r#"{"event":"hello","calls":1,"memory":"128","time":true}"#
    );
    let line = function_lines(&outcome)[0];
    assert!(
        line.ends_with("Z\t8f5d3c1e-0000-4000-8000-000000000001\tINFO\tfirst\rsecond"),
        "{line}"
    );
    for (handler, answer) in [
        ("es.handler", r#""module""#),
        ("app.back", r#""called back""#),
        ("app.nested.deep.handler", r#""nested""#),
    ] {
        assert_eq!(
            payload(&host.invoke(&with(handler), "x").await),
            answer,
            "{handler}"
        );
    }
    let error = async |handler: &str| {
        let outcome = host.invoke(&with(handler), "x").await;
        serde_json::from_slice::<Value>(&outcome.payload).unwrap_or_else(|_| panic!("{outcome:?}"))
    };
    let failed = error("app.fails").await;
    assert_eq!(
        (&failed["errorType"], &failed["errorMessage"]),
        (&json!("TypeError"), &json!("bad type"))
    );
    assert_eq!(failed["trace"][0], json!("TypeError: bad type"));
    assert_eq!(error("app.uncaught").await["errorMessage"], json!("nobody"));
    assert_eq!(
        error("app.nothing").await["errorMessage"],
        json!("app.nothing is undefined or not exported")
    );
    assert_eq!(
        error("broken.handler").await["errorType"],
        json!("Runtime.ImportModuleError")
    );
    assert_eq!(
        error("bad.handler").await["errorType"],
        json!("Runtime.UserCodeSyntaxError")
    );
}

const IMPORTS: &str = "
import supplied, layered, both

def handler(event, context):
    return [supplied.name, layered.name, both.name]
";

#[tokio::test(flavor = "multi_thread")]
async fn modules_are_found_in_the_package_then_layers_then_the_runtime() {
    let Some(runtime) = first_available(&["python3.13", "python3.12", "python3.11", "python3.10"])
    else {
        return;
    };
    let supplied = tempfile::tempdir().expect("temporary directory");
    std::fs::set_permissions(supplied.path(), PermissionsExt::from_mode(0o755))
        .expect("permissions");
    for name in ["supplied", "both"] {
        std::fs::write(
            supplied.path().join(format!("{name}.py")),
            "name = 'runtime'",
        )
        .expect("module");
    }
    let host = TestHost::start_with(|config| {
        config
            .runtime_dirs
            .insert(runtime.to_owned(), supplied.path().to_owned());
    })
    .await;
    let layer = [
        ("python/layered.py", "name = 'layer'"),
        ("python/both.py", "name = 'layer'"),
    ];
    let function = Arc::new(FunctionVersion {
        runtime: runtime.to_owned(),
        handler: "app.handler".to_owned(),
        code_dir: host.package("imports", &[("app.py", IMPORTS)]),
        layers: vec![host.package("python-layer", &layer)],
        ..host.function()
    });
    assert_eq!(
        payload(&host.invoke(&function, "x").await),
        r#"["runtime", "layer", "layer"]"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn interpreters_run_without_namespaces_too() {
    let Some(runtime) = first_available(&["python3.13", "python3.12", "python3.11", "python3.10"])
    else {
        return;
    };
    let host = TestHost::start_with(|config| config.use_namespaces = false).await;
    let function = Arc::new(FunctionVersion {
        runtime: runtime.to_owned(),
        handler: "app.handler".to_owned(),
        code_dir: host.package(
            "plain",
            &[("app.py", "def handler(event, context):\n    return event\n")],
        ),
        ..host.function()
    });
    assert_eq!(payload(&host.invoke(&function, "x").await), r#""x""#);
}
