/* Products of a weight matrix with a few vectors, for use inside a parallel region. */
#ifndef LEITAI_MATVEC_H
#define LEITAI_MATVEC_H

#include "numbers.h"

enum { DENSE_BF16 = 0, INT8 = 1, INT4 = 2 };
enum { LANES = 16 };

/* Places of a thread's share of the rows that are read at once. */
enum { STREAMS = 4 };

/* A weight matrix [rows, cols]. Dense: bfloat16, row-major. Quantised: the weights of 16 rows side
 * by side, so that one vector register holds 4 columns of each and no sum runs across a register;
 * `scales` is [rows / 16, groups, 16] in bfloat16. Rows are padded to 16, columns to a group. */
typedef struct {
    int64_t kind, rows, cols;
    const void *data;
    const bfloat16 *scales;
    const bfloat16 *bias; /* [rows], or null */
} Matrix;

/* Vectors to multiply, [count, cols], in the form that a kind of weights wants: bfloat16 for dense
 * ones; int8 with one scale a group for quantised ones. `sums` are the groups' integer sums, by which
 * the weights' zero point is taken out. */
typedef struct {
    int64_t count, cols, groups, size; /* size: columns of a group */
    bfloat16 *halves;
    int8_t *integers; /* [count, groups * size] */
    float *scales;    /* [count, groups] */
    int32_t *sums;    /* [count, groups] */
} Vectors;

static inline int64_t group_size(int64_t kind) { return kind == INT4 ? 32 : 64; }

/* Memory of the calling thread that lives on; slot tells buffers of one thread apart. */
void *leitai_scratch(int slot, size_t bytes);

/* Describe `values` for a matrix of this kind: the thread's own copy in scratch slot `slot`. */
Vectors leitai_vectors(const float *values, int64_t count, int64_t cols, int64_t kind, int slot);

/* Compute this thread's share of out[count, rows] = vectors * matrix^T + bias, in float. */
void leitai_matvec_share(
    const Matrix *matrix, const Vectors *vectors, float *out, int thread, int threads);

/* Rows [from, to) of it, for either kind of weights and without the bias. */
void leitai_dense_share(
    const Matrix *matrix, const Vectors *vectors, float *out, int64_t from, int64_t to);
void leitai_quantised_share(
    const Matrix *matrix, const Vectors *vectors, float *out, int64_t from, int64_t to);

/* The rows that `thread` computes. */
static inline void share_of(
    const Matrix *matrix, int thread, int threads, int64_t *from, int64_t *to) {
    int64_t blocks = (matrix->rows + LANES - 1) / LANES;
    *from = blocks * thread / threads * LANES;
    *to = blocks * (thread + 1) / threads * LANES;
    if (*to > matrix->rows) *to = matrix->rows;
}

#endif
