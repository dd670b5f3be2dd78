"""Keys for clusters of end-to-end tests: one key file a node, one peers file for all, both made by the
program itself.
"""

import os
import pathlib
import signal
import subprocess

from cluster import Peers
from harness import Node, expect, wait_until

ALL = ("follow", "feed", "command")


class Keyring:
    """The keys of some nodes, in a folder. `rights` may be changed before write_peers()."""

    def __init__(self, program: str, folder: pathlib.Path):
        self.program = program
        self.folder = folder
        self.peers_path = folder / "peers.toml"
        self.rights: dict[str, tuple[str, ...]] = {}
        self.endpoints: dict[str, str] = {}

    def key_path(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.key"

    def make(self, name: str, rights: tuple[str, ...] = ALL, endpoint: str = "") -> str:
        """A new key for that name, in place of the one that it had; returns the public one."""
        path = self.key_path(name)
        path.unlink(missing_ok=True)
        made = subprocess.run([self.program, "keygen", "--node", name, "--output", str(path)],
                              capture_output=True, text=True, check=True)
        expect(f'name = "{name}"' in made.stdout, made.stdout)
        if rights:
            self.rights[name] = rights
        if endpoint:
            self.endpoints[name] = endpoint
        return self.public(name)

    def public(self, name: str) -> str:
        return subprocess.run([self.program, "keygen", "--public", str(self.key_path(name))],
                              capture_output=True, text=True, check=True).stdout.strip()

    def write_peers(self, *left_out: str) -> None:
        """Replaces the file, as an editor does."""
        text = "# who may do what\n"
        for name, rights in self.rights.items():
            if name in left_out:
                continue
            text += f'\n[[peer]]\nname = "{name}"\nkey = "{self.public(name)}"\nmay = {list(rights)}\n'
            if name in self.endpoints:
                text += f'endpoint = "{self.endpoints[name]}"\n'
        fresh = self.folder / "peers.new"
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.replace(self.peers_path)

    def options(self, name: str) -> list[str]:
        return ["--key-file", str(self.key_path(name)), "--peer-keys", str(self.peers_path)]

    def reload(self, *nodes: Node) -> None:
        """SIGHUP, and the word of each node that it has read the file again."""
        before = {node.name: node.log_text().count("peer_keys_") for node in nodes}
        for node in nodes:
            os.kill(node.pid, signal.SIGHUP)
        for node in nodes:
            wait_until(f"{node.name} reads the list again",
                       lambda node=node: node.log_text().count("peer_keys_") > before[node.name])


def with_keys(peers: Peers) -> Keyring:
    """A keyring with all nodes of the cluster, each with all rights."""
    ring = Keyring(peers.program, peers.folder)
    for node in peers.nodes:
        ring.make(node.name, ALL, node.address)
    ring.write_peers()
    return ring
