/* Attention of single queries over the keys of their rows, which stay where they are: in one piece,
 * or in blocks of a pool that a table names. */

#include <math.h>
#include <omp.h>

#include "matvec.h"

/* Where the slots of one key head are: those of block i begin at table[i] * (slots a block); without
 * a table they lie one after the other. `step` is the distance of two slots, in numbers. */
typedef struct {
    const bfloat16 *base;
    const int64_t *table;
    int64_t slots, step;
} Keys;

static inline const bfloat16 *slot(const Keys *k, int64_t s) {
    int64_t at = k->table ? k->table[s / k->slots] * k->slots + s % k->slots : s;
    return k->base + at * k->step;
}

/* The query heads of one key head: softmax(q k^T * scale) v, everything [.., size]. Scores of all
 * slots are kept, so the softmax has its exact maximum. The result stays in scratch memory until
 * the thread's next call; `lse`, unless it is NULL, gets the logarithm of each denominator. */
static const float *attend_group(
    const bfloat16 *q, const Keys *k, const Keys *v, float *lse, int64_t group, int64_t length,
    int64_t size, float scale) {
    float *query = leitai_scratch(3, (size_t)(group * (2 * size + length) + size) * 4);
    float *sums = query + group * size, *scores = sums + group * size;
    float *row = scores + group * length;
    for (int64_t i = 0; i < group * size; i++) {
        query[i] = bf16_to_float(q[i]) * scale;
        sums[i] = 0.0f;
    }
    for (int64_t s = 0; s < length; s++) {
        const bfloat16 *key = slot(k, s);
        for (int64_t d = 0; d < size; d++) row[d] = bf16_to_float(key[d]);
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
        if (lse) lse[g] = largest + logf(total);
    }
    for (int64_t s = 0; s < length; s++) {
        const bfloat16 *value = slot(v, s);
        for (int64_t d = 0; d < size; d++) row[d] = bf16_to_float(value[d]);
        for (int64_t g = 0; g < group; g++)
#pragma omp simd
            for (int64_t d = 0; d < size; d++)
                sums[g * size + d] += scores[g * length + s] * row[d];
    }
    return sums;
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
        Keys keys = {k + row * k_step[0] + head * k_step[1], 0, 0, k_step[2]};
        Keys values = {v + row * v_step[0] + head * v_step[1], 0, 0, v_step[2]};
        const float *found =
            attend_group(q + place, &keys, &values, 0, group, length, size, scale);
        for (int64_t j = 0; j < group * size; j++) out[place + j] = float_to_bf16(found[j]);
    }
}

/* q, out: [rows, heads * group, size], lse: [rows, heads * group], dense. k, v: [blocks, slots,
 * heads, size], dense. The keys of a row are the first `lengths[row]` of the blocks that `table`
 * names from `first[row]` on. */
void leitai_attend_blocks(
    const bfloat16 *q, const bfloat16 *k, const bfloat16 *v, float *out, float *lse,
    const int64_t *table, const int64_t *first, const int64_t *lengths, int64_t rows,
    int64_t heads, int64_t group, int64_t size, int64_t slots, float scale, int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t i = 0; i < rows * heads; i++) {
        int64_t row = i / heads, head = i % heads, place = i * group;
        Keys keys = {k + head * size, table + first[row], slots, heads * size};
        Keys values = {v + head * size, table + first[row], slots, heads * size};
        const float *found = attend_group(
            q + place * size, &keys, &values, lse + place, group, lengths[row], size, scale);
        memcpy(out + place * size, found, (size_t)(group * size) * sizeof *out);
    }
}
