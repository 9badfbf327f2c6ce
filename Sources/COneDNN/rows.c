#include "rows.h"
#include "bfloat16.h"

enum { CHUNK = 1024 };

static size_t row_bytes(const cdnn_rows *s) {
  return (size_t)s->columns * (s->type == CDNN_F32 ? sizeof(float) : sizeof(uint16_t));
}

void cdnn_gather_rows(
    const cdnn_rows *shape, const int64_t *index, const void *source, void *result) {
  size_t bytes = row_bytes(shape);
  const char *from = source;
  char *to = result;
  for (int64_t sample = 0; sample < shape->samples; sample++) {
    for (int64_t place = 0; place < shape->places; place++, to += bytes)
      memcpy(to, from + (size_t)index[place] * bytes, bytes);
    from += (size_t)shape->rows * bytes;
  }
}

static void add(cdnn_type type, const char *row, size_t start, size_t count, float *total) {
  if (type == CDNN_F32) {
    const float *values = (const float *)row + start;
    for (size_t i = 0; i < count; i++) total[i] += values[i];
  } else {
    const uint16_t *values = (const uint16_t *)row + start;
    for (size_t i = 0; i < count; i++) total[i] += widen(values[i]);
  }
}

static void write(cdnn_type type, const float *total, size_t start, size_t count, char *row) {
  if (type == CDNN_F32) {
    memcpy((float *)row + start, total, count * sizeof *total);
  } else {
    uint16_t *values = (uint16_t *)row + start;
    for (size_t i = 0; i < count; i++) values[i] = narrow(total[i]);
  }
}

// What all places of one sample give to one of its rows.
static void sum_row(
    const cdnn_rows *s, const int64_t *index, int64_t row, const char *gradient, char *result) {
  size_t columns = (size_t)s->columns, bytes = row_bytes(s);
  for (size_t start = 0; start < columns; start += CHUNK) {
    size_t count = columns - start < CHUNK ? columns - start : CHUNK;
    float total[CHUNK] = {0};
    for (int64_t place = 0; place < s->places; place++)
      if (index[place] == row)
        add(s->type, gradient + (size_t)place * bytes, start, count, total);
    write(s->type, total, start, count, result);
  }
}

void cdnn_gather_rows_backward(
    const cdnn_rows *shape, const int64_t *index, const void *gradient, void *source_gradient) {
  size_t bytes = row_bytes(shape);
  const char *from = gradient;
  char *to = source_gradient;
  for (int64_t sample = 0; sample < shape->samples; sample++) {
    for (int64_t row = 0; row < shape->rows; row++, to += bytes)
      sum_row(shape, index, row, from, to);
    from += (size_t)shape->places * bytes;
  }
}
