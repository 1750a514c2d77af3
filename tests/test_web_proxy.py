"""The recipes for nginx and Caddy in docs/web.md, with a real one of each in front of a real server."""
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

CADDY = shutil.which("caddy")
CADDY_CONFIG = """
{{
    admin off
    auto_https off
    grace_period 1s
}}
{recipe}
"""


def recipe(language, **instead):
    """The block of docs/web.md in this language, with other addresses of the server and the site."""
    with open(os.path.join(os.path.dirname(HERE), "docs", "web.md"), encoding="utf-8") as file:
        block, = re.findall("```%s\n(.*?)```" % language, file.read(), re.DOTALL)
    for name, other in instead.items():
        written = {"server": "127.0.0.1:8000", "site": "chat.example.org"}[name]
        assert written in block
        block = block.replace(written, other)
    return block


@pytest.fixture(scope="module")
def server():
    with launch(workers=2, protocols=("web",), config={"web": {"path": "/parley"}, "listen": {
            "line": False, "binary": False, "padded": False, "delimited": False, "dollar": False, "irc": False,
            "web": 0}}) as server:
        yield server


def nginx(folder, port, server):
    """The command line of an nginx at a port, in front of a server."""
    if NGINX is None:
        pytest.skip("there is no nginx here (Debian: apt-get install nginx-light)")
    config = CONFIG.format(folder=folder, port=port, recipe=recipe("nginx", server=server))
    (folder / "nginx.conf").write_text(config)
    return [NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def caddy(folder, port, server):
    """Likewise of a Caddy."""
    if CADDY is None:
        pytest.skip("there is no Caddy here (Debian: apt-get install caddy)")
    site = "http://:%d" % port  # any host, as a browser has it in Host
    block = recipe("caddy", server=server, site=site).replace("{\n", "{\n    bind 127.0.0.1\n", 1)
    (folder / "Caddyfile").write_text(CADDY_CONFIG.format(recipe=block))
    return [CADDY, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def front(request, server, tmp_path_factory):
    """The address of a proxy in front of the server."""
    folder = tmp_path_factory.mktemp("proxy")
    for _ in range(TRIES):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            address = sock.getsockname()
        command = request.param(folder, address[1], "127.0.0.1:%d" % server.address("web")[1])
        with open(str(folder / "output"), "wb") as output:
            proxy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                     env=dict(os.environ, HOME=str(folder), XDG_DATA_HOME=str(folder)))
        try:
            if serves(proxy, address):
                yield address
                return
        finally:
            proxy.terminate()
            proxy.wait(PATIENCE)
    raise AssertionError("it does not start:\n" + (folder / "output").read_text())


def serves(proxy, address):
    """Does it listen there? Not if it has ended, because somebody else has the port."""
    deadline = time.monotonic() + PATIENCE
    while proxy.poll() is None and time.monotonic() < deadline:
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
    before = server.stderr_size()
    bob = WebClient(front, "/parley/chat", ["X-Forwarded-For: 203.0.113.9"], source="127.0.0.9")
    assert bob.answer("login", name="p-bob")["on"] == "welcome"
    bob.close()
    deadline, lines = time.monotonic() + PATIENCE, []
    while not lines and time.monotonic() < deadline:
        time.sleep(0.02)
        lines = [line for line in server.stderr_text(before).splitlines() if "name=p-bob" in line]
    assert "connection ended" in lines[0] and "host=127.0.0.9 " in lines[0]
