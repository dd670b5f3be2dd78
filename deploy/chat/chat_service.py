"""A small chat over HTTP on a SQLite database: the example application of deploy/, standard library only.

Run one on each server, beside its node of Understudy, on the file of that node. Only the primary's takes messages,
all of them answer questions.

  POST /messages              {"token", "room", "author", "body"}: 201 once it is committed (and, with the
                              extension and --sync, on the standbys asked for), X-Understudy-Position: where
                              503 + Retry-After: not the primary; 504: committed here, not confirmed: ask again
                              with the same token
  GET  /messages?room=&after=&limit=    X-Understudy-Position of a POST: not before that is to be seen here
  GET  /messages/TOKEN        never changes, so caches may keep it (an id may: after a takeover without --sync)
  GET  /health                200 while the database can be read

usage: chat_service.py DATABASE --listen HOST:PORT [--node NAME] [--extension FILE]
       chat_service.py DATABASE --create
"""

import argparse
import http.server
import json
import signal
import sqlite3
import sys
import threading
import time
import urllib.parse

import messages

LARGEST_BODY = 64 * 1024
LONGEST_PAGE = 1000
WAIT_FOR_POSITION_MS = 2000
POSITION = "X-Understudy-Position"


class ChatServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], node: str, store: messages.Messages):
        super().__init__(address, Chat)
        self.node = node
        self.store = store


class Chat(http.server.BaseHTTPRequestHandler):
    """One connection; its thread has a database connection of its own."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that a silent client keeps its thread

    def do_POST(self) -> None:  # the name is the library's
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            return self.answer(413, {"error": f"a message has at most {LARGEST_BODY} bytes"})
        body = self.rfile.read(length)
        if self.path != "/messages":
            return self.answer(404, {"error": "post to /messages"})
        try:
            sent = json.loads(body)
            token, room, author, text = (str(sent[key]) for key in ("token", "room", "author", "body"))
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"error": "write a JSON object with token, room, author and body"})
        self.guarded(lambda: self.post(token, room, author, text))

    def post(self, token: str, room: str, author: str, text: str) -> None:
        number, position = self.server.store.post(token, room, author, text, time.time())
        headers = {"Location": f"/messages/{urllib.parse.quote(token)}"}
        if position:
            headers[POSITION] = position
        self.answer(201, {"id": number, "token": token}, headers)

    def do_GET(self) -> None:  # the name is the library's
        where = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(where.query))
        if where.path == "/messages":
            return self.guarded(lambda: self.list_messages(asked))
        if where.path.startswith("/messages/"):
            return self.guarded(lambda: self.show_message(urllib.parse.unquote(where.path[10:])))
        if where.path == "/health":
            return self.guarded(lambda: self.answer(
                200, {"node": self.server.node, "role": self.server.store.role(), "last": self.server.store.last()}))
        self.answer(404, {"error": "there are /messages, /messages/TOKEN and /health"})

    def list_messages(self, asked: dict[str, str]) -> None:
        found = self.server.store.read(
            asked.get("room", "lobby"), int(asked.get("after", 0)),
            min(int(asked.get("limit", 100)), LONGEST_PAGE), self.headers.get(POSITION), WAIT_FOR_POSITION_MS)
        self.answer(200, {"messages": found}, {"Cache-Control": "no-store"})

    def show_message(self, token: str) -> None:
        found = self.server.store.find(token)
        if found is None:
            return self.answer(404, {"error": "not here (yet)"}, {"Cache-Control": "no-store"})
        self.answer(200, found, {"Cache-Control": "public, max-age=3600"})

    def guarded(self, work) -> None:
        try:
            work()
        except ValueError as error:
            self.answer(400, {"error": str(error)})
        except messages.Unconfirmed as error:
            self.answer(504, {"error": str(error), "hint": "ask again with the same token"})
        except (messages.NotHere, sqlite3.Error) as error:
            self.answer(503, {"error": str(error), "role": "standby or starting",
                              "hint": "messages are taken by the primary"}, {"Retry-After": "1"})

    def answer(self, code: int, body: dict, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(code)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)),
                            "X-Served-By": self.server.node, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        pass  # the balancer keeps the log


def main() -> None:
    options = argparse.ArgumentParser(description="A chat over HTTP on SQLite.")
    options.add_argument("database")
    options.add_argument("--create", action="store_true", help="make the database, and end")
    options.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
    options.add_argument("--node", default="chat", help="what X-Served-By says")
    options.add_argument("--extension", help="understudy_commit.so: commits wait, readers can, too")
    chosen = options.parse_args()
    if chosen.create:
        messages.create(chosen.database)
        return
    host, _, port = chosen.listen.rpartition(":")
    store = messages.Messages(chosen.database, chosen.extension)
    server = ChatServer((host, int(port)), chosen.node, store)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"chat: listening on {chosen.listen}", file=sys.stderr, flush=True)
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
