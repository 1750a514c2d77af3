"""The page's modules that need no page, tested in Node."""
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "server" / "http" / "page"
OLDEST_NODE = 18  # has node:test


def node_or_skip():
    """The path of Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    version = subprocess.run([node, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    if int(re.match(r"v(\d+)", version).group(1)) < OLDEST_NODE:
        pytest.skip("Node %s is older than %d" % (version, OLDEST_NODE))
    return node


@pytest.mark.parametrize("name", ["text.test.mjs", "net.test.mjs", "model.test.mjs", "seal.test.mjs"])
def test_the_scripts_tests_pass(name, tmp_path):
    node = node_or_skip()
    # Beside the modules, and where Node is told that they are modules: browsers are told by the page.
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    for path in [*PAGE.glob("*.js"), HERE / name, HERE.parent.parent / "docs" / "sealing-vectors.json"]:
        shutil.copy(str(path), str(tmp_path))
    done = subprocess.run([node, name], cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=200, check=False)
    output = done.stdout.decode()
    assert done.returncode == 0, output
    assert re.search(r"pass \d+", output), output
