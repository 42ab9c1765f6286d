"""A real HTTP server in a thread that can fail in the ways that servers do."""

import contextlib
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from recclaims.amazon2023.web import Web


class Server:
    """Serves `files`; before that, `script` says of a path how its next answers go wrong.

    Each entry of a script is one of: an HTTP status; ("drop", n): n bytes and then nothing; ("promise", n): a length
    that is n more than there is; ("to", address): a redirect; "silent".
    """

    def __init__(self):
        self.files, self.script, self.requests, self.waits = {}, {}, [], []
        self.ranges = True
        self.etag = '"1"'
        self.at_once = self.most_at_once = 0
        self.delay = 0.0
        self.lock = threading.Lock()

    def web(self, **changes):
        given = {
            "bases": (f"{self.url}/raw",), "image_hosts": ("127.0.0.1",), "timeout": 5.0, "tries": 3,
            "pause": self.waits.append, "_scheme": "http",
        }  # fmt: skip
        return Web(**(given | changes))

    def count(self, path):
        return Counter(asked for asked, _ in self.requests)[path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def state(self):
        return self.server.state

    def do_GET(self):
        with self.state.lock:
            self.state.requests.append((self.path, self.headers.get("range")))
            self.state.at_once += 1
            self.state.most_at_once = max(self.state.most_at_once, self.state.at_once)
            trouble = self.state.script[self.path].pop(0) if self.state.script.get(self.path) else None
        time.sleep(self.state.delay)
        try:
            self.answer(trouble)
        finally:
            with self.state.lock:
                self.state.at_once -= 1

    def answer(self, trouble):
        content = self.state.files.get(self.path)
        if trouble == "silent":
            time.sleep(1.0)
            self.close_connection = True
            return
        if isinstance(trouble, int) or (content is None and trouble is None):
            self.head(trouble or 404, {"content-length": "0", "retry-after": "7"})
            return
        kind, argument = trouble or (None, 0)
        if kind == "to":
            self.head(302, {"location": argument, "content-length": "0"})
            return
        start, headers, status = 0, {"etag": self.state.etag, "accept-ranges": "bytes"}, 200
        asked = self.headers.get("range")
        if asked and self.state.ranges and self.headers.get("if-range") in (None, self.state.etag):
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(content):
                self.head(416, {"content-length": "0"})
                return
            headers["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        length = len(body) + (argument if kind == "promise" else 0)
        self.head(status, headers | {"content-length": str(length)})
        self.wfile.write(body[:argument] if kind == "drop" else body)
        if kind in ("drop", "promise"):
            self.close_connection = True

    def head(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what some tests are about


@contextlib.contextmanager
def serving():
    httpd = Quiet(("127.0.0.1", 0), Handler)
    httpd.state = state = Server()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
