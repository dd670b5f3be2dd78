"""Runs whole systems for end-to-end tests: publishers, standbys, writers, readers, in one folder.

Everything is started through a Cluster, which ends all of it and removes the folder when the test
ends, however it ends. Waiting is for positions, with deadlines. Comparing is done by the sqlite3
program and by bytes (demo/equality.py). Nothing here knows more than the command line and files.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import signal
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
from nodes import Node, NodeFailed, die_with_parent, free_port  # noqa: E402, F401

FOLDER = pathlib.Path(__file__).resolve().parent
SKIPPED = 77  # exit code: nothing was wrong, but nothing could be tried either
_long = False


class Expectation(Exception):
    """What a test found to be otherwise than promised."""


class Skipped(Exception):
    """Why a scenario cannot run on this machine."""


def expect(condition: object, what: str) -> None:
    if not condition:
        raise Expectation(what)


def rounds(quick: int, long: int) -> int:
    """How often to do something: `quick` in the suite, `long` with --long."""
    return long if _long else quick


def count(key: str, number: int) -> None:
    """For the section "What the random tests did" of ./dev test."""
    print(f"understudy-count: {key}={number}", flush=True)


class Program:
    """An application beside the nodes: a script of this folder (bank.py, statements.py, …)."""

    def __init__(self, script: str, *arguments: str, environment: dict[str, str] | None = None,
                 python: str = sys.executable):
        self.name = f"{script} {' '.join(arguments)}"
        self.process = subprocess.Popen(
            [python, str(FOLDER / script), *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env={**os.environ, **(environment or {})},
            preexec_fn=die_with_parent)
        ready = self.process.stdout.readline()  # from now on SIGTERM ends it in order
        if ready != "ready\n":
            self.kill()
            raise Expectation(f"{self.name}: {ready}{self.process.stdout.read()}")

    def finish(self, timeout: float = 30) -> dict[str, int]:
        """Ends it; returns what it counted. Raises when it found something wrong."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(timeout)

    def wait(self, timeout: float = 60) -> dict[str, int]:
        """Waits until it ends by itself; returns what it counted."""
        output, _ = self.process.communicate(timeout=timeout)
        expect(self.process.returncode == 0, f"{self.name}: {output[-2000:]}")
        return {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", output)}

    def kill(self) -> None:
        """kill -9, its children too."""
        if self.process.poll() is None:
            for pid in self.pids()[::-1]:
                os.kill(pid, signal.SIGKILL)
            self.process.wait()

    def pids(self) -> list[int]:
        """It and its children."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]


class Cluster:
    """The processes and files of one test. A context manager."""

    def __init__(self, program: str):
        self.program = program
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-test-"))
        self.database = self.folder / "primary.db"  # elsewhere when set before it is created
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

    def create(self, script: str, *options: str) -> pathlib.Path:
        """Makes the database by `script DATABASE --create options…`."""
        subprocess.run([sys.executable, str(FOLDER / script), str(self.database), "--create", *options],
                       check=True)
        return self.database

    def publish(self, *options: str) -> Node:
        node = Node.publisher(self.program, "publisher", self.database, *options)
        node.log_path = self.folder / "publisher.log"
        self.nodes.append(node)
        return node.start()

    def subscribe(self, name: str, source: Node | str, *options: str,
                  folder: pathlib.Path | None = None) -> Node:
        """A standby; its database and state in `folder`, its log in that of the cluster."""
        database = (folder or self.folder) / f"{name}.db"
        node = Node.standby(self.program, name, database, source, *options)
        node.log_path = self.folder / f"{name}.log"
        self.nodes.append(node)
        return node.start()

    def write(self, *options: str) -> Program:
        return self.run_program("bank.py", "write", str(self.database), *options)

    def write_some(self, transactions: int) -> int:
        """One writer without a busy timeout, to its end; returns how many it committed."""
        return self.write("--transactions", str(transactions)).wait()["committed"]

    def read(self, database: pathlib.Path) -> Program:
        return self.run_program("bank.py", "read", str(database))

    def run_program(self, script: str, *arguments: str, **options) -> Program:
        self.programs.append(Program(script, *arguments, **options))
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


def freeze(*pids: int) -> None:
    """SIGSTOP, and waits until none of their threads is in the middle of a system call any more."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        wait_until(f"process {pid} is stopped", lambda pid=pid: all(
            task.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "T"
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir()))


def kill_and_start(node: Node) -> None:
    node.kill()
    node.start()


def stop_and_start(node: Node) -> None:
    """In order; but a node that only just started may die of SIGTERM before it can listen to it."""
    expect(node.stop() in (0, -signal.SIGTERM), f"{node.name}: SIGTERM ended with {node.exit_code}")
    node.start()


NODE_FAULTS = (kill_and_start, stop_and_start)


def let_run(chance: random.Random, least: float, most: float) -> None:
    """Lets the system run for a random time: the instant of a fault, not a wait for a result."""
    time.sleep(chance.uniform(least, most))


def run_scenarios(*scenarios) -> None:
    """Main of a test file. Each scenario is called with (program, chance); all must return."""
    options = argparse.ArgumentParser()
    options.add_argument("--understudy", required=True, help="the program")
    options.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options.add_argument("--only", default="", help="name of one scenario")
    options.add_argument("--long", action="store_true", help="many more rounds; for by hand")
    chosen = options.parse_args()
    global _long
    _long = chosen.long
    print(f"seed {chosen.seed}; again with --seed {chosen.seed}", flush=True)
    failed = ran = skipped = 0
    for scenario in scenarios:
        if chosen.only not in ("", scenario.__name__):
            continue
        ran, started_at = ran + 1, time.monotonic()
        try:
            scenario(chosen.understudy, random.Random(chosen.seed))
            print(f"ok      {scenario.__name__} ({time.monotonic() - started_at:.1f} s)", flush=True)
        except Skipped as why:
            skipped += 1
            print(f"skipped {scenario.__name__}: {why}", flush=True)
        except (Expectation, NodeFailed, RuntimeError, OSError, sqlite3.Error,
                subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED  {scenario.__name__}: {error}", flush=True)
            traceback.print_exc()
    count("end-to-end scenarios", ran - skipped)
    if skipped:
        count("end-to-end scenarios skipped", skipped)
    sys.exit(1 if failed or not ran else SKIPPED if skipped == ran else 0)
