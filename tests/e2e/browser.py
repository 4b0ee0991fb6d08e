"""A real browser, headless: it opens a page, and what it asked for, said and showed is looked at."""

from __future__ import annotations

import shutil
import struct
import subprocess
import threading
import zlib
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
PATIENCE = 60
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"there is no browser: none of {', '.join(NAMES)} is installed"
)


class Site:
    """Serves one page at /, and notes whatever is asked for."""

    def __init__(self, content: bytes) -> None:
        self.asked = asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200 if self.path == "/" else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(content if self.path == "/" else b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def browse(folder: Path, url: str, *options: str) -> tuple[str, str]:
    """Have the browser open it; its output, and what was said on the console."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--disable-dev-shm-usage", "--no-first-run", "--enable-logging=stderr"),
            f"--user-data-dir={folder / 'profile'}",
            *options,
            url,
        ],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def pixels(png: bytes) -> Counter[tuple[int, int, int]]:
    """How often each colour is in an image of eight bits a channel (PNG 1.2, 6 and 9)."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, width, kind = 8, b"", 0, 0
    while at < len(png):
        length, name = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + length]
        if name == b"IHDR":
            width, _, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, interlaced) == (8, 0)
        elif name == b"IDAT":
            data += body
        at += length + 12
    step = {2: 3, 6: 4}[kind]
    raw, size = zlib.decompress(data), width * step
    before, counts = bytearray(size), Counter[tuple[int, int, int]]()
    for start in range(0, len(raw), size + 1):
        line = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + size]), before, step)
        counts.update(zip(line[0::step], line[1::step], line[2::step], strict=True))
        before = line
    return counts


def _unfiltered(how: int, line: bytearray, above: bytearray, step: int) -> bytearray:
    for n in range(len(line)):
        left = line[n - step] if n >= step else 0
        up, corner = above[n], above[n - step] if n >= step else 0
        if how == 1:
            line[n] = (line[n] + left) & 255
        elif how == 2:
            line[n] = (line[n] + up) & 255
        elif how == 3:
            line[n] = (line[n] + (left + up) // 2) & 255
        elif how == 4:
            line[n] = (line[n] + _paeth(left, up, corner)) & 255
    return line


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))
