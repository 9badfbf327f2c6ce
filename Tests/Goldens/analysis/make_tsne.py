"""Writes tsne.json: the divergence KL(P || Q) of openTSNE's embedding of a data set of a closed form.

    python3 -m venv env && env/bin/pip install numpy scikit-learn openTSNE
    env/bin/python make_tsne.py

Summed over all pairs, without openTSNE's approximation of Z. `TSNETests.swift` makes the same data.
"""

import json
import pathlib

import numpy as np
import openTSNE
from make_kmeans import uniform

ROWS, COLUMNS, CLUSTERS, PERPLEXITY = 400, 16, 5, 30

centres = 3 * uniform(100, CLUSTERS * COLUMNS).reshape(CLUSTERS, COLUMNS)
noise = 2 * uniform(101, ROWS * COLUMNS).reshape(ROWS, COLUMNS)
points = (centres[np.arange(ROWS) % CLUSTERS] + noise).astype(np.float32)

p = openTSNE.affinity.PerplexityBasedNN(points, perplexity=PERPLEXITY, method="exact").P.toarray()
model = openTSNE.TSNE(perplexity=PERPLEXITY, initialization="pca", random_state=0, n_jobs=1)
embedding = np.asarray(model.fit(points))
kernel = 1 / (1 + ((embedding[:, None] - embedding[None]) ** 2).sum(2))
np.fill_diagonal(kernel, 0)
q = kernel / kernel.sum()
divergence = float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())
path = pathlib.Path(__file__).with_name("tsne.json")
path.write_text(
    json.dumps({"opentsne": openTSNE.__version__, "divergence": divergence}, indent=1) + "\n"
)
