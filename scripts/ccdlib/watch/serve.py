"""The pages of results/report for a browser on this machine, and for nobody else."""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from ..errors import CcdlibError
from ..limits import end_with_parent
from .ending import held, let_through

__all__ = ["HOST", "Serving", "server"]

HOST = "127.0.0.1"
_START = "live.html"
_TYPES = {".html": "text/html; charset=utf-8", ".png": "image/png"}
_NAMES = {HOST, "localhost"}
# seconds after which a server that ends is started again
_PAUSE = 10.0


class _Handler(BaseHTTPRequestHandler):
    """Gives the files of one folder by their names, and nothing else."""

    server_version, sys_version = "ccdlib", ""

    def __init__(self, folder, *arguments):
        self.folder = folder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with what is said of a page before it."""
        self._answer(with_body=False)

    def _answer(self, with_body):
        # a page of another site could reach this server under a name of its own
        if (self.headers.get("Host") or "").rpartition(":")[0] not in _NAMES:
            self.send_error(HTTPStatus.FORBIDDEN, "asked for under another name")
            return
        content, kind = self._page()
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def _page(self):
        """Content and type of the file that is asked for, None for what is no file of the folder.

        The name is looked for among those that are there: none leads elsewhere.
        """
        name = unquote(urlsplit(self.path).path).removeprefix("/") or _START
        kind = _TYPES.get(os.path.splitext(name)[1])
        try:
            entries = {entry.name: entry for entry in os.scandir(self.folder)}
            if kind and name in entries and entries[name].is_file(follow_symlinks=False):
                with open(entries[name].path, "rb") as file:
                    return file.read(), kind
        except OSError:
            # written anew at this moment, or not there yet
            pass
        return None, None

    def log_message(self, format: str, *arguments: object) -> None:
        """A page asks again each few seconds: nothing to tell."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A browser that went away meanwhile is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def server(folder: str, port: int) -> ThreadingHTTPServer:
    """A server of the files of a folder, on the loopback interface alone.

    Parameters
    ----------
    folder : str
    port : int
        0 for one that is free.

    Raises
    ------
    CcdlibError
        If the port is in use, or may not be used.
    """
    try:
        return _Server((HOST, port), partial(_Handler, folder))
    except (OSError, OverflowError) as error:
        raise CcdlibError(f"--serve {port}: {error}") from None


class Serving:
    """A process that serves a folder, started again when it ends.

    Parameters
    ----------
    folder : str
        Made if need be.
    port : int
        0 for one that is free.
    tell : callable
        Is given each line for the terminal.
    first : callable
        Called in the process before it serves.
    clock : callable
        Seconds that never run back.

    Raises
    ------
    CcdlibError
        As `server`.
    """

    def __init__(
        self,
        folder: str,
        port: int,
        tell: Callable[[str], None],
        first: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        os.makedirs(folder, exist_ok=True)
        # it stays open here, so that no other process gets its port between two servers
        self._server = server(folder, port)
        self._tell, self._first, self._clock = tell, first, clock
        self.port = self._server.server_port
        tell(f"http://{HOST}:{self.port}/ has the live page, for this machine alone")
        self._start()

    def _start(self) -> None:
        self._started, parent = self._clock(), os.getpid()
        with held():
            self.pid: int | None = os.fork()
            if self.pid == 0:
                self._serve(parent)

    def _serve(self, parent: int) -> None:
        """What the process does; it does not return."""
        try:
            let_through()
            end_with_parent(parent)
            self._first()
            # Ctrl-C is for the watch, which ends it
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._server.serve_forever()
        finally:
            os._exit(1)

    def look(self) -> None:
        """Start it again where it has ended, at once or ten seconds after it was started."""
        if self.pid is not None and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.pid = None
            self._tell("the process that serves the live page has ended; it is started again")
        if self.pid is None and self._clock() - self._started >= _PAUSE:
            self._start()

    def close(self) -> None:
        """In another process: leave it alone."""
        self._server.server_close()

    def stop(self) -> None:
        """End it."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._server.server_close()
