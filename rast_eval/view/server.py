"""The viewer's server: the page and six answers in JSON, for browsers of this machine alone.

The standard library's server does: one reader, no state, nothing written. A request is answered only where its Host is
this machine's own name, so that no page of the web reaches it through a name of its own (DNS rebinding), and nothing
allows another origin to read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rast_eval.errors import RastEvalError, UsageError
from rast_eval.report.links import PORT
from rast_eval.view.data import Viewed
from rast_eval.view.page import Page, make_page

OWN_NAMES = ("127.0.0.1", "localhost")

Asked = Mapping[str, str]

ANSWERS: Mapping[str, Callable[[Viewed, Asked], Any]] = {
    "overview": lambda shown, _: shown.overview(),
    "tables": lambda shown, _: shown.tables(),
    "rows": lambda shown, asked: shown.rows(asked["b"]),
    "problem": lambda shown, asked: shown.problem(asked["b"], asked["p"]),
    "sample": lambda shown, asked: shown.sample(asked["b"], int(asked["c"]), asked["p"], int(asked["s"])),
    "search": lambda shown, asked: shown.search(asked["b"], asked["q"]),
}


class ViewServer(ThreadingHTTPServer):
    """Serves `shown` on the loopback address.

    Args:
        port: None for `PORT`, or another free one where that is taken.

    Raises:
        UsageError: the port that was asked for is taken.
    """

    daemon_threads = True

    def __init__(self, shown: Viewed, port: int | None = None) -> None:
        self.shown = shown
        for number in (PORT, 0) if port is None else (port,):
            try:
                return super().__init__(("127.0.0.1", number), _Handler)
            except OSError as error:
                reason = error.strerror
        raise UsageError(f"Port {port} of 127.0.0.1 cannot be taken: {reason}.", "Type another --port, or none.")

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer
    server_version, sys_version = "rast-eval", ""

    def do_GET(self) -> None:
        """Answer the page or one question."""
        name = self.headers.get("Host", "").partition(":")[0]
        if name not in OWN_NAMES:
            return self._send(
                HTTPStatus.FORBIDDEN, "text/plain", b"This viewer answers 127.0.0.1 and localhost only.\n"
            )
        asked = urlsplit(self.path)
        if asked.path == "/":
            page = make_page()
            return self._send(HTTPStatus.OK, "text/html", page.html.encode(), page)
        answer = ANSWERS.get(asked.path.removeprefix("/api/"))
        if answer is None or not asked.path.startswith("/api/"):
            return self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such page.\n")
        return self._answer(answer, {key: values[-1] for key, values in parse_qs(asked.query).items()})

    def _answer(self, answer: Callable[[Viewed, Asked], Any], asked: Asked) -> None:
        status, body = HTTPStatus.OK, None
        try:
            body = answer(self.server.shown, asked)
        except RastEvalError as error:
            status, body = HTTPStatus.BAD_REQUEST, {"error": f"{error.message} {error.hint}"}
        except (KeyError, IndexError, ValueError):
            status, body = HTTPStatus.NOT_FOUND, {"error": "The run holds no such sample."}
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes, page: Page | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if page:
            self.send_header("Content-Security-Policy", f"{page.policy}; frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a request is no news."""
