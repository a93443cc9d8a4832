/* Attention of single queries over the keys of their rows, which stay where they are: in one piece,
 * or in blocks of a pool that a table names. */

#include <math.h>
#include <omp.h>

#include "avx512.h"
#include "matvec.h"

/* Where the slots of one key head are: block i of the row is number table[i] from `base` on, of
 * `slots` slots; `step` is the distance of two slots, in numbers. */
typedef struct {
    const bfloat16 *base;
    const int64_t *table;
    int64_t slots, step;
} Keys;

static inline const bfloat16 *block_at(const Keys *k, int64_t number) {
    return k->base + k->table[number] * k->slots * k->step;
}

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Heads that are computed together, their sums in registers: each key is read and widened once. */
enum { TOGETHER = 8 };
typedef float Lanes __attribute__((vector_size(LANES * 4)));

static inline Lanes widen(const bfloat16 *from) {
    typedef uint16_t Halves __attribute__((vector_size(LANES * 2)));
    typedef uint32_t Words __attribute__((vector_size(LANES * 4)));
    Halves halves;
    memcpy(&halves, from, sizeof halves);
    Words words = __builtin_convertvector(halves, Words) << 16;
    Lanes out;
    memcpy(&out, &words, sizeof out);
    return out;
}

static inline Lanes load(const float *from) {
    Lanes out;
    memcpy(&out, from, sizeof out);
    return out;
}

static inline float sum_of(Lanes lanes) {
    float values[LANES], sum = 0.0f;
    memcpy(values, &lanes, sizeof values);
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < LANES; i++) sum += values[i];
    return sum;
}

#ifdef HAVE_BF16
/* As `scores_of`, 16 keys at a time, for a size that is a multiple of 32; the scores are `scale`d. */
static inline __attribute__((always_inline)) void scores_of_many(
    const bfloat16 *query, const Keys *k, float *scores, const int count, int64_t length,
    int64_t size, float scale) {
    for (int64_t begin = 0; begin < length; begin += LANES) {
        const bfloat16 *keys[LANES];
        for (int64_t i = 0; i < LANES; i++) {
            int64_t s = least(begin + i, length - 1);
            keys[i] = block_at(k, s / k->slots) + s % k->slots * k->step;
        }
        __m512 sums[TOGETHER];
        for (int g = 0; g < count; g++) sums[g] = _mm512_setzero_ps();
        for (int64_t d = 0; d < size; d += 2 * LANES) {
            __m512i columns[LANES], pairs[LANES]; /* pairs[j]: columns d + 2j and d + 2j + 1 of all */
            for (int i = 0; i < LANES; i++) columns[i] = _mm512_loadu_si512(keys[i] + d);
            transpose(columns, pairs);
            for (int j = 0; j < LANES; j++)
                for (int g = 0; g < count; g++) {
                    int32_t pair;
                    memcpy(&pair, query + g * size + d + 2 * j, sizeof pair);
                    sums[g] = _mm512_dpbf16_ps(
                        sums[g], (__m512bh)pairs[j], (__m512bh)_mm512_set1_epi32(pair));
                }
        }
        __mmask16 some = (__mmask16)((1u << least(length - begin, LANES)) - 1);
        for (int g = 0; g < count; g++)
            _mm512_mask_storeu_ps(
                scores + g * length + begin, some, _mm512_mul_ps(sums[g], _mm512_set1_ps(scale)));
    }
}
#endif

/* scores[g, s] = query[g] . k[s] for `count` heads, which the compiler knows. */
static inline __attribute__((always_inline)) void scores_of(
    const float *query, const Keys *k, float *scores, const int count, int64_t length,
    int64_t size) {
    for (int64_t begin = 0; begin < length; begin += k->slots) {
        const bfloat16 *key = block_at(k, begin / k->slots);
        int64_t end = least(begin + k->slots, length);
        for (int64_t s = begin; s < end; s++, key += k->step) {
            Lanes sums[TOGETHER] = {{0}};
            int64_t d = 0;
            for (; d + LANES <= size; d += LANES) {
                Lanes part = widen(key + d);
                for (int g = 0; g < count; g++) sums[g] += load(query + g * size + d) * part;
            }
            for (int g = 0; g < count; g++) {
                float dot = sum_of(sums[g]);
                for (int64_t e = d; e < size; e++)
                    dot += query[g * size + e] * bf16_to_float(key[e]);
                scores[g * length + s] = dot;
            }
        }
    }
}

/* sums[g] = the sum of weights[g, s] * v[s] over s for `count` heads, which the compiler knows. A pass
 * over the slots takes a cache line of each. */
static inline __attribute__((always_inline)) void values_of(
    const float *weights, const Keys *v, float *sums, const int count, int64_t length,
    int64_t size) {
    int64_t d = 0;
    for (; d + 2 * LANES <= size; d += 2 * LANES) {
        Lanes low[TOGETHER] = {{0}}, high[TOGETHER] = {{0}};
        for (int64_t begin = 0; begin < length; begin += v->slots) {
            const bfloat16 *value = block_at(v, begin / v->slots) + d;
            int64_t end = least(begin + v->slots, length);
            for (int64_t s = begin; s < end; s++, value += v->step) {
                Lanes first = widen(value), second = widen(value + LANES);
                for (int g = 0; g < count; g++) {
                    low[g] += weights[g * length + s] * first;
                    high[g] += weights[g * length + s] * second;
                }
            }
        }
        for (int g = 0; g < count; g++) {
            memcpy(sums + g * size + d, &low[g], sizeof low[g]);
            memcpy(sums + g * size + d + LANES, &high[g], sizeof high[g]);
        }
    }
    for (; d < size; d++)
        for (int g = 0; g < count; g++) {
            float sum = 0.0f;
            for (int64_t s = 0; s < length; s++)
                sum += weights[g * length + s] *
                       bf16_to_float(block_at(v, s / v->slots)[s % v->slots * v->step + d]);
            sums[g * size + d] = sum;
        }
}

/* Call a function above with a number of heads that the compiler knows. */
#define KNOWN(function, from, keys, to, count, ...) \
    switch (count) { \
    case 1: function(from, keys, to, 1, __VA_ARGS__); break; \
    case 2: function(from, keys, to, 2, __VA_ARGS__); break; \
    case 3: function(from, keys, to, 3, __VA_ARGS__); break; \
    case 4: function(from, keys, to, 4, __VA_ARGS__); break; \
    case 5: function(from, keys, to, 5, __VA_ARGS__); break; \
    case 6: function(from, keys, to, 6, __VA_ARGS__); break; \
    case 7: function(from, keys, to, 7, __VA_ARGS__); break; \
    default: function(from, keys, to, TOGETHER, __VA_ARGS__); \
    }

/* The query heads of one key head: softmax(q k^T * scale) v, everything [.., size]. Scores of all
 * slots are kept, so the softmax has its exact maximum. The result stays in scratch memory until
 * the thread's next call; `lse`, unless it is NULL, gets the logarithm of each denominator. */
static const float *attend_group(
    const bfloat16 *q, const Keys *k, const Keys *v, float *lse, int64_t group, int64_t length,
    int64_t size, float scale) {
    float *query = leitai_scratch(3, (size_t)(group * (2 * size + length)) * 4);
    float *sums = query + group * size, *scores = sums + group * size;
    for (int64_t i = 0; i < group * size; i++) query[i] = bf16_to_float(q[i]) * scale;
    for (int64_t g = 0; g < group; g += TOGETHER) {
        int64_t count = least(group - g, TOGETHER);
#ifdef HAVE_BF16
        if (size % (2 * LANES) == 0) {
            KNOWN(scores_of_many, q + g * size, k, scores + g * length, count, length, size, scale)
            continue;
        }
#endif
        KNOWN(scores_of, query + g * size, k, scores + g * length, count, length, size)
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
    for (int64_t g = 0; g < group; g += TOGETHER) {
        int64_t count = least(group - g, TOGETHER);
        KNOWN(values_of, scores + g * length, v, sums + g * size, count, length, size)
    }
    return sums;
}

/* q, out: [rows, heads * group, size], dense. k, v: [rows, heads, length, size], with the steps
 * between rows, heads and slots. */
void leitai_attend_once(
    const bfloat16 *q, const bfloat16 *k, const bfloat16 *v, bfloat16 *out, int64_t rows,
    int64_t heads, int64_t group, int64_t length, int64_t size, const int64_t *k_step,
    const int64_t *v_step, float scale, int threads) {
    static const int64_t only[1] = {0};
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < rows * heads; i++) {
        int64_t row = i / heads, head = i % heads, place = i * group * size;
        Keys keys = {k + row * k_step[0] + head * k_step[1], only, length, k_step[2]};
        Keys values = {v + row * v_step[0] + head * v_step[1], only, length, v_step[2]};
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
