"""The machine: facts that every figure depends on, and what processes cost on it."""

import os
import pathlib
import platform
import sqlite3
import statistics
import threading
import time


def file_system_of(folder: pathlib.Path) -> str:
    """Type of the file system that holds `folder`, as /proc/mounts names it."""
    best, kind = "", "?"
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, mount, fs_type, *_ = line.split()
        if str(folder.resolve()).startswith(mount) and len(mount) > len(best):
            best, kind = mount, fs_type
    return kind


def fsync_us(folder: pathlib.Path, count: int = 200) -> dict[str, float]:
    """What it costs to append 4 KiB to a file and fdatasync it."""
    path, times = folder / "fsync-probe", []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    try:
        for _ in range(count):
            start = time.perf_counter_ns()
            os.write(descriptor, b"\0" * 4096)
            os.fdatasync(descriptor)
            times.append((time.perf_counter_ns() - start) / 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    times.sort()
    return {"p50": statistics.median(times), "p99": times[int(count * 0.99)]}


def cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def facts(folder: pathlib.Path) -> dict:
    return {"cores": os.cpu_count(), "cpu": cpu_model(), "kernel": platform.release(),
            "file_system": file_system_of(folder), "fdatasync_4k_us": fsync_us(folder),
            "sqlite": sqlite3.sqlite_version, "load_before": os.getloadavg()[0]}


def describe(known: dict) -> str:
    sync = known["fdatasync_4k_us"]
    text = (f"{known['cores']} cores ({known['cpu']}), kernel {known['kernel']}, "
            f"{known['file_system']}, append + fdatasync of 4 KiB {sync['p50']:.0f} µs "
            f"(p99 {sync['p99']:.0f} µs), SQLite {known['sqlite']}, "
            f"load before {known['load_before']:.1f}")
    if known["file_system"] == "tmpfs":
        text += "\nWARNING: tmpfs knows no fsync; set TMPDIR to a real disk for honest figures"
    return text


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far, exact to the nanosecond."""
    per_process_clock = (~pid << 3) | 2  # Linux: clock_getcpuclockid(3)
    return time.clock_gettime(per_process_clock)


def memory_of(pid: int) -> dict[str, int]:
    """VmHWM, RssAnon, RssFile, RssShmem in bytes; empty when the process is gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    wanted = ("VmHWM:", "RssAnon:", "RssFile:", "RssShmem:")
    return {line.split()[0][:-1]: int(line.split()[1]) * 1024
            for line in lines if line.startswith(wanted)}


def forget_peak(pid: int) -> None:
    """Sets VmHWM back to what is resident now."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


class MemoryWatch:
    """Samples processes while it is open. Peaks by name: what they hold for themselves
    (`anonymous`), and everything that is resident (`resident`, with mapped files and libraries)."""

    def __init__(self, pids: dict[str, int], step_seconds: float = 0.005):
        self.peaks = {name: {"anonymous": 0, "resident": 0} for name in pids}
        self._pids = pids
        self._step_seconds = step_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        for pid in self._pids.values():
            forget_peak(pid)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(self._step_seconds):
            for name, pid in self._pids.items():
                memory, peak = memory_of(pid), self.peaks[name]
                peak["anonymous"] = max(peak["anonymous"], memory.get("RssAnon", 0))
                peak["resident"] = max(peak["resident"], memory.get("VmHWM", 0))
