"""S3 on a disk that fills up or rots, through kills at the wrong moment, with bodies larger than its memory."""

import json
import os
import pathlib
import subprocess
import tempfile
import threading

import boto3.s3.transfer
import botocore.exceptions
import pytest
import requests

from conftest import ACCOUNT, REGION, Engine

pytestmark = pytest.mark.timeout(180)
MIB = 1 << 20


def rss_peak_kib(engine):
    status = pathlib.Path(f"/proc/{engine.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def test_every_acknowledged_object_is_told_of_after_kills(engine):
    s3, sqs = engine.client("s3"), engine.client("sqs")
    s3.create_bucket(Bucket="told")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:told"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    wish = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="told", NotificationConfiguration=wish)
    acknowledged = set()
    for life in range(3):
        stop = threading.Event()

        def write(name):
            client, number = engine.client("s3"), 0
            while not stop.is_set():
                key = f"{life}/{name}/{number}"
                try:
                    client.put_object(Bucket="told", Key=key, Body=b"x")
                except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                    return
                acknowledged.add(key)
                number += 1

        writers = [threading.Thread(target=write, args=(name,)) for name in range(6)]
        [writer.start() for writer in writers]
        threading.Event().wait(0.8)
        engine.kill()
        stop.set()
        [writer.join() for writer in writers]
        engine.start()
    assert len(acknowledged) > 10
    heard = set()
    while not acknowledged <= heard:
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=15, MaxNumberOfMessages=10).get("Messages", [])
        assert messages, f"{len(acknowledged - heard)} of {len(acknowledged)} objects were never told of"
        for message in messages:
            heard |= {record["s3"]["object"]["key"] for record in json.loads(message["Body"]).get("Records", [])}
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture
def small_disk():
    directory = tempfile.mkdtemp(prefix="s3-small-")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=384m", "tmpfs", directory], capture_output=True)
    if made.returncode:
        pytest.skip("a file system can be mounted by root only")
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)
    os.rmdir(directory)


def test_a_full_disk_refuses_clearly_and_loses_nothing(small_disk):
    engine = Engine(small_disk).start()
    try:
        s3 = engine.client("s3")
        s3.create_bucket(Bucket="full")
        s3.put_object(Bucket="full", Key="before", Body=b"kept")
        stored, refusal = [], None
        for number in range(60):
            body = bytes([number]) * (8 * MIB)
            try:
                s3.put_object(Bucket="full", Key=f"big{number}", Body=body)
            except botocore.exceptions.ClientError as error:
                refusal = error.response
                break
            stored.append(number)
        assert refusal and refusal["ResponseMetadata"]["HTTPStatusCode"] in (500, 503, 507), refusal
        assert stored
        # The refusal came before the body was read, so its connection is closed; these clients never retry.
        s3 = engine.client("s3")
        for number in stored:
            assert s3.get_object(Bucket="full", Key=f"big{number}")["Body"].read() == bytes([number]) * (8 * MIB)
        # Room comes back with what is deleted, and the engine goes on by itself.
        for number in stored:
            s3.delete_object(Bucket="full", Key=f"big{number}")
        assert s3.get_object(Bucket="full", Key="before")["Body"].read() == b"kept"
        engine.stop()
        engine.start()
        assert s3.get_object(Bucket="full", Key="before")["Body"].read() == b"kept"
        s3.put_object(Bucket="full", Key="after", Body=b"there is room")
        assert s3.get_object(Bucket="full", Key="after")["Body"].read() == b"there is room"
    finally:
        engine.stop()


def test_a_rotten_block_is_an_error_and_never_other_bytes(engine):
    s3 = engine.client("s3")
    s3.create_bucket(Bucket="rot")
    body = os.urandom(1 * MIB)
    s3.put_object(Bucket="rot", Key="rotten", Body=body)
    s3.put_object(Bucket="rot", Key="sound", Body=b"sound")
    engine.stop()
    segments = [path for path in engine.data.rglob("*.segment")]
    for path in segments:
        text = bytearray(path.read_bytes())
        written = [index for index in range(0, len(text), 4096) if any(text[index : index + 4096])]
        if written:  # others are only prepared: zeros
            text[written[0] + 100] ^= 1
            path.write_bytes(text)
    engine.start()
    with pytest.raises((botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError)) as failed:
        s3.get_object(Bucket="rot", Key="rotten")["Body"].read()
    if isinstance(failed.value, botocore.exceptions.ClientError):
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert s3.get_object(Bucket="rot", Key="sound")["Body"].read() == b"sound"


def test_memory_does_not_grow_with_the_body(engine):
    s3 = engine.client("s3")
    s3.create_bucket(Bucket="large")
    before = rss_peak_kib(engine)
    size, chunk = 256 * MIB, bytes(1 * MIB)

    def body():
        for _ in range(size // len(chunk)):
            yield chunk

    url = engine.client("s3", signature_version="s3v4").generate_presigned_url(
        "put_object", {"Bucket": "large", "Key": "k", "ContentLength": size}
    )

    class Sized:
        def __len__(self):
            return size

        def __iter__(self):
            return body()

    put = requests.put(url, data=Sized(), headers={"Content-Length": str(size)}, timeout=120)
    assert put.status_code == 200, put.text
    read = 0
    for piece in s3.get_object(Bucket="large", Key="k")["Body"].iter_chunks(MIB):
        read += len(piece)
    assert read == size
    assert rss_peak_kib(engine) - before < 64 * 1024, (before, rss_peak_kib(engine))


def test_many_uploads_in_parts_at_once(engine, tmp_path):
    s3 = engine.client("s3", max_pool_connections=32)
    s3.create_bucket(Bucket="parts")
    config = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    files = []
    for number in range(8):
        path = tmp_path / f"f{number}"
        path.write_bytes(os.urandom(11 * MIB + number))
        files.append(path)
    uploads = [
        threading.Thread(target=s3.upload_file, args=(str(path), "parts", path.name), kwargs={"Config": config})
        for path in files
    ]
    [upload.start() for upload in uploads]
    [upload.join() for upload in uploads]
    for path in files:
        head = s3.head_object(Bucket="parts", Key=path.name)
        assert head["ETag"].endswith('-3"')
        assert s3.get_object(Bucket="parts", Key=path.name)["Body"].read() == path.read_bytes()
    assert not s3.list_multipart_uploads(Bucket="parts").get("Uploads")
