"""How fast a standby follows: lag, catch-up, bootstrap."""

import os
import shutil
import statistics
import subprocess
import time

from outcome import INFORMATION, Outcome, spread, verdict
from stage import MeasurementFailed, Scene, Stage, newest_id, wait_for_newest


def lag(stage: Stage) -> list[Outcome]:
    runs = []
    for _ in range(stage.sizes.lag_rounds):
        with stage.scene() as scene:
            scene.prepare().publish()
            standby = scene.follow()
            run = scene.run("lag", scene.database, standby.database, "--rate", 1000, "--seconds",
                            stage.sizes.lag_seconds)
            print(f"  {run}", flush=True)
            if run["missing"]:
                raise MeasurementFailed(f"lag: {run['missing']} transactions never arrived")
            runs.append(run)
    return [lag_outcome(runs, "p50", 1.0), lag_outcome(runs, "p99", 5.0)]


def lag_outcome(runs: list[dict], key: str, must_reach_ms: float) -> Outcome:
    values = [run["lag_us"][key] / 1000 for run in runs]
    step = [statistics.median(run["poll_step_us"][k] for run in runs) / 1000 for k in ("p50", "p99")]
    top = max(run["lag_us"]["max"] for run in runs) / 1000
    return Outcome(
        f"lag at 1000 transactions/s, {key}", f"≤ {must_reach_ms:g} ms",
        f"{spread(values, 2, ' ms')}; max {top:.1f} ms; reader's step p50 {step[0]:.2f} ms, "
        f"p99 {step[1]:.2f} ms", verdict(statistics.median(values) <= must_reach_ms),
        {"runs": runs})


def queue_while_stopped(scene: Scene, count: int) -> tuple:
    """A standby that is stopped while `count` transactions reach the publisher's backend."""
    scene.prepare().publish()
    standby = scene.follow()
    standby.stop()
    before = scene.publisher.status()["backend"]["last_seq"]
    written = scene.write(count)
    scene.publisher.wait_until(
        "all queued", lambda status: status["backend"]["last_seq"] >= before + count, 300)
    os.sync()
    return standby, written


def measure_catch_up(stage: Stage) -> dict:
    count = stage.sizes.catch_up_transactions
    with stage.scene() as scene:
        standby, written = queue_while_stopped(scene, count)
        first = newest_id(standby.database)
        start = time.monotonic()
        standby.start()
        wait_for_newest(standby.database, first + 1)  # connected, and the first ones applied
        moving = time.monotonic()
        had = newest_id(standby.database) - first
        wait_for_newest(standby.database, written["newest_id"], 600)
        end = time.monotonic()
        return {"seconds_from_start": end - start, "seconds_to_first": moving - start,
                "per_second_from_start": count / (end - start),
                "per_second_from_first": (count - had) / (end - moving) if had < count else None,
                "written_per_second": written["per_second"]}


def catch_up(stage: Stage) -> list[Outcome]:
    runs = []
    for _ in range(stage.sizes.rounds):
        runs.append(measure_catch_up(stage))
        print(f"  {runs[-1]}", flush=True)
    speeds = [run["per_second_from_start"] for run in runs]
    steady = [run["per_second_from_first"] for run in runs if run["per_second_from_first"]]
    written = statistics.median(run["written_per_second"] for run in runs)
    return [Outcome(
        f"catch-up of {stage.sizes.catch_up_transactions:,} transactions", "≥ 200,000/s",
        f"{spread(speeds, 0, '/s')} from the start of the process; "
        + (f"{spread(steady, 0, '/s')} once it moves; " if steady else "")
        + f"written at {written:,.0f}/s", verdict(statistics.median(speeds) >= 200_000),
        {"runs": runs})]


def time_copy(scene: Scene) -> float:
    """`cp` of the database file, and sync of the copy: what is durable is compared."""
    copy = scene.folder / "copy.db"
    os.sync()
    start = time.monotonic()
    subprocess.run(["cp", str(scene.database), str(copy)], check=True)
    subprocess.run(["sync", str(copy)], check=True)
    seconds = time.monotonic() - start
    copy.unlink()
    return seconds


def time_bootstrap(scene: Scene, number: int) -> float:
    standby = scene.standby(f"standby-{number}")
    os.sync()
    start = time.monotonic()
    standby.start()
    while not standby.database.exists():  # cheap; asking for the status all the time is not
        if not standby.is_running() or time.monotonic() - start > 600:
            raise standby.failure("no database after 600 s")
        time.sleep(0.005)
    standby.wait_for_state("streaming", timeout=600)
    seconds = time.monotonic() - start
    if newest_id(standby.database) != newest_id(scene.database):
        raise MeasurementFailed("bootstrap: the standby has other rows than the primary")
    standby.stop()
    shutil.rmtree(standby.database.parent)
    return seconds


def bootstrap(stage: Stage) -> list[Outcome]:
    mib = stage.sizes.database_mib
    copies, bootstraps = [], []
    with stage.scene() as scene:
        scene.run("writer", scene.database, "--fill-mib", mib, "--body-bytes", 1000)
        start = time.monotonic()
        scene.publish()
        scan = time.monotonic() - start
        for number in range(stage.sizes.rounds):
            copies.append(time_copy(scene))
            bootstraps.append(time_bootstrap(scene, number))
            print(f"  cp {copies[-1]:.2f} s, bootstrap {bootstraps[-1]:.2f} s", flush=True)
    ratios = [copy / other for copy, other in zip(copies, bootstraps)]
    return [
        Outcome(f"bootstrap of a {mib} MiB database, against cp + sync", "≥ 0.5",
                f"{spread(ratios)}; bootstrap {spread(bootstraps, 1, ' s')}, cp "
                f"{spread(copies, 1, ' s')}", verdict(statistics.median(ratios) >= 0.5),
                {"ratios": ratios, "cp_seconds": copies, "bootstrap_seconds": bootstraps}),
        Outcome(f"first scan of a {mib} MiB database by a publisher", "–", f"{scan:.1f} s",
                INFORMATION, {"seconds": scan})]
