// Elementwise work that oneDNN cannot fuse, on the threads that its kernels use.
#include "conednn.h"

#include <stdlib.h>
#include <string.h>

// libgomp's own entry points: oneDNN's threads are libgomp's, and a second pool would fight them.
extern void GOMP_parallel(void (*)(void *), void *, unsigned, unsigned);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);

// One version a processor generation, chosen when the program is loaded.
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
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
  GOMP_parallel(run_share, &work, count > 8 * CHUNK ? 0 : 1, 0);
}

static inline float widen(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

// To nearest, ties to even, as the processor's own conversion; NaN stays NaN.
static inline uint16_t narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  return (uint16_t)(value != value ? bits >> 16 | 0x40 : rounded);
}

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
  float values[CHUNK];
  load(work->type, work->values, start, count, values);
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
