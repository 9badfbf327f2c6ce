// The gradient of depthwise weights in two dimensions.
#include "depthwise.h"
#include "regions.h"

#include <stdlib.h>
#include <string.h>

#ifdef CDNN_WATCHED
#define CLONES
#else
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
enum { LANES = 16 };
// One value of each channel of a block.
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(64)));

typedef struct {
  cdnn_depthwise shape;
  const char *source, *gradient;
  float *weights_gradient, *bias_gradient, *scratch;
} depthwise_work;

static size_t padded_rows(const cdnn_depthwise *s) { return (size_t)(s->height + s->kernel - 1); }
static size_t padded_columns(const cdnn_depthwise *s) { return (size_t)(s->width + s->kernel - 1); }

// Lanes of a thread: the source with its padding, and the result's gradient.
static size_t thread_lanes(const cdnn_depthwise *s) {
  return padded_rows(s) * padded_columns(s) + (size_t)(s->height * s->width);
}

size_t cdnn_depthwise_bytes(const cdnn_depthwise *shape, int threads) {
  // 64 more, to begin on a line of the cache.
  return thread_lanes(shape) * sizeof(lanes) * (size_t)threads + 64;
}

// Places of one block of channels as float32.
static void widen(cdnn_type type, const char *from, size_t places, lanes *to) {
  if (type == CDNN_F32) {
    memcpy(to, from, places * sizeof *to);
    return;
  }
  const uint16_t *source = (const uint16_t *)from;
  for (size_t place = 0; place < places; place++)
    for (int lane = 0; lane < LANES; lane++) {
      uint32_t bits = (uint32_t)source[place * LANES + (size_t)lane] << 16;
      float value;
      memcpy(&value, &bits, sizeof value);
      to[place][lane] = value;
    }
}

// Adds what one image gives to one row of the kernel; `source` is the first padded row that the row
// of the kernel meets. The sums of a row of the image stay in registers.
static inline __attribute__((always_inline)) void add_row(
    const cdnn_depthwise *s, int taps, const lanes *source, const lanes *gradient, lanes *sums) {
  size_t columns = padded_columns(s);
  lanes total[8];
#pragma clang loop unroll(full)
  for (int tap = 0; tap < taps; tap++) total[tap] = sums[tap];
  for (int64_t y = 0; y < s->height; y++, source += columns, gradient += s->width)
    for (int64_t x = 0; x < s->width; x++) {
      lanes own = gradient[x];
#pragma clang loop unroll(full)
      for (int tap = 0; tap < taps; tap++) total[tap] += source[x + tap] * own;
    }
#pragma clang loop unroll(full)
  for (int tap = 0; tap < taps; tap++) sums[tap] = total[tap];
}

CLONES static void add_image(
    const cdnn_depthwise *s, const lanes *source, const lanes *gradient, lanes *sums) {
  for (int64_t row = 0; row < s->kernel; row++) {
    const lanes *first = source + (size_t)row * padded_columns(s);
    lanes *own = sums + row * s->kernel;
    switch (s->kernel) {
    case 3: add_row(s, 3, first, gradient, own); break;
    case 5: add_row(s, 5, first, gradient, own); break;
    default: add_row(s, 7, first, gradient, own);
    }
  }
}

CLONES static void add_bias(const lanes *gradient, size_t places, lanes *sum) {
  lanes total = *sum;
  for (size_t place = 0; place < places; place++) total += gradient[place];
  *sum = total;
}

// All images of one block of channels, in order, whoever does it.
static void run_block(const depthwise_work *work, size_t block, lanes *source, lanes *gradient) {
  const cdnn_depthwise *s = &work->shape;
  size_t places = (size_t)(s->height * s->width), blocks = (size_t)s->channels / LANES;
  size_t size = LANES * (s->type == CDNN_F32 ? sizeof(float) : sizeof(uint16_t));
  size_t edge = (size_t)(s->kernel / 2), columns = padded_columns(s);
  size_t taps = (size_t)(s->kernel * s->kernel);
  lanes sums[49], bias;
  memset(sums, 0, sizeof sums);
  memset(&bias, 0, sizeof bias);
  for (size_t image = 0; image < (size_t)s->n; image++) {
    size_t first = (image * blocks + block) * places * size;
    for (size_t y = 0; y < (size_t)s->height; y++)
      widen(s->type, work->source + first + y * (size_t)s->width * size, (size_t)s->width,
            source + (y + edge) * columns + edge);
    widen(s->type, work->gradient + first, places, gradient);
    add_image(s, source, gradient, sums);
    if (work->bias_gradient) add_bias(gradient, places, &bias);
  }
  for (size_t lane = 0; lane < LANES; lane++) {
    size_t channel = block * LANES + lane;
    for (size_t tap = 0; tap < taps; tap++)
      work->weights_gradient[channel * taps + tap] = sums[tap][lane];
    if (work->bias_gradient) work->bias_gradient[channel] = bias[lane];
  }
}

static void run_share(void *argument) {
  const depthwise_work *work = argument;
  const cdnn_depthwise *s = &work->shape;
  size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
  size_t blocks = (size_t)s->channels / LANES;
  lanes *source = (lanes *)(((uintptr_t)work->scratch + 63) / 64 * 64) + thread * thread_lanes(s);
  lanes *gradient = source + padded_rows(s) * padded_columns(s);
  // The padding stays 0 from block to block.
  memset(source, 0, padded_rows(s) * padded_columns(s) * sizeof *source);
  for (size_t block = blocks * thread / threads; block < blocks * (thread + 1) / threads; block++)
    run_block(work, block, source, gradient);
}

void cdnn_depthwise_weights(
    const cdnn_depthwise *shape, const void *source, const void *gradient,
    float *weights_gradient, float *bias_gradient, void *scratch) {
  depthwise_work work = {*shape, source, gradient, weights_gradient, bias_gradient, scratch};
  cdnn_parallel(run_share, &work, 0);
}
