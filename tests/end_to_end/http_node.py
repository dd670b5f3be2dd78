"""A node's HTTP interface as end-to-end tests use it, and Prometheus' text format as they check it."""

import http.client
import json
import pathlib
import re
import ssl
import subprocess

CHECKS = ("primary", "replica", "read-only", "read-write", "sync", "async", "health", "readiness",
          "liveness")


SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"


def schema_flaw(document: dict, name: str) -> str:
    """How a document breaks its schema; empty: not. All members are asked for, and no others are there."""
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    flaws = _member_flaws(document, schema)
    try:
        import jsonschema
        flaws += [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]
    except ImportError:
        pass
    return "; ".join(flaws)


def _member_flaws(value, schema: dict) -> list[str]:
    if isinstance(value, list):
        return [flaw for item in value for flaw in _member_flaws(item, schema.get("items", {}))]
    if not isinstance(value, dict):
        return []
    known = schema.get("properties", {})
    flaws = [f"{name} is missing" for name in schema.get("required", []) if name not in value]
    flaws += [f"{name} is in no schema" for name in value if name not in known]
    return flaws + [flaw for name, item in value.items() for flaw in _member_flaws(item, known.get(name, {}))]


def make_certificate(folder: pathlib.Path, name: str = "http") -> tuple[pathlib.Path, pathlib.Path]:
    """Key and certificate of 127.0.0.1, made anew at each call."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True)
    key.chmod(0o600)
    return key, certificate


class HttpNode:
    """Asks 127.0.0.1:port; each request is a connection of its own."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, token: str = ""):
        self.port, self.tls, self.token = port, tls, token

    def ask(self, path: str, method: str = "GET", timeout: float = 10) -> tuple[int, bytes]:
        """Code and body. Raises OSError, HTTPException when nobody answers."""
        if self.tls:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout,
                                                     context=self.tls)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def code(self, path: str, method: str = "GET") -> int:
        """Of the answer; 0: nobody answers."""
        try:
            return self.ask(path, method)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def json(self, path: str) -> dict:
        return json.loads(self.ask(path)[1])

    def passed(self) -> set[str]:
        """The checks that answer 200."""
        return {check for check in CHECKS if self.code("/" + check) == 200}


_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf'({_NAME})(?:\{{((?:{_NAME}="(?:[^"\\\n]|\\[\\"n])*",?)*)\}})? (\S+)$')
_LABEL = re.compile(rf'({_NAME})="((?:[^"\\]|\\.)*)"')


def parse_metrics(text: str) -> dict[tuple[str, frozenset], float]:
    """(name, labels) -> value. Raises ValueError for what Prometheus' text format 0.0.4 does not allow."""
    samples: dict[tuple[str, frozenset], float] = {}
    kind, declared, current = {}, set(), ""
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            if current in declared:
                raise ValueError(f"{current} is declared twice")
            declared.add(current)
            continue
        if line.startswith("# TYPE "):
            name, kind_name = line.split(" ")[2:]
            if name != current or kind_name not in ("counter", "gauge", "histogram"):
                raise ValueError(line)
            kind[name] = kind_name
            continue
        match = _SAMPLE.match(line)
        if not match:
            raise ValueError(f"no sample: {line}")
        name, labels, value = match.groups()
        family = re.sub("_(bucket|sum|count)$", "", name) if kind.get(current) == "histogram" else name
        if family != current:
            raise ValueError(f"{name} stands among {current}")
        key = (name, frozenset(_LABEL.findall(labels or "")))
        if key in samples:
            raise ValueError(f"twice: {line}")
        samples[key] = float(value)
    _check_histograms(samples, [name for name, what in kind.items() if what == "histogram"])
    return samples


def _check_histograms(samples, names):
    for name in names:
        buckets = sorted((float(dict(labels)["le"]), value) for (sample, labels), value in samples.items()
                         if sample == name + "_bucket")
        counts = [value for _, value in buckets]
        total = [value for (sample, _), value in samples.items() if sample == name + "_count"]
        if counts != sorted(counts) or not total or buckets[-1] != (float("inf"), total[0]):
            raise ValueError(f"{name}: {buckets}, count {total}")


def value_of(samples: dict, name: str, **labels: str) -> float | None:
    """Of the one sample with that name and (among others) these labels; None: there is none."""
    found = [value for (sample, its), value in samples.items()
             if sample == name and set(labels.items()) <= set(its)]
    if len(found) > 1:
        raise ValueError(f"{len(found)} samples of {name} {labels}")
    return found[0] if found else None
