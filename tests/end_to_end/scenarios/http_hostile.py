"""Hostile clients on a node's port: slowloris, huge heads, endless bodies, garbage, a thousand connections
that say nothing, readers of events that never read. While all of it goes on, health checks and the
control socket answer, the stream goes on, and the node's memory and descriptors stay bounded.

Then who may command: nobody in the clear without a token, who brings it over TLS and nobody else.
"""

import os
import pathlib
import socket
import ssl
import subprocess
import sys
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import count, expect, free_port, run_scenarios, wait_until  # noqa: E402
from hostile_crowd import Crowd, connect  # noqa: E402
from http_node import HttpNode, make_certificate, parse_metrics, value_of  # noqa: E402

TOKEN = "0123456789abcdef0123456789abcdef"
CONNECTIONS_OF_A_LISTENER = 256


def answer_to(port, request):
    """All that comes back; empty when the connection is just closed."""
    with connect(port) as client:
        received = b""
        try:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                received += piece
        except OSError:
            pass
        return received


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    raise ValueError("no VmRSS")


def traffic_of(port, tls=None):
    """Of a port, by its own metrics: accepted, open, and a count for each reason to drop."""
    samples = parse_metrics(HttpNode(port, tls).ask("/metrics")[1].decode())
    of_port = {"listener": "port"}
    read = {what: int(value_of(samples, f"understudy_http_connections_{what}", **of_port))
            for what in ("total", "open")}
    for reason in ("no_room", "too_slow", "not_taken", "bad_request", "left"):
        read[reason] = int(value_of(samples, "understudy_http_dropped_total", reason=reason, **of_port))
    return read


def crowds(program, _chance):
    ports = {"a": free_port(), "b": free_port()}
    peers = Peers(program, "a", "b")
    with peers:
        peers.start(own=lambda node: ["--http", f"127.0.0.1:{ports[node.name]}"])
        nodes = {name: HttpNode(port) for name, port in ports.items()}
        pid = peers["a"].pid
        descriptors, memory = descriptors_of(pid), resident_mb(pid)
        peers.write_ledger("--rate", "100", only="a")
        for ways in ((Crowd.drip, Crowd.say_nothing), (Crowd.endless_head, Crowd.endless_body),
                     (Crowd.never_read, Crowd.garbage), Crowd.all_ways()):
            answered = 0
            written = len(peers.acknowledged())
            with Crowd(ports["a"], *ways) as crowd:
                until = time.monotonic() + 6
                while time.monotonic() < until:
                    for path in ("/primary", "/health", "/liveness"):
                        code = nodes["a"].code(path)
                        expect(code == 200, f"{path} amid {[way.__name__ for way in ways]}: {code}")
                        answered += 1
                    expect(peers["a"].status() is not None, "the control socket does not answer")
                    grown = descriptors_of(pid) - descriptors
                    expect(grown <= CONNECTIONS_OF_A_LISTENER + 32, f"{grown} descriptors more")
                wait_until("the application commits meanwhile",
                           lambda written=written: len(peers.acknowledged()) > written)
                sent = peers["a"].status()["seq"]
                wait_until("the standby follows meanwhile",
                           lambda sent=sent: peers["b"].status()["applied_seq"] >= sent)
                attacks = crowd.attacks
            count("hostile clients", attacks)
            count("health checks answered amid them", answered)
        traffic = traffic_of(ports["a"])
        for what in ("total", "no_room", "bad_request", "left"):
            expect(traffic[what] > 0, f"{what} is not counted: {traffic}")
        wait_until("the hostile ones are gone", lambda: traffic_of(ports["a"])["open"] < 20)
        expect(resident_mb(pid) - memory < 64, f"{resident_mb(pid) - memory} MiB more memory")
        expect(not peers.unexpected_errors(), peers.unexpected_errors())


def thousand_connections(program, _chance):
    """All opened and held, none says a word: the thousand-and-first is answered."""
    port = free_port()
    peers = Peers(program, "a")
    with peers:
        peers.start(own=lambda _node: ["--http", f"127.0.0.1:{port}"])
        clients = []
        try:
            for _ in range(1000):
                clients.append(connect(port))
            for path in ("/primary", "/status", "/metrics", "/cluster"):
                expect(HttpNode(port).code(path) == 200, f"{path} beside 1000 connections")
            expect(peers["a"].status() is not None, "the control socket does not answer")
            traffic = traffic_of(port)
            expect(traffic["total"] >= 1000 and traffic["open"] <= CONNECTIONS_OF_A_LISTENER and
                   traffic["no_room"] + traffic["too_slow"] >= 1000 - CONNECTIONS_OF_A_LISTENER, traffic)
            count("connections held open", len(clients))
        finally:
            for client in clients:
                client.close()


def wrong_requests(program, _chance):
    port = free_port()
    peers = Peers(program, "a")
    with peers:
        peers.start(own=lambda _node: ["--http", f"127.0.0.1:{port}"])
        before, bad = traffic_of(port), 0
        for request, codes in (
                (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", (414, 431)),
                (b"GET /status HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", (431,)),
                (b"POST /fence HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", (413,)),
                (b"POST /fence HTTP/1.1\r\nContent-Length: -1\r\n\r\n", (413, 400)),
                (b"POST /fence HTTP/1.1\r\n\r\n", (403,)),
                (b"PUT /status HTTP/1.1\r\n\r\n", (405,)),
                (b"POST /status HTTP/1.1\r\n\r\n", (405,)),
                (b"GET /fence HTTP/1.1\r\n\r\n", (405,)),
                (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", (404,)),
                (b"GET /status HTTP/9.9\r\n\r\n", (400,)),
                (b"GET /replica?lag=soon HTTP/1.1\r\n\r\n", (400,)),
                (b"\r\n\r\n", (400,)),
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,))):
            answer = answer_to(port, request)
            code = int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else 0
            expect(code in codes, f"{request[:60]!r}: {answer[:100]!r}, not {codes}")
            bad += code in (400, 413, 414, 431)
        answer_to(port, b"GET /status HT")
        with connect(port) as slow:
            slow.sendall(b"GET /sta")
            expect(slow.recv(100) == b"", "half a request was answered")
        after = traffic_of(port)
        expect(after["bad_request"] - before["bad_request"] == bad >= 8, f"{bad} bad requests: {before} {after}")
        expect(after["left"] - before["left"] == 1, f"one left in the middle: {before} {after}")
        expect(after["too_slow"] - before["too_slow"] == 1, f"one was too slow: {before} {after}")
        ranges = b"GET /metrics HTTP/1.1\r\nRange: bytes=" + b",".join([b"0-"] * 500) + b"\r\n\r\n"
        expect(len(answer_to(port, ranges)) < 200_000, "ranges multiply the answer")
        expect(not peers["a"].status()["is_fenced"], "somebody fenced it")


def refused_options(peers, *options):
    """What `publish` says to them; it must not start."""
    answer = subprocess.run([peers["a"].program, "publish", str(peers["a"].database), *options],
                            capture_output=True, text=True, timeout=30, check=False)
    expect(answer.returncode != 0, f"{options} were not refused")
    return answer.stderr


def token_over_tls(program, _chance):
    port = free_port()
    peers = Peers(program, "a")
    with peers:
        key, certificate = make_certificate(peers.folder)
        token = peers.folder / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o644)
        said = refused_options(peers, "--http", f"127.0.0.1:{port}", "--http-token-file", str(token))
        expect("chmod 600" in said and TOKEN not in said, said)
        token.chmod(0o600)
        said = refused_options(peers, "--http", f"0.0.0.0:{port}", "--http-token-file", str(token))
        expect("in the clear" in said, said)
        peers.start(own=lambda _node: ["--http", f"127.0.0.1:{port}"])
        peers["a"].stop()
        said = refused_options(peers, "--http", f"127.0.0.1:{port}", "--http-cert", str(certificate))
        expect("--http-key" in said, said)
        key.chmod(0o644)
        said = refused_options(peers, "--http", f"127.0.0.1:{port}", "--http-cert", str(certificate),
                               "--http-key", str(key))
        expect("chmod 600" in said, said)
        key.chmod(0o600)
        peers["a"].arguments += ["--http-cert", str(certificate), "--http-key", str(key),
                                 "--http-token-file", str(token)]
        peers["a"].start()
        tls = ssl.create_default_context(cafile=str(certificate))
        nobody, wrong, right = (HttpNode(port, tls, its) for its in ("", "f" * 32, TOKEN))
        wait_until("it publishes", lambda: nobody.code("/primary") == 200)
        for stranger in (nobody, wrong, HttpNode(port, tls, TOKEN[:-1]), HttpNode(port, tls, TOKEN + "0")):
            expect(stranger.code("/fence", "POST") == 401, "a stranger commands")
        expect(not peers["a"].status()["is_fenced"], "a stranger has fenced it")
        left = traffic_of(port, tls)["left"]
        expect(HttpNode(port).code("/primary") == 0, "it answers without TLS")
        expect(traffic_of(port, tls)["left"] == left + 1, "who speaks no TLS is not counted")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that is why it is tried
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        expect(HttpNode(port, old).code("/primary") == 0, "it speaks TLS 1.1")
        expect(right.code("/fence", "POST") == 200, "who has the token may command")
        expect(right.code("/primary") == 503 and peers["a"].status()["is_fenced"], "it was not fenced")
        expect(right.code("/unfence", "POST") == 200, "unfence")
        with Crowd(port, Crowd.drip, Crowd.garbage, Crowd.never_read) as crowd:
            for _ in range(30):
                expect(nobody.code("/primary") == 200, "under TLS, amid hostile clients")
            count("hostile clients of a TLS port", crowd.attacks)
        log = peers["a"].log_path.read_text()
        expect(TOKEN not in log, "the token stands in the log")


if __name__ == "__main__":
    run_scenarios(crowds, thousand_connections, wrong_requests, token_over_tls)
