// Products of bfloat16 values summed in float32. Included after rowwise.inc.h.
//
// A row of activations is rounded to bfloat16, two values to a 32-bit word, and so is the packed matrix. With HAS_VDPBF16
// the processor multiplies pairs (vdpbf16ps); otherwise a pair is two float32 products of the same rounded values.

// Depth of a block, and its rows: as rounded values they stay in the second-level cache.
enum { bfloat16_depth = 768, bfloat16_rows = 96 };

// The nearest even bfloat16 in the upper half; below it, anything. A NaN stays a NaN.
static inline uint32_t rounded_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return x != x ? bits | 0x400000 : bits + 0x7fff + ((bits >> 16) & 1);
}

static inline uint32_t bfloat16_pair(float first, float second) {
    return rounded_bits(first) >> 16 | (rounded_bits(second) & 0xffff0000u);
}

// n values to words of two; an odd one out is paired with zero.
static void to_bfloat16(const float *x, int64_t n, uint32_t *words) {
    int64_t i = 0;
#if defined(HAS_VDPBF16)
    for (; i + 32 <= n; i += 32)
        _mm512_storeu_si512(words + i / 2, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i)));
#endif
    for (; i < n; i += 2) words[i / 2] = bfloat16_pair(x[i], i + 1 < n ? x[i + 1] : 0);
}

// One panel of `columns` columns: the words of one pair of rows, then those of the next.
static void pack_bfloat16(const float *b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t columns,
                          uint32_t *panel) {
    const float zeros[NR] = {0};
    for (int64_t i = 0; i < k; i += 2, panel += NR) {
        const float *first = b + i * k_stride, *second = i + 1 < k ? first + k_stride : zeros;
        if (n_stride == 1) {
            for (int64_t j = 0; j < columns; j++) panel[j] = bfloat16_pair(first[j], second[j]);
        } else {
            int64_t next = i + 1 < k ? n_stride : 0;
            for (int64_t j = 0; j < columns; j++) panel[j] = bfloat16_pair(first[j * n_stride], second[j * next]);
        }
        memset(panel + columns, 0, (size_t)(NR - columns) * 4);
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

// Rows of words times one block of depth of panels [p0, p1). c[i] and residual[i] are where row i's results and residual lie.
static void bfloat16_block(const uint32_t *words, int64_t half, int64_t count, const uint32_t *packed,
                           int64_t panel_words, int64_t n, float *const *c, const float *const *residual, int64_t p0,
                           int64_t p1, int accumulate, int last, const rk_epilogue *e) {
    for (int64_t p = p0; p < p1; p++) {
        int64_t width = n - p * NR < NR ? n - p * NR : NR, vectors = (width + VL - 1) / VL;
        // Last sums go through a local tile: an epilogue that waited for c's lines would hold up the next tile.
        int local_sums = last || width % VL != 0;
        for (int64_t m = 0; m < count; m += MR) {
            int64_t rows = count - m < MR ? count - m : MR;
            const uint32_t *ar[MR];
            float *cr[MR], local[MR * NR];
            for (int64_t i = 0; i < rows; i++) {
                ar[i] = words + (m + i) * half;
                cr[i] = local_sums ? local + i * NR : c[m + i] + p * NR;
                if (local_sums && accumulate) memcpy(cr[i], c[m + i] + p * NR, (size_t)width * 4);
            }
            run_bfloat16_tile(rows, vectors, ar, packed + p * panel_words, half, cr, accumulate);
            for (int64_t i = 0; i < rows && local_sums; i++) {
                float *target = c[m + i] + p * NR;
                if (last)
                    finish_row(cr[i], 1, 0, target, width, e->bias ? e->bias + p * NR : 0,
                               e->residual ? residual[m + i] + p * NR : 0, e->activation);
                else
                    memcpy(target, cr[i], (size_t)width * 4);
            }
        }
    }
}

static void gemm_bfloat16(const float *a, int64_t lda, const uint32_t *packed, int64_t k, int64_t n, float *c,
                          int64_t ldc, int64_t m0, int64_t m1, int64_t p0, int64_t p1, const rk_epilogue *e) {
    uint32_t words[bfloat16_rows * bfloat16_depth / 2];
    float *targets[bfloat16_rows];
    const float *residuals[bfloat16_rows];
    int64_t pairs = (k + 1) / 2;
    for (int64_t mb = m0; mb < m1; mb += bfloat16_rows) {
        int64_t rows = m1 - mb < bfloat16_rows ? m1 - mb : bfloat16_rows;
        for (int64_t i = 0; i < rows; i++) {
            targets[i] = c + (mb + i) * ldc;
            residuals[i] = e->residual ? e->residual + (mb + i) * e->residual_stride : 0;
        }
        for (int64_t kb = 0; kb < k; kb += bfloat16_depth) {
            int64_t depth = k - kb < bfloat16_depth ? k - kb : bfloat16_depth, half = (depth + 1) / 2;
            for (int64_t i = 0; i < rows; i++) to_bfloat16(a + (mb + i) * lda + kb, depth, words + i * half);
            bfloat16_block(words, half, rows, packed + kb / 2 * NR, pairs * NR, n, targets, residuals, p0, p1, kb > 0,
                           kb + depth == k, e);
        }
    }
}

// `gemm_indirect` over matrices of bfloat16, one after the other.
static void gemm_indirect_bfloat16(const float *base, const int64_t *row_offsets, int64_t row_count,
                                   const float *zeros, int64_t taps, const int32_t *tap_index, const uint32_t *packed,
                                   int64_t k, int64_t n, float *c, const int64_t *c_offsets, int64_t m0, int64_t m1,
                                   int64_t p0, int64_t p1, const rk_epilogue *e) {
    uint32_t words[bfloat16_rows * bfloat16_depth / 2];
    float *targets[bfloat16_rows];
    const float *residuals[bfloat16_rows];
    int64_t pairs = (k + 1) / 2, matrix = rk_packed_words(RK_BFLOAT16, k, n);
    for (int64_t mb = m0; mb < m1; mb += bfloat16_rows) {
        int64_t rows = m1 - mb < bfloat16_rows ? m1 - mb : bfloat16_rows;
        for (int64_t i = 0; i < rows; i++) {
            targets[i] = c + c_offsets[mb + i];
            residuals[i] = e->residual ? e->residual + c_offsets[mb + i] : 0;
        }
        for (int64_t t = 0; t < taps; t++) {
            for (int64_t kb = 0; kb < k; kb += bfloat16_depth) {
                int64_t depth = k - kb < bfloat16_depth ? k - kb : bfloat16_depth, half = (depth + 1) / 2;
                for (int64_t i = 0; i < rows; i++) {
                    int64_t offset = row_offsets[t * row_count + mb + i];
                    to_bfloat16((offset < 0 ? zeros : base + offset) + kb, depth, words + i * half);
                }
                bfloat16_block(words, half, rows, packed + tap_index[t] * matrix + kb / 2 * NR, pairs * NR, n, targets,
                               residuals, p0, p1, t + kb > 0, t == taps - 1 && kb + depth == k, e);
            }
        }
    }
}
