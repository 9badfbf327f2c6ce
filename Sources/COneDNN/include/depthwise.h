// The gradient of depthwise weights in two dimensions, which oneDNN computes by products of matrices
// with one row each where the kernel is large.
#ifndef CONEDNN_DEPTHWISE_H
#define CONEDNN_DEPTHWISE_H

#include "conednn.h"

// Square kernels of 3, 5 or 7, stride and dilation 1, padding of half the kernel; channels are a
// multiple of 16. Source and result's gradient lie in channel blocks.
typedef struct {
  cdnn_type type;
  int64_t n, channels, height, width, kernel;
} cdnn_depthwise;

// Bytes of scratch memory.
size_t cdnn_depthwise_bytes(const cdnn_depthwise *shape, int threads);

// `weights_gradient` `[channels, kernel, kernel]` and, unless it is NULL, `bias_gradient`
// `[channels]`. Bytes do not depend on the number of threads.
void cdnn_depthwise_weights(
    const cdnn_depthwise *shape, const void *source, const void *gradient,
    float *weights_gradient, float *bias_gradient, void *scratch);

#endif
