"""A hub on this machine: serves a folder tree the way the hub's clients expect, one commit a repository.

$ ls root
datasets/openai/gsm8k/README.md
models/tiny/s-base/config.json
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import threading
import time
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = {".jsonl", ".parquet", ".safetensors"}
"""Files that the hub hands over to its storage servers with a redirect."""

API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?$")
RESOLVE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)$")


class LoopbackHub:
    """`with LoopbackHub(root) as hub:` answers at `hub.url`; `hub.log` holds one line a request.

    `hub.gated` holds repositories that need an approval; `hub.faults` what becomes of the next downloads of files of a
    name: `500`, `slow` (three seconds) or `half`, which breaks off in the middle.
    """

    def __init__(self, root: Path):
        self.root, self.log = root, []
        self.gated: set[str] = set()
        self.faults: dict[str, list[str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self}))
        # A name for the hub and a number for its storage: to a client these are two hosts, as in the world outside.
        # `datasets` also asks datasets-server.HOST, which under localhost cannot leave this machine.
        port = self.server.server_address[1]
        self.url, self.storage = f"http://localhost:{port}", f"http://127.0.0.1:{port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def repository(self, kind: str, name: str) -> Repository | None:
        folder = self.root / kind / name
        return Repository(folder) if folder.is_dir() else None


def client_environment(endpoint: str, home: Path) -> dict[str, str]:
    """Of a process that knows no hub but `endpoint` and keeps all it fetches under `home`."""
    dropped = re.compile(r"HF_|TRANSFORMERS_|RAST_EVAL_DATA$|.*_proxy$", re.IGNORECASE)
    kept = {name: value for name, value in os.environ.items() if not dropped.match(name)}
    return kept | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "OMP_NUM_THREADS": "1"}


def closed_endpoint() -> str:
    """An address at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


class Repository:
    """A folder seen as a repository with a single commit."""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def files(self) -> dict[str, str]:
        """SHA-256 of each file by its path."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {p.relative_to(self.folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}

    @cached_property
    def commit(self) -> str:
        return hashlib.sha1(json.dumps([self.folder.name, self.files]).encode()).hexdigest()

    def entry(self, path: str) -> dict | None:
        """What the hub says of a file or folder, None where there is neither."""
        if path in self.files:
            size, digest = (self.folder / path).stat().st_size, self.files[path]
            about = {"type": "file", "path": path, "size": size, "oid": digest[:40]}
            return about | ({"lfs": {"oid": digest, "size": size, "pointerSize": 130}} if is_large(path) else {})
        return {"type": "directory", "path": path, "size": 0, "oid": "0" * 40} if self.inside(path) else None

    def inside(self, folder: str) -> list[str]:
        return [path for path in self.files if path.startswith(f"{folder}/" if folder else "")]

    def tree(self, folder: str, recursive: bool) -> list[dict]:
        start = len(folder) + 1 if folder else 0
        names = self.inside(folder)
        folders = {name[: name.index("/", start)] for name in names if "/" in name[start:]}
        shown = names if recursive else [name for name in names if "/" not in name[start:]]
        return [self.entry(path) for path in sorted({*shown, *folders})]


def is_large(path: str) -> bool:
    return Path(path).suffix in LARGE


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    cut = False
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.hub.log.append(f"{self.command} {self.path} {body} {self.headers.get('Range', '')}".strip())
        path = unquote(url.path)
        if found := API.match(path):
            self.api(*found.groups(), parse_qs(body if self.command == "POST" else url.query))
        elif found := RESOLVE.match(path):
            self.resolve("datasets" if found[1] else "models", *found.groups()[1:])
        elif path.startswith("/storage/"):
            self.content((self.hub.root / path.removeprefix("/storage/")).read_bytes(), {})
        else:
            self.missing("EntryNotFound")

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.do_GET()

    def api(self, kind, name, view, revision, path, query):
        repository = self.checked(kind, name, revision)
        if repository is None:
            return
        if view == "tree":
            answer = repository.tree(path or "", query.get("recursive", ["false"])[0].lower() == "true")
        elif view == "paths-info":
            answer = [entry for path in query.get("paths", []) if (entry := repository.entry(path.strip("/")))]
        else:
            siblings = [{"rfilename": file} for file in repository.files]
            answer = {"id": name, "sha": repository.commit, "private": False, "tags": [], "siblings": siblings}
        self.content(json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def resolve(self, kind, name, revision, path):
        repository = self.checked(kind, name, revision)
        if repository is None:
            return
        headers = {"X-Repo-Commit": repository.commit}
        if path not in repository.files:
            self.missing("EntryNotFound", headers)
        elif is_large(path):
            linked = {"X-Linked-Size": str((repository.folder / path).stat().st_size)}
            linked["X-Linked-ETag"] = f'"{repository.files[path]}"'
            self.answer(302, b"", headers | linked | {"Location": f"{self.hub.storage}/storage/{kind}/{name}/{path}"})
        else:
            etag = {"ETag": f'"{repository.files[path][:40]}"'}
            self.content((repository.folder / path).read_bytes(), headers | etag)

    def checked(self, kind, name, revision):
        repository = self.hub.repository(kind, name)
        if name in self.hub.gated:
            self.missing("GatedRepo", status=403)
        elif repository is None:
            self.missing("RepoNotFound", status=401)  # what the hub tells someone who is not logged in
        elif revision not in (None, "main", repository.commit):
            self.missing("RevisionNotFound")
        else:
            return repository
        return None

    def missing(self, code, headers=None, status=404):
        self.answer(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code, **(headers or {})})

    def content(self, body, headers):
        faults = self.hub.faults.get(Path(urlsplit(self.path).path).name, [])
        fault = faults.pop(0) if faults and self.command == "GET" else None
        if fault == "500":
            self.answer(500, b"", {})
            return
        if fault == "slow":
            time.sleep(3)
        self.cut = fault == "half"
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            self.answer(200, body, {"Accept-Ranges": "bytes", **headers})
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
        self.answer(206, body[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(body)}", **headers})

    def answer(self, status, body, headers):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if self.cut else body)
        self.close_connection |= self.cut
        self.cut = False
