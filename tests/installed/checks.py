"""What must hold of the Debian package as it is installed. Runs as root within a new system that systemd booted,
see tests/installed_package.sh; the order is that of a life: first use, service, faults, upgrade, removal.
"""

import json
import pathlib
import pwd
import re
import sqlite3
import subprocess
import sys
import time
import urllib.request

CONFIG = pathlib.Path("/etc/understudy/understudy.toml")
DATA = pathlib.Path("/var/lib/understudy")
CHAT = "/usr/share/doc/understudy/examples/chat/chat_service.py"
EXTENSION = "/usr/lib/understudy/understudy_commit.so"
SETTINGS = f"""
[[database]]
path = "{DATA}/chat.db"
node = "here"
role = "publish"
listen = "tcp://127.0.0.1:7600"

[[database]]
path = "{DATA}/standby.db"
node = "there"
role = "subscribe"
from = ["tcp://127.0.0.1:7600"]
"""
# What a purge leaves: data, its owner, and what dpkg, adduser and systemd keep of any package.
LEFT_BY_PURGE = re.compile(
    r"/var/lib/understudy(/|$)|/etc/understudy(/own\.toml)?$|/root/|/home/|/tmp|/run|/dev|/sys|/var/log/|/var/cache/|/var/lib/(dpkg|apt|systemd|dbus)/|/var/tmp/|"
    r"/var/mail|/var/spool|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/(machine-id|hostname|resolv\.conf|\.pwd\.lock|ld\.so\.cache)|"
    r".*/__pycache__|/etc/(systemd|apt)/")


def expect(condition, what: str) -> None:
    if not condition:
        raise SystemExit(f"FAILED: {what}")


def run(*command: str, check: bool = True, user: str = "") -> subprocess.CompletedProcess:
    whole = ["runuser", "-u", user, "--", *command] if user else list(command)
    answer = subprocess.run(whole, capture_output=True, text=True, check=False)
    expect(not check or answer.returncode == 0, f"{' '.join(command)}: {answer.stdout}{answer.stderr}")
    return answer


def wait_until(what: str, reached, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not reached():
        if time.monotonic() > deadline:
            print(run("journalctl", "--no-pager", "-n", "60", check=False).stdout)
        expect(time.monotonic() < deadline, f"not within {timeout} s: {what}")
        time.sleep(0.05)


def show(unit: str, what: str) -> str:
    return run("systemctl", "show", "-P", what, unit).stdout.strip()


def is_active(unit: str) -> bool:
    return run("systemctl", "is-active", unit, check=False).stdout.strip() == "active"


def post(token: str) -> int:
    body = json.dumps({"token": token, "room": "lobby", "author": "test", "body": token}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8080/messages", body), timeout=10) as answer:
            return answer.status
    except OSError:
        return 0


def tokens(database: pathlib.Path) -> list[str]:
    return run("sqlite3", "-readonly", str(database), "SELECT token FROM messages ORDER BY id").stdout.split()


def what_is_installed() -> None:
    expect("understudy 0." in run("understudy", "--version").stdout, "the program does not start")
    for page in ("understudy", "understudy.toml"):
        expect("/usr/share/man" in run("man", "-w", page).stdout, f"no manual page {page}")
    user = pwd.getpwnam("understudy")
    expect(user.pw_dir == str(DATA) and "nologin" in user.pw_shell, f"the system user: {user}")
    expect(DATA.stat().st_uid == user.pw_uid and DATA.stat().st_mode & 0o007 == 0, f"{DATA} is not the user's own")
    expect(CONFIG.stat().st_gid == user.pw_gid and CONFIG.stat().st_mode & 0o777 == 0o640, f"{CONFIG} is for all to read")
    expect(run("systemctl", "is-enabled", "understudy", check=False).stdout.strip() == "disabled",
           "the unit is enabled before a database is named")
    run("cp", "/usr/share/doc/understudy/examples/systemd/chat.service", "/etc/systemd/system/")
    run("systemctl", "daemon-reload")
    said = run("systemd-analyze", "verify", "understudy.service", "understudy@app.service", "chat.service")
    expect(not said.stderr.strip(), f"systemd-analyze verify: {said.stderr}")
    exposure = run("systemd-analyze", "security", "--no-pager", "understudy.service").stdout.strip().split("\n")[-1]
    print(f"    {exposure.lstrip('→ ')}")
    level = float(re.search(r"(\d+\.\d)", exposure).group(1))
    expect(level < 3.0, "the unit is not well confined")


def by_hand_as_root_and_as_ordinary_user() -> None:
    run("useradd", "--create-home", "newcomer")
    run_by_hand("newcomer", pathlib.Path("/home/newcomer"), 7700)
    run_by_hand("root", pathlib.Path("/root"), 7710)


def run_by_hand(user: str, folder: pathlib.Path, port: int) -> None:
    """The README's two commands, and the extension from its installed place."""
    database, standby = str(folder / "app.db"), str(folder / "standby.db")
    address = f"tcp://127.0.0.1:{port}"
    run("sqlite3", database, "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES (42);", user=user)
    nodes = [subprocess.Popen(["setpriv", "--reuid", user, "--regid", user, "--init-groups", "understudy", *words],
                              stderr=subprocess.DEVNULL)
             for words in (["publish", database, "--listen", address], ["subscribe", standby, "--from", address])]
    wait_until("the standby shows the row", lambda: run(
        "sqlite3", "-readonly", standby, "SELECT a FROM t", check=False, user=user).stdout.strip() == "42")
    positions = [run("understudy", "verify", path, user=user).stdout.strip() for path in (database, standby)]
    expect(re.search(r"\d+/\d+/\w+", positions[0]).group() in positions[1], f"positions: {positions}")
    loads = run("sqlite3", database, f".load {EXTENSION}", "SELECT understudy_replication()", user=user)
    expect('"primary"' in loads.stdout, f"the extension: {loads.stdout}{loads.stderr}")
    for node in nodes:
        node.terminate()
        expect(node.wait(30) == 0, f"a node of {user} did not end cleanly")


def start_the_service() -> None:
    run("python3", "-B", CHAT, f"{DATA}/chat.db", "--create", user="understudy")
    CONFIG.write_text(CONFIG.read_text() + SETTINGS)
    run("understudy", "check-config", str(CONFIG))
    run("systemctl", "enable", "--now", "understudy.service", "chat.service")
    expect(is_active("understudy"), "started, and not active")
    expect("position" in show("understudy", "StatusText") or "primary" in show("understudy", "StatusText"),
           f"StatusText: {show('understudy', 'StatusText')}")
    wait_until("the chat takes messages", lambda: post("first") == 201)
    wait_until("the standby has it", lambda: (DATA / "standby.db").exists() and tokens(DATA / "standby.db") == ["first"])
    with sqlite3.connect(DATA / "standby.db", timeout=0) as connection:
        try:
            connection.execute("DELETE FROM messages")
            expect(False, "a standby of the service took a write")
        except sqlite3.OperationalError:
            pass


def unit_of_one_database() -> None:
    """understudy@NAME reads NAME.toml; an upgrade restarts it as well (see upgrade_keeps_everything)."""
    run("sqlite3", f"{DATA}/own.db", "PRAGMA journal_mode=WAL; CREATE TABLE t(a);", user="understudy")
    CONFIG.with_name("own.toml").write_text(
        f'[[database]]\npath = "{DATA}/own.db"\nrole = "publish"\nlisten = "tcp://127.0.0.1:7620"\n')
    run("systemctl", "start", "understudy@own")
    expect(is_active("understudy@own") and "primary" in show("understudy@own", "StatusText"), "understudy@own does not run")


def reload_reads_the_file() -> None:
    guard = show("understudy", "MainPID")
    run("systemctl", "reload", "understudy")
    wait_until("the configuration is read again",
               lambda: "config_reread" in run("journalctl", "--no-pager", "-u", "understudy").stdout)
    expect(show("understudy", "MainPID") == guard, "a reload is no restart")


def application_does_not_outlive_its_guard() -> None:
    """kill -9 of the node: the chat is stopped, and both come back; what was committed between is on record."""
    for number in range(3):
        guard, chat = show("understudy", "MainPID"), show("chat", "MainPID")
        run("kill", "-9", guard)
        wait_until("the application is stopped", lambda: show("chat", "MainPID") != chat)
        wait_until("both are back", lambda: is_active("understudy") and is_active("chat")
                   and show("understudy", "MainPID") not in ("0", guard))
        wait_until("the chat takes messages", lambda number=number: post(f"after-kill-{number}") == 201)
    began = {unit: int(show(unit, "ActiveEnterTimestampMonotonic")) for unit in ("understudy", "chat")}
    expect(began["chat"] >= began["understudy"], "the application was started before its guard was ready")


def hung_node_is_ended() -> None:
    """SIGSTOP: all threads are there and none turns. systemd's watchdog ends it; the application goes with it."""
    folder = pathlib.Path("/etc/systemd/system/understudy.service.d")
    folder.mkdir(exist_ok=True)
    (folder / "quick.conf").write_text("[Service]\nWatchdogSec=4\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "understudy")
    wait_until("the chat is back", lambda: is_active("chat") and post("before-hang") == 201)
    guard, chat = show("understudy", "MainPID"), show("chat", "MainPID")
    run("kill", "-STOP", guard)
    wait_until("the watchdog ends it", lambda: show("understudy", "MainPID") != guard)
    expect("watchdog" in run("journalctl", "--no-pager", "-u", "understudy").stdout.lower(), "it was not the watchdog")
    wait_until("both are back", lambda: is_active("understudy") and is_active("chat")
               and show("chat", "MainPID") not in ("0", chat))
    wait_until("the chat takes messages", lambda: post("after-hang") == 201)
    (folder / "quick.conf").unlink()
    folder.rmdir()
    run("systemctl", "daemon-reload")


def wrong_configuration_is_not_tried_again() -> None:
    good = CONFIG.read_text()
    CONFIG.write_text(good + "\nno-such-key = 1\n")
    expect(run("systemctl", "restart", "understudy", check=False).returncode != 0, "a wrong key was taken")
    expect(show("understudy", "ExecMainStatus") == "2", f"exit code {show('understudy', 'ExecMainStatus')}")
    expect(show("understudy", "SubState") == "failed", f"it is {show('understudy', 'SubState')}, not failed")
    wait_until("the application is stopped", lambda: not is_active("chat"))
    CONFIG.write_text(good)
    run("systemctl", "start", "understudy")
    wait_until("both are back", lambda: is_active("chat") and post("after-mistake") == 201)


def stop_in_order() -> None:
    run("systemctl", "stop", "understudy")
    expect(not is_active("chat"), "the application outlives its stopped guard")
    ended = {unit: int(show(unit, "InactiveEnterTimestampMonotonic")) for unit in ("understudy", "chat")}
    expect(ended["chat"] <= ended["understudy"], f"the guard ended before its application: {ended}")
    expect(show("understudy", "ExecMainStatus") == "0", "it did not end cleanly")
    run("systemctl", "start", "understudy")
    wait_until("both are back", lambda: is_active("chat") and post("after-stop") == 201)


def upgrade_keeps_everything() -> None:
    before, guard, settings = tokens(DATA / "chat.db"), show("understudy", "MainPID"), CONFIG.read_text()
    own = show("understudy@own", "MainPID")
    run("dpkg", "-i", "/root/understudy-99.0.deb")
    expect(show("understudy", "MainPID") not in ("0", guard), "the running node is still the old program")
    expect(show("understudy@own", "MainPID") not in ("0", own), "the unit of one database still runs the old program")
    expect(is_active("understudy") and CONFIG.read_text() == settings, "an upgrade changed the configuration")
    expect(tokens(DATA / "chat.db") == before, "an upgrade lost messages")
    wait_until("both are back", lambda: is_active("chat") and post("after-upgrade") == 201)
    wait_until("the standby has all", lambda: tokens(DATA / "standby.db") == [*before, "after-upgrade"])
    history = run("understudy", "history", f"{DATA}/chat.db").stdout
    expect(history.count("here") >= 1, f"another stream after the upgrade: {history}")


def remove_and_purge() -> None:
    kept = tokens(DATA / "chat.db")
    run("dpkg", "-r", "understudy")
    expect(not is_active("understudy") and not is_active("chat") and not is_active("understudy@own"), "a removed node runs on")
    expect(CONFIG.exists() and tokens(DATA / "chat.db") == kept, "a removal took data or configuration")
    run("dpkg", "--purge", "understudy")
    expect(not CONFIG.exists(), "a purge left the configuration")
    expect(CONFIG.with_name("own.toml").exists(), "a purge took a file that an operator made")
    expect(tokens(DATA / "chat.db") == kept, "a purge took data")
    run("rm", "/etc/systemd/system/chat.service")
    before = set(pathlib.Path("/root/files-before").read_text().splitlines())
    after = set(run("find", "/", "-xdev", "-not", "-path", "/proc/*").stdout.splitlines())
    packages = run("sh", "-c", "cat /var/lib/dpkg/info/*.list").stdout.splitlines()
    left = sorted(path for path in after - before - set(packages) if not LEFT_BY_PURGE.match(path))
    left = [path for path in left if not re.match(r"/(etc|usr|var)/.*(alternatives|ssl|ca-certificates)", path)]
    expect(not left, f"a purge left {left[:20]}")


def main() -> None:
    for check in (what_is_installed, by_hand_as_root_and_as_ordinary_user, start_the_service,
                  unit_of_one_database, reload_reads_the_file, application_does_not_outlive_its_guard,
                  hung_node_is_ended, wrong_configuration_is_not_tried_again, stop_in_order,
                  upgrade_keeps_everything, remove_and_purge):
        began = time.monotonic()
        check()
        print(f"ok  {check.__name__} ({time.monotonic() - began:.1f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
