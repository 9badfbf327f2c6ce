#ifndef CONEDNN_INTERNAL_H
#define CONEDNN_INTERNAL_H

#include "conednn.h"

#include <oneapi/dnnl/dnnl.h>

// From 3.0 on a memory descriptor is a handle, before it was a struct.
#define CDNN_OPAQUE (DNNL_VERSION_MAJOR >= 3)

#if CDNN_OPAQUE
typedef const_dnnl_memory_desc_t cdnn_descriptor_pointer;
#define CDNN_DESCRIPTOR(layout) ((layout)->descriptor)
#else
typedef const dnnl_memory_desc_t *cdnn_descriptor_pointer;
#define CDNN_DESCRIPTOR(layout) (&(layout)->descriptor)
#endif

struct cdnn_engine {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
};

struct cdnn_layout {
  dnnl_memory_desc_t descriptor;
};

struct cdnn_operation {
  dnnl_primitive_desc_t description;
  dnnl_primitive_t primitive;
};

// Hands the layout over, or frees it where the status is an error.
int cdnn_finish_layout(int status, cdnn_layout *layout, cdnn_layout **result);

#endif
