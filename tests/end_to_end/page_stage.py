"""A stage for the page: an HTTP server on loopback that serves it as a node does, and plays a scripted cluster to it. For
tests of states that real nodes come into seldom, for screenshots, and for working on the page by hand:

    python3 tests/end_to_end/page_stage.py --scene lagging --port 8080
"""

import argparse
import http.server
import json
import pathlib
import socket
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "common/page"))

import assemble  # noqa: E402
import page_scenes  # noqa: E402


class Stage:
    """Serves the page and plays `scene` from the moment on when it is set. A context manager."""

    def __init__(self, scene: page_scenes.Scene, port: int = 0):
        self.page = assemble.assemble()
        self.scene = scene
        self.is_mute = False  # accepts, and answers nothing: as a stopped process does
        self.requests: list[str] = []
        self._port = port
        self._server: _Server | None = None
        self.start()

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.stage = self
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """As a node that ends: the port is closed, and what was open is cut."""
        if self._server:
            self._server.shutdown()
            self._server.cut_all()
            self._server.server_close()
            self._server = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *reason) -> None:
        self.stop()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    stage: Stage

    def __init__(self, *arguments):
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_all(self):
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # its other end was first

    def handle_error(self, request, client_address):
        pass  # a browser that goes away in the middle


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        stage = self.server.stage
        stage.requests.append(self.path)
        if stage.is_mute:
            time.sleep(3600)
        if self.path == "/":
            page = stage.page
            self.answer("text/html; charset=utf-8", page.html, Content_Security_Policy=page.policy)
        elif self.path == "/events":
            self.play_events(stage)
        elif self.path in ("/cluster", "/status"):
            content = stage.scene.cluster() if self.path == "/cluster" else stage.scene.status()
            self.answer("application/json", json.dumps(content))
        else:
            self.send_error(404)

    def answer(self, content_type: str, text: str, **headers: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def play_events(self, stage: Stage) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        told = 0
        scene = None
        while not stage.is_mute:
            if scene is not stage.scene:
                scene, told = stage.scene, 0
            for event in scene.events()[told:]:
                self.send_event("log", event)
                told += 1
            self.send_event("status", scene.status())
            time.sleep(0.5)

    def send_event(self, kind: str, content: dict) -> None:
        self.wfile.write(f"event: {kind}\ndata: {json.dumps(content)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *arguments):
        pass


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--scene", default="healthy", choices=sorted(page_scenes.SCENES))
    options.add_argument("--port", type=int, default=0)
    chosen = options.parse_args()
    with Stage(page_scenes.SCENES[chosen.scene](), chosen.port) as stage:
        print(f"{stage.address} plays '{chosen.scene}' until Ctrl-C", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
