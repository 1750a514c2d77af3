"""What needs no server: a certificate, a configuration and examples to start from (cert, config, example)."""
import os
import sys

import parley
from parley.server import certificates
from parley.server.commands.printing import print_line
from parley.server.commands.reaching import Failure

_PACKAGE = os.path.dirname(os.path.abspath(parley.__file__))


def config(arguments):
    """Print config.yaml as it is shipped."""
    _print_file(os.path.join(_PACKAGE, "config.yaml"))


def cert(arguments):
    """Make a certificate, and say what to do with it."""
    names = arguments.names or certificates.own_names()
    try:
        is_new = certificates.make(arguments.directory, names)
    except certificates.CannotMake as error:
        raise Failure(str(error)) from None
    ca, key, server, server_key = [
        os.path.normpath(os.path.join(arguments.directory, name)) for name in
        (certificates.CA, certificates.CA_KEY, certificates.SERVER, certificates.SERVER_KEY)]
    if is_new:
        print_line("%s: for everybody who connects; valid for ten years" % ca)
        print_line("%s: to renew the server's certificate. Keep it secret: whoever has it can be any host to those who"
                   " trust %s" % (key, ca))
    print_line("%s, %s: for the server; valid for %d days, for %s"
               % (server, server_key, certificates.SERVER_DAYS, ", ".join(names)))
    print_line("In config.yaml: tls: {certificate: %s, key: %s, listen: {line: 4001, web: 8443}}"
               % (server, server_key))
    print_line("To connect: parley-client --trust %s line+tls://%s:4001" % (ca, names[0]))


def example(arguments):
    """Print one of the examples, or the list of their names."""
    folder = next(filter(os.path.isdir, (os.path.join(place, "examples") for place in parley.__path__)))
    names = sorted(name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name)))
    if arguments.name is None:
        print(*names, sep="\n")
    elif arguments.name in names:
        _print_file(os.path.join(folder, arguments.name))
    else:
        raise Failure("there is no example %r; without a name, all are listed" % arguments.name)


def _print_file(path):
    with open(path, encoding="utf-8") as file:
        sys.stdout.write(file.read())
