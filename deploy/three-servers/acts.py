"""The acts of the story. Each does something to the machines, waits for what must follow, and says it in a line."""

import json
import pathlib
import re
import subprocess
import sys
import time

from hosts import CHAT, HTTP_PORT, SERVERS, STREAM_PORT, Balancer, Networks, Server

import equality  # noqa: E402  (hosts makes these found)
from etcd import Etcd  # noqa: E402
from harness import count, expect, wait_until  # noqa: E402
from nodes import die_with_parent  # noqa: E402

VISITORS = pathlib.Path(__file__).resolve().with_name("visitors.py")


def say(text: str) -> None:
    print(f"   {text}", flush=True)


class Story:
    """A context manager: whatever happens, nothing runs on afterwards."""

    def __init__(self, networks: Networks, folder: pathlib.Path, program: str, extension: str):
        self._networks = networks
        self._folder = folder
        self._program = program
        self._servers = {name: Server(name, networks, folder, program, extension) for name in SERVERS}
        self._balancer = Balancer(networks, folder)
        self._etcd = Etcd(folder, places=[(networks.host(name), networks.launcher(name)) for name in SERVERS])
        for server, member in zip(self._servers.values(), self._etcd.members):
            server.member = member
            # As deploy/etcd/etcd has it: without, it is full in time.
            member.arguments += ["--auto-compaction-retention", "1", "--quota-backend-bytes", str(2 << 30)]
        self._journal = folder / "acknowledged"
        self._visitors: subprocess.Popen | None = None
        self._began = time.monotonic()

    def __enter__(self) -> "Story":
        self._etcd.__enter__()
        return self

    def __exit__(self, *_) -> None:
        if self._visitors is not None and self._visitors.poll() is None:
            self._visitors.kill()
            self._visitors.wait()
        for server in self._servers.values():
            server.kill()
        self._balancer.kill()
        self._etcd.__exit__()

    def __getitem__(self, name: str) -> Server:
        return self._servers[name]

    def _act(self, title: str) -> None:
        print(f"\n{time.monotonic() - self._began:4.0f} s  {title}", flush=True)

    # --- the acts ---

    def set_the_stage(self) -> None:
        self._act("Three servers, a load balancer, and visitors who know only the balancer")
        subprocess.run([sys.executable, str(CHAT), str(self["db1"].database), "--create"], check=True)
        self._configure()
        for server in self._servers.values():
            server.start_node()
        for name in ("db2", "db3"):
            self[name].node.wait_for_state("streaming")
        for server in self._servers.values():
            server.start_chat()
        self._balancer.start()
        self._wait_for_balancer("db1", {"db2", "db3"})
        self._wait_until_on_record()
        say("db1 leads, db2 and db3 follow. A message is acknowledged when a standby has it on disk, too (sync = 1);")
        say("all that goes between the servers is encrypted, and each knows the keys of the others.")
        self._visitors = subprocess.Popen(
            [*self._networks.launcher("client"), sys.executable, str(VISITORS), self._balancer.address, "--journal",
             str(self._journal)], stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self._wait_for_messages(100)
        say("Four visitors write, and read back what they wrote, wherever the balancer sends them.")

    def read_in_turn(self) -> None:
        self._act("Reads go round the standbys; what never changes comes out of the balancer's cache")
        before = self._balancer.requests("standbys")
        served = {self._ask(f"/messages?after={number}&limit=1")[1] for number in range(20)}
        self._wait_for_messages(20)
        after = self._balancer.requests("standbys")
        given = {name: after[name] - before[name] for name in SERVERS}
        expect(served == {"db2", "db3"}, f"20 reads were served by {served}")
        expect(given["db1"] == 0, "the primary was given reads while standbys were fresh")
        expect(abs(given["db2"] - given["db3"]) <= max(given.values()) // 2, f"the standbys' shares: {given}")
        say(f"Of the reads meanwhile db2 had {given['db2']} and db3 {given['db3']}; the primary is left to write.")
        self._check_cache()

    def standby_falls_behind(self) -> None:
        self._act("db3 no longer hears of the others, though the balancer reaches it: it falls behind")
        self["db3"].cut_off("db1", "db2")
        wait_until("the balancer takes db3 out", lambda: self._balancer.servers_up("standbys") == {"db2"}, 20)
        say("It lags by more than 3 seconds, says so, and gets no more reads. Writing goes on: db2 confirms.")
        self._wait_for_messages(50)
        self._networks.heal()
        self._wait_for_balancer("db1", {"db2", "db3"})
        say("The cable is back; db3 caught up and reads again.")

    def primary_dies(self) -> None:
        """And nobody is awake."""
        name = self._leader()
        self._act(f"{name}'s machine dies: all its processes at once, its member of etcd too, and its cable")
        self[name].die()
        died_at = time.monotonic()
        wait_until("the balancer misses it", lambda: name not in self._balancer.servers_up("primary"), 20)
        say("The balancer misses it. Visitors are told 503 until another one leads, and ask again.")
        heir = self._leader()
        self._wait_for_balancer(heir, set(SERVERS) - {name, heir})
        self._wait_for_messages(50)
        say(f"By itself {heir} takes the writes; the first one {self._pause_around(died_at):.1f} s after the last.")
        self._dead = name

    def dead_one_returns(self) -> None:
        name = self._dead
        self._act(f"{name} comes back")
        self._networks.heal()
        self[name].power_on()
        self[name].node.wait_until("it follows", lambda status: status["role"] == "standby"
                                   and status["state"] == "streaming")
        self[name].start_chat()
        leader = self._leader()
        self._wait_for_balancer(leader, set(SERVERS) - {leader})
        say(f"It learned that {leader} leads, and follows. The balancer sends it reads again.")
        orphans = re.search(r"(\d+ transactions?)", self[name].node.run("orphans").stdout)
        say(f"{orphans.group(1)} that only it had, and that nobody was told to be safe: "
            "kept as orphans." if orphans else "It had nothing that the others had not.")
        self._wait_until_on_record()

    def upgrade_one_at_a_time(self) -> None:
        self._act("An upgrade: every server is restarted, one after the other, the primary last")
        leader = self._leader()
        for name in [name for name in SERVERS if name != leader]:
            self._restart(name)
            self._wait_for_balancer(leader, set(SERVERS) - {leader})
        say("Both standbys were restarted; nobody noticed.")
        successor = next(name for name in SERVERS if name != leader)
        answer = self[successor].node.run("switchover", "--to", successor)
        expect(answer.returncode == 0, f"switchover to {successor}: {answer.stdout}{answer.stderr}")
        switched_at = time.monotonic()
        self._wait_for_balancer(successor, set(SERVERS) - {successor})
        self._wait_for_messages(50)
        say(f"understudy switchover --to {successor}: writes paused for {self._pause_around(switched_at):.1f} s.")
        self._restart(leader)
        self._wait_for_balancer(successor, set(SERVERS) - {successor})
        say(f"{leader} was restarted as a standby.")

    def count_the_messages(self) -> None:
        self._act("The visitors leave. Is every message there that they were told to be safe?")
        self._visitors.terminate()
        output, _ = self._visitors.communicate(timeout=60)
        expect(self._visitors.returncode == 0, "a visitor read other than the position promised")
        counts = {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", output)}
        leader = self._leader()
        self._wait_until_settled(leader)
        acknowledged = self._acknowledged()
        kept = {server.name: set(equality.run_sqlite(server.database, "SELECT token FROM messages").split())
                for server in self._servers.values()}
        kept["the balancer"] = self._tokens_over_http()
        for where, there in kept.items():
            missing = acknowledged - there
            expect(not missing, f"{where} misses {len(missing)} acknowledged messages: {sorted(missing)[:3]}")
            expect({"never posted"} - there, f"{where} shows what nobody posted: this proof finds nothing missing")
        found = equality.differences({name: equality.prove(server.database) for name, server in self._servers.items()})
        expect(not found, "; ".join(found))
        expect(len(acknowledged) == counts["acknowledged"], "the journal and the visitors differ")
        say(f"{len(acknowledged)} acknowledged, 0 missing: on all three by the sqlite3 program, and over HTTP.")
        say(f"{counts['read_back']} were read back by position, each from the server that the balancer chose: "
            + ", ".join(f"{name} {counts.get('served_by_' + name, 0)}" for name in SERVERS) + ".")
        say("The three files are equal, byte for byte.")
        count("acknowledged messages of the story, none lost", len(acknowledged))
        count("messages of the story read back by position", counts["read_back"])

    # --- the pieces ---

    def _make_keys(self) -> pathlib.Path:
        """A key for each node; returns the list of all public ones, which is the same file on each server."""
        entries = []
        for name, server in self._servers.items():
            said = subprocess.run([self._program, "keygen", "--node", name, "--output", str(server.folder / "node.key")],
                                  capture_output=True, text=True, check=True).stdout
            entry = said[said.index("[[peer]]"):]
            entries.append(entry.replace("tcp://HOST:7600", f"tcp://{server.host}:{STREAM_PORT}"))
        peers = self._folder / "peers.toml"
        peers.write_text("\n".join(entries))
        return peers

    def _configure(self) -> None:
        peer_keys = self._make_keys()
        peers = ", ".join(f'"tcp://{server.host}:{STREAM_PORT}"' for server in self._servers.values())
        for name, server in self._servers.items():
            server.configure(
                f'[defaults]\nnode = "{name}"\npeers = [{peers}]\nlisten = "tcp://{server.host}:{STREAM_PORT}"\n'
                f'http = "{server.host}:{HTTP_PORT}"\nsync = 1\nsync-timeout = "5s"\n'
                f'key-file = "{server.folder / "node.key"}"\npeer-keys = "{peer_keys}"\n'
                f'lease = "{self._etcd.url}"\nlease-ttl = "5s"\n'
                f'\n[[database]]\npath = "{server.database}"\nrole = "{"publish" if name == "db1" else "subscribe"}"\n')

    def _restart(self, name: str) -> None:
        self[name].stop()
        self[name].start_node()
        self[name].node.wait_until("it follows", lambda status: status["state"] == "streaming")
        self[name].start_chat()

    def _wait_until_on_record(self) -> None:
        """All three are known as those that may lead, and one of them as who has every message."""
        wait_until("etcd has all on record", lambda: self._is_on_record(self._etcd.record()), 30)

    @staticmethod
    def _is_on_record(record: dict | None) -> bool:
        if not record or set(record["members"]) != set(SERVERS):
            return False
        return bool(set((record["sync"] or {}).get("members", [])) - {record["node"]})

    def _leader(self) -> str:
        wait_until("the balancer knows one primary", lambda: len(self._balancer.servers_up("primary")) == 1, 30)
        return next(iter(self._balancer.servers_up("primary")))

    def _wait_for_balancer(self, primary: str, standbys: set[str]) -> None:
        wait_until(f"the balancer writes to {primary} and reads from {sorted(standbys)}",
                   lambda: self._balancer.servers_up("primary") == {primary}
                   and self._balancer.servers_up("standbys") == standbys, 30)

    def _wait_until_settled(self, leader: str) -> None:
        nodes = [server.node for server in self._servers.values()]
        wait_until("all are where the primary is", lambda: len({node.seq() for node in nodes}) == 1, 30)
        expect(self[leader].node.seq() > 0, "nothing was written")

    def _check_cache(self) -> None:
        token = sorted(self._acknowledged())[0]
        before = sum(self._balancer.requests("standbys").values())
        first = self._ask(f"/messages/{token}")
        again = [self._ask(f"/messages/{token}") for _ in range(10)]
        expect(all(text == first[2] for _, _, text in again), "the cache answers something else")
        ages = [headers for headers, _, _ in again if "age" in headers]
        expect(len(ages) == 10, f"only {len(ages)} of 10 answers came from the cache")
        say("A message asked for eleven times was read once; ten answers came from the cache.")
        expect(sum(self._balancer.requests("standbys").values()) >= before, "the counters of the balancer ran back")

    def _ask(self, path: str) -> tuple[dict[str, str], str, str]:
        """GET over the balancer, from the visitors' machine: headers, who served it, body."""
        answer = subprocess.run(
            [*self._networks.launcher("client"), "curl", "-sS", "-i", "--max-time", "10",
             f"http://{self._balancer.address}{path}"], capture_output=True, text=True, check=True)
        head, _, body = answer.stdout.replace("\r\n", "\n").partition("\n\n")
        status, *lines = head.split("\n")
        expect(" 200" in status, f"GET {path}: {status}")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return headers, headers.get("x-served-by", ""), body

    def _tokens_over_http(self) -> set[str]:
        tokens: set[str] = set()
        after = 0
        while True:
            found = json.loads(self._ask(f"/messages?after={after}&limit=1000")[2])["messages"]
            if not found:
                return tokens
            tokens |= {message["token"] for message in found}
            after = found[-1]["id"]

    def _journal_rows(self) -> list[tuple[str, float, str]]:
        if not self._journal.exists():
            return []
        rows = [line.split("\t") for line in self._journal.read_text().splitlines(keepends=True)
                if line.endswith("\n")]
        return [(token, float(at), server.strip()) for token, at, server in rows]

    def _acknowledged(self) -> set[str]:
        return {token for token, _, _ in self._journal_rows()}

    def _wait_for_messages(self, more: int) -> None:
        before = len(self._journal_rows())
        wait_until(f"{more} more messages are acknowledged", lambda: len(self._journal_rows()) >= before + more
                   or self._visitors.poll() is not None, 30)
        expect(self._visitors.poll() is None, "the visitors ended by themselves")

    def _pause_around(self, moment: float) -> float:
        """How long nobody was acknowledged, around a moment of this machine's clock."""
        times = sorted(at for _, at, _ in self._journal_rows())
        before = max((at for at in times if at <= moment), default=moment)
        after = [at for at in times if at > moment]
        gaps = [later - sooner for sooner, later in zip([before, *after], after)]
        return max(gaps, default=0.0)
