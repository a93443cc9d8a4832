/* Bodies for one number format. The includer defines REAL (the stored type), LOAD and STORE (to
 * and from float) and NAME(stem). Arithmetic is in float; ROUND is what storing and loading does. */

#define ROUND(value) LOAD(STORE(value))

/* y = weight * round(x / rms(x)); scale keeps 1 / rms(x) of each row for the backward pass. */
void NAME(rms_norm)(
    const REAL *restrict x, const REAL *restrict weight, REAL *restrict y, float *restrict scale,
    int64_t rows, int64_t size, float eps, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const REAL *in = x + row * size;
        REAL *out = y + row * size;
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < size; i++) {
            float value = LOAD(in[i]);
            sum += value * value;
        }
        float factor = 1.0f / sqrtf(sum / (float)size + eps);
        scale[row] = factor;
#pragma omp simd
        for (int64_t i = 0; i < size; i++)
            out[i] = STORE(LOAD(weight[i]) * ROUND(LOAD(in[i]) * factor));
    }
}

/* With n = x * scale and d = g * weight: dx = scale * (d - n * mean(d * n)), dweight = sum of g * n
 * over rows. `partial` holds one zeroed row of dweight a thread, or is null when not wanted. */
void NAME(rms_norm_backward)(
    const REAL *restrict g, const REAL *restrict x, const REAL *restrict weight,
    const float *restrict scale, REAL *restrict dx, float *restrict partial,
    int64_t rows, int64_t size, int threads) {
#pragma omp parallel num_threads(threads)
    {
        float *own = partial ? partial + omp_get_thread_num() * size : 0;
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows; row++) {
            const REAL *gradient = g + row * size, *in = x + row * size;
            REAL *out = dx + row * size;
            float factor = scale[row], dot = 0.0f;
#pragma omp simd reduction(+ : dot)
            for (int64_t i = 0; i < size; i++)
                dot += LOAD(gradient[i]) * LOAD(weight[i]) * LOAD(in[i]);
            float shrink = dot * factor * factor / (float)size;
#pragma omp simd
            for (int64_t i = 0; i < size; i++)
                out[i] = STORE(
                    factor * (LOAD(gradient[i]) * LOAD(weight[i]) - LOAD(in[i]) * shrink));
            if (own) {
#pragma omp simd
                for (int64_t i = 0; i < size; i++)
                    own[i] += LOAD(gradient[i]) * ROUND(LOAD(in[i]) * factor);
            }
        }
    }
}

/* y = round(silu(gate)) * up; rows of gate and up start gate_step and up_step elements apart. */
void NAME(silu_mul)(
    const REAL *restrict gate, const REAL *restrict up, REAL *restrict y,
    int64_t rows, int64_t size, int64_t gate_step, int64_t up_step, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const REAL *a = gate + row * gate_step, *b = up + row * up_step;
        REAL *out = y + row * size;
#pragma omp simd
        for (int64_t i = 0; i < size; i++) {
            float value = LOAD(a[i]);
            out[i] = STORE(ROUND(value * sigmoid(value)) * LOAD(b[i]));
        }
    }
}

void NAME(silu_mul_backward)(
    const REAL *restrict g, const REAL *restrict gate, const REAL *restrict up,
    REAL *restrict dgate, REAL *restrict dup,
    int64_t rows, int64_t size, int64_t gate_step, int64_t up_step, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const REAL *a = gate + row * gate_step, *b = up + row * up_step, *c = g + row * size;
        REAL *da = dgate + row * size, *db = dup + row * size;
#pragma omp simd
        for (int64_t i = 0; i < size; i++) {
            float value = LOAD(a[i]), gradient = LOAD(c[i]), s = sigmoid(value);
            da[i] = STORE(gradient * LOAD(b[i]) * s * (1.0f + value * (1.0f - s)));
            db[i] = STORE(gradient * value * s);
        }
    }
}

/* Rotate pairs (i, i + half) of [batch, heads, steps, 2 * half]; `back` is the transpose, that is
 * the backward pass. Steps between elements are given per dimension; the last is dense. */
void NAME(rotate)(
    const REAL *restrict x, const REAL *restrict cosine, const REAL *restrict sine,
    REAL *restrict y, int64_t batch, int64_t heads, int64_t steps, int64_t half,
    const int64_t *x_step, const int64_t *y_step, const int64_t *cos_step,
    const int64_t *sin_step, int back, int threads) {
#pragma omp parallel for num_threads(threads) collapse(3) schedule(static)
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t < steps; t++)
            for (int64_t h = 0; h < heads; h++) {
                const REAL *in = x + b * x_step[0] + h * x_step[1] + t * x_step[2];
                REAL *out = y + b * y_step[0] + h * y_step[1] + t * y_step[2];
                const REAL *c = cosine + b * cos_step[0] + t * cos_step[1];
                const REAL *s = sine + b * sin_step[0] + t * sin_step[1];
                const REAL *first = back ? s + half : s, *second = back ? s : s + half;
                float sign = back ? -1.0f : 1.0f;
#pragma omp simd
                for (int64_t i = 0; i < half; i++) {
                    float p = LOAD(in[i]), q = LOAD(in[i + half]);
                    out[i] = STORE(ROUND(p * LOAD(c[i])) - sign * ROUND(q * LOAD(first[i])));
                    out[i + half] = STORE(
                        ROUND(q * LOAD(c[i + half])) + sign * ROUND(p * LOAD(second[i])));
                }
            }
}

#undef ROUND
