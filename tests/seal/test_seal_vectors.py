"""The published vectors: docs/sealing-vectors.json, which the page's code reads as well."""
import hashlib
import io
import json
import os
import tracemalloc

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from parley.client.seal import devices, envelope, files, hpke
from parley.client.sealed import SealedFile

PATH = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "sealing-vectors.json")
with open(PATH, encoding="utf-8") as _file:
    VECTORS = json.load(_file)


def raw(value):
    return bytes.fromhex(value)


def keys(word):
    of = VECTORS["devices"][word]
    return devices.Keys(Ed25519PrivateKey.from_private_bytes(raw(of["identity"])),
                        [(X25519PrivateKey.from_private_bytes(raw(of["sealing"])), 0)])


def test_hpke_is_that_of_the_rfc():
    for one in VECTORS["hpke"]:
        private, ephemeral = (X25519PrivateKey.from_private_bytes(raw(one[key])) for key in ("private", "ephemeral"))
        info, text, aad = (raw(one[key]) for key in ("info", "text", "aad"))
        receiver = hpke.public_bytes(private.public_key())
        assert hpke.seal(receiver, info, text, aad, ephemeral, one["aead"]) == raw(one["sealed"])
        assert hpke.open_(private, info, raw(one["sealed"]), aad, one["aead"]) == text
        assert hpke.open_(private, info, hpke.seal(receiver, info, text), b"") == text  # with keys by chance


def test_lists_are_read_as_published():
    for word, one in VECTORS["devices"].items():
        assert (keys(word).id.hex(), keys(word).public.hex(), keys(word).sealing_public.hex()) == (
            one["id"], one["public"], one["sealing_public"])
    lists = [devices.read(raw(one["data"]), one["name"]) for one in VECTORS["lists"]]
    for one, read in zip(VECTORS["lists"], lists):
        assert read.number == one["number"]
        assert sorted(identity.hex() for identity in read.vouched) == one["vouched"]
        assert [entry.id.hex() for entry in read.in_use] == one["in_use"]
    for one in VECTORS["judged"]:
        assert devices.judge(lists[one["old"]], lists[one["new"]]) == one["is"], one
    ann, bob = keys("ann"), keys("bob")
    assert devices.digits("bob", bob.public, "ann", ann.public) == VECTORS["digits"]


def test_envelopes_are_opened_as_published():
    identity = keys("ann").public
    for one in VECTORS["letters"]:
        parts = envelope.read(one["envelope"])
        assert parts.at == one["at"]
        envelope.check(identity, "ann", one["place"], parts)
        for word in ("ann", "ann's phone", "bob"):
            assert envelope.open_letter(keys(word), "ann", one["place"], parts) == (one["what"], raw(one["content"]))
    chain = envelope.read_chain(raw(VECTORS["letters"][-1]["content"]))
    now = chain
    for one in VECTORS["speeches"]:
        parts = envelope.read(one["envelope"])
        envelope.check(identity, "ann", one["place"], parts)
        assert envelope.chain_of(parts) == (raw(one["chain"]), one["index"])
        said = one["what"], raw(one["content"])
        assert envelope.open_speech(chain, "ann", one["place"], parts) == said
        assert envelope.speech(keys("ann"), "ann", one["place"], one["at"], now, *said) == one["envelope"]
        now = envelope.next_of(now)


def test_files_are_sealed_and_opened_as_published():
    for one in VECTORS["files"]:
        plain = (bytes(range(251)) * (one["size"] // 251 + 1))[:one["size"]]
        kept = io.BytesIO()
        assert files.seal(io.BytesIO(plain), kept, raw(one["key"])) == (one["size"], raw(one["hash"]))
        data = kept.getvalue()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (one["sealed_size"], one["sealed_sha256"])
        assert data.hex().startswith(one["sealed_begins"])
        assert files.sealed_size(one["size"]) == len(data)
        told = files.read(raw(one["content"]))
        assert (told.key, told.hash, told.size, told.name) == (
            raw(one["key"]), raw(one["hash"]), one["size"], "Plan \u00fc.pdf")
        assert files.content_of(told) == raw(one["content"])
        for step in (1000, len(data)):
            opening = files.Opening(told)
            assert b"".join(opening.open(data[at:at + step]) for at in range(0, len(data), step)) == plain
            opening.end()


def test_of_a_file_a_few_chunks_are_held_at_a_time(tmp_path):
    paths = [tmp_path / name for name in ("plain", "kept", "opened")]
    paths[0].write_bytes(bytes(4 << 20))
    tracemalloc.start()
    try:
        with paths[0].open("rb") as plain, paths[1].open("wb") as kept:
            size, digest = files.seal(plain, kept, bytes(32))
        opening = files.Opening(SealedFile.of("0" * 32, bytes(32), digest, size, "a"))
        with paths[1].open("rb") as kept, paths[2].open("wb") as opened:
            for data in iter(lambda: kept.read(5000), b""):
                opened.write(opening.open(data))
        opening.end()
        assert tracemalloc.get_traced_memory()[1] < 16 * files.CHUNK  # of 64; since 3.14 each open file has two itself
    finally:
        tracemalloc.stop()
    assert paths[2].read_bytes() == bytes(4 << 20)
