"""Runs whole systems for end-to-end tests: publishers, standbys, writers, readers, in one folder.

Everything is started through a Cluster, which ends all of it and removes the folder when the test
ends, however it ends. Waiting is for positions, with deadlines. Comparing is done by the sqlite3
program and by bytes (demo/equality.py). Nothing here knows more than the command line and files.
"""

import argparse
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "demo"))

import bank  # noqa: E402
import equality  # noqa: E402
from nodes import Node, NodeFailed, die_with_parent  # noqa: E402

BANK = pathlib.Path(bank.__file__)


class Expectation(Exception):
    """What a test found to be otherwise than promised."""


def expect(condition: object, what: str) -> None:
    if not condition:
        raise Expectation(what)


def count(key: str, number: int) -> None:
    """For the section "What the random tests did" of ./dev test."""
    print(f"understudy-count: {key}={number}", flush=True)


class Program:
    """A writer or reader beside the nodes (bank.py)."""

    def __init__(self, *arguments: str):
        self.arguments = arguments
        self.process = subprocess.Popen(
            [sys.executable, str(BANK), *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent)
        ready = self.process.stdout.readline()  # from now on SIGTERM ends it in order
        expect(ready == "ready\n", f"bank.py {' '.join(arguments)}: {ready}")

    def finish(self, timeout: float = 30) -> dict[str, int]:
        """Ends it; returns what it counted. Raises when it found something wrong."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(timeout)

    def wait(self, timeout: float = 60) -> dict[str, int]:
        """Waits until it ends by itself; returns what it counted."""
        output, _ = self.process.communicate(timeout=timeout)
        expect(self.process.returncode == 0, f"bank.py {' '.join(self.arguments)}: {output[-2000:]}")
        return {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", output)}

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Cluster:
    """The processes and files of one test. A context manager."""

    def __init__(self, program: str):
        self.program = program
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-test-"))
        self.database = self.folder / "primary.db"
        self.nodes: list[Node] = []
        self.programs: list[Program] = []

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, kind, value, trace) -> None:
        for process in [*self.programs, *self.nodes]:
            process.kill()
        if kind is not None:
            for node in self.nodes:
                print(f"--- end of {node.log_path.name}\n" +
                      "\n".join(node.log_text().splitlines()[-40:]), file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_bank(self, page_size: int = 4096) -> pathlib.Path:
        bank.create(str(self.database), page_size)
        return self.database

    def publish(self, *options: str) -> Node:
        node = Node.publisher(self.program, "publisher", self.database, *options)
        self.nodes.append(node)
        return node.start()

    def subscribe(self, name: str, source: Node | str, *options: str) -> Node:
        node = Node.standby(self.program, name, self.folder / f"{name}.db", source, *options)
        self.nodes.append(node)
        return node.start()

    def write(self, *options: str) -> Program:
        return self._run("write", str(self.database), *options)

    def write_some(self, transactions: int) -> int:
        """One writer without a busy timeout, to its end; returns how many it committed."""
        return self._run("write", str(self.database), "--transactions",
                         str(transactions)).wait()["committed"]

    def read(self, database: pathlib.Path) -> Program:
        return self._run("read", str(database))

    def _run(self, *arguments: str) -> Program:
        self.programs.append(Program(*arguments))
        return self.programs[-1]

    def execute(self, sql: str, database: pathlib.Path | None = None) -> str:
        return equality.run_sqlite(database or self.database, ".timeout 10000", sql)

    def wait_for_catch_up(self, *standbys: Node, timeout: float = 60) -> None:
        """Until each standby shows the primary's last transaction. Nobody may be writing."""
        publisher = self.nodes[0]
        tick = tick_of(self.database)
        for standby in standbys:
            wait_until(f"{standby.name} shows tick {tick}",
                       lambda node=standby: tick_of(node.database) == tick, timeout, standby)
            wait_until(f"{standby.name} is at the publisher's seq",
                       lambda node=standby: node.seq() == publisher.seq() >= 0, timeout, standby)

    def expect_equal(self, *standbys: Node, timeout: float = 60) -> None:
        """Waits for the standbys, and proves that they are the primary's state, byte for byte."""
        self.wait_for_catch_up(*standbys, timeout=timeout)
        nodes = [self.nodes[0], *standbys]
        positions = {node.name: position_of(node) for node in nodes}
        expect(len(set(positions.values())) == 1, f"positions differ: {positions}")
        proofs = {node.name: equality.prove(node.database) for node in nodes}
        found = equality.differences(proofs)
        expect(not found, "; ".join(found))


def tick_of(database: pathlib.Path) -> int:
    """The bank's tick; -1 while there is no such database or table."""
    if not database.exists():
        return -1
    try:
        connection = sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=5)
        try:
            return connection.execute("SELECT n FROM tick").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error:
        return -1


def position_of(node: Node) -> str:
    """What `verify` prints: epoch/seq/sum. Raises when it finds the sum wrong."""
    answer = node.run("verify")
    found = re.search(r"\b\d+/\d+/[0-9a-f]{16}\b", answer.stdout)
    expect(answer.returncode == 0 and found,
           f"verify {node.name}: exit code {answer.returncode}: {answer.stdout} {answer.stderr}")
    return found.group()


def wait_until(what: str, reached, timeout: float = 30, node: Node | None = None) -> None:
    deadline = time.monotonic() + timeout
    while not reached():
        if node is not None and not node.is_running():
            raise node.failure(f"ended with exit code {node.exit_code} before {what}")
        if time.monotonic() > deadline:
            raise Expectation(f"not within {timeout} s: {what}"
                              + (f"; status {node.status()}" if node else ""))
        time.sleep(0.02)


def let_run(chance: random.Random, least: float, most: float) -> None:
    """Lets the system run for a random time: the instant of a fault, not a wait for a result."""
    time.sleep(chance.uniform(least, most))


def run_scenarios(*scenarios) -> None:
    """Main of a test file. Each scenario is called with (program, chance); all must return."""
    options = argparse.ArgumentParser()
    options.add_argument("--understudy", required=True, help="the program")
    options.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options.add_argument("--only", default="", help="name of one scenario")
    chosen = options.parse_args()
    print(f"seed {chosen.seed}; again with --seed {chosen.seed}", flush=True)
    failed = ran = 0
    for scenario in scenarios:
        if chosen.only not in ("", scenario.__name__):
            continue
        ran, started_at = ran + 1, time.monotonic()
        try:
            scenario(chosen.understudy, random.Random(chosen.seed))
            print(f"ok      {scenario.__name__} ({time.monotonic() - started_at:.1f} s)", flush=True)
        except (Expectation, NodeFailed, RuntimeError, OSError, sqlite3.Error,
                subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED  {scenario.__name__}: {error}", flush=True)
            traceback.print_exc()
    count("end-to-end scenarios", ran)
    sys.exit(1 if failed or not ran else 0)
