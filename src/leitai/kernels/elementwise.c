/* Elementwise kernels of the decoder, forward and backward, for float and bfloat16. */

#include <omp.h>

#include "numbers.h"

#define REAL float
#define LOAD(value) (value)
#define STORE(value) (value)
#define NAME(stem) leitai_##stem##_f32
#include "elementwise.h"
#undef REAL
#undef LOAD
#undef STORE
#undef NAME

#define REAL bfloat16
#define LOAD bf16_to_float
#define STORE float_to_bf16
#define NAME(stem) leitai_##stem##_bf16
#include "elementwise.h"
