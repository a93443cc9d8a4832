/* Matrix times a few vectors: what decoding spends its time on, at the speed of reading weights.
 *
 * A thread reads its share of the rows at STREAMS distant places at once. One run of memory, even
 * if prefetched, and likewise neighbouring rows side by side keep too few requests in flight: on
 * two Zen 4 cores they read 24 and 20 GB/s where four distant runs read 40.
 *
 * Quantised weights meet activations that are rounded to int8 with one scale a group, as in
 * llama.cpp: products and sums of a group are exact integers. */

#include "matvec.h"

#include <omp.h>
#include <stdlib.h>

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#include <immintrin.h>
#define HAVE_VNNI 1
#endif
#if defined(HAVE_VNNI) && defined(__AVX512BF16__)
#define HAVE_BF16 1
#endif

/* Places of a thread's share that are read at once, and vectors that quantised blocks meet at once. */
enum { STREAMS = 4, MOST_TOTALS = 8 };

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

Vectors leitai_vectors(const float *values, int64_t count, int64_t cols, int64_t kind, int slot) {
    Vectors v = {.count = count, .cols = cols};
    if (kind == DENSE_BF16) {
        v.halves = leitai_scratch(slot, (size_t)(count * cols) * sizeof *v.halves);
        for (int64_t i = 0; i < count * cols; i++) v.halves[i] = float_to_bf16(values[i]);
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
            const float *x = values + m * cols + g * v.size;
            int8_t *q = v.integers + (m * v.groups + g) * v.size;
            int64_t n = cols - g * v.size < v.size ? cols - g * v.size : v.size;
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
            for (int64_t i = n; i < v.size; i++) q[i] = 0;
            v.scales[m * v.groups + g] = largest / 127.0f;
            v.sums[m * v.groups + g] = sum;
        }
    return v;
}

/* Rows and vectors of a tile, whose sums stay in registers. */
enum { TILE = 4 };

#ifdef HAVE_BF16
static inline __attribute__((always_inline)) __m512bh halves_at(
    const bfloat16 *from, const int whole, __mmask32 some) {
    return (__m512bh)(whole ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi16(some, from));
}

/* Add the products of 32 columns, or, if not `whole`, of `some` of them. `ahead`: fetch the same
 * columns of the rows that come next, because further vectors find this one's rows in the cache and
 * leave the memory idle. */
static inline __attribute__((always_inline)) void add_products(
    const bfloat16 *w, int64_t step, const bfloat16 *x, int64_t cols, __m512 sums[TILE][TILE],
    const int rows, const int count, const int ahead, const int whole, __mmask32 some) {
    __m512bh weights[TILE];
    for (int i = 0; i < rows; i++) {
        weights[i] = halves_at(w + i * step, whole, some);
        if (ahead) _mm_prefetch((const char *)(w + i * step + cols), _MM_HINT_T0);
    }
    for (int m = 0; m < count; m++) {
        __m512bh vector = halves_at(x + m * cols, whole, some);
        for (int i = 0; i < rows; i++)
            sums[m][i] = _mm512_dpbf16_ps(sums[m][i], weights[i], vector);
    }
}
#endif

/* out[m, i] = the sum of w[i * step + k] * x[m * cols + k], for `rows` rows and `count` vectors, which
 * the compiler knows. The order of a sum depends on neither. For `ahead` see `add_products`. */
static inline __attribute__((always_inline)) void dense_tile(
    const bfloat16 *w, int64_t step, const bfloat16 *x, int64_t cols, float out[TILE][TILE],
    const int rows, const int count, const int ahead) {
#ifdef HAVE_BF16
    __m512 sums[TILE][TILE];
    for (int m = 0; m < count; m++)
        for (int i = 0; i < rows; i++) sums[m][i] = _mm512_setzero_ps();
    int64_t k = 0;
    for (; k + 32 <= cols; k += 32)
        add_products(w + k, step, x + k, cols, sums, rows, count, ahead, 1, 0);
    if (k < cols)
        add_products(w + k, step, x + k, cols, sums, rows, count, 0, 0, (1u << (cols - k)) - 1);
    for (int m = 0; m < count; m++)
        for (int i = 0; i < rows; i++) out[m][i] = _mm512_reduce_add_ps(sums[m][i]);
#else
    (void)ahead;
    for (int m = 0; m < count; m++)
        for (int i = 0; i < rows; i++) {
            const bfloat16 *row = w + i * step, *vector = x + m * cols;
            float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
            for (int64_t k = 0; k < cols; k++)
                sum += bf16_to_float(row[k]) * bf16_to_float(vector[k]);
            out[m][i] = sum;
        }
#endif
}

/* `rows` rows, `step` apart, times all vectors; out[m * all + i * apart] gets row i's. */
static inline __attribute__((always_inline)) void dense_rows(
    const bfloat16 *w, int64_t step, const Vectors *v, float *out, int64_t all, int64_t apart,
    const int rows) {
    float sums[TILE][TILE];
    for (int64_t m = 0; m < v->count; m += TILE) {
        const bfloat16 *x = v->halves + m * v->cols;
        int64_t count = v->count - m < TILE ? v->count - m : TILE;
        switch (count) {
            case 1: dense_tile(w, step, x, v->cols, sums, rows, 1, 0); break;
            case 2: dense_tile(w, step, x, v->cols, sums, rows, 2, 0); break;
            case 3: dense_tile(w, step, x, v->cols, sums, rows, 3, 0); break;
            default:
                if (m && m + TILE >= v->count) dense_tile(w, step, x, v->cols, sums, rows, TILE, 1);
                else dense_tile(w, step, x, v->cols, sums, rows, TILE, 0);
        }
        for (int64_t j = 0; j < count; j++)
            for (int i = 0; i < rows; i++) out[(m + j) * all + i * apart] = sums[j][i];
    }
}

static void dense_share(
    const Matrix *w, const Vectors *v, float *out, int64_t from, int64_t to) {
    const int64_t part = (to - from) / STREAMS;
    const bfloat16 *data = (const bfloat16 *)w->data + from * w->cols;
    for (int64_t row = 0; row < part; row++)
        dense_rows(
            data + row * w->cols, part * w->cols, v, out + from + row, w->rows, part, STREAMS);
    for (int64_t row = STREAMS * part; row < to - from; row++)
        dense_rows(data + row * w->cols, 0, v, out + from + row, w->rows, 0, 1);
}

#ifdef HAVE_VNNI
static inline __m512i four_everywhere(const int8_t *q) {
    int32_t four;
    memcpy(&four, q, 4);
    return _mm512_set1_epi32(four);
}

/* `streams` blocks of 16 rows, `step` blocks apart, times `count` vectors; count, streams and int4 are
 * known to the compiler. out: [streams, count, 16]. */
static inline __attribute__((always_inline)) void block_product(
    const Matrix *w, const Vectors *v, float *out, int64_t block, int64_t step, const int count,
    const int streams, const int int4) {
    const int64_t groups = v->groups, size = int4 ? 32 : 64, quads = size / 4;
    const int64_t bytes = int4 ? size * LANES / 2 : size * LANES;
    const uint8_t *data = (const uint8_t *)w->data + block * groups * bytes;
    const bfloat16 *scales = w->scales + block * groups * LANES;
    const int64_t data_step = step * groups * bytes, scales_step = step * groups * LANES;
    const int32_t zero = int4 ? 8 : 128;
    const __m512i low = _mm512_set1_epi8(15);
    __m512 total[MOST_TOTALS];
    for (int i = 0; i < streams * count; i++) total[i] = _mm512_setzero_ps();
    for (int64_t g = 0; g < groups; g++, data += bytes, scales += LANES) {
        __m512i sum[MOST_TOTALS];
        for (int s = 0; s < streams; s++)
            for (int m = 0; m < count; m++)
                sum[s * count + m] = _mm512_set1_epi32(-zero * v->sums[m * groups + g]);
        for (int64_t j = 0; j < (int4 ? quads / 2 : quads); j++)
            for (int s = 0; s < streams; s++) {
                __m512i packed = _mm512_loadu_si512(data + s * data_step + j * 64);
                __m512i first = int4 ? _mm512_and_si512(packed, low) : packed;
                __m512i second = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
                for (int m = 0; m < count; m++) {
                    const int8_t *q = v->integers + (m * groups + g) * size + 4 * j;
                    __m512i *into = sum + s * count + m;
                    *into = _mm512_dpbusd_epi32(*into, first, four_everywhere(q));
                    if (int4)
                        *into = _mm512_dpbusd_epi32(*into, second, four_everywhere(q + size / 2));
                }
            }
        for (int s = 0; s < streams; s++) {
            const __m256i *stored = (const __m256i *)(scales + s * scales_step);
            __m512 scale = _mm512_castsi512_ps(
                _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(stored)), 16));
            for (int m = 0; m < count; m++)
                total[s * count + m] = _mm512_fmadd_ps(
                    _mm512_mul_ps(scale, _mm512_set1_ps(v->scales[m * groups + g])),
                    _mm512_cvtepi32_ps(sum[s * count + m]), total[s * count + m]);
        }
    }
    for (int i = 0; i < streams * count; i++) _mm512_storeu_ps(out + i * LANES, total[i]);
}
#else
static inline __attribute__((always_inline)) void block_product(
    const Matrix *w, const Vectors *v, float *out, int64_t block, int64_t step, const int count,
    const int streams, const int int4) {
    const int64_t groups = v->groups, size = int4 ? 32 : 64, quads = size / 4;
    const int64_t bytes = int4 ? size * LANES / 2 : size * LANES;
    const int32_t zero = int4 ? 8 : 128;
    for (int i = 0; i < streams * count * LANES; i++) out[i] = 0.0f;
    for (int64_t at = 0; at < streams * groups * count; at++) {
        int64_t s = at / (groups * count), g = at / count % groups, m = at % count;
        int64_t group = (block + s * step) * groups + g;
        const uint8_t *data = (const uint8_t *)w->data + group * bytes;
        const int8_t *q = v->integers + (m * groups + g) * size;
        int32_t sum[LANES];
        for (int r = 0; r < LANES; r++) sum[r] = -zero * v->sums[m * groups + g];
        for (int64_t j = 0; j < quads; j++) {
            int high = int4 && j >= quads / 2;
            const uint8_t *packed = data + (high ? j - quads / 2 : j) * 64;
            for (int r = 0; r < LANES; r++)
                for (int t = 0; t < 4; t++) {
                    int32_t byte = packed[4 * r + t];
                    int32_t weight = int4 ? (high ? byte >> 4 : byte & 15) : byte;
                    sum[r] += weight * q[4 * j + t];
                }
        }
        float scale = v->scales[m * groups + g];
        for (int r = 0; r < LANES; r++)
            out[(s * count + m) * LANES + r] +=
                bf16_to_float(w->scales[group * LANES + r]) * scale * (float)sum[r];
    }
}
#endif

/* Multiply `streams` blocks, `step` apart, and put the results in their places. */
static inline __attribute__((always_inline)) void blocks_into(
    const Matrix *w, const Vectors *v, float *out, int64_t block, int64_t step, const int count,
    const int streams) {
    float sums[LANES * MOST_TOTALS];
    if (w->kind == INT4) block_product(w, v, sums, block, step, count, streams, 1);
    else block_product(w, v, sums, block, step, count, streams, 0);
    for (int s = 0; s < streams; s++) {
        int64_t row = (block + s * step) * LANES;
        int64_t n = w->rows - row < LANES ? w->rows - row : LANES;
        for (int m = 0; m < count; m++)
            memcpy(
                out + m * w->rows + row, sums + (s * count + m) * LANES, (size_t)n * sizeof *sums);
    }
}

/* At most MOST_TOTALS vectors. */
static void quantised_few(
    const Matrix *w, const Vectors *v, float *out, int64_t from, int64_t to) {
    const int64_t first = from / LANES, blocks = (to - from + LANES - 1) / LANES;
/* As many streams as leave all sums in registers. */
#define CASE(count, streams)                                                              \
    case count:                                                                           \
        for (int64_t i = 0; i < blocks / streams; i++)                                    \
            blocks_into(w, v, out, first + i, blocks / streams, count, streams);          \
        for (int64_t i = blocks / streams * streams; i < blocks; i++)                     \
            blocks_into(w, v, out, first + i, 0, count, 1);                               \
        break
    switch (v->count) {
        CASE(1, STREAMS);
        CASE(2, STREAMS);
        CASE(3, 2);
        CASE(4, 2);
        CASE(5, 1);
        CASE(6, 1);
        CASE(7, 1);
        CASE(8, 1);
    }
#undef CASE
}

static void quantised_share(
    const Matrix *w, const Vectors *v, float *out, int64_t from, int64_t to) {
    /* What is read again for further vectors must still be in the cache. */
    const int64_t near = (1 << 18) / (v->groups * v->size) / LANES * LANES;
    const int64_t step = v->count <= MOST_TOTALS || near < LANES ? to - from : near;
    for (int64_t start = from; start < to; start += step)
        for (int64_t m = 0; m < v->count; m += MOST_TOTALS) {
            Vectors few = *v;
            few.count = v->count - m < MOST_TOTALS ? v->count - m : MOST_TOTALS;
            few.integers += m * v->groups * v->size;
            few.scales += m * v->groups;
            few.sums += m * v->groups;
            int64_t end = start + step < to ? start + step : to;
            quantised_few(w, &few, out + m * w->rows, start, end);
        }
}

void leitai_matvec_share(
    const Matrix *w, const Vectors *v, float *out, int thread, int threads) {
    int64_t from, to;
    share_of(w, thread, threads, &from, &to);
    if (w->kind == DENSE_BF16) dense_share(w, v, out, from, to);
    else quantised_share(w, v, out, from, to);
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

/* Write rows [from, to) of a quantised matrix as bfloat16, [to - from, cols]; from is a multiple of
 * 16. */
void leitai_dequantize(const Matrix *w, bfloat16 *y, int64_t from, int64_t to, int threads) {
    const int int4 = w->kind == INT4;
    const int64_t size = group_size(w->kind), groups = (w->cols + size - 1) / size;
    const int64_t bytes = int4 ? size * LANES / 2 : size * LANES;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = from; row < to; row++) {
        int64_t block = row / LANES, lane = row % LANES;
        for (int64_t g = 0; g < groups; g++) {
            const uint8_t *data = (const uint8_t *)w->data + (block * groups + g) * bytes + 4 * lane;
            float scale = bf16_to_float(w->scales[(block * groups + g) * LANES + lane]);
            bfloat16 *out = y + (row - from) * w->cols + g * size;
            int64_t n = w->cols - g * size < size ? w->cols - g * size : size;
            for (int64_t k = 0; k < n; k++) {
                int high = int4 && k >= size / 2;
                uint8_t byte = data[((high ? k - size / 2 : k) / 4) * 64 + k % 4];
                int32_t weight = int4 ? (high ? byte >> 4 : byte & 15) - 8 : byte - 128;
                out[k] = float_to_bf16(scale * (float)weight);
            }
        }
    }
}
