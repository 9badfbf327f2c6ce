// Work on the threads of libgomp, which are oneDNN's: a second pool would fight them.
#ifndef CONEDNN_REGIONS_H
#define CONEDNN_REGIONS_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CDNN_WATCHED
#endif
#endif

extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);

// `body` once on each thread; 0 threads: as many as were set.
void cdnn_parallel(void (*body)(void *), void *argument, unsigned threads);

#endif
