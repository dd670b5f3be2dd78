"""A crowd of wrong and hostile clients at a node's two ports, until SIGTERM; then says what they got.

usage: crowd.py HOST PORT SERVER_KEY [--role-key FILE NAME] [--clients N]

A sixth each: clients of ZeroMQ without keys, with a key that nobody knows, with the right key for another
server, with a key of the list that may do little (--role-key) and asks for much; and raw TCP: half-open
handshakes and commands without an end, garbage and scans. They connect again and again. Prints at its
end what came of it, as key=number; `taken` must be 0: live messages, and answers that are no refusals.
The ZeroMQ clients speak through the library itself (ctypes), not through our code.
"""

import argparse
import ctypes
import os
import pathlib
import random
import select
import signal
import socket
import sys
import time
import tomllib

ZMQ_DEALER, ZMQ_SUB = 5, 2
ZMQ_SUBSCRIBE, ZMQ_LINGER, ZMQ_RECONNECT_IVL = 6, 17, 18
ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY, ZMQ_CURVE_SERVERKEY = 48, 49, 50
ZMQ_DONTWAIT = 1
HELLO, PROBE, COMMAND, PAGES_REQUEST, FETCH = 1, 8, 9, 6, 2
WELCOME, REFUSED, PROBE_REPLY, COMMAND_REPLY = 20, 26, 27, 28
FIRST_HOST, HOSTS = 2, 200  # 127.0.0.2 and up: each with a rate of its own

zmq = ctypes.CDLL("libzmq.so.5")
zmq.zmq_ctx_new.restype = zmq.zmq_socket.restype = ctypes.c_void_p
zmq.zmq_socket.argtypes = [ctypes.c_void_p, ctypes.c_int]
zmq.zmq_setsockopt.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
zmq.zmq_connect.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
zmq.zmq_close.argtypes = [ctypes.c_void_p]
zmq.zmq_send.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
zmq.zmq_recv.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def packed(value) -> bytes:
    """MessagePack of what our messages are made of."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xcf" + value.to_bytes(8, "big") if value > 127 else bytes([value])
    if isinstance(value, str):
        raw = value.encode()
        return b"\xd9" + bytes([len(raw)]) + raw
    if isinstance(value, bytes):
        return b"\xc6" + len(value).to_bytes(4, "big") + value
    return b"\xdc" + len(value).to_bytes(2, "big") + b"".join(map(packed, value))


def report(name: str) -> list:
    """Of a primary of an epoch that never was."""
    return [name, bytes(16), 1, 1, "publishing", 2**40, 77, [2**40, 2**40, 1], 2**40, "", False, 0, 0, 0]


def demands(name: str) -> list[bytes]:
    """What a hostile peer asks for and claims."""
    messages = [
        [2, HELLO, 1, name, bytes(16), None, []],
        [2, HELLO, 1, "somebody-else", bytes(16), None, []],
        [2, FETCH, 1, [1, 0], 2**30],
        [2, PAGES_REQUEST, 1, 1, 100, b""],
        [2, PROBE, 1, report(name)],
        [2, PROBE, 1, report("somebody-else")],
        [2, COMMAND, 1, 0, name, [0, 0, 0], 0, False],
        [2, COMMAND, 1, 1, "0", [2**40, 2**40, 1], 5, False],
    ]
    return [*map(packed, messages), b"", os.urandom(300), os.urandom(100_000)]


class Client:
    """A SUB and a DEALER. `keys`: (server's, own public, own secret); None: without."""

    context = None

    def __init__(self, host: str, port: int, keys, name: str):
        self.name, self.live, self.answers, self.refused = name, 0, 0, 0
        self.sub = self.connect(ZMQ_SUB, f"tcp://{host}:{port}", keys)
        self.dealer = self.connect(ZMQ_DEALER, f"tcp://{host}:{port + 1}", keys)

    @classmethod
    def connect(cls, kind: int, address: str, keys):
        made = zmq.zmq_socket(cls.context, kind)
        for option, number in ((ZMQ_LINGER, 0), (ZMQ_RECONNECT_IVL, 100)):
            zmq.zmq_setsockopt(made, option, ctypes.byref(ctypes.c_int(number)), 4)
        for option, key in zip((ZMQ_CURVE_SERVERKEY, ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY), keys or ()):
            zmq.zmq_setsockopt(made, option, key.encode(), 40)
        if kind == ZMQ_SUB:
            zmq.zmq_setsockopt(made, ZMQ_SUBSCRIBE, b"", 0)
        zmq.zmq_connect(made, address.encode())
        return made

    def turn(self, chance: random.Random) -> None:
        buffer = ctypes.create_string_buffer(4096)
        while zmq.zmq_recv(self.sub, buffer, len(buffer), ZMQ_DONTWAIT) >= 0:
            self.live += 1
        while (size := zmq.zmq_recv(self.dealer, buffer, len(buffer), ZMQ_DONTWAIT)) >= 0:
            self.note(buffer.raw[:min(size, len(buffer))])
        message = chance.choice(demands(self.name))
        zmq.zmq_send(self.dealer, message, len(message), ZMQ_DONTWAIT)

    def note(self, answer: bytes) -> None:
        """[2, type, …]: a refusal of any kind, or something that it should not have got."""
        kind = answer[2] if answer[2] < 0x80 else answer[3]
        is_refusal = kind in (REFUSED, PROBE_REPLY) or (kind == COMMAND_REPLY and b"\xc2" in answer)
        self.refused += is_refusal
        self.answers += not is_refusal

    def close(self) -> None:
        zmq.zmq_close(self.sub)
        zmq.zmq_close(self.dealer)


def key_pair() -> tuple[str, str]:
    made = [ctypes.create_string_buffer(41) for _ in range(2)]
    zmq.zmq_curve_keypair(*made)
    return made[0].value.decode(), made[1].value.decode()


def key_file(path: str) -> tuple[str, str]:
    read = tomllib.loads(pathlib.Path(path).read_text())
    return read["public-key"], read["secret-key"]


GREETING = (b"\xff" + bytes(7) + b"\x01\x7f\x03\x01CURVE").ljust(64, b"\0")


class Caller:
    """A TCP connection that is no ZeroMQ client's: half a handshake, a command without an end, garbage."""

    def __init__(self, host: str, port: int, chance: random.Random):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.bind((f"127.0.0.{chance.randrange(FIRST_HOST, FIRST_HOST + HOSTS)}", 0))
        self.socket.connect_ex((host, port + chance.randrange(2)))
        self.until = time.monotonic() + chance.choice((0, 0.1, 1, 20))
        self.words = chance.choice((
            b"", GREETING, GREETING[:chance.randrange(64)], os.urandom(chance.randrange(1, 5000)),
            GREETING + b"\x06" + (1 << chance.randrange(10, 62)).to_bytes(8, "big") + bytes(200_000),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))

    def turn(self) -> bool:
        """False: it is over."""
        try:
            if self.words and select.select([], [self.socket], [], 0)[1]:
                self.words = self.words[self.socket.send(self.words):]
            if select.select([self.socket], [], [], 0)[0] and not self.socket.recv(4096):
                return False
        except OSError:
            return False
        return time.monotonic() < self.until

    def close(self) -> None:
        self.socket.close()


def clients_of(options, chance: random.Random) -> list[Client]:
    Client.context = zmq.zmq_ctx_new()
    zmq.zmq_ctx_set(ctypes.c_void_p(Client.context), 2, 4096)  # sockets
    server, other = options.server_key, key_pair()[0]
    role = (server, *key_file(options.role_key[0])) if options.role_key else None
    made = []
    for _ in range(max(1, options.clients // 6)):
        kinds = [None, (server, *key_pair()), (other, *key_pair())]
        made += [Client(options.host, options.port, keys, "stranger") for keys in kinds]
        if role:
            made.append(Client(options.host, options.port, role, options.role_key[1]))
    chance.shuffle(made)
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("server_key")
    parser.add_argument("--role-key", nargs=2, metavar=("FILE", "NAME"))
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    os.nice(5)  # it stands for other machines: their processors are not this one's
    chance = random.Random(options.seed)
    clients = clients_of(options, chance)
    callers: list[Caller] = []
    calls = 0
    print("ready", flush=True)
    while not over:
        for client in chance.sample(clients, min(20, len(clients))):
            client.turn(chance)
        while len(callers) < options.clients // 3:
            callers.append(Caller(options.host, options.port, chance))
            calls += 1
        still = [caller for caller in callers if caller.turn()]
        for caller in set(callers) - set(still):
            caller.close()
        callers = still
        time.sleep(0.01)
    for client in clients:
        client.turn(chance)
    taken = sum(client.live + client.answers for client in clients)
    print(f"clients={len(clients)} calls={calls} refusals={sum(client.refused for client in clients)} "
          f"taken={taken}")
    sys.stdout.flush()
    os._exit(0)  # what is half-open is not waited for


if __name__ == "__main__":
    main()
