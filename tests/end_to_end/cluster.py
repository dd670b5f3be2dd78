"""Clusters of equal nodes for end-to-end tests of takeover: each has a database of its own and knows
the others by --peers. Promotes and switches over by the command line, waits by `status --json`, and
proves in the end that all databases are equal and no acknowledged row (ledger.py) is gone.
"""

import contextlib
import pathlib
import sqlite3
import subprocess
import time
from typing import Callable, Iterable

import ledger
from harness import (Cluster, Expectation, Node, Program, count, equality, expect, position_of,
                     wait_until)


def leader_of(statuses: dict[str, dict | None]) -> str | None:
    """The node that is primary of the highest epoch that any of them knows; None: there is none."""
    known = {name: status for name, status in statuses.items() if status}
    highest = max((status["epoch"] for status in known.values()), default=0)
    leaders = [name for name, status in known.items()
               if status["role"] == "primary" and status["epoch"] == highest]
    if len(leaders) > 1:
        raise Expectation(f"two primaries of epoch {highest}: {leaders}")
    return leaders[0] if leaders else None


def is_settled(statuses: dict[str, dict | None], leader: str) -> bool:
    """`leader` publishes; all others stream in its epoch and are where it is."""
    first = statuses.get(leader)
    if not first or leader_of(statuses) != leader or first["state"] != "publishing":
        return False
    return all(status and (name == leader or status["state"] == "streaming")
               and (status["epoch"], status["seq"]) == (first["epoch"], first["seq"])
               for name, status in statuses.items())


def brief(statuses: dict[str, dict | None]) -> dict:
    """What a failure needs of them."""
    keys = ("role", "state", "epoch", "seq", "last_error", "warnings")
    return {name: status and {key: status.get(key) for key in keys} for name, status in statuses.items()}


def lost_rows(acknowledged: Iterable[str], kept: set[str], orphaned: set[str]) -> list[str]:
    """Acknowledged, but neither in the databases nor in an orphans file."""
    return [token for token in acknowledged if token not in kept and token not in orphaned]


def tokens_in(database: pathlib.Path) -> set[str]:
    return set(equality.run_sqlite(database, ".timeout 10000", "SELECT token FROM ledger").split())


def orphaned_tokens(files: Iterable[pathlib.Path], tokens: Iterable[str]) -> set[str]:
    """Those of `tokens` that stand in a page of an orphans file (schemas/orphans.sql). A whole log that was put
    aside has them compressed: all may be in it."""
    contents = []
    for path in files:
        if equality.run_sqlite(path, "SELECT count(*) FROM sqlite_master WHERE name = 'page'").strip() == "0":
            count("whole logs put aside, not read", 1)
            return set(tokens)
        rows = equality.run_sqlite(path, "SELECT hex(content) FROM page WHERE content IS NOT NULL")
        contents += [bytes.fromhex(row) for row in rows.split()]
    return {token for token in tokens if any(token.encode() in content for content in contents)}


class Peers(Cluster):
    """A cluster whose nodes are started with --peers. `start()` makes the first one primary."""

    def __init__(self, program: str, *names: str):
        super().__init__(program)
        for name in names or ("a", "b", "c"):
            (self.folder / name).mkdir()
            node = Node(program, name, self.folder / name / "app.db")
            node.log_path = self.folder / f"{name}.log"
            self.nodes.append(node)
        self.database = self.nodes[0].database
        self.journals: list[pathlib.Path] = []

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def start(self, *options: str, own: Callable[[Node], list[str]] = lambda node: []) -> "Peers":
        """Creates the ledger, starts all nodes with `options` and each with its `own`, and waits until all stream."""
        ledger.create(str(self.database))
        addresses = ",".join(node.address for node in self.nodes)
        for node in self.nodes:
            command = "publish" if node is self.nodes[0] else "subscribe"
            node.arguments = [command, str(node.database), "--node", node.name, "--peers", addresses,
                              "--listen", node.address, *options, *own(node)]
            node.start()
        self.wait_until_settled(self.nodes[0].name)
        return self

    def statuses(self) -> dict[str, dict | None]:
        """Of the nodes that run; None while one does not answer."""
        return {node.name: node.status() for node in self.nodes if node.is_running()}

    def wait_for_leader(self, name: str, timeout: float = 30) -> None:
        wait_until(f"{name} leads", lambda: leader_of(self.statuses()) == name, timeout, self[name])

    def wait_until_settled(self, leader: str, timeout: float = 60) -> None:
        """Nobody may be writing."""
        last: dict[str, dict | None] = {}

        def reached() -> bool:
            last.clear()
            last.update(self.statuses())
            return is_settled(last, leader)

        try:
            wait_until(f"all follow {leader}", reached, timeout)
        except Expectation as error:
            raise Expectation(f"{error}; {brief(last)}") from None

    def promote(self, name: str, *options: str) -> float:
        """Returns how many seconds the command took. Raises when it did not succeed."""
        return self._command(self[name], "promote", *options)

    def switch_over(self, to: str, *options: str, asked: str | None = None) -> float:
        """Asks node `asked` (the one that is to lead, unless told) to have `to` lead."""
        return self._command(self[asked or to], "switchover", "--to", to, *options)

    def refused(self, name: str, command: str, *options: str) -> str:
        """Runs a command that must be refused; returns what it said."""
        answer = self[name].run(command, *options)
        expect(answer.returncode != 0, f"{command} on {name} was not refused: {answer.stdout}")
        return answer.stdout + answer.stderr

    def _command(self, node: Node, command: str, *options: str) -> float:
        started_at = time.monotonic()
        answer: subprocess.CompletedProcess = node.run(command, *options)
        took = time.monotonic() - started_at
        expect(answer.returncode == 0, f"{command} {' '.join(options)} on {node.name}: exit code "
                                       f"{answer.returncode}: {answer.stdout}{answer.stderr}")
        return took

    def expect_one_writable(self, leader: str) -> None:
        """Nobody may be writing. It is the leader; trying leaves a row there."""
        writable = [node.name for node in self.nodes if self.is_writable(node.name)]
        expect(writable == [leader], f"writable: {writable}, not {leader} alone")

    def write_rows(self, name: str, rows: int) -> None:
        """So many more acknowledged rows, in the database of one node; then nobody writes."""
        writer = self.write_ledger("--rate", "500", only=name)
        wait_until(f"{name} takes rows", lambda: len(self.journal_rows(-1)) >= rows)
        writer.finish()

    def is_writable(self, name: str) -> bool:
        """Whether an application without patience can commit there; it does."""
        with contextlib.closing(sqlite3.connect(self[name].database, timeout=0)) as connection:
            try:
                with connection:
                    connection.execute("INSERT INTO ledger VALUES (?)", (f"probe-{time.monotonic_ns()}",))
                return True
            except sqlite3.OperationalError:
                return False

    def write_ledger(self, *options: str, only: str = "", **settings) -> Program:
        """Writes to whichever node accepts, or to one only; see acknowledged()."""
        self.journals.append(self.folder / f"journal-{len(self.journals)}")
        databases = [str(node.database) for node in self.nodes if only in ("", node.name)]
        return self.run_program("ledger.py", *databases, "--journal", str(self.journals[-1]), *options,
                                **settings)

    def journal_rows(self, number: int) -> list[ledger.Acknowledged]:
        """What one of the ledger writers was told, in its order."""
        journal = self.journals[number]
        return ledger.parse_journal(journal.read_text()) if journal.exists() else []

    def acknowledged(self) -> list[ledger.Acknowledged]:
        """By all ledger writers so far, each in its order."""
        return [row for number in range(len(self.journals)) for row in self.journal_rows(number)]

    def unexpected_errors(self) -> str:
        """Of all ledger writers so far: what is not SQLITE_BUSY."""
        files = [pathlib.Path(f"{journal}.errors") for journal in self.journals]
        return "".join(path.read_text() for path in files if path.exists())

    def orphan_files(self) -> list[pathlib.Path]:
        return [path for node in self.nodes for path in node.state_folder.glob("orphans/*.db")]

    def expect_all_equal(self, leader: str, timeout: float = 60) -> None:
        """All nodes run and nobody writes: they come to the leader's state, byte for byte."""
        self.wait_until_settled(leader, timeout)
        positions = {node.name: position_of(node) for node in self.nodes}
        expect(len(set(positions.values())) == 1, f"positions differ: {positions}")
        found = equality.differences({node.name: equality.prove(node.database) for node in self.nodes})
        expect(not found, "; ".join(found))

    def expect_nothing_lost(self, leader: str, orphans_allowed: bool) -> int:
        """Every acknowledged row is in the leader's database, or (where allowed) in an orphans file.

        Returns how many rows are orphans.
        """
        rows = [row.token for row in self.acknowledged()]
        kept = tokens_in(self[leader].database)
        gone = [token for token in rows if token not in kept]
        orphaned = orphaned_tokens(self.orphan_files(), gone) if gone else set()
        lost = lost_rows(rows, kept, orphaned)
        expect(not lost, f"{len(lost)} of {len(rows)} acknowledged rows are lost, such as {lost[:3]}")
        expect(orphans_allowed or not gone, f"{len(gone)} acknowledged rows are orphans, such as {gone[:3]}")
        return len(gone)
