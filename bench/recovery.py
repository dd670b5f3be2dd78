"""How fast what was lost comes back: replay, snapshot, restore."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

import litestream
from following import queue_while_stopped, time_copy
from outcome import INFORMATION, SKIPPED, Outcome, spread, verdict
from stage import MeasurementFailed, Scene, Stage, newest_id

GIVE_UP_SECONDS = 900


def call(stage: Stage, *arguments: object) -> float:
    """Runs a command to its end; seconds."""
    start = time.monotonic()
    answer = subprocess.run([stage.understudy, *map(str, arguments)], capture_output=True, text=True,
                            timeout=GIVE_UP_SECONDS, check=False)
    if answer.returncode != 0:
        raise MeasurementFailed(f"{arguments}: {answer.stderr.strip()}")
    return time.monotonic() - start


def state_of(scene: Scene) -> str:
    return f"{scene.database}-understudy"


def replay(stage: Stage) -> list[Outcome]:
    count = stage.sizes.catch_up_transactions
    speeds = []
    for _ in range(stage.sizes.rounds):
        with stage.scene() as scene:
            standby, written = queue_while_stopped(scene, count)
            scene.publisher.stop()
            os.sync()
            seconds = call(stage, "replay", standby.database, "--log", state_of(scene))
            if newest_id(standby.database) != written["newest_id"]:
                raise MeasurementFailed("replay: the replica has other rows than the primary")
            speeds.append(count / seconds)
            print(f"  {seconds:.2f} s, {speeds[-1]:,.0f}/s", flush=True)
    return [Outcome(f"replay of {count:,} small transactions", "≥ 200,000/s",
                    f"{spread(speeds, 0, '/s')}, the whole command, proof included",
                    verdict(statistics.median(speeds) >= 200_000), {"per_second": speeds})]


def filled(scene: Scene) -> Scene:
    scene.run("writer", scene.database, "--fill-mib", scene.stage.sizes.database_mib,
              "--body-bytes", 1000)
    scene.publish("--snapshot-every", "off")
    os.sync()
    return scene


def write_beside_snapshots(scene: Scene, transactions: int) -> tuple[dict, int]:
    """The writer's result while snapshots are taken one after another; how many began."""
    taken = 0
    writer = subprocess.Popen(scene.program("writer", scene.database, "--transactions", transactions),
                              stdout=subprocess.PIPE, text=True)
    while writer.poll() is None:
        call(scene.stage, "snapshot", scene.database, "--output", scene.folder / f"{taken}.snapshot")
        (scene.folder / f"{taken}.snapshot").unlink()
        taken += 1
    return json.loads(writer.stdout.read()), taken


def snapshot(stage: Stage) -> list[Outcome]:
    speeds, ratios, taken = [], [], 0
    with stage.scene() as scene:
        filled(scene)
        size = scene.database.stat().st_size
        for _ in range(stage.sizes.rounds):
            output = scene.folder / "measured.snapshot"
            speeds.append(size / 1e6 / call(stage, "snapshot", scene.database, "--output", output))
            output.unlink()
            os.sync()
            alone = scene.write(stage.sizes.transactions)["per_second"]
            os.sync()
            beside, began = write_beside_snapshots(scene, stage.sizes.transactions)
            taken += began
            ratios.append(beside["per_second"] / alone)
            print(f"  {speeds[-1]:,.0f} MB/s; writer at {ratios[-1]:.2f} beside it", flush=True)
    return [
        Outcome(f"snapshot of a {stage.sizes.database_mib} MiB database", "≥ 150 MB/s",
                spread(speeds, 0, " MB/s"), verdict(statistics.median(speeds) >= 150),
                {"mb_per_second": speeds}),
        Outcome("writer while snapshots are taken without a pause, over without", "≥ 0.95",
                f"{spread(ratios)}, {taken} snapshots", verdict(statistics.median(ratios) >= 0.95),
                {"ratios": ratios})]


def restore(stage: Stage) -> list[Outcome]:
    records = stage.sizes.transactions
    copies, restores = [], []
    with stage.scene() as scene:
        filled(scene)
        call(stage, "snapshot", scene.database)
        before = scene.publisher.status()["backend"]["last_seq"]
        newest = scene.write(records)["newest_id"]
        scene.publisher.wait_until(
            "all queued", lambda status: status["backend"]["last_seq"] >= before + records, 300)
        scene.publisher.stop()
        output = scene.folder / "restored.db"
        for _ in range(stage.sizes.rounds):
            copies.append(time_copy(scene))
            os.sync()
            restores.append(call(stage, "restore", "--state", state_of(scene), "--output", output))
            if newest_id(output) != newest:
                raise MeasurementFailed("restore: it has other rows than the primary")
            for left in scene.folder.glob("restored.db*"):
                left.unlink()
            print(f"  cp {copies[-1]:.2f} s, restore {restores[-1]:.2f} s", flush=True)
    ratios = [copy / other for copy, other in zip(copies, restores)]
    return [Outcome(
        f"restore of a {stage.sizes.database_mib} MiB database and {records:,} records, against cp + "
        "sync", "≥ 0.3",
        f"{spread(ratios)}; restore {spread(restores, 1, ' s')}, cp {spread(copies, 1, ' s')}",
        verdict(statistics.median(ratios) >= 0.3),
        {"ratios": ratios, "cp_seconds": copies, "restore_seconds": restores})]


def archived(scene: Scene, records: int) -> int:
    """A filled database, records behind its snapshot, and an archive of both; the node is gone. The newest row."""
    stage = scene.stage
    filled(scene)
    folder = scene.folder / "archive"
    folder.mkdir()
    call(stage, "snapshot", scene.database)
    before = scene.publisher.status()["backend"]["last_seq"]
    newest = scene.write(records)["newest_id"]
    scene.publisher.wait_until(
        "all queued", lambda status: status["backend"]["last_seq"] >= before + records, 300)
    print(f"  archived in {call(stage, 'archive', scene.database, '--to', folder, '--once'):.2f} s", flush=True)
    scene.publisher.stop()
    shutil.rmtree(state_of(scene))
    return newest


def litestream_replica(scene: Scene, records: int) -> tuple[pathlib.Path, int]:
    """The same database and the same number of transactions, replicated; its configuration and newest row."""
    scene.run("writer", scene.database, "--fill-mib", scene.stage.sizes.database_mib, "--body-bytes", 1000)
    config = litestream.start_litestream(litestream.find_program(), scene, "1s")
    newest = scene.write(records)["newest_id"]
    litestream.time_restore(litestream.find_program(), scene, config, newest)  # until all of it is there
    return config, newest


def restore_archive(stage: Stage) -> list[Outcome]:
    records = stage.sizes.transactions
    program = litestream.find_program()
    copies, ours, theirs = [], [], []
    with stage.scene() as scene, stage.scene() as other:
        newest = archived(scene, records)
        config, their_newest = litestream_replica(other, records) if program else (None, 0)
        output = scene.folder / "restored.db"
        for _ in range(stage.sizes.rounds):
            copies.append(time_copy(scene))
            os.sync()
            ours.append(call(stage, "restore", "--log", scene.folder / "archive", "--output", output))
            if newest_id(output) != newest:
                raise MeasurementFailed("restore_archive: it has other rows than the primary")
            for left in scene.folder.glob("restored.db*"):
                left.unlink()
            if program:
                os.sync()
                theirs.append(litestream.time_restore(program, other, config, their_newest))
            print(f"  cp {copies[-1]:.2f} s, restore {ours[-1]:.2f} s"
                  + (f", litestream {theirs[-1]:.2f} s" if program else ""), flush=True)
    what = f"of a {stage.sizes.database_mib} MiB database and {records:,} records"
    ratios = [copy / other for copy, other in zip(copies, ours)]
    outcomes = [Outcome(
        f"restore from an archive {what}, against cp + sync", "≥ 0.3",
        f"{spread(ratios)}; restore {spread(ours, 1, ' s')}, cp {spread(copies, 1, ' s')}",
        verdict(statistics.median(ratios) >= 0.3),
        {"ratios": ratios, "cp_seconds": copies, "restore_seconds": ours})]
    if not program:
        return [*outcomes, Outcome(f"litestream restore {what}", "–", "not at hand: neither a litestream program "
                                   f"nor npm's {litestream.NPM_PACKAGE}", SKIPPED)]
    faster = [their / our for their, our in zip(theirs, ours)]
    return [*outcomes, Outcome(
        f"litestream restore {what}, over ours from an archive", "–",
        f"{spread(faster)} times as long; litestream {spread(theirs, 1, ' s')}, ours {spread(ours, 1, ' s')}",
        INFORMATION, {"ratios": faster, "litestream_seconds": theirs, "restore_seconds": ours})]
