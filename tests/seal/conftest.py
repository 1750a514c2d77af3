"""Sealing takes `cryptography`."""
import pytest

pytest.importorskip("cryptography")
