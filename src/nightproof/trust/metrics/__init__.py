"""The metrics, by name. To add one: a file here and a line in `METRICS`; the contract test does the rest."""

from nightproof.trust.metrics.flip import Flip
from nightproof.trust.metrics.lpips import Lpips
from nightproof.trust.metrics.metric import ImagePair, ImageSequence, Metric
from nightproof.trust.metrics.structural import Psnr, Ssim, WorstTile
from nightproof.trust.metrics.vmaf import Vmaf

METRICS: dict[str, Metric] = {metric.name: metric for metric in (Ssim(), Psnr(), Flip(), Lpips(), Vmaf(), WorstTile())}

__all__ = ["METRICS", "ImagePair", "ImageSequence", "Metric"]
