#include "canalysis.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

enum { LANES = CANALYSIS_LANES };
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

// As many rows at once as leave room for a vector of centroids in 16 registers of half its length.
enum { ROWS = 6 };

// `count` is a constant where this is called. Each lane adds up the products in the order of the
// columns, whatever `count` is.
INLINE void products(
    const float *rows, int64_t count, int64_t columns, const float *packed, float *result,
    int64_t stride) {
  lanes sums[ROWS] = {0};
  for (int64_t column = 0; column < columns; column++) {
    lanes centroids = *(const lanes *)(packed + column * LANES);
    for (int64_t row = 0; row < count; row++)
      sums[row] += rows[row * columns + column] * centroids;
  }
  for (int64_t row = 0; row < count; row++) *(lanes *)(result + row * stride) = sums[row];
}

INLINE void choose(
    const float *dots, const float *halves, int64_t count, int32_t *label, float *best,
    float *second) {
  int32_t nearest = 0;
  float most = -INFINITY, next = -INFINITY;
  for (int64_t cluster = 0; cluster < count; cluster++) {
    float score = dots[cluster] - halves[cluster];
    if (score > most) {
      next = most;
      most = score;
      nearest = (int32_t)cluster;
    } else if (score > next) {
      next = score;
    }
  }
  *label = nearest;
  *best = most;
  *second = next;
}

CLONES
void canalysis_nearest(
    const float *rows, int64_t count, int64_t columns, const float *packed, const float *halves,
    int64_t groups, int32_t *labels, float *best, float *second) {
  int64_t stride = groups * LANES;
  float dots[ROWS * stride];
  for (int64_t first = 0; first < count; first += ROWS) {
    int64_t here = count - first < ROWS ? count - first : ROWS;
    const float *block = rows + first * columns;
    for (int64_t group = 0; group < groups; group++) {
      const float *centroids = packed + group * columns * LANES;
      if (here == ROWS) {
        products(block, ROWS, columns, centroids, dots + group * LANES, stride);
      } else {
        for (int64_t row = 0; row < here; row++)
          products(
              block + row * columns, 1, columns, centroids, dots + row * stride + group * LANES,
              stride);
      }
    }
    for (int64_t row = 0; row < here; row++)
      choose(
          dots + row * stride, halves, stride, labels + first + row, best + first + row,
          second + first + row);
  }
}

INLINE uint64_t bits(double value) {
  uint64_t word;
  memcpy(&word, &value, sizeof word);
  return word;
}

CLONES
void canalysis_move(
    const float *row, int64_t columns, double offset, uint64_t *from, uint64_t *to) {
  if (from) {
    for (int64_t column = 0; column < columns; column++) {
      uint64_t value = bits((double)row[column] + offset);
      from[column] -= value;
      to[column] += value;
    }
  } else {
    for (int64_t column = 0; column < columns; column++)
      to[column] += bits((double)row[column] + offset);
  }
}

CLONES
void canalysis_extent(
    const float *rows, int64_t count, int64_t columns, double *sums, float *low, float *high) {
  for (int64_t row = 0; row < count; row++) {
    const float *values = rows + row * columns;
    for (int64_t column = 0; column < columns; column++) {
      float value = values[column];
      sums[column] += value;
      low[column] = value < low[column] ? value : low[column];
      high[column] = value > high[column] ? value : high[column];
    }
  }
}

// Sums in eight lanes, so that they are in one order whatever the length of a vector.
enum { SUMS = 8 };

INLINE double total(const double *sums) {
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

CLONES
void canalysis_centre(
    const float *rows, int64_t count, int64_t columns, const double *mean, double scale,
    float *result) {
  for (int64_t row = 0; row < count; row++)
    for (int64_t column = 0; column < columns; column++)
      result[row * columns + column] =
          (float)(((double)rows[row * columns + column] - mean[column]) * scale);
}

CLONES
void canalysis_add(const float *row, int64_t columns, const double *mean, double *sums) {
  for (int64_t column = 0; column < columns; column++) sums[column] += row[column] - mean[column];
}

INLINE double distance(
    const float *row, int64_t columns, const double *mean, const double *centre) {
  double sums[SUMS] = {0};
  int64_t column = 0;
  for (; column + SUMS <= columns; column += SUMS)
    for (int64_t lane = 0; lane < SUMS; lane++) {
      double difference = row[column + lane] - mean[column + lane];
      if (centre) difference -= centre[column + lane];
      sums[lane] += difference * difference;
    }
  for (; column < columns; column++) {
    double difference = row[column] - mean[column] - (centre ? centre[column] : 0);
    sums[0] += difference * difference;
  }
  return total(sums);
}

CLONES
double canalysis_distance(
    const float *row, int64_t columns, const double *mean, const double *centre) {
  return centre ? distance(row, columns, mean, centre) : distance(row, columns, mean, 0);
}
