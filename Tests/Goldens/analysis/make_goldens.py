"""Writes goldens.json: what independent libraries say of small data sets.

    python3 -m venv env && env/bin/pip install numpy scipy scikit-learn scikit-image \
        opencv-contrib-python-headless
    env/bin/python make_goldens.py

Tests read the JSON only. The formulas of compactness and uniqueness are written here as the paper
prints them, without the code under test's rearrangements.
"""

import json
import pathlib

import cv2
import numpy as np
import scipy.ndimage
import skimage.feature
import sklearn
import sklearn.cluster
import sklearn.datasets
import sklearn.metrics


def as_list(array):
    return np.asarray(array).astype(float).ravel().tolist()


def partition():
    """40 points in 4 unequal clusters, one of a single point, far from the origin."""
    random = np.random.default_rng(1)
    sizes = [17, 12, 10, 1]
    centres = random.normal(0, 1.5, (4, 5))
    points = np.concatenate(
        [random.normal(c, 0.7, (n, 5)) for c, n in zip(centres, sizes)]) + 100
    labels = np.repeat([2, 0, 1, 3], sizes)
    shuffle = random.permutation(len(points))
    points, labels = points[shuffle].astype(np.float32), labels[shuffle]
    x = points.astype(np.float64)
    mean = x.mean(0)
    mu = np.stack([x[labels == k].mean(0) for k in range(4)])
    n = np.bincount(labels)

    def uniqueness(base, tau):
        total = 0.0
        for k in range(4):
            a, b = mu[k] - mean, mu[base] - mean
            cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
            total += n[k] * np.exp(np.linalg.norm(a) ** 2 - cosine) / tau
        return total / len(x)

    def literal():
        values = []
        for i in range(len(x)):
            distance = np.linalg.norm(x - x[i], axis=1)
            own = labels == labels[i]
            if own.sum() == 1:
                values.append(0.0)
                continue
            a = distance[own].sum() / (own.sum() - 1)
            b = min((distance[labels == k] ** 2).mean() for k in range(4) if k != labels[i])
            values.append((b - a) / max(a, b))
        return values

    compactness = sum(
        ((x[labels == k] - mu[k]) ** 2).sum() for k in range(4)) / len(x)
    return {
        "points": as_list(points), "dimension": 5, "labels": labels.tolist(), "clusters": 4,
        "silhouettes": as_list(sklearn.metrics.silhouette_samples(x, labels)),
        "silhouettes_sqeuclidean": as_list(
            sklearn.metrics.silhouette_samples(x, labels, metric="sqeuclidean")),
        "silhouettes_literal": literal(),
        "davies_bouldin": sklearn.metrics.davies_bouldin_score(x, labels),
        "calinski_harabasz": sklearn.metrics.calinski_harabasz_score(x, labels),
        "compactness": compactness,
        "uniqueness_by_base": [uniqueness(base, 1) for base in range(4)],
    }


def kmeans():
    points, _ = sklearn.datasets.make_blobs(
        300, 6, centers=7, cluster_std=2.5, random_state=3)
    points = points.astype(np.float32)
    model = sklearn.cluster.KMeans(7, n_init=20, random_state=0, tol=0).fit(
        points.astype(np.float64))
    return {
        "points": [float(str(v)) for v in points.ravel()], "dimension": 6, "clusters": 7,
        "inertia": model.inertia_,
        "sizes": sorted(np.bincount(model.labels_).tolist(), reverse=True),
    }


def frame(height, width):
    y, x = np.mgrid[:height, :width]
    disc = (y - height // 3) ** 2 + (x - 2 * width // 3) ** 2 < (height // 6) ** 2
    bar = (np.abs(y - 3 * height // 4) < 3) & (x < width // 2)
    return (90 + (x * 7 + y * 13) % 31 + 80 * disc + 50 * bar).astype(np.uint8)


def spectral_residual(height, width):
    """Hou & Zhang (2007), section 2, with the constants of the authors' Matlab code."""
    grey = frame(height, width).astype(np.float64) / 255
    columns = 64
    rows = int(np.floor(height * columns / width + 0.5))
    small = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    logarithm = np.log(np.abs(spectrum))
    phase = np.angle(spectrum)
    residual = logarithm - scipy.ndimage.uniform_filter(logarithm, 3, mode="nearest")
    saliency = np.abs(np.fft.ifft2(np.exp(residual + 1j * phase))) ** 2
    saliency = scipy.ndimage.gaussian_filter(saliency, 2.5, mode="nearest", radius=8)
    grid = cv2.resize(saliency, (36, 28), interpolation=cv2.INTER_AREA)
    found, theirs = cv2.saliency.StaticSaliencySpectralResidual_create().computeSaliency(
        frame(height, width))
    theirs = cv2.resize(theirs.astype(np.float64), (36, 28), interpolation=cv2.INTER_AREA)
    print("correlation with OpenCV's spectral residual:",
          np.corrcoef(grid.ravel(), theirs.ravel())[0, 1] if found else "none")
    return {"height": height, "width": width, "map": as_list(grid / grid.sum())}


def peaks():
    random = np.random.default_rng(5)
    smooth = scipy.ndimage.gaussian_filter(random.random((28, 36)), 1.2)
    smooth = ((smooth - smooth.min()) / (smooth.max() - smooth.min())).astype(np.float32)
    found = skimage.feature.peak_local_max(
        smooth, min_distance=2, threshold_rel=0.3, exclude_border=False)
    return {
        "map": [float(str(v)) for v in smooth.ravel()], "height": 28, "width": 36,
        "distance": 2, "threshold": 0.3, "peaks": sorted(found.tolist()),
    }


goldens = {
    "partition": partition(), "kmeans": kmeans(),
    "spectral_residual": spectral_residual(120, 160), "peaks": peaks(),
}
print("numpy", np.__version__, "scikit-learn", sklearn.__version__)
path = pathlib.Path(__file__).with_name("goldens.json")
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
