#!/usr/bin/env python3
"""The peer of `make bench SUITE=scale`: frames of the `simulate` stage's physics in numpy.

    bmode_ref.py FRAMES PROCESSES

For each frame: a tissue map of 40 shapes on 160 lines of 1024 samples, attenuation, nine scatterers
per mm² with phase, the separable point spread, noise and display, and the scan conversion to
[224, 288]. No video is encoded. Prints frames, wall seconds and processor seconds, without the
set-up.
"""

import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import multiprocessing  # noqa: E402

import numpy as np  # noqa: E402

LINES, SAMPLES, HEIGHT, WIDTH = 160, 1024, 224, 288
RADIUS, FIELD, DEPTH, F0, DENSITY = 50.0, np.deg2rad(64), 120.0, 3.75, 9
WAVELENGTH, SPACING, PITCH = 1.54 / F0, DEPTH / SAMPLES, FIELD / LINES
RANGE = (np.arange(SAMPLES) + 0.5) * SPACING
ANGLE = (np.arange(LINES) + 0.5) * PITCH - FIELD / 2
SINE, COSINE = np.sin(ANGLE), np.cos(ANGLE)
X = (RADIUS + RANGE)[:, None] * SINE
Z = (RADIUS + RANGE)[:, None] * COSINE - RADIUS


class Renderer:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        half = (RADIUS + DEPTH) * np.sin(FIELD / 2)
        count = int(2 * half * (DEPTH + 8) * DENSITY)
        self.x = self.random.uniform(-half, half, count)
        self.z = self.random.uniform(-8, DEPTH, count)
        self.strengths = self.random.standard_normal((2, count))
        self.axial = self.taps(0.28 / SPACING, int(np.ceil(0.84 / SPACING)))
        sigma = 0.9 * np.sqrt(1 + ((RANGE - 65) / 45) ** 2) / ((RADIUS + RANGE) * PITCH)
        self.lateral = np.stack([self.taps(s, 8) for s in sigma])
        self.convert_table()

    @staticmethod
    def taps(sigma, reach):
        taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        return taps / np.sqrt((taps**2).sum())

    def convert_table(self):
        rise = RADIUS * (1 - np.cos(FIELD / 2))
        widest = 2 * (RADIUS + DEPTH) * np.sin(FIELD / 2)
        pixel = 1.03 * max(widest / WIDTH, (DEPTH + rise) / HEIGHT)
        x = (np.arange(WIDTH) + 0.5 - WIDTH / 2) * pixel
        z = (np.arange(HEIGHT) + 0.5) * pixel - rise - (HEIGHT * pixel - DEPTH - rise) / 2
        x, z = np.meshgrid(x, z)
        i = (np.hypot(x, z + RADIUS) - RADIUS) / SPACING - 0.5
        j = (np.arctan2(x, z + RADIUS) + FIELD / 2) / PITCH - 0.5
        self.inside = (i >= 0) & (i < SAMPLES - 1) & (j >= 0) & (j < LINES - 1)
        i, j = i[self.inside], j[self.inside]
        self.cell = i.astype(int) * LINES + j.astype(int)
        self.down, self.across = i % 1, j % 1

    def tissue(self, time):
        """A wall, a uterus, a body and 36 small structures; the small ones in boxes of cells."""
        echo, loss = np.full(X.shape, 10 ** (-8 / 20)), np.full(X.shape, 0.55)
        shapes = [(0, -51, 400, 69, -1, 0.6), (0, 70, 62, 50, -60, 0.02), (0, 70, 31, 24, -6, 0.5)]
        for n in range(37):
            angle = 2 * np.pi * n / 37 + time
            shapes.append((18 * np.cos(angle), 70 + 14 * np.sin(angle), 2.5, 1.5, 20, 4))
        for x, z, a, b, db, alpha in shapes:
            up, r = z + RADIUS, np.hypot(x, z + RADIUS)
            reach = max(a, b)
            top = int(np.clip((r - reach - RADIUS) / SPACING, 0, SAMPLES))
            bottom = int(np.clip((r + reach - RADIUS) / SPACING + 2, 0, SAMPLES))
            left, right = 0, LINES
            if reach < r:
                middle, half = np.arctan2(x, up), np.arcsin(reach / r)
                left = int(np.clip((middle - half + FIELD / 2) / PITCH - 1, 0, LINES))
                right = int(np.clip((middle + half + FIELD / 2) / PITCH + 2, 0, LINES))
            box = np.s_[top:bottom, left:right]
            inside = ((X[box] - x) / a) ** 2 + ((Z[box] - z) / b) ** 2 <= 1
            echo[box][inside] = 10 ** (db / 20)
            loss[box][inside] = alpha
        return echo, loss

    def frame(self, time):
        echo, loss = self.tissue(time)
        per_cell = SPACING / 10 * F0 * 2
        net = 0.5 * (np.arange(SAMPLES) + 0.5)[:, None] * per_cell - np.cumsum(loss, 0) * per_cell
        net = np.where(net > 0, 8 * (1 - np.exp(-np.maximum(net, 0) / 8)), net)
        grid = self.spread(self.splat(echo * 10 ** (net / 20), time))
        return self.convert(self.display(grid))

    def splat(self, amplitude, time):
        x, z = self.x + 0.3 * np.sin(time), self.z + 1.5 * np.sin(time)
        r = np.hypot(x, z + RADIUS)
        i = (r - RADIUS) / SPACING - 0.5
        j = (np.arctan2(x, z + RADIUS) + FIELD / 2) / PITCH - 0.5
        seen = (i >= 0) & (i < SAMPLES - 1) & (j >= 0) & (j < LINES - 1)
        i, j, r = i[seen], j[seen], r[seen]
        strength = np.cos(time) * self.strengths[0, seen] + np.sin(time) * self.strengths[1, seen]
        k, l = i.astype(int), j.astype(int)
        strength = strength * amplitude[k, l]
        phase = 4 * np.pi / WAVELENGTH * r
        re, im = strength * np.cos(phase), -strength * np.sin(phase)
        a, b, cell, size = i - k, j - l, k * LINES + l, SAMPLES * LINES
        grid = np.zeros(size, complex)
        for step, weight in (
            (0, (1 - a) * (1 - b)), (1, (1 - a) * b), (LINES, a * (1 - b)), (LINES + 1, a * b),
        ):  # fmt: skip
            grid.real += np.bincount(cell + step, re * weight, size)
            grid.imag += np.bincount(cell + step, im * weight, size)
        return grid.reshape(SAMPLES, LINES)

    def spread(self, grid):
        reach = len(self.axial) // 2
        padded = np.pad(grid, ((reach, reach), (0, 0)))
        grid = sum(t * padded[k : k + SAMPLES] for k, t in enumerate(self.axial))
        padded = np.pad(grid, ((0, 0), (8, 8)))
        return sum(self.lateral[:, k, None] * padded[:, k : k + LINES] for k in range(17))

    def display(self, grid):
        envelope = np.abs(grid)
        growth = np.clip(0.5 * RANGE / 10 * F0 * 2 - 20, 0, 28) / 2
        level = np.median(envelope[envelope > 0]) * 10 ** ((growth - 34) / 20)
        noise = self.random.standard_normal((2, *grid.shape))
        envelope = np.abs(grid + level[:, None] * (noise[0] + 1j * noise[1]))
        decibel = 20 * np.log10(envelope / np.quantile(envelope, 0.995) + 1e-9)
        return np.clip((decibel + 58) / 58, 0, 1) ** 1.1

    def convert(self, grey):
        grey, picture = grey.ravel(), np.zeros((HEIGHT, WIDTH), np.uint8)
        upper = grey[self.cell] * (1 - self.across) + grey[self.cell + 1] * self.across
        below = self.cell + LINES
        lower = grey[below] * (1 - self.across) + grey[below + 1] * self.across
        picture[self.inside] = 255 * (upper * (1 - self.down) + lower * self.down) + 0.5
        return picture


def work(job):
    seed, frames = job
    renderer = Renderer(seed)
    renderer.frame(0)
    start = time.perf_counter(), time.process_time()
    for n in range(frames):
        renderer.frame(n / 30)
    return start[0], time.perf_counter(), time.process_time() - start[1]


if __name__ == "__main__":
    frames, processes = int(sys.argv[1]), int(sys.argv[2])
    with multiprocessing.Pool(processes) as pool:
        ends = pool.map(work, [(seed, frames) for seed in range(processes)], chunksize=1)
    wall = max(e[1] for e in ends) - min(e[0] for e in ends)
    print(frames * processes, wall, sum(e[2] for e in ends))
