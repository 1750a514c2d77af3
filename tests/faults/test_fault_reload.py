"""SIGHUP: the configuration is read again, live; one that is not fit for use changes nothing."""
import os
import signal

from stress.proofs.processes import wait_until

UNFIT = {
    "unknown key": "workerss: 2",
    "not YAML": "limits: [",
    "not UTF-8 and not YAML": "\x01",
    "wrong type": "echo: 3",
    "negative": "idle_timeout: -1",
    "not a number": "idle_timeout: .nan",
    "a list as a key": "[a]: 1",
    "a mapping as a key": "{a: 1}: 2",
    "an unknown tag": "workers: !what 3",
    "a date that is none": "host: 2020-13-45",
    "an integer that is none": "workers: !!int abc",
    "deeply nested": "[" * 5000,
    "half a pair of surrogates": 'tls: {certificate: "\\ud800"}',
}


def hup(server, times_read):
    """Ask to read again, and wait until it has."""
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: server.stderr_text().count("reread") >= times_read or server.exit_code is not None)
    assert server.exit_code is None, "the server died: " + server.stderr_text()[-1000:]


def test_echo_changes_for_those_who_are_here(start, settings, join):
    settings.write(echo=False)
    server = start(args=settings.args)
    both = [join(server.worker_address(slot), "user-%d" % slot) for slot in (0, 1)]
    settings.write(echo=True)
    hup(server, 1)
    for client in both:
        client.heard()  # what the workers heard of the change comes before this
        client.expect("MSG %s me too" % client.name, after="MSG me too")


def test_the_idle_timeout_changes_for_those_who_are_here(start, settings, join):
    settings.write(idle_timeout=60)
    server = start(workers=1, args=settings.args)
    client = join(server.address(), "ann")
    settings.write(idle_timeout=1)
    hup(server, 1)
    assert client.rest() == [b"INFO idle-timeout"]


def test_limits_change(start, settings, join):
    settings.write(limits={"line_bytes": 1000})
    server = start(workers=1, args=settings.args)
    before = join(server.address(), "before")
    settings.write(limits={"line_bytes": 50})
    hup(server, 1)
    before.heard()
    join(server.address(), "after").say("MSG " + 100 * "x")
    before.expect("INFO after disconnected")


def test_an_unfit_file_changes_nothing_and_is_logged(start, settings, join):
    settings.write(echo=True)
    server = start(workers=1, args=settings.args)
    client = join(server.address(), "ann")
    for number, (what, text) in enumerate(UNFIT.items(), 1):
        settings.write_text(text)
        hup(server, number)
        assert server.stderr_text().count("the old one stays in force: ") == number, what
        client.expect("MSG ann %d" % number, after="MSG %d" % number)


def test_a_pipe_is_not_read_again_and_nobody_waits_for_it(start, settings, join, tmp_path):
    settings.write(echo=True)
    server = start(workers=1, args=settings.args)
    client = join(server.address(), "ann")
    pipe = tmp_path / "pipe"
    os.mkfifo(str(pipe))
    settings.write(tls={"certificate": str(pipe)})
    hup(server, 1)
    client.expect("MSG ann one", after="MSG one")
    os.rename(str(pipe), settings.args[1])
    hup(server, 2)
    client.expect("MSG ann two", after="MSG two")
    assert server.stderr_text().count("a pipe, which cannot be read again") == 2


def test_a_file_that_is_gone_changes_nothing(start, settings, join):
    settings.write(echo=True)
    server = start(workers=1, args=settings.args)
    client = join(server.address(), "ann")
    os.unlink(settings.args[1])
    hup(server, 1)
    client.expect("MSG ann hi", after="MSG hi")


def test_a_storm_of_signals_does_no_harm(start, settings, join):
    settings.write(echo=False)
    server = start(args=settings.args)
    ann, bob = (join(server.worker_address(slot), name) for slot, name in enumerate(("ann", "bob")))
    for number in range(100):
        settings.write(echo=bool(number % 2))
        os.kill(server.pid, signal.SIGHUP)
        ann.say("MSG %d" % number)
    bob.expect(*["MSG ann %d" % number for number in range(100)])
    settings.write(echo=True)
    hup(server, server.stderr_text().count("reread") + 1)


def test_limits_of_rooms_and_the_message_of_the_day_change(start, settings, join):
    settings.write(rooms={"most": 1}, motd="Old.")
    server = start(workers=1, args=settings.args)
    ann = join(server.address(), "ann")
    ann.say("JOIN #a", "JOIN #b")
    ann.until("ERR too-many-rooms")
    settings.write(rooms={"most": 3}, motd="New.")
    hup(server, 1)
    ann.say("JOIN #b")
    ann.until("OK")
    join(server.address(), "bob").until("INFO New.")


def test_operators_that_have_no_account_change_nothing(start, settings, join):
    settings.write(motd="Old.")
    server = start(workers=1, args=settings.args)
    settings.write(operators=["ann"], motd="New.")
    hup(server, 1)
    assert "the old one stays in force: " in server.stderr_text()
    assert "the operator ann has no account with a password" in server.stderr_text()
    join(server.address(), "bob").until("INFO Old.")
