"""The recipe for nginx in docs/web.md, with a real nginx in front of a real server."""
import os
import re
import shutil
import socket
import subprocess
import time

import pytest
from web_client import PATIENCE, WebClient, ask

from parley.conformance.targets import launch

HERE = os.path.dirname(os.path.abspath(__file__))
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
TRIES = 20  # to find a port that nobody takes meanwhile

CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{ listen 127.0.0.1:{port}; {recipe} }}
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx here (Debian: apt-get install nginx)")


def recipe(port):
    """The block of docs/web.md, for a server at this port."""
    with open(os.path.join(os.path.dirname(HERE), "docs", "web.md"), encoding="utf-8") as file:
        block, = re.findall("```nginx\n(.*?)```", file.read(), re.DOTALL)
    assert "127.0.0.1:8000" in block
    return block.replace("127.0.0.1:8000", "127.0.0.1:%d" % port)


@pytest.fixture(scope="module")
def server():
    with launch(workers=2, protocols=("web",), config={"web": {"path": "/parley"}, "listen": {
            "line": False, "binary": False, "padded": False, "delimited": False, "dollar": False, "web": 0}}) as server:
        yield server


@pytest.fixture(scope="module")
def front(server, tmp_path_factory):
    """The address of an nginx in front of the server."""
    folder = tmp_path_factory.mktemp("nginx")
    for _ in range(TRIES):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            address = sock.getsockname()
        config = CONFIG.format(folder=folder, port=address[1], recipe=recipe(server.address("web")[1]))
        (folder / "nginx.conf").write_text(config)
        nginx = subprocess.Popen([NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if serves(nginx, address):
                yield address
                return
        finally:
            nginx.terminate()
            nginx.wait(PATIENCE)
    raise AssertionError("nginx does not start:\n" + (folder / "error.log").read_text())


def serves(nginx, address):
    """Does it listen there? Not if it has ended, because somebody else has the port."""
    deadline = time.monotonic() + PATIENCE
    while nginx.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(address).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def test_requests_go_through_with_their_path(front):
    assert ask(front, "/parley/readyz")[::2] == (200, b"ok\n")
    assert ask(front, "/parley/nothing")[0] == 404


def test_a_page_behind_the_proxy_may_connect_and_another_may_not(front):
    host = "Host: chat.example"
    ann = WebClient(front, "/parley/chat", [host, "Origin: https://chat.example"])
    assert ann.answer("login", name="p-ann")["on"] == "welcome"
    assert ann.answer("say", text="x" * 16384)["on"] == "done"
    ann.close()
    with pytest.raises(AssertionError, match="403"):
        WebClient(front, "/parley/chat", [host, "Origin: https://evil.example"])


def test_the_log_has_the_address_of_the_client_and_not_of_the_proxy(front, server):
    bob = WebClient(front, "/parley/chat", ["X-Forwarded-For: 203.0.113.9"], source="127.0.0.9")
    assert bob.answer("login", name="p-bob")["on"] == "welcome"
    bob.close()
    deadline, lines = time.monotonic() + PATIENCE, []
    while not lines and time.monotonic() < deadline:
        time.sleep(0.02)
        lines = [line for line in server.stderr_text().splitlines() if "name=p-bob" in line]
    assert "connection ended" in lines[0] and "host=127.0.0.9 " in lines[0]
