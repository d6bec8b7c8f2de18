//! Enum sets in the order AWS prints them, which is that of a hash table. Recorded; sets not listed keep the model's order.

const ORDERS: &[&[&str]] = &[
    &["BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY"],
    &[
        "HMAC_SHA_384",
        "HMAC_SHA_256",
        "HMAC_SHA_224",
        "HMAC_SHA_512",
    ],
    &["INDEXES", "TOTAL", "NONE"],
    &["SIZE", "NONE"],
    &[
        "SPECIFIC_ATTRIBUTES",
        "COUNT",
        "ALL_ATTRIBUTES",
        "ALL_PROJECTED_ATTRIBUTES",
    ],
    &["B", "N", "S"],
    &["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"],
    &["INSUFFICIENT_DATA", "ALARM", "OK"],
    &["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"],
    &["MILLISECOND", "MICROSECOND"],
    &["PRIVATE", "EDGE", "REGIONAL"],
    &["PublishedVersions", "None"],
    &["RESPONSE_STREAM", "BUFFERED"],
    &[
        "RSA_2048",
        "ECC_NIST_P384",
        "ECC_NIST_P256",
        "ECC_NIST_P521",
        "HMAC_384",
        "RSA_3072",
        "ECC_SECG_P256K1",
        "RSA_4096",
        "SYMMETRIC_DEFAULT",
        "HMAC_256",
        "HMAC_224",
        "HMAC_512",
    ],
    &["ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"],
    &["Terminate", "Allow"],
    &["add", "remove", "move", "test", "replace", "copy"],
    &["ipv4", "dualstack"],
    &["w3c", "raw", "json", "plain", "parquet"],
    &["x86_64", "arm64"],
];

/// The recorded order, with values that the model has gained since at the end.
pub(super) fn ordered(values: &[String]) -> Vec<&str> {
    let known = |order: &&&[&str]| {
        order.len() > 1
            && order
                .iter()
                .all(|value| values.iter().any(|have| have == value))
    };
    let Some(order) = ORDERS
        .iter()
        .find(known)
        .filter(|order| order.len() * 2 > values.len())
    else {
        return values.iter().map(String::as_str).collect();
    };
    let rest = values
        .iter()
        .map(String::as_str)
        .filter(|value| !order.contains(value));
    order.iter().copied().chain(rest).collect()
}
