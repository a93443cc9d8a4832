/* Cross-entropy of rows of bfloat16 logits, and its slope written over them. */

#include <omp.h>

#include "numbers.h"

/* For each row: loss = weight * (log sum exp(logits) - logits[target]), and if `write`,
 * logits = weight * (softmax(logits) - one-hot). A row stays in the core's cache throughout. */
void leitai_softmax_slope_bf16(
    bfloat16 *restrict logits, const int64_t *restrict targets, const float *restrict weights,
    float *restrict losses, int64_t rows, int64_t size, int write, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        bfloat16 *line = logits + row * size;
        float target = bf16_to_float(line[targets[row]]), largest = -INFINITY, sum = 0.0f;
#pragma omp simd reduction(max : largest)
        for (int64_t i = 0; i < size; i++) {
            float value = bf16_to_float(line[i]);
            largest = value > largest ? value : largest;
        }
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < size; i++)
            sum += fast_exp(bf16_to_float(line[i]) - largest);
        /* A logit that is not finite makes the loss not finite: the caller stops there. */
        float total = largest + logf(sum), weight = weights[row];
        losses[row] = (total - target) * weight;
        if (!write)
            continue;
#pragma omp simd
        for (int64_t i = 0; i < size; i++)
            line[i] = float_to_bf16(fast_exp(bf16_to_float(line[i]) - total) * weight);
        line[targets[row]] = float_to_bf16((fast_exp(target - total) - 1.0f) * weight);
    }
}
