#include "arithmetic.h"
#include "csimulation.h"

// Powers are counted by their exponent and 5 bits of mantissa: 32 bins an octave.
enum { bin_shift = 18, bin_count = 8192 };

static void clear(uint32_t *bins) { memset(bins, 0, bin_count * sizeof *bins); }

// The power below which this share of those counted lies, between the edges of its bin.
static float quantile(const uint32_t *bins, float share) {
  uint64_t total = 0;
  for (int32_t b = 1; b < bin_count; b++) total += bins[b];
  double wanted = (double)share * (double)total, before = 0;
  for (uint32_t b = 1; b < bin_count - 1; b++) {
    if (bins[b] > 0 && before + bins[b] >= wanted) {
      double low = float_of(b << bin_shift), high = float_of((b + 1) << bin_shift);
      return (float)(low + (high - low) * (wanted - before) / bins[b]);
    }
    before += bins[b];
  }
  return 1;
}

// Of every second row; powers of 0 fall into bin 0, which does not count.
static float median_power(const csim_grid *grid, const float *iq, uint32_t *bins) {
  clear(bins);
  for (int64_t i = 0; i < grid->samples; i += 2) {
    const float *row = iq + i * 2 * grid->lines;
    for (int32_t j = 0; j < grid->lines; j++) {
      bins[bits_of(row[2 * j] * row[2 * j] + row[2 * j + 1] * row[2 * j + 1]) >> bin_shift]++;
    }
  }
  return quantile(bins, .5f);
}

INLINE void add_noise(
    int32_t lines, float level, const float *restrict row, const float *restrict noise,
    float *restrict power) {
#pragma clang loop vectorize(assume_safety)
  for (int32_t j = 0; j < lines; j++) {
    float re = row[2 * j] + level * noise[2 * j], im = row[2 * j + 1] + level * noise[2 * j + 1];
    power[j] = re * re + im * im;
  }
}

CLONES void csim_display(
    const csim_grid *grid, const csim_display_settings *settings, const float *iq, uint32_t *bins,
    float *noise, float *grey) {
  int32_t lines = grid->lines, blocks = (lines + 1) / 2;
  float quiet = __builtin_sqrtf(median_power(grid, iq, bins)) * exp2_of(settings->noise_db * .1660964047f);
  clear(bins);
  for (int32_t i = 0; i < grid->samples; i++) {
    csim_normals(settings->key, settings->frame, (uint32_t)(i * blocks), blocks, noise);
    float *power = grey + (int64_t)i * lines;
    float level = quiet * exp2_of(settings->growth[i] * .1660964047f);
    add_noise(lines, level, iq + (int64_t)i * 2 * lines, noise, power);
    if (i % 2 == 0) {
      for (int32_t j = 0; j < lines; j++) bins[bits_of(power[j]) >> bin_shift]++;
    }
  }
  // 10 log10 of a power is 3.01 log2.
  float white = quantile(bins, settings->white), scale = 3.010299957f / settings->range_db;
  float offset = 1 + settings->gain_db / settings->range_db - scale * log2_of(white);
  float gamma = settings->gamma;
  int64_t count = (int64_t)lines * grid->samples;
#pragma clang loop vectorize(assume_safety)
  for (int64_t k = 0; k < count; k++) {
    float value = offset + scale * log2_of(grey[k] + 1e-30f);
    value = value < 1e-6f ? 1e-6f : value > 1 ? 1 : value;
    grey[k] = exp2_of(gamma * log2_of(value));
  }
}

CLONES void csim_convert(
    int32_t lines, int32_t count, const int32_t *pixels, const int32_t *cells, const float *down,
    const float *across, const float *grey, uint8_t *picture) {
  for (int32_t k = 0; k < count; k++) {
    const float *above = grey + cells[k], *below = above + lines;
    float upper = above[0] + (above[1] - above[0]) * across[k];
    float lower = below[0] + (below[1] - below[0]) * across[k];
    picture[pixels[k]] = (uint8_t)((upper + (lower - upper) * down[k]) * 255 + .5f);
  }
}
