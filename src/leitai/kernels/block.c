/* One decoder block for a few tokens, in two calls: what comes before attention and what comes
 * after it. Between matrices nothing leaves the cache, and the threads wait for each other only
 * where one needs what another has computed. Activations are float inside. */

#include <omp.h>

#include "matvec.h"

typedef struct {
    Matrix q, k, v, o, gate, up, down;
    const bfloat16 *input_norm, *post_norm, *q_norm, *k_norm; /* q_norm, k_norm may be null */
    int64_t hidden, head_dim;
    float eps;
} Block;

static void normalise(
    const float *x, const bfloat16 *weight, float *y, int64_t count, int64_t size, float eps) {
    for (int64_t m = 0; m < count; m++, x += size, y += size) {
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < size; i++) sum += x[i] * x[i];
        float factor = 1.0f / sqrtf(sum / (float)size + eps);
#pragma omp simd
        for (int64_t i = 0; i < size; i++) y[i] = bf16_to_float(weight[i]) * (x[i] * factor);
    }
}

/* Normalise (Qwen3), rotate and store heads [thread::threads] of q or k, [count, heads, head_dim],
 * as [heads, head_dim] a token. cosine and sine: [count, head_dim]. */
static void finish_heads(
    float *x, const bfloat16 *norm, const bfloat16 *cosine, const bfloat16 *sine, bfloat16 *out,
    int64_t count, int64_t heads, const Block *b, int thread, int threads) {
    int64_t size = b->head_dim, half = size / 2;
    for (int64_t m = 0; m < count; m++)
        for (int64_t h = thread; h < heads; h += threads) {
            float *in = x + (m * heads + h) * size;
            bfloat16 *y = out + (m * heads + h) * size;
            const bfloat16 *c = cosine + m * size, *s = sine + m * size;
            if (norm) normalise(in, norm, in, 1, size, b->eps);
            for (int64_t i = 0; i < half; i++) {
                float p = in[i], q = in[i + half];
                y[i] = float_to_bf16(p * bf16_to_float(c[i]) - q * bf16_to_float(s[i]));
                y[i + half] = float_to_bf16(
                    q * bf16_to_float(c[i + half]) + p * bf16_to_float(s[i + half]));
            }
        }
}

/* Input norm, projections, head norms, rotation. x: [count, hidden]; q, k, v: [count, heads of it,
 * head_dim]. */
void leitai_before_attention(
    const Block *b, const bfloat16 *x, const bfloat16 *cosine, const bfloat16 *sine, bfloat16 *q,
    bfloat16 *k, bfloat16 *v, int64_t count, int threads) {
    int64_t wide = b->q.rows, narrow = b->k.rows;
    float *shared = leitai_scratch(0, (size_t)(count * (wide + 2 * narrow)) * 4);
    float *queries = shared, *keys = queries + count * wide, *values = keys + count * narrow;
#pragma omp parallel num_threads(threads)
    {
        const int team = omp_get_num_threads();
        int thread = omp_get_thread_num();
        float *own = leitai_scratch(1, (size_t)(count * b->hidden) * 4);
        for (int64_t i = 0; i < count * b->hidden; i++) own[i] = bf16_to_float(x[i]);
        normalise(own, b->input_norm, own, count, b->hidden, b->eps);
        Vectors in = leitai_vectors(own, count, b->hidden, b->q.kind, 2);
        leitai_matvec_share(&b->q, &in, queries, thread, team);
        leitai_matvec_share(&b->k, &in, keys, thread, team);
        leitai_matvec_share(&b->v, &in, values, thread, team);
#pragma omp barrier
        finish_heads(queries, b->q_norm, cosine, sine, q, count, wide / b->head_dim, b, thread, team);
        finish_heads(keys, b->k_norm, cosine, sine, k, count, narrow / b->head_dim, b, thread, team);
        int64_t n = count * narrow;
        for (int64_t i = n * thread / team; i < n * (thread + 1) / team; i++)
            v[i] = float_to_bf16(values[i]);
    }
}

/* Output projection, residual, norm, gated feed-forward, residual. x: [count, hidden], the block's
 * input; heads: [count, q.rows], attention's result; y: [count, hidden]. */
void leitai_after_attention(
    const Block *b, const bfloat16 *x, const bfloat16 *heads, bfloat16 *y, int64_t count,
    int threads) {
    int64_t hidden = b->hidden, wide = b->q.rows, inner = b->gate.rows;
    float *shared = leitai_scratch(0, (size_t)(count * (2 * hidden + 2 * inner)) * 4);
    float *stream = shared, *last = stream + count * hidden, *gate = last + count * hidden;
    float *up = gate + count * inner;
#pragma omp parallel num_threads(threads)
    {
        const int team = omp_get_num_threads();
        int thread = omp_get_thread_num();
        int64_t from, to, most = wide > hidden ? wide : hidden;
        float *own = leitai_scratch(1, (size_t)(count * most) * 4);
        for (int64_t i = 0; i < count * wide; i++) own[i] = bf16_to_float(heads[i]);
        Vectors in = leitai_vectors(own, count, wide, b->o.kind, 2);
        leitai_matvec_share(&b->o, &in, stream, thread, team);
        share_of(&b->o, thread, team, &from, &to);
        for (int64_t m = 0; m < count; m++)
            for (int64_t i = m * hidden + from; i < m * hidden + to; i++)
                stream[i] += bf16_to_float(x[i]);
#pragma omp barrier
        normalise(stream, b->post_norm, own, count, hidden, b->eps);
        in = leitai_vectors(own, count, hidden, b->gate.kind, 2);
        leitai_matvec_share(&b->gate, &in, gate, thread, team);
        leitai_matvec_share(&b->up, &in, up, thread, team);
        share_of(&b->gate, thread, team, &from, &to);
        for (int64_t m = 0; m < count; m++) {
            float *a = gate + m * inner, *c = up + m * inner;
#pragma omp simd
            for (int64_t i = from; i < to; i++) a[i] = a[i] * sigmoid(a[i]) * c[i];
        }
#pragma omp barrier
        in = leitai_vectors(gate, count, inner, b->down.kind, 2);
        leitai_matvec_share(&b->down, &in, last, thread, team);
        share_of(&b->down, thread, team, &from, &to);
        for (int64_t m = 0; m < count; m++)
            for (int64_t i = m * hidden + from; i < m * hidden + to; i++)
                y[i] = float_to_bf16(stream[i] + last[i]);
    }
}
