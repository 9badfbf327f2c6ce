#include "arithmetic.h"
#include "csimulation.h"

typedef struct {
  uint32_t x, y, z, w;
} block;

// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), section 3.3.
INLINE block philox(uint64_t key, uint32_t stream, uint32_t counter) {
  uint32_t x = counter, y = stream, z = 0, w = 0, k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
#pragma clang loop unroll(full)
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)x * 0xD2511F53u, b = (uint64_t)z * 0xCD9E8D57u;
    x = (uint32_t)(b >> 32) ^ y ^ k0;
    y = (uint32_t)b;
    z = (uint32_t)(a >> 32) ^ w ^ k1;
    w = (uint32_t)a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return (block){x, y, z, w};
}

// In [0, 1), a multiple of 2^-24.
INLINE float share(uint32_t word) { return (float)(int32_t)(word >> 8) * 0x1p-24f; }

// Source: Box & Muller (1958).
INLINE void normals(uint32_t u, uint32_t v, float *first, float *second) {
  float c, s;
  circle(share(v), &c, &s);
  float radius = __builtin_sqrtf(-1.386294361f * log2_of(1 - share(u)));
  *first = radius * c;
  *second = radius * s;
}

CLONES void csim_normals(
    uint64_t key, uint32_t stream, uint32_t first, int32_t blocks, float *numbers) {
  float *a = numbers, *b = a + blocks, *c = b + blocks, *d = c + blocks;
#pragma clang loop vectorize(assume_safety)
  for (int32_t n = 0; n < blocks; n++) {
    block words = philox(key, stream, first + (uint32_t)n);
    normals(words.x, words.y, &a[n], &b[n]);
    normals(words.z, words.w, &c[n], &d[n]);
  }
}

CLONES void csim_uniforms(
    uint64_t key, uint32_t stream, uint32_t first, int32_t blocks, float *numbers) {
  float *a = numbers, *b = a + blocks, *c = b + blocks, *d = c + blocks;
  for (int32_t n = 0; n < blocks; n++) {
    block words = philox(key, stream, first + (uint32_t)n);
    a[n] = share(words.x);
    b[n] = share(words.y);
    c[n] = share(words.z);
    d[n] = share(words.w);
  }
}
