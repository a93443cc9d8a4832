/* Products of bfloat16 weights with a few vectors. */

#include "avx512.h"
#include "matvec.h"

/* Rows and vectors of a tile at most. Its sums stay in registers: 4 rows of up to 4 vectors, or 3 of
 * up to 8, so that eight vectors read the weights once. */
enum { TILE_ROWS = STREAMS, FEW_VECTORS = 4, TILE_VECTORS = 8, ROWS_OF_MANY = 3 };

#ifdef HAVE_BF16
static inline __attribute__((always_inline)) __m512bh halves_at(
    const bfloat16 *from, const int whole, __mmask32 some) {
    return (__m512bh)(whole ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi16(some, from));
}

/* Numbers by which many vectors' weights are fetched ahead. Multiplying them takes about as long as
 * reading; into the nearest cache, or without it, they take a fifth more than the longer of the two. */
enum { AHEAD = 4096 };

/* Add the products of 32 columns, or, if not `whole`, of `some` of them. `ahead`: fetch what comes
 * in AHEAD numbers. */
static inline __attribute__((always_inline)) void add_products(
    const bfloat16 *w, int64_t step, const bfloat16 *x, int64_t cols,
    __m512 sums[TILE_VECTORS][TILE_ROWS], const int rows, const int count, const int ahead,
    const int whole, __mmask32 some) {
    __m512bh weights[TILE_ROWS];
    for (int i = 0; i < rows; i++) {
        weights[i] = halves_at(w + i * step, whole, some);
        if (ahead) _mm_prefetch((const char *)(w + i * step + AHEAD), _MM_HINT_T1);
    }
    for (int m = 0; m < count; m++) {
        __m512bh vector = halves_at(x + m * cols, whole, some);
        for (int i = 0; i < rows; i++)
            sums[m][i] = _mm512_dpbf16_ps(sums[m][i], weights[i], vector);
    }
}
#endif

#ifdef HAVE_BF16
/* The totals of up to 4 registers, in a third of the steps that one after the other takes. */
static inline __attribute__((always_inline)) __m128 four_totals(const __m512 *sums, const int count) {
    __m512 a = sums[0], b = count > 1 ? sums[1] : a, c = count > 2 ? sums[2] : a;
    __m512 d = count > 3 ? sums[3] : a;
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512 all = _mm512_add_ps(
        _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))),
        _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(all), 1)));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
#endif

/* out[m, i] = the sum of w[i * step + k] * x[m * cols + k], for `rows` rows and `count` vectors, which
 * the compiler knows. The order of a sum depends on neither. For `ahead` see `add_products`. */
static inline __attribute__((always_inline)) void dense_tile(
    const bfloat16 *w, int64_t step, const bfloat16 *x, int64_t cols,
    float out[TILE_VECTORS][TILE_ROWS], const int rows, const int count, const int ahead) {
#ifdef HAVE_BF16
    __m512 sums[TILE_VECTORS][TILE_ROWS];
    for (int m = 0; m < count; m++)
        for (int i = 0; i < rows; i++) sums[m][i] = _mm512_setzero_ps();
    int64_t k = 0;
    for (; k + 32 <= cols; k += 32)
        add_products(w + k, step, x + k, cols, sums, rows, count, ahead, 1, 0);
    if (k < cols)
        add_products(w + k, step, x + k, cols, sums, rows, count, 0, 0, (1u << (cols - k)) - 1);
    for (int m = 0; m < count; m++) _mm_storeu_ps(out[m], four_totals(sums[m], rows));
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
    const int most = rows == TILE_ROWS ? FEW_VECTORS : TILE_VECTORS;
    float sums[TILE_VECTORS][TILE_ROWS];
    for (int64_t m = 0; m < v->count; m += most) {
        const bfloat16 *x = v->halves + m * v->cols;
        const int64_t count = v->count - m < most ? v->count - m : most;
#define TILE(count, ahead) dense_tile(w, step, x, v->cols, sums, rows, count, ahead)
        switch (count) {
            case 1: TILE(1, 0); break;
            case 2: TILE(2, 1); break;
            case 3: TILE(3, 1); break;
            case 4: TILE(4, 1); break;
            case 5: TILE(5, 1); break;
            case 6: TILE(6, 1); break;
            case 7: TILE(7, 1); break;
            default:
                if (m + most >= v->count) TILE(8, 1);
                else TILE(8, 0);
        }
#undef TILE
        for (int64_t j = 0; j < count; j++)
            for (int i = 0; i < rows; i++) out[(m + j) * all + i * apart] = sums[j][i];
    }
}

static inline __attribute__((always_inline)) void dense_streams(
    const Matrix *w, const Vectors *v, float *out, int64_t from, int64_t to, const int streams) {
    const int64_t part = (to - from) / streams;
    const bfloat16 *data = (const bfloat16 *)w->data + from * w->cols;
    for (int64_t row = 0; row < part; row++)
        dense_rows(
            data + row * w->cols, part * w->cols, v, out + from + row, w->rows, part, streams);
    for (int64_t row = streams * part; row < to - from; row++)
        dense_rows(data + row * w->cols, 0, v, out + from + row, w->rows, 0, 1);
}

void leitai_dense_share(
    const Matrix *w, const Vectors *v, float *out, int64_t from, int64_t to) {
    if (v->count <= FEW_VECTORS) dense_streams(w, v, out, from, to, TILE_ROWS);
    else dense_streams(w, v, out, from, to, ROWS_OF_MANY);
}
