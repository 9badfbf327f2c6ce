#include <math.h>

#include "arithmetic.h"
#include "csimulation.h"

typedef struct {
  int32_t top, bottom, left, right;
} box;

// The cells around the shape's circle; conservative.
static box around(const csim_grid *grid, const csim_shape *shape) {
  double reach = shape->is_capsule ? shape->a + shape->b : fmax(shape->a, shape->b);
  double up = shape->z + grid->radius, r = hypot(shape->x, up);
  box b = {0, grid->samples, 0, grid->lines};
  b.top = (int32_t)fmax(0, floor((r - reach - grid->radius) / grid->spacing) - 1);
  b.bottom = (int32_t)fmin(grid->samples, ceil((r + reach - grid->radius) / grid->spacing) + 1);
  if (r > reach && up > 0) {
    double middle = atan2(shape->x, up), half = asin(reach / r);
    b.left = (int32_t)fmax(0, floor((middle - half - grid->left) / grid->pitch) - 1);
    b.right = (int32_t)fmin(grid->lines, ceil((middle + half - grid->left) / grid->pitch) + 1);
  }
  return b;
}

// One row of a shape. `is_capsule` and `has_specular` are constants where it is called.
INLINE void paint_row(
    const csim_grid *grid, const csim_shape *s, float r, int32_t left, int32_t right,
    int is_capsule, int has_specular, float *restrict amplitude, float *restrict attenuation,
    int32_t *restrict region) {
  float x0 = s->x, z0 = s->z + grid->radius, c = s->cosine, n = s->sine, a = s->a, b = s->b;
  float per_a = 1 / a, per_b = 1 / b;
  // The rim starts where the squared distance (of the ellipse: relative) is above this.
  float inner = s->rim <= 0 ? 2e30f
      : is_capsule      ? b - s->rim
                        : 1 - s->rim / (a < b ? a : b);
  float from = s->rim <= 0 ? inner : inner < 0 ? -1 : inner * inner;
  float limit = is_capsule ? b * b : 1;
  int32_t requires = s->requires, painted = s->region, specular = s->specular;
  float plain = s->amplitude, loss = s->attenuation, edge = s->rim_amplitude,
        edge_loss = s->rim_attenuation;
  int has_rim = s->rim > 0;
  const float *restrict sine = grid->sine, *restrict cosine = grid->cosine;
#pragma clang loop vectorize(assume_safety)
  for (int32_t j = left; j < right; j++) {
    float dx = r * sine[j] - x0, dz = r * cosine[j] - z0;
    float u = c * dx + n * dz, v = c * dz - n * dx;
    float pu, pv, d;
    if (is_capsule) {
      float nearest_u = u < -a ? -a : u > a ? a : u;
      pu = u - nearest_u;
      pv = v;
      d = pu * pu + pv * pv;
    } else {
      float eu = u * per_a, ev = v * per_b;
      d = eu * eu + ev * ev;
      pu = eu * per_a;
      pv = ev * per_b;
    }
    int in = d <= limit && (region[j] & requires) == requires, on_rim = d > from;
    float value = on_rim ? edge : plain;
    if (has_specular) {
      float nx = c * pu - n * pv, nz = n * pu + c * pv;
      float along = nx * sine[j] + nz * cosine[j];
      float w2 = along * along / (nx * nx + nz * nz + 1e-12f), w = __builtin_sqrtf(w2);
      float power = specular == 1 ? w : specular == 2 ? w2 : specular == 3 ? w2 * w : w2 * w2;
      value = on_rim || !has_rim ? value * (.15f + .85f * power) : value;
    }
    amplitude[j] = in ? value : amplitude[j];
    attenuation[j] = in ? (on_rim ? edge_loss : loss) : attenuation[j];
    region[j] = in ? painted : region[j];
  }
}

CLONES static void paint_shape(
    const csim_grid *grid, const csim_shape *s, box b, float *amplitude, float *attenuation,
    int32_t *region) {
  for (int32_t i = b.top; i < b.bottom; i++) {
    float r = grid->radius + ((float)i + .5f) * grid->spacing;
    int64_t row = (int64_t)i * grid->lines;
    float *e = amplitude + row, *l = attenuation + row;
    int32_t *g = region + row;
    if (s->is_capsule && s->specular) {
      paint_row(grid, s, r, b.left, b.right, 1, 1, e, l, g);
    } else if (s->is_capsule) {
      paint_row(grid, s, r, b.left, b.right, 1, 0, e, l, g);
    } else if (s->specular) {
      paint_row(grid, s, r, b.left, b.right, 0, 1, e, l, g);
    } else {
      paint_row(grid, s, r, b.left, b.right, 0, 0, e, l, g);
    }
  }
}

void csim_paint(
    const csim_grid *grid, const csim_shape *shapes, int32_t count, float *amplitude,
    float *attenuation, int32_t *region) {
  for (int32_t n = 0; n < count; n++) {
    box b = around(grid, &shapes[n]);
    if (b.top < b.bottom && b.left < b.right) {
      paint_shape(grid, &shapes[n], b, amplitude, attenuation, region);
    }
  }
}

CLONES void csim_attenuate(
    const csim_grid *grid, float megahertz, float slope, float cap, float *amplitude,
    const float *attenuation, float *sums) {
  int32_t lines = grid->lines;
  float per_cell = grid->spacing / 10 * megahertz * 2;
  for (int32_t j = 0; j < lines; j++) sums[j] = 0;
  for (int32_t i = 0; i < grid->samples; i++) {
    float compensation = slope * ((float)i + .5f) * per_cell;
    float *restrict e = amplitude + (int64_t)i * lines;
    const float *restrict a = attenuation + (int64_t)i * lines;
    float *restrict sum = sums;
#pragma clang loop vectorize(assume_safety)
    for (int32_t j = 0; j < lines; j++) {
      sum[j] += a[j] * per_cell;
      float net = compensation - sum[j];
      float surplus = net > 0 ? net : 0;
      float bent = cap * (1 - exp2_of(-1.442695041f / cap * surplus));
      net = net > 0 ? bent : net;
      e[j] *= exp2_of(net * .1660964047f);
    }
  }
}
