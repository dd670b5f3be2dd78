"""Archives: all nodes are gone, and what their archive holds brings back any moment, as SQLite says. Killed
at every step, with a disk that is full or away, shared by nodes, through takeovers, damaged, and trimmed.
"""

import json
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from archives import (archive, copy_database, expect_archived, expect_restored, expect_whole,  # noqa: E402
                      no_partials, run, utc)
from cluster import Peers, tokens_in  # noqa: E402
from diary import create, describe, write_diary  # noqa: E402
from harness import (Cluster, count, expect, let_run, rounds, run_scenarios,  # noqa: E402
                     wait_until)
from filesystems import SmallDisk  # noqa: E402

COPYING = ("archive_claimed", "segment_written", "segment_synced", "segment_named", "archive_snapshot_copied",
           "archive_snapshot_proved", "archive_snapshot_named")
TRIMMING = ("archive_snapshot_removed", "segment_removed")


class Archived:
    """A diary, its node, which runs, and an empty folder for an archive."""

    def __init__(self, program, cluster, chance, commits: int, *options: str):
        create(cluster)
        self.folder = cluster.folder / "archive"
        self.folder.mkdir()
        self.publisher = cluster.publish("--snapshot-every", "off", *options)
        self.diary, self.first = write_diary(cluster, chance, self.publisher, commits)
        self.diary.connection.close()
        self.commits = commits


def all_nodes_are_gone(program, chance):
    with Cluster(program) as cluster:
        folder = cluster.folder / "archive"
        folder.mkdir()
        commits = rounds(120, 1000)
        create(cluster)
        before = cluster.folder / "before.db"
        publisher = cluster.publish("--snapshot-every", "off", "--archive", str(folder), "--archive-every", "300ms")
        publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
        publisher.stop()
        copy_database(cluster.database, before)
        publisher.start()

        def wait_until_archived(seq: int) -> None:
            wait_until(f"record {seq} is archived",
                       lambda: (publisher.status()["archive"] or {}).get("last_seq") == seq, 30, publisher)

        diary, first = write_diary(cluster, chance, publisher, commits, wait_until_archived)
        wait_until_archived(first + commits)
        status = publisher.status()
        expect(status["archive"]["behind_transactions"] == 0 and status["archive"]["last_error"] is None,
               f"{status['archive']}")
        diary.connection.close()
        publisher.kill()
        shutil.rmtree(f"{cluster.database}-understudy")
        for left in cluster.folder.glob("primary.db*"):
            left.unlink()
        no_partials(folder)
        segments = list((folder / "segments").iterdir())
        expect(len(segments) >= commits // 20, f"it was to be one at each mark, or more: {segments}")
        count("segments", len(segments))
        expect_whole(program, folder)
        for number in [*chance.sample(range(commits), rounds(12, 200)), commits]:
            expect_restored(program, diary, first, number, folder)
        for number, moment in diary.times:
            expect_restored(program, diary, first, number, folder, "--to-time", utc(moment))
        expect_restored(program, diary, first, commits, folder, "--log", folder)
        replay_from(program, diary, first, before, folder, chance.randrange(1, commits))
        look_into(program, folder, first, commits)
        refusals(program, cluster, folder)


def replay_from(program, diary, first, before: pathlib.Path, folder, number: int) -> None:
    """A copy from before goes on by the archive's records."""
    done = run(program, "replay", before, "--log", folder, "--to-seq", first + number)
    expect(done.returncode == 0, f"replay: {done.stderr}")
    connection = sqlite3.connect(before)
    expect(describe(connection) == diary.states[number], f"replayed to commit {number}: SQLite says something else")
    connection.close()


def look_into(program, folder: pathlib.Path, first: int, commits: int) -> None:
    done = run(program, "log", folder, "--json")
    listed = [json.loads(line)["seq"] for line in done.stdout.splitlines()]
    expect(listed == list(range(first + commits - 19, first + commits + 1)), f"the last 20: {listed} {done.stderr}")
    done = run(program, "log", folder, "--json", "--from", first + 3, "--to", first + 5)
    expect([json.loads(line)["seq"] for line in done.stdout.splitlines()] == [first + 3, first + 4, first + 5], done.stdout)
    done = run(program, "log", folder, "show", first + 1, "--json")
    expect(done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["seq"] == first + 1, done.stdout)
    done = run(program, "log", folder, "stats", "--json")
    expect(json.loads(done.stdout)["total"]["records"] == first + commits, done.stdout)


def refusals(program, cluster, folder: pathlib.Path) -> None:
    def refused(code: int, says: str, *arguments) -> None:
        done = run(program, *arguments)
        expect(done.returncode == code and says in done.stderr,
               f"{arguments}: exit code {done.returncode}, {done.stderr!r}; expected {code}, {says!r}")
        count("archives refused", 1)

    output = cluster.folder / "never.db"
    empty = cluster.folder / "empty"
    empty.mkdir()
    refused(2, "nor an archive", "restore", "--log", empty, "--output", output)
    refused(2, "there is no record 999999", "restore", "--log", folder, "--output", output, "--to-seq", 999999)
    refused(2, "is before what the sources have", "restore", "--log", folder, "--output", output,
            "--to-time", "2001-01-01T00:00:00Z")
    other = cluster.folder / "other.db"
    cluster.execute("PRAGMA journal_mode = WAL; CREATE TABLE tick(n); INSERT INTO tick VALUES (0)", other)
    cluster.database = other
    publisher = cluster.publish()
    publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
    refused(2, "another database", "archive", other, "--to", folder, "--once")
    refused(2, "make it first", "archive", other, "--to", cluster.folder / "nowhere", "--once")
    (empty / "letter").write_text("dear")
    refused(2, "is no archive", "archive", other, "--to", empty, "--once")
    refused(2, "two different databases", "restore", "--log", folder, "--log", f"{other}-understudy",
            "--output", output)
    expect(not output.exists(), "something was made")


def killed_at_each_step(program, chance):
    """Of the command beside a node that runs, and of a node with --archive at random instants."""
    with Cluster(program) as cluster:
        made = Archived(program, cluster, chance, 30)
        folder = made.folder
        for step in COPYING:
            shutil.rmtree(folder)
            folder.mkdir()
            done = archive(program, cluster.database, folder, environment={"UNDERSTUDY_DIE_AT": step})
            expect(done.returncode < 0, f"{step}: it did not die: {done.stdout}{done.stderr}")
            for path in (folder / "segments").glob("*.segment"):
                expect(path.stat().st_size > 0, f"{step}: an empty segment")
            expect_archived(program, cluster.database, folder)
            no_partials(folder)
            expect_whole(program, folder)
            expect_restored(program, made.diary, made.first, chance.randrange(31), folder)
            count("kill -9 at a step of an archive", 1)
        made.publisher.arguments += ["--archive", str(folder), "--archive-every", "50ms"]
        made.publisher.kill()
        shutil.rmtree(folder)
        folder.mkdir()
        for _ in range(rounds(6, 60)):
            made.publisher.start()
            writer = sqlite3.connect(cluster.database, isolation_level=None)
            for _ in range(5):
                writer.execute("UPDATE tick SET n = n + 1")
                let_run(chance, 0.0, 0.1)
            writer.close()
            made.publisher.kill()
            count("kill -9 of a node that archives", 1)
        expect_archived(program, cluster.database, folder)
        no_partials(folder)
        expect_whole(program, folder)
        expect_restored(program, made.diary, made.first, chance.randrange(31), folder)


def trimmed(program, chance):
    """What is before the newest snapshot that is old enough goes, killed at each step; the rest restores."""
    with Cluster(program) as cluster:
        made = Archived(program, cluster, chance, 40, "--archive", str(cluster.folder / "archive"),
                        "--archive-every", "20ms")
        folder = made.folder
        made.publisher.stop()
        expect_archived(program, cluster.database, folder)
        expect(len(list((folder / "snapshots").iterdir())) >= 2, "there are to be two snapshots")
        kept = made.folder.with_name("kept")
        for step in (*TRIMMING, None):
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(folder, kept)
            if step:
                done = archive(program, cluster.database, kept, "--archive-keep", "1ms",
                               environment={"UNDERSTUDY_DIE_AT": step})
                expect(done.returncode < 0, f"{step}: it did not die: {done.stdout}{done.stderr}")
                expect_restored(program, made.diary, made.first, 40, kept)
                count("kill -9 at a step of an archive", 1)
            expect_archived(program, cluster.database, kept, "--archive-keep", "1ms")
            left = sorted(path.name for path in (kept / "snapshots").iterdir())
            expect(len(left) == 1, f"{step}: one snapshot is enough: {left}")
            expect_whole(program, kept)
            expect_restored(program, made.diary, made.first, 40, kept)
        shutil.rmtree(kept)
        shutil.copytree(folder, kept)
        expect_archived(program, cluster.database, kept, "--archive-keep", "1h")
        expect(sorted(path.name for path in kept.rglob("*")) == sorted(path.name for path in folder.rglob("*")),
               "nothing is older than an hour")


def damage(program, chance):
    """Random bits, cuts and lost files: found, and the records named."""
    with Cluster(program) as cluster:
        made = Archived(program, cluster, chance, 10)
        expect_archived(program, cluster.database, made.folder)
        connection = sqlite3.connect(cluster.database, isolation_level=None)
        for number in range(3):
            connection.execute("UPDATE tick SET n = n + 1")
            wait_until("it is recorded",
                       lambda: made.publisher.status()["backend"]["last_seq"] == made.first + 11 + number)
            expect_archived(program, cluster.database, made.folder)
        connection.close()
        made.publisher.stop()
        expect_whole(program, made.folder)
        damaged = made.folder.with_name("damaged")
        for _ in range(rounds(40, 1000)):
            shutil.rmtree(damaged, ignore_errors=True)
            shutil.copytree(made.folder, damaged)
            path = chance.choice([path for path in sorted(damaged.rglob("*")) if path.is_file()])
            content = bytearray(path.read_bytes())
            how = chance.choice(("bit", "bit", "cut", "more"))
            if how == "bit":
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            elif how == "cut":
                del content[chance.randrange(len(content)):]
            else:
                content += b"\0"
            path.write_bytes(content)
            done = run(program, "log", damaged, "check")
            expect(done.returncode in (2, 4), f"{how} in {path.name} was not found: {done.stdout}")
            expect(path.name in done.stdout + done.stderr, f"{how} in {path.name}: {done.stdout}{done.stderr}")
            count("damages of archives found", 1)
        segments = sorted((made.folder / "segments").glob("*.segment"))
        middle = segments[len(segments) // 2]
        middle.unlink()
        done = run(program, "log", made.folder, "check")
        begins, ends = (int(number) for number in middle.name.split("-")[:2])
        expect(done.returncode == 4 and re.search(rf"MISSING +records? {begins}\b", done.stdout),
               f"records {begins} to {ends} are missing: {done.stdout}{done.stderr}")


def a_disk_that_is_away(program, chance):
    """Not there at the start, there, away, back: the node says so and goes on; nothing is missing in the end."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        folder = cluster.folder / "mount" / "archive"
        publisher = cluster.publish("--archive", str(folder), "--archive-every", "100ms")

        def is_told(text: str) -> bool:
            return any(text in warning for warning in (publisher.status() or {}).get("warnings", []))

        wait_until("it says that there is no archive", lambda: is_told("there is no folder"), 30, publisher)
        folder.mkdir(parents=True)
        cluster.write_some(20)
        wait_until("all is archived", lambda: publisher.status()["archive"]["behind_transactions"] == 0, 30, publisher)
        away = folder.with_name("away")
        folder.rename(away)
        folder.mkdir()
        cluster.write_some(20)
        wait_until("it says that the archive is away", lambda: is_told("any more"), 30, publisher)
        expect(not list(folder.iterdir()), "an empty mount point was written to")
        folder.rmdir()
        away.rename(folder)
        wait_until("all is archived", lambda: publisher.status()["archive"]["behind_transactions"] == 0 and
                   publisher.status()["archive"]["last_error"] is None, 40, publisher)
        expect("archive_failed" in publisher.log_text() and "archive_again" in publisher.log_text(), "not in the log")
        expect(publisher.stop() == 0, "it does not end cleanly")
        expect_whole(program, folder)


def a_full_disk(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        with SmallDisk(cluster.folder / "there", "8m") as disk:
            folder = disk.folder / "archive"
            folder.mkdir()
            disk.fill()
            publisher = cluster.publish("--archive", str(folder), "--archive-every", "100ms")
            for _ in range(rounds(2, 10)):  # at the very beginning, and in the midst
                cluster.write_some(50)
                wait_until("it says that the disk is full", lambda: any(
                    "nothing is archived" in text for text in (publisher.status() or {}).get("warnings", [])), 30,
                    publisher)
                cluster.write_some(50)
                disk.free()
                wait_until("all is archived", lambda: publisher.status()["archive"]["behind_transactions"] == 0 and
                           publisher.status()["archive"]["last_error"] is None, 40, publisher)
                no_partials(folder)
                expect_whole(program, folder)
                disk.fill()
                count("full disks", 1)
            publisher.kill()


def followed(program, chance):
    """`log --follow` of an archive shows what comes, in order, each once."""
    with Cluster(program) as cluster:
        create(cluster)
        folder = cluster.folder / "archive"
        folder.mkdir()
        publisher = cluster.publish("--archive", str(folder), "--archive-every", "50ms")
        publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
        connection = sqlite3.connect(cluster.database, isolation_level=None)
        connection.execute("UPDATE tick SET n = n + 1")
        wait_until("it is archived", lambda: (publisher.status()["archive"] or {}).get("last_seq"), 30, publisher)
        following = subprocess.Popen([program, "log", str(folder), "--follow", "--json"],
                                     stdout=subprocess.PIPE, text=True)
        try:
            seen = [json.loads(following.stdout.readline())["seq"]]
            for _ in range(6):
                connection.execute("UPDATE tick SET n = n + 1")
                let_run(chance, 0.0, 0.2)
            seen += [json.loads(following.stdout.readline())["seq"] for _ in range(6)]
            expect(seen == list(range(seen[0], seen[0] + 7)), f"followed: {seen}")
            following.send_signal(signal.SIGINT)
            expect(following.wait(10) == 0, "--follow does not end cleanly")
        finally:
            following.kill()
            connection.close()
        count("records followed", 6)


def nodes_and_takeovers(program, chance):
    """Three nodes share an archive; primaries change, one is killed and comes back with what it alone had. Then
    all of them are gone, and what the last primary had is restored."""
    with Peers(program) as peers:
        folder = peers.folder / "archive"
        folder.mkdir()
        peers.start("--archive", str(folder), "--archive-every", "200ms")
        leader = "a"
        for follower in ("b", "c"):
            peers.write_rows(leader, 30)
            peers.wait_until_settled(leader)
            done = peers[leader].run("snapshot")
            expect(done.returncode == 0, done.stderr)
            if follower == "b":
                peers[leader].kill()
                peers.promote(follower)
            else:
                peers.switch_over(follower)
            peers.wait_for_leader(follower)
            peers.write_rows(follower, 30)
            leader = follower
        peers["a"].start()
        peers.expect_all_equal(leader)
        acknowledged = {row.token for row in peers.acknowledged()}
        kept = tokens_in(peers[leader].database)
        last = peers[leader].status()["seq"]
        for node in peers.nodes:
            expect(node.stop() == 0, f"{node.name} does not end cleanly: {node.exit_code}")
        for name in ("a", "b", "c"):
            shutil.rmtree(peers.folder / name)
        checked = run(program, "log", folder, "check")
        expect(checked.returncode == 0, f"{checked.stdout}{checked.stderr}")
        output = peers.folder / "restored.db"
        done = run(program, "restore", "--log", folder, "--output", output)
        expect(done.returncode == 0, f"{done.stdout}{done.stderr}")
        expect(done.stdout.split("/")[:2] == ["3", str(last)], f"it is not the last state, {last}: {done.stdout}")
        restored = tokens_in(output)
        expect(restored == kept, f"{len(kept - restored)} rows are missing, {len(restored - kept)} too many")
        count("acknowledged rows restored", len(acknowledged & restored))


if __name__ == "__main__":
    run_scenarios(all_nodes_are_gone, killed_at_each_step, trimmed, damage, a_disk_that_is_away, a_full_disk,
                  followed, nodes_and_takeovers)
