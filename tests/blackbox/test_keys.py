"""Keys and secrets through the real clients: what KMS computes agrees with openssl, what a key's state does
to what lies under it, and that nothing lies on disk in the clear."""

import base64
import io
import json
import pathlib
import subprocess
import time
import zipfile

import boto3
import botocore.exceptions
import pytest
from conftest import ACCOUNT, REGION, Engine


def openssl(*arguments, given=b""):
    done = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def refused(code, call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**arguments)
    assert error.value.response["Error"]["Code"] == code, error.value
    return error.value.response["Error"]["Message"]


def made(kms, spec, usage, **more):
    return kms.create_key(KeySpec=spec, KeyUsage=usage, **more)["KeyMetadata"]


def public_pem(kms, key, folder):
    der, pem = folder / "public.der", folder / "public.pem"
    der.write_bytes(kms.get_public_key(KeyId=key)["PublicKey"])
    openssl("pkey", "-pubin", "-inform", "DER", "-in", der, "-out", pem)
    return pem


@pytest.mark.parametrize(("spec", "algorithm", "digest", "options"), [
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", "sha256", ()),
    ("RSA_2048", "RSASSA_PSS_SHA_512", "sha512", ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")),
    ("ECC_NIST_P256", "ECDSA_SHA_256", "sha256", ()),
    ("ECC_NIST_P384", "ECDSA_SHA_384", "sha384", ()),
    ("ECC_NIST_P521", "ECDSA_SHA_512", "sha512", ()),
    ("ECC_SECG_P256K1", "ECDSA_SHA_256", "sha256", ()),
])
def test_openssl_verifies_what_kms_signs(shared_engine, tmp_path, spec, algorithm, digest, options):
    kms = shared_engine.client("kms", read_timeout=300)
    key = made(kms, spec, "SIGN_VERIFY")
    assert algorithm in key["SigningAlgorithms"] and "EncryptionAlgorithms" not in key
    asked = dict(KeyId=key["KeyId"], Message=b"a message", SigningAlgorithm=algorithm)
    signature = kms.sign(**asked)["Signature"]
    (tmp_path / "signature").write_bytes(signature)
    pem = public_pem(kms, key["KeyId"], tmp_path)
    verified = openssl("dgst", f"-{digest}", "-verify", pem, "-signature", tmp_path / "signature", *options, given=b"a message")
    assert b"Verified OK" in verified
    assert kms.verify(Signature=signature, **asked)["SignatureValid"] is True
    hashed = openssl("dgst", f"-{digest}", "-binary", given=b"a message")
    assert kms.verify(Signature=signature, **{**asked, "Message": hashed}, MessageType="DIGEST")["SignatureValid"] is True
    refused("KMSInvalidSignatureException", kms.verify, Signature=signature, **{**asked, "Message": b"another"})
    message = refused("ValidationException", kms.sign, **{**asked, "Message": b"short"}, MessageType="DIGEST")
    assert message == f"Digest is invalid length for algorithm {algorithm}."
    message = refused("InvalidKeyUsageException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    assert message == f"{key['Arn']} key usage is SIGN_VERIFY which is not valid for Encrypt."


def test_rsa_keys_open_what_openssl_encrypts(shared_engine, tmp_path):
    kms = shared_engine.client("kms", read_timeout=300)
    key = made(kms, "RSA_2048", "ENCRYPT_DECRYPT")["KeyId"]
    pem = public_pem(kms, key, tmp_path)
    for algorithm, digest, limit in [("RSAES_OAEP_SHA_1", "sha1", 214), ("RSAES_OAEP_SHA_256", "sha256", 190)]:
        options = ["rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{digest}"]
        options = [part for option in options for part in ("-pkeyopt", option)]
        blob = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", pem, *options, given=b"made offline")
        assert kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm=algorithm)["Plaintext"] == b"made offline"
        own = kms.encrypt(KeyId=key, Plaintext=b"made here", EncryptionAlgorithm=algorithm)["CiphertextBlob"]
        assert kms.decrypt(KeyId=key, CiphertextBlob=own, EncryptionAlgorithm=algorithm)["Plaintext"] == b"made here"
        message = refused("ValidationException", kms.encrypt, KeyId=key, Plaintext=bytes(limit + 1), EncryptionAlgorithm=algorithm)
        assert message == f"Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than {limit} bytes."
    refused("InvalidCiphertextException", kms.decrypt, KeyId=key, CiphertextBlob=bytes(256), EncryptionAlgorithm="RSAES_OAEP_SHA_256")


def test_codes_and_agreed_secrets(shared_engine, tmp_path):
    kms = shared_engine.client("kms")
    key = made(kms, "HMAC_256", "GENERATE_VERIFY_MAC")["KeyId"]
    asked = dict(KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_256")
    code = kms.generate_mac(**asked)["Mac"]
    assert len(code) == 32 and kms.verify_mac(Mac=code, **asked)["MacValid"] is True
    refused("KMSInvalidMacException", kms.verify_mac, Mac=bytes(32), **asked)
    message = refused("InvalidKeyUsageException", kms.generate_mac, KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_512")
    assert message.startswith("Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256.")
    agreeing = made(kms, "ECC_NIST_P256", "KEY_AGREEMENT")["KeyId"]
    pem = public_pem(kms, agreeing, tmp_path)
    own = tmp_path / "own.pem"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", own)
    theirs = openssl("pkey", "-in", own, "-pubout", "-outform", "DER")
    shared = kms.derive_shared_secret(KeyId=agreeing, KeyAgreementAlgorithm="ECDH", PublicKey=theirs)["SharedSecret"]
    assert shared == openssl("pkeyutl", "-derive", "-inkey", own, "-peerkey", pem)
    symmetric = kms.create_key()["KeyMetadata"]["KeyId"]
    pair = kms.generate_data_key_pair(KeyId=symmetric, KeyPairSpec="ECC_NIST_P384")
    assert kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"] == pair["PrivateKeyPlaintext"]
    (tmp_path / "pair.der").write_bytes(pair["PrivateKeyPlaintext"])
    assert openssl("pkey", "-inform", "DER", "-in", tmp_path / "pair.der", "-pubout", "-outform", "DER") == pair["PublicKey"]


def test_brought_material_comes_and_goes_by_the_clock(engine, tmp_path):
    kms = engine.client("kms", read_timeout=300)
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
    assert key["KeyState"] == "PendingImport"
    message = refused("KMSInvalidStateException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    assert message == f"{key['Arn']} is pending import."
    asked = dict(KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    parameters = kms.get_parameters_for_import(**asked)
    (tmp_path / "wrapping.der").write_bytes(parameters["PublicKey"])
    options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256"]

    def wrapped(material):
        return openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", tmp_path / "wrapping.der", *options, given=material)

    material = bytes(range(32))
    bring = dict(KeyId=key["KeyId"], ImportToken=parameters["ImportToken"])
    expiring = dict(ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=int(time.time()) + 86_400)
    refused("ValidationException", kms.import_key_material, EncryptedKeyMaterial=wrapped(material), **bring)
    kms.import_key_material(EncryptedKeyMaterial=wrapped(material), **bring, **expiring)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"under it")["CiphertextBlob"]
    assert engine.cumulet("clock", "advance", "25h").returncode == 0
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingImport"
    refused("ExpiredImportTokenException", kms.import_key_material, EncryptedKeyMaterial=wrapped(material), **bring,
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    parameters = kms.get_parameters_for_import(**asked)
    (tmp_path / "wrapping.der").write_bytes(parameters["PublicKey"])
    bring["ImportToken"] = parameters["ImportToken"]
    forever = dict(ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    refused("IncorrectKeyMaterialException", kms.import_key_material, EncryptedKeyMaterial=wrapped(bytes(32)), **bring, **forever)
    kms.import_key_material(EncryptedKeyMaterial=wrapped(material), **bring, **forever)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"under it"
    message = refused("UnsupportedOperationException", kms.enable_key_rotation, KeyId=key["KeyId"])
    assert message == f"{key['Arn']} origin is EXTERNAL which is not valid for this operation."


def test_a_keys_state_shows_in_every_service_that_uses_it(engine):
    kms = engine.client("kms")
    key = kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": f"logs.{REGION}.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}]}))
    key = key["KeyMetadata"]
    s3, sqs, ssm = engine.client("s3"), engine.client("sqs"), engine.client("ssm")
    dynamodb, logs, secrets = engine.client("dynamodb"), engine.client("logs"), engine.client("secretsmanager")
    s3.create_bucket(Bucket="of-keys")
    s3.put_object(Bucket="of-keys", Key="k", Body=b"v", ServerSideEncryption="aws:kms", SSEKMSKeyId=key["Arn"])
    url = sqs.create_queue(QueueName="q", Attributes={"KmsMasterKeyId": key["Arn"], "KmsDataKeyReusePeriodSeconds": "60"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="v")
    ssm.put_parameter(Name="p", Value="v", Type="SecureString", KeyId=key["Arn"])
    secrets.create_secret(Name="s", SecretString="v", KmsKeyId=key["Arn"])
    dynamodb.create_table(TableName="of-keys", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                          AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
                          SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["Arn"]})
    dynamodb.get_waiter("table_exists").wait(TableName="of-keys", WaiterConfig={"Delay": 1})
    dynamodb.put_item(TableName="of-keys", Item={"k": {"S": "k"}, "v": {"S": "v"}})
    logs.create_log_group(logGroupName="g", kmsKeyId=key["Arn"])
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": "v"}])

    def reads():
        """What each service answers: the value, or its code."""
        calls = {
            "s3": lambda: s3.get_object(Bucket="of-keys", Key="k")["Body"].read().decode(),
            "sqs": lambda: sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages", [{"Body": "none"}])[0]["Body"],
            "ssm": lambda: ssm.get_parameter(Name="p", WithDecryption=True)["Parameter"]["Value"],
            "secrets": lambda: secrets.get_secret_value(SecretId="s")["SecretString"],
            "dynamodb": lambda: dynamodb.get_item(TableName="of-keys", Key={"k": {"S": "k"}})["Item"]["v"]["S"],
            "logs": lambda: logs.filter_log_events(logGroupName="g")["events"][0]["message"],
        }
        found = {}
        for name, call in calls.items():
            try:
                found[name] = call()
            except botocore.exceptions.ClientError as error:
                found[name] = error.response["Error"]["Code"]
        return found

    everywhere = dict.fromkeys(["s3", "sqs", "ssm", "secrets", "dynamodb", "logs"], "v")
    assert reads() == everywhere
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    assert reads() == everywhere
    kms.disable_key(KeyId=key["KeyId"])
    closed = reads()
    assert "v" not in closed.values(), closed
    assert closed["s3"] == "KMS.DisabledException"
    kms.enable_key(KeyId=key["KeyId"])
    assert reads() == everywhere
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    closed = reads()
    assert "v" not in closed.values(), closed
    assert closed["s3"] == "KMS.KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    kms.enable_key(KeyId=key["KeyId"])
    assert reads() == everywhere
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert engine.cumulet("clock", "advance", "7d1m").returncode == 0
    gone = reads()
    assert "v" not in gone.values(), gone
    refused("NotFoundException", kms.describe_key, KeyId=key["KeyId"])


MARK = "zebra-crossing-at-midnight"


def write_marked(engine):
    """Leaves the mark in every service that keeps what it is given."""
    s3 = engine.client("s3")
    s3.create_bucket(Bucket="marked")
    s3.put_object(Bucket="marked", Key=f"small/{MARK}", Body=MARK.encode(), Metadata={"mark": MARK})
    s3.put_object(Bucket="marked", Key="large", Body=MARK.encode() * 20_000)
    dynamodb = engine.client("dynamodb")
    dynamodb.create_table(TableName="marked", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                          AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    dynamodb.get_waiter("table_exists").wait(TableName="marked", WaiterConfig={"Delay": 1})
    dynamodb.put_item(TableName="marked", Item={"k": {"S": MARK}, MARK: {"S": MARK}})
    sqs = engine.client("sqs")
    url = sqs.create_queue(QueueName="marked")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=MARK, MessageAttributes={"a": {"DataType": "String", "StringValue": MARK}})
    engine.client("ssm").put_parameter(Name=f"/{MARK}", Value=MARK, Type="String")
    engine.client("secretsmanager").create_secret(Name=MARK, SecretString=MARK)
    logs = engine.client("logs")
    logs.create_log_group(logGroupName=MARK)
    logs.create_log_stream(logGroupName=MARK, logStreamName="s")
    logs.put_log_events(logGroupName=MARK, logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": MARK}])
    cloudwatch = engine.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace=MARK, MetricData=[{"MetricName": MARK, "Value": 1}])
    cloudwatch.put_dashboard(DashboardName=MARK, DashboardBody=json.dumps({"widgets": [], "mark": MARK}))
    engine.client("kms").create_key(Description=MARK)
    engine.client("iam").create_user(UserName=MARK, Path=f"/{MARK}/")
    topic = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"{MARK}-2"}}}, "Description": MARK}
    cloudformation = engine.client("cloudformation")
    cloudformation.create_stack(StackName=MARK, TemplateBody=json.dumps(topic))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=MARK, WaiterConfig={"Delay": 1})
    segment = {"trace_id": f"1-{int(time.time()):08x}-0123456789abcdef01234567", "id": "0123456789abcdef", "name": MARK,
               "start_time": time.time() - 1, "end_time": time.time()}
    engine.client("xray").put_trace_segments(TraceSegmentDocuments=[json.dumps(segment)])


def found_on_disk(folder):
    marks = [MARK.encode(), base64.b64encode(MARK.encode()).rstrip(b"="), MARK.encode("utf-16-le"), MARK.encode().hex().encode()]
    hits = []
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            hits += [f"{path}: {mark[:20]}" for mark in marks if mark in content or mark.decode(errors="ignore") in path.name]
    return hits


def test_nothing_that_services_keep_lies_on_disk_in_the_clear(engine):
    write_marked(engine)
    engine.kill()
    assert found_on_disk(engine.data) == []
    engine.start()
    assert engine.client("s3").get_object(Bucket="marked", Key="large")["Body"].read().startswith(MARK.encode())
    assert engine.client("logs").filter_log_events(logGroupName=MARK)["events"][0]["message"] == MARK
    engine.stop()
    assert found_on_disk(engine.data) == []


def test_the_root_key_is_replaced_and_sealed(tmp_path):
    engine = Engine(tmp_path)
    engine.start()
    s3 = engine.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="k", Body=b"v" * 100_000)
    running = engine.cumulet("key", "rotate", "--data-dir", engine.data)
    assert running.returncode == 1 and "in use" in running.stderr, running.stderr
    engine.stop()
    old = (engine.data / "root.key").read_text()
    authority = (engine.data / "authority.pem").read_text()
    rotated = engine.cumulet("key", "rotate", "--data-dir", engine.data)
    assert rotated.returncode == 0, rotated.stderr
    assert (engine.data / "root.key").read_text() != old
    sealed = engine.cumulet("key", "rotate", "--data-dir", engine.data, "--new-root-key-command", "echo correct horse")
    assert sealed.returncode == 0, sealed.stderr
    assert (engine.data / "root.key").read_text().startswith("sealed pbkdf2-hmac-sha256 ")
    with pytest.raises(AssertionError, match="is sealed"):
        engine.start()
    engine.extra = ["--root-key-command", "echo wrong"]
    with pytest.raises(AssertionError, match="does not open"):
        engine.start()
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse\n")
    engine.extra = ["--root-passphrase-file", passphrase]
    engine.start()
    assert engine.client("s3").get_object(Bucket="kept", Key="k")["Body"].read() == b"v" * 100_000
    engine.stop()
    # One that could not be opened would have been made anew.
    assert (engine.data / "authority.pem").read_text() == authority


ROTATION = '''
import boto3, json, os

def rotate(event, context):
    client = boto3.client("secretsmanager", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    print("STEP", step)
    if step == "createSecret":
        current = json.loads(client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"])
        current["turn"] += 1
        client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(current), VersionStages=["AWSPENDING"])
    elif step == "testSecret":
        client.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
    elif step == "finishSecret":
        versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
        current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
        client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current)
'''


def with_boto3():
    """The function, and as much of boto3 as it needs: the runtime here is the machine's own Python."""
    packages = pathlib.Path(boto3.__file__).parents[1]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("app.py", ROTATION)
        for name in ["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"]:
            root = packages / name
            for path in [root] if root.is_file() else root.rglob("*"):
                inside = path.relative_to(packages)
                data = inside.parts[:2] == ("botocore", "data")
                wanted = not data or len(inside.parts) <= 3 or inside.parts[2] in ("secretsmanager",)
                if path.is_file() and "__pycache__" not in inside.parts and wanted:
                    made.write(path, str(inside))
    return archive.getvalue()


def test_a_function_rotates_a_secret_in_four_steps(engine):
    iam, secrets = engine.client("iam"), engine.client("secretsmanager")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["logs:*", "secretsmanager:*"], "Resource": "*"}]}
    role = iam.create_role(RoleName="rotation", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="rotation", PolicyName="all", PolicyDocument=json.dumps(allowed))
    functions = engine.client("lambda", read_timeout=120)
    function = functions.create_function(FunctionName="rotate", Runtime="python3.11", Role=role, Handler="app.rotate",
                                         Code={"ZipFile": with_boto3()}, Timeout=60, MemorySize=512)["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName="rotate")
    first = secrets.create_secret(Name="db", SecretString=json.dumps({"turn": 1}))["VersionId"]
    rotation = dict(SecretId="db", RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30})
    message = refused("AccessDeniedException", secrets.rotate_secret, **rotation)
    assert "secretsmanager.amazonaws.com" in message
    functions.add_permission(FunctionName="rotate", StatementId="secrets", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com")
    secrets.rotate_secret(**rotation)

    def turn():
        value = secrets.get_secret_value(SecretId="db")
        return json.loads(value["SecretString"])["turn"], value["VersionId"]

    def wait_for(number):
        deadline = time.monotonic() + 60
        while turn()[0] != number and time.monotonic() < deadline:
            time.sleep(0.2)
        return turn()

    number, version = wait_for(2)
    assert number == 2 and version != first
    stages = secrets.describe_secret(SecretId="db")["VersionIdsToStages"]
    assert stages[first] == ["AWSPREVIOUS"] and "AWSCURRENT" in stages[version]
    printed = engine.client("logs").filter_log_events(logGroupName="/aws/lambda/rotate", filterPattern="STEP")["events"]
    assert [event["message"].strip() for event in printed] == [
        "STEP createSecret", "STEP setSecret", "STEP testSecret", "STEP finishSecret"]
    assert engine.cumulet("clock", "advance", "31d").returncode == 0
    assert wait_for(3)[0] == 3
