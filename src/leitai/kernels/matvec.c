/* Matrix times a few vectors: what decoding spends its time on, at the speed of reading weights.
 *
 * A thread reads its share of the rows at STREAMS distant places at once. One run of memory, even
 * if prefetched, and likewise neighbouring rows side by side keep too few requests in flight: on
 * two Zen 4 cores they read 24 and 20 GB/s where four distant runs read 40. */

#include "matvec.h"

#include <omp.h>

void leitai_matvec_share(
    const Matrix *w, const Vectors *v, float *out, int thread, int threads) {
    int64_t from, to;
    share_of(w, thread, threads, &from, &to);
    if (w->kind == DENSE_BF16) leitai_dense_share(w, v, out, from, to);
    else leitai_quantised_share(w, v, out, from, to);
    if (w->bias)
        for (int64_t m = 0; m < v->count; m++)
            for (int64_t row = from; row < to; row++)
                out[m * w->rows + row] += bf16_to_float(w->bias[row]);
}

/* y[count, rows] = x[count, cols] * matrix^T + bias, x and y in bfloat16. */
void leitai_matvec(const Matrix *w, const bfloat16 *x, bfloat16 *y, int64_t count, int threads) {
    float *values = leitai_scratch(0, (size_t)(count * w->cols) * 4);
    float *out = leitai_scratch(1, (size_t)(count * w->rows) * 4);
    for (int64_t i = 0; i < count * w->cols; i++) values[i] = bf16_to_float(x[i]);
#pragma omp parallel num_threads(threads)
    {
        const int team = omp_get_num_threads();
        Vectors v = leitai_vectors(values, count, w->cols, w->kind, 2);
        int thread = omp_get_thread_num();
        leitai_matvec_share(w, &v, out, thread, team);
        int64_t from, to;
        share_of(w, thread, team, &from, &to);
        for (int64_t m = 0; m < count; m++)
            for (int64_t i = from; i < to; i++)
                y[m * w->rows + i] = float_to_bf16(out[m * w->rows + i]);
    }
}
