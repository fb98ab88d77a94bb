"""JSON products with a digest of their own content, as FITS products have their checksums."""

import hashlib
import json
from typing import Any

__all__ = ["is_sealed", "sealed"]


def _digest(content):
    text = json.dumps({key: value for key, value in content.items() if key != "digest"})
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """What is written of a product: its content and, last, the SHA-256 of that."""
    return content | {"digest": _digest(content)}


def is_sealed(content: Any) -> bool:
    """Whether what was read of a product is what was written."""
    return isinstance(content, dict) and content.get("digest") == _digest(content)
