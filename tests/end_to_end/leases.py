"""Clusters whose primary is decided by a lease, for end-to-end tests."""

import contextlib
import json
import subprocess
import time
from typing import Iterator

from cluster import Peers, leader_of
from etcd import Etcd
from harness import Expectation, expect, wait_until

TTL = 5.0


class LeasePeers(Peers):
    """Nodes with a lease in `etcd`. start() makes the first one primary, as ever."""

    etcd: Etcd
    ttl = TTL

    def start(self, *options: str, **settings) -> "LeasePeers":
        super().start("--lease", self.etcd.url, "--lease-ttl", f"{self.ttl:.0f}s", *options, **settings)
        self.wait_until_listed()
        return self

    def wait_until_listed(self) -> None:
        """All of them are on record as those who may take over."""
        names = sorted(node.name for node in self.nodes)

        def is_listed() -> bool:
            record = self.etcd.record()
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


@contextlib.contextmanager
def lease_peers(program: str, *options: str, names: str = "abc", ttl: float = TTL,
                **etcd_options) -> Iterator[LeasePeers]:
    with LeasePeers(program, *names) as peers:
        with Etcd(peers.folder, **etcd_options) as etcd:
            peers.etcd, peers.ttl = etcd, ttl
            yield peers.start(*options)
