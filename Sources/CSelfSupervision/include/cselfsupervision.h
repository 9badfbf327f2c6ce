// Kernels that make the pixels of clips. No kernel contracts or reorders its sums, so every processor
// gives the same bytes.
#pragma once

#include <stdint.h>

// A grey frame, [height][width], black 0 and white 255.
typedef struct {
  const uint8_t *pixels;
  int32_t height, width;
} cssl_frame;

// From a place in the rendered frame to one in the frame: y' = yy y + yx x + y0, x' = xy y + xx x + x0;
// the centre of the first pixel is at (0, 0).
typedef struct {
  double yy, yx, y0, xy, xx, x0;
} cssl_map;

// How many numbers `room` of cssl_sample must hold.
int64_t cssl_room(const cssl_frame *frame);

// values [height][width]: the frame's tones at the places of the map, bilinear between the centres of
// pixels, black outside the frame's area. A map that shrinks by s >= 1.5 along each axis reads means
// of k x k pixels, k = round(s), at most 16.
//
// tones: what becomes of the 256 grey levels, linear between them, and one more that is never weighted;
// NULL divides by 255.
void cssl_sample(
    const cssl_frame *frame, const cssl_map *map, int32_t height, int32_t width, const float *tones,
    uint16_t *room, float *values);

// Convolves values [height][width] with taps[0 ... radius] (symmetric) along both axes, mirrored about
// the centres of the border's pixels; radius < height, radius < width. `room` has
// height width + width + 2 radius numbers.
void cssl_blur(
    int32_t height, int32_t width, const float *taps, int32_t radius, float *room, float *values);

// Times 1 + deviation n, n about normal with mean 0 and variance 1: the sum of the four bytes of a hash
// of (key, place), at most 3.45 from 0.
void cssl_speckle(int32_t count, uint64_t key, float deviation, float *values);

// To mean 0 and variance 1; values that are all alike become 0.
void cssl_normalise(int64_t count, float *values);

// The sum of |a - b|.
uint64_t cssl_difference(int32_t count, const uint8_t *a, const uint8_t *b);
