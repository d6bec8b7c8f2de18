"""A backup taken while the engine serves is the installation of one moment, and restores to it."""

import pathlib
import shutil

from conftest import Engine

LARGE = bytes(range(256)) * 4096


def test_a_backup_restores_to_its_moment(engine, tmp_path):
    s3, dynamodb = engine.client("s3"), engine.client("dynamodb")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="large", Body=LARGE)
    s3.put_object(Bucket="kept", Key="small", Body=b"small")
    dynamodb.create_table(
        TableName="notes",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName="notes", WaiterConfig={"Delay": 1})
    dynamodb.put_item(TableName="notes", Item={"id": {"S": "1"}, "text": {"S": "before"}})

    copy = tmp_path / "copy"
    made = engine.cumulet("backup", str(copy))
    assert made.returncode == 0, made.stderr
    assert not (copy / "root.key").exists()

    s3.delete_object(Bucket="kept", Key="large")
    dynamodb.put_item(TableName="notes", Item={"id": {"S": "1"}, "text": {"S": "after"}})
    engine.kill()

    other = Engine(tmp_path / "other")
    pathlib.Path(tmp_path / "other").mkdir()
    restored = engine.cumulet(
        "restore", str(copy), "--root-key", str(engine.data / "root.key"), "--data-dir", str(other.data)
    )
    assert restored.returncode == 0, restored.stderr
    assert "are whole" in restored.stderr
    other.start()
    try:
        s3, dynamodb = other.client("s3"), other.client("dynamodb")
        assert s3.get_object(Bucket="kept", Key="large")["Body"].read() == LARGE
        assert s3.get_object(Bucket="kept", Key="small")["Body"].read() == b"small"
        item = dynamodb.get_item(TableName="notes", Key={"id": {"S": "1"}})["Item"]
        assert item["text"] == {"S": "before"}
    finally:
        other.stop()


def test_a_backup_without_its_key_or_over_another_installation_is_refused(engine, tmp_path):
    copy = tmp_path / "copy"
    assert engine.cumulet("backup", str(copy)).returncode == 0
    again = engine.cumulet("backup", str(copy))
    assert again.returncode == 1 and "holds an installation already" in again.stderr
    keyless = engine.cumulet("restore", str(copy), "--data-dir", str(tmp_path / "elsewhere"))
    assert keyless.returncode == 2 and "--root-key" in keyless.stderr
    shutil.rmtree(tmp_path / "elsewhere")
    stranger = tmp_path / "stranger.key"
    stranger.write_text("00" * 32 + "\n")
    stranger.chmod(0o600)
    wrong = engine.cumulet(
        "restore", str(copy), "--root-key", str(stranger), "--data-dir", str(tmp_path / "elsewhere")
    )
    assert wrong.returncode == 1
