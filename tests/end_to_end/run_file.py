"""`understudy run`: one process that runs the databases of a configuration file."""

import json
import pathlib
import re
import sqlite3
import subprocess

from harness import Cluster, wait_until
from nodes import Node


def create(path: pathlib.Path, mode: str = "WAL") -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("CREATE TABLE t(n INTEGER PRIMARY KEY, filler BLOB)")
    connection.commit()
    connection.close()


def table(path: pathlib.Path, role: str, port: int, *lines: str) -> str:
    return "\n".join([f"[[database]]\npath = {json.dumps(str(path))}\nrole = \"{role}\"\n"
                      f"listen = \"tcp://127.0.0.1:{port}\"", *lines, ""])


class Run:
    """One process that runs a file."""

    def __init__(self, cluster: Cluster, text: str, name: str = "run"):
        self.file = cluster.folder / f"{name}.toml"
        self.file.write_text(text)
        self.node = Node(cluster.program, name, cluster.folder / name)
        self.node.arguments = ["run", "--config", str(self.file)]
        cluster.nodes.append(self.node)
        self.program = cluster.program

    def start(self) -> "Run":
        self.node.start()
        return self

    def status(self, path: pathlib.Path) -> dict:
        answer = subprocess.run([self.program, "status", str(path), "--json"], capture_output=True,
                                text=True, timeout=30, check=False)
        return json.loads(answer.stdout) if answer.returncode == 0 else {}

    def wait_for_state(self, path: pathlib.Path, state: str) -> None:
        wait_until(f"{path.name} is {state}", lambda: self.status(path).get("state") == state, node=self.node)

    def wait_for_event(self, event: str, path: pathlib.Path | None = None, times: int = 1) -> None:
        words = re.compile(rf" {event}:.*" + (rf"database={re.escape(str(path))}\b" if path else ""))
        wait_until(f"{event} {path}", lambda: len(words.findall(self.node.log_text())) >= times,
                   node=self.node)
