// Convolutions whose kernel is 3 x 3 in the last two dimensions, with 2.25 times fewer
// multiplications than oneDNN's direct kernels need.
//
// Source: Lavin & Gray, "Fast algorithms for convolutional neural networks" (2016), section 4.1:
// F(2x2, 3x3). A third dimension is summed directly.
#ifndef CONEDNN_WINOGRAD_H
#define CONEDNN_WINOGRAD_H

#include "conednn.h"

// Only where cdnn_has_avx512. float32, stride and dilation 1; both numbers of channels are multiples of 32. Tensors lie in
// channel blocks, weights in weight blocks; a missing depth is 1. Padding is as much after as before
// the first element, or what is needed to give the result its size.
typedef struct {
  int64_t n, inputs, outputs;
  int64_t depth, height, width;
  int64_t result_depth, result_height, result_width;
  int64_t kernel_depth;
  int64_t padding[3];
} cdnn_winograd;

// Bytes of scratch memory for the results, or for the gradient of the weights.
size_t cdnn_winograd_bytes(const cdnn_winograd *shape, int threads, bool of_weights);

// The weights `[outputs, inputs, kernel]`, or, `transposed`, those of a convolution from `outputs` to
// `inputs` whose gradient of the source this is.
void cdnn_winograd_forward(
    const cdnn_winograd *shape, int threads, const float *source, const float *weights,
    bool transposed, const float *bias, bool accumulate, bool rectify, float *result,
    void *scratch);

// The gradient of the weights from the source and the result's gradient.
void cdnn_winograd_weights(
    const cdnn_winograd *shape, int threads, const float *source, const float *gradient,
    float *weights_gradient, void *scratch);

#endif
