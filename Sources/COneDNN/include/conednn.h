// The part of oneDNN that fathom uses, in a form that is the same over oneDNN 2.6 and 3.x.
//
// In 2.6 a memory descriptor is a struct and a primitive is described by an operation descriptor;
// in 3.x both are opaque handles made by other functions. Neither shows through this header.
// Every function that can fail returns 0 or the library's status; see cdnn_status_text.
#ifndef CONEDNN_H
#define CONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { CDNN_F32, CDNN_BF16 } cdnn_type;

// What an argument of an operation is to it.
typedef enum {
  CDNN_SOURCE,
  CDNN_SOURCE_1,
  CDNN_WEIGHTS,
  CDNN_BIAS,
  CDNN_DESTINATION,
  CDNN_MEAN,
  CDNN_VARIANCE,
  CDNN_SCALE,
  CDNN_SHIFT,
  CDNN_WORKSPACE,
  CDNN_SCRATCH,
  CDNN_SOURCE_GRADIENT,
  CDNN_WEIGHTS_GRADIENT,
  CDNN_BIAS_GRADIENT,
  CDNN_DESTINATION_GRADIENT,
  CDNN_SCALE_GRADIENT,
  CDNN_SHIFT_GRADIENT,
  CDNN_ROLES
} cdnn_role;

typedef enum {
  CDNN_TRAINING,
  CDNN_INFERENCE,
  CDNN_BACKWARD_DATA,
  CDNN_BACKWARD_WEIGHTS
} cdnn_pass;

// A window that slides over 1 to 3 spatial dimensions; dilation 1 means none.
typedef struct {
  int rank;
  int64_t kernel[3], stride[3], dilation[3], padding[3];
} cdnn_window;

typedef struct cdnn_engine cdnn_engine;
// The shape, type and order in memory of a tensor; or of a shape and type whose order is left open.
typedef struct cdnn_layout cdnn_layout;
// A primitive: what is computed, with the layouts of its arguments settled.
typedef struct cdnn_operation cdnn_operation;
// An operation with the memory that it works on.
typedef struct cdnn_call cdnn_call;

const char *cdnn_status_text(int status);
// "oneDNN 2.6.3", the version that is loaded.
void cdnn_version(char *text, size_t size);
// What the processor has, as far as DNNL_MAX_CPU_ISA lets oneDNN use it.
bool cdnn_has_avx512(void);
// Whether it multiplies bfloat16 by instructions of its own.
bool cdnn_has_bfloat16(void);

int cdnn_engine_create(cdnn_engine **engine);
void cdnn_engine_free(cdnn_engine *engine);
// How many threads the calling thread's operations use, and are planned for.
void cdnn_set_threads(int threads);
// Tells libgomp that the calling thread keeps a processor busy too, until it ends. Where there are
// fewer processors than threads, threads that wait for each other then sleep soon: libgomp's spin
// for milliseconds, which stops the others from running.
void cdnn_announce_thread(void);

int cdnn_layout_plain(int rank, const int64_t *sizes, cdnn_type type, cdnn_layout **layout);
int cdnn_layout_any(int rank, const int64_t *sizes, cdnn_type type, cdnn_layout **layout);
// Orders that our own kernels know: all channels of a place together; blocks of 16 channels, each with
// all places; weights in blocks of 16 inputs by 16 outputs, `OI[kernel]16i16o`. Rank 2 (weights
// alone) to 5.
typedef enum { CDNN_CHANNELS_LAST, CDNN_CHANNEL_BLOCKS, CDNN_WEIGHT_BLOCKS } cdnn_order;
int cdnn_layout_ordered(
    int rank, const int64_t *sizes, cdnn_type type, cdnn_order order, cdnn_layout **layout);
void cdnn_layout_free(cdnn_layout *layout);
bool cdnn_layout_equal(const cdnn_layout *a, const cdnn_layout *b);
size_t cdnn_layout_bytes(const cdnn_layout *layout);

// The source, destination and weights stand for their gradients in the backward passes. Weights of
// a convolution in groups are [groups, out/groups, in/groups, kernel...]. `bias` may be NULL.
// `accumulate`: the destination holds a summand; `rectify`: ReLU comes last. Both in inference only.
int cdnn_convolution(
    cdnn_engine *engine, cdnn_pass pass, const cdnn_layout *source, const cdnn_layout *weights,
    const cdnn_layout *bias, const cdnn_layout *destination, const cdnn_window *window,
    bool accumulate, bool rectify, cdnn_operation **operation);
int cdnn_inner_product(
    cdnn_engine *engine, cdnn_pass pass, const cdnn_layout *source, const cdnn_layout *weights,
    const cdnn_layout *bias, const cdnn_layout *destination, cdnn_operation **operation);
// Normalises over all dimensions but the second; scale and shift are float32 vectors.
// CDNN_BACKWARD_DATA gives the gradients of scale and shift too. With `rectify` ReLU follows, and
// the workspace says where it passed.
int cdnn_batch_normalization(
    cdnn_engine *engine, cdnn_pass pass, const cdnn_layout *data, float epsilon, bool rectify,
    cdnn_operation **operation);
// The average does not count padding.
int cdnn_pooling(
    cdnn_engine *engine, cdnn_pass pass, bool maximum, const cdnn_layout *source,
    const cdnn_layout *destination, const cdnn_window *window, cdnn_operation **operation);
// The product of two tensors; the second may have size 1 where the first has more.
int cdnn_product(
    cdnn_engine *engine, const cdnn_layout *a, const cdnn_layout *b,
    const cdnn_layout *destination, cdnn_operation **operation);
// The logistic function; its gradient is computed from its result.
int cdnn_sigmoid(
    cdnn_engine *engine, cdnn_pass pass, const cdnn_layout *data, cdnn_operation **operation);
int cdnn_reorder(
    cdnn_engine *engine, const cdnn_layout *from, const cdnn_layout *to,
    cdnn_operation **operation);
void cdnn_operation_free(cdnn_operation *operation);

// The layout an operation has settled on; `*layout` is NULL where it has no such argument.
int cdnn_operation_layout(
    const cdnn_operation *operation, cdnn_role role, cdnn_layout **layout);
// The name of the kernel, as the library gives it.
const char *cdnn_operation_kernel(const cdnn_operation *operation);

// The call keeps the operation alive; the memory must outlive the call.
int cdnn_call_create(
    cdnn_engine *engine, const cdnn_operation *operation, int count, const cdnn_role *roles,
    void *const *memory, cdnn_call **call);
void cdnn_call_free(cdnn_call *call);
int cdnn_call_run(cdnn_call *call);

// What is fused beyond oneDNN. Operands have equal layouts, so only the order in memory counts.
// Bytes of results do not depend on the number of threads.

typedef enum { CDNN_KEEP, CDNN_RECTIFY, CDNN_GATE } cdnn_ending;
// destination = ending(sum of the terms, 1 to 4): CDNN_RECTIFY is max(0, x); CDNN_GATE is x where
// gate > 0, else 0. The destination may be one of the terms.
void cdnn_sum(
    cdnn_type type, void *destination, int terms, const void *const *term, cdnn_ending ending,
    const void *gate, size_t count);

// The source of a convolution, in channel blocks, as the matrix that its weights multiply:
// `[n * places, channels / 16 * kernel * 16]` in the order of weight blocks. Channels are a multiple
// of 16; `sizes` and `places` are spatial.
void cdnn_unfold(
    cdnn_type type, void *matrix, const void *source, int64_t n, int64_t channels,
    const int64_t *sizes, const int64_t *places, const cdnn_window *window);

typedef struct {
  float rate, momentum, decay, gradient_scale;
  bool nesterov;
} cdnn_sgd_settings;
// Stochastic gradient descent as PyTorch's: g = gradient_scale * gradient + decay * w;
// v = momentum * v + g; w -= rate * (nesterov ? g + momentum * v : v).
void cdnn_sgd(
    const cdnn_sgd_settings *settings, float *weights, float *velocity, const float *gradient,
    size_t count);
// The sum of squares, in parts of a fixed size added in order.
double cdnn_squared_norm(const float *values, size_t count);
// Whether no value is NaN or infinite.
bool cdnn_is_finite(cdnn_type type, const void *values, size_t count);

// Sets a share of `rate` of the elements to 0 and divides the others by 1 - rate, as Philox4x32-10
// with this key decides at the counter (index / 4, step). Source and destination may be the same.
void cdnn_dropout(
    cdnn_type type, void *destination, const void *source, float rate, uint64_t key,
    uint64_t step, size_t count);

#endif
