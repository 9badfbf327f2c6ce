"""What scikit-learn says of classes: scores, logistic regression, votes of neighbours.

    python -m venv v && v/bin/pip install numpy scikit-learn && v/bin/python make_classification.py
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support
from sklearn.neighbors import NearestNeighbors

rng = np.random.default_rng(7)
scores = []
for n, classes, present in [(200, 14, 14), (60, 5, 4), (40, 3, 3), (5, 14, 3)]:
    truth = rng.integers(0, present, n)
    predicted = np.where(rng.random(n) < 0.5, truth, rng.integers(0, present, n))
    if n == 60:
        predicted[0] = 4  # predicted and never true
    each = precision_recall_fscore_support(
        truth, predicted, labels=range(classes), zero_division=0)
    macro = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    scores.append({
        "classes": classes, "truth": truth.tolist(), "predicted": predicted.tolist(),
        "counts": confusion_matrix(truth, predicted, labels=range(classes)).tolist(),
        "precision": each[0].tolist(), "recall": each[1].tolist(), "f1": each[2].tolist(),
        "support": each[3].tolist(), "macro": [float(v) for v in macro[:3]],
        "accuracy": accuracy_score(truth, predicted)})

regressions = []
for n, d, classes, strength, balanced in [(90, 6, 3, 1.0, True), (120, 4, 5, 0.05, False), (50, 12, 2, 30.0, True)]:
    labels = np.concatenate([np.arange(classes), rng.choice(classes, n - classes, p=rng.dirichlet(np.ones(classes) * 3))])
    centres = rng.normal(size=(classes, d))
    x = (centres[labels] + 1.2 * rng.normal(size=(n, d))).round(3).astype(np.float32)
    other = rng.normal(size=(10, d)).round(3).astype(np.float32)
    model = LogisticRegression(
        C=strength, class_weight="balanced" if balanced else None, tol=1e-12, max_iter=100000)
    model.fit(x.astype(float), labels)
    weights, biases = model.coef_, model.intercept_
    if classes == 2:
        # One row of weights w stands for -w/2 and w/2, whose penalty is half of w's.
        from scipy.optimize import minimize

        share = n / (2 * np.bincount(labels)) if balanced else np.ones(2)

        def objective(p):
            w, b = p[: 2 * d].reshape(2, d), p[2 * d:]
            z = x.astype(float) @ w.T + b
            top = z.max(1, keepdims=True)
            log = (top + np.log(np.exp(z - top).sum(1, keepdims=True)))[:, 0]
            soft = np.exp(z - log[:, None])
            soft[np.arange(n), labels] -= 1
            soft *= strength * share[labels][:, None]
            value = 0.5 * (w ** 2).sum() + strength * (share[labels] * (log - z[np.arange(n), labels])).sum()
            return value, np.concatenate([(soft.T @ x + w).ravel(), soft.sum(0)])

        best = minimize(objective, np.zeros(2 * d + 2), jac=True, method="BFGS", options={"gtol": 1e-9})
        weights, biases = best.x[: 2 * d].reshape(2, d), best.x[2 * d:]
    logits = other.astype(float) @ weights.T + biases
    soft = np.exp(logits - logits.max(1, keepdims=True))
    regressions.append({
        "classes": classes, "strength": strength, "balanced": balanced, "labels": labels.tolist(),
        "points": x.tolist(), "weights": weights.tolist(), "others": other.tolist(),
        "probabilities": (soft / soft.sum(1, keepdims=True)).tolist()})

votes = []
for n, d, classes, voters in [(80, 5, 4, 5), (30, 3, 6, 4), (6, 2, 3, 9)]:
    x = rng.normal(size=(n, d)).round(3).astype(np.float32)
    labels = rng.integers(0, classes, n)
    queries = rng.normal(size=(25, d)).round(3).astype(np.float32)
    count = min(voters, n)
    near = NearestNeighbors(n_neighbors=count).fit(x).kneighbors(queries, return_distance=False)
    answers = []
    for row in near:
        own = labels[row]
        most = max(np.bincount(own))
        answers.append(int(next(l for l in own if (own == l).sum() == most)))
    votes.append({"voters": voters, "points": x.tolist(), "labels": labels.tolist(),
                  "queries": queries.tolist(), "answers": answers})

pathlib.Path(__file__).with_name("classification.json").write_text(json.dumps(
    {"scikit_learn": sklearn.__version__, "scores": scores, "regressions": regressions,
     "votes": votes}) + "\n")
