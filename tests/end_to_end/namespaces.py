"""Nodes on machines of their own, as far as the network can tell: a network namespace for each, and a
router between them whose nftables drop what is to be cut off. Needs root and Linux; says Skipped else.

All of it lives in a private mount namespace of this process, so nothing is left behind when it ends.
"""

import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import re
import subprocess
from typing import Callable

from filesystems import make_mounts_private, run
from harness import Skipped

ROUTER = "router"
NAMED = pathlib.Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _nft(name: str, *words: str) -> str:
    return subprocess.run(["nsenter", f"--net={NAMED / name}", "nft", *words], capture_output=True, text=True,
                          check=True).stdout


class Cut:
    """What is dropped, as rules of nftables: (namespace, chain, handle of the rule). mend() takes these
    away, and no others."""

    def __init__(self, *rules: tuple[str, str, str]):
        self.rules = list(rules)

    def __add__(self, other: "Cut") -> "Cut":
        return Cut(*self.rules, *other.rules)

    def mend(self) -> None:
        for name, chain, handle in self.rules:
            _nft(name, "delete", "rule", "ip", "cuts", chain, "handle", handle)
        self.rules.clear()


class Networks:
    """One namespace for each of `names`. A context manager."""

    def __init__(self, *names: str):
        make_mounts_private()
        for program in ("ip", "nft", "nsenter"):
            with contextlib.suppress(FileNotFoundError):
                subprocess.run([program, "--version"], capture_output=True, check=False)
                continue
            raise Skipped(f"there is no program {program} here")
        NAMED.mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "none", str(NAMED))
        self.names = names
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        self._threads = concurrent.futures.ThreadPoolExecutor(4, "router", self.stand_at_router)

    def __enter__(self) -> "Networks":
        return self

    def __exit__(self, *_) -> None:
        if self._threads:
            self._threads.shutdown()
        for name in (ROUTER, *self.names):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["umount", "-l", str(NAMED)], check=False)

    def host(self, name: str) -> str:
        return f"10.77.{self.names.index(name) + 1}.2"

    def launcher(self, name: str) -> list[str]:
        """What starts a program there: it replaces itself, the pid stays."""
        return ["nsenter", f"--net={NAMED / name}"]

    def call(self, function: Callable, *arguments):
        """Runs it in a thread that stands at the router, which no cut touches: it can reach every host,
        whatever these can reach of each other."""
        return self._threads.submit(function, *arguments).result()

    def stand_at_router(self) -> None:
        self.stand_at(ROUTER)

    def stand_at(self, name: str) -> None:
        """The calling thread's sockets are of that host from now on."""
        descriptor = os.open(NAMED / name, os.O_RDONLY)
        try:
            if _libc.setns(descriptor, CLONE_NEWNET):
                raise Skipped(f"setns: {os.strerror(ctypes.get_errno())}")
        finally:
            os.close(descriptor)

    def cut(self, *pair: str) -> Cut:
        """Between the two nothing passes any more; connections are not told."""
        return self.cut_one_way(*pair) + self.cut_one_way(*reversed(pair))

    def cut_one_way(self, sender: str, receiver: str) -> Cut:
        return self._drop(ROUTER, "forward", "ip", "saddr", self.host(sender), "ip", "daddr",
                          self.host(receiver))

    def cut_off(self, name: str) -> Cut:
        """From everybody: as if its cable were pulled."""
        host = self.host(name)
        return self._drop(ROUTER, "forward", "ip", "saddr", host) + self._drop(ROUTER, "forward", "ip", "daddr", host)

    def cut_ports(self, sender: str, receiver: str, *ports: int) -> Cut:
        """What `sender` says to servers at these ports of `receiver`; the rest passes."""
        return self._drop(ROUTER, "forward", "ip", "saddr", self.host(sender), "ip", "daddr",
                          self.host(receiver), "tcp", "dport", "{", ",".join(map(str, ports)), "}")

    def cut_local(self, name: str, port: int) -> Cut:
        """What a host's own programs say to its own server at that port."""
        return self._drop(name, "input", "iif", "lo", "tcp", "dport", str(port))

    def heal(self) -> None:
        """Every cut between hosts ends; their handles must not be mended any more."""
        _nft(ROUTER, "flush", "chain", "ip", "cuts", "forward")

    def _drop(self, name: str, chain: str, *match: str) -> Cut:
        said = _nft(name, "--echo", "--handle", "add", "rule", "ip", "cuts", chain, *match, "drop")
        return Cut((name, chain, re.search(r"# handle (\d+)", said).group(1)))

    def _make(self) -> None:
        run("ip", "netns", "add", ROUTER)
        for number, name in enumerate(self.names, 1):
            near, far = f"to-{name}", "uplink"
            run("ip", "netns", "add", name)
            run("ip", "link", "add", near, "netns", ROUTER, "type", "veth", "peer", "name", far,
                "netns", name)
            run("ip", "-n", ROUTER, "address", "add", f"10.77.{number}.1/24", "dev", near)
            run("ip", "-n", name, "address", "add", f"10.77.{number}.2/24", "dev", far)
            for where, device in ((ROUTER, near), (name, far), (name, "lo")):
                run("ip", "-n", where, "link", "set", device, "up")
            run("ip", "-n", name, "route", "add", "default", "via", f"10.77.{number}.1")
        run(*self.launcher(ROUTER), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self._add_chain(ROUTER, "forward")
        for name in self.names:
            self._add_chain(name, "input")

    def _add_chain(self, name: str, hook: str) -> None:
        nft = (*self.launcher(name), "nft", "add")
        run(*nft, "table", "ip", "cuts")
        run(*nft, "chain", "ip", "cuts", hook, f"{{ type filter hook {hook} priority 0 ; policy accept ; }}")
