// bfloat16 to float32 and back.
#ifndef CONEDNN_BFLOAT16_H
#define CONEDNN_BFLOAT16_H

#include <stdint.h>
#include <string.h>

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

#endif
