"""Runs ceph/s3-tests (MIT) from a fetched copy against a fresh engine, leaving out what does not hold on AWS.

    python tests/conformance/s3_tests.py --suite DIR [--binary FILE] [--crt VENV/bin/python] [-n 2] [-k WORDS]

This interpreter needs the suite's requirements, pytest-xdist, pytest-timeout and pytest-json-report; --crt names another
one that has botocore[crt] as well: the checksum tests need it, and it breaks those that bend headers. Prints every test
that did not pass with its reason and, last, the counts; --json keeps them.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox"))

from conftest import BINARY, Engine  # noqa: E402

# What the suite itself marks as not AWS's, and what belongs to Ceph alone.
SELECT = " and not ".join(
    "not fails_on_aws|cloud_transition|cloud_restore|lifecycle_transition|storage_class|auth_aws2|appendobject"
    "|s3select|abac_test|bucket_logging_cleanup".split("|")
)
NOT_AWS = re.compile(r"tenant|account_usage|head_extended|_aws2|_v2$|torrent")
FILES = ["s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py"]
# Not every test of checksums carries the mark.
CHECKSUM = re.compile(r"checksum|crc64nvme|sha256_composite")
# Those that take every bucket of the account for their own.
ALONE = re.compile(r"list_buckets_paginated")
ROOT = "444444444444"
# Three accounts, each as its root user: an account's number is its key.
USERS = {"main": "111111111111", "alt": "222222222222", "tenant": "333333333333"}

CONFIGURATION = """
[DEFAULT]
host = 127.0.0.1
port = {port}
is_secure = False
ssl_verify = False
[fixtures]
bucket prefix = st-{{random}}-
iam name prefix = s3-tests-
iam path prefix = /s3-tests/
{users}
[iam]
{main}
[iam root]
access_key = {root}
secret_key = test
user_id = {root}
email = root@example.com
[iam alt root]
{alt}
[webidentity]
token = none
aud = none
sub = none
azp = none
user_token = none
thumbprint = none
KC_REALM = none
"""


def section(engine, name, account):
    owner = engine.client("s3", account).list_buckets()["Owner"]
    lines = [
        f"display_name = {owner.get('DisplayName', '')}",
        f"user_id = {owner['ID']}",
        f"email = {name}@example.com",
        f"access_key = {account}",
        "secret_key = test",
        f"api_name = ",
        "lc_debug_interval = 10",
    ]
    if name == "tenant":
        lines.append("tenant = testx")
    if name == "main":
        kms = engine.client("kms", account)
        lines += [f"{field} = {kms.create_key()['KeyMetadata']['Arn']}" for field in ("kms_keyid", "kms_keyid2")]
    return "\n".join(lines)


def collect(python, suite, environment, select):
    command = [python, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", select, *FILES]
    listed = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True)
    ids = [line for line in listed.stdout.splitlines() if "::" in line]
    if not ids:
        sys.exit(f"nothing was collected:\n{listed.stdout[-2000:]}{listed.stderr[-2000:]}")
    return [test for test in ids if not NOT_AWS.search(test)]


def run(python, suite, environment, ids, workers, scratch):
    report = pathlib.Path(scratch) / "report.json"
    report.unlink(missing_ok=True)
    names = pathlib.Path(scratch) / "ids.txt"
    names.write_text("\n".join(ids))
    # Kept beside the report, which comes only at the end: a run that is cut off has said something.
    log = open(pathlib.Path(scratch) / "pytest.log", "ab")
    subprocess.run(
        [python, "-m", "pytest", "-v", "-n", str(workers), "--timeout", "120", "-p", "no:cacheprovider",
         "-p", "s3_tests_plugin", "--json-report", f"--json-report-file={report}", "--tb=short", f"@{names}"],
        cwd=suite, env=environment, stdout=log, stderr=log,
    )  # fmt: skip
    return json.loads(report.read_text())["tests"]


def reason(test):
    for phase in ("setup", "call", "teardown"):
        crash = test.get(phase, {}).get("crash")
        if crash:
            return f"{pathlib.Path(crash['path']).name}:{crash['lineno']} {crash['message'].splitlines()[0][:300]}"
        if test.get(phase, {}).get("outcome") == "skipped":
            return str(test[phase].get("longrepr"))[:300]
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", type=pathlib.Path, required=True)
    parser.add_argument("--binary", type=pathlib.Path, default=BINARY)
    parser.add_argument("--crt", default=None)
    parser.add_argument("-n", type=int, default=2)
    parser.add_argument("-k", default=None, help="a regular expression on test names")
    parser.add_argument("--only", type=pathlib.Path, help="a file of test names, one a line")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the engine's data and log")
    parser.add_argument("--defaults", choices=["2022", "today"], default="2022", help="the settings of new buckets")
    arguments = parser.parse_args()

    scratch = arguments.keep or pathlib.Path(tempfile.mkdtemp(prefix="s3-tests-"))
    scratch.mkdir(parents=True, exist_ok=True)
    engine = Engine(scratch, binary=arguments.binary.resolve()).start()
    try:
        tests = conformance(engine, arguments, scratch)
    finally:
        engine.stop()
        if not arguments.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([{**test, "reason": reason(test)} for test in tests], indent=1))
    for test in sorted(tests, key=lambda test: test["nodeid"]):
        if test["outcome"] != "passed":
            print(f"{test['outcome']:8} {test['nodeid'].split('::')[-1]}: {reason(test)}")
    print(dict(collections.Counter(test["outcome"] for test in tests)), "of", len(tests))


def conformance(engine, arguments, scratch):
    sections = {name: section(engine, name, account) for name, account in USERS.items()}
    users = "\n".join(f"[s3 {name}]\n{text}" for name, text in sections.items())
    configuration = pathlib.Path(scratch).resolve() / "s3tests.conf"
    configuration.write_text(
        CONFIGURATION.format(port=engine.port, users=users, main=sections["main"], alt=sections["alt"], root=ROOT)
    )
    environment = {
        **os.environ,
        "S3TEST_CONF": str(configuration),
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": str(HERE),
        "CUMULET_URL": engine.url,
        "S3_TESTS_ACCOUNTS": ",".join([*USERS.values(), ROOT]),
        "S3_TESTS_DEFAULTS": arguments.defaults,
    }
    ids = collect(sys.executable, arguments.suite, environment, SELECT)
    if arguments.k:
        ids = [test for test in ids if re.search(arguments.k, test)]
    if arguments.only:
        only = set(arguments.only.read_text().split())
        ids = [test for test in ids if test.split("::")[-1] in only]
    timed = collect(sys.executable, arguments.suite, environment, f"lifecycle_expiration and {SELECT}")
    timed = [test for test in ids if test in timed or ALONE.search(test)]
    with_crt = [test for test in ids if CHECKSUM.search(test)] if arguments.crt else []
    plain = [test for test in ids if test not in with_crt and test not in timed]
    # Those that move the clock come last, and by themselves.
    parts = [(sys.executable, plain, arguments.n), (arguments.crt, with_crt, arguments.n), (sys.executable, timed, 1)]
    return [
        test
        for python, part, workers in parts
        if part
        for test in run(python, arguments.suite, environment, part, workers, scratch)
    ]


if __name__ == "__main__":
    main()
