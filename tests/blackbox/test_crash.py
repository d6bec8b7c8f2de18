"""kill -9 under concurrent writes: whatever was acknowledged is found again."""

import concurrent.futures
import json
import random
import threading
import time

import botocore.exceptions
import pytest

ROUNDS = 20
WRITERS = 8


class Acknowledged:
    """What the engine said yes to."""

    def __init__(self):
        self.lock = threading.Lock()
        self.objects = {}
        self.items = {}
        # A created table is an event: it lies in the outbox until a delivery has made the table ACTIVE.
        self.tables = {}

    def note(self, kind, key, value):
        with self.lock:
            kind[key] = value

    def wait_for_tables(self, count):
        """However slow the machine is, every round acknowledges something of each kind before the power goes."""
        deadline = time.monotonic() + 30
        while len(self.tables) < count and time.monotonic() < deadline:
            time.sleep(0.01)


def write_until_killed(engine, acknowledged, writer, stop):
    s3, dynamodb = engine.client("s3"), engine.client("dynamodb")
    choice = random.Random(writer)
    number = 0
    while not stop.is_set():
        number += 1
        key = f"{writer}-{number}-{choice.random()}"
        # Small bodies lie in the tree, large ones in segments: both must hold.
        body = choice.randbytes(choice.choice([10, 3_000, 100_000]))
        try:
            s3.put_object(Bucket="crash", Key=key, Body=body)
            acknowledged.note(acknowledged.objects, key, body)
            dynamodb.put_item(TableName="crash", Item={"pk": {"S": key}, "n": {"N": str(number)}})
            acknowledged.note(acknowledged.items, key, str(number))
            if number % 20 == 5:
                create_table(dynamodb, f"event-{writer}-{number}")
                acknowledged.note(acknowledged.tables, f"event-{writer}-{number}", number)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            return


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_in_twenty_crashes(engine):
    engine.client("s3").create_bucket(Bucket="crash")
    create_table(engine.client("dynamodb"), "crash")
    engine.client("dynamodb").get_waiter("table_exists").wait(TableName="crash", WaiterConfig={"Delay": 1})
    acknowledged = Acknowledged()
    for crash in range(ROUNDS):
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
            for writer in range(WRITERS):
                pool.submit(write_until_killed, engine, acknowledged, f"{crash}.{writer}", stop)
            acknowledged.wait_for_tables((crash + 1) * WRITERS // 2)
            time.sleep(0.03 * (crash % 5))
            engine.kill()
            stop.set()
        engine.start()
    assert min(map(len, (acknowledged.objects, acknowledged.items, acknowledged.tables))) > ROUNDS
    check(engine, acknowledged)
    print(json.dumps({"objects": len(acknowledged.objects), "items": len(acknowledged.items), "events": len(acknowledged.tables)}))


def create_table(dynamodb, name):
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def check(engine, acknowledged):
    s3, dynamodb = engine.client("s3"), engine.client("dynamodb")
    for key, body in acknowledged.objects.items():
        assert s3.get_object(Bucket="crash", Key=key)["Body"].read() == body, key
    for key, number in acknowledged.items.items():
        found = dynamodb.get_item(TableName="crash", Key={"pk": {"S": key}}, ConsistentRead=True)
        assert found["Item"]["n"]["N"] == number, key
    for table in acknowledged.tables:
        dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
