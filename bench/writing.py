"""What the writer pays: its speed with and without us, and the bytes a transaction costs."""

import json
import sqlite3
import statistics
import subprocess
import time

from outcome import INFORMATION, Outcome, spread, verdict
from stage import Scene, Stage, newest_id, wait_for_newest


def measure_alone(stage: Stage) -> dict:
    with stage.scene() as scene:
        return scene.prepare().write(stage.sizes.transactions)


def measure_published(stage: Stage) -> dict:
    with stage.scene() as scene:
        scene.prepare().publish()
        return scene.write(stage.sizes.transactions)


def measure_with_standby(stage: Stage) -> dict:
    with stage.scene() as scene:
        scene.prepare().publish()
        standby = scene.follow()
        written = scene.write(stage.sizes.transactions)
        shown = newest_id(standby.database)
        missing = written["newest_id"] - shown
        written["behind_transactions"] = missing
        written["behind_seconds"] = missing / written["per_second"]
        written["drain_seconds"] = wait_for_newest(standby.database, written["newest_id"])
        return written


def in_pairs(stage: Stage, attached) -> tuple[list[dict], list[dict], list[float]]:
    """Alone and attached in turn, and in the other order every second time."""
    alone_runs, attached_runs, ratios = [], [], []
    for pair in range(stage.sizes.pairs):
        if pair % 2 == 0:
            alone, other = measure_alone(stage), attached(stage)
        else:
            other, alone = attached(stage), measure_alone(stage)
        alone_runs.append(alone)
        attached_runs.append(other)
        ratios.append(other["per_second"] / alone["per_second"])
        print(f"  pair {pair + 1}: alone {alone['per_second']:,.0f}/s, attached "
              f"{other['per_second']:,.0f}/s, ratio {ratios[-1]:.2f}", flush=True)
    return alone_runs, attached_runs, ratios


def describe_commits(alone: list[dict], attached: list[dict]) -> str:
    def middle(runs: list[dict], key: str) -> float:
        return statistics.median(run["commit_us"][key] for run in runs)
    speeds = [statistics.median(run["per_second"] for run in runs) for runs in (alone, attached)]
    return (f"{speeds[0]:,.0f}/s alone, {speeds[1]:,.0f}/s attached; COMMIT p50 "
            f"{middle(alone, 'p50'):.0f} → {middle(attached, 'p50'):.0f} µs, p99.9 "
            f"{middle(alone, 'p999') / 1000:.1f} → {middle(attached, 'p999') / 1000:.1f} ms")


def writer_speed(stage: Stage) -> list[Outcome]:
    alone, attached, ratios = in_pairs(stage, measure_published)
    reached = statistics.median(ratios) >= 1.0 and min(ratios) >= 0.9
    return [Outcome("writer with a publisher, against alone", "1.0, no run below 0.9",
                    f"{spread(ratios)}; {describe_commits(alone, attached)}", verdict(reached),
                    {"ratios": ratios, "alone": alone, "attached": attached})]


def writer_with_standby(stage: Stage) -> list[Outcome]:
    alone, attached, ratios = in_pairs(stage, measure_with_standby)
    behind = [max(run["behind_seconds"], run["drain_seconds"]) for run in attached]
    reached = statistics.median(ratios) >= 0.8
    return [Outcome("writer with publisher and standby on the same cores, against alone", "0.8",
                    f"{spread(ratios)}; {describe_commits(alone, attached)}", verdict(reached),
                    {"ratios": ratios, "alone": alone, "attached": attached}),
            Outcome("… standby behind when the writer ends", "< 1 s", spread(behind, 2, " s"),
                    verdict(max(behind) < 1.0), {"behind_seconds": behind})]


def wal_bytes_of_insert(stage: Stage, *options) -> float:
    with stage.scene() as scene:
        scene.prepare(*options)
        count = 2_000
        # Alone, the last connection deletes the WAL: hold one open, and never checkpoint.
        scene.write(1, "--autocheckpoint", 0, *options)
        holder = sqlite3.connect(scene.database)
        holder.execute("SELECT count(*) FROM messages").fetchone()
        scene.write(count, "--autocheckpoint", 0, *options)
        size = scene.database.with_name("app.db-wal").stat().st_size
        holder.close()
        return (size - 32) / count


def backend_bytes_of_insert(scene: Scene, transactions: int, *options) -> float:
    before = scene.publisher.status()
    scene.write(transactions, *options)
    after = scene.publisher.wait_until(
        "all in the backend",
        lambda status: status["backend"]["last_seq"] >= before["seq"] + transactions, 120)
    return (after["backend"]["bytes"] - before["backend"]["bytes"]) / transactions


def record_bytes(stage: Stage) -> list[Outcome]:
    outcomes = []
    for kind, options in (("integer", ()), ("text", ("--text-key",))):
        wal = wal_bytes_of_insert(stage, *options)
        with stage.scene() as scene:
            scene.prepare(*options).publish()
            slow = backend_bytes_of_insert(scene, 1_000, "--rate", 250, *options)
            fast = backend_bytes_of_insert(scene, 20_000, *options)
        figures = {"wal": wal, "backend_at_250_a_second": slow, "backend_at_full_speed": fast}
        outcomes.append(Outcome(
            f"backend bytes for a single-row insert, index on a random {kind}", "≤ 900",
            f"{slow:,.0f} one by one, {fast:,.0f} at full speed, against {wal:,.0f} of WAL",
            verdict(max(slow, fast) <= 900), figures))
    return outcomes


def many_writers(stage: Stage) -> list[Outcome]:
    """Several processes that write at once, each waiting for the others' locks."""
    ratios = []
    for _ in range(stage.sizes.rounds):
        speeds = [concurrent_speed(stage, published) for published in (False, True)]
        ratios.append(speeds[1] / speeds[0])
    return [Outcome("four writing processes with a publisher, against alone", "–", spread(ratios),
                    INFORMATION, {"ratios": ratios})]


def concurrent_speed(stage: Stage, published: bool) -> float:
    with stage.scene() as scene:
        scene.prepare()
        if published:
            scene.publish()
        share = stage.sizes.transactions // 4
        start = time.monotonic()
        writers = [subprocess.Popen(
            scene.program("writer", scene.database, "--transactions", share, "--seed", seed + 2,
                          "--busy-timeout-ms", 10_000), stdout=subprocess.PIPE, text=True)
            for seed in range(4)]
        scene.others += writers
        written = sum(json.loads(writer.communicate()[0])["transactions"] for writer in writers)
        return written / (time.monotonic() - start)
