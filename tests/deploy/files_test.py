"""What deploy/ holds fits together, and is read by those it is for: units by systemd, the balancer's configuration by
HAProxy, configurations by the program; every path that a file names is one that the package installs.

usage: files_test.py PROGRAM TOP_FOLDER
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, TOP = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
DEPLOY = TOP / "deploy"
INSTALLED = {"/usr/bin/understudy": PROGRAM, "/usr/lib/understudy/understudy_commit.so": PROGRAM.with_name("understudy_commit.so")}
# Of other packages, or made by nodes and operators.
NOT_OURS = re.compile(r"/usr/bin/(python3|env)|/usr/local/|/etc/(haproxy|systemd)/|/etc/understudy/(node\.key|peers\.toml|NAME\.toml|%i\.toml)|"
                      r"/var/lib/(understudy|chat)(/|$)|/lib/systemd/system$|/etc/understudy$|/run/haproxy/")


def texts() -> dict[str, str]:
    found = [path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts
             and path.relative_to(DEPLOY).parts[0] not in ("debian", "man", "three-servers")]
    return {str(path.relative_to(TOP)): path.read_text(encoding="utf-8") for path in found}


def installed_at(path: str) -> pathlib.Path | None:
    """The file of the repository or the build that the package puts there."""
    if path in INSTALLED:
        return INSTALLED[path]
    if path == "/etc/understudy/understudy.toml":
        return DEPLOY / "etc/understudy.toml"
    for folder, source in (("/usr/share/doc/understudy/examples", DEPLOY), ("/usr/share/doc/understudy/schemas", TOP / "schemas")):
        if path.startswith(folder):
            return source / path[len(folder):].lstrip("/")
    if path.startswith("/usr/share/doc/understudy/"):
        name = path.rpartition("/")[2]
        return TOP / name if (TOP / name).exists() else TOP / "docs" / name
    return None


class FilesTest(unittest.TestCase):
    def test_named_paths_are_installed(self):
        seen = 0
        for name, text in texts().items():
            for path in re.findall(r"(?<![\w.])/(?:usr|etc|lib|var|run)/[\w@%./-]*\w", text):
                if NOT_OURS.match(path) or path.startswith(("/var/lib/apt", "/etc/bash")):
                    continue
                source = installed_at(path)
                self.assertIsNotNone(source, f"{name} names {path}, which nobody installs")
                self.assertTrue(source.exists() or path == "/usr/share/doc/understudy", f"{name} names {path}: no {source}")
                seen += 1
        self.assertGreater(seen, 10)

    def test_units_are_understood(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("there is no systemd-analyze here")
        with tempfile.TemporaryDirectory() as folder:
            for unit in (DEPLOY / "systemd").iterdir():
                text = unit.read_text().replace("/usr/bin/understudy", str(PROGRAM)).replace("/usr/share/doc/understudy/examples", str(DEPLOY))
                pathlib.Path(folder, unit.name).write_text(text)
            for name in ("understudy.service", "understudy@app.service", "chat.service"):
                answer = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", f"{folder}/{name}"],
                                        capture_output=True, text=True, check=False)
                self.assertEqual((answer.returncode, answer.stderr), (0, ""), name)

    def test_both_units_differ_in_their_file_only(self):
        one = (DEPLOY / "systemd/understudy.service").read_text()
        each = (DEPLOY / "systemd/understudy@.service").read_text()
        self.assertEqual(each.replace("%i.toml", "understudy.toml").replace(": %i", ""), one)

    def test_balancer_is_understood(self):
        if shutil.which("haproxy") is None:
            self.skipTest("there is no haproxy here")
        answer = subprocess.run(["haproxy", "-c", "-f", str(DEPLOY / "haproxy/haproxy.cfg")], capture_output=True, text=True,
                                check=False)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertNotIn("WARNING", answer.stderr)

    def test_compose_is_consistent(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("there is no python3-yaml here")
        file = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text())
        for name, service in file["services"].items():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                self.assertTrue(source.startswith("./") or source in file["volumes"], f"{name}: {volume}")
            for network in service.get("networks", []):
                self.assertIn(network, file["networks"], name)
            for other in service.get("depends_on", []):
                self.assertIn(other, file["services"], name)

    def check_config(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "understudy.toml")
            path.write_text(text)
            answer = subprocess.run([PROGRAM, "check-config", path], capture_output=True, text=True, check=False)
            return answer.stderr if answer.returncode else ""

    def with_keys(self, example: str) -> str:
        """With keys as the guide has them made, in a folder of this test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        entries = []
        for number in (1, 2, 3):
            said = subprocess.run([PROGRAM, "keygen", "--node", f"db{number}", "--output", f"{folder.name}/{number}"],
                                  capture_output=True, text=True, check=True).stdout
            entries.append(said[said.index("[[peer]]"):].replace("HOST:7600", f"10.0.0.{number}:7600"))
        pathlib.Path(folder.name, "peers.toml").write_text("\n".join(entries))
        return example.replace("/etc/understudy/node.key", f"{folder.name}/1").replace("/etc/understudy/peers.toml", f"{folder.name}/peers.toml")

    def test_configurations_are_taken(self):
        guide = (DEPLOY / "README.md").read_text()
        (example,) = [text for text in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL) if "[[database]]" in text]
        example = self.with_keys(example)
        self.assertEqual(self.check_config(example), "")
        shipped = re.sub(r"^# (?=node|peers|sync|\[\[|path|role|listen)", "", (DEPLOY / "etc/understudy.toml").read_text(), flags=re.MULTILINE)
        self.assertEqual(self.check_config(shipped.replace("[[database]]", "[[database]]\ninsecure = true")), "")
        self.assertIn("no-such-key", self.check_config(example + "\nno-such-key = 1\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
