"""What many clients saw of DynamoDB while the engine was killed under them, and whether it can have been so.

CUMULET_LONG_TESTS=1 kills it twenty times instead of three.
"""

import collections
import itertools
import math
import os
import random
import threading
import time
import uuid

import botocore.exceptions
from histories import Operation, explain

CRASHES = 20 if os.environ.get("CUMULET_LONG_TESTS") else 3
SECONDS_BETWEEN_CRASHES = 2.0
CLIENTS = 6
NEVER = math.inf


def create(client, name, **extra):
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        **extra,
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def is_unknown(error):
    """No answer came, so it may or may not have happened."""
    if isinstance(error, botocore.exceptions.ClientError):
        return error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
    return isinstance(error, (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError))


class Clients:
    """Threads that work while the engine lives; every crash ends them, and every start brings new ones."""

    def __init__(self, engine, work):
        self.engine, self.work = engine, work
        self.failures = []
        self.killed = []

    def run_until_crash(self, number):
        stop = threading.Event()
        threads = [
            threading.Thread(target=self.loop, args=(stop, random.Random(f"{number}/{client}")))
            for client in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS_BETWEEN_CRASHES)
        # Told to stop first: a client that goes on against a dead engine only lengthens the history.
        stop.set()
        self.engine.kill()
        self.killed.append(time.monotonic())
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures[0]
        self.engine.start()

    def loop(self, stop, draw):
        client = self.engine.client("dynamodb", read_timeout=10)
        while not stop.is_set():
            try:
                self.work(client, draw)
            except Exception as error:  # what a thread finds must reach the test
                self.failures.append(error)
                return


class Registers:
    """Single items: what every client did to them and saw of them."""

    KEYS = [f"register-{number}" for number in range(3)] + ["counter"]

    def __init__(self):
        self.histories = collections.defaultdict(list)
        self.last = {}
        self.numbers = iter(range(1, 1 << 40))
        self.lock = threading.Lock()

    def work(self, client, draw):
        key = draw.choice(self.KEYS)
        kinds = ["add", "get"] if key == "counter" else ["put", "get", "swap"]
        with self.lock:
            value = next(self.numbers)
        kind = draw.choice(kinds)
        argument = {"put": value, "swap": value, "add": 1}.get(kind)
        expected = self.last.get(key) if kind == "swap" else None
        operation = Operation(time.monotonic(), NEVER, kind, argument, expected)
        with self.lock:
            self.histories[key].append(operation)
        try:
            self.call(client, key, operation)
        except Exception as error:
            if not is_unknown(error):
                raise
            return
        if operation.seen is not None:
            self.last[key] = operation.seen if operation.kind == "get" else operation.argument

    def call(self, client, key, operation):
        pk = {"pk": {"S": key}}
        match operation.kind:
            case "put":
                client.put_item(TableName="registers", Item={**pk, "v": {"N": str(operation.argument)}})
            case "get":
                operation.seen = value_of(client.get_item(TableName="registers", Key=pk, ConsistentRead=True).get("Item"))
            case "add":
                update = {"UpdateExpression": "ADD v :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
                answer = client.update_item(TableName="registers", Key=pk, ReturnValues="UPDATED_NEW", **update)
                operation.seen = value_of(answer["Attributes"])
            case "swap":
                self.swap(client, pk, operation)
        operation.returned = time.monotonic()

    def swap(self, client, pk, operation):
        values = {":new": {"N": str(operation.argument)}}
        condition = "attribute_not_exists(v)"
        if operation.seen is not None:
            values[":old"], condition = {"N": str(operation.seen)}, "v = :old"
        try:
            client.update_item(
                TableName="registers",
                Key=pk,
                UpdateExpression="SET v = :new",
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except client.exceptions.ConditionalCheckFailedException as error:
            operation.kind, operation.argument = "swap-refused", operation.seen
            operation.seen = value_of(error.response.get("Item"))


def value_of(item):
    return int(item["v"]["N"]) if item and "v" in item else None


def test_single_items_are_linearisable_across_crashes(engine):
    create(engine.client("dynamodb"), "registers")
    registers = Registers()
    clients = Clients(engine, registers.work)
    for crash in range(CRASHES):
        clients.run_until_crash(crash)
    for operation in itertools.chain(*registers.histories.values()):
        operation.killed = next((moment for moment in clients.killed if moment > operation.called), NEVER)
    client = engine.client("dynamodb")
    for key in Registers.KEYS:
        last = Operation(time.monotonic(), NEVER, "get")
        registers.call(client, key, last)
        registers.histories[key].append(last)
    answered = sum(math.isfinite(one.returned) for history in registers.histories.values() for one in history)
    print(f"{answered} answered operations over {CRASHES} crashes")
    assert answered > 100 * CRASHES
    for key, history in registers.histories.items():
        impossible = explain(history)
        assert impossible is None, f"{key}: no order explains {impossible}"


def test_the_checker_finds_what_cannot_have_been():
    put = Operation(0, 1, "put", 1)
    assert explain([put, Operation(2, 3, "get", seen=1)]) is None
    assert explain([put, Operation(2, 3, "get", seen=None)]) is not None, "a lost write"
    lost = Operation(2, NEVER, "put", 2)
    assert explain([put, lost, Operation(3, 4, "get", seen=1)]) is None
    late = [Operation(3, 4, "get", seen=2), Operation(5, 6, "get", seen=1)]
    assert explain([put, lost, *late]) is not None, "a write that came and went"
    adds = [Operation(0, 5, "add", 1, 1), Operation(1, 4, "add", 1, 1)]
    assert explain(adds) is not None, "an addition lost to another"


ACCOUNTS = [f"account-{number}" for number in range(6)]
BALANCE = 100


class Bank:
    """Transfers between accounts, each noted in a ledger in the same transaction."""

    def __init__(self):
        self.acknowledged, self.unknown = {}, {}

    def work(self, client, draw):
        if draw.random() < 0.3:
            self.look(client)
        else:
            source, target = draw.sample(ACCOUNTS, 2)
            transfer = (str(uuid.UUID(int=draw.getrandbits(128))), source, target, draw.randint(1, 40))
            self.transfer(client, transfer)

    def look(self, client):
        keys = [{"Get": {"TableName": "bank", "Key": {"pk": {"S": name}}}} for name in ACCOUNTS]
        try:
            answer = client.transact_get_items(TransactItems=keys)
        except Exception as error:
            if not is_unknown(error):
                raise
            return
        check_balances([value_of(response["Item"]) for response in answer["Responses"]])

    def transfer(self, client, transfer):
        number, source, target, amount = transfer
        take = {"UpdateExpression": "ADD v :less", "ConditionExpression": "v >= :amount"}
        give = {"UpdateExpression": "ADD v :amount"}
        amounts = {":amount": {"N": str(amount)}}
        row = {name: {"S": value} for name, value in [("pk", number), ("source", source), ("target", target)]}
        actions = [
            {"Update": {"TableName": "bank", "Key": {"pk": {"S": source}}, **take,
                        "ExpressionAttributeValues": {**amounts, ":less": {"N": str(-amount)}}}},
            {"Update": {"TableName": "bank", "Key": {"pk": {"S": target}}, **give, "ExpressionAttributeValues": amounts}},
            {"Put": {"TableName": "ledger", "Item": {**row, "v": {"N": str(amount)}},
                     "ConditionExpression": "attribute_not_exists(pk)"}},
        ]
        try:
            client.transact_write_items(TransactItems=actions, ClientRequestToken=number)
        except client.exceptions.TransactionCanceledException as error:
            codes = [reason["Code"] for reason in error.response["CancellationReasons"]]
            assert codes == ["ConditionalCheckFailed", "None", "None"], codes
            self.unknown.pop(number, None)
        except Exception as error:
            if not is_unknown(error):
                raise
            self.unknown[number] = transfer
        else:
            self.unknown.pop(number, None)
            self.acknowledged[number] = transfer


def check_balances(balances):
    assert sum(balances) == BALANCE * len(ACCOUNTS), balances
    assert min(balances) >= 0, balances


def scan(client, table, **options):
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=not options, **options)
    return [item for page in pages for item in page["Items"]]


def stream_keys(engine):
    """The key of every record in the ledger's stream, in order."""
    streams = engine.client("dynamodbstreams")
    arn = engine.client("dynamodb").describe_table(TableName="ledger")["Table"]["LatestStreamArn"]
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    found = []
    for shard in shards:
        place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**place)["ShardIterator"]
        while records := (answer := streams.get_records(ShardIterator=iterator))["Records"]:
            found += [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]
            iterator = answer["NextShardIterator"]
    return found


def test_money_is_neither_made_nor_lost_across_crashes(engine):
    client = engine.client("dynamodb")
    create(client, "bank")
    create(client, "ledger", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    for name in ACCOUNTS:
        client.put_item(TableName="bank", Item={"pk": {"S": name}, "v": {"N": str(BALANCE)}})
    bank = Bank()
    clients = Clients(engine, bank.work)
    for crash in range(CRASHES):
        clients.run_until_crash(crash)
        client = engine.client("dynamodb")
        check_balances([value_of(item) for item in scan(client, "bank")])
        # The same tokens again: what had happened does not happen twice, what had not does now.
        for transfer in list(bank.unknown.values()):
            bank.transfer(client, transfer)
    assert not bank.unknown
    ledger = {item["pk"]["S"]: item for item in scan(client, "ledger")}
    print(f"{len(ledger)} transfers over {CRASHES} crashes")
    assert len(ledger) > 20 * CRASHES
    assert set(ledger) == set(bank.acknowledged)
    expected = dict.fromkeys(ACCOUNTS, BALANCE)
    for _, source, target, amount in bank.acknowledged.values():
        expected[source] -= amount
        expected[target] += amount
    assert {item["pk"]["S"]: value_of(item) for item in scan(client, "bank")} == expected
    assert sorted(stream_keys(engine)) == sorted(ledger)

