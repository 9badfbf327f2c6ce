#include <math.h>

#include "cselfsupervision.h"
#include "kernels.h"

// Most pixels along one side of a mean: 16 x 16 x 255 fits 16 bits.
enum { most = 16, batch = 128 };

// Means of k x k pixels, times k k: rows and columns from (top, left) of the reduced frame, each
// [rows + 1][columns + 1] with its last row and column twice.
typedef struct {
  int32_t k, top, left, rows, columns;
  uint16_t *sums;
} tile;

static int32_t at_least(int32_t low, double x) { return x < low ? low : (int32_t)x; }

// The part of [0, size) around the places first ... first + the steps; empty: no rows.
static void cover(
    double first, double a, double b, int32_t size, int32_t *start, int32_t *count) {
  double low = first + fmin(a, 0) + fmin(b, 0), high = first + fmax(a, 0) + fmax(b, 0);
  int32_t from = at_least(0, floor(fmin(low, size))), to = at_least(-1, ceil(fmin(high, size)));
  to = to > size - 1 ? size - 1 : to;
  *start = from;
  *count = to >= from && low <= size ? to - from + 1 : 0;
}

// sums[x] = the column of `k` pixels at x of rows from `row` on; the last row stands for those below.
CLONES static void add_rows(
    const cssl_frame *f, int32_t row, int32_t k, int32_t from, int32_t to, uint16_t *restrict sums) {
  for (int32_t j = 0; j < k; j++) {
    int32_t y = row + j < f->height ? row + j : f->height - 1;
    const uint8_t *restrict pixels = f->pixels + (int64_t)y * f->width;
    if (j == 0) {
      for (int32_t x = from; x < to; x++) sums[x] = pixels[x];
    } else {
      for (int32_t x = from; x < to; x++) sums[x] = (uint16_t)(sums[x] + pixels[x]);
    }
  }
}

INLINE void add_columns_of(
    int32_t k, int32_t count, const uint16_t *restrict sums, uint16_t *restrict out) {
  for (int32_t c = 0; c < count; c++) {
    uint32_t sum = 0;
    for (int32_t j = 0; j < k; j++) sum += sums[c * k + j];
    out[c] = (uint16_t)sum;
  }
}

CLONES static void add_columns(
    int32_t k, int32_t count, const uint16_t *restrict sums, uint16_t *restrict out) {
  switch (k) {
    case 1: return add_columns_of(1, count, sums, out);
    case 2: return add_columns_of(2, count, sums, out);
    case 3: return add_columns_of(3, count, sums, out);
    case 4: return add_columns_of(4, count, sums, out);
    default: return add_columns_of(k, count, sums, out);
  }
}

static void reduce(const cssl_frame *f, tile *t, uint16_t *row) {
  int32_t k = t->k, stride = t->columns + 1, from = t->left * k, to = from + t->columns * k;
  int32_t end = to < f->width ? to : f->width;
  for (int32_t i = 0; i < t->rows; i++) {
    uint16_t *out = t->sums + (int64_t)i * stride;
    add_rows(f, (t->top + i) * k, k, from, end, row);
    for (int32_t x = end; x < to; x++) row[x] = row[end - 1];
    add_columns(k, t->columns, row + from, out);
    out[t->columns] = out[t->columns - 1];
  }
  uint16_t *last = t->sums + (int64_t)t->rows * stride;
  memcpy(last, last - stride, (size_t)stride * sizeof *last);
}

// A row of places in the tile, and what is black.
typedef struct {
  float y, x, yx, xx;
  // Places from `low` to `high` show something; they are kept between 0 and `last`.
  float low_y, high_y, last_y, low_x, high_x, last_x;
  float scale;
} line;

CLONES static void sample_row(
    const tile *t, const line *l, int32_t width, const float *restrict tones,
    float *restrict values) {
  int32_t stride = t->columns + 1;
  const uint16_t *restrict sums = t->sums;
  for (int32_t start = 0; start < width; start += batch) {
    int32_t count = width - start < batch ? width - start : batch;
    int32_t places[batch];
    float down[batch], across[batch], scales[batch], levels[batch];
    float y0 = l->y, x0 = l->x, yx = l->yx, xx = l->xx, scale = l->scale;
    float low_y = l->low_y, high_y = l->high_y, last_y = l->last_y;
    float low_x = l->low_x, high_x = l->high_x, last_x = l->last_x;
    for (int32_t i = 0; i < count; i++) {
      float n = (float)(start + i), y = y0 + yx * n, x = x0 + xx * n;
      int seen = (y >= low_y) & (y <= high_y) & (x >= low_x) & (x <= high_x);
      scales[i] = seen ? scale : 0;
      y = y < 0 ? 0 : y > last_y ? last_y : y;
      x = x < 0 ? 0 : x > last_x ? last_x : x;
      int32_t row = (int32_t)y, column = (int32_t)x;
      down[i] = y - (float)row;
      across[i] = x - (float)column;
      places[i] = row * stride + column;
    }
    for (int32_t i = 0; i < count; i++) {
      const uint16_t *above = sums + places[i], *below = above + stride;
      float a = above[0], b = above[1], c = below[0], d = below[1];
      float upper = a + (b - a) * across[i], lower = c + (d - c) * across[i];
      levels[i] = (upper + (lower - upper) * down[i]) * scales[i];
    }
    float *restrict out = values + start;
    if (tones) {
      for (int32_t i = 0; i < count; i++) {
        int32_t level = (int32_t)levels[i];
        float tone = tones[level];
        out[i] = tone + (tones[level + 1] - tone) * (levels[i] - (float)level);
      }
    } else {
      for (int32_t i = 0; i < count; i++) out[i] = levels[i] * (1 / 255.f);
    }
  }
}

int64_t cssl_room(const cssl_frame *f) {
  return ((int64_t)f->height + 1) * (f->width + 1) + f->width + most;
}

void cssl_sample(
    const cssl_frame *f, const cssl_map *m, int32_t height, int32_t width, const float *tones,
    uint16_t *room, float *values) {
  double shrink = sqrt(fabs(m->yy * m->xx - m->yx * m->xy));
  tile t = {.k = shrink < 1.5 ? 1 : shrink > most ? most : (int32_t)(shrink + .5)};
  int32_t k = t.k, full_rows = (f->height + k - 1) / k, full_columns = (f->width + k - 1) / k;
  // Pixel i of the reduced frame has its centre at k i + (k - 1) / 2.
  double per_k = 1. / k, y0 = (m->y0 - (k - 1) / 2.) * per_k, x0 = (m->x0 - (k - 1) / 2.) * per_k;
  double yy = m->yy * per_k, yx = m->yx * per_k, xy = m->xy * per_k, xx = m->xx * per_k;
  cover(y0, yy * (height - 1), yx * (width - 1), full_rows, &t.top, &t.rows);
  cover(x0, xy * (height - 1), xx * (width - 1), full_columns, &t.left, &t.columns);
  if (t.rows == 0 || t.columns == 0) {
    for (int64_t i = 0; i < (int64_t)height * width; i++) values[i] = tones ? tones[0] : 0;
    return;
  }
  t.sums = room + f->width + most;
  reduce(f, &t, room);
  for (int32_t y = 0; y < height; y++) {
    line l = {
        .y = (float)(y0 + yy * y - t.top), .x = (float)(x0 + xy * y - t.left),
        .yx = (float)yx, .xx = (float)xx,
        .low_y = -.5f - (float)t.top, .high_y = (float)(f->height * per_k - .5 - t.top),
        .last_y = (float)(t.rows - 1),
        .low_x = -.5f - (float)t.left, .high_x = (float)(f->width * per_k - .5 - t.left),
        .last_x = (float)(t.columns - 1),
        .scale = 1 / (float)(k * k),
    };
    sample_row(&t, &l, width, tones, values + (int64_t)y * width);
  }
}
