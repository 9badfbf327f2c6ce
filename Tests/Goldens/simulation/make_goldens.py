#!/usr/bin/env python3
"""Writes goldens.json: tissue, attenuation, echoes of points, display and scan conversion in numpy.

The same physics as Sources/CSimulation, written from its definitions in float64 and without sharing
code with it. Needs numpy. Usage: make_goldens.py > goldens.json
"""

import json

import numpy as np

LINES, SAMPLES, RADIUS, FIELD = 24, 96, 50.0, np.deg2rad(64)
DEPTH, F0, SPEED, CAP = 100.0, 3.0, 1.54, 8.0
SPACING, PITCH = DEPTH / SAMPLES, FIELD / LINES
RANGE = (np.arange(SAMPLES) + 0.5) * SPACING
ANGLE = (np.arange(LINES) + 0.5) * PITCH - FIELD / 2
X = (RADIUS + RANGE)[:, None] * np.sin(ANGLE)
Z = (RADIUS + RANGE)[:, None] * np.cos(ANGLE) - RADIUS
CAVITY = 8

# is_capsule, x, z, a, b, degrees, dB, dB/cm/MHz, rim mm, rim dB, rim dB/cm/MHz, specular, needs, region
SHAPES = [
    (0, 3.0, 52.0, 38.0, 29.0, 12, -60.0, 0.02, 0.0, 0, 0, 0, 0, 9),
    (0, -4.0, 50.0, 21.0, 15.0, -30, -16.0, 0.45, 3.1, 22.0, 1.2, 3, CAVITY, 10),
    (1, 9.0, 66.0, 14.0, 2.3, 25, 26.0, 14.0, 0.0, 0, 0, 3, CAVITY, 10),
    (1, 0.0, 9.0, 60.0, 2.6, 4, 6.0, 0.6, 1.2, -3.0, 0.9, 0, 0, 1),
    (0, 33.0, 52.0, 22.0, 7.0, 50, -2.0, 0.5, 0.0, 0, 0, 0, CAVITY, 10),
]


def tissue():
    echo, loss = np.full(X.shape, 10 ** (-8 / 20)), np.full(X.shape, 0.55)
    region, margin = np.full(X.shape, 1), np.inf
    for cap, x, z, a, b, deg, db, al, rim, rim_db, rim_al, spec, needs, mark in SHAPES:
        t = np.deg2rad(deg)
        axis, normal = np.array([np.cos(t), np.sin(t)]), np.array([-np.sin(t), np.cos(t)])
        u = (X - x) * axis[0] + (Z - z) * axis[1]
        v = (X - x) * normal[0] + (Z - z) * normal[1]
        if cap:
            off = np.sign(u) * np.maximum(np.abs(u) - a, 0)
            size, edge, thickness = np.hypot(off, v), b, rim
            gu, gv = off, v
        else:
            size, edge, thickness = np.hypot(u / a, v / b), 1.0, rim / min(a, b)
            gu, gv = u / a**2, v / b**2
        within = (size <= edge) & (region & needs == needs)
        on_rim = within & (size > edge - thickness) if rim else np.zeros_like(within)
        margin = min(margin, np.abs(size / edge - 1).min())
        if rim:
            margin = min(margin, np.abs(size / edge - 1 + thickness / edge).min())
        value = np.where(on_rim, 10 ** (rim_db / 20), 10 ** (db / 20))
        if spec:
            gx, gz = gu * axis[0] + gv * normal[0], gu * axis[1] + gv * normal[1]
            with np.errstate(invalid="ignore"):
                cosine = np.abs(gx * np.sin(ANGLE) + gz * np.cos(ANGLE)) / np.hypot(gx, gz)
            mirror = 0.15 + 0.85 * np.nan_to_num(cosine) ** spec
            value = np.where(on_rim | (rim == 0), value * mirror, value)
        echo = np.where(within, value, echo)
        loss = np.where(within, np.where(on_rim, rim_al, al), loss)
        region = np.where(within, mark, region)
    # In single precision no cell may fall on the other side of an edge.
    assert margin > 1e-5, margin
    return echo, loss, region


def attenuate(echo, loss):
    way = np.cumsum(loss, 0) * SPACING / 10 * F0 * 2
    net = (0.5 * RANGE / 10 * F0 * 2)[:, None] - way
    net = np.where(net > 0, CAP * (1 - np.exp(-np.maximum(net, 0) / CAP)), net)
    return echo * 10 ** (net / 20)


POINTS = [(3.0, 15.0, 1.0), (-31.0, 88.3, -0.7), (3.6, 16.0, 0.5), (20.0, 91.0, 1.3), (5, 50, 9)]


def echoes(amplitude, region):
    grid = np.zeros((SAMPLES, LINES), complex)
    for x, z, strength in POINTS:
        r, angle = np.hypot(x, z + RADIUS), np.arctan2(x, z + RADIUS)
        i, j = (r - RADIUS) / SPACING - 0.5, (angle + FIELD / 2) / PITCH - 0.5
        home = int(round(i)), int(round(j))
        if not region[home] & 1:
            strength = 0
        value = strength * amplitude[home] * np.exp(-1j * 4 * np.pi * r / (SPEED / F0))
        for k in (int(i), int(i) + 1):
            for l in (int(j), int(j) + 1):
                grid[k, l] += value * (1 - abs(i - k)) * (1 - abs(j - l))
    sigma = 0.28 / SPACING
    spread = convolve(grid, sigma, int(np.ceil(3 * sigma)))
    out = np.zeros_like(spread)
    for i, depth in enumerate(RANGE):
        sigma = 0.9 * np.sqrt(1 + ((depth - 65) / 45) ** 2) / ((RADIUS + depth) * PITCH)
        out[i] = convolve(spread[i][:, None], sigma, min(8, int(np.ceil(3 * sigma))))[:, 0]
    return out


def convolve(columns, sigma, reach):
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= np.sqrt((taps**2).sum())
    padded = np.pad(columns, ((reach, reach), (0, 0)))
    return sum(t * padded[k : k + len(columns)] for k, t in enumerate(taps))


def picture(grey, height, width):
    rise = RADIUS * (1 - np.cos(FIELD / 2))
    pixel = 1.03 * max(2 * (RADIUS + DEPTH) * np.sin(FIELD / 2) / width, (DEPTH + rise) / height)
    top = -rise - (height * pixel - DEPTH - rise) / 2
    out = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            x, z = (column + 0.5 - width / 2) * pixel, (row + 0.5) * pixel + top
            i = (np.hypot(x, z + RADIUS) - RADIUS) / SPACING - 0.5
            j = (np.arctan2(x, z + RADIUS) + FIELD / 2) / PITCH - 0.5
            if 0 <= i < SAMPLES - 1 and 0 <= j < LINES - 1:
                k, l, a, b = int(i), int(j), i % 1, j % 1
                upper = grey[k, l] * (1 - b) + grey[k, l + 1] * b
                lower = grey[k + 1, l] * (1 - b) + grey[k + 1, l + 1] * b
                out[row, column] = 255 * (upper * (1 - a) + lower * a)
    return out


def rounded(numbers):
    return [float(f"{n:.7g}") for n in np.ravel(numbers)]


echo, loss, region = tissue()
amplitude = attenuate(echo, loss)
iq = echoes(amplitude, region)
ramp = (np.arange(SAMPLES)[:, None] * 3 + np.arange(LINES) * 7) % 101 / 100
print(
    json.dumps(
        {
            "shapes": SHAPES, "points": POINTS, "region": np.ravel(region).tolist(),
            "echo": rounded(echo), "attenuation": rounded(loss), "amplitude": rounded(amplitude),
            "echoes": rounded(np.stack([iq.real, iq.imag], -1)),
            "picture": rounded(picture(ramp, 28, 36).round(3)),
        },
        separators=(",", ":"),
    )
)
