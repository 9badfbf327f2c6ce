#include <cblas.h>
#include <stddef.h>

// LAPACK's eigenvalues of a symmetric matrix, which OpenBLAS holds and cblas.h does not declare. The
// last two are the lengths of the two texts, as Fortran passes them.
void dsyev_(
    const char *job, const char *half, const int *order, double *matrix, const int *rows,
    double *values, double *work, const int *work_length, int *info, size_t, size_t);
