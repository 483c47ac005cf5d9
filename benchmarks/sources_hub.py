"""A hub of one folder on this machine, which `hf download` gets whatever name it asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0" * 40


def handler_of(folder: Path) -> type[BaseHTTPRequestHandler]:
    """Answers the questions of huggingface_hub: what a repository holds, and its files."""

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            """A file of the folder, or the list of them."""
            place = self.path.partition("?")[0]
            name = place.rpartition("/")[2]
            if place.startswith("/api/"):
                told = tree(folder) if "/tree/" in place else repository(folder)
                self.send(json.dumps(told).encode(), "application/json", with_body=with_body)
            elif (folder / name).is_file():
                self.send((folder / name).read_bytes(), "application/octet-stream", with_body=with_body)
            else:
                self.send_error(404)

        def send(self, content: bytes, kind: str, *, with_body: bool) -> None:
            """Headers as the hub sends them, and the content."""
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    return Answer


def tree(folder: Path) -> list[dict[str, object]]:
    """What the hub says of a repository's files."""
    return [
        {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": COMMIT}
        for file in sorted(folder.iterdir())
    ]


def repository(folder: Path) -> dict[str, object]:
    """What the hub says of a repository."""
    names = sorted(file.name for file in folder.iterdir())
    return {"id": "any/name", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}


@contextmanager
def hub(folder: Path) -> Iterator[str]:
    """The address of a hub that holds the folder, for as long as it is needed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
