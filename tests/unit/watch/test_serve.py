"""The server gives the pages of one folder to this machine, and nothing else."""

import http.client
import os
import signal
import socket
import threading

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.watch.serve import HOST, Serving, server


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "live.html").write_text("live")
    (folder / "2024-05-13.html").write_text("night")
    (folder / "secret.txt").write_text("secret")
    (tmp_path / "outside.html").write_text("outside")
    os.symlink(tmp_path / "outside.html", folder / "link.html")
    (folder / "deep").mkdir()
    (folder / "deep/page.html").write_text("deep")
    own = server(str(folder), 0)
    thread = threading.Thread(target=own.serve_forever)
    thread.start()
    yield own
    own.shutdown()
    own.server_close()
    thread.join()


def asked(served, path, method="GET", host=None):
    connection = http.client.HTTPConnection(HOST, served.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"{HOST}:{served.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


@pytest.mark.parametrize(
    ("path", "content"),
    [("/", "live"), ("/live.html?a=1", "live"), ("/2024-05-13.html", "night")],
)
def test_pages_are_served(served, path, content):
    assert asked(served, path) == (200, content)
    assert asked(served, path, "HEAD") == (200, "")


@pytest.mark.parametrize(
    "path",
    [
        *("/../outside.html", "/%2e%2e/outside.html", "/..%2foutside.html", "//etc/passwd"),
        *("/link.html", "/secret.txt", "/deep/page.html", "/deep", "/missing.html", "/%00.html"),
        *("/live.html/", "/./live.html", "/live.html%00", "/report/live.html"),
    ],
)
def test_nothing_else_is(served, path):
    assert asked(served, path)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", f"{HOST}.evil.example:80"])
def test_another_name_is_refused(served, host):
    assert asked(served, "/", host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:22"])
def test_names_of_this_machine_are_answered(served, host):
    assert asked(served, "/", host=host)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_page_can_only_be_read(served, method):
    assert asked(served, "/", method)[0] == 501


def test_it_listens_on_the_loopback_interface_alone(served):
    assert served.socket.getsockname()[0] == "127.0.0.1"
    assert served.socket.family == socket.AF_INET


def test_a_port_in_use_is_told(served, tmp_path):
    with pytest.raises(CcdlibError, match=f"--serve {served.server_port}: .*in use"):
        server(str(tmp_path), served.server_port)


def test_a_port_that_cannot_be_is_told(tmp_path):
    with pytest.raises(CcdlibError, match="--serve 70000: "):
        server(str(tmp_path), 70000)


def test_one_that_is_killed_is_started_again_on_its_port(tmp_path):
    (tmp_path / "live.html").write_text("live")
    told, now = [], [0.0]
    own = Serving(str(tmp_path), 0, told.append, lambda: None, clock=lambda: now[0])
    try:
        own.server_port = own.port
        assert asked(own, "/") == (200, "live")
        own.look()
        assert len(told) == 1
        first = own.pid
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        # not again and again, where it cannot be
        own.look()
        assert own.pid is None
        assert told[1:] == ["the process that serves the live page has ended; it is started again"]
        now[0] = 10.0
        own.look()
        assert own.pid not in (None, first)
        assert asked(own, "/") == (200, "live")
        assert len(told) == 2
    finally:
        own.stop()
