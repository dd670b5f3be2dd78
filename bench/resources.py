"""What the processes take: memory under every load that could make it grow, processor when idle."""

import statistics
import time

from machine import MemoryWatch, cpu_seconds
from outcome import Outcome, spread, verdict
from stage import Scene, Stage, wait_for_newest

MIB = 1024 * 1024
BASE_LIMIT = 64 * MIB
BYTES_A_PAGE = 8
PAGE_SIZE = 4096


def memory_outcome(what: str, scene: Scene, peaks: dict) -> Outcome:
    """Judges what a process holds for itself: mapped files are page cache that the kernel takes
    back when it likes, and are printed beside it."""
    limit = BASE_LIMIT + BYTES_A_PAGE * (scene.database.stat().st_size // PAGE_SIZE)
    measured = "; ".join(
        f"{name} {peak['anonymous'] / MIB:.1f} MiB own (resident with mapped files "
        f"{peak['resident'] / MIB:.1f})" for name, peak in peaks.items())
    reached = all(peak["anonymous"] <= limit for peak in peaks.values())
    return Outcome(f"memory: {what}", f"≤ {limit / MIB:.1f} MiB", measured, verdict(reached),
                   {"limit": limit, "peaks": peaks})


def memory(stage: Stage) -> list[Outcome]:
    mib = stage.sizes.transaction_mib
    with stage.scene() as scene:
        scene.prepare().publish()
        standby = scene.follow()
        pids = {"publisher": scene.publisher.pid, "standby": standby.pid}
        with MemoryWatch(pids) as watch:
            written = scene.run("writer", scene.database, "--one-transaction-mib", mib,
                                "--body-bytes", 1000)
            wait_for_newest(standby.database, written["newest_id"], 600)
        outcomes = [memory_outcome(f"one transaction of {mib} MiB", scene, watch.peaks)]
        print(f"  {outcomes[-1].line()}", flush=True)
        outcomes.append(memory_of_bootstrap(scene, written["newest_id"]))
        print(f"  {outcomes[-1].line()}", flush=True)
        outcomes.append(memory_of_stall(scene, standby))
        return outcomes


def memory_of_bootstrap(scene: Scene, newest: int) -> Outcome:
    second = scene.standby("second").start()
    with MemoryWatch({"publisher": scene.publisher.pid, "standby": second.pid}) as watch:
        wait_for_newest(second.database, newest, 600)
        second.wait_for_state("streaming", timeout=600)
    outcome = memory_outcome(f"bootstrap of {scene.stage.sizes.transaction_mib} MiB", scene,
                             watch.peaks)
    second.stop()
    return outcome


def memory_of_stall(scene: Scene, standby) -> Outcome:
    """A standby that stands still while the publisher goes on, and then has all of it to fetch."""
    standby.pause()
    with MemoryWatch({"publisher": scene.publisher.pid, "standby": standby.pid}) as watch:
        written = scene.write(scene.stage.sizes.transactions)
        standby.resume()
        wait_for_newest(standby.database, written["newest_id"], 600)
    return memory_outcome(f"standby stopped (SIGSTOP) for {scene.stage.sizes.transactions:,} "
                          "transactions", scene, watch.peaks)


def idle_cpu(stage: Stage) -> list[Outcome]:
    seconds, shares, parts = stage.sizes.idle_seconds, [], []
    with stage.scene() as scene:
        scene.prepare().publish()
        pids = {"publisher": scene.publisher.pid, "standby": scene.follow().pid}
        scene.write(1000)
        time.sleep(min(5, seconds))  # so long may it take to come to rest; not a wait for a state
        for _ in range(stage.sizes.rounds):
            before = {name: cpu_seconds(pid) for name, pid in pids.items()}
            time.sleep(seconds)
            used = {name: (cpu_seconds(pid) - before[name]) / seconds * 100
                    for name, pid in pids.items()}
            parts.append(used)
            shares.append(sum(used.values()))
    each = ", ".join(f"{name} {statistics.median(part[name] for part in parts):.2f} %"
                     for name in pids)
    return [Outcome(f"processor use of an idle pair over {seconds} s", "≤ 0.5 % of a core",
                    f"{spread(shares, 2, ' %')}; {each}",
                    verdict(statistics.median(shares) <= 0.5), {"percent": shares, "each": parts})]
