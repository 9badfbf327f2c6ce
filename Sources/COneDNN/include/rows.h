// Rows of each sample of a batch, taken by a list: what puts the features of several pieces side by
// side.
#ifndef CONEDNN_ROWS_H
#define CONEDNN_ROWS_H

#include "conednn.h"

// Row-major: the source is `[samples, rows, columns]`, the result `[samples, places, columns]`.
typedef struct {
  cdnn_type type;
  int64_t samples, rows, places, columns;
} cdnn_rows;

// result[s, p] = source[s, index[p]]; `index` has `places` elements, 0 to below `rows`.
void cdnn_gather_rows(
    const cdnn_rows *shape, const int64_t *index, const void *source, void *result);

// source_gradient[s, r] = the sum of gradient[s, p] over all p with index[p] = r, in the order of p,
// in float32.
void cdnn_gather_rows_backward(
    const cdnn_rows *shape, const int64_t *index, const void *gradient, void *source_gradient);

#endif
