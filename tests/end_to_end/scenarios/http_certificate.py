"""A certificate that is renewed under a running node: SIGHUP shows the new one to whoever connects from then on,
connections that are open go on under the old one, and a broken file changes nothing and is told.
"""

import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import Cluster, count, expect, free_port, rounds, run_scenarios, wait_until  # noqa: E402
from http_node import HttpNode, make_certificate  # noqa: E402
from keyring import with_keys  # noqa: E402
from run_file import Run, create, table  # noqa: E402


class Site:
    """The two files that a node was given, and what comes into their place."""

    def __init__(self, folder: pathlib.Path, port: int):
        self.folder, self.port = folder, port
        self.key, self.certificate = make_certificate(folder)

    def renew(self, name: str) -> ssl.SSLContext:
        """A new pair in place of the old one; who trusts only the new one."""
        key, certificate = make_certificate(self.folder, name)
        key.replace(self.key)
        shutil.copy(certificate, self.certificate)
        return self.trust()

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def shown(self) -> bytes:
        """The certificate that a new connection is shown."""
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.port), timeout=10))

    def on_disk(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())


def reload(node, event: str) -> str:
    """SIGHUP, and the line that tells what became of it."""
    before = node.log_text().count(f" {event}:")
    os.kill(node.pid, signal.SIGHUP)
    wait_until(event, lambda: node.log_text().count(f" {event}:") > before, node=node)
    return [line for line in node.log_text().splitlines() if f" {event}:" in line][-1]


class EventReader:
    """A connection that stays open, with the certificate that it began with."""

    def __init__(self, port: int, trust: ssl.SSLContext):
        self.socket = trust.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10),
                                        server_hostname="127.0.0.1")
        self.certificate = self.socket.getpeercert(binary_form=True)
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: node\r\n\r\n")

    def expect_events(self) -> None:
        """Two beats: what waited already, and what was sent only now."""
        for _ in range(2):
            heard = b""
            while b"event: status" not in heard:
                piece = self.socket.recv(65536)
                expect(piece, "the old connection was ended")
                heard += piece


def renewed_and_broken(program, chance):
    port = free_port()
    with Peers(program, "a", "b") as peers:
        ring = with_keys(peers)
        site = Site(peers.folder, port)
        tls = ["--http", f"127.0.0.1:{port}", "--http-cert", str(site.certificate), "--http-key", str(site.key)]
        peers.start(own=lambda node: ring.options(node.name) + (tls if node.name == "a" else []))
        node, old_trust = peers["a"], site.trust()
        wait_until("it answers", lambda: HttpNode(port, old_trust).code("/primary") == 200)
        reader = EventReader(port, old_trust)
        renewals = rounds(5, 50)
        for number in range(renewals):
            trust = site.renew(f"new{number}")
            expect(site.shown() != site.on_disk(), "it was shown before anybody asked for it")
            said = reload(node, "http_cert_reloaded")
            expect("good_until=20" in said, said)
            expect(site.shown() == site.on_disk(), "the new certificate is not shown")
            expect(HttpNode(port, trust).code("/primary") == 200, "who trusts the new one is not served")
            expect(HttpNode(port, old_trust).code("/primary") == 0, "the old one is still shown")
            reader.expect_events()
            old_trust = trust
        count("certificates renewed under a reader", renewals)
        curl = subprocess.run(["curl", "-s", "--cacert", str(site.certificate), f"https://127.0.0.1:{port}/primary",
                               "-o", "/dev/null", "-w", "%{http_code}"], capture_output=True, text=True, check=False)
        expect(curl.stdout == "200", f"curl: {curl}")
        expect(node.log_text().count(" peer_keys_reloaded:") == renewals, "the keys were not read with it")
        good, shown = (site.key.read_bytes(), site.certificate.read_bytes()), site.shown()
        other_key, _ = make_certificate(site.folder, "other")
        for wrong, words in ((lambda: site.certificate.write_text("no certificate\n"), "not a certificate"),
                             (lambda: site.key.write_bytes(other_key.read_bytes()), "not the key of"),
                             (lambda: site.key.chmod(0o644), "chmod 600"),
                             (lambda: site.certificate.unlink(), "not a certificate")):
            wrong()
            said = reload(node, "http_cert_rejected")
            expect(words in said, said)
            expect(site.shown() == shown, "a broken file changed what is shown")
            expect(HttpNode(port, old_trust).code("/primary") == 200, "it does not serve after a broken file")
            site.key.write_bytes(good[0])
            site.certificate.write_bytes(good[1])
            site.key.chmod(0o600)
            count("broken certificates refused", 1)
        reader.expect_events()
        reload(node, "http_cert_reloaded")
        peers.write_rows("a", 10)
        peers.expect_all_equal("a")


def several_in_one_process(program, chance):
    """`run`: SIGHUP reads the certificate of each node; one without keys says nothing of keys."""
    with Cluster(program) as cluster:
        text, sites = "", []
        for name in ("one", "two"):
            path, folder = cluster.folder / f"{name}.db", cluster.folder / name
            create(path)
            folder.mkdir()
            site = Site(folder, free_port())
            sites.append(site)
            text += table(path, "publish", free_port(), f"http = \"127.0.0.1:{site.port}\"",
                          f"http-cert = \"{site.certificate}\"", f"http-key = \"{site.key}\"")
        run = Run(cluster, text).start()
        for site in sites:
            wait_until("it answers", lambda site=site: HttpNode(site.port, site.trust()).code("/primary") == 200)
            site.renew("next")
        os.kill(run.node.pid, signal.SIGHUP)
        run.wait_for_event("http_cert_reloaded", times=2)
        for site in sites:
            expect(site.shown() == site.on_disk(), "a node shows its old certificate")
        expect("peer_keys" not in run.node.log_text(), "it speaks of keys that it has not")


if __name__ == "__main__":
    run_scenarios(renewed_and_broken, several_in_one_process)
