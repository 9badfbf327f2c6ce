#pragma once

#include <stdint.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// Which version is chosen before the thread sanitizer has begun, which it cannot stand.
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))
