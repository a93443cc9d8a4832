/* Products of 8- and 4-bit weights with a few vectors, and the weights as bfloat16.
 *
 * The activations are rounded to int8 with one scale a group, as in llama.cpp: products and sums of a
 * group are exact integers. */

#include "avx512.h"
#include "matvec.h"

/* Vectors that a block meets at once. */
enum { MOST_TOTALS = 8 };

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

void leitai_quantised_share(
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

#ifdef HAVE_BF16
/* 16 weights of a row as bfloat16: scale * (byte - zero). */
static inline __attribute__((always_inline)) void store_weights(
    bfloat16 *out, __m128i bytes, __m512i zero, __m512 scale) {
    __m512i integers = _mm512_sub_epi32(_mm512_cvtepu8_epi32(bytes), zero);
    __m512 values = _mm512_mul_ps(_mm512_cvtepi32_ps(integers), scale);
    _mm256_storeu_si256((__m256i *)out, (__m256i)_mm512_cvtneps_pbh(values));
}

/* Columns [64 part, 64 part + 64) of the 16 rows of a block, `apart` numbers from row to row. */
static inline __attribute__((always_inline)) void dequantise_tile(
    const uint8_t *data, const bfloat16 *scales, bfloat16 *out, int64_t apart, const int int4) {
    __m512i quads[LANES], rows[LANES];
    const __m512i low = _mm512_set1_epi8(15);
    for (int j = 0; j < LANES; j++) {
        if (int4) { /* two groups, of four registers each: low halves first */
            __m512i packed = _mm512_loadu_si512(data + (j / 8 * 4 + j % 4) * 64);
            quads[j] = _mm512_and_si512(j % 8 < 4 ? packed : _mm512_srli_epi16(packed, 4), low);
        } else quads[j] = _mm512_loadu_si512(data + j * 64);
    }
    transpose(quads, rows);
    const __m512i zero = _mm512_set1_epi32(int4 ? 8 : 128);
    for (int r = 0; r < LANES; r++, out += apart) {
        __m512 first = _mm512_set1_ps(bf16_to_float(scales[r]));
        __m512 second = int4 ? _mm512_set1_ps(bf16_to_float(scales[LANES + r])) : first;
        store_weights(out, _mm512_extracti32x4_epi32(rows[r], 0), zero, first);
        store_weights(out + 16, _mm512_extracti32x4_epi32(rows[r], 1), zero, first);
        store_weights(out + 32, _mm512_extracti32x4_epi32(rows[r], 2), zero, second);
        store_weights(out + 48, _mm512_extracti32x4_epi32(rows[r], 3), zero, second);
    }
}
#endif

/* Columns [column, cols) of a block's first `rows` rows, one by one. */
static void dequantise_rest(
    const Matrix *w, int64_t block, bfloat16 *y, int64_t rows, int64_t column) {
    const int int4 = w->kind == INT4;
    const int64_t size = group_size(w->kind), groups = (w->cols + size - 1) / size;
    const int64_t bytes = int4 ? size * LANES / 2 : size * LANES;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = column; c < w->cols; c++) {
            int64_t group = block * groups + c / size, k = c % size;
            int high = int4 && k >= size / 2;
            const uint8_t *data = (const uint8_t *)w->data + group * bytes + 4 * r;
            uint8_t byte = data[((high ? k - size / 2 : k) / 4) * 64 + k % 4];
            int32_t weight = int4 ? (high ? byte >> 4 : byte & 15) - 8 : byte - 128;
            float scale = bf16_to_float(w->scales[group * LANES + r]);
            y[r * w->cols + c] = float_to_bf16(scale * (float)weight);
        }
}

/* Write rows [from, to) of a quantised matrix as bfloat16, [to - from, cols]; from is a multiple of
 * 16. */
void leitai_dequantize(const Matrix *w, bfloat16 *y, int64_t from, int64_t to, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = from; row < to; row += LANES) {
        const int64_t rows = to - row < LANES ? to - row : LANES, block = row / LANES;
        bfloat16 *out = y + (row - from) * w->cols;
        int64_t column = 0;
#ifdef HAVE_BF16
        const int64_t size = group_size(w->kind), groups = (w->cols + size - 1) / size;
        const int int4 = w->kind == INT4;
        for (; rows == LANES && column + 64 <= w->cols; column += 64) {
            const int64_t group = block * groups + column / size;
            const uint8_t *data = (const uint8_t *)w->data + group * (int4 ? size / 2 : size) * LANES;
            const bfloat16 *scales = w->scales + group * LANES;
            if (int4) dequantise_tile(data, scales, out + column, w->cols, 1);
            else dequantise_tile(data, scales, out + column, w->cols, 0);
        }
#endif
        dequantise_rest(w, block, out, rows, column);
    }
}
