"""Several nodes of our server, which serve one room over one engine, as one server to judge."""
import contextlib
import itertools

from parley.conformance.targets import launch


class Cluster:
    """Looks like a `targets.Launched` with the workers of all nodes, which are numbered in turn by node.

    So two actors on different workers are on different nodes, and one after the other who connects to the shared port
    comes to the next node.
    """

    def __init__(self, servers):
        self._servers = servers
        self._next = itertools.cycle(servers)
        self.nodes = len(servers)
        self.workers = sum(server.workers for server in servers)

    def address(self, protocol="line"):
        """(host, port) that all workers of one node share for the protocol; of another node each time."""
        return next(self._next).address(protocol)

    def worker_address(self, index, protocol="line"):
        """(host, port) of one worker's private listener."""
        number, node = divmod(index, len(self._servers))
        return self._servers[node].worker_address(number, protocol)

    @property
    def stdout(self):
        """The lines of all nodes, one node after the other."""
        return [line for server in self._servers for line in server.stdout]

    def wait_for_line(self, satisfied, seconds):
        """True as soon as a line of each node satisfies."""
        return all(server.wait_for_line(satisfied, seconds) for server in self._servers)

    def stderr_size(self):
        """A start for `stderr_text`."""
        return [server.stderr_size() for server in self._servers]

    def stderr_text(self, start=None):
        return "".join(server.stderr_text(its) for server, its in zip(self._servers, start or itertools.repeat(0)))

    @property
    def exit_code(self):
        """None while one of them runs."""
        codes = [server.exit_code for server in self._servers]
        return None if None in codes else max(codes)

    def terminate(self):
        """Ask all to end, without waiting."""
        for server in self._servers:
            server.terminate()


@contextlib.contextmanager
def launch_nodes(engine, name, nodes, workers, config, **options):
    """`nodes` running servers of so many workers, whose log on the engine has this name; ended when the block ends.

    The options are those of `launch`.
    """
    with contextlib.ExitStack() as stack:
        yield Cluster([stack.enter_context(launch(workers, on_engine(config, engine, name, node), **options))
                       for node in range(nodes)])


def on_engine(config, engine, name, node):
    """The configuration of one node of the log of this name."""
    redis = {"url": engine.url, "name": name, "node": "node%d" % node}
    return dict(config, storage=dict(config.get("storage", {}), redis=redis))
