#pragma once

#include <stdint.h>

// The loops over all elements of a data set, for the instructions of the processor they run on. Rows
// are float32, row-major and contiguous; what a row comes to never depends on the rows beside it.

// How many centroids stand side by side in `packed`.
enum { CANALYSIS_LANES = 16 };

// For each row x [columns] the nearest of the centroids: the one of the highest score x · c − h, the
// first of equals. `packed` [groups, columns, CANALYSIS_LANES] are the centroids, `halves` [groups *
// CANALYSIS_LANES] half their squared norms, infinite where there is none. `second` is the highest
// score of the others, minus infinity where there is no other.
void canalysis_nearest(
    const float *rows, int64_t count, int64_t columns, const float *packed, const float *halves,
    int64_t groups, int32_t *labels, float *best, float *second);

// Adds each value to `to` and takes it from `from`, as integers that wrap around: the bits of
// value + offset as a double. `from` may be null.
void canalysis_move(
    const float *row, int64_t columns, double offset, uint64_t *from, uint64_t *to);

// Adds the rows to `sums` [columns], and widens `low` and `high` [columns].
void canalysis_extent(
    const float *rows, int64_t count, int64_t columns, double *sums, float *low, float *high);

// (row − mean) · scale for each row.
void canalysis_centre(
    const float *rows, int64_t count, int64_t columns, const double *mean, double scale,
    float *result);

// Adds row − mean to `sums` [columns].
void canalysis_add(const float *row, int64_t columns, const double *mean, double *sums);

// The sum of squares of row − mean − centre, where `centre` may be null for zeros.
double canalysis_distance(
    const float *row, int64_t columns, const double *mean, const double *centre);
