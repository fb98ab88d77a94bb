"""What `ccdlib why` says of a raw frame that is in no plan."""

import pytest

from ccdlib.commands.why import _not_planned
from ccdlib.index.index_tables import INDEX_TABLE


@pytest.mark.parametrize("asked", ["night/torn.fits", "torn.fits", "night/torn"])
def test_a_refused_raw_frame_has_its_reason(tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    row = dict.fromkeys(INDEX_TABLE.columns)
    torn = {"file": "night/torn.fits", "frame": "night/torn", "status": "refused"}
    whole = {"file": "night/whole.fits", "frame": "night/whole", "status": "ok"}
    INDEX_TABLE.write([row | torn | {"reason": "truncated"}, row | whole])
    assert _not_planned(asked) == "night/torn.fits is refused: truncated"
    assert _not_planned("whole.fits") is None
