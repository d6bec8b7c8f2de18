"""SigV4 by hand, so that a test can spoil any step of it. Nothing here is shared with the engine."""

import datetime
import hashlib
import hmac
import http.client
import json
import re
import urllib.parse

EMPTY = hashlib.sha256(b"").hexdigest()


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def stamp(shift_s=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift_s)
    return now.strftime("%Y%m%dT%H%M%SZ")


class Request:
    """A request with everything that its signature is made of open to change before and after signing."""

    def __init__(self, service, method="POST", path="/", query=(), headers=(), body=b"", region="us-east-1", shift_s=0):
        self.service, self.region, self.method, self.path = service, region, method, path
        self.query = list(query)
        self.headers = dict(headers)
        self.body = body
        self.date = stamp(shift_s)
        self.scope_date = self.date[:8]
        self.terminator = "aws4_request"
        self.key, self.secret, self.token = "test", "test", None
        self.unsigned = set()
        self.extra_headers = []
        self.authorization = None
        self.seed = None

    def with_key(self, key, secret, token=None):
        self.key, self.secret, self.token = key, secret, token
        return self

    @property
    def scope(self):
        return f"{self.scope_date}/{self.region}/{self.service}/{self.terminator}"

    def canonical(self, payload_hash):
        path = quote(self.path, "/%") if self.service == "s3" else quote(self.path, "/")
        pairs = sorted((quote(name), quote(value)) for name, value in self.query if name != "X-Amz-Signature")
        query = "&".join(f"{name}={value}" for name, value in pairs)
        signed = sorted(name.lower() for name in self.headers if name.lower() not in self.unsigned)
        lower = {name.lower(): value for name, value in self.headers.items()}
        lines = "".join(f"{name}:{re.sub(' +', ' ', lower[name].strip())}\n" for name in signed)
        return "\n".join([self.method, path, query, lines, ";".join(signed), payload_hash]), ";".join(signed)

    def signing_key(self):
        key = digest(("AWS4" + self.secret).encode(), self.scope_date)
        for part in (self.region, self.service, self.terminator):
            key = digest(key, part)
        return key

    def signature(self, canonical):
        text = "\n".join(["AWS4-HMAC-SHA256", self.date, self.scope, hashlib.sha256(canonical.encode()).hexdigest()])
        return hmac.new(self.signing_key(), text.encode(), hashlib.sha256).hexdigest()

    def sign(self, host, payload_hash=None):
        """The Authorization header."""
        payload_hash = payload_hash or hashlib.sha256(self.body).hexdigest()
        self.headers.setdefault("Host", host)
        self.headers.setdefault("X-Amz-Date", self.date)
        if self.service == "s3":
            self.headers.setdefault("X-Amz-Content-Sha256", payload_hash)
        if self.token:
            self.headers.setdefault("X-Amz-Security-Token", self.token)
        canonical, signed = self.canonical(payload_hash)
        self.seed = self.signature(canonical)
        self.authorization = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{self.scope}, SignedHeaders={signed}, Signature={self.seed}"
        )
        return self

    def presign(self, host, expires="900", payload_hash=None):
        """The signature in the query string."""
        self.headers.setdefault("Host", host)
        self.query += [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", f"{self.key}/{self.scope}"),
            ("X-Amz-Date", self.date),
            ("X-Amz-SignedHeaders", ";".join(sorted(name.lower() for name in self.headers))),
        ]
        if expires is not None:
            self.query.append(("X-Amz-Expires", expires))
        if self.token:
            self.query.append(("X-Amz-Security-Token", self.token))
        default = "UNSIGNED-PAYLOAD" if self.service == "s3" else hashlib.sha256(self.body).hexdigest()
        canonical, _ = self.canonical(payload_hash or default)
        self.seed = self.signature(canonical)
        self.query.append(("X-Amz-Signature", self.seed))
        return self

    def send(self, host):
        connection = http.client.HTTPConnection(host, timeout=20)
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in self.query)
        connection.putrequest(
            self.method, self.path + ("?" + query if query else ""), skip_host=True, skip_accept_encoding=True
        )
        headers = list(self.headers.items()) + self.extra_headers
        if self.authorization is not None:
            headers.append(("Authorization", self.authorization))
        for name, value in headers:
            connection.putheader(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            connection.putheader("Content-Length", str(len(self.body)))
        connection.endheaders(self.body)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer


class Answer:
    """Status, code and message, whatever the envelope."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {name.lower(): value for name, value in headers.items()}, body
        text = body.decode("utf-8", "replace")
        self.code = self.message = None
        if text.lstrip().startswith("{"):
            document = json.loads(text)
            code = document.get("__type") or self.headers.get("x-amzn-errortype")
            self.code = code.split("#")[-1] if code else None
            self.message = document.get("message") or document.get("Message")
        elif "<Code>" in text:
            self.code = re.search("<Code>(.*?)</Code>", text, re.S).group(1)
            found = re.search("<Message>(.*?)</Message>", text, re.S)
            self.message = found and found.group(1).replace("&quot;", '"').replace("&apos;", "'").replace("&amp;", "&")
        elif status >= 400 and self.headers.get("content-type") == "application/cbor":
            self.code, self.message = cbor_text(body, "__type").split("#")[-1], cbor_text(body, "message")

    def __repr__(self):
        return f"{self.status} {self.code}: {self.message}\n{self.body[:600]!r}"


def cbor_text(body, name):
    """The text under a name in a flat CBOR map."""
    at = body.index(name.encode()) + len(name)
    short = body[at] & 0x1F
    if short < 24:
        length, at = short, at + 1
    else:
        width = 1 << (short - 24)
        length, at = int.from_bytes(body[at + 1 : at + 1 + width], "big"), at + 1 + width
    return body[at : at + length].decode()


def chunk(data, signature=None):
    extension = f";chunk-signature={signature}" if signature else ""
    return f"{len(data):x}{extension}\r\n".encode() + data + b"\r\n"


def chunk_signature(request, previous, data):
    text = "\n".join(
        ["AWS4-HMAC-SHA256-PAYLOAD", request.date, request.scope, previous, EMPTY, hashlib.sha256(data).hexdigest()]
    )
    return hmac.new(request.signing_key(), text.encode(), hashlib.sha256).hexdigest()


def trailer_signature(request, previous, lines):
    text = "\n".join(
        ["AWS4-HMAC-SHA256-TRAILER", request.date, request.scope, previous, hashlib.sha256(lines).hexdigest()]
    )
    return hmac.new(request.signing_key(), text.encode(), hashlib.sha256).hexdigest()
