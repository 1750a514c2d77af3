from parley.server.protocols.seldom import NONE, Seldom


class Client:
    __slots__ = ("seldom",)
    draft = Seldom(None)
    found = Seldom(())

    def __init__(self):
        self.seldom = NONE


def test_an_attribute_takes_room_only_where_it_is_not_as_usual():
    ann, bob = Client(), Client()
    assert (ann.draft, ann.found) == (None, ())
    ann.draft, ann.found = "a text", (b"#dev",)
    bob.found = ()
    assert (ann.draft, ann.found, bob.found) == ("a text", (b"#dev",), ())
    assert bob.seldom is NONE
    ann.draft = None
    assert (ann.draft, ann.found) == (None, (b"#dev",))
    ann.found = ()
    assert ann.found == () and ann.seldom is NONE and NONE == {}
