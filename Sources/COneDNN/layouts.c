// Engine, layouts and calls: everything about an operation but how it is made.
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

extern void omp_set_num_threads(int);

const char *cdnn_status_text(int status) {
  switch (status) {
  case dnnl_success: return "success";
  case dnnl_out_of_memory: return "out of memory";
  case dnnl_invalid_arguments: return "invalid arguments";
  case dnnl_unimplemented: return "no kernel of oneDNN does this";
  case dnnl_runtime_error: return "runtime error";
  default: return "unexpected status";
  }
}

void cdnn_version(char *text, size_t size) {
  const dnnl_version_t *version = dnnl_version();
  snprintf(text, size, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
}

static bool has(int wanted) { return ((int)dnnl_get_effective_cpu_isa() & wanted) == wanted; }

bool cdnn_has_avx512(void) { return has(dnnl_cpu_isa_avx512_core); }

bool cdnn_has_bfloat16(void) { return has(dnnl_cpu_isa_avx512_core_bf16); }

void cdnn_set_threads(int threads) { omp_set_num_threads(threads); }

int cdnn_engine_create(cdnn_engine **result) {
  cdnn_engine *engine = calloc(1, sizeof *engine);
  if (!engine) return dnnl_out_of_memory;
  int status = dnnl_engine_create(&engine->engine, dnnl_cpu, 0);
  if (status == dnnl_success)
    status = dnnl_stream_create(&engine->stream, engine->engine, dnnl_stream_in_order);
  if (status != dnnl_success) {
    cdnn_engine_free(engine);
    return status;
  }
  *result = engine;
  return dnnl_success;
}

void cdnn_engine_free(cdnn_engine *engine) {
  if (engine->stream) dnnl_stream_destroy(engine->stream);
  if (engine->engine) dnnl_engine_destroy(engine->engine);
  free(engine);
}

static dnnl_data_type_t data_type(cdnn_type type) {
  return type == CDNN_BF16 ? dnnl_bf16 : dnnl_f32;
}

int cdnn_layout_plain(int rank, const int64_t *sizes, cdnn_type type, cdnn_layout **result) {
  dnnl_dims_t strides;
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= sizes[i];
  }
  cdnn_layout *layout = calloc(1, sizeof *layout);
  if (!layout) return dnnl_out_of_memory;
#if CDNN_OPAQUE
  int status = dnnl_memory_desc_create_with_strides(
      &layout->descriptor, rank, sizes, data_type(type), strides);
#else
  int status = dnnl_memory_desc_init_by_strides(
      &layout->descriptor, rank, sizes, data_type(type), strides);
#endif
  return cdnn_finish_layout(status, layout, result);
}

static int tagged(
    int rank, const int64_t *sizes, cdnn_type type, dnnl_format_tag_t tag, cdnn_layout **result) {
  cdnn_layout *layout = calloc(1, sizeof *layout);
  if (!layout) return dnnl_out_of_memory;
#if CDNN_OPAQUE
  int status = dnnl_memory_desc_create_with_tag(
      &layout->descriptor, rank, sizes, data_type(type), tag);
#else
  int status = dnnl_memory_desc_init_by_tag(
      &layout->descriptor, rank, sizes, data_type(type), tag);
#endif
  return cdnn_finish_layout(status, layout, result);
}

int cdnn_layout_any(int rank, const int64_t *sizes, cdnn_type type, cdnn_layout **result) {
  return tagged(rank, sizes, type, dnnl_format_tag_any, result);
}

int cdnn_layout_ordered(
    int rank, const int64_t *sizes, cdnn_type type, cdnn_order order, cdnn_layout **result) {
  static const dnnl_format_tag_t tags[3][4] = {
      {dnnl_format_tag_undef, dnnl_nwc, dnnl_nhwc, dnnl_ndhwc},
      {dnnl_format_tag_undef, dnnl_nCw16c, dnnl_nChw16c, dnnl_nCdhw16c},
      {dnnl_OI16i16o, dnnl_OIw16i16o, dnnl_OIhw16i16o, dnnl_OIdhw16i16o},
  };
  if (rank < 2 || rank > 5) return dnnl_invalid_arguments;
  dnnl_format_tag_t tag = tags[order][rank - 2];
  if (tag == dnnl_format_tag_undef) return dnnl_invalid_arguments;
  return tagged(rank, sizes, type, tag, result);
}

int cdnn_finish_layout(int status, cdnn_layout *layout, cdnn_layout **result) {
  if (status != dnnl_success) {
    free(layout);
    return status;
  }
  *result = layout;
  return dnnl_success;
}

void cdnn_layout_free(cdnn_layout *layout) {
#if CDNN_OPAQUE
  dnnl_memory_desc_destroy(layout->descriptor);
#endif
  free(layout);
}

bool cdnn_layout_equal(const cdnn_layout *a, const cdnn_layout *b) {
  return dnnl_memory_desc_equal(CDNN_DESCRIPTOR(a), CDNN_DESCRIPTOR(b)) != 0;
}

size_t cdnn_layout_bytes(const cdnn_layout *layout) {
  return dnnl_memory_desc_get_size(CDNN_DESCRIPTOR(layout));
}

static const int argument[CDNN_ROLES] = {
    [CDNN_SOURCE] = DNNL_ARG_SRC,
    [CDNN_SOURCE_1] = DNNL_ARG_SRC_1,
    [CDNN_WEIGHTS] = DNNL_ARG_WEIGHTS,
    [CDNN_BIAS] = DNNL_ARG_BIAS,
    [CDNN_DESTINATION] = DNNL_ARG_DST,
    [CDNN_MEAN] = DNNL_ARG_MEAN,
    [CDNN_VARIANCE] = DNNL_ARG_VARIANCE,
    [CDNN_SCALE] = DNNL_ARG_SCALE,
    [CDNN_SHIFT] = DNNL_ARG_SHIFT,
    [CDNN_WORKSPACE] = DNNL_ARG_WORKSPACE,
    [CDNN_SCRATCH] = DNNL_ARG_SCRATCHPAD,
    [CDNN_SOURCE_GRADIENT] = DNNL_ARG_DIFF_SRC,
    [CDNN_WEIGHTS_GRADIENT] = DNNL_ARG_DIFF_WEIGHTS,
    [CDNN_BIAS_GRADIENT] = DNNL_ARG_DIFF_BIAS,
    [CDNN_DESTINATION_GRADIENT] = DNNL_ARG_DIFF_DST,
    [CDNN_SCALE_GRADIENT] = DNNL_ARG_DIFF_SCALE,
    [CDNN_SHIFT_GRADIENT] = DNNL_ARG_DIFF_SHIFT,
};

// NULL where the operation has no such argument.
static cdnn_descriptor_pointer descriptor_of(const cdnn_operation *operation, cdnn_role role) {
  cdnn_descriptor_pointer descriptor;
  // The query by argument does not know these two in every primitive.
  if (role == CDNN_SCRATCH)
    descriptor = dnnl_primitive_desc_query_md(operation->description, dnnl_query_scratchpad_md, 0);
  else if (role == CDNN_WORKSPACE)
    descriptor = dnnl_primitive_desc_query_md(operation->description, dnnl_query_workspace_md, 0);
  else
    descriptor = dnnl_primitive_desc_query_md(
        operation->description, dnnl_query_exec_arg_md, argument[role]);
  return descriptor && dnnl_memory_desc_get_size(descriptor) > 0 ? descriptor : NULL;
}

int cdnn_operation_layout(
    const cdnn_operation *operation, cdnn_role role, cdnn_layout **result) {
  *result = NULL;
  cdnn_descriptor_pointer descriptor = descriptor_of(operation, role);
  if (!descriptor) return dnnl_success;
  cdnn_layout *layout = calloc(1, sizeof *layout);
  if (!layout) return dnnl_out_of_memory;
#if CDNN_OPAQUE
  int status = dnnl_memory_desc_clone(&layout->descriptor, descriptor);
#else
  int status = dnnl_success;
  layout->descriptor = *descriptor;
#endif
  return cdnn_finish_layout(status, layout, result);
}

const char *cdnn_operation_kernel(const cdnn_operation *operation) {
  const char *name = NULL;
  dnnl_primitive_desc_query(operation->description, dnnl_query_impl_info_str, 0, &name);
  return name ? name : "";
}

void cdnn_operation_free(cdnn_operation *operation) {
  if (operation->primitive) dnnl_primitive_destroy(operation->primitive);
  if (operation->description) dnnl_primitive_desc_destroy(operation->description);
  free(operation);
}

struct cdnn_call {
  const cdnn_operation *operation;
  dnnl_stream_t stream;
  int count;
  dnnl_exec_arg_t arguments[CDNN_ROLES];
};

int cdnn_call_create(
    cdnn_engine *engine, const cdnn_operation *operation, int count, const cdnn_role *roles,
    void *const *memory, cdnn_call **result) {
  cdnn_call *call = calloc(1, sizeof *call);
  if (!call) return dnnl_out_of_memory;
  call->operation = operation;
  call->stream = engine->stream;
  for (int i = 0; i < count; i++) {
    cdnn_descriptor_pointer descriptor = descriptor_of(operation, roles[i]);
    int status = dnnl_invalid_arguments;
    if (descriptor)
      status = dnnl_memory_create(
          &call->arguments[i].memory, descriptor, engine->engine, memory[i]);
    if (status != dnnl_success) {
      cdnn_call_free(call);
      return status;
    }
    call->arguments[i].arg = argument[roles[i]];
    call->count = i + 1;
  }
  *result = call;
  return dnnl_success;
}

void cdnn_call_free(cdnn_call *call) {
  for (int i = 0; i < call->count; i++) dnnl_memory_destroy(call->arguments[i].memory);
  free(call);
}

int cdnn_call_run(cdnn_call *call) {
  int status = dnnl_primitive_execute(
      call->operation->primitive, call->stream, call->count, call->arguments);
  return status == dnnl_success ? dnnl_stream_wait(call->stream) : status;
}
