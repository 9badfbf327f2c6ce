#include "regions.h"

// libgomp's own entry point.
extern void GOMP_parallel(void (*)(void *), void *, unsigned, unsigned);
#ifdef CDNN_WATCHED
extern void __tsan_acquire(void *), __tsan_release(void *);
#endif

typedef struct {
  void (*body)(void *);
  void *argument;
} region;

// The thread sanitizer does not see that libgomp starts and ends a region for all threads at once.
static void happens_before(region *place) {
#ifdef CDNN_WATCHED
  __tsan_release(place);
#endif
  (void)place;
}

static void happens_after(region *place) {
#ifdef CDNN_WATCHED
  __tsan_acquire(place);
#endif
  (void)place;
}

static void run_region(void *argument) {
  region *work = argument;
  happens_after(work);
  work->body(work->argument);
  happens_before(work);
}

void cdnn_parallel(void (*body)(void *), void *argument, unsigned threads) {
  region work = {body, argument};
  happens_before(&work);
  GOMP_parallel(run_region, &work, threads, 0);
  happens_after(&work);
}
