// Products of bfloat16 values summed in float32. Included after rowwise.inc.h.
//
// A row of activations is rounded to bfloat16, two values to a 32-bit word, and so is the packed matrix. With HAS_VDPBF16
// the processor multiplies pairs (vdpbf16ps); otherwise a pair is two float32 products of the same rounded values.

// Depth of a block, and its rows: as rounded values they stay in the second-level cache.
enum { bfloat16_depth = 768, bfloat16_rows = 96 };

// n values to words of two, the nearest even ones; an odd one out is paired with zero. A NaN stays a NaN.
static void to_bfloat16(const float *x, int64_t n, uint32_t *words) {
    int64_t i = 0;
#if defined(HAS_VDPBF16)
    for (; i + 32 <= n; i += 32)
        _mm512_storeu_si512(words + i / 2, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i)));
#endif
    for (; i < n; i += 2) {
        float pair[2] = {x[i], i + 1 < n ? x[i + 1] : 0};
        uint32_t bits[2];
        memcpy(bits, pair, 8);
        for (int j = 0; j < 2; j++)
            bits[j] = pair[j] != pair[j] ? bits[j] | 0x400000 : bits[j] + 0x7fff + ((bits[j] >> 16) & 1);
        words[i / 2] = bits[0] >> 16 | (bits[1] & 0xffff0000u);
    }
}

static inline __attribute__((always_inline)) void bfloat16_tile(const int rows, const int vectors,
                                                                const uint32_t *const *a, const uint32_t *panel,
                                                                int64_t pairs, float *const *c, int accumulate) {
    vf acc[MR][NV];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = splat(0);
    for (int64_t x = 0; x < pairs; x++, panel += NR) {
        vi b[NV];
        UNROLL for (int j = 0; j < vectors; j++) b[j] = *(const vi *)(panel + j * VL);
        UNROLL for (int i = 0; i < rows; i++) {
            vi s = (int32_t)a[i][x] - (vi){};
            UNROLL for (int j = 0; j < vectors; j++) {
#if defined(HAS_VDPBF16)
                acc[i][j] = (vf)_mm512_dpbf16_ps((__m512)acc[i][j], (__m512bh)s, (__m512bh)b[j]);
#else
                acc[i][j] += (vf)(s << 16) * (vf)(b[j] << 16);
                acc[i][j] += (vf)(s & -65536) * (vf)(b[j] & -65536);
#endif
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++)
            store(c[i] + j * VL, accumulate ? load(c[i] + j * VL) + acc[i][j] : acc[i][j]);
}
TILES(run_bfloat16_tile, bfloat16_tile, uint32_t, uint32_t)

static void gemm_bfloat16(const float *a, int64_t lda, const uint32_t *packed, int64_t k, int64_t n, float *c,
                          int64_t ldc, int64_t m0, int64_t m1, int64_t p0, int64_t p1, const rk_epilogue *e) {
    uint32_t words[bfloat16_rows * bfloat16_depth / 2];
    int64_t pairs = (k + 1) / 2;
    for (int64_t mb = m0; mb < m1; mb += bfloat16_rows) {
        int64_t me = mb + bfloat16_rows < m1 ? mb + bfloat16_rows : m1;
        for (int64_t kb = 0; kb < k; kb += bfloat16_depth) {
            int64_t depth = k - kb < bfloat16_depth ? k - kb : bfloat16_depth, half = (depth + 1) / 2;
            for (int64_t m = mb; m < me; m++) to_bfloat16(a + m * lda + kb, depth, words + (m - mb) * half);
            for (int64_t p = p0; p < p1; p++) {
                int64_t width = n - p * NR < NR ? n - p * NR : NR, vectors = (width + VL - 1) / VL;
                const uint32_t *panel = packed + (p * pairs + kb / 2) * NR;
                for (int64_t m = mb; m < me; m += MR) {
                    int64_t rows = me - m < MR ? me - m : MR;
                    const uint32_t *ar[MR];
                    float *cr[MR], local[MR * NR];
                    for (int64_t i = 0; i < rows; i++) {
                        ar[i] = words + (m - mb + i) * half;
                        cr[i] = width % VL ? local + i * NR : c + (m + i) * ldc + p * NR;
                        if (width % VL && kb) memcpy(cr[i], c + (m + i) * ldc + p * NR, (size_t)width * 4);
                    }
                    run_bfloat16_tile(rows, vectors, ar, panel, half, cr, kb > 0);
                    for (int64_t i = 0; i < rows; i++) {
                        float *target = c + (m + i) * ldc + p * NR;
                        if (width % VL) memcpy(target, cr[i], (size_t)width * 4);
                        if (kb + depth == k)
                            apply_epilogue(target, width, e->bias ? e->bias + p * NR : 0,
                                           e->residual ? e->residual + (m + i) * e->residual_stride + p * NR : 0,
                                           e->activation);
                    }
                }
            }
        }
    }
}
