/* Attention of one query a row and head over all keys of its row, which stay where they are. */

#include <omp.h>

#include "matvec.h"

/* The query heads of one key head: out = softmax(q k^T * scale) v, everything [.., size]. Scores of
 * all slots are kept, so the softmax has its exact maximum. */
static void attend_group(
    const bfloat16 *q, const bfloat16 *k, const bfloat16 *v, bfloat16 *out, int64_t group,
    int64_t length, int64_t size, int64_t k_step, int64_t v_step, float scale) {
    float *query = leitai_scratch(3, (size_t)(group * (2 * size + length) + size) * 4);
    float *sums = query + group * size, *scores = sums + group * size;
    float *row = scores + group * length;
    for (int64_t i = 0; i < group * size; i++) {
        query[i] = bf16_to_float(q[i]) * scale;
        sums[i] = 0.0f;
    }
    for (int64_t s = 0; s < length; s++) {
        for (int64_t d = 0; d < size; d++) row[d] = bf16_to_float(k[s * k_step + d]);
        for (int64_t g = 0; g < group; g++) {
            float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
            for (int64_t d = 0; d < size; d++) dot += query[g * size + d] * row[d];
            scores[g * length + s] = dot;
        }
    }
    for (int64_t g = 0; g < group; g++) {
        float *weights = scores + g * length, largest = weights[0], total = 0.0f;
#pragma omp simd reduction(max : largest)
        for (int64_t s = 0; s < length; s++) largest = weights[s] > largest ? weights[s] : largest;
#pragma omp simd reduction(+ : total)
        for (int64_t s = 0; s < length; s++) {
            weights[s] = fast_exp(weights[s] - largest);
            total += weights[s];
        }
        for (int64_t s = 0; s < length; s++) weights[s] /= total;
    }
    for (int64_t s = 0; s < length; s++) {
        for (int64_t d = 0; d < size; d++) row[d] = bf16_to_float(v[s * v_step + d]);
        for (int64_t g = 0; g < group; g++)
#pragma omp simd
            for (int64_t d = 0; d < size; d++)
                sums[g * size + d] += scores[g * length + s] * row[d];
    }
    for (int64_t i = 0; i < group * size; i++) out[i] = float_to_bf16(sums[i]);
}

/* q, out: [rows, heads * group, size], dense. k, v: [rows, heads, length, size], with the steps
 * between rows, heads and slots. */
void leitai_attend_once(
    const bfloat16 *q, const bfloat16 *k, const bfloat16 *v, bfloat16 *out, int64_t rows,
    int64_t heads, int64_t group, int64_t length, int64_t size, const int64_t *k_step,
    const int64_t *v_step, float scale, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < rows * heads; i++) {
        int64_t row = i / heads, head = i % heads, place = i * group * size;
        attend_group(
            q + place, k + row * k_step[0] + head * k_step[1],
            v + row * v_step[0] + head * v_step[1], out + place, group, length, size, k_step[2],
            v_step[2], scale);
    }
}
