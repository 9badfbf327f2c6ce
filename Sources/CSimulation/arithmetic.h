// Elementary functions in single precision that vectorise and do not depend on a library.
#pragma once

#include <stdint.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// Which version is chosen before the thread sanitizer has begun, which it cannot stand.
#if __has_feature(thread_sanitizer)
#define CLONES
#else
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

INLINE uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

// To the nearest whole number, |x| < 2^22.
INLINE float nearest(float x) { return (x + 12582912.f) - 12582912.f; }

// 2^x, x in -126 to 126; relative error 2e-7.
INLINE float exp2_of(float x) {
  x = x < -126 ? -126 : x > 126 ? 126 : x;
  float whole = nearest(x);
  float t = (x - whole) * 0.693147181f;
  float y = 1 + t * (1 + t * (1 / 2.f + t * (1 / 6.f + t * (1 / 24.f + t * (1 / 120.f + t * (1 / 720.f))))));
  return y * float_of((uint32_t)((int32_t)whole + 127) << 23);
}

// log2 x, x > 0; absolute error 2e-7 and that of the exponent.
INLINE float log2_of(float x) {
  int32_t bits = (int32_t)bits_of(x);
  // The mantissa is taken from 1/sqrt 2 to sqrt 2.
  int32_t exponent = (bits - 0x3f3504f3) >> 23;
  float m = float_of((uint32_t)(bits - (exponent << 23)));
  float t = (m - 1) / (m + 1), t2 = t * t;
  return (float)exponent
      + 2.885390082f * t * (1 + t2 * (1 / 3.f + t2 * (1 / 5.f + t2 * (1 / 7.f))));
}

// Cosine and sine of an angle in turns, |turns| < 2^22; error 1e-6.
INLINE void circle(float turns, float *cosine, float *sine) {
  float x = (turns - nearest(turns)) * 3.141592654f, y = x * x;
  float s = x * (1 + y * (-1 / 6.f + y * (1 / 120.f + y * (-1 / 5040.f
      + y * (1 / 362880.f + y * (-1 / 39916800.f))))));
  float c = 1 + y * (-1 / 2.f + y * (1 / 24.f + y * (-1 / 720.f
      + y * (1 / 40320.f + y * (-1 / 3628800.f + y * (1 / 479001600.f))))));
  *cosine = 1 - 2 * s * s;
  *sine = 2 * s * c;
}

// The angle of (x, z) from the axis z > 0, up to 50 degrees; error 1e-6. r = sqrt(x^2 + z^2).
INLINE float angle(float x, float z, float r) {
  float t = x / (r + z), y = t * t;  // the tangent of half the angle
  return 2 * t * (1 + y * (-1 / 3.f + y * (1 / 5.f + y * (-1 / 7.f + y * (1 / 9.f
      + y * (-1 / 11.f + y * (1 / 13.f)))))));
}
