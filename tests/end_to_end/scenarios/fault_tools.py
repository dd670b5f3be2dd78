"""The faults of the nemesis are faults: each cut stops what it should, and nothing else; mending one leaves
the others; a frozen disk lets nobody write until it is thawed, and a slow one is slow; what is lost with
the current is what was not on the disk.
"""

import contextlib
import os
import pathlib
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import expect, run_scenarios, wait_until  # noqa: E402
from namespaces import Networks  # noqa: E402
from slow_disk import SLOW, SlowDisk  # noqa: E402

PORTS = (7001, 7002)
PATIENCE = 0.3  # seconds; a datagram between two namespaces takes microseconds


def at(networks: Networks, name: str, function):
    """Runs it in a thread that stands at that host."""
    found = []

    def run() -> None:
        networks.stand_at(name)
        found.append(function())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


class Posts:
    """A server at each port of each host, and one that datagrams come to."""

    def __init__(self, networks: Networks):
        self.networks = networks
        self.servers = {(name, port): at(networks, name, lambda: socket.create_server(("0.0.0.0", port)))
                        for name in networks.names for port in PORTS}
        self.boxes = {name: at(networks, name, lambda: socket.socket(type=socket.SOCK_DGRAM)) for name in networks.names}
        for box in self.boxes.values():
            box.bind(("0.0.0.0", PORTS[0]))
            box.settimeout(PATIENCE)

    def connects(self, sender: str, receiver: str, port: int) -> bool:
        def connect() -> bool:
            with contextlib.suppress(OSError):
                socket.create_connection((self.networks.host(receiver), port), PATIENCE).close()
                return True
            return False

        return at(self.networks, sender, connect)

    def hears(self, sender: str, receiver: str) -> bool:
        self.boxes[sender].sendto(b"hello", (self.networks.host(receiver), PORTS[0]))
        with contextlib.suppress(TimeoutError):
            return self.boxes[receiver].recv(16) == b"hello"
        return False

    def expect(self, reached: bool, sender: str, receiver: str) -> None:
        expect(self.hears(sender, receiver) == reached, f"{receiver} hears {sender}: {not reached}")

    def expect_ports(self, sender: str, receiver: str, *open_ports: int) -> None:
        found = tuple(port for port in PORTS if self.connects(sender, receiver, port))
        expect(found == open_ports, f"{sender} reaches {found} of {receiver}, and not {open_ports}")


def cuts(program, chance):
    with Networks(*"abc") as networks:
        posts = Posts(networks)
        one_way, other = networks.cut_one_way("a", "b"), networks.cut("a", "c")
        posts.expect(False, "a", "b")
        posts.expect(True, "b", "a")
        posts.expect(False, "c", "a")
        one_way.mend()
        posts.expect(True, "a", "b")
        posts.expect(False, "a", "c")
        other.mend()
        posts.expect(True, "a", "c")
        off = networks.cut_off("b")
        for pair in (("a", "b"), ("b", "a"), ("c", "b"), ("b", "c")):
            posts.expect(False, *pair)
        posts.expect(True, "a", "c")
        expect(networks.call(lambda: socket.create_connection((networks.host("b"), PORTS[0]), PATIENCE)),
               "the router is cut off, too")
        off.mend()
        posts.expect(True, "a", "b")


def cuts_by_port(program, chance):
    with Networks(*"ab") as networks:
        posts = Posts(networks)
        cut = networks.cut_ports("a", "b", PORTS[1])
        posts.expect_ports("a", "b", PORTS[0])
        posts.expect_ports("b", "a", *PORTS)
        cut.mend()
        local = networks.cut_local("a", PORTS[0])
        posts.expect_ports("a", "a", PORTS[1])
        posts.expect_ports("b", "a", *PORTS)
        local.mend()
        posts.expect_ports("a", "a", *PORTS)
        posts.expect_ports("a", "b", *PORTS)


def write_and_sync(path: pathlib.Path) -> float:
    """Returns how long it took."""
    began = time.monotonic()
    with open(path, "ab", buffering=0) as file:
        file.write(b"x" * 512)
        os.fsync(file.fileno())
    return time.monotonic() - began


@contextlib.contextmanager
def disk():
    with tempfile.TemporaryDirectory(prefix="understudy-test-") as folder, SlowDisk(pathlib.Path(folder) / "disk") as made:
        yield made


def disks_that_hang(program, chance):
    with disk() as made:
        file = made.folder / "file"
        write_and_sync(file)
        took: list[float] = []
        made.freeze(30)
        writer = threading.Thread(target=lambda: took.append(write_and_sync(file)))
        writer.start()
        writer.join(PATIENCE)
        expect(not took, "a frozen disk took a write")
        made.thaw()
        wait_until("what waited is written", lambda: took, 10)
        writer.join()
        made.be_slow(60)
        slow = [write_and_sync(file) for _ in range(20)]
        expect(max(slow) > SLOW / 2, f"on a slow disk a write takes {max(slow):.3f} s at most")
        made.thaw()


def current_that_is_cut(program, chance):
    with disk() as made:
        write_and_sync(made.folder / "kept")
        (made.folder / "lost").write_bytes(b"x" * 512)
        made.cut()
        made.power_up()
        expect((made.folder / "kept").stat().st_size == 512, "what was synced is gone")
        lost = made.folder / "lost"
        expect(not lost.exists() or lost.stat().st_size == 0, "what was not synced is there")


if __name__ == "__main__":
    run_scenarios(cuts, cuts_by_port, disks_that_hang, current_that_is_cut)
