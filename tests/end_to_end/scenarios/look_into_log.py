"""`understudy log`: what it shows is what the application did; damage is found wherever it is, and named."""

import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from diary import create, write_diary  # noqa: E402
from harness import Cluster, count, expect, rounds, run_scenarios, wait_until  # noqa: E402


def log(program: str, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([program, "log", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def lines(program: str, *arguments) -> list[dict]:
    done = log(program, *arguments, "--json")
    expect(done.returncode == 0, f"{arguments}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def start(cluster):
    create(cluster)
    publisher = cluster.publish("--snapshot-every", "off")
    publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
    return publisher


def what_happened(program, chance):
    with Cluster(program) as cluster:
        publisher = start(cluster)
        first = publisher.status()["seq"]
        connection = sqlite3.connect(cluster.database, isolation_level=None)
        connection.execute("CREATE TABLE lonely(a)")
        connection.execute("INSERT INTO lonely VALUES (1)")
        connection.execute("INSERT INTO note VALUES (NULL, 'x')")
        connection.execute("INSERT INTO lonely VALUES (2)")
        wait_until("it is recorded", lambda: publisher.status()["seq"] == first + 4)
        listed = lines(program, cluster.database)
        expect([each["seq"] for each in listed] == list(range(first + 1, first + 5)), f"{listed}")
        tables = [set(each["tables"]) for each in listed]
        expect(tables[1] == tables[3] == {"lonely"}, f"the tables: {tables}")
        expect("note" in tables[2] and "by_text (index of note)" in tables[2], f"the tables: {tables}")
        expect([each["seq"] for each in lines(program, cluster.database, "--from", first + 2, "--to", first + 3)]
               == [first + 2, first + 3], "a range")
        *pages, record = lines(program, cluster.database, "show", first + 2)
        expect(len(pages) == record["pages"] and {page["table"] for page in pages} == {"lonely"}, f"{pages}")
        stats = lines(program, f"{cluster.database}-understudy", "stats")[0]
        expect(stats["total"]["records"] == 4 and sum(hour["records"] for hour in stats["hours"]) == 4, f"{stats}")
        lonely = next(each for each in stats["tables"] if each["table"] == "lonely")
        expect(lonely["records"] == 3, f"it was created, and changed twice: {lonely}")
        for says, *arguments in (("there is no record", "show", 999), ("the actions are", "frobnicate"),
                                 ("neither a record's number nor a time", "--from", "soon")):
            done = log(program, cluster.database, *arguments)
            expect(done.returncode == 2 and says in done.stderr, f"{arguments}: {done.stderr}")
        following = subprocess.Popen([program, "log", str(cluster.database), "--follow", "--json"],
                                     stdout=subprocess.PIPE, text=True)
        for number in range(4):
            following.stdout.readline()
        for number in range(3):
            connection.execute("INSERT INTO lonely VALUES (?)", (number,))
            seen = json.loads(following.stdout.readline())
            expect(seen["seq"] == first + 5 + number, f"followed: {seen}")
        following.send_signal(signal.SIGINT)
        expect(following.wait(10) == 0, "--follow does not end cleanly")
        connection.close()
        count("records shown", 4)


def damage(program, chance):
    with Cluster(program) as cluster:
        publisher = start(cluster)
        diary, first = write_diary(cluster, chance, publisher, 60)
        diary.connection.close()
        publisher.stop()
        folder = pathlib.Path(f"{cluster.database}-understudy")
        done = log(program, folder, "check")
        expect(done.returncode == 0 and "DAMAGED" not in done.stdout, f"a whole log: {done.stdout}{done.stderr}")
        good = cluster.folder / "good.db"
        shutil.copy(folder / "backend.db", good)
        for suffix in ("-wal", "-shm"):
            expect(not (folder / f"backend.db{suffix}").exists() or
                   (folder / f"backend.db{suffix}").stat().st_size == 0 or suffix == "-shm", "a WAL is left")
        damaged = cluster.folder / "damaged.db"
        columns = ("last_seq", "records", "sum_before", "sum_after", "epoch", "time_us")
        for _ in range(rounds(25, 500)):
            shutil.copy(good, damaged)
            connection = sqlite3.connect(damaged)
            row, begins, ends, blob = chance.choice(connection.execute(
                "SELECT id, first_seq, last_seq, payload FROM batch").fetchall())
            how = chance.choice(("bit", "bit", "cut", "column", "row"))
            if how == "bit":
                changed = bytearray(blob)
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
                connection.execute("UPDATE batch SET payload = ? WHERE id = ?", (bytes(changed), row))
            elif how == "cut":
                connection.execute("UPDATE batch SET payload = ? WHERE id = ?",
                                   (blob[:chance.randrange(len(blob))], row))
            elif how == "column":
                column = chance.choice(columns)
                connection.execute(f"UPDATE batch SET {column} = {column} + 1 WHERE id = ?", (row,))
            else:  # without its last row it would be a shorter log, and whole
                connection.execute("DELETE FROM batch WHERE id = (SELECT max(min(?, max(id) - 1), 1) FROM batch)",
                                   (row,))
            connection.commit()
            connection.close()
            done = log(program, damaged, "check", "--json")
            expect(done.returncode == 4, f"{how} in row {row} was not found: {done.stdout}{done.stderr}")
            count("damages found", 1)
            if how != "bit" or not done.stdout:
                continue
            named = json.loads(done.stdout.splitlines()[0])["damages"]
            expect(any(each["from"] <= ends and each["until"] >= begins for each in named),
                   f"records {begins} to {ends} are damaged, and it names {named}")
        snapshot = next((folder / "snapshots").glob("*.snapshot"))
        whole = snapshot.read_bytes()
        for _ in range(rounds(10, 300)):
            changed = bytearray(whole)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            snapshot.write_bytes(changed)
            done = log(program, snapshot, "check")
            expect(done.returncode in (2, 4), f"a flipped bit in a snapshot was not found: {done.stdout}")
            count("damaged snapshots found", 1)


if __name__ == "__main__":
    run_scenarios(what_happened, damage)
