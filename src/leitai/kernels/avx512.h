/* What AVX-512 does here, where the compiler may use it. */
#ifndef LEITAI_AVX512_H
#define LEITAI_AVX512_H

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#include <immintrin.h>
#define HAVE_VNNI 1
#endif
#if defined(HAVE_VNNI) && defined(__AVX512BF16__)
#define HAVE_BF16 1
#endif

#ifdef HAVE_VNNI
/* Turn 16 registers of 16 words over: to[j] gets word j of each. */
static inline __attribute__((always_inline)) void transpose(const __m512i *from, __m512i *to) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(from[i], from[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(from[i], from[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    for (int i = 0; i < 4; i++)
        for (int half = 0; half < 16; half += 8) {
            a[half + i] = _mm512_shuffle_i32x4(b[half + i], b[half + i + 4], 0x88);
            a[half + i + 4] = _mm512_shuffle_i32x4(b[half + i], b[half + i + 4], 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        to[i] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0x88);
        to[i + 8] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0xdd);
    }
}
#endif

#endif
