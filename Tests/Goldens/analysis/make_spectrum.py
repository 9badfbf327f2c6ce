"""RankMe and alpha-ReQ by numpy's singular values.

    python -m venv v && v/bin/pip install numpy && v/bin/python make_spectrum.py
"""
import json
import pathlib

import numpy as np

rng = np.random.default_rng(3)
cases = []
for n, d, decay in [(60, 8, 0.0), (9, 14, 0.5), (40, 12, 1.5)]:
    x = (rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -decay + 0.3).round(4).astype(np.float32)
    z = x.astype(float)
    share = np.linalg.svd(z, compute_uv=False)
    share = share / share.sum()
    variances = np.linalg.svd(z - z.mean(0), compute_uv=False) ** 2 / n
    variances = variances[variances > 1e-12 * variances[0]]
    k = np.arange(1, len(variances) + 1)
    cases.append({
        "points": x.tolist(), "rank_me": float(np.exp(-(share * np.log(share)).sum())),
        "alpha_req": float(-np.polyfit(np.log(k), np.log(variances), 1)[0])})
pathlib.Path(__file__).with_name("spectrum.json").write_text(
    json.dumps({"numpy": np.__version__, "cases": cases}) + "\n")
