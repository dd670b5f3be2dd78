"""Conducts the demo, in two acts. One: a live database, two standbys, a kill, a return. Two: the
primary's machine is lost, a standby takes over, the application goes on there, the old primary returns.
Each act ends with the proof that all three databases are equal.

usage: conductor.py --understudy PROGRAM [--keep] [--folder DIR] [--pace 1.0]
Ends by itself after about 40 seconds; exit code 0 when all was as it should be. With --keep
everything goes on running after the second act, and it says how to look at it and how to stop it.
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

from nodes import Node, NodeFailed, die_with_parent
from proof import prove_equal, prove_takeover
from screen import GREEN, Row, Screen

KILL_AT, RETURN_AT, STOP_AT = 6.0, 10.0, 15.0  # the first act
LOSE_AT, BACK_AT, END_AT = 3.0, 9.0, 15.0      # the second
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
        databases = {name: folder / name / "chat.db" for name in ("node-1", "node-2", "node-3")}
        for path in databases.values():
            path.parent.mkdir()
        self.nodes = Node.cluster(program, databases, outlives=keep)
        for node in self.nodes:
            node.log_path = folder / f"{node.name}.log"
        self.rows = [Row(node.name) for node in self.nodes]
        self.gone: dict[Node, str] = {}  # what the screen says of nodes that do not run
        self.begin_act(STOP_AT, "")

    def begin_act(self, seconds: float, title: str) -> None:
        self.screen = Screen(self.rows, seconds * self.pace, title)

    def start(self) -> None:
        database = self.nodes[0].database
        print(f"A chat application with some history is being set up in {self.folder}", flush=True)
        subprocess.run([sys.executable, str(CHAT), str(database), "--writers", "0", "--seconds",
                        "0.01"], check=True, stdout=subprocess.DEVNULL)
        self.start_application(database)
        for node in self.nodes:
            node.start()

    def start_application(self, *databases: pathlib.Path) -> None:
        with open(self.folder / "chat.log", "wb") as log:
            self.application = subprocess.Popen(
                [sys.executable, str(CHAT), *map(str, databases)], stdout=log, stderr=log,
                preexec_fn=None if self.keep else die_with_parent, start_new_session=True)

    def kill_application(self) -> None:
        """kill -9, its writers too."""
        os.killpg(self.application.pid, signal.SIGKILL)
        self.application.wait()

    def stop(self) -> None:
        """Ends whatever still runs, whatever went wrong; a second Ctrl-C does not cut it short."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self.application is not None and self.application.poll() is None:
            self.application.terminate()
            try:
                self.application.wait(5)
            except subprocess.TimeoutExpired:
                self.kill_application()
        for node in self.nodes:
            node.kill()

    def look(self) -> None:
        for node, row in zip(self.nodes, self.rows):
            gone = self.gone.get(node)
            if not gone and not node.is_running():
                raise node.failure(f"ended with exit code {node.exit_code}")
            row.update(None if gone else node.status(), gone)
        self.screen.draw()

    def play_until(self, second: float) -> None:
        while self.screen.elapsed() < second * self.pace:
            started_at = time.monotonic()
            self.look()
            time.sleep(max(0.0, DRAW_SECONDS - (time.monotonic() - started_at)))

    def play_first_act(self) -> None:
        self.begin_act(STOP_AT, "one primary, two standbys, an application that writes")
        self.screen.tell("The application writes to node-1; the standbys fetch the database.")
        victim = self.nodes[2]
        self.play_until(KILL_AT)
        victim.kill()
        self.gone[victim] = "killed"
        self.screen.tell(f"{victim.name} was killed (kill -9). The application notices nothing.")
        self.play_until(RETURN_AT)
        victim.start()
        del self.gone[victim]
        self.screen.tell(f"{victim.name} is back and asks for what it missed.")
        self.play_until(STOP_AT)

    def play_second_act(self) -> tuple[int, int]:
        """Returns the last seq that a standby had when the primary was lost, and the primary's own."""
        old, new = self.nodes[0], self.nodes[1]
        self.begin_act(END_AT, "second act: the primary is lost")
        self.screen.tell("The application writes to node-1 again; it knows all three files.")
        self.start_application(*(node.database for node in self.nodes))
        self.play_until(LOSE_AT)
        lost_files = self.lose(old)
        had = max(node.seq() for node in self.nodes[1:])
        self.screen.tell("node-1's machine is lost: publisher, application, files. One command:")
        self.look()
        self.start_application(*(node.database for node in self.nodes))  # on another machine
        self.promote(new)
        self.play_until(BACK_AT)
        lost_files.rename(old.database.parent)
        old_had = old.seq()
        old.start()
        del self.gone[old]
        self.screen.tell("node-1 is back. It sees the newer epoch, and follows node-2.")
        self.play_until(END_AT)
        return had, old_had

    def lose(self, node: Node) -> pathlib.Path:
        """Its processes die, its files are out of reach; returns where they are."""
        self.kill_application()
        node.kill()
        self.gone[node] = "lost"
        return node.database.parent.rename(self.folder / "lost")

    def promote(self, node: Node) -> None:
        begun = time.monotonic()
        answer = node.run("promote")
        took = time.monotonic() - begun
        if answer.returncode != 0:
            raise node.failure(f"promote: {answer.stdout}{answer.stderr}")
        self.screen.leader = self.rows[self.nodes.index(node)]
        self.screen.tell(f"understudy promote: {node.name} leads after {took * 1000:.0f} ms; the "
                         "application found it.")

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
            at_rest = all(row.state in ("publishing", "streaming") for row in self.rows)
            settled = settled + 1 if at_rest and len(set(seqs)) == 1 and seqs == last else 0
            last = seqs
            if time.monotonic() > deadline:
                raise NodeFailed(f"not at one seq within {CONVERGE_SECONDS} s: {seqs}")
            time.sleep(0.1)
        return last[0]


def close_act(demo: Demo) -> list[str]:
    """Brings all to rest and proves that they are equal; returns what is wrong, in words."""
    demo.screen.tell("The application stops; the standbys come to rest.")
    report = demo.stop_application()
    seq = demo.converge()
    demo.screen.tell(f"All three are at seq {seq:,}.")
    demo.screen.draw()
    demo.screen.finish()
    wrong = prove_equal(demo.nodes, demo.screen)
    print(f"  Application: {report.splitlines()[-1]}\n")
    return wrong


def conclude(demo: Demo, wrong: list[str]) -> int:
    for fault in wrong:
        print(f"  WRONG: {fault}")
    if not wrong:
        print("  " + demo.screen.paint(GREEN, "all three files are equal"), flush=True)
    return 1 if wrong else 0


def play(demo: Demo) -> int:
    demo.start()
    demo.play_first_act()
    if conclude(demo, close_act(demo)) != 0:
        return 1
    had, old_had = demo.play_second_act()
    if demo.keep:
        leave_running(demo)
        return 0
    wrong = close_act(demo)
    wrong += prove_takeover(demo.nodes[1], demo.nodes[0], had, old_had)
    wrong += [f"{node.name}: ended with exit code {node.exit_code}"
              for node in demo.nodes if node.stop() != 0]
    print()
    return conclude(demo, wrong)


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
    print(f"    sqlite3 {demo.nodes[2].database} 'SELECT count(*) FROM messages'")
    print(f"    tail -f {demo.nodes[1].log_path}")
    print(f"  Stop it and remove its files:\n    {stop}", flush=True)


def run(options: argparse.Namespace, folder: pathlib.Path) -> int:
    demo = Demo(os.path.abspath(options.understudy), folder, options.keep, options.pace)
    keep_running = False
    try:
        code = play(demo)
        keep_running = options.keep and code == 0
        return code
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
