"""A real server on the loopback device that behaves as it is told, request by request."""

import base64
import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from video_attack.envs.clip import Frames

Reply = Callable[["Handler", Frames], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms
    server: "Server"

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        clips = decode(sent, self.headers["Content-Type"])
        with self.server.lock:
            self.server.seen.append(clips)
            self.server.headers.append(dict(self.headers))
            replies = self.server.replies
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        reply(self, clips)

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Replies in turn, the last one for ever; knows the clips and headers of each request."""

    daemon_threads = True

    def __init__(self, *replies: Reply) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies, self.lock = list(replies), threading.Lock()
        self.seen: list[Frames] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/classify"

    def process_request(self, *args: Any) -> None:
        self.connections += 1
        super().process_request(*args)

    def handle_error(self, *args: object) -> None:
        pass  # a client that hangs up is part of the tests


@contextlib.contextmanager
def serve(*replies: Reply) -> Iterator[Server]:
    server = Server(*replies)
    # Asked often whether to stop, so that a test does not wait half a second for its server.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def decode(body: bytes, content_type: str) -> Frames:
    """The clips of a request, read as a stranger's server would from the documented format."""
    if content_type == "application/octet-stream":
        return np.load(io.BytesIO(body), allow_pickle=False)
    found = json.loads(body)
    return np.frombuffer(base64.b64decode(found["clips"]), np.uint8).reshape(found["shape"])


def answer(found: Callable[[Frames], Any]) -> Reply:
    """A reply of what `found` says about the clips, as JSON."""
    return lambda handler, clips: handler.send(json.dumps(found(clips)).encode())
