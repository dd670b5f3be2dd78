"""Conducts the demo: a live database, a publisher, two standbys, a kill, a return, and the proof.

usage: conductor.py --understudy PROGRAM [--keep] [--folder DIR] [--pace 1.0]
Ends by itself after about 30 seconds; exit code 0 when all three databases are equal. With --keep
everything goes on running afterwards, and it says how to look at it and how to stop it.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import equality
from nodes import Node, NodeFailed, die_with_parent
from screen import GREEN, Row, Screen

KILL_AT, RETURN_AT, STOP_AT, TOTAL = 12.0, 17.0, 25.0, 26.0
DRAW_SECONDS = 0.2
CONVERGE_SECONDS = 60.0
CHAT = pathlib.Path(__file__).with_name("chat.py")

STOP_SCRIPT = """#!/bin/sh
# Ends this demo and removes its folder.
for pid in {pids}; do
  kill "$pid" 2>/dev/null
done
for pid in {pids}; do
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
done
rm -rf '{folder}'
"""


class Demo:
    """Everything the demo starts, and the order in which it happens."""

    def __init__(self, program: str, folder: pathlib.Path, keep: bool, pace: float):
        self.folder = folder
        self.keep = keep
        self.pace = pace
        self.program = program
        self.application: subprocess.Popen | None = None
        self.publisher = Node.publisher(program, "primary", folder / "chat.db", "--node", "primary",
                                        outlives=keep)
        self.standbys = [
            Node.standby(program, name, folder / f"{name}.db", self.publisher, "--node", name,
                         outlives=keep)
            for name in ("standby-1", "standby-2")]
        self.nodes = [self.publisher, *self.standbys]
        self.rows = [Row(node.name) for node in self.nodes]
        self.screen = Screen(self.rows, TOTAL * pace)

    def start(self) -> None:
        database = self.publisher.database
        print(f"A chat application with some history is being set up in {self.folder}", flush=True)
        subprocess.run([sys.executable, str(CHAT), str(database), "--writers", "0", "--seconds",
                        "0.01"], check=True, stdout=subprocess.DEVNULL)
        with open(self.folder / "chat.log", "wb") as log:
            self.application = subprocess.Popen(
                [sys.executable, str(CHAT), str(database)], stdout=log, stderr=log,
                preexec_fn=None if self.keep else die_with_parent, start_new_session=True)
        for node in self.nodes:
            node.start()
        self.screen = Screen(self.rows, TOTAL * self.pace)
        self.screen.tell("The application writes; the standbys fetch the database.")

    def stop(self) -> None:
        """Ends whatever still runs, whatever went wrong; a second Ctrl-C does not cut it short."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self.application is not None and self.application.poll() is None:
            self.application.terminate()
            try:
                self.application.wait(5)
            except subprocess.TimeoutExpired:
                self.application.kill()
                self.application.wait()
        for node in self.nodes:
            node.kill()

    def look(self, killed: tuple[Node, ...] = ()) -> None:
        for node, row in zip(self.nodes, self.rows):
            if node not in killed and not node.is_running():
                raise node.failure(f"ended with exit code {node.exit_code}")
            row.update(None if node in killed else node.status(), node in killed)
        self.screen.draw()

    def play_until(self, second: float, killed: tuple[Node, ...] = ()) -> None:
        while self.screen.elapsed() < second * self.pace:
            started_at = time.monotonic()
            self.look(killed)
            time.sleep(max(0.0, DRAW_SECONDS - (time.monotonic() - started_at)))

    def play(self) -> None:
        victim = self.standbys[1]
        self.play_until(KILL_AT)
        victim.kill()
        self.screen.tell(f"{victim.name} was killed (kill -9). The application notices nothing.")
        self.play_until(RETURN_AT, (victim,))
        victim.start()
        self.screen.tell(f"{victim.name} is back and asks for what it missed.")
        self.play_until(STOP_AT)

    def stop_application(self) -> str:
        """Returns what the application has to say about its run."""
        self.application.terminate()
        code = self.application.wait(20)
        report = (self.folder / "chat.log").read_text().strip()
        if code != 0:
            raise NodeFailed(f"the application ended with exit code {code}: {report}")
        return report

    def converge(self) -> int:
        """Waits until nothing moves any more and all have the same seq; returns that seq."""
        deadline = time.monotonic() + CONVERGE_SECONDS
        settled = 0
        last: list[int] = []
        while settled < 3:
            self.look()
            seqs = [row.seq or 0 for row in self.rows]
            settled = settled + 1 if len(set(seqs)) == 1 and seqs == last else 0
            last = seqs
            if time.monotonic() > deadline:
                raise NodeFailed(f"not at one seq within {CONVERGE_SECONDS} s: {seqs}")
            time.sleep(0.1)
        return last[0]

    def prove_equal(self) -> list[str]:
        """Prints the evidence; returns what is wrong, in words."""
        wrong, positions = [], {}
        for node in self.nodes:
            verified = node.run("verify")
            positions[node.name] = (verified.stdout.split() or ["?"])[-1]
            if verified.returncode != 0:
                wrong.append(f"{node.name}: verify says: {verified.stdout} {verified.stderr}")
        if len(set(positions.values())) != 1:
            wrong.append(f"positions differ: {positions}")
        for node in self.nodes:
            if node.stop() != 0:
                wrong.append(f"{node.name}: ended with exit code {node.exit_code}")
        proofs = {node.name: equality.prove(node.database) for node in self.nodes}
        print_table(self.screen, positions, proofs)
        return wrong + equality.differences(proofs)


def print_table(screen: Screen, positions: dict[str, str],
                proofs: dict[str, equality.Proof]) -> None:
    width = max(17, *(len(position) for position in positions.values())) + 2
    if screen.columns() < 54 + width:
        for name, proof in proofs.items():
            print(f"  {name:<11}{positions[name]}  {proof.integrity[:9]}  {proof.file_bytes:,} bytes\n"
                  f"             rows {proof.content_sum[:12]}…  file {proof.file_sum[:12]}…")
    else:
        print(f"  {'node':<11}{'position (verify)':<{width}}{'integrity':<11}{'rows':<10}"
              f"{'file':<10}{'bytes':>10}")
        for name, proof in proofs.items():
            print(f"  {name:<11}{positions[name]:<{width}}{proof.integrity[:9]:<11}"
                  f"{proof.content_sum[:7] + '…':<10}{proof.file_sum[:7] + '…':<10}"
                  f"{proof.file_bytes:>10,}")
    print("\n  rows: SHA3 by sqlite3; file: SHA-256 of all pages", flush=True)


def finish(demo: Demo) -> int:
    demo.screen.tell("The application stops; the standbys come to rest.")
    report = demo.stop_application()
    seq = demo.converge()
    demo.screen.tell(f"All three are at seq {seq}.")
    demo.screen.draw()
    demo.screen.finish()
    wrong = demo.prove_equal()
    print(f"  Application: {report.splitlines()[-1]}\n")
    for fault in wrong:
        print(f"  WRONG: {fault}")
    if not wrong:
        print("  " + demo.screen.paint(GREEN, "all three files are equal"))
    return 1 if wrong else 0


def leave_running(demo: Demo) -> None:
    demo.screen.finish()
    pids = [demo.application.pid, *(node.pid for node in demo.nodes)]
    program = os.path.relpath(demo.program)
    stop = demo.folder / "stop.sh"
    stop.write_text(STOP_SCRIPT.format(pids=" ".join(map(str, pids)), folder=demo.folder))
    stop.chmod(0o755)
    print("  Everything goes on running. Have a look:")
    for node in demo.nodes:
        print(f"    {program} status {node.database} --watch")
    print(f"    sqlite3 {demo.standbys[0].database} 'SELECT count(*) FROM messages'")
    print(f"    tail -f {demo.publisher.log_path}")
    print(f"  Stop it and remove its files:\n    {stop}", flush=True)


def run(options: argparse.Namespace, folder: pathlib.Path) -> int:
    demo = Demo(os.path.abspath(options.understudy), folder, options.keep, options.pace)
    keep_running = False
    try:
        demo.start()
        demo.play()
        if options.keep:
            leave_running(demo)
            keep_running = True
            return 0
        return finish(demo)
    except NodeFailed as failure:
        demo.screen.finish()
        print(f"  WRONG: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        demo.screen.finish()
        print("  Interrupted; everything is being stopped.", file=sys.stderr)
        return 130
    finally:
        if not keep_running:
            demo.stop()
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    options = argparse.ArgumentParser(description="Conducts the Understudy demo.")
    options.add_argument("--understudy", required=True, help="the program")
    options.add_argument("--keep", action="store_true", help="leave everything running")
    options.add_argument("--folder", default=None, help="where to make the demo's folder")
    options.add_argument("--pace", type=float, default=1.0, help="below 1 is quicker")
    chosen = options.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a parent may have left SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-demo-", dir=chosen.folder))
    return run(chosen, folder)


if __name__ == "__main__":
    sys.exit(main())
