// A strip of tiles at a time: its source is transformed once a slice of depth and stays in the
// second-level cache while all slices of the result that it meets are computed.
#include "regions.h"
#include "winograd.h"

#include <immintrin.h>
#include <string.h>

#define AVX512 __attribute__((target("avx512f")))
#define INLINE static inline __attribute__((always_inline, target("avx512f")))

enum { POSITIONS = 16, TILES = 56, STEP = 7, LANES = 16, PAIR = 32 };

typedef struct {
  cdnn_winograd s;
  int threads;
  // Tiles down and across, rows of tiles in a strip, strips of an image, room for tiles in a strip.
  int64_t down, across, rows, strips, room;
} plan;

static plan make_plan(const cdnn_winograd *shape, int threads) {
  plan p = {.s = *shape, .threads = threads};
  p.down = (shape->result_height + 1) / 2;
  p.across = (shape->result_width + 1) / 2;
  p.rows = p.across >= TILES ? 1 : TILES / p.across;
  if (p.rows > p.down) p.rows = p.down;
  p.strips = (p.down + p.rows - 1) / p.rows;
  p.room = (p.rows * p.across + STEP - 1) / STEP * STEP;
  return p;
}

typedef struct {
  void (*body)(const void *context, int share);
  const void *context;
  int shares;
} team_work;

static void run_shares(void *argument) {
  const team_work *work = argument;
  // A team may be smaller than what was asked for.
  for (int share = omp_get_thread_num(); share < work->shares; share += omp_get_num_threads())
    work->body(work->context, share);
}

static void in_shares(void (*body)(const void *, int), const void *context, int shares) {
  team_work work = {body, context, shares};
  cdnn_parallel(run_shares, &work, (unsigned)shares);
}

static size_t weights_count(const cdnn_winograd *s) {
  return (size_t)(POSITIONS * s->kernel_depth * s->inputs * s->outputs);
}

// What one thread needs: transformed slices of the source, and one of the result.
static size_t ring_count(const plan *p) {
  return (size_t)(p->s.kernel_depth * POSITIONS * p->room * p->s.inputs);
}
static size_t own_count(const plan *p) {
  return ring_count(p) + (size_t)(POSITIONS * p->room * p->s.outputs);
}

size_t cdnn_winograd_bytes(const cdnn_winograd *shape, int threads, bool of_weights) {
  plan p = make_plan(shape, threads);
  size_t sets = of_weights ? (size_t)threads : 1;
  return 4 * (sets * weights_count(shape) + (size_t)threads * own_count(&p));
}

INLINE __m512 at(const float *plane, int64_t height, int64_t width, int64_t y, int64_t x) {
  bool inside = y >= 0 && y < height && x >= 0 && x < width;
  return inside ? _mm512_loadu_ps(plane + (y * width + x) * LANES) : _mm512_setzero_ps();
}

// Bᵀ d B of one slice's tiles: to [position][tile][channel].
AVX512 static void transform_source(
    const plan *p, const float *image, int64_t slice, int64_t strip, float *to) {
  const cdnn_winograd *s = &p->s;
  int64_t first = strip * p->rows;
  int64_t last = first + p->rows < p->down ? first + p->rows : p->down;
  int64_t stride = p->room * s->inputs;
  for (int64_t block = 0; block < s->inputs / LANES; block++) {
    const float *plane = image + (block * s->depth + slice) * s->height * s->width * LANES;
    for (int64_t row = first; row < last; row++)
      for (int64_t column = 0; column < p->across; column++) {
        int64_t y = 2 * row - s->padding[1], x = 2 * column - s->padding[2];
        __m512 t[4][4];
        for (int i = 0; i < 4; i++) {
          __m512 a = at(plane, s->height, s->width, y + i, x),
                 b = at(plane, s->height, s->width, y + i, x + 1),
                 c = at(plane, s->height, s->width, y + i, x + 2),
                 d = at(plane, s->height, s->width, y + i, x + 3);
          t[i][0] = a - c;
          t[i][1] = b + c;
          t[i][2] = c - b;
          t[i][3] = b - d;
        }
        float *tile = to + ((row - first) * p->across + column) * s->inputs + block * LANES;
        for (int j = 0; j < 4; j++) {
          _mm512_storeu_ps(tile + (0 + j) * stride, t[0][j] - t[2][j]);
          _mm512_storeu_ps(tile + (4 + j) * stride, t[1][j] + t[2][j]);
          _mm512_storeu_ps(tile + (8 + j) * stride, t[2][j] - t[1][j]);
          _mm512_storeu_ps(tile + (12 + j) * stride, t[1][j] - t[3][j]);
        }
      }
  }
}

// Aᵀ m A of one slice's tiles, and what is fused behind it.
AVX512 static void transform_result(
    const plan *p, const float *from, int64_t slice, int64_t strip, const float *bias,
    bool accumulate, bool rectify, float *image) {
  const cdnn_winograd *s = &p->s;
  int64_t first = strip * p->rows;
  int64_t last = first + p->rows < p->down ? first + p->rows : p->down;
  int64_t stride = p->room * s->outputs, height = s->result_height, width = s->result_width;
  for (int64_t block = 0; block < s->outputs / LANES; block++) {
    float *plane = image + (block * s->result_depth + slice) * height * width * LANES;
    __m512 shift = bias ? _mm512_loadu_ps(bias + block * LANES) : _mm512_setzero_ps();
    for (int64_t row = first; row < last; row++)
      for (int64_t column = 0; column < p->across; column++) {
        const float *tile =
            from + ((row - first) * p->across + column) * s->outputs + block * LANES;
        __m512 t[2][4];
        for (int j = 0; j < 4; j++) {
          __m512 a = _mm512_loadu_ps(tile + (0 + j) * stride),
                 b = _mm512_loadu_ps(tile + (4 + j) * stride),
                 c = _mm512_loadu_ps(tile + (8 + j) * stride),
                 d = _mm512_loadu_ps(tile + (12 + j) * stride);
          t[0][j] = a + b + c;
          t[1][j] = b - c - d;
        }
        for (int i = 0; i < 2; i++) {
          __m512 values[2] = {t[i][0] + t[i][1] + t[i][2], t[i][1] - t[i][2] - t[i][3]};
          for (int j = 0; j < 2; j++) {
            int64_t y = 2 * row + i, x = 2 * column + j;
            if (y >= height || x >= width) continue;
            float *place = plane + (y * width + x) * LANES;
            __m512 value = values[j] + shift;
            if (accumulate) value += _mm512_loadu_ps(place);
            // NaN stays: of two values the maximum is the second where one is NaN.
            if (rectify) value = _mm512_max_ps(_mm512_setzero_ps(), value);
            _mm512_storeu_ps(place, value);
          }
        }
      }
  }
}

// A dY Aᵀ of one slice's tiles: to [position][tile][channel]; 0 beyond the border.
AVX512 static void transform_gradient(
    const plan *p, const float *image, int64_t slice, int64_t strip, float *to) {
  const cdnn_winograd *s = &p->s;
  int64_t first = strip * p->rows;
  int64_t last = first + p->rows < p->down ? first + p->rows : p->down;
  int64_t stride = p->room * s->outputs, height = s->result_height, width = s->result_width;
  for (int64_t block = 0; block < s->outputs / LANES; block++) {
    const float *plane = image + (block * s->result_depth + slice) * height * width * LANES;
    for (int64_t row = first; row < last; row++)
      for (int64_t column = 0; column < p->across; column++) {
        float *tile = to + ((row - first) * p->across + column) * s->outputs + block * LANES;
        __m512 t[2][4];
        for (int i = 0; i < 2; i++) {
          __m512 a = at(plane, height, width, 2 * row + i, 2 * column),
                 b = at(plane, height, width, 2 * row + i, 2 * column + 1);
          t[i][0] = a;
          t[i][1] = a + b;
          t[i][2] = a - b;
          t[i][3] = _mm512_setzero_ps() - b;
        }
        for (int j = 0; j < 4; j++) {
          _mm512_storeu_ps(tile + (0 + j) * stride, t[0][j]);
          _mm512_storeu_ps(tile + (4 + j) * stride, t[0][j] + t[1][j]);
          _mm512_storeu_ps(tile + (8 + j) * stride, t[0][j] - t[1][j]);
          _mm512_storeu_ps(tile + (12 + j) * stride, _mm512_setzero_ps() - t[1][j]);
        }
      }
  }
}

// G g of three values.
INLINE void spread(__m512 a, __m512 b, __m512 c, __m512 to[4]) {
  __m512 half = _mm512_set1_ps(0.5f), sum = (a + c) * half, middle = b * half;
  to[0] = a;
  to[1] = sum + middle;
  to[2] = sum - middle;
  to[3] = c;
}

typedef struct {
  const plan *p;
  const float *weights;
  bool transposed;
  float *to;
} weights_work;

// G g Gᵀ: to [position][pair of output blocks][depth][input][32 outputs].
AVX512 static void transform_weights(const void *context, int share) {
  const weights_work *work = context;
  const cdnn_winograd *s = &work->p->s;
  int64_t inputs = s->inputs / LANES, outputs = s->outputs / LANES, area = LANES * LANES;
  int64_t first = outputs * share / work->p->threads,
          last = outputs * (share + 1) / work->p->threads;
  int64_t stride = s->kernel_depth * s->inputs * s->outputs;
  for (int64_t output = first; output < last; output++)
    for (int64_t input = 0; input < inputs; input++)
      for (int64_t depth = 0; depth < s->kernel_depth; depth++) {
        float block[9][LANES][LANES];
        int64_t place = work->transposed ? (input * outputs + output) * s->kernel_depth
                                               + s->kernel_depth - 1 - depth
                                         : (output * inputs + input) * s->kernel_depth + depth;
        const float *from = work->weights + place * 9 * area;
        if (work->transposed) {
          for (int k = 0; k < 9; k++)
            for (int i = 0; i < LANES; i++)
              for (int j = 0; j < LANES; j++)
                block[8 - k][j][i] = from[k * area + i * LANES + j];
        } else {
          memcpy(block, from, sizeof block);
        }
        for (int i = 0; i < LANES; i++) {
          __m512 t[3][4];
          for (int k = 0; k < 3; k++)
            spread(
                _mm512_loadu_ps(block[3 * k][i]), _mm512_loadu_ps(block[3 * k + 1][i]),
                _mm512_loadu_ps(block[3 * k + 2][i]), t[k]);
          float *to = work->to
                      + ((output / 2 * s->kernel_depth + depth) * s->inputs + input * LANES + i)
                            * PAIR
                      + output % 2 * LANES;
          for (int j = 0; j < 4; j++) {
            __m512 u[4];
            spread(t[0][j], t[1][j], t[2][j], u);
            for (int k = 0; k < 4; k++) _mm512_storeu_ps(to + (4 * k + j) * stride, u[k]);
          }
        }
      }
}

// Sums over depth and inputs for some tiles and 32 outputs.
INLINE void multiply(
    int tiles, int64_t inputs, int64_t outputs, int slices, const float *const *source,
    const float *const *weights, float *to) {
  __m512 sum[14][2];
  for (int t = 0; t < tiles; t++) sum[t][0] = sum[t][1] = _mm512_setzero_ps();
  for (int slice = 0; slice < slices; slice++) {
    const float *v = source[slice], *u = weights[slice];
    for (int64_t i = 0; i < inputs; i++, v++, u += PAIR) {
      __m512 low = _mm512_loadu_ps(u), high = _mm512_loadu_ps(u + LANES);
#pragma clang loop unroll(full)
      for (int t = 0; t < tiles; t++) {
        __m512 value = _mm512_set1_ps(v[t * inputs]);
        sum[t][0] = _mm512_fmadd_ps(value, low, sum[t][0]);
        sum[t][1] = _mm512_fmadd_ps(value, high, sum[t][1]);
      }
    }
  }
#pragma clang loop unroll(full)
  for (int t = 0; t < tiles; t++) {
    _mm512_storeu_ps(to + t * outputs, sum[t][0]);
    _mm512_storeu_ps(to + t * outputs + LANES, sum[t][1]);
  }
}

AVX512 static void multiply_slice(
    const plan *p, int slices, const float *const *ring, const int64_t *depths,
    const float *weights, float *to) {
  const cdnn_winograd *s = &p->s;
  int64_t pairs = s->outputs / PAIR, panel = s->inputs * PAIR;
  for (int64_t position = 0; position < POSITIONS; position++)
    for (int64_t pair = 0; pair < pairs; pair++) {
      const float *panels[8], *tiles[8];
      for (int i = 0; i < slices; i++)
        panels[i] = weights + ((position * pairs + pair) * s->kernel_depth + depths[i]) * panel;
      for (int64_t tile = 0; tile < p->room;) {
        for (int i = 0; i < slices; i++)
          tiles[i] = ring[i] + (position * p->room + tile) * s->inputs;
        float *place = to + (position * p->room + tile) * s->outputs + pair * PAIR;
        if (tile + 2 * STEP <= p->room) {
          multiply(2 * STEP, s->inputs, s->outputs, slices, tiles, panels, place);
          tile += 2 * STEP;
        } else {
          multiply(STEP, s->inputs, s->outputs, slices, tiles, panels, place);
          tile += STEP;
        }
      }
    }
}

// The slices of the source that one of the result meets; those of the ring that hold them.
static int meet(
    const plan *p, int64_t slice, float *ring, const float **slices, int64_t *depths) {
  int count = 0;
  for (int64_t depth = 0; depth < p->s.kernel_depth; depth++) {
    int64_t from = slice - p->s.padding[0] + depth;
    if (from < 0 || from >= p->s.depth) continue;
    slices[count] = ring + from % p->s.kernel_depth * POSITIONS * p->room * p->s.inputs;
    depths[count++] = depth;
  }
  return count;
}

// Transforms the slices of the source that the result's slice is the first to meet.
static int64_t fill(
    const plan *p, const float *image, int64_t strip, int64_t slice, int64_t done, float *ring) {
  int64_t end = slice - p->s.padding[0] + p->s.kernel_depth;
  if (end > p->s.depth) end = p->s.depth;
  for (; done < end; done++)
    transform_source(
        p, image, done, strip,
        ring + done % p->s.kernel_depth * POSITIONS * p->room * p->s.inputs);
  return done;
}

typedef struct {
  const plan *p;
  const float *source, *weights, *bias, *gradient;
  bool accumulate, rectify;
  float *result, *own;
} strips_work;

static int64_t image_size(const cdnn_winograd *s) {
  return s->inputs * s->depth * s->height * s->width;
}
static int64_t result_size(const cdnn_winograd *s) {
  return s->outputs * s->result_depth * s->result_height * s->result_width;
}

static void forward_share(const void *context, int share) {
  const strips_work *work = context;
  const plan *p = work->p;
  const cdnn_winograd *s = &p->s;
  int64_t count = s->n * p->strips;
  float *ring = work->own + (size_t)share * own_count(p), *sums = ring + ring_count(p);
  for (int64_t one = count * share / p->threads; one < count * (share + 1) / p->threads; one++) {
    int64_t strip = one % p->strips, done = 0;
    const float *image = work->source + one / p->strips * image_size(s);
    float *result = work->result + one / p->strips * result_size(s);
    for (int64_t slice = 0; slice < s->result_depth; slice++) {
      const float *slices[8];
      int64_t depths[8];
      done = fill(p, image, strip, slice, done, ring);
      int met = meet(p, slice, ring, slices, depths);
      multiply_slice(p, met, slices, depths, work->weights, sums);
      transform_result(
          p, sums, slice, strip, work->bias, work->accumulate, work->rectify, result);
    }
  }
}

void cdnn_winograd_forward(
    const cdnn_winograd *shape, int threads, const float *source, const float *weights,
    bool transposed, const float *bias, bool accumulate, bool rectify, float *result,
    void *scratch) {
  plan p = make_plan(shape, threads);
  float *transformed = scratch;
  weights_work first = {&p, weights, transposed, transformed};
  in_shares(transform_weights, &first, threads);
  strips_work work = {
      .p = &p, .source = source, .weights = transformed, .bias = bias, .accumulate = accumulate,
      .rectify = rectify, .result = result, .own = transformed + weights_count(shape)};
  in_shares(forward_share, &work, threads);
}

// Adds, over some tiles, the products of 8 inputs and 32 outputs.
AVX512 static void outer(
    int64_t tiles, int64_t inputs, int64_t outputs, const float *source, const float *gradient,
    float *to) {
  __m512 sum[8][2];
  for (int i = 0; i < 8; i++) {
    sum[i][0] = _mm512_loadu_ps(to + i * PAIR);
    sum[i][1] = _mm512_loadu_ps(to + i * PAIR + LANES);
  }
  for (int64_t t = 0; t < tiles; t++, source += inputs, gradient += outputs) {
    __m512 low = _mm512_loadu_ps(gradient), high = _mm512_loadu_ps(gradient + LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
      __m512 value = _mm512_set1_ps(source[i]);
      sum[i][0] = _mm512_fmadd_ps(value, low, sum[i][0]);
      sum[i][1] = _mm512_fmadd_ps(value, high, sum[i][1]);
    }
  }
  for (int i = 0; i < 8; i++) {
    _mm512_storeu_ps(to + i * PAIR, sum[i][0]);
    _mm512_storeu_ps(to + i * PAIR + LANES, sum[i][1]);
  }
}

static void weights_share(const void *context, int share) {
  const strips_work *work = context;
  const plan *p = work->p;
  const cdnn_winograd *s = &p->s;
  int64_t count = s->n * p->strips, pairs = s->outputs / PAIR;
  float *ring = work->own + (size_t)share * own_count(p), *rises = ring + ring_count(p);
  float *sums = work->result + (size_t)share * weights_count(s);
  memset(sums, 0, weights_count(s) * sizeof *sums);
  for (int64_t one = count * share / p->threads; one < count * (share + 1) / p->threads; one++) {
    int64_t strip = one % p->strips, done = 0;
    int64_t rows = p->rows < p->down - strip * p->rows ? p->rows : p->down - strip * p->rows;
    const float *image = work->source + one / p->strips * image_size(s);
    const float *gradient = work->gradient + one / p->strips * result_size(s);
    for (int64_t slice = 0; slice < s->result_depth; slice++) {
      const float *slices[8];
      int64_t depths[8];
      done = fill(p, image, strip, slice, done, ring);
      int met = meet(p, slice, ring, slices, depths);
      transform_gradient(p, gradient, slice, strip, rises);
      for (int64_t position = 0; position < POSITIONS; position++)
        for (int64_t pair = 0; pair < pairs; pair++)
          for (int i = 0; i < met; i++)
            for (int64_t input = 0; input < s->inputs; input += 8)
              outer(
                  rows * p->across, s->inputs, s->outputs,
                  slices[i] + position * p->room * s->inputs + input,
                  rises + position * p->room * s->outputs + pair * PAIR,
                  sums
                      + (((position * pairs + pair) * s->kernel_depth + depths[i]) * s->inputs
                         + input)
                            * PAIR);
    }
  }
}

// Gᵀ u of four values.
INLINE void gather(__m512 a, __m512 b, __m512 c, __m512 d, __m512 to[3]) {
  __m512 half = _mm512_set1_ps(0.5f), sum = (b + c) * half;
  to[0] = a + sum;
  to[1] = (b - c) * half;
  to[2] = sum + d;
}

// Adds what the threads found, in order, and transforms it back: Gᵀ u G.
AVX512 static void finish_weights(const void *context, int share) {
  const strips_work *work = context;
  const cdnn_winograd *s = &work->p->s;
  int64_t inputs = s->inputs / LANES, outputs = s->outputs / LANES, area = LANES * LANES;
  int64_t first = outputs * share / work->p->threads,
          last = outputs * (share + 1) / work->p->threads;
  int64_t stride = s->kernel_depth * s->inputs * s->outputs;
  for (int64_t output = first; output < last; output++)
    for (int64_t input = 0; input < inputs; input++)
      for (int64_t depth = 0; depth < s->kernel_depth; depth++)
        for (int i = 0; i < LANES; i++) {
          const float *from =
              work->result
              + ((output / 2 * s->kernel_depth + depth) * s->inputs + input * LANES + i) * PAIR
              + output % 2 * LANES;
          float *to = work->own
                      + ((output * inputs + input) * s->kernel_depth + depth) * 9 * area
                      + i * LANES;
          __m512 t[3][4];
          for (int j = 0; j < 4; j++) {
            __m512 u[4], v[3];
            for (int k = 0; k < 4; k++) {
              u[k] = _mm512_loadu_ps(from + (4 * k + j) * stride);
              for (int thread = 1; thread < work->p->threads; thread++)
                u[k] += _mm512_loadu_ps(
                    from + (4 * k + j) * stride + (size_t)thread * weights_count(s));
            }
            gather(u[0], u[1], u[2], u[3], v);
            for (int k = 0; k < 3; k++) t[k][j] = v[k];
          }
          for (int k = 0; k < 3; k++) {
            __m512 g[3];
            gather(t[k][0], t[k][1], t[k][2], t[k][3], g);
            for (int j = 0; j < 3; j++) _mm512_storeu_ps(to + (3 * k + j) * area, g[j]);
          }
        }
}

void cdnn_winograd_weights(
    const cdnn_winograd *shape, int threads, const float *source, const float *gradient,
    float *weights_gradient, void *scratch) {
  plan p = make_plan(shape, threads);
  float *sums = scratch;
  strips_work work = {
      .p = &p, .source = source, .gradient = gradient, .result = sums,
      .own = sums + (size_t)threads * weights_count(shape)};
  in_shares(weights_share, &work, threads);
  work.own = weights_gradient;
  in_shares(finish_weights, &work, threads);
}
