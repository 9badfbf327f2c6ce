#include "cselfsupervision.h"
#include "kernels.h"

static int32_t mirrored(int32_t i, int32_t size) {
  return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
}

CLONES static void blur_row(
    int32_t width, const float *restrict taps, int32_t radius, const float *restrict padded,
    float *restrict out) {
  for (int32_t x = 0; x < width; x++) out[x] = padded[x + radius] * taps[0];
  for (int32_t j = 1; j <= radius; j++) {
    const float *restrict left = padded + radius - j, *restrict right = padded + radius + j;
    float tap = taps[j];
    for (int32_t x = 0; x < width; x++) out[x] += (left[x] + right[x]) * tap;
  }
}

CLONES static void blur_column(
    int32_t height, int32_t width, const float *restrict taps, int32_t radius, int32_t y,
    const float *restrict rows, float *restrict out) {
  const float *restrict own = rows + (int64_t)y * width;
  for (int32_t x = 0; x < width; x++) out[x] = own[x] * taps[0];
  for (int32_t j = 1; j <= radius; j++) {
    const float *restrict above = rows + (int64_t)mirrored(y - j, height) * width;
    const float *restrict below = rows + (int64_t)mirrored(y + j, height) * width;
    float tap = taps[j];
    for (int32_t x = 0; x < width; x++) out[x] += (above[x] + below[x]) * tap;
  }
}

void cssl_blur(
    int32_t height, int32_t width, const float *taps, int32_t radius, float *room, float *values) {
  float *rows = room, *padded = room + (int64_t)height * width;
  for (int32_t y = 0; y < height; y++) {
    const float *row = values + (int64_t)y * width;
    memcpy(padded + radius, row, (size_t)width * sizeof *row);
    for (int32_t j = 1; j <= radius; j++) {
      padded[radius - j] = row[mirrored(-j, width)];
      padded[radius + width - 1 + j] = row[mirrored(width - 1 + j, width)];
    }
    blur_row(width, taps, radius, padded, rows + (int64_t)y * width);
  }
  for (int32_t y = 0; y < height; y++) {
    blur_column(height, width, taps, radius, y, rows, values + (int64_t)y * width);
  }
}

// Source: C. Wellons, "Prospecting for hash functions" (2018), lowbias32.
INLINE uint32_t hash(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ x >> 16;
}

CLONES void cssl_speckle(int32_t count, uint64_t key, float deviation, float *values) {
  uint32_t first = hash((uint32_t)key), second = hash((uint32_t)(key >> 32) ^ 0x9e3779b9u);
  // Four bytes have the mean 510 and the variance 4 (256^2 - 1) / 12.
  float scale = deviation * .006765875f;
  float *restrict out = values;
  for (int32_t i = 0; i < count; i++) {
    uint32_t h = hash(((uint32_t)i ^ first) + second);
    int32_t sum = (int32_t)((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24));
    out[i] *= 1 + (float)(sum - 510) * scale;
  }
}

enum { lanes = 16, piece = 32 * lanes };
typedef float vector __attribute__((vector_size(4 * lanes)));

// In a fixed order: lane by lane over a piece, then lane after lane.
INLINE double sum_of(const float *values, int64_t count, float mean, int squares) {
  double sum = 0;
  int64_t i = 0;
  for (; i + lanes <= count; i += piece) {
    vector part = {0};
    for (int64_t j = i; j < i + piece && j + lanes <= count; j += lanes) {
      vector v;
      memcpy(&v, values + j, sizeof v);
      v -= mean;
      part += squares ? v * v : v;
    }
    for (int32_t lane = 0; lane < lanes; lane++) sum += (double)part[lane];
  }
  for (i = count - count % lanes; i < count; i++) {
    float v = values[i] - mean;
    sum += (double)(squares ? v * v : v);
  }
  return sum;
}

CLONES void cssl_normalise(int64_t count, float *values) {
  float *restrict out = values;
  float mean = (float)(sum_of(values, count, 0, 0) / (double)count);
  double variance = sum_of(values, count, mean, 1) / (double)count;
  float scale = variance > 1e-12 ? (float)(1 / __builtin_sqrt(variance)) : 0;
  for (int64_t i = 0; i < count; i++) out[i] = (out[i] - mean) * scale;
}

CLONES uint64_t cssl_difference(int32_t count, const uint8_t *a, const uint8_t *b) {
  uint64_t total = 0;
  for (int32_t start = 0; start < count; start += 65536) {
    int32_t end = count - start < 65536 ? count : start + 65536;
    uint32_t sum = 0;
    for (int32_t i = start; i < end; i++) sum += (uint32_t)(a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]);
    total += sum;
  }
  return total;
}
