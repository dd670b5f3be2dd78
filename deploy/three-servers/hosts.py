"""The machines of the story: three servers, a load balancer and a client, each in a network namespace of its own.

A server has a node of Understudy, started from a configuration file as its unit would, and the chat service on
that node's database. Its death is that of a machine: all processes are killed and its cable is cut.
"""

import csv
import pathlib
import socket
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/end_to_end"), str(TOP / "demo")]

from application import find_python  # noqa: E402
from etcd import Member  # noqa: E402
from namespaces import Networks  # noqa: E402
from nodes import Node, die_with_parent  # noqa: E402

SERVERS = ("db1", "db2", "db3")
MACHINES = (*SERVERS, "balancer", "client")
STREAM_PORT, HTTP_PORT, CHAT_PORT = 7600, 7680, 8080
CHAT = TOP / "deploy/chat/chat_service.py"


class Server:
    """One of the three. Its files are in a folder of its own, as on a disk of its own."""

    def __init__(self, name: str, networks: Networks, folder: pathlib.Path, program: str, extension: str):
        self.name = name
        self.host = networks.host(name)
        self.folder = folder / name
        self.folder.mkdir()
        self._networks = networks
        self._extension = extension
        self.node = Node(program, name, self.folder / "chat.db")
        self.node.launcher = networks.launcher(name)
        self._chat: subprocess.Popen | None = None
        self.member: Member | None = None  # of etcd, on the same machine

    @property
    def database(self) -> pathlib.Path:
        return self.node.database

    def configure(self, settings: str) -> None:
        """Writes the file that the node is started from; the same for the server's whole life."""
        path = self.folder / "understudy.toml"
        path.write_text(settings)
        self.node.arguments = ["run", "--config", str(path)]

    def start_node(self) -> None:
        self.node.start()

    def start_chat(self) -> None:
        with open(self.folder / "chat.log", "ab") as log:
            self._chat = subprocess.Popen(
                [*self._networks.launcher(self.name), find_python(), str(CHAT), str(self.database), "--listen",
                 f"{self.host}:{CHAT_PORT}", "--node", self.name, "--extension", self._extension],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)

    def stop(self) -> None:
        """In the order of the units: the application ends before its guard."""
        if self._chat is not None and self._chat.poll() is None:
            self._chat.terminate()
            self._chat.wait(15)
        self.node.stop()

    def die(self) -> None:
        """At one stroke: cut off, and nothing runs any more."""
        self.cut_off(*MACHINES)
        self.kill()
        self.member.kill()

    def power_on(self) -> None:
        """Its cable is whole again; the chat follows once the node is up."""
        self.member.start()
        self.start_node()

    def kill(self) -> None:
        if self._chat is not None and self._chat.poll() is None:
            self._chat.kill()
            self._chat.wait()
        self.node.kill()

    def cut_off(self, *others: str) -> None:
        for other in others:
            if other != self.name:
                self._networks.cut(self.name, other)


class Balancer:
    """HAProxy with the configuration that is shipped, its addresses replaced by those of the story."""

    def __init__(self, networks: Networks, folder: pathlib.Path):
        self.folder = folder / "balancer"
        self.folder.mkdir()
        self.address = f"{networks.host('balancer')}:8000"
        self._launcher = networks.launcher("balancer")
        settings = (TOP / "deploy/haproxy/haproxy.cfg").read_text()
        for number, server in enumerate(SERVERS, 1):
            settings = settings.replace(f"10.0.0.{number}:", f"{networks.host(server)}:")
        settings = settings.replace("log /dev/log local0", "log stdout format raw local0")
        settings = settings.replace("/run/haproxy/admin.sock", str(self.folder / "admin.sock"))
        self._settings = self.folder / "haproxy.cfg"
        self._settings.write_text(settings)
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        with open(self.folder / "haproxy.log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._launcher, "haproxy", "-W", "-db", "-f", str(self._settings)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=die_with_parent)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(15)

    def servers_up(self, backend: str) -> set[str]:
        """Those that get requests of that backend now, as the stats page says."""
        return {row["svname"] for row in self._rows(backend) if row["status"].startswith("UP")}

    def requests(self, backend: str) -> dict[str, int]:
        """How many each server of that backend has been given so far."""
        return {row["svname"]: int(row["stot"]) for row in self._rows(backend)}

    def _rows(self, backend: str) -> list[dict[str, str]]:
        """Empty while it does not listen yet."""
        with socket.socket(socket.AF_UNIX) as admin:
            try:
                admin.connect(str(self.folder / "admin.sock"))
            except (FileNotFoundError, ConnectionRefusedError):
                return []
            admin.sendall(b"show stat\n")
            text = b"".join(iter(lambda: admin.recv(65536), b"")).decode()
        rows = csv.DictReader(text.lstrip("# ").splitlines())
        return [row for row in rows if row["pxname"] == backend and row["svname"] in SERVERS]
