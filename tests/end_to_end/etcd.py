"""An etcd cluster of a test's own: three members on loopback or in network namespaces, that can be
killed, stopped and started one by one. Real etcd (Debian's etcd-server and etcd-client); says Skipped
where it is not installed.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import urllib.request
from typing import Callable, NamedTuple

from harness import Skipped, die_with_parent, free_port, wait_until


# What becomes of a question that a member does not answer, or not in a way that can be understood.
NO_ANSWER = (OSError, http.client.HTTPException, subprocess.SubprocessError, RuntimeError, ValueError, KeyError,
             IndexError)


def base64_text(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Place(NamedTuple):
    """Where a member runs, and has its data; None: beside the logs."""
    host: str = "127.0.0.1"
    launcher: list[str] = []
    folder: pathlib.Path | None = None


class Member:
    """One etcd process; its data outlives it."""

    def __init__(self, number: int, log_folder: pathlib.Path, place: Place):
        self.name = f"etcd-{number}"
        self.host, self.launcher = place.host, place.launcher
        self.client_port = free_port()
        self.peer_port = self.client_port + 1
        self.data = (place.folder or log_folder) / self.name
        self.log_path = log_folder / f"{self.name}.log"
        self.arguments: list[str] = []
        self.process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.client_port}"

    def start(self) -> None:
        if self.is_running():
            return
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.launcher, "etcd", *self.arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, preexec_fn=die_with_parent, start_new_session=True)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        if self.is_running():
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


class Etcd:
    """A cluster of `count` members, or one at each of `places`. A context manager; started when entered.

    `call` runs a function where the members can be reached from, should that not be here.
    """

    def __init__(self, folder: pathlib.Path, count: int = 3, places: list[Place] | None = None,
                 secure_options: tuple[str, ...] = (), call: Callable | None = None):
        if not (shutil.which("etcd") and shutil.which("etcdctl")):
            raise Skipped("there is no etcd here (Debian: etcd-server, etcd-client)")
        self.scheme = "https" if secure_options else "http"
        self._call = call
        places = places or [Place()] * count
        self.members = [Member(number, folder, Place(*place)) for number, place in enumerate(places, 1)]
        initial = ",".join(f"{m.name}=http://{m.host}:{m.peer_port}" for m in self.members)
        for member in self.members:
            peer, client = f"http://{member.host}:{member.peer_port}", f"{self.scheme}://{member.address}"
            member.arguments = [
                "--name", member.name, "--data-dir", str(member.data), "--initial-cluster", initial,
                "--initial-cluster-state", "new", "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--listen-client-urls", client,
                "--advertise-client-urls", client, "--heartbeat-interval", "100",
                "--election-timeout", "1000", "--logger", "zap", "--log-level", "warn", *secure_options]
        self.ctl_options: list[str] = []

    def __enter__(self) -> "Etcd":
        for member in self.members:
            member.start()
        wait_until("etcd has a leader", lambda: self.leader() is not None, 60)
        return self

    def __exit__(self, *_) -> None:
        for member in self.members:
            member.kill()

    @property
    def url(self) -> str:
        return "etcd://" + ",".join(member.address for member in self.members)

    def ctl(self, *words: str, member: Member | None = None, timeout: float = 10,
            check: bool = True) -> str:
        """What etcdctl says; it runs where that member is."""
        member = member or next(m for m in self.members if m.is_running())
        answer = subprocess.run(
            [*member.launcher, "env", "ETCDCTL_API=3", "etcdctl",
             f"--endpoints={self.scheme}://{member.address}", *self.ctl_options, *words],
            capture_output=True, text=True, timeout=timeout, check=False)
        if check and answer.returncode != 0:
            raise RuntimeError(f"etcdctl {' '.join(words)}: {answer.stderr}")
        return answer.stdout if answer.returncode == 0 else ""

    def leader(self) -> Member | None:
        """The one that says so itself, and quickly."""
        for member in self.members:
            with contextlib.suppress(*NO_ANSWER):
                if member.is_running() and self._leads(member):
                    return member
        return None

    def _leads(self, member: Member) -> bool:
        if self.scheme == "http" and (self._call or not member.launcher):
            status = self.ask("/v3/maintenance/status", {}, member, timeout=0.5)
        else:
            status = json.loads(self.ctl("endpoint", "status", "-w", "json", member=member, timeout=2))[0]["Status"]
        return bool(status.get("leader")) and status["leader"] == status["header"]["member_id"]

    def record(self, prefix: str = "/understudy") -> dict | None:
        """The leader's record, of the first member that answers; None: there is none, or nobody answers."""
        for member in self.members:
            with contextlib.suppress(*NO_ANSWER):
                if member.is_running():
                    said = self.ctl("get", "--print-value-only", f"{prefix}/leader", member=member, timeout=2)
                    return json.loads(said) if said else None
        return None

    def ask(self, path: str, body: dict, member: Member | None = None, timeout: float = 5) -> dict:
        """A request to the JSON gateway."""
        return self.ask_until(path, body, lambda message: True, member, timeout)[-1]

    def ask_until(self, path: str, body: dict, is_last: Callable[[dict], bool], member: Member | None = None,
                  timeout: float = 5) -> list[dict]:
        """One whose answer is many messages; up to the one that `is_last`."""
        member = member or next(m for m in self.members if m.is_running())
        call = self._call or (lambda function, *given: function(*given))
        return call(_messages, f"{self.scheme}://{member.address}{path}", body, is_last, timeout)


def _messages(url: str, body: dict, is_last: Callable[[dict], bool], timeout: float) -> list[dict]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    found: list[dict] = []
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        while not found or not is_last(found[-1]):
            found.append(json.loads(answer.readline()))
    return found


def make_certificates(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """An authority, and by it a server's and a client's certificate for 127.0.0.1."""
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "ca.crt")
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n"
                                            "extendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    return {path.name: path for path in folder.iterdir()}
