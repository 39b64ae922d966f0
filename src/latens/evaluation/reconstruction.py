"""How near reconstructions come to their originals: MSE, PSNR, SSIM.

Images are float [N, C, H, W] in [0, 1]; N images, C channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Images = npt.NDArray[np.floating[Any]]
PSNR_LIMIT = 100.0
SIGMA, RADIUS = 1.5, 5
C1, C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 with a dynamic range L of 1
# Five filtered maps in float32 of this many pixels each take about 20 MB.
PIXELS_AT_ONCE = 1 << 20


def image_mse(a: Images, b: Images) -> npt.NDArray[np.float64]:
    """Mean squared error of each image, float64 [N], in units of the [0, 1] range squared."""
    errors = np.subtract(a, b, dtype=np.float32).reshape(len(a), -1)
    return np.asarray(np.square(errors).mean(axis=1, dtype=np.float64))


def psnr(mse: npt.ArrayLike) -> float:
    """10 log10(1 / mean error) in dB; `mse` [N] holds each image's own error.

    This is the PSNR of the mean error, and not the (higher) mean of the images' PSNRs, which a
    few images that hardly differ, such as those that noise of a drawn strength spared, carry off.
    No error at all counts as 100 dB.
    """
    mean = float(np.mean(np.asarray(mse, dtype=np.float64)))
    return float(-10 * np.log10(max(mean, 10 ** (-PSNR_LIMIT / 10))))


def ssim(a: Images, b: Images) -> float:
    """Mean structural similarity, -1 to 1 (Wang, Bovik, Sheikh and Simoncelli 2004).

    An 11 x 11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, each channel by itself, then
    averaged. As in the paper only windows that lie inside the image count; images smaller than the
    window in either direction are reflected at the border and count everywhere.
    """
    step = max(1, PIXELS_AT_ONCE // int(np.prod(a.shape[1:])))
    total = sum(
        float(_ssim_map(a[i : i + step], b[i : i + step]).mean(axis=(1, 2, 3)).sum())
        for i in range(0, len(a), step)
    )
    return total / len(a)


def _ssim_map(a: Images, b: Images) -> npt.NDArray[np.float64]:
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    var_x = _window_mean(x * x) - mean_x**2
    var_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return np.asarray(likeness / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2)))


def _window_mean(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    blurred = gaussian_filter(x, (0, 0, SIGMA, SIGMA), mode="reflect", truncate=RADIUS / SIGMA)
    inside = slice(RADIUS, -RADIUS) if min(x.shape[2:]) > 2 * RADIUS else slice(None)
    return np.asarray(blurred[:, :, inside, inside])


def as_uint8(x: Images) -> npt.NDArray[np.uint8]:
    """Images from [0, 1] to the nearest of 0 to 255."""
    return np.asarray((np.clip(x, 0, 1) * 255).round(), dtype=np.uint8)


class Quality:
    """MSE, PSNR and SSIM over images that come in batches.

    SSIM is over the first `limit` images alone, because it is slow.
    """

    def __init__(self, limit: int = 2000) -> None:
        self._errors: list[npt.NDArray[np.float64]] = []
        self._alike, self._compared, self._limit = 0.0, 0, limit

    def add(self, clean: Images, back: Images) -> None:
        """One more batch: the clean images, and what they came back as."""
        self._errors.append(image_mse(clean, back))
        few = min(len(clean), self._limit - self._compared)
        if few:
            self._alike += ssim(clean[:few], back[:few]) * few
            self._compared += few

    @property
    def mse(self) -> npt.NDArray[np.float64]:
        """The mean squared error of each image, float64 [N]."""
        return np.concatenate(self._errors)

    def values(self, prefix: str = "") -> dict[str, float]:
        """Over all images: `mse`, its `psnr`, and `ssim`; their names after the prefix."""
        alike = self._alike / max(self._compared, 1)
        named = {"mse": float(self.mse.mean()), "psnr": psnr(self.mse), "ssim": alike}
        return {f"{prefix}{name}": value for name, value in named.items()}
