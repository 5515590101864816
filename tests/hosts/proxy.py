"""A reverse proxy as one stands before an old CRM: everything below a prefix, which it takes off, goes on to a port."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
ITS_OWN = {"connection", "transfer-encoding", "content-length", "server", "date", "keep-alive"}


class PrefixProxy(ThreadingHTTPServer):
    """``with PrefixProxy("/crm", port) as proxy: ... proxy.url ...``. It says that the world outside speaks https."""

    daemon_threads = True

    def __init__(self, prefix: str, target: int) -> None:
        super().__init__((HOST, 0), _Handler)
        self.prefix, self.target = prefix, target
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def origin(self) -> str:
        """Scheme, host and port as they really are."""
        return f"http://{HOST}:{self.server_address[1]}"

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PrefixProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.path.startswith(f"{self.server.prefix}/"):
            return self._answer(404, [], b"Not below the prefix")
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        headers["X-Forwarded-Host"] = self.headers["Host"]
        headers["X-Forwarded-Proto"] = "https"
        connection = http.client.HTTPConnection(HOST, self.server.target, timeout=20)
        try:
            connection.request(self.command, self.path.removeprefix(self.server.prefix), body, headers)
            answer = connection.getresponse()
            self._answer(answer.status, answer.getheaders(), answer.read())
        except OSError:
            self._answer(502, [], b"")
        finally:
            connection.close()

    do_GET = do_POST = handle_any

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ITS_OWN:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""
