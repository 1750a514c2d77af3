"""The media type of a file by its first bytes: one of four kinds of pictures, or else just bytes.

Neither its name nor what the client says of it counts: an HTML page that is named like a picture must be shown neither
as a page nor as a picture.
"""

BYTES = "application/octet-stream"
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
ENOUGH = 16  # bytes at the beginning that decide


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
