"""What ships: listed with its digest, and small."""

import hashlib

from vrgen.doctor import DIGESTS
from vrgen.resources import ASSETS, SHADERS

SHIPPED = sorted(path for path in (ASSETS / "checkpoints").glob("*") if path.is_file())


def test_checkpoints_are_listed_with_their_digests() -> None:
    made = "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  checkpoints/{p.name}\n" for p in SHIPPED)
    listed = DIGESTS.read_text(encoding="utf-8") if DIGESTS.is_file() else ""
    assert listed == made, "in assets/ run: LC_ALL=C sha256sum checkpoints/* > SHA256SUMS"


def test_assets_are_under_20_mb_together() -> None:
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) < 20e6


def test_shaders_are_there() -> None:
    assert any(SHADERS.glob("*.vert")) and any(SHADERS.glob("*.frag"))
