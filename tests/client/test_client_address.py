"""What a URL means."""
import pytest

from parley.client import Address, parse

MEANS = {
    "line://chat.example:5000": Address("line", "chat.example", 5000, False),
    "line://chat.example": Address("line", "chat.example", 4000, False),
    "binary://chat.example/": Address("binary", "chat.example", 12000, False),
    "padded://chat.example": Address("padded", "chat.example", 5050, False),
    "delimited://chat.example": Address("delimited", "chat.example", 9000, False),
    "dollar+tls://chat.example": Address("dollar", "chat.example", 8080, True),
    "localhost": Address("line", "localhost", 4000, False),
    "127.0.0.1:5050": Address("line", "127.0.0.1", 5050, False),
    " line://[::1]:4001 ": Address("line", "::1", 4001, False),
    "web://chat.example": Address("web", "chat.example", 8000, False),
    "web://chat.example:80/": Address("web", "chat.example", 80, False),
    "web+tls://[::1]/parley/": Address("web", "::1", 8000, True, "/parley"),
}
MEANS_NOTHING = ["", "irc://chat.example", "line://", "line://a:b", "line://a:0", "line://a:70000", "a b", "line//a",
                 "://a", "ann@chat.example", "line://a:1/room", "web://a/b c", "web://a/?b", "localhost/parley"]


@pytest.mark.parametrize("url", sorted(MEANS))
def test_a_url_means_an_address(url):
    assert parse(url) == MEANS[url]
    assert parse(str(MEANS[url])) == MEANS[url]


@pytest.mark.parametrize("url", MEANS_NOTHING)
def test_what_is_no_address_is_refused_with_a_sentence(url):
    with pytest.raises(ValueError, match=r"not an address|not a port"):
        parse(url)
