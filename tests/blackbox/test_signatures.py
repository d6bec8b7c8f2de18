"""Every way of being wrong with a signature, over raw HTTP, in the words of each protocol."""

import base64
import hashlib
import zlib

import botocore.exceptions
import pytest
import requests

import raw_signature
from raw_signature import Request, chunk, chunk_signature, trailer_signature

# What each protocol is reached through: an operation that the operator may call.
CALLS = {
    "json": dict(
        service="dynamodb",
        headers={"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.ListTables"},
        body=b"{}",
    ),
    "rest-json": dict(service="lambda", method="GET", path="/2015-03-31/functions/"),
    "query": dict(
        service="iam",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        body=b"Action=ListRoles&Version=2010-05-08",
    ),
    "cbor": dict(
        service="monitoring",
        path="/service/GraniteServiceVersion20100801/operation/ListMetrics",
        headers={"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"},
        body=b"\xbf\xff",
    ),
    "s3": dict(service="s3", method="GET", path="/"),
}
PROTOCOLS = list(CALLS)

BAD_SIGNATURE = {
    "json": (400, "InvalidSignatureException"),
    "rest-json": (403, "InvalidSignatureException"),
    "query": (403, "SignatureDoesNotMatch"),
    "cbor": (400, "InvalidSignatureException"),
    "s3": (403, "SignatureDoesNotMatch"),
}
INCOMPLETE = {
    "json": (400, "IncompleteSignatureException"),
    "rest-json": (403, "IncompleteSignatureException"),
    "query": (400, "IncompleteSignature"),
    "cbor": (400, "IncompleteSignatureException"),
    "s3": (400, "AuthorizationHeaderMalformed"),
}
QUERY_INCOMPLETE = {**INCOMPLETE, "s3": (400, "AuthorizationQueryParametersError")}


def request(protocol, **changes):
    return Request(**{**CALLS[protocol], **changes})


@pytest.fixture
def host(shared_engine):
    return f"127.0.0.1:{shared_engine.port}"


def refused(answer, expected, text=None):
    assert (answer.status, answer.code) == expected, answer
    if text is not None and answer.message is not None:
        assert text in answer.message, answer


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_right_signature_passes_in_both_places(host, protocol):
    assert request(protocol).sign(host).send(host).status == 200
    assert request(protocol).presign(host).send(host).status == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_signature(host, protocol):
    expected = {
        "json": (400, "MissingAuthenticationTokenException"),
        "rest-json": (403, "MissingAuthenticationTokenException"),
        "query": (403, "MissingAuthenticationToken"),
        "cbor": (400, "MissingAuthenticationTokenException"),
        "s3": (403, "AccessDenied"),
    }
    anonymous = request(protocol)
    anonymous.headers["Host"] = host
    if protocol == "rest-json":
        anonymous.path = "/2015-03-31/functions/"
    refused(anonymous.send(host), expected[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_unknown_key(host, protocol):
    expected = {
        "json": (400, "UnrecognizedClientException"),
        "rest-json": (403, "UnrecognizedClientException"),
        "query": (403, "InvalidClientTokenId"),
        "cbor": (400, "UnrecognizedClientException"),
        "s3": (403, "InvalidAccessKeyId"),
    }
    unknown = request(protocol).with_key("AKIAIOSFODNN7EXAMPLE", "secret")
    refused(unknown.sign(host).send(host), expected[protocol])
    unknown = request(protocol).with_key("AKIAIOSFODNN7EXAMPLE", "secret")
    refused(unknown.presign(host).send(host), expected[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_secret(host, protocol):
    refused(request(protocol).with_key("test", "tset").sign(host).send(host), BAD_SIGNATURE[protocol])
    refused(request(protocol).with_key("test", "tset").presign(host).send(host), BAD_SIGNATURE[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_altered_query(host, protocol):
    for place in ("sign", "presign"):
        altered = getattr(request(protocol), place)(host)
        altered.query.append(("MaxItems", "3"))
        refused(altered.send(host), BAD_SIGNATURE[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_altered_header(host, protocol):
    altered = request(protocol)
    altered.headers["X-Amz-Meta-Note"] = "ten"
    altered.sign(host).headers["X-Amz-Meta-Note"] = "ten thousand"
    refused(altered.send(host), BAD_SIGNATURE[protocol])


@pytest.mark.parametrize("protocol", ["json", "query", "cbor"])
def test_an_altered_body(host, protocol):
    altered = request(protocol).sign(host)
    altered.body = altered.body + (b" " if protocol != "cbor" else b"\xf6")
    refused(altered.send(host), BAD_SIGNATURE[protocol])
    declared = request(protocol)
    declared.headers["X-Amz-Content-Sha256"] = raw_signature.EMPTY
    refused(declared.sign(host, raw_signature.EMPTY).send(host), BAD_SIGNATURE[protocol])


def test_an_altered_path_and_method(host):
    altered = request("s3").sign(host)
    altered.path = "/elsewhere"
    refused(altered.send(host), BAD_SIGNATURE["s3"])
    altered = request("rest-json", path="/2015-03-31/functions/a").sign(host)
    altered.path = "/2015-03-31/functions/b"
    refused(altered.send(host), BAD_SIGNATURE["rest-json"])
    altered = request("rest-json", path="/2015-03-31/functions/a").sign(host)
    altered.method = "DELETE"
    refused(altered.send(host), BAD_SIGNATURE["rest-json"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("shift_s", [-16 * 60, 16 * 60])
def test_a_clock_that_is_off(host, protocol, shift_s):
    answer = request(protocol, shift_s=shift_s).sign(host).send(host)
    if protocol == "s3":
        refused(answer, (403, "RequestTimeTooSkewed"), "The difference between the request time")
    else:
        text = "Signature expired: " if shift_s < 0 else "Signature not yet current: "
        refused(answer, BAD_SIGNATURE[protocol], text)
    assert request(protocol, shift_s=shift_s // 16 * 14).sign(host).send(host).status == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_presigned_request_expires(host, protocol):
    answer = request(protocol, shift_s=-120).presign(host, expires="60").send(host)
    if protocol == "s3":
        refused(answer, (403, "AccessDenied"), "Request has expired")
        assert b"<X-Amz-Expires>60</X-Amz-Expires>" in answer.body and b"<ServerTime>" in answer.body
    else:
        refused(answer, BAD_SIGNATURE[protocol], "Signature expired: ")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("expires", ["0", "-1", "604801", "soon"])
def test_a_lifetime_that_is_none(host, protocol, expires):
    refused(request(protocol).presign(host, expires=expires).send(host), QUERY_INCOMPLETE[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("missing", ["Credential", "SignedHeaders", "Signature"])
def test_a_header_without_a_part(host, protocol, missing):
    incomplete = request(protocol).sign(host)
    parts = incomplete.authorization.removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    kept = ", ".join(part for part in parts if not part.startswith(missing + "="))
    incomplete.authorization = "AWS4-HMAC-SHA256 " + kept
    text = f"requires '{missing}' parameter." if protocol != "s3" else "requires three components"
    refused(incomplete.send(host), INCOMPLETE[protocol], text)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("missing", ["X-Amz-Algorithm", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"])
def test_a_query_without_a_part(host, protocol, missing):
    incomplete = request(protocol).presign(host)
    incomplete.query = [(name, value) for name, value in incomplete.query if name != missing]
    refused(incomplete.send(host), QUERY_INCOMPLETE[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("twice", ["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"])
def test_a_query_with_a_part_twice(host, protocol, twice):
    doubled = request(protocol).presign(host)
    doubled.query += [pair for pair in doubled.query if pair[0] == twice]
    refused(doubled.send(host), QUERY_INCOMPLETE[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_signatures_at_once(host, protocol):
    both = request(protocol).sign(host)
    both.presign(host)
    expected = {**QUERY_INCOMPLETE, "s3": (400, "InvalidArgument")}
    refused(both.send(host), expected[protocol], "Only one auth mechanism allowed")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("change", ["algorithm", "four parts", "terminator", "two headers", "repeated part"])
def test_a_malformed_header(host, protocol, change):
    bad = request(protocol).sign(host)
    right = bad.authorization
    bad.authorization = {
        "algorithm": right.replace("AWS4-HMAC-SHA256", "AWS3-HMAC-SHA256"),
        "four parts": right.replace("/aws4_request", ""),
        "terminator": right.replace("/aws4_request", "/aws5_request"),
        "two headers": right,
        "repeated part": right + ", " + right.split(", ")[-1],
    }[change]
    if change == "two headers":
        bad.extra_headers.append(("Authorization", right))
    answer = bad.send(host)
    if protocol == "s3":
        assert (answer.status, answer.code) in [
            (400, "AuthorizationHeaderMalformed"),
            (400, "InvalidRequest"),
        ], answer
    elif change == "terminator":
        assert (answer.status, answer.code) == BAD_SIGNATURE[protocol], answer
    else:
        assert (answer.status, answer.code) == INCOMPLETE[protocol], answer


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_scope_of_another_day(host, protocol):
    wrong = request(protocol)
    wrong.scope_date = "20200101"
    expected = {**BAD_SIGNATURE, "s3": (400, "AuthorizationHeaderMalformed")}
    text = "Invalid credential date" if protocol == "s3" else "Date in Credential scope does not match YYYYMMDD"
    refused(wrong.sign(host).send(host), expected[protocol], text)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("region", ["aws-global", "moon", "us-east-1-"])
def test_a_scope_of_no_region(host, protocol, region):
    expected = {**BAD_SIGNATURE, "s3": (400, "AuthorizationHeaderMalformed")}
    text = f"the region '{region}' is wrong; expecting 'us-east-1'" if protocol == "s3" else "valid region"
    refused(request(protocol, region=region).sign(host).send(host), expected[protocol], text)
    expected = {**BAD_SIGNATURE, "s3": (400, "AuthorizationQueryParametersError")}
    refused(request(protocol, region=region).presign(host).send(host), expected[protocol], text)


@pytest.mark.parametrize("protocol", ["json", "query", "cbor"])
def test_a_scope_of_another_service(host, protocol):
    expected = CALLS[protocol]["service"]
    wrong = request(protocol)
    wrong.service = "sqs"
    refused(wrong.sign(host).send(host), BAD_SIGNATURE[protocol], f"scoped to correct service: '{expected}'")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_date_that_is_missing_or_none(host, protocol):
    for date in (None, "yesterday", "2026-01-01T00:00:00Z"):
        bad = request(protocol).sign(host)
        if date is None:
            del bad.headers["X-Amz-Date"]
        else:
            bad.headers["X-Amz-Date"] = date
        expected = {**INCOMPLETE, "s3": (403, "AccessDenied")}
        refused(bad.send(host), expected[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_headers_that_must_be_signed(host, protocol):
    added = request(protocol).sign(host)
    added.headers["X-Amz-Acl"] = "public-read"
    expected = {**BAD_SIGNATURE, "s3": (403, "AccessDenied")}
    refused(added.send(host), expected[protocol], "There were headers present in the request which were not signed")
    hostless = request(protocol)
    hostless.unsigned = {"host"}
    refused(hostless.sign(host).send(host), expected[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_signed_header_that_is_gone(host, protocol):
    gone = request(protocol)
    gone.headers["X-Amz-Meta-Note"] = "ten"
    gone.sign(host)
    del gone.headers["X-Amz-Meta-Note"]
    refused(gone.send(host), BAD_SIGNATURE[protocol])


@pytest.fixture
def session(shared_engine):
    """A role session and its role."""
    iam, sts = shared_engine.client("iam"), shared_engine.client("sts")
    name = "signed-by-session"
    try:
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},'
            '"Action":"sts:AssumeRole"}}',
        )
        iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    given = sts.assume_role(RoleArn=arn, RoleSessionName="signer")["Credentials"]
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_token_is_bound_to_its_key(host, protocol, session):
    key, secret, token = session
    assert request(protocol).with_key(key, secret, token).sign(host).send(host).status == 200
    assert request(protocol).with_key(key, secret, token).presign(host).send(host).status == 200
    unknown = {
        "json": (400, "UnrecognizedClientException"),
        "rest-json": (403, "UnrecognizedClientException"),
        "query": (403, "InvalidClientTokenId"),
        "cbor": (400, "UnrecognizedClientException"),
        "s3": (400, "InvalidToken"),
    }
    without = {**unknown, "s3": (403, "InvalidAccessKeyId")}
    refused(request(protocol).with_key(key, secret, None).sign(host).send(host), without[protocol])
    for wrong in ("x", token[:-1], token + "A"):
        refused(request(protocol).with_key(key, secret, wrong).sign(host).send(host), unknown[protocol])


def test_an_ended_session_by_the_installations_clock(engine):
    """Sessions end when their time has passed on the clock that issued them."""
    host = f"127.0.0.1:{engine.port}"
    given = engine.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    assert request("json").with_key(*keys).sign(host).send(host).status == 200
    moved = engine.cumulet("clock", "advance", "16m")
    assert moved.returncode == 0, moved.stderr
    expected = {
        "json": (400, "ExpiredTokenException"),
        "rest-json": (403, "ExpiredTokenException"),
        "query": (403, "ExpiredToken"),
        "cbor": (400, "ExpiredTokenException"),
        "s3": (400, "ExpiredToken"),
    }
    for protocol in PROTOCOLS:
        refused(request(protocol).with_key(*keys).sign(host).send(host), expected[protocol])
    # Signatures go by the world's clock, whatever the installation's says.
    assert request("json").sign(host).send(host).status == 200


@pytest.fixture(scope="module")
def bucket(shared_engine):
    shared_engine.client("s3").create_bucket(Bucket="signed-bodies")
    return "signed-bodies"


def put(bucket, key, body, declared=None, headers=(), host=None):
    made = Request("s3", "PUT", f"/{bucket}/{key}", headers=dict(headers), body=body)
    return made.sign(host, declared) if host else made


def test_an_s3_body_is_bound_to_its_hash(host, bucket):
    assert put(bucket, "a", b"ten", host=host).send(host).status == 200
    altered = put(bucket, "a", b"ten", host=host)
    altered.body = b"one"
    refused(altered.send(host), (400, "XAmzContentSHA256Mismatch"))
    assert put(bucket, "a", b"anything", "UNSIGNED-PAYLOAD", host=host).send(host).status == 200
    refused(put(bucket, "a", b"ten", "SHA", host=host).send(host), (400, "InvalidArgument"))
    undeclared = put(bucket, "a", b"ten", host=host)
    del undeclared.headers["X-Amz-Content-Sha256"]
    assert undeclared.send(host).status in (400, 403)
    assert Request("s3", "GET", f"/{bucket}/a").sign(host).send(host).body == b"anything"


def streamed(bucket, host, parts, declared_length=None):
    """A signed chunked upload, not yet framed: the caller frames it from the seed."""
    length = sum(map(len, parts)) if declared_length is None else declared_length
    headers = {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(length)}
    upload = Request("s3", "PUT", f"/{bucket}/streamed", headers=headers)
    return upload.sign(host, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")


def framed(upload, parts, spoil=None):
    previous, body = upload.seed, b""
    for index, part in enumerate([*parts, b""]):
        signature = chunk_signature(upload, previous, part)
        previous = signature
        data = part
        if spoil == ("signature", index):
            signature = "0" * 64
        if spoil == ("data", index):
            data = bytes([part[0] ^ 1]) + part[1:]
        body += chunk(data, signature)
    return body


def test_signed_chunks(host, bucket):
    parts = [b"a" * 8192, b"b" * 8192, b"c" * 100]
    whole = streamed(bucket, host, parts)
    whole.body = framed(whole, parts)
    assert whole.send(host).status == 200
    assert Request("s3", "GET", f"/{bucket}/streamed").sign(host).send(host).body == b"".join(parts)
    for spoil in [("signature", 0), ("signature", 2), ("signature", 3), ("data", 0), ("data", 2)]:
        bad = streamed(bucket, host, parts)
        bad.body = framed(bad, parts, spoil)
        refused(bad.send(host), (403, "SignatureDoesNotMatch"))
    swapped = streamed(bucket, host, parts)
    body = framed(swapped, parts)
    size = len(chunk(parts[0], "0" * 64))
    swapped.body = body[size : 2 * size] + body[:size] + body[2 * size :]
    refused(swapped.send(host), (403, "SignatureDoesNotMatch"))
    cut = streamed(bucket, host, parts)
    cut.body = framed(cut, parts)[: 2 * size]
    refused(cut.send(host), (400, "IncompleteBody"))
    long = streamed(bucket, host, parts, declared_length=20_000)
    long.body = framed(long, parts)
    refused(long.send(host), (400, "IncompleteBody"))
    short = streamed(bucket, host, parts, declared_length=100)
    short.body = framed(short, parts)
    refused(short.send(host), (400, "IncompleteBody"))
    # Nothing of the refused uploads is to be seen.
    assert Request("s3", "GET", f"/{bucket}/streamed").sign(host).send(host).body == b"".join(parts)


CHECKSUMS = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


def unsigned_trailer(bucket, host, name, checksum, data, announced=None):
    headers = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(len(data)),
        "X-Amz-Trailer": announced or f"x-amz-checksum-{name}",
    }
    upload = Request("s3", "PUT", f"/{bucket}/trailed", headers=headers)
    upload.sign(host, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    upload.body = chunk(data) + f"0\r\nx-amz-checksum-{name}:{checksum}\r\n\r\n".encode()
    return upload


@pytest.mark.parametrize("name", list(CHECKSUMS))
def test_a_checksum_in_a_trailer(host, bucket, name):
    data = b"some bytes" * 1000
    right = base64.b64encode(CHECKSUMS[name](data)).decode()
    assert unsigned_trailer(bucket, host, name, right, data).send(host).status == 200
    wrong = base64.b64encode(CHECKSUMS[name](b"other")).decode()
    refused(unsigned_trailer(bucket, host, name, wrong, data).send(host), (400, "BadDigest"))
    missing = unsigned_trailer(bucket, host, name, right, data)
    missing.body = chunk(data) + b"0\r\n\r\n"
    refused(missing.send(host), (400, "MalformedTrailerError"))


def test_botocores_checksums_in_trailers(shared_engine, bucket):
    s3 = shared_engine.client("s3")
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        try:
            put = s3.put_object(Bucket=bucket, Key=algorithm, Body=b"x" * 70_000, ChecksumAlgorithm=algorithm)
        except botocore.exceptions.MissingDependencyException:
            continue  # botocore wants awscrt for two of them
        assert f"Checksum{algorithm}" in put


def test_a_signed_trailer(host, bucket):
    data = b"some bytes" * 1000
    checksum = base64.b64encode(CHECKSUMS["crc32"](data)).decode()

    def made(spoil=None):
        headers = {
            "Content-Encoding": "aws-chunked",
            "X-Amz-Decoded-Content-Length": str(len(data)),
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        }
        upload = Request("s3", "PUT", f"/{bucket}/trailed", headers=headers)
        upload.sign(host, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
        first = chunk_signature(upload, upload.seed, data)
        last = chunk_signature(upload, first, b"")
        line = f"x-amz-checksum-crc32:{checksum}\n".encode()
        signature = trailer_signature(upload, last, line)
        if spoil == "signature":
            signature = "0" * 64
        trailer = f"x-amz-checksum-crc32:{checksum}\r\nx-amz-trailer-signature:{signature}\r\n\r\n"
        if spoil == "absent":
            trailer = f"x-amz-checksum-crc32:{checksum}\r\n\r\n"
        upload.body = chunk(data, first) + f"0;chunk-signature={last}\r\n".encode() + trailer.encode()
        return upload

    assert made().send(host).status == 200
    refused(made("signature").send(host), (403, "SignatureDoesNotMatch"))
    refused(made("absent").send(host), (403, "SignatureDoesNotMatch"))


def form_upload(engine, bucket, spoil=None, conditions=(), fields=None, expires=60, key="form/${filename}"):
    made = engine.client("s3", signature_version="s3v4").generate_presigned_post(
        bucket, key, Fields=fields or {}, Conditions=list(conditions), ExpiresIn=expires
    )
    sent = dict(made["fields"])
    if spoil:
        spoil(sent)
    return requests.post(made["url"], data=sent, files={"file": ("a.txt", b"ten bytes!")}, timeout=10)


def test_browser_forms_are_held_to_their_policy(shared_engine, bucket):
    def answer(*arguments, **keywords):
        response = form_upload(shared_engine, bucket, *arguments, **keywords)
        found = raw_signature.Answer(response.status_code, dict(response.headers), response.content)
        return response.status_code, found.code, found.message

    assert answer()[0] == 204
    status, code, text = answer(lambda sent: sent.update({"x-amz-signature": "0" * 64}))
    assert (status, code) == (403, "SignatureDoesNotMatch"), text
    status, code, text = answer(lambda sent: sent.update({"policy": sent["policy"][:-4] + "AAA="}))
    assert (status, code) in [(403, "SignatureDoesNotMatch"), (400, "InvalidPolicyDocument")], text
    status, code, text = answer(lambda sent: sent.update({"key": "elsewhere"}))
    assert (status, code) == (403, "AccessDenied") and "Policy Condition failed" in text, text
    status, code, text = answer(lambda sent: sent.update({"acl": "public-read"}))
    assert (status, code) == (403, "AccessDenied") and "Extra input fields: acl" in text, text
    status, code, text = answer(conditions=[["content-length-range", 1, 5]])
    assert (status, code) == (400, "EntityTooLarge"), text
    status, code, text = answer(expires=-5)
    assert (status, code) == (403, "AccessDenied") and "Policy expired" in text, text
    status, code, text = answer(lambda sent: sent.pop("x-amz-signature"))
    assert status in (400, 403), text
    status, code, text = answer(lambda sent: sent.update({"x-amz-credential": sent["x-amz-credential"].replace("test", "AKIAX")}))
    assert status in (403, 400), text


def test_form_uploads_are_authorised_like_any_other(shared_engine, bucket):
    iam = shared_engine.client("iam")
    iam.create_user(UserName="form-poster")
    key = iam.create_access_key(UserName="form-poster")["AccessKey"]
    own = shared_engine.client("s3", key["AccessKeyId"], key["SecretAccessKey"], signature_version="s3v4")
    made = own.generate_presigned_post(bucket, "denied")
    response = requests.post(made["url"], data=made["fields"], files={"file": ("a", b"x")}, timeout=10)
    assert response.status_code == 403 and b"<Code>AccessDenied</Code>" in response.content, response.content
