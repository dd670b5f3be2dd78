"""Clusters whose primary is decided by a lease, for end-to-end tests."""

import atexit
import contextlib
import functools
import itertools
import json
import pathlib
import shutil
import tempfile
from typing import Iterator

from cluster import Peers, leader_of
from etcd import Etcd
from harness import expect, wait_until

TTL = 5.0


class LeasePeers(Peers):
    """Nodes with a lease in `etcd`. start() makes the first one primary, as ever."""

    etcd: Etcd
    prefix = "/understudy"
    ttl = TTL

    def start(self, *options: str, **settings) -> "LeasePeers":
        super().start("--lease", self.etcd.url, "--lease-prefix", self.prefix, "--lease-ttl", f"{self.ttl:.0f}s",
                      *options, **settings)
        self.wait_until_listed()
        return self

    def record(self) -> dict | None:
        """The leader's record; None: there is none, or etcd does not answer."""
        return self.etcd.record(self.prefix)

    def wait_until_listed(self) -> None:
        """All of them are on record as those who may take over."""
        names = sorted(node.name for node in self.nodes)

        def is_listed() -> bool:
            record = self.record()
            return bool(record) and record["members"] == names and record["led_node"] != ""

        wait_until(f"{names} are on record", is_listed, 30)

    def leader(self) -> str | None:
        """Who takes writes by itself's and the lease store's word."""
        name = leader_of(self.statuses())
        return name if name and self[name].status() and self[name].status()["state"] == "publishing" else None

    def wait_for_new_leader(self, but: str, timeout: float = 60) -> str:
        found: list[str] = []

        def is_there() -> bool:
            name = self.leader()
            if name and name != but:
                found.append(name)
            return bool(found)

        wait_until(f"another node than {but} leads", is_there, timeout)
        return found[0]

    def cluster(self, name: str) -> dict:
        answer = self[name].run("cluster", "--json")
        expect(answer.returncode == 0, f"cluster on {name}: {answer.stderr}")
        return json.loads(answer.stdout)

    def said(self, name: str, event: str) -> bool:
        return event in self[name].log_text()


@functools.cache
def shared_etcd() -> Etcd:
    """One for all scenarios of a file; it ends with the process."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-test-etcd-"))
    etcd = Etcd(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(etcd.__exit__)
    return etcd


_numbers = itertools.count(1)


@contextlib.contextmanager
def lease_peers(program: str, *options: str, names: str = "abc", ttl: float = TTL) -> Iterator[LeasePeers]:
    """Nodes with a prefix of their own in the shared etcd, whole again whatever was done to it before."""
    etcd = shared_etcd()
    for member in etcd.members:
        if member.is_running():
            member.resume()
    with LeasePeers(program, *names) as peers:
        peers.etcd, peers.ttl, peers.prefix = etcd.__enter__(), ttl, f"/cluster-{next(_numbers)}"
        yield peers.start(*options)
