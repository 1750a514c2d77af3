"""What a file is by its first bytes. Only of four kinds of pictures it is told; everything else is just bytes.

What a client says that it sends, and how it calls it, means nothing: a page of HTML with the name of a picture must not
be shown as a page, nor as a picture.
"""

BYTES = "application/octet-stream"
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
ENOUGH = 16  # bytes


def kind_of(beginning):
    """The media type; beginning: the first ENOUGH bytes."""
    if beginning.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if beginning.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if beginning.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "image/webp"
    return BYTES
