"""The listener under clients that are many, slow or silent, and at its end."""

import resource
import select
import signal
import socket
import threading
import time

import pytest
import requests

from conftest import Engine
from test_apigateway import Api


@pytest.fixture(scope="module", autouse=True)
def silent(shared_engine):
    """A connection that says nothing, one that begins a head and one that begins a body: opened before all tests."""
    api = Api(shared_engine).mock("/a", "POST")
    api.deploy()
    head = f"POST /_aws/execute-api/{api.id}/prod/a HTTP/1.1\r\nHost: x\r\n".encode()
    opened = []
    for said in [b"", head, head + b"Content-Length: 100\r\n\r\nhalf"]:
        opened.append(socket.create_connection(("127.0.0.1", shared_engine.port)))
        opened[-1].sendall(said)
    return opened


def resident_kb(engine):
    with open(f"/proc/{engine.process.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def test_ten_thousand_idle_connections_hold_little_and_stall_nobody(engine):
    api = Api(engine).mock("/a")
    api.deploy()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(10_000, hard - 2_000)
    before, crowd = resident_kb(engine), []
    try:
        half = f"GET /_aws/execute-api/{api.id}/prod/a HTTP/1.1\r\nHost: x\r\nX-Half".encode()
        for number in range(count):
            connection = socket.create_connection(("127.0.0.1", engine.port))
            # Silent ones, and ones that begin a head and stop.
            if number % 2:
                connection.sendall(half)
            crowd.append(connection)
        assert count >= 5_000, f"this machine allows {hard} descriptors"
        for _ in range(50):
            assert requests.get(api.url("/a"), timeout=10).json() == {"ok": True}
        grown_kb = (resident_kb(engine) - before) / count
        assert grown_kb < 40, grown_kb
    finally:
        for connection in crowd:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_large_bodies_that_never_end_leave_memory_for_others(engine):
    api = Api(engine).mock("/a", "POST")
    api.deploy()
    before, crowd = resident_kb(engine), []
    head = f"POST /_aws/execute-api/{api.id}/prod/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n".encode()
    chunk = b"x" * (1 << 20)

    def feed(connection):
        try:
            connection.sendall(head)
            for _ in range(9):
                connection.sendall(chunk)
        except OSError:
            pass

    threads = []
    for _ in range(90):
        connection = socket.create_connection(("127.0.0.1", engine.port))
        connection.settimeout(20)
        crowd.append(connection)
        threads.append(threading.Thread(target=feed, args=(connection,), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join(timeout=15)
    assert resident_kb(engine) - before < 800 * 1024, "90 bodies of 9 MB wait in 512 MB"
    assert requests.post(api.url("/a"), json={"small": True}).json() == {"ok": True}
    for connection in crowd:
        connection.close()


def test_stopping_finishes_what_runs_and_waits_for_nobody_else(tmp_path):
    engine = Engine(tmp_path)
    engine.start()
    api = Api(engine)
    slow = socket.socket()
    slow.bind(("127.0.0.1", 0))
    slow.listen()
    api.method("/slow")
    api.gateway.put_integration(**api.at, type="HTTP_PROXY", integrationHttpMethod="GET", uri=f"http://127.0.0.1:{slow.getsockname()[1]}/")
    api.deploy()
    answers = []
    running = threading.Thread(target=lambda: answers.append(api.get("/slow").text))
    running.start()
    behind, _ = slow.accept()
    idle = [socket.create_connection(("127.0.0.1", engine.port)) for _ in range(5)]
    idle[0].sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Half")
    engine.process.send_signal(signal.SIGTERM)
    time.sleep(1.5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", engine.port), timeout=1)
    assert engine.process.poll() is None, "a request still runs"
    behind.recv(65536)
    behind.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    running.join(timeout=10)
    assert answers == ["done"]
    assert engine.process.wait(timeout=25) == 0, "connections on which nothing runs are not waited for"


def test_who_says_nothing_is_sent_away(silent):
    ends, deadline = {}, time.monotonic() + 45
    while time.monotonic() < deadline and len(ends) < len(silent):
        for connection in select.select(silent, [], [], 1)[0]:
            ends.setdefault(silent.index(connection), connection.recv(12))
    assert set(ends) == {0, 1, 2} and ends[2] == b"HTTP/1.1 400", ends
