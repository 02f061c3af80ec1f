"""What every metric promises, of every metric in the table."""

import numpy as np
import pytest
from synthetic import SyntheticPairs

from nightproof.trust.metrics import METRICS, ImagePair, ImageSequence
from nightproof.trust.metrics.lpips import convolve
from nightproof.trust.metrics.torch_file import read_tensors


def shown(metric, level):
    pairs = SyntheticPairs(level)
    return ImagePair(*pairs.pair(0)) if metric.per == "view" else ImageSequence(*pairs.segment(0, 3))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_the_contract(metric):
    low, high = metric.bounds
    for value in np.linspace(low, min(high, 4.0), 5):
        assert metric.value(metric.error(value)) == pytest.approx(value)
        assert metric.error(value) >= 0
    better, worse = (high, low) if metric.higher_is_better else (low, min(high, 4.0))
    assert metric.error(better) == 0
    assert metric.error(better) < metric.error(worse)
    assert metric.magnitude(better) < metric.magnitude(worse)
    if reason := metric.unavailable():
        assert metric.name in ("lpips", "vmaf"), reason
        return
    values = [metric.measure(shown(metric, level)) for level in (0.0, 4.0, 40.0)]
    assert values[1] == metric.measure(shown(metric, 4.0))
    found = [metric.error(value) for value in values]
    assert found[0] < found[2]
    assert found[0] <= found[1] <= found[2]
    assert all(low <= value <= high for value in values)


def test_lpips_without_its_files_is_not_evaluated(monkeypatch, tmp_path):
    monkeypatch.delenv("NIGHTPROOF_LPIPS_WEIGHTS", raising=False)
    assert "alexnet" in METRICS["lpips"].unavailable()
    fake = tmp_path / "alexnet.pth"
    fake.write_bytes(b"not the weights")
    monkeypatch.setenv("NIGHTPROOF_LPIPS_WEIGHTS", str(fake))
    monkeypatch.setenv("NIGHTPROOF_LPIPS_HEADS", str(fake))
    assert "SHA-256" in METRICS["lpips"].unavailable()


def test_vmaf_without_ffmpeg_is_not_evaluated(monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    assert METRICS["vmaf"].unavailable()


def test_the_convolution_is_the_plain_loop():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(9, 8, 2)).astype(np.float32), rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    expected = [
        [np.einsum("yxi,oiyx->o", padded[r : r + 3, q : q + 3], weight) for q in range(0, 8, 2)] for r in range(0, 9, 2)
    ]
    np.testing.assert_allclose(convolve(x, weight, 2, 1), expected, atol=1e-5)


def test_a_checkpoint_that_runs_code_is_refused(tmp_path):
    import pickle

    from nightproof.errors import UnusableInput

    class Bomb:
        def __reduce__(self):
            return (print, ("boom",))

    path = tmp_path / "bomb.pth"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UnusableInput, match="no place"):
        read_tensors(path)
