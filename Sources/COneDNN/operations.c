// How each kind of operation is described, in oneDNN 2.6 (an operation descriptor, then one
// function for all) and in 3.x (a function of its own).
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define TRY(expression)                          \
  do {                                           \
    int status_ = (expression);                  \
    if (status_ != dnnl_success) return status_; \
  } while (0)

typedef const cdnn_layout *layout;

static cdnn_descriptor_pointer descriptor(layout layout) {
  return layout ? CDNN_DESCRIPTOR(layout) : NULL;
}

static dnnl_prop_kind_t propagation(cdnn_pass pass) {
  return pass == CDNN_INFERENCE ? dnnl_forward_inference : dnnl_forward_training;
}

// Scratch memory comes from the caller, and what follows a convolution is fused into it.
static int attributes(bool accumulate, bool rectify, dnnl_primitive_attr_t *result) {
  TRY(dnnl_primitive_attr_create(result));
  TRY(dnnl_primitive_attr_set_scratchpad_mode(*result, dnnl_scratchpad_mode_user));
  if (!accumulate && !rectify) return dnnl_success;
  dnnl_post_ops_t operations;
  TRY(dnnl_post_ops_create(&operations));
  int status = dnnl_success;
#if CDNN_OPAQUE
  if (accumulate) status = dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
  if (status == dnnl_success && rectify)
    status = dnnl_post_ops_append_eltwise(operations, dnnl_eltwise_relu, 0, 0);
#else
  if (accumulate) status = dnnl_post_ops_append_sum(operations, 1);
  if (status == dnnl_success && rectify)
    status = dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_relu, 0, 0);
#endif
  if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(*result, operations);
  dnnl_post_ops_destroy(operations);
  return status;
}

// Makes the primitive of a description; takes both over.
static int finish(
    int status, dnnl_primitive_desc_t description, dnnl_primitive_desc_t hint,
    dnnl_primitive_attr_t attribute, cdnn_operation **result) {
  cdnn_operation *operation = NULL;
  if (status == dnnl_success) {
    operation = calloc(1, sizeof *operation);
    status = operation ? dnnl_success : dnnl_out_of_memory;
  }
  if (status == dnnl_success) {
    operation->description = description;
    status = dnnl_primitive_create(&operation->primitive, description);
    if (status != dnnl_success) cdnn_operation_free(operation);
  } else if (description) {
    dnnl_primitive_desc_destroy(description);
  }
  if (hint) dnnl_primitive_desc_destroy(hint);
  if (attribute) dnnl_primitive_attr_destroy(attribute);
  if (status == dnnl_success) *result = operation;
  return status;
}

#if CDNN_OPAQUE
#define CREATE(...) return __VA_ARGS__
#else
#define CREATE(...)                                                                  \
  do {                                                                               \
    TRY(__VA_ARGS__);                                                                \
    return dnnl_primitive_desc_create(result, &details, attribute, engine, hint);    \
  } while (0)
#endif

typedef struct {
  dnnl_dims_t kernel, stride, dilation, padding;
} frame;

static frame frame_of(const cdnn_window *window) {
  frame frame;
  memset(&frame, 0, sizeof frame);
  for (int i = 0; i < window->rank; i++) {
    frame.kernel[i] = window->kernel[i];
    frame.stride[i] = window->stride[i];
    frame.dilation[i] = window->dilation[i] - 1;
    frame.padding[i] = window->padding[i];
  }
  return frame;
}

// Padding after the last element, such that the window's last place ends there or before.
static int64_t size_at(cdnn_descriptor_pointer descriptor, int axis) {
#if CDNN_OPAQUE
  dnnl_dims_t *sizes;
  dnnl_memory_desc_query(descriptor, dnnl_query_dims, &sizes);
  return (*sizes)[axis];
#else
  return descriptor->dims[axis];
#endif
}

static void end_padding(
    const frame *frame, const int64_t *kernel, int rank, layout source, layout destination,
    dnnl_dims_t end) {
  for (int i = 0; i < rank; i++) {
    int64_t reach = (kernel[i] - 1) * (frame->dilation[i] + 1) + 1;
    int64_t places = size_at(descriptor(destination), i + 2);
    end[i] = (places - 1) * frame->stride[i] + reach - size_at(descriptor(source), i + 2)
             - frame->padding[i];
  }
}

static int describe_convolution(
    dnnl_engine_t engine, cdnn_pass pass, layout source, layout weights, layout bias,
    layout destination, const cdnn_window *window, dnnl_primitive_attr_t attribute,
    dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *result) {
  frame f = frame_of(window);
  dnnl_dims_t end;
  end_padding(&f, window->kernel, window->rank, source, destination, end);
  cdnn_descriptor_pointer s = descriptor(source), w = descriptor(weights), b = descriptor(bias),
                          d = descriptor(destination);
  dnnl_alg_kind_t direct = dnnl_convolution_direct;
#if CDNN_OPAQUE
  switch (pass) {
  case CDNN_BACKWARD_DATA:
    CREATE(dnnl_convolution_backward_data_primitive_desc_create(
        result, engine, direct, s, w, d, f.stride, f.dilation, f.padding, end, hint, attribute));
  case CDNN_BACKWARD_WEIGHTS:
    CREATE(dnnl_convolution_backward_weights_primitive_desc_create(
        result, engine, direct, s, w, b, d, f.stride, f.dilation, f.padding, end, hint,
        attribute));
  default:
    CREATE(dnnl_convolution_forward_primitive_desc_create(
        result, engine, propagation(pass), direct, s, w, b, d, f.stride, f.dilation, f.padding,
        end, attribute));
  }
#else
  dnnl_convolution_desc_t details;
  switch (pass) {
  case CDNN_BACKWARD_DATA:
    CREATE(dnnl_dilated_convolution_backward_data_desc_init(
        &details, direct, s, w, d, f.stride, f.dilation, f.padding, end));
  case CDNN_BACKWARD_WEIGHTS:
    CREATE(dnnl_dilated_convolution_backward_weights_desc_init(
        &details, direct, s, w, b, d, f.stride, f.dilation, f.padding, end));
  default:
    CREATE(dnnl_dilated_convolution_forward_desc_init(
        &details, propagation(pass), direct, s, w, b, d, f.stride, f.dilation, f.padding, end));
  }
#endif
}

// A layout of the same shape and type with its order left open: what a hint is made of.
static int opened(layout from, dnnl_data_type_t type, cdnn_layout *result) {
#if CDNN_OPAQUE
  dnnl_dims_t *sizes;
  int rank;
  TRY(dnnl_memory_desc_query(from->descriptor, dnnl_query_dims, &sizes));
  TRY(dnnl_memory_desc_query(from->descriptor, dnnl_query_ndims_s32, &rank));
  return dnnl_memory_desc_create_with_tag(
      &result->descriptor, rank, *sizes, type, dnnl_format_tag_any);
#else
  return dnnl_memory_desc_init_by_tag(
      &result->descriptor, from->descriptor.ndims, from->descriptor.dims, type,
      dnnl_format_tag_any);
#endif
}

static void close_layout(cdnn_layout *layout) {
#if CDNN_OPAQUE
  if (layout->descriptor) dnnl_memory_desc_destroy(layout->descriptor);
#else
  (void)layout;
#endif
}

static dnnl_data_type_t type_of(layout layout) {
#if CDNN_OPAQUE
  dnnl_data_type_t type = dnnl_data_type_undef;
  dnnl_memory_desc_query(layout->descriptor, dnnl_query_data_type, &type);
  return type;
#else
  return layout->descriptor.data_type;
#endif
}

typedef struct {
  cdnn_layout source, weights, destination;
} opened_layouts;

// All of the source's type: the weights' gradient may be wider than the forward pass's weights.
static int open_all(layout source, layout weights, layout destination, opened_layouts *result) {
  memset(result, 0, sizeof *result);
  dnnl_data_type_t type = type_of(source);
  TRY(opened(source, type, &result->source));
  TRY(opened(weights, type, &result->weights));
  return opened(destination, type, &result->destination);
}

static void close_all(opened_layouts *layouts) {
  close_layout(&layouts->source);
  close_layout(&layouts->weights);
  close_layout(&layouts->destination);
}

static bool is_backward(cdnn_pass pass) {
  return pass == CDNN_BACKWARD_DATA || pass == CDNN_BACKWARD_WEIGHTS;
}

int cdnn_convolution(
    cdnn_engine *engine, cdnn_pass pass, layout source, layout weights, layout bias,
    layout destination, const cdnn_window *window, bool accumulate, bool rectify,
    cdnn_operation **result) {
  dnnl_primitive_attr_t attribute = NULL;
  dnnl_primitive_desc_t hint = NULL, description = NULL;
  int status = attributes(accumulate, rectify, &attribute);
  if (status == dnnl_success && is_backward(pass)) {
    opened_layouts open;
    status = open_all(source, weights, destination, &open);
    if (status == dnnl_success)
      status = describe_convolution(
          engine->engine, CDNN_TRAINING, &open.source, &open.weights, NULL, &open.destination,
          window, NULL, NULL, &hint);
    close_all(&open);
  }
  if (status == dnnl_success)
    status = describe_convolution(
        engine->engine, pass, source, weights, bias, destination, window, attribute, hint,
        &description);
  return finish(status, description, hint, attribute, result);
}

static int describe_inner_product(
    dnnl_engine_t engine, cdnn_pass pass, layout source, layout weights, layout bias,
    layout destination, dnnl_primitive_attr_t attribute, dnnl_primitive_desc_t hint,
    dnnl_primitive_desc_t *result) {
  cdnn_descriptor_pointer s = descriptor(source), w = descriptor(weights), b = descriptor(bias),
                          d = descriptor(destination);
#if CDNN_OPAQUE
  switch (pass) {
  case CDNN_BACKWARD_DATA:
    CREATE(dnnl_inner_product_backward_data_primitive_desc_create(
        result, engine, s, w, d, hint, attribute));
  case CDNN_BACKWARD_WEIGHTS:
    CREATE(dnnl_inner_product_backward_weights_primitive_desc_create(
        result, engine, s, w, b, d, hint, attribute));
  default:
    CREATE(dnnl_inner_product_forward_primitive_desc_create(
        result, engine, propagation(pass), s, w, b, d, attribute));
  }
#else
  dnnl_inner_product_desc_t details;
  switch (pass) {
  case CDNN_BACKWARD_DATA:
    CREATE(dnnl_inner_product_backward_data_desc_init(&details, s, w, d));
  case CDNN_BACKWARD_WEIGHTS:
    CREATE(dnnl_inner_product_backward_weights_desc_init(&details, s, w, b, d));
  default:
    CREATE(dnnl_inner_product_forward_desc_init(&details, propagation(pass), s, w, b, d));
  }
#endif
}

int cdnn_inner_product(
    cdnn_engine *engine, cdnn_pass pass, layout source, layout weights, layout bias,
    layout destination, cdnn_operation **result) {
  dnnl_primitive_attr_t attribute = NULL;
  dnnl_primitive_desc_t hint = NULL, description = NULL;
  int status = attributes(false, false, &attribute);
  if (status == dnnl_success && is_backward(pass)) {
    opened_layouts open;
    status = open_all(source, weights, destination, &open);
    if (status == dnnl_success)
      status = describe_inner_product(
          engine->engine, CDNN_TRAINING, &open.source, &open.weights, NULL, &open.destination,
          NULL, NULL, &hint);
    close_all(&open);
  }
  if (status == dnnl_success)
    status = describe_inner_product(
        engine->engine, pass, source, weights, bias, destination, attribute, hint, &description);
  return finish(status, description, hint, attribute, result);
}

static int describe_normalization(
    dnnl_engine_t engine, cdnn_pass pass, layout data, float epsilon, unsigned flags,
    dnnl_primitive_attr_t attribute, dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *result) {
  cdnn_descriptor_pointer d = descriptor(data);
#if CDNN_OPAQUE
  if (is_backward(pass))
    CREATE(dnnl_batch_normalization_backward_primitive_desc_create(
        result, engine, dnnl_backward, d, d, d, epsilon, flags, hint, attribute));
  CREATE(dnnl_batch_normalization_forward_primitive_desc_create(
      result, engine, propagation(pass), d, d, epsilon, flags, attribute));
#else
  dnnl_batch_normalization_desc_t details;
  if (is_backward(pass))
    CREATE(dnnl_batch_normalization_backward_desc_init(
        &details, dnnl_backward, d, d, epsilon, flags));
  CREATE(dnnl_batch_normalization_forward_desc_init(
      &details, propagation(pass), d, epsilon, flags));
#endif
}

int cdnn_batch_normalization(
    cdnn_engine *engine, cdnn_pass pass, layout data, float epsilon, bool rectify,
    cdnn_operation **result) {
  unsigned flags = dnnl_use_scale | dnnl_use_shift;
  if (rectify) flags |= dnnl_fuse_norm_relu;
  if (pass == CDNN_INFERENCE) flags |= dnnl_use_global_stats;
  dnnl_primitive_attr_t attribute = NULL;
  dnnl_primitive_desc_t hint = NULL, description = NULL;
  int status = attributes(false, false, &attribute);
  if (status == dnnl_success && is_backward(pass))
    status = describe_normalization(
        engine->engine, CDNN_TRAINING, data, epsilon, flags, NULL, NULL, &hint);
  if (status == dnnl_success)
    status = describe_normalization(
        engine->engine, pass, data, epsilon, flags, attribute, hint, &description);
  return finish(status, description, hint, attribute, result);
}

static int describe_pooling(
    dnnl_engine_t engine, cdnn_pass pass, bool maximum, layout source, layout destination,
    const cdnn_window *window, dnnl_primitive_attr_t attribute, dnnl_primitive_desc_t hint,
    dnnl_primitive_desc_t *result) {
  frame f = frame_of(window);
  dnnl_dims_t end;
  end_padding(&f, window->kernel, window->rank, source, destination, end);
  cdnn_descriptor_pointer s = descriptor(source), d = descriptor(destination);
  dnnl_alg_kind_t kind = maximum ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
#if CDNN_OPAQUE
  if (is_backward(pass))
    CREATE(dnnl_pooling_backward_primitive_desc_create(
        result, engine, kind, s, d, f.stride, f.kernel, f.dilation, f.padding, end, hint,
        attribute));
  CREATE(dnnl_pooling_forward_primitive_desc_create(
      result, engine, propagation(pass), kind, s, d, f.stride, f.kernel, f.dilation, f.padding,
      end, attribute));
#else
  dnnl_pooling_v2_desc_t details;
  if (is_backward(pass))
    CREATE(dnnl_pooling_v2_backward_desc_init(
        &details, kind, s, d, f.stride, f.kernel, f.dilation, f.padding, end));
  CREATE(dnnl_pooling_v2_forward_desc_init(
      &details, propagation(pass), kind, s, d, f.stride, f.kernel, f.dilation, f.padding, end));
#endif
}

int cdnn_pooling(
    cdnn_engine *engine, cdnn_pass pass, bool maximum, layout source, layout destination,
    const cdnn_window *window, cdnn_operation **result) {
  dnnl_primitive_attr_t attribute = NULL;
  dnnl_primitive_desc_t hint = NULL, description = NULL;
  int status = attributes(false, false, &attribute);
  if (status == dnnl_success && is_backward(pass))
    status = describe_pooling(
        engine->engine, CDNN_TRAINING, maximum, source, destination, window, NULL, NULL, &hint);
  if (status == dnnl_success)
    status = describe_pooling(
        engine->engine, pass, maximum, source, destination, window, attribute, hint,
        &description);
  return finish(status, description, hint, attribute, result);
}

static int describe_product(
    dnnl_engine_t engine, layout a, layout b, layout destination,
    dnnl_primitive_attr_t attribute, dnnl_primitive_desc_t *result) {
  cdnn_descriptor_pointer x = descriptor(a), y = descriptor(b), d = descriptor(destination);
#if CDNN_OPAQUE
  CREATE(dnnl_binary_primitive_desc_create(result, engine, dnnl_binary_mul, x, y, d, attribute));
#else
  dnnl_primitive_desc_t hint = NULL;
  dnnl_binary_desc_t details;
  CREATE(dnnl_binary_desc_init(&details, dnnl_binary_mul, x, y, d));
#endif
}

int cdnn_product(
    cdnn_engine *engine, layout a, layout b, layout destination, cdnn_operation **result) {
  dnnl_primitive_attr_t attribute = NULL;
  dnnl_primitive_desc_t description = NULL;
  int status = attributes(false, false, &attribute);
  if (status == dnnl_success)
    status = describe_product(engine->engine, a, b, destination, attribute, &description);
  return finish(status, description, NULL, attribute, result);
}

static int describe_sigmoid(
    dnnl_engine_t engine, cdnn_pass pass, layout data, dnnl_primitive_attr_t attribute,
    dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *result) {
  cdnn_descriptor_pointer d = descriptor(data);
  // A backward primitive that uses the result wants a hint that says so too.
  dnnl_alg_kind_t kind = dnnl_eltwise_logistic_use_dst_for_bwd;
#if CDNN_OPAQUE
  if (is_backward(pass))
    CREATE(dnnl_eltwise_backward_primitive_desc_create(
        result, engine, kind, d, d, d, 0, 0, hint, attribute));
  CREATE(dnnl_eltwise_forward_primitive_desc_create(
      result, engine, propagation(pass), kind, d, d, 0, 0, attribute));
#else
  dnnl_eltwise_desc_t details;
  if (is_backward(pass)) CREATE(dnnl_eltwise_backward_desc_init(&details, kind, d, d, 0, 0));
  CREATE(dnnl_eltwise_forward_desc_init(&details, propagation(pass), kind, d, 0, 0));
#endif
}

int cdnn_sigmoid(cdnn_engine *engine, cdnn_pass pass, layout data, cdnn_operation **result) {
  dnnl_primitive_attr_t attribute = NULL;
  dnnl_primitive_desc_t hint = NULL, description = NULL;
  int status = attributes(false, false, &attribute);
  if (status == dnnl_success && is_backward(pass))
    status = describe_sigmoid(engine->engine, CDNN_TRAINING, data, NULL, NULL, &hint);
  if (status == dnnl_success)
    status = describe_sigmoid(engine->engine, pass, data, attribute, hint, &description);
  return finish(status, description, hint, attribute, result);
}

int cdnn_reorder(cdnn_engine *engine, layout from, layout to, cdnn_operation **result) {
  dnnl_primitive_attr_t attribute = NULL;
  dnnl_primitive_desc_t description = NULL;
  int status = attributes(false, false, &attribute);
  if (status == dnnl_success)
    status = dnnl_reorder_primitive_desc_create(
        &description, descriptor(from), engine->engine, descriptor(to), engine->engine, attribute);
  return finish(status, description, NULL, attribute, result);
}
