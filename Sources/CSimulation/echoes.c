#include "arithmetic.h"
#include "csimulation.h"

enum { batch = 256 };

// Of a batch: the cell that each scatterer is shared out from, its shares, and its echo.
typedef struct {
  int32_t cell[batch];
  float down[batch], across[batch], re[batch], im[batch];
} echoes;

INLINE void measure(
    const csim_grid *grid, const csim_scatterers *s, int32_t from, int32_t count, float turns,
    const float *amplitude, const int32_t *region, echoes *restrict out) {
  const float *restrict mx = s->x + from, *restrict mz = s->z + from;
  const float *restrict g1 = s->g1 + from, *restrict g2 = s->g2 + from;
  float per_spacing = 1 / grid->spacing, per_pitch = 1 / grid->pitch;
  float xx = s->xx, xz = s->xz, x0 = s->x0, zx = s->zx, zz = s->zz, z0 = s->z0 + grid->radius;
  float first = s->first, second = s->second, radius = grid->radius, left = grid->left;
  float last_i = (float)(grid->samples - 1), last_j = (float)(grid->lines - 1);
  int32_t lines = grid->lines, mask = s->region;
#pragma clang loop vectorize(assume_safety)
  for (int32_t k = 0; k < count; k++) {
    float x = xx * mx[k] + xz * mz[k] + x0, z = zx * mx[k] + zz * mz[k] + z0;
    float r = __builtin_sqrtf(x * x + z * z);
    float fi = (r - radius) * per_spacing - .5f;
    float fj = (angle(x, z, r) - left) * per_pitch - .5f;
    int seen = z > 0 && fi >= 0 && fi < last_i && fj >= 0 && fj < last_j;
    fi = seen ? fi : 0;
    fj = seen ? fj : 0;
    int32_t i = (int32_t)fi, j = (int32_t)fj;
    // The tissue is that of the cell in which the scatterer lies.
    int32_t home = (int32_t)(fi + .5f) * lines + (int32_t)(fj + .5f);
    int shown = seen && (region[home] & mask) != 0;
    float strength = shown ? (first * g1[k] + second * g2[k]) * amplitude[home] : 0;
    float c, n;
    circle(r * turns, &c, &n);
    out->cell[k] = i * lines + j;
    out->down[k] = fi - (float)i;
    out->across[k] = fj - (float)j;
    out->re[k] = strength * c;
    out->im[k] = -strength * n;
  }
}

typedef float four __attribute__((vector_size(16)));

INLINE void add(float *place, four values) {
  four sum;
  memcpy(&sum, place, 16);
  sum += values;
  memcpy(place, &sum, 16);
}

CLONES void csim_splat(
    const csim_grid *grid, const csim_scatterers *scatterers, int32_t from, int32_t to,
    float turns, const float *amplitude, const int32_t *region, float *iq) {
  echoes e;
  int64_t row = 2 * (int64_t)grid->lines;
  for (int32_t start = from; start < to; start += batch) {
    int32_t count = to - start < batch ? to - start : batch;
    measure(grid, scatterers, start, count, turns, amplitude, region, &e);
    for (int32_t k = 0; k < count; k++) {
      float re = e.re[k], im = e.im[k];
      if (re == 0 && im == 0) continue;
      float right = e.across[k], lower = e.down[k];
      four both = {re * (1 - right), im * (1 - right), re * right, im * right};
      float *place = iq + 2 * (int64_t)e.cell[k];
      add(place, both * (1 - lower));
      add(place + row, both * lower);
    }
  }
}

enum { most = 8 };

CLONES void csim_spread(
    const csim_grid *grid, const float *taps, int32_t reach, const float *weights,
    const int32_t *reaches, const float *iq, float *row, float *spread) {
  int32_t lines = grid->lines, samples = grid->samples, width = 2 * lines;
  float *restrict middle = row + 2 * most;
  for (int32_t k = 0; k < 2 * most; k++) row[k] = middle[width + k] = 0;
  for (int32_t i = 0; i < samples; i++) {
    const float *restrict here = iq + (int64_t)i * width;
    for (int32_t m = 0; m < width; m++) middle[m] = taps[0] * here[m];
    for (int32_t k = 1; k <= reach; k++) {
      float tap = taps[k];
      const float *restrict above = here - (int64_t)k * width, *restrict below = here + (int64_t)k * width;
      if (i >= k && i + k < samples) {
        for (int32_t m = 0; m < width; m++) middle[m] += tap * (above[m] + below[m]);
      } else if (i >= k) {
        for (int32_t m = 0; m < width; m++) middle[m] += tap * above[m];
      } else if (i + k < samples) {
        for (int32_t m = 0; m < width; m++) middle[m] += tap * below[m];
      }
    }
    const float *weight = weights + (int64_t)i * (most + 1);
    float *restrict out = spread + (int64_t)i * width;
    for (int32_t m = 0; m < width; m++) out[m] = weight[0] * middle[m];
    for (int32_t k = 1; k <= reaches[i]; k++) {
      float w = weight[k];
      for (int32_t m = 0; m < width; m++) out[m] += w * (middle[m - 2 * k] + middle[m + 2 * k]);
    }
  }
}
