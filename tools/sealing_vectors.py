"""Write docs/sealing-vectors.json anew: python tools/sealing_vectors.py > docs/sealing-vectors.json

All keys in it are made of words, so that it is the same each time; and known to everybody.
"""
import hashlib
import io
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from parley.client.seal import devices, envelope, files
from parley.client.sealed import SealedFile
from parley.server.files.shown import clean, size_of

# RFC 9180, A.1.1, and of the same authors' test vectors the one for AES-256-GCM: mode 0, the first encryption.
HPKE = [
    {"aead": 1, "private": "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
     "ephemeral": "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
     "sealed": "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
               "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"},
    {"aead": 2, "private": "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
     "ephemeral": "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11",
     "sealed": "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
               "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"},
]
for one in HPKE:
    one.update(info="4f6465206f6e2061204772656369616e2055726e", aad="436f756e742d30",
               text="4265617574792069732074727574682c20747275746820626561757479")
NAMES = [
    "plan.pdf", "/etc/passwd", "..\\..\\evil.exe", "..", "", ".bashrc", "con.txt", "a\nMSG bob hi",
    "photo\u202egnp.exe", "x: https:evil", "a\u2028b\ud800d", "  a \t  b  ", "e\u0301", "n" * 300 + ".tar",
    "\u540d" * 120 + ".pdf", "a." + "x" * 300, '<img src=x onerror="f()">.png']
SIZES = [1, 999, 1000, 99949, 99950, 999499, 999500, 25 << 20, 5 << 30]
AT = 1795000000000  # milliseconds since the epoch


def secret(word):
    """32 bytes that everybody knows."""
    return hashlib.sha256(b"a public test key: " + word.encode()).digest()


def keys(word):
    """The keys of a device."""
    return devices.Keys(Ed25519PrivateKey.from_private_bytes(secret(word + " identity")),
                        [(X25519PrivateKey.from_private_bytes(secret(word + " sealing")), 0)])


def sealed_file(size):
    """(what the file has of a sealed one, and what a message says of it). Its bytes are 0 to 250, again and again."""
    plain, sealed, key = (bytes(range(251)) * (size // 251 + 1))[:size], io.BytesIO(), secret("file %d" % size)
    _, digest = files.seal(io.BytesIO(plain), sealed, key)
    content = files.content_of(SealedFile.of(secret("id %d" % size)[:16].hex(), key, digest, size, "Plan ü.pdf"))
    return {"size": size, "key": key.hex(), "hash": digest.hex(), "content": content.hex(),
            "sealed_size": len(sealed.getvalue()), "sealed_sha256": hashlib.sha256(sealed.getvalue()).hexdigest(),
            "sealed_begins": sealed.getvalue()[:64].hex()}, content


def vectors():
    """What the file has, as JSON has it: bytes are hexadecimal."""
    ann, phone, bob, eve = map(keys, ("ann", "ann's phone", "bob", "eve"))
    first = devices.with_device(None, "ann", ann)
    second = devices.with_device(first, "ann", phone)
    third = devices.changed(second, ann, vouch=[phone.id])
    fourth = devices.changed(third, ann, remove=[phone.id])
    of_bob = devices.with_device(None, "bob", bob)
    other = devices.with_device(devices.with_device(None, "ann", eve), "ann", phone)
    chain = envelope.Chain(secret("chain")[:8], 0, secret("sender key"))
    all_keys = [ann.sealing_public, phone.sealing_public, bob.sealing_public]

    def letter(place, at, what, content):
        ephemerals = [X25519PrivateKey.from_private_bytes(secret("%d %d" % (at, one))) for one in range(3)]
        return envelope.letter(ann, "ann", place, at, all_keys, what, content, secret("content %d" % at), ephemerals)

    texts = ["hi", "Grüße, 世界 \U0001f512", "x" * 1500]
    letters = [{"place": "bob", "at": AT + at, "what": 0, "content": text.encode().hex(),
                "envelope": letter("bob", AT + at, 0, text.encode())} for at, text in enumerate(texts)]
    sealed_files = [sealed_file(size) for size in (1, 65536, 65537, 200000)]
    letters.append({"place": "bob", "at": AT + 9, "what": 2, "content": sealed_files[0][1].hex(),
                    "envelope": letter("bob", AT + 9, 2, sealed_files[0][1])})
    told = envelope.chain_content(chain)
    letters.append({"place": "#dev", "at": AT + 10, "what": 1, "content": told.hex(),
                    "envelope": letter("#dev", AT + 10, 1, told)})
    speeches, now = [], chain
    said = [(0, text.encode()) for text in texts] + [(2, sealed_files[-1][1])]
    for at, (what, content) in enumerate(said, 11):
        speeches.append({"place": "#dev", "at": AT + at, "chain": now.id.hex(), "index": now.index, "what": what,
                         "content": content.hex(),
                         "envelope": envelope.speech(ann, "ann", "#dev", AT + at, now, what, content)})
        now = envelope.next_of(now)
    return {
        "about": "Test vectors of docs/sealing.md. Bytes are hexadecimal. All private keys are known to everybody.",
        "hpke": HPKE,
        "devices": {word: {"identity": secret(word + " identity").hex(), "sealing": secret(word + " sealing").hex(),
                           "id": one.id.hex(), "public": one.public.hex(), "sealing_public": one.sealing_public.hex()}
                    for word, one in (("ann", ann), ("ann's phone", phone), ("bob", bob), ("eve", eve))},
        "lists": [{"name": one.name, "number": one.number, "data": one.data.hex(),
                   "vouched": sorted(identity.hex() for identity in one.vouched),
                   "in_use": [entry.id.hex() for entry in one.in_use]}
                  for one in (first, second, third, fourth, of_bob, other)],
        "judged": [{"old": old, "new": new, "is": devices.judge(*lists)} for old, new, lists in (
            (0, 0, (first, first)), (0, 1, (first, second)), (0, 2, (first, third)), (1, 2, (second, third)),
            (2, 3, (third, fourth)), (2, 1, (third, second)), (3, 2, (fourth, third)), (2, 5, (third, other)))],
        "digits": devices.digits("ann", ann.public, "bob", bob.public),
        "letters": letters, "speeches": speeches, "files": [one for one, _ in sealed_files],
        "names": {name: clean(name) for name in NAMES}, "sizes": [[size, size_of(size)] for size in SIZES],
    }


if __name__ == "__main__":
    json.dump(vectors(), sys.stdout, indent=1)
    sys.stdout.write("\n")
