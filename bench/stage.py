"""The stage: what a measurement needs, in a fresh folder on a real disk, and gone afterwards.

Nodes are those of demo/nodes.py; each process dies with this one, however it ends.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "demo"))
from nodes import Node, die_with_parent  # noqa: E402  (demo/ is no package)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured; `quick` only shows that the benchmarks work."""
    pairs: int = 10
    transactions: int = 100_000
    lag_seconds: int = 15
    lag_rounds: int = 3
    catch_up_transactions: int = 500_000
    rounds: int = 3
    database_mib: int = 1024
    transaction_mib: int = 1024
    idle_seconds: int = 20
    rows_at_start: int = 2_000
    promotions: int = 30
    hosts_killed: int = 20
    switchovers: int = 30
    sync_warm_up: int = 16_000
    sync_transactions: int = 8_000
    sync_seconds: int = 6


QUICK = Sizes(pairs=2, transactions=5_000, lag_seconds=2, lag_rounds=1,
              catch_up_transactions=20_000, rounds=1, database_mib=32, transaction_mib=32,
              idle_seconds=3, rows_at_start=500, promotions=3, switchovers=3, hosts_killed=2,
              sync_warm_up=1_000,
              sync_transactions=500, sync_seconds=1)


class MeasurementFailed(Exception):
    """A program of the benchmark, or the product, did not do what it must."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """Programs, sizes, and the folder for everything temporary."""
    build: pathlib.Path
    folder: pathlib.Path
    sizes: Sizes

    @property
    def understudy(self) -> str:
        return str(self.build / "understudy")

    @contextlib.contextmanager
    def scene(self):
        """A Scene; everything it started is ended and everything it wrote removed."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="scene-", dir=self.folder))
        scene = Scene(self, folder)
        os.sync()  # what was written before must not be written back while we measure
        try:
            yield scene
        finally:
            scene.end()
            shutil.rmtree(folder, ignore_errors=True)


class Scene:
    """One primary database, its application, and the nodes around it."""

    def __init__(self, stage: Stage, folder: pathlib.Path):
        self.stage = stage
        self.folder = folder
        self.database = folder / "primary" / "app.db"
        self.database.parent.mkdir()
        self.publisher: Node | None = None
        self.nodes: list[Node] = []
        self.others: list[subprocess.Popen] = []

    def end(self) -> None:
        for node in reversed(self.nodes):
            if node.is_running():
                node.resume()  # SIGTERM does not reach a stopped process
                node.kill()
        for process in self.others:
            if process.poll() is None:
                process.kill()
            process.wait()

    # The application.

    def program(self, name: str, *arguments) -> list[str]:
        return [str(self.stage.build / "bench" / f"bench_{name}"), *map(str, arguments)]

    def run(self, name: str, *arguments, timeout: float = 900) -> dict:
        """Runs a program of the benchmark to its end; what it printed."""
        answer = subprocess.run(self.program(name, *arguments), capture_output=True, text=True,
                                timeout=timeout, check=False, preexec_fn=die_with_parent)
        if answer.returncode != 0:
            raise MeasurementFailed(f"{name} {arguments}: {answer.stderr.strip()}")
        return json.loads(answer.stdout)

    def write(self, transactions: int, *options) -> dict:
        return self.run("writer", self.database, "--transactions", transactions, *options)

    def prepare(self, *options) -> "Scene":
        """A primary that exists, with some rows, all in the database file."""
        self.write(self.stage.sizes.rows_at_start, *options)
        os.sync()
        return self

    # The nodes.

    def publish(self, *options: str) -> Node:
        node = Node.publisher(self.stage.understudy, "primary", self.database, *options)
        self.nodes.append(node)
        node.start().wait_for_state("publishing", timeout=120)
        self.publisher = node
        return node

    def standby(self, name: str = "standby", *options: str) -> Node:
        """A standby that is not started yet."""
        folder = self.folder / name
        folder.mkdir()
        node = Node.standby(self.stage.understudy, name, folder / "app.db", self.publisher,
                            *options)
        self.nodes.append(node)
        return node

    def follow(self, name: str = "standby", *options: str) -> Node:
        """A standby that streams and has all that was committed so far."""
        node = self.standby(name, *options).start()
        node.wait_for_state("streaming", timeout=120)
        wait_for_newest(node.database, newest_id(self.database))
        return node

    def cluster(self, *names: str, options: tuple[str, ...] = ()) -> list[Node]:
        """Nodes that know each other, all running; the first one leads, the others stream."""
        for name in names[1:]:
            (self.folder / name).mkdir()
        paths = {name: self.folder / name / "app.db" for name in names}
        paths[names[0]] = self.database
        nodes = Node.cluster(self.stage.understudy, paths, *options)
        self.nodes += nodes
        self.publisher = nodes[0]
        nodes[0].start().wait_for_state("publishing", timeout=120)
        for node in nodes[1:]:
            node.start().wait_for_state("streaming", timeout=120)
        return nodes

    def start_other(self, command: list[str], log: str) -> subprocess.Popen:
        with open(self.folder / log, "ab") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       preexec_fn=die_with_parent)
        self.others.append(process)
        return process


def wait_for(what: str, reached, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not reached():
        if time.monotonic() > deadline:
            raise MeasurementFailed(f"not within {timeout} s: {what}")
        time.sleep(0.02)


def newest_id(database: pathlib.Path) -> int:
    """The newest row that a reader sees; 0 when there is none, or no database yet."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
    except sqlite3.OperationalError:
        return 0
    try:
        return connection.execute("SELECT max(id) FROM messages").fetchone()[0] or 0
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def wait_for_newest(database: pathlib.Path, wanted: int, timeout: float = 300) -> float:
    """Waits until readers see row `wanted`; returns the seconds that it took."""
    start = time.monotonic()
    while (seen := newest_id(database)) < wanted:
        if time.monotonic() - start > timeout:
            raise MeasurementFailed(f"{database}: row {wanted} not there in {timeout} s, but {seen}")
        time.sleep(0.005)
    return time.monotonic() - start
