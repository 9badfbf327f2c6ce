"""Writes goldens.json: what independent code says of saliency maps, gaze and peaks.

    python3 -m venv env && env/bin/pip install numpy scipy scikit-image pysaliency
    env/bin/python make_goldens.py

Tests read the JSON only. The scores are written here from their published definitions (Bylinskii et
al., TPAMI 2019) and compared with pysaliency's before they are written.
"""

import importlib.util
import json
import pathlib

import numpy as np
import scipy.optimize
import skimage
import skimage.feature

random = np.random.default_rng(20)


def digits(array, count=9):
    return [float(f"{v:.{count}g}") for v in np.asarray(array, dtype=float).ravel()]


def pysaliency(module):
    """One file of the package, without the frameworks that the whole of it imports."""
    folder = importlib.util.find_spec("pysaliency").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location(module, f"{folder}/{module}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def fixation_map(height, width, sigma, points):
    rows, columns = np.mgrid[:height, :width]
    total = np.zeros((height, width))
    for x, y in points:
        square = (columns + 0.5 - x * width) ** 2 + (rows + 0.5 - y * height) ** 2
        total += np.exp(-square / (2 * sigma**2))
    return total / total.sum()


def fixation_maps():
    cases = []
    for height, width, sigma, count in [(28, 36, 1.5, 1), (7, 9, 0.4, 3), (5, 4, 20, 2), (1, 6, 0.1, 1)]:
        points = random.random((count, 2))
        cases.append({
            "height": height, "width": width, "sigma": sigma,
            "points": digits(points, 17),
            "map": digits(fixation_map(height, width, sigma, points)),
        })  # fmt: skip
    return cases


def kld(target, prediction):
    used = target > 0
    floor = np.maximum(prediction[used], np.finfo(float).eps)
    return float((target[used] * (np.log(target[used]) - np.log(floor))).sum())


def nss(prediction, cells):
    if np.ptp(prediction) == 0:
        return 0.0
    return float(((prediction - prediction.mean()) / prediction.std()).ravel()[cells].mean())


def auc_judd(prediction, cells):
    values, fixated = prediction.ravel(), np.unique(cells)
    curve = [(0.0, 0.0)]
    for threshold in np.sort(values[fixated])[::-1]:
        hits = (values[fixated] >= threshold).sum()
        above = (values >= threshold).sum()
        curve.append(((above - hits) / (len(values) - len(fixated)), hits / len(fixated)))
    false, true = np.array(curve + [(1.0, 1.0)]).T
    return float(np.trapezoid(true, false))


def cc(a, b):
    return 0.0 if np.ptp(a) == 0 or np.ptp(b) == 0 else float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def scores():
    peer, roc = pysaliency("metrics"), pysaliency("numba_utils")
    np.trapz = np.trapezoid
    cases = []
    for case in range(24):
        height, width = [(7, 9), (28, 36), (3, 3), (1, 12)][case % 4] if case < 8 else (7, 9)
        count = 1 if case % 3 == 0 else int(random.integers(2, 7))
        points = random.random((count, 2))
        cells = (points[:, 1] * height).astype(int) * width + (points[:, 0] * width).astype(int)
        if case % 5 == 1:
            cells = np.append(cells, cells[0])
        target = fixation_map(height, width, 0.8, points).astype(np.float32)
        prediction = random.random((height, width)) ** 3
        if case % 4 == 1:
            prediction = np.floor(prediction * 4)  # ties and zeros
        if case % 4 == 2:
            prediction = fixation_map(height, width, 1.7, points + random.normal(0, 0.1, points.shape))
        if case in (10, 15):
            prediction = np.full((height, width), 0.3)
        if prediction.sum() == 0:
            prediction[0, 0] = 1
        prediction = prediction.astype(np.float32)
        s = prediction.astype(float) / prediction.astype(float).sum()
        t = target.astype(float) / target.astype(float).sum()
        answer = {
            "kld": kld(t, s), "nss": nss(s, cells), "auc_judd": auc_judd(s, cells), "cc": cc(s, t),
            "sim": float(np.minimum(s, t).sum()),
        }  # fmt: skip
        rows, columns = np.divmod(cells, width)
        values, fixated = s.ravel(), np.unique(cells)
        others = np.delete(values, fixated)
        theirs = {
            "nss": peer.NSS(s, columns, rows).mean(), "cc": peer.CC(s, t), "sim": peer.SIM(s, t),
            "auc_judd": roc.general_roc_numba(values[fixated], others, judd=1)[0],
        }  # fmt: skip
        if (s > 1e-12).all():
            theirs["kld"] = peer.MIT_KLDiv(s, t)
        if np.ptp(s) == 0:  # theirs divides by a deviation that is a rounding error
            del theirs["nss"], theirs["cc"]
        for name, value in theirs.items():
            assert np.isclose(answer[name], value, rtol=1e-7, atol=1e-9), (case, name, answer[name], value)
        cases.append({
            "map": digits(prediction), "target": digits(target), "fixations": cells.tolist(), **answer,
        })  # fmt: skip
    print("scores agree with pysaliency's")
    return cases


def medians():
    """Points in general position, with outliers, repeated points, and a median on a point."""
    cases = []
    for case in range(24):
        points = random.normal(0.5, 0.1, (int(random.integers(3, 12)), 2))
        if case % 3 == 1:
            points[-1] += 5
        if case % 4 == 2:
            points[1:3] = points[0]
        if case % 6 == 3:
            points = np.vstack([points, np.tile(points.mean(0), (2, 1))])

        def total(place):
            return np.hypot(*(points - place).T).sum()

        starts = [points.mean(0), *points]
        found = [
            scipy.optimize.minimize(total, start, method="Nelder-Mead",
                options={"xatol": 1e-12, "fatol": 1e-15, "maxiter": 10_000, "maxfev": 10_000})
            for start in starts
        ]  # fmt: skip
        candidates = [f.x for f in found] + list(points)
        best = min(candidates, key=total)
        cases.append({"points": digits(points, 17), "median": digits(best, 17), "sum": total(best)})
    return cases


def gaze_fixations():
    """The dispersion rule as Salvucci and Goldberg's table 4 has it, window by window."""

    def dispersion(points):
        return np.ptp(points[:, 0]) + np.ptp(points[:, 1])

    cases = []
    for case in range(8):
        rate = [30, 60, 250][case % 3]
        centres = np.repeat(random.random((6, 2)), rate // 4, axis=0)
        points = centres + random.normal(0, 0.01, centres.shape)
        times = np.arange(len(points)) / rate
        keep = random.random(len(points)) > (0.1 if case % 2 else 0)
        points, times = points[keep], times[keep]
        limit, duration, gap = 0.1 if case < 6 else 0.03, 0.1, 0.1
        found, start = [], 0
        while start < len(points):
            end = start + 1
            while end < len(points) and times[end - 1] - times[start] < duration - 1e-9:
                end += 1
            window = np.arange(start, end)
            if (
                times[end - 1] - times[start] >= duration - 1e-9
                and (np.diff(times[window]) <= gap + 1e-9).all()
                and dispersion(points[start:end]) <= limit
            ):
                while (
                    end < len(points) and dispersion(points[start : end + 1]) <= limit
                    and times[end] - times[end - 1] <= gap + 1e-9
                ):  # fmt: skip
                    end += 1
                found.append([int(start), int(end)])
                start = end
            else:
                start += 1
        cases.append({
            "points": digits(points, 17), "times": digits(times, 17), "dispersion": limit,
            "duration": duration, "gap": gap, "fixations": found,
        })  # fmt: skip
    return cases


def peaks():
    """Maps of a few levels, full of plateaus and ties, with all options; values are levels / 8."""
    cases = []
    for case in range(120):
        height, width = int(random.integers(1, 17)), int(random.integers(1, 17))
        levels = int(random.integers(2, 9))
        image = random.integers(0, levels, (height, width))
        if case % 3 == 0:  # larger plateaus
            image = np.kron(image, np.ones((2, 3), int))[:16, :16]
        if case % 20 == 7:
            image[:] = 3
        options = {
            "min_distance": int(random.integers(1, 5)),
            "threshold_rel": None if case % 4 == 0 else float(random.choice([0, 0.1, 0.25, 0.5, 0.7])),
            "threshold_abs": float(random.choice([0, 0.125, 0.3])) if case % 5 == 0 else None,
            "exclude_border": int(random.integers(0, 4)) if case % 2 else 0,
            "num_peaks": int(random.integers(1, 6)) if case % 3 == 1 else None,
        }
        given = {k: v for k, v in options.items() if v is not None}
        found = skimage.feature.peak_local_max((image / 8).astype(np.float32), **given)
        cases.append({
            "height": image.shape[0], "width": image.shape[1],
            "levels": "".join(str(v) for v in image.ravel()), **options, "peaks": found.tolist(),
        })  # fmt: skip
    return cases


def smooth_peaks():
    """Maps as saliency makes them: none of the values is equal to another."""
    import scipy.ndimage

    cases = []
    for _ in range(4):
        image = scipy.ndimage.gaussian_filter(random.random((28, 36)), 1.2)
        image = np.array(digits((image - image.min()) / np.ptp(image), 7), np.float32).reshape(28, 36)
        found = skimage.feature.peak_local_max(
            image, min_distance=2, threshold_rel=0.1, exclude_border=False)
        cases.append({"map": [float(str(v)) for v in image.ravel()], "peaks": found.tolist()})
    return cases


def clean_gaze():
    """Two eyes at 90 Hz over 60 frames of 30 Hz, cleaned as docs/saliency.md says; the frames show a
    crop of [700, 900] at (100, 300) of a picture of [1000, 1400]."""
    size, crop = np.array([1400, 1000]), np.array([300, 100, 900, 700])
    rows, by_frame = [], {}
    for sample in range(180):
        frame = sample // 3
        centre = np.array([0.5 + 0.3 * np.sin(frame / 9), 0.4 + 0.35 * np.cos(frame / 13)])
        lost = random.random() < 0.1 or frame in (20, 21, 22, 40, 41, 42, 43, 44)
        eyes = []
        for eye in ("left", "right"):
            valid = not lost and random.random() > 0.1
            place = centre + random.normal(0, 0.03, 2)
            rows.append([frame, round(sample / 90, 6), eye, *digits(place, 12), int(valid)])
            if valid:
                eyes.append(np.array(rows[-1][3:5]))
        if eyes:
            inside = (np.mean(eyes, axis=0) * size - crop[:2]) / crop[2:]
            if (inside >= 0).all() and (inside <= 1).all():
                by_frame.setdefault(frame, []).append(np.mean(eyes, axis=0) * size)
    points = {}
    for frame, own in by_frame.items():
        own = np.array(own)

        def total(place):
            return np.hypot(*(own - place).T).sum()

        starts = [own.mean(0)] + list(own + 1)
        best = min((scipy.optimize.minimize(total, start, method="Nelder-Mead",
            options={"xatol": 1e-11, "fatol": 1e-13, "maxiter": 9999, "maxfev": 9999}).x
            for start in starts), key=total)  # fmt: skip
        if len(own) == 2:
            best = own.mean(0)
        points[frame] = best / size
    known, answer = sorted(points), []
    for frame in range(known[0], known[-1] + 1):
        before, after = max(k for k in known if k <= frame), min(k for k in known if k >= frame)
        if after - before - 1 > 4:
            continue
        share = (frame - before) / max(after - before, 1)
        place = (1 - share) * points[before] + share * points[after]
        answer.append([frame, *digits(place), int(frame not in points)])
    return {"rows": rows, "size": [1000, 1400], "crop": [100, 300, 700, 900], "fixations": answer}


def landmark_scores():
    """Three items with landmarks and structures anywhere, on a picture of [600, 800]."""
    items, distances, found, frames = [], [], [], 0
    for _ in range(3):
        truth, landmarks = [], []
        for frame in range(0, 40, 4):
            for name in "abc"[: random.integers(0, 4)]:
                truth.append([frame, *digits(random.random(2), 6), float(digits(random.uniform(0.4, 0.9), 6)[0]), name])
            for _ in range(random.integers(0, 5)):
                landmarks.append([frame, *digits(random.random(2), 6)])
        for frame in range(0, 40, 4):
            a = np.array([l[1:3] for l in landmarks if l[0] == frame])
            b = np.array([t[1:4] for t in truth if t[0] == frame])
            if len(a) == 0 or len(b) == 0:
                continue
            frames += 1
            offsets = (a[:, None] - b[None, :, :2]) * [800 / 600, 1]
            relative = np.linalg.norm(offsets, axis=2) / b[None, :, 2]
            distances += relative.min(1).tolist()
            found += (relative.min(0) <= 0.3).tolist()
        items.append({"truth": truth, "landmarks": landmarks})
    distances = np.array(distances)
    return {
        "items": items, "within": 0.3, "landmark_distance": float(np.median(distances)),
        "landmark_distance_mean": float(distances.mean()),
        "landmarks_within": float((distances <= 0.3).mean()),
        "structures_found": float(np.mean(found)), "landmarks_per_frame": len(distances) / frames,
    }  # fmt: skip


goldens = {
    "fixation_maps": fixation_maps(), "scores": scores(), "medians": medians(),
    "gaze_fixations": gaze_fixations(), "peaks": peaks(), "smooth_peaks": smooth_peaks(),
    "clean_gaze": clean_gaze(), "landmark_scores": landmark_scores(),
}  # fmt: skip
print("numpy", np.__version__, "scikit-image", skimage.__version__)
path = pathlib.Path(__file__).with_name("goldens.json")
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
