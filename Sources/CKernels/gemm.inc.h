// Products: tiles of MR rows by NV vectors, depth in blocks. Included once per instruction set with VL (floats per
// vector) and NV (vectors per panel) set.
#include <math.h>
#include <string.h>
#include "kernel_table.h"

#pragma STDC FP_CONTRACT ON

typedef float vf __attribute__((vector_size(VL * 4), aligned(4)));
typedef int32_t vi __attribute__((vector_size(VL * 4), aligned(4)));

#define MR 6
#define NR (VL * NV)
// Depth of a block: MR rows and one panel of this depth stay in the first-level cache, or close to it.
#define KC 256
// Rows whose block of depth stays in the second-level cache while panels pass by.
#define MC 96

#define UNROLL _Pragma("clang loop unroll(full)")

static inline vf load(const float *p) { return *(const vf *)p; }
static inline void store(float *p, vf v) { *(vf *)p = v; }
// Subtracting zero changes no value, -0 included, so it compiles to a bare broadcast; adding zero would not.
static inline vf splat(float x) { return x - (vf){}; }

static void apply_epilogue(float *c, int64_t count, const float *bias, const float *residual, int32_t activation);

// One tile: c[r] (+)= sum over k of a[r][k] * panel[k]. The order of additions is k within a block of depth, then block by
// block, whatever the tile: rounding grows with the blocks, not with the whole depth. `rows` and `vectors` are constants
// where this is inlined, so that the sums stay in registers.
static inline __attribute__((always_inline)) void tile(const int rows, const int vectors, const float *const *a,
                                                       const float *panel, int64_t k, float *const *c,
                                                       int accumulate) {
    vf acc[MR][NV];
    const float *r[MR];
    UNROLL for (int i = 0; i < rows; i++) {
        r[i] = a[i];
        UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = splat(0);
    }
    _Pragma("clang loop unroll_count(2)") for (int64_t x = 0; x < k; x++, panel += NR) {
        vf b[NV];
        UNROLL for (int j = 0; j < vectors; j++) b[j] = load(panel + j * VL);
        UNROLL for (int i = 0; i < rows; i++) {
            vf s = splat(r[i][x]);
            UNROLL for (int j = 0; j < vectors; j++) acc[i][j] += s * b[j];
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < vectors; j++)
            store(c[i] + j * VL, accumulate ? load(c[i] + j * VL) + acc[i][j] : acc[i][j]);
}

// Calls KERNEL(rows, vectors, ...) with both as constants; NAME is the function that does.
#define TILES(NAME, KERNEL, A, PANEL)                                                                              \
    static __attribute__((noinline)) void NAME(int64_t rows, int64_t vectors, const A *const *a, const PANEL *panel, \
                                               int64_t k, float *const *c, int accumulate) {                       \
        switch ((rows - 1) * 4 + vectors - 1) { ROWS_OF(KERNEL, 1) ROWS_OF(KERNEL, 2) ROWS_OF(KERNEL, 3)           \
            ROWS_OF(KERNEL, 4) ROWS_OF(KERNEL, 5) ROWS_OF(KERNEL, 6) }                                             \
    }
#define ROWS_OF(KERNEL, R) ONE_TILE(KERNEL, R, 1) ONE_TILE(KERNEL, R, 2) MORE_VECTORS(KERNEL, R)
#define ONE_TILE(KERNEL, R, V) case (R - 1) * 4 + V - 1: KERNEL(R, V, a, panel, k, c, accumulate); break;
#if NV > 2
#define MORE_VECTORS(KERNEL, R) ONE_TILE(KERNEL, R, 3) ONE_TILE(KERNEL, R, 4)
#else
#define MORE_VECTORS(KERNEL, R)
#endif
TILES(run_tile, tile, float, float)

// A tile of `width` columns. The last vector, when it is not whole, goes through a local tile.
static inline void edge_tile(int64_t rows, const float *const *a, const float *panel, int64_t k, float *const *c,
                             int64_t width, int accumulate) {
    int64_t vectors = (width + VL - 1) / VL;
    if (width % VL == 0) {
        run_tile(rows, vectors, a, panel, k, c, accumulate);
        return;
    }
    float local[MR * NR];
    float *row[MR];
    for (int64_t i = 0; i < rows; i++) {
        row[i] = local + i * NR;
        if (accumulate) {
            memcpy(row[i], c[i], (size_t)width * 4);
            memset(row[i] + width, 0, (size_t)(NR - width) * 4);
        }
    }
    run_tile(rows, vectors, a, panel, k, row, accumulate);
    for (int64_t i = 0; i < rows; i++) memcpy(c[i], row[i], (size_t)width * 4);
}

static void gemm(const float *a, int64_t lda, const float *packed, int64_t k, int64_t n, float *c, int64_t ldc,
                 int64_t m0, int64_t m1, int64_t p0, int64_t p1, const rk_epilogue *e) {
    int64_t block = k > 1536 ? MC / 2 : MC;
    for (int64_t mb = m0; mb < m1; mb += block) {
        int64_t me = mb + block < m1 ? mb + block : m1;
        for (int64_t p = p0; p < p1; p++) {
            int64_t width = n - p * NR;
            if (width > NR) width = NR;
            for (int64_t kb = 0; kb == 0 || kb < k; kb += KC) {
                int64_t depth = k - kb < KC ? k - kb : KC;
                int last = kb + depth == k;
                const float *panel = packed + p * NR * k + kb * NR;
                for (int64_t m = mb; m < me; m += MR) {
                    int64_t rows = me - m < MR ? me - m : MR;
                    const float *ar[MR];
                    float *cr[MR];
                    // As vectors these multiplications would take longer.
                    _Pragma("clang loop vectorize(disable)") for (int64_t i = 0; i < rows; i++) {
                        ar[i] = a + (m + i) * lda + kb;
                        cr[i] = c + (m + i) * ldc + p * NR;
                    }
                    edge_tile(rows, ar, panel, depth, cr, width, kb > 0);
                    if (!last) continue;
                    for (int64_t i = 0; i < rows; i++)
                        apply_epilogue(cr[i], width, e->bias ? e->bias + p * NR : 0,
                                       e->residual ? e->residual + (m + i) * e->residual_stride + p * NR : 0,
                                       e->activation);
                }
            }
        }
    }
}

static void gemm_indirect(const float *base, const int64_t *row_offsets, int64_t row_count, const float *zeros,
                          int64_t taps, const int32_t *tap_index, const float *packed, int64_t k, int64_t n, float *c,
                          const int64_t *c_offsets, int64_t m0, int64_t m1, int64_t p0, int64_t p1,
                          const rk_epilogue *e) {
    int64_t matrix = rk_packed_count(k, n);
    for (int64_t mb = m0; mb < m1; mb += MC) {
        int64_t me = mb + MC < m1 ? mb + MC : m1;
        for (int64_t t = 0; t < taps; t++) {
            for (int64_t kb = 0; kb == 0 || kb < k; kb += KC) {
                int64_t depth = k - kb < KC ? k - kb : KC;
                int first = t == 0 && kb == 0, last = t == taps - 1 && kb + depth == k;
                for (int64_t p = p0; p < p1; p++) {
                    const float *panel = packed + tap_index[t] * matrix + p * NR * k + kb * NR;
                    int64_t width = n - p * NR;
                    if (width > NR) width = NR;
                    for (int64_t m = mb; m < me; m += MR) {
                        int64_t rows = me - m < MR ? me - m : MR;
                        const float *ar[MR];
                        float *cr[MR];
                        for (int64_t i = 0; i < rows; i++) {
                            int64_t offset = row_offsets[t * row_count + m + i];
                            ar[i] = (offset < 0 ? zeros : base + offset) + kb;
                            cr[i] = c + c_offsets[m + i] + p * NR;
                        }
                        edge_tile(rows, ar, panel, depth, cr, width, !first);
                        if (!last) continue;
                        for (int64_t i = 0; i < rows; i++)
                            apply_epilogue(cr[i], width, e->bias ? e->bias + p * NR : 0,
                                           e->residual ? e->residual + c_offsets[m + i] + p * NR : 0, e->activation);
                    }
                }
            }
        }
    }
}
