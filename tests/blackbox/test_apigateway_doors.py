"""The ways to a deployed API: hosts, the proxy, and clients that misbehave."""

import os
import socket
import subprocess

import pytest
import requests

from test_apigateway import REGION, Api

BAD = b"HTTP/1.1 400 "


def ask(engine, payload, timeout=5.0, parts=None):
    """Sends bytes as they are and reads what comes until the server closes or falls silent."""
    with socket.create_connection(("127.0.0.1", engine.port), timeout=timeout) as connection:
        for part in parts or [payload]:
            connection.sendall(part)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except TimeoutError:
            pass
        return received


@pytest.fixture(scope="module")
def api(shared_engine):
    api = Api(shared_engine).mock("/a").mock("/a", "POST")
    api.deploy()
    return api


def test_every_form_of_the_address_leads_to_the_stage(shared_engine, api):
    port = shared_engine.port
    for host in [f"{api.id}.execute-api.localhost:{port}", f"{api.id}.execute-api.{REGION}.localhost", f"{api.id}.execute-api.{REGION}.amazonaws.com", f"{api.id}.execute-api.{REGION}.amazonaws.com:443"]:
        assert requests.get(f"{shared_engine.url}/prod/a", headers={"Host": host}).json() == {"ok": True}, host
    for path in [f"/_aws/execute-api/{api.id}/prod/a", f"/restapis/{api.id}/prod/_user_request_/a"]:
        assert requests.get(shared_engine.url + path).json() == {"ok": True}, path


def test_the_proxy_serves_awss_names_with_true_tls(shared_engine, api):
    printed = shared_engine.cumulet("env", "--proxy").stdout
    settings = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines() if line.startswith("export "))
    assert settings["HTTPS_PROXY"] == shared_engine.url and "AWS_ENDPOINT_URL" not in settings
    address = f"https://{api.id}.execute-api.{REGION}.amazonaws.com/prod/a"
    proxies, trusted = {"https": settings["HTTPS_PROXY"]}, settings["REQUESTS_CA_BUNDLE"]
    assert requests.get(address, proxies=proxies, verify=trusted).json() == {"ok": True}
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://example.com/", proxies=proxies, verify=trusted)
    script = f"{printed}\ncurl -sS {address}"
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30).stdout == '{"ok":true}'
    script = f"{printed}\nexec {os.sys.executable} -c 'import boto3; print(len(boto3.client(\"apigateway\").get_rest_apis()[\"items\"]))'"
    counted = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60)
    assert int(counted.stdout) >= 1, counted.stderr


def test_an_api_may_stand_behind_an_api_under_its_aws_name(shared_engine, api):
    front = Api(shared_engine)
    front.method("/front")
    uri = f"https://{api.id}.execute-api.{REGION}.amazonaws.com/prod/a"
    front.gateway.put_integration(**front.at, type="HTTP_PROXY", integrationHttpMethod="GET", uri=uri)
    front.deploy()
    assert front.get("/front").json() == {"ok": True}


@pytest.mark.parametrize("head", [
    b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 0x5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"X-Folded: one\r\n two\r\n",
    b"X Space: 1\r\n",
    b"X-Space : 1\r\n",
    b"X-Null: a\0b\r\n",
    b": nameless\r\n",
])
def test_ambiguous_requests_are_refused_and_their_connection_ends(shared_engine, api, head):
    path = f"/_aws/execute-api/{api.id}/prod/a".encode()
    smuggled = b"GET /_cumulet/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    received = ask(shared_engine, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + head + b"\r\nhello" + smuggled)
    assert received.startswith(BAD) and received.count(b"HTTP/1.1 ") == 1, received[:200]


def test_length_and_chunks_together_mean_chunks(shared_engine, api):
    path = f"/_aws/execute-api/{api.id}/prod/a".encode()
    for head in [b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"]:
        body = b"5\r\nhello\r\n0\r\n\r\n"
        received = ask(shared_engine, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n" + body)
        assert received.count(b"HTTP/1.1 ") == 1 and (received.startswith(b"HTTP/1.1 200 ") or received.startswith(BAD)), received[:200]


@pytest.mark.parametrize("body", [b"5\r\nhello\r\nX\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\nhello", b"-1\r\n\r\n"])
def test_broken_chunks_end_the_request(shared_engine, api, body):
    path = f"/_aws/execute-api/{api.id}/prod/a".encode()
    received = ask(shared_engine, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"GET / HTTP/1.1\r\n\r\n")
    assert received.count(b"HTTP/1.1 ") <= 1 and not received.startswith(b"HTTP/1.1 200"), received[:200]


def test_floods_of_headers_and_other_protocols_are_turned_away(shared_engine, api):
    path = f"/_aws/execute-api/{api.id}/prod/a".encode()
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(2000))
    for flood in [many, b"X-Long: " + b"a" * 200_000 + b"\r\n"]:
        received = ask(shared_engine, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + flood + b"\r\n")
        assert received[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b""), received[:100]
    assert not ask(shared_engine, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0" * 50).startswith(b"HTTP/1.1 200")
    assert ask(shared_engine, os.urandom(4096)[1:] + b"\r\n\r\n", timeout=2)[:12] in (b"HTTP/1.1 400", b"", b"HTTP/1.1 431")
    assert requests.get(api.url("/a")).json() == {"ok": True}
