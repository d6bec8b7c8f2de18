"""The real binary, started fresh for whoever asks, and the real clients against it."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import boto3
import botocore.config
import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = pathlib.Path(os.environ.get("CUMULET_BINARY", TARGET / "release" / "cumulet"))
ACCOUNT = "000000000000"
REGION = "us-east-1"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(look, what, patience_s=180):
    """What `look` answers, as soon as it is true."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {patience_s} s")


class Engine:
    """One process of the engine, with a folder and a port that outlive it."""

    def __init__(self, directory, extra=(), binary=BINARY):
        self.binary = binary
        self.data = pathlib.Path(directory) / "data"
        self.log = pathlib.Path(directory) / "engine.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.extra = list(extra)
        self.process = None

    def start(self, *app, timeout_s=60):
        command = [self.binary, "up", *app, "--listen", f"127.0.0.1:{self.port}", "--data-dir", self.data]
        # Most tests need no SDK in their functions; test_lambda.py installs it.
        command += ["--allow-bare-runtimes", *self.extra]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.wait_ready(timeout_s)
        return self

    def wait_ready(self, timeout_s):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the engine ended with {self.process.returncode}:\n{self.log.read_text()}")
            try:
                if requests.get(f"{self.url}/_cumulet/health", timeout=1).status_code == 200:
                    return
            except requests.RequestException:
                time.sleep(0.02)
        raise AssertionError(f"the engine is not ready after {timeout_s} s:\n{self.log.read_text()}")

    def wait_log(self, text, timeout_s=120):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if text in self.log.read_text():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{text!r} never appeared:\n{self.log.read_text()}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)
        return self.process.returncode if self.process else None

    def client(self, service, key="test", secret="test", **settings):
        settings.setdefault("retries", {"max_attempts": 0})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=botocore.config.Config(**settings),
        )

    def resource(self, service):
        return boto3.resource(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def cumulet(self, *arguments, **options):
        environment = {**os.environ, "AWS_ENDPOINT_URL": self.url}
        return subprocess.run(
            [self.binary, *arguments], capture_output=True, text=True, timeout=600, env=environment, **options
        )

    def aws(self, *arguments):
        """The aws CLI with the environment that `cumulet env` prints."""
        exports = self.cumulet("env").stdout
        script = f'{exports}\nexec "$@"'
        aws = shutil.which("aws") or str(pathlib.Path(os.sys.executable).parent / "aws")
        return subprocess.run(
            ["sh", "-c", script, "sh", aws, *arguments], capture_output=True, text=True, timeout=600
        )


@pytest.fixture
def engine(tmp_path):
    engine = Engine(tmp_path)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("engine"))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def upload_api(tmp_path_factory):
    """The engine with apps/upload-api deployed on it."""
    engine = Engine(tmp_path_factory.mktemp("upload-api"))
    engine.start("apps/upload-api", timeout_s=900)
    engine.wait_log("try it:", timeout_s=120)
    yield engine
    engine.stop()
