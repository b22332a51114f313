// Products of 8-bit integers: each row of activations and each column of the matrix has a scale of its own, sums are exact
// 32-bit integers, so every instruction set gives the same sums. Included after bfloat16.inc.h.

// Rows quantised at once: they stay in the second-level cache.
enum { int8_rows = 24 };

// x[i] ≈ scale (q[i] - 128), q in 1...255, four to a word; returns the scale. The depth is filled up with 128, zero's q.
// A row with a NaN or an infinity has a scale that is no number, and so is its result.
static float quantize_row(const float *x, int64_t n, uint32_t *words) {
    vf highest = splat(0), poison = splat(0);
    FOR_VECTORS(
        n,
        {
            vf v = load(x + i);
            poison += v * 0.0f;
            highest = max_vf(max_vf(v, -v), highest);
        },
        {
            vf v = load_part(x + i, rest);
            poison += v * 0.0f;
            highest = max_vf(max_vf(v, -v), highest);
        })
    float top = max_lanes(highest);
    float factor = top > 0 ? 127.0f / top : 0;
    float bad = sum_lanes(poison);
    uint8_t *q = (uint8_t *)words;
    memset(q, 128, (size_t)(n + 3) / 4 * 4);
    if (bad != bad) return bad;
    for (int64_t j = 0; j < n; j++) {
        // Two statements: fused into one rounding, halves would fall differently on some machines.
        float scaled = x[j] * factor;
        q[j] = (uint8_t)(int32_t)(scaled + 128.5f);
    }
    return top / 127.0f;
}

static inline __attribute__((always_inline)) void int8_tile(const int rows, const int vectors,
                                                            const uint32_t *const *a, const uint32_t *panel,
                                                            int64_t quads, float *const *c, int accumulate) {
    (void)accumulate;
    vi acc[MR][NV];
    // Behind the values: what the activations' offset adds to each column, taken off beforehand.
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = *(const vi *)(panel + quads * NR + j * VL);
    for (int64_t x = 0; x < quads; x++, panel += NR) {
        vi b[NV];
        UNROLL for (int j = 0; j < vectors; j++) b[j] = *(const vi *)(panel + j * VL);
        UNROLL for (int i = 0; i < rows; i++) {
#if defined(HAS_VNNI)
            vi s = (int32_t)a[i][x] - (vi){};
            UNROLL for (int j = 0; j < vectors; j++)
                acc[i][j] = (vi)_mm512_dpbusd_epi32((__m512i)acc[i][j], (__m512i)s, (__m512i)b[j]);
#else
            UNROLL for (int t = 0; t < 4; t++) {
                int32_t s = (int32_t)(a[i][x] >> 8 * t & 255);
                UNROLL for (int j = 0; j < vectors; j++) acc[i][j] += (b[j] << (24 - 8 * t) >> 24) * s;
            }
#endif
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++) store(c[i] + j * VL, __builtin_convertvector(acc[i][j], vf));
}
TILES(run_int8_tile, int8_tile, uint32_t, uint32_t)

static void gemm_int8(const float *a, int64_t lda, const uint32_t *packed, int64_t k, int64_t n, float *c, int64_t ldc,
                      int64_t m0, int64_t m1, int64_t p0, int64_t p1, const rk_epilogue *e) {
    int64_t quads = (k + 3) / 4, panel_words = (quads + 2) * NR;
    // On the stack: fewer rows when they are long.
    int64_t block = k > 4096 ? int8_rows / 2 : int8_rows;
    uint32_t words[block * quads];
    float scales[int8_rows];
    for (int64_t mb = m0; mb < m1; mb += block) {
        int64_t me = mb + block < m1 ? mb + block : m1;
        for (int64_t m = mb; m < me; m++) scales[m - mb] = quantize_row(a + m * lda, k, words + (m - mb) * quads);
        for (int64_t p = p0; p < p1; p++) {
            int64_t width = n - p * NR < NR ? n - p * NR : NR, vectors = (width + VL - 1) / VL;
            const uint32_t *panel = packed + p * panel_words;
            const float *columns = (const float *)panel + (quads + 1) * NR;
            for (int64_t m = mb; m < me; m += MR) {
                int64_t rows = me - m < MR ? me - m : MR;
                const uint32_t *ar[MR];
                float *cr[MR], local[MR * NR];
                for (int64_t i = 0; i < rows; i++) {
                    ar[i] = words + (m - mb + i) * quads;
                    cr[i] = local + i * NR;
                }
                run_int8_tile(rows, vectors, ar, panel, quads, cr, 0);
                for (int64_t i = 0; i < rows; i++) {
                    float *target = c + (m + i) * ldc + p * NR, scale = scales[m - mb + i];
                    finish_row(cr[i], scale, columns, target, width, e->bias ? e->bias + p * NR : 0,
                               e->residual ? e->residual + (m + i) * e->residual_stride + p * NR : 0, e->activation);
                }
            }
        }
    }
}
