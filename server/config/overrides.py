"""What overrides the configuration's file: the environment, and flags."""
from parley.server.config.settings import USUAL_STORAGE
from parley.server.config.values import LOBBY, ConfigError, check_has_rooms, is_port, ports_with, room_name, suggestion
from parley.server.protocols import PROTOCOLS

PORT_VARIABLE = "CHAT_PORT"


def environment(variables, settings):
    """`settings` with the changes in the environment, {name: value}; ConfigError if a value is wrong."""
    port = variables.get(PORT_VARIABLE)
    return settings if port is None else with_port(settings, "line", port, "environment variable " + PORT_VARIABLE)


def with_port(settings, protocol, port, place):
    """`settings` with `protocol` on `port`; or ConfigError that names `place`.

    port: text: a number, or a number, ":" and the name of a room, or "off".
    """
    port, colon, room = port.partition(":")
    if protocol not in tuple(PROTOCOLS):
        raise ConfigError("%s: unknown protocol %r%s" % (place, protocol, suggestion(protocol, tuple(PROTOCOLS))))
    if port in ("off", "false"):
        given = {protocol: False}
    elif is_port(port):
        given = {protocol: int(port)}
    else:
        raise ConfigError("%s: %r is not a port; a port is a number from 0 to 65535" % (place, port))
    if colon and room not in LOBBY:
        try:
            check_has_rooms(protocol)
            if given[protocol] is False:
                raise ConfigError("a room's port cannot be off; leave it out")
            ports = (*settings.room_ports, (protocol, given[protocol], room_name(room)))
        except ConfigError as error:
            raise ConfigError("%s: %s" % (place, error)) from None
        return settings._replace(room_ports=ports)
    return settings._replace(listen=ports_with(settings.listen, given))


def storage(directory):
    """The `Storage` that --storage means; None for "memory"."""
    if not directory:
        raise ConfigError('--storage: expected a directory, or "memory", not an empty text')
    return None if directory == "memory" else USUAL_STORAGE._replace(directory=directory)
