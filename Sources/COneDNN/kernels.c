// Elementwise work that oneDNN cannot fuse, on the threads that its kernels use.
#include "bfloat16.h"
#include "conednn.h"
#include "regions.h"

#include <stdlib.h>
#include <string.h>

// One version a processor generation, chosen when the program is loaded: before the thread sanitizer
// has begun, which cannot stand that.
#ifdef CDNN_WATCHED
#define CLONES
#else
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
// Elements of a chunk: it stays in the first-level cache, and results never depend on who did it.
enum { CHUNK = 2048 };

typedef struct {
  void (*body)(const void *context, size_t start, size_t count);
  const void *context;
  size_t count;
} range_work;

static void run_share(void *argument) {
  const range_work *work = argument;
  size_t chunks = (work->count + CHUNK - 1) / CHUNK;
  size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
  size_t first = chunks * thread / threads, last = chunks * (thread + 1) / threads;
  for (size_t chunk = first; chunk < last; chunk++) {
    size_t start = chunk * CHUNK;
    size_t count = work->count - start < CHUNK ? work->count - start : CHUNK;
    work->body(work->context, start, count);
  }
}

static void for_range(
    void (*body)(const void *, size_t, size_t), const void *context, size_t count) {
  range_work work = {body, context, count};
  cdnn_parallel(run_share, &work, count > 8 * CHUNK ? 0 : 1);
}

static void nothing(void *argument) { (void)argument; }

// libgomp counts the threads of all teams, and compares them with the processors.
void cdnn_announce_thread(void) { cdnn_parallel(nothing, NULL, 2); }

CLONES static void load(cdnn_type type, const void *from, size_t start, size_t count, float *to) {
  if (type == CDNN_F32) {
    memcpy(to, (const float *)from + start, count * sizeof *to);
  } else {
    const uint16_t *source = (const uint16_t *)from + start;
    for (size_t i = 0; i < count; i++) to[i] = widen(source[i]);
  }
}

CLONES static void store(cdnn_type type, const float *from, void *to, size_t start, size_t count) {
  if (type == CDNN_F32) {
    memcpy((float *)to + start, from, count * sizeof *from);
  } else {
    uint16_t *destination = (uint16_t *)to + start;
    for (size_t i = 0; i < count; i++) destination[i] = narrow(from[i]);
  }
}

typedef struct {
  cdnn_type type;
  cdnn_ending ending;
  int terms;
  const void *term[4], *gate;
  void *destination;
} sum_work;

CLONES static void sum_chunk(const void *context, size_t start, size_t count) {
  const sum_work *work = context;
  float total[CHUNK], next[CHUNK];
  load(work->type, work->term[0], start, count, total);
  for (int term = 1; term < work->terms; term++) {
    load(work->type, work->term[term], start, count, next);
    for (size_t i = 0; i < count; i++) total[i] += next[i];
  }
  if (work->ending == CDNN_RECTIFY) {
    // NaN is not less than 0, so it passes.
    for (size_t i = 0; i < count; i++) total[i] = total[i] < 0 ? 0 : total[i];
  } else if (work->ending == CDNN_GATE) {
    load(work->type, work->gate, start, count, next);
    for (size_t i = 0; i < count; i++) total[i] = next[i] > 0 ? total[i] : 0;
  }
  store(work->type, total, work->destination, start, count);
}

void cdnn_sum(
    cdnn_type type, void *destination, int terms, const void *const *term, cdnn_ending ending,
    const void *gate, size_t count) {
  sum_work work = {type, ending, terms, {0}, gate, destination};
  for (int i = 0; i < terms && i < 4; i++) work.term[i] = term[i];
  for_range(sum_chunk, &work, count);
}

typedef struct {
  size_t block;
  char *matrix;
  const char *source;
  int64_t n, blocks, sizes[3], places[3];
  cdnn_window window;
} unfold_work;

// One row of the matrix: what the window sees at one place.
static void unfold_row(const unfold_work *work, size_t row) {
  const cdnn_window *w = &work->window;
  int64_t start[3];
  size_t rest = row;
  for (int axis = 2; axis >= 0; axis--) {
    int64_t place = (int64_t)(rest % (size_t)work->places[axis]);
    rest /= (size_t)work->places[axis];
    start[axis] = place * w->stride[axis] - w->padding[axis];
  }
  const int64_t *sizes = work->sizes;
  size_t area = (size_t)(sizes[0] * sizes[1] * sizes[2]) * work->block;
  size_t kernel = (size_t)(w->kernel[0] * w->kernel[1] * w->kernel[2]);
  char *to = work->matrix + row * (size_t)work->blocks * kernel * work->block;
  const char *image = work->source + rest * (size_t)work->blocks * area;
  for (int64_t block = 0; block < work->blocks; block++, image += area)
    for (int64_t a = 0; a < w->kernel[0]; a++)
      for (int64_t b = 0; b < w->kernel[1]; b++)
        for (int64_t c = 0; c < w->kernel[2]; c++, to += work->block) {
          int64_t x = start[0] + a * w->dilation[0], y = start[1] + b * w->dilation[1],
                  z = start[2] + c * w->dilation[2];
          bool inside = x >= 0 && x < sizes[0] && y >= 0 && y < sizes[1] && z >= 0 && z < sizes[2];
          const char *from = image + (size_t)((x * sizes[1] + y) * sizes[2] + z) * work->block;
          // Two sizes alone, known to the compiler.
          if (!inside) memset(to, 0, work->block);
          else if (work->block == 32) memcpy(to, from, 32);
          else memcpy(to, from, 64);
        }
}

static void unfold_share(void *argument) {
  const unfold_work *work = argument;
  size_t rows = (size_t)(work->n * work->places[0] * work->places[1] * work->places[2]);
  size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
  for (size_t row = rows * thread / threads; row < rows * (thread + 1) / threads; row++)
    unfold_row(work, row);
}

void cdnn_unfold(
    cdnn_type type, void *matrix, const void *source, int64_t n, int64_t channels,
    const int64_t *sizes, const int64_t *places, const cdnn_window *window) {
  unfold_work work = {
      .block = type == CDNN_F32 ? 64 : 32, .matrix = matrix, .source = source, .n = n,
      .blocks = channels / 16};
  work.window.rank = 3;
  // Missing dimensions come first, with one element.
  for (int axis = 0; axis < 3; axis++) {
    int from = axis - (3 - window->rank);
    work.sizes[axis] = from < 0 ? 1 : sizes[from];
    work.places[axis] = from < 0 ? 1 : places[from];
    work.window.kernel[axis] = from < 0 ? 1 : window->kernel[from];
    work.window.stride[axis] = from < 0 ? 1 : window->stride[from];
    work.window.dilation[axis] = from < 0 ? 1 : window->dilation[from];
    work.window.padding[axis] = from < 0 ? 0 : window->padding[from];
  }
  cdnn_parallel(unfold_share, &work, 0);
}

typedef struct {
  cdnn_sgd_settings settings;
  float *weights, *velocity;
  const float *gradient;
} sgd_work;

CLONES static void sgd_chunk(const void *context, size_t start, size_t count) {
  const sgd_work *work = context;
  const cdnn_sgd_settings s = work->settings;
  float *restrict weights = work->weights + start;
  float *restrict velocity = work->velocity + start;
  const float *restrict gradient = work->gradient + start;
  float look = s.nesterov ? s.momentum : 1, own = s.nesterov ? 1 : 0;
  for (size_t i = 0; i < count; i++) {
    float g = s.gradient_scale * gradient[i] + s.decay * weights[i];
    float v = s.momentum * velocity[i] + g;
    velocity[i] = v;
    weights[i] -= s.rate * (own * g + look * v);
  }
}

void cdnn_sgd(
    const cdnn_sgd_settings *settings, float *weights, float *velocity, const float *gradient,
    size_t count) {
  sgd_work work = {*settings, weights, velocity, gradient};
  for_range(sgd_chunk, &work, count);
}

typedef struct {
  const float *values;
  double *parts;
} norm_work;

CLONES static void norm_chunk(const void *context, size_t start, size_t count) {
  const norm_work *work = context;
  double lanes[8] = {0};
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int lane = 0; lane < 8; lane++) {
      double value = work->values[start + i + (size_t)lane];
      lanes[lane] += value * value;
    }
  for (; i < count; i++) {
    double value = work->values[start + i];
    lanes[0] += value * value;
  }
  double total = 0;
  for (int lane = 0; lane < 8; lane++) total += lanes[lane];
  work->parts[start / CHUNK] = total;
}

double cdnn_squared_norm(const float *values, size_t count) {
  size_t chunks = (count + CHUNK - 1) / CHUNK;
  double *parts = malloc((chunks + 1) * sizeof *parts);
  if (!parts) abort();
  norm_work work = {values, parts};
  for_range(norm_chunk, &work, count);
  double total = 0;
  for (size_t i = 0; i < chunks; i++) total += parts[i];
  free(parts);
  return total;
}

typedef struct {
  cdnn_type type;
  const void *values;
  int *found;
} finite_work;

CLONES static void finite_chunk(const void *context, size_t start, size_t count) {
  const finite_work *work = context;
  float wide[CHUNK];
  const float *values = wide;
  if (work->type == CDNN_F32) values = (const float *)work->values + start;
  else load(work->type, work->values, start, count, wide);
  int bad = 0;
  // x - x is 0 for each finite x and NaN for others.
  for (size_t i = 0; i < count; i++) bad |= !(values[i] - values[i] == 0);
  if (bad) __atomic_store_n(work->found, 1, __ATOMIC_RELAXED);
}

bool cdnn_is_finite(cdnn_type type, const void *values, size_t count) {
  int found = 0;
  finite_work work = {type, values, &found};
  for_range(finite_chunk, &work, count);
  return !found;
}

typedef struct {
  cdnn_type type;
  float rate;
  uint64_t key, step;
  const void *source;
  void *destination;
} dropout_work;

// Source: Salmon, Moraes, Dror & Shaw (2011), section 3.3; the same as StageKit's CounterRandom.
static inline void philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)c[0] * 0xD2511F53, b = (uint64_t)c[2] * 0xCD9E8D57;
    uint32_t x = (uint32_t)(b >> 32) ^ c[1] ^ k0, z = (uint32_t)(a >> 32) ^ c[3] ^ k1;
    c[0] = x;
    c[1] = (uint32_t)b;
    c[2] = z;
    c[3] = (uint32_t)a;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
}

static void dropout_chunk(const void *context, size_t start, size_t count) {
  const dropout_work *work = context;
  float values[CHUNK];
  load(work->type, work->source, start, count, values);
  float scale = 1 / (1 - work->rate);
  uint64_t limit = (uint64_t)((double)work->rate * 0x1p32);
  for (size_t i = 0; i < count; i += 4) {
    uint64_t place = (start + i) / 4;
    uint32_t words[4] = {(uint32_t)place, (uint32_t)(place >> 32), (uint32_t)work->step,
                         (uint32_t)(work->step >> 32)};
    philox(words, (uint32_t)work->key, (uint32_t)(work->key >> 32));
    for (size_t j = 0; j < 4 && i + j < count; j++)
      values[i + j] = words[j] < limit ? 0 : values[i + j] * scale;
  }
  store(work->type, values, work->destination, start, count);
}

void cdnn_dropout(
    cdnn_type type, void *destination, const void *source, float rate, uint64_t key,
    uint64_t step, size_t count) {
  dropout_work work = {type, rate, key, step, source, destination};
  for_range(dropout_chunk, &work, count);
}
