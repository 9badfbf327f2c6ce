#!/usr/bin/env python3
"""What PyTorch computes, for Tests/LearningTests: heads of pretext tasks and losses of embeddings.

    pip install torch safetensors numpy
    make_head_goldens.py

Writes heads.safetensors and head_losses.json beside itself, in float64 from values that float32 holds
exactly, as `make_goldens.py` does. Written by torch 2.15.0.
"""

import json
from itertools import combinations

import torch
import torch.nn.functional as F
from make_goldens import HERE, numbers, random, randomise, record
from safetensors.numpy import save_file
from torch import nn

torch.manual_seed(21)


class Pairwise(nn.Module):
    """Lee et al. (2017) and Xu et al. (2019); without dropout, which draws other numbers here."""

    def __init__(self, features, pieces, classes, piece, pair):
        super().__init__()
        self.pieces = pieces
        if piece:
            self.piece = nn.Linear(features, piece)
        self.pair = nn.Linear(2 * (piece or features), pair)
        self.classes = nn.Linear(pair * pieces * (pieces - 1) // 2, classes)

    def forward(self, x):
        x = x.flatten(1)
        if hasattr(self, "piece"):
            x = F.relu(self.piece(x))
        pieces = x.unflatten(0, (-1, self.pieces)).unbind(1)
        pairs = [F.relu(self.pair(torch.cat(pair, 1))) for pair in combinations(pieces, 2)]
        return self.classes(torch.cat(pairs, 1))


def projection(*sizes, normalizes):
    layers = []
    for inputs, outputs in zip(sizes[:-2], sizes[1:-1]):
        norm = [nn.BatchNorm1d(outputs)] if normalizes else []
        layers += [nn.Linear(inputs, outputs), *norm, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*sizes[-2:]))


def heads():
    out = {}

    def case(name, module, *shape, training=True):
        record(out, name, randomise(module.double()), random(*shape), training)

    case("lee", Pairwise(6, 4, 12, 10, 7), 8, 6)
    case("xu", Pairwise(6, 3, 6, None, 16), 6, 6, 1, 1, 1)
    case("simclr", projection(8, 8, 5, normalizes=False), 4, 8)
    for training in (True, False):
        name = "vicreg" if training else "vicreg_inference"
        case(name, projection(8, 16, 12, 6, normalizes=True), 6, 8, training=training)
    save_file(out, HERE / "heads.safetensors")
    (HERE / "heads.safetensors").chmod(0o644)


def contrastive(x, identities, temperature):
    """Khosla et al. (2020), equation 2, pair by pair; rows without a positive are left out."""
    z = F.normalize(x, dim=1)
    rows = []
    for i, identity in enumerate(identities):
        others = [a for a in range(len(x)) if a != i]
        positives = [a for a in others if identities[a] == identity]
        if positives:
            scores = z[others] @ z[i] / temperature
            terms = [torch.logsumexp(scores, 0) - z[i] @ z[p] / temperature for p in positives]
            rows.append(torch.stack(terms).mean())
    return torch.stack(rows).mean()


def vicreg(x, identities, invariance=25.0, variance=25.0, covariance=1.0):
    order = list(dict.fromkeys(identities))
    rows = [[r for r, i in enumerate(identities) if i == identity] for identity in order]
    loss = invariance * F.mse_loss(x[[r[0] for r in rows]], x[[r[1] for r in rows]])
    for z in (x[[r[branch] for r in rows]] for branch in range(2)):
        loss = loss + variance * F.relu(1 - torch.sqrt(z.var(0) + 1e-4)).mean() / 2
        cov = torch.cov(z.T)
        loss = loss + covariance * (cov - torch.diag(cov.diag())).square().sum() / z.shape[1]
    return loss


def losses():
    out = {}

    def case(name, x, loss, identities, *settings):
        x = x.requires_grad_(True)
        value = loss(x, identities, *settings)
        value.backward()
        out[name] = {
            "x": numbers(x), "width": x.shape[1], "identities": identities,
            "settings": list(settings), "loss": value.item(), "gradient": numbers(x.grad),
        }  # fmt: skip

    case("contrastive_pairs", random(6, 5), contrastive, [4, 4, 7, 7, 1, 1], 0.2)
    case("contrastive_several", random(9, 4), contrastive, [0, 1, 0, 2, 1, 0, 3, 0, 1], 0.5)
    case("contrastive_one", random(3, 4), contrastive, [5, 5, 5], 0.1)
    case("vicreg", random(8, 5) * 0.7, vicreg, [3, 1, 3, 1, 2, 2, 8, 8])
    case("vicreg_wide", random(6, 9) * 2, vicreg, [0, 0, 1, 1, 2, 2], 2.0, 10.0, 0.5)
    (HERE / "head_losses.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    heads()
    losses()
