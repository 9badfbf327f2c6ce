// Kernels of the B-mode simulator. All maps are [samples][lines], row by row; lengths in mm, angles in
// radians. No kernel contracts or reorders its sums, so every processor gives the same bytes.
#pragma once

#include <stdint.h>

// What may lie in a cell, as bits: whose scatterers it shows, and whether it is inside the uterus.
enum {
  csim_mother = 1,
  csim_fetus = 2,
  csim_heart = 4,
  csim_cavity = 8,
};

// The polar grid of a convex probe. Cell (i, j) has r = radius + (i + .5) spacing and the angle whose
// sine and cosine are sine[j], cosine[j]; x = r sine, z = r cosine - radius.
typedef struct {
  int32_t lines, samples;
  float radius, spacing;
  // Angle of the left edge (negative) and between two lines.
  float left, pitch;
  const float *sine, *cosine;
} csim_grid;

// A rotated ellipse with the semi-axes a, b, or a capsule of half length a and radius b.
typedef struct {
  int32_t is_capsule;
  // Cells are painted where all bits of `requires` are set; they get `region`.
  int32_t requires, region;
  float x, z, cosine, sine, a, b;
  // Amplitude (not dB) and attenuation in dB/cm/MHz.
  float amplitude, attenuation;
  // A rim of this thickness inside the edge; 0 for none.
  float rim, rim_amplitude, rim_attenuation;
  // The rim, or where there is none the whole shape, is weighted by .15 + .85 |n . beam|^specular.
  int32_t specular;
} csim_shape;

// Paints the shapes one over the other.
void csim_paint(
    const csim_grid *grid, const csim_shape *shapes, int32_t count, float *amplitude,
    float *attenuation, int32_t *region);

// Multiplies the amplitudes by what the way there and back leaves of them: attenuation summed along
// the line, less a compensation of `slope` dB/cm/MHz, whose surplus s > 0 becomes
// cap (1 - exp(-s / cap)). `sums` has room for a line of cells.
void csim_attenuate(
    const csim_grid *grid, float megahertz, float slope, float cap, float *amplitude,
    const float *attenuation, float *sums);

// Scatterers in material coordinates, and how they come to lie in the picture:
// x = xx mx + xz mz + x0, z = zx mx + zz mz + z0; strength = first g1 + second g2.
typedef struct {
  const float *x, *z, *g1, *g2;
  float xx, xz, x0, zx, zz, z0, first, second;
} csim_scatterers;

// The amplitudes of cells whose region has one of the bits of `mask`, 0 in the others.
void csim_select(
    int32_t count, int32_t mask, const int32_t *region, const float *amplitude, float *selected);

// Adds scatterers [from, to) to iq, complex [samples][lines], each times the amplitude of its cell and
// shared out to four cells. turns: phase per mm of range, in turns (2 / wavelength).
void csim_splat(
    const csim_grid *grid, const csim_scatterers *scatterers, int32_t from, int32_t to,
    float turns, const float *amplitude, float *iq);

// Spreads iq by taps[0 ... reach] (symmetric) along the range, and then by weights
// [samples][9] (symmetric, up to reaches[sample]) across the lines. `row` has room for
// 2 (lines + 16) numbers.
void csim_spread(
    const csim_grid *grid, const float *taps, int32_t reach, const float *weights,
    const int32_t *reaches, const float *iq, float *row, float *spread);

typedef struct {
  // Of the noise under the median of the echoes, and the dB by which it grows in each row of cells.
  float noise_db;
  const float *growth;
  // The echoes' quantile that is shown white before gain; dB.
  float white, gain_db, range_db, gamma;
  uint64_t key;
  uint32_t frame;
} csim_display_settings;

// Adds noise to iq and turns it into grey values in 0 to 1. `bins` has room for 8192 numbers, `noise`
// for 2 (lines + 16), as does csim_spread.
void csim_display(
    const csim_grid *grid, const csim_display_settings *settings, const float *iq, uint32_t *bins,
    float *noise, float *grey);

// Pixel pixels[k] of the picture gets the value between cells[k] and its neighbours, times 255.
void csim_convert(
    int32_t lines, int32_t count, const int32_t *pixels, const int32_t *cells, const float *down,
    const float *across, const float *grey, uint8_t *picture);

// 4 blocks normal numbers: Philox4x32-10 at the counters (first + 0 ... blocks - 1, stream), Box-Muller.
void csim_normals(uint64_t key, uint32_t stream, uint32_t first, int32_t blocks, float *numbers);

// 4 blocks numbers evenly in [0, 1), from the same counters.
void csim_uniforms(uint64_t key, uint32_t stream, uint32_t first, int32_t blocks, float *numbers);
