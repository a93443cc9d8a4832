/* Vectors in the form that a matrix wants, and the memory for them. */

#include <stdlib.h>

#include "avx512.h"
#include "matvec.h"

void *leitai_scratch(int slot, size_t bytes) {
    static _Thread_local void *memory[8];
    static _Thread_local size_t capacity[8];
    if (capacity[slot] < bytes) {
        free(memory[slot]);
        bytes = (bytes + 4095) / 4096 * 4096;
        memory[slot] = aligned_alloc(64, bytes);
        if (!memory[slot]) abort();
        capacity[slot] = bytes;
    }
    return memory[slot];
}

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* `n` values to int8, the largest to 127; `n` is known to the compiler where it can be. */
static inline __attribute__((always_inline)) void round_group(
    const float *restrict x, int64_t n, int8_t *restrict q, float *scale, int32_t *total) {
    float largest = 0.0f;
#pragma omp simd reduction(max : largest)
    for (int64_t i = 0; i < n; i++) {
        float size = fabsf(x[i]);
        largest = size > largest ? size : largest;
    }
    float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
    int32_t sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        int32_t rounded = (int32_t)rintf(x[i] * inverse);
        q[i] = (int8_t)rounded;
        sum += rounded;
    }
    *scale = largest / 127.0f;
    *total = sum;
}

static void halves_of(const float *values, bfloat16 *halves, int64_t n) {
    int64_t i = 0;
#ifdef HAVE_BF16
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256(
            (__m256i *)(halves + i), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(values + i)));
#endif
    for (; i < n; i++) halves[i] = float_to_bf16(values[i]);
}

Vectors leitai_vectors(const float *values, int64_t count, int64_t cols, int64_t kind, int slot) {
    Vectors v = {.count = count, .cols = cols};
    if (kind == DENSE_BF16) {
        v.halves = leitai_scratch(slot, (size_t)(count * cols) * sizeof *v.halves);
        halves_of(values, v.halves, count * cols);
        return v;
    }
    v.size = group_size(kind);
    v.groups = (cols + v.size - 1) / v.size;
    size_t integers = aligned((size_t)(count * v.groups * v.size));
    size_t numbers = aligned((size_t)(count * v.groups) * 4);
    char *memory = leitai_scratch(slot, integers + 2 * numbers);
    v.integers = (int8_t *)memory;
    v.scales = (float *)(memory + integers);
    v.sums = (int32_t *)(memory + integers + numbers);
    for (int64_t m = 0; m < count; m++)
        for (int64_t g = 0; g < v.groups; g++) {
            const int64_t at = m * v.groups + g, left = cols - g * v.size;
            const float *x = values + m * cols + g * v.size;
            int8_t *q = v.integers + at * v.size;
            float *scale = v.scales + at;
            int32_t *sum = v.sums + at;
            if (left >= v.size && v.size == 32) round_group(x, 32, q, scale, sum);
            else if (left >= v.size && v.size == 64) round_group(x, 64, q, scale, sum);
            else {
                round_group(x, left, q, scale, sum);
                memset(q + left, 0, (size_t)(v.size - left));
            }
        }
    return v;
}
