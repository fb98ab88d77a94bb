"""What the plan depends on beside the index, and whether the plan that is there was made of it."""

from collections.abc import Sequence
from typing import Any

from ..state import digest_of
from ..trigger import Trigger

__all__ = ["PLANNING", "digest_of_planning"]

PLANNING = Trigger(".ccdlib/planning", ".ccdlib/planned")


def digest_of_planning(settings: dict[str, Any], corrections: Sequence[str], code: str) -> str:
    """One digest of what the job of the plan is given.

    Parameters
    ----------
    settings : dict
        From `ccdlib.config.plan_settings`.
    corrections : sequence of str
        SHA-256 of the table of corrections, if there is one.
    code : str
        Digest of the job's code.
    """
    return digest_of([settings, list(corrections), code])
