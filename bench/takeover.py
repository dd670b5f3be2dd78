"""Takeover: how soon a promoted standby takes writes, for how long a switchover keeps writers
waiting, and how long an old primary needs to become a standby again."""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import statistics
import subprocess
import sys
import time

from outcome import Outcome, spread, verdict
from stage import MeasurementFailed, Node, Scene, Stage

ROAMER = pathlib.Path(__file__).with_name("roamer.py")
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.0002
DIVERGED_SHARE = 0.01


def takeover(stage: Stage) -> list[Outcome]:
    return [promotion(stage), switchover(stage), rewind(stage)]


def percentile(values: list[float], share: float) -> float:
    """Nearest rank; of few values the high ones are the maximum."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def describe(values_ms: list[float]) -> str:
    return (f"p50 {statistics.median(values_ms):.1f} ms, p99 {percentile(values_ms, 0.99):.1f} ms "
            f"({min(values_ms):.1f} … {max(values_ms):.1f}, n = {len(values_ms)})")


def check_answer(node: Node, answer: subprocess.CompletedProcess | subprocess.Popen,
                 output: str) -> None:
    if answer.returncode != 0:
        raise node.failure(f"{answer.args}: exit code {answer.returncode}: {output}")


# --- promote ---

def promotion(stage: Stage) -> Outcome:
    """A cluster of three; its primary is killed and another one promoted, again and again."""
    first_writes, commands = [], []
    with stage.scene() as scene:
        scene.prepare()
        nodes = scene.cluster("a", "b", "c")
        scene.write(100)
        for number in range(stage.sizes.promotions):
            leader, target = nodes[number % 3], nodes[(number + 1) % 3]
            wait_until_level(nodes, leader)
            leader.kill()
            first_write, command = time_promotion(target)
            first_writes.append(first_write * 1000)
            commands.append(command * 1000)
            leader.start()
    print(f"  first write {describe(first_writes)}; command {describe(commands)}", flush=True)
    return Outcome(
        "promote: from the command to the first write, idle and caught up", "p99 ≤ 100 ms",
        f"{describe(first_writes)}; the command itself {describe(commands)}",
        verdict(percentile(first_writes, 0.99) <= 100),
        {"first_write_ms": first_writes, "command_ms": commands})


def time_promotion(target: Node) -> tuple[float, float]:
    """Seconds from the start of the command to the first commit, and to the command's end."""
    with contextlib.closing(sqlite3.connect(target.database, timeout=0,
                                            isolation_level=None)) as application:
        begun = time.monotonic()
        command = subprocess.Popen([target.program, "promote", str(target.database)],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        written = ended = None
        while written is None or ended is None:
            if written is None and try_to_write(application):
                written = time.monotonic() - begun
            if ended is None and command.poll() is not None:
                ended = time.monotonic() - begun
                check_answer(target, command, command.stdout.read())
            if time.monotonic() - begun > PATIENCE_SECONDS:
                command.kill()
                raise target.failure(f"no write within {PATIENCE_SECONDS} s of promote")
            time.sleep(POLL_SECONDS)
        command.stdout.close()
        return written, ended


def try_to_write(application: sqlite3.Connection) -> bool:
    try:
        application.execute("UPDATE messages SET body = body || '' WHERE id = 1")
        return True
    except sqlite3.OperationalError:  # busy, until the fence falls
        return False


def wait_until_level(nodes: list[Node], leader: Node, timeout: float = 60) -> None:
    """All follow `leader`, and nothing is on its way."""
    leader.wait_for_state("publishing", timeout)
    deadline = time.monotonic() + timeout
    while True:
        statuses = [node.status() for node in nodes]
        if all(statuses):
            first = statuses[nodes.index(leader)]
            if all(status["state"] in ("publishing", "streaming")
                   and (status["epoch"], status["seq"]) == (first["epoch"], first["seq"])
                   for status in statuses):
                return
        if time.monotonic() > deadline:
            raise leader.failure(f"not all level within {timeout} s: {statuses}")
        time.sleep(0.02)


# --- switchover ---

def switchover(stage: Stage) -> Outcome:
    rate = 1000
    with stage.scene() as scene:
        scene.prepare()
        nodes = scene.cluster("a", "b")
        seen, moves, commands = move_back_and_forth(scene, nodes, rate, stage.sizes.switchovers)
    speed = len(seen["committed"]) / seen["seconds"]
    return Outcome(
        f"switchover under {rate} transactions/s: no write succeeds for", "p99 ≤ 250 ms",
        f"{describe(moves)}; the command {describe(commands)}; {len(seen['committed']):,} "
        f"transactions acknowledged ({speed:,.0f}/s, takeovers included), none lost",
        verdict(percentile(moves, 0.99) <= 250),
        {"gaps_ms": moves, "command_ms": commands, "per_second": speed,
         "refused": seen["refused"]})


def move_back_and_forth(scene: Scene, nodes: list[Node], rate: int,
                        count: int) -> tuple[dict, list[float], list[float]]:
    """So many switchovers between two nodes, under writes. What the writer saw; for how long it could not
    write at each; how long each command took, in ms. Raises when a row is lost, or a move was not seen."""
    report = scene.folder / "roamer.json"
    roamer = start_roamer(scene, nodes, rate, report)
    commands = []
    for number in range(count):
        target = nodes[(number + 1) % 2]
        target.wait_for_state("streaming", timeout=60)
        time.sleep(0.3)  # under way again: the rate, the standby's rhythm
        begun = time.monotonic()
        answer = target.run("switchover", "--to", target.name)
        check_answer(target, answer, answer.stdout + answer.stderr)
        commands.append((time.monotonic() - begun) * 1000)
    roamer.send_signal(signal.SIGTERM)
    roamer.wait(30)
    seen = json.loads(report.read_text())
    lost = rows_lost(nodes[count % 2], seen["committed"])
    moves = [gap["ms"] for gap in seen["gaps"] if gap["from"] != gap["to"]]
    if lost or len(moves) != count:
        raise MeasurementFailed(f"switchover: {lost} rows lost, {len(moves)} moves of the writer "
                                f"in {count} switchovers")
    return seen, moves, commands


def start_roamer(scene: Scene, nodes: list[Node], rate: int, report: pathlib.Path,
                 *options: str) -> subprocess.Popen:
    roamer = subprocess.Popen(
        [sys.executable, str(ROAMER), *(str(node.database) for node in nodes), "--rate", str(rate),
         "--report", str(report), *options], stdout=subprocess.PIPE, text=True)
    scene.others.append(roamer)
    if roamer.stdout.readline() != "ready\n":
        raise MeasurementFailed("the roaming writer cannot write")
    return roamer


def rows_lost(leader: Node, committed: list[int]) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{leader.database}?mode=ro", uri=True)) as reader:
        kept = {row[0] for row in reader.execute("SELECT id FROM roam")}
    return len(set(committed) - kept)


# --- rewind ---

def rewind(stage: Stage) -> Outcome:
    """Old primary and new one take turns: each writes alone, dies, and comes back to follow."""
    seconds, orphans, promoted = [], [], []
    with stage.scene() as scene:
        scene.run("writer", scene.database, "--fill-mib", stage.sizes.database_mib, "--body-bytes",
                  1000)
        leader, other = scene.cluster("a", "b")
        scene.write(100, "--body-bytes", 1000)
        wait_until_level([leader, other], leader)
        leader.stop()  # it has run before: its table of page hashes is on disk
        leader.start().wait_for_state("publishing", timeout=120)
        for _ in range(stage.sizes.rounds):
            found = measure_rewind(leader, other)
            print(f"  {found}", flush=True)
            seconds.append(found["seconds"])
            orphans.append(found["orphan_pages"])
            promoted.append(found["promote_ms"])
            leader, other = other, leader
    mib = stage.sizes.database_mib
    return Outcome(
        f"rewind of an old primary of {mib} MiB, 1 % of its pages diverged, from its start to "
        "streaming", "≤ 3 s",
        f"{spread(seconds, 2, ' s')}; {statistics.median(orphans):,.0f} diverged pages, kept as "
        "orphans first", verdict(statistics.median(seconds) <= 3.0),
        {"seconds": seconds, "orphan_pages": orphans, "promote_ms": promoted})


def measure_rewind(leader: Node, other: Node) -> dict:
    """`leader` commits what `other` never gets, and dies; `other` is promoted; `leader` returns."""
    wait_until_level([leader, other], leader)
    other.kill()
    before = leader.status()["seq"]
    diverge(leader)
    leader.wait_until("all in its log", lambda status: status["backend"]["last_seq"] > before, 60)
    leader.kill()
    other.start()
    other.wait_until("its position is known", lambda status: status["state"] != "stopped"
                     and status["epoch"] > 0, 60)
    begun = time.monotonic()
    answer = other.run("promote", "--force")
    check_answer(other, answer, answer.stdout + answer.stderr)
    promote_ms = (time.monotonic() - begun) * 1000
    write_one(other)
    os.sync()
    start = time.monotonic()
    leader.start()
    leader.wait_until("following", lambda status: status["role"] == "standby"
                      and status["state"] == "streaming", 300)
    seconds = time.monotonic() - start
    wait_until_level([leader, other], other)
    positions = {node.run("verify").stdout.split()[-1] for node in (leader, other)}
    kept = json.loads(leader.run("orphans", "--json").stdout)
    if len(positions) != 1 or not kept or not kept[-1]["pages"]:
        raise MeasurementFailed(f"rewind: positions {positions}, orphans {kept}")
    pages = kept[-1]["pages"]
    leader.run("orphans", "discard", kept[-1]["name"])
    return {"seconds": seconds, "promote_ms": promote_ms, "orphan_pages": pages}


def diverge(node: Node) -> None:
    """Touches 1 % of the table's pages, spread evenly, in one transaction."""
    with contextlib.closing(sqlite3.connect(node.database, timeout=10,
                                            isolation_level=None)) as application:
        pages = application.execute("PRAGMA page_count").fetchone()[0]
        newest = application.execute("SELECT max(id) FROM messages").fetchone()[0]
        step = max(1, int(newest / (pages * DIVERGED_SHARE)))
        application.execute("UPDATE messages SET body = upper(body) WHERE id % ? = 0", (step,))


def write_one(node: Node) -> None:
    with contextlib.closing(sqlite3.connect(node.database, timeout=10,
                                            isolation_level=None)) as application:
        application.execute("UPDATE messages SET body = lower(body) WHERE id = 1")
