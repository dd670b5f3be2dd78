"""Nodes on machines of their own, as far as the network can tell: a network namespace for each, and a
router between them whose nftables drop what is to be cut off. Needs root and Linux; says Skipped else.

All of it lives in a private mount namespace of this process, so nothing is left behind when it ends.
"""

import contextlib
import pathlib
import subprocess

from filesystems import make_mounts_private, run
from harness import Skipped

ROUTER = "router"
NAMED = pathlib.Path("/run/netns")


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
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "Networks":
        return self

    def __exit__(self, *_) -> None:
        for name in (ROUTER, *self.names):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["umount", "-l", str(NAMED)], check=False)

    def host(self, name: str) -> str:
        return f"10.77.{self.names.index(name) + 1}.2"

    def launcher(self, name: str) -> list[str]:
        """What starts a program there: it replaces itself, the pid stays."""
        return ["nsenter", f"--net={NAMED / name}"]

    def cut(self, *pair: str) -> None:
        """Between the two nothing passes any more; connections are not told."""
        self.cut_one_way(*pair)
        self.cut_one_way(*reversed(pair))

    def cut_one_way(self, sender: str, receiver: str) -> None:
        self._nft("add", "rule", "ip", "cuts", "forward", "ip", "saddr", self.host(sender), "ip", "daddr",
                  self.host(receiver), "drop")

    def heal(self) -> None:
        self._nft("flush", "chain", "ip", "cuts", "forward")

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
        self._nft("add", "table", "ip", "cuts")
        self._nft("add", "chain", "ip", "cuts", "forward",
                  "{ type filter hook forward priority 0 ; policy accept ; }")

    def _nft(self, *words: str) -> None:
        run(*self.launcher(ROUTER), "nft", *words)
