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
    const float *amplitude, echoes *restrict out) {
  const float *restrict mx = s->x + from, *restrict mz = s->z + from;
  const float *restrict g1 = s->g1 + from, *restrict g2 = s->g2 + from;
  float per_spacing = 1 / grid->spacing, per_pitch = 1 / grid->pitch;
  float xx = s->xx, xz = s->xz, x0 = s->x0, zx = s->zx, zz = s->zz, z0 = s->z0 + grid->radius;
  float first = s->first, second = s->second, radius = grid->radius, left = grid->left;
  float last_i = (float)(grid->samples - 1), last_j = (float)(grid->lines - 1);
  int32_t lines = grid->lines;
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
    float strength = seen ? (first * g1[k] + second * g2[k]) * amplitude[home] : 0;
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
    float turns, const float *amplitude, float *iq) {
  echoes e;
  int64_t row = 2 * (int64_t)grid->lines;
  for (int32_t start = from; start < to; start += batch) {
    int32_t count = to - start < batch ? to - start : batch;
    measure(grid, scatterers, start, count, turns, amplitude, &e);
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

CLONES void csim_select(
    int32_t count, int32_t mask, const int32_t *region, const float *amplitude, float *selected) {
#pragma clang loop vectorize(assume_safety)
  for (int32_t k = 0; k < count; k++) selected[k] = region[k] & mask ? amplitude[k] : 0;
}

// Columns of a row that are summed in registers.
enum { most = 8, strip = 64 };

// `above` rows over and `below` rows under the middle one, `width` numbers apart.
INLINE void sum_range(
    const float *middle, int64_t width, int32_t columns, const float *taps, int32_t reach,
    int32_t above, int32_t below, float *out) {
  float sum[strip];
  for (int32_t m = 0; m < columns; m++) sum[m] = taps[0] * middle[m];
  for (int32_t k = 1; k <= reach; k++) {
    const float *up = middle - k * width, *down = middle + k * width;
    float tap = taps[k];
    if (k <= above && k <= below) {
      for (int32_t m = 0; m < columns; m++) sum[m] += tap * (up[m] + down[m]);
    } else if (k <= above || k <= below) {
      const float *only = k <= above ? up : down;
      for (int32_t m = 0; m < columns; m++) sum[m] += tap * only[m];
    }
  }
  for (int32_t m = 0; m < columns; m++) out[m] = sum[m];
}

INLINE void sum_lines(
    const float *middle, int32_t columns, const float *weights, int32_t reach, float *out) {
  float sum[strip];
  for (int32_t m = 0; m < columns; m++) sum[m] = weights[0] * middle[m];
  for (int32_t k = 1; k <= reach; k++) {
    float w = weights[k];
    for (int32_t m = 0; m < columns; m++) sum[m] += w * (middle[m - 2 * k] + middle[m + 2 * k]);
  }
  for (int32_t m = 0; m < columns; m++) out[m] = sum[m];
}

CLONES void csim_spread(
    const csim_grid *grid, const float *taps, int32_t reach, const float *weights,
    const int32_t *reaches, const float *iq, float *row, float *spread) {
  int32_t width = 2 * grid->lines, whole = width / strip * strip;
  float *middle = row + 2 * most;
  for (int32_t k = 0; k < 2 * most; k++) row[k] = middle[width + k] = 0;
  for (int32_t i = 0; i < grid->samples; i++) {
    int64_t start = (int64_t)i * width;
    int32_t above = i, below = grid->samples - 1 - i;
    for (int32_t m = 0; m < whole; m += strip) {
      sum_range(iq + start + m, width, strip, taps, reach, above, below, middle + m);
    }
    sum_range(iq + start + whole, width, width - whole, taps, reach, above, below, middle + whole);
    const float *weight = weights + (int64_t)i * (most + 1);
    for (int32_t m = 0; m < whole; m += strip) {
      sum_lines(middle + m, strip, weight, reaches[i], spread + start + m);
    }
    sum_lines(middle + whole, width - whole, weight, reaches[i], spread + start + whole);
  }
}
