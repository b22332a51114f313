#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_table.h"

static const rk_table *chosen_at_start;
// What RAHF_ISA named when that could not be had; empty otherwise.
static char refused[64];
// What a test forced for its own thread: other tests run beside it with weights packed for the usual set.
static _Thread_local const rk_table *forced;

static const rk_table *find(const char *name) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    int low = avx512 && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
    if (low && (!name || !strcmp(name, "avx512bf16"))) return &rk_avx512bf16_table;
    if (avx512 && (!name || !strcmp(name, "avx512"))) return &rk_avx512_table;
    if (avx2 && (!name || !strcmp(name, "avx2"))) return &rk_avx2_table;
#endif
    if (!name || !strcmp(name, "portable")) return &rk_portable_table;
    return 0;
}

// Chosen before main, so that threads only ever read it.
__attribute__((constructor)) static void choose(void) {
    const char *wanted = getenv("RAHF_ISA");
    chosen_at_start = find(wanted && *wanted ? wanted : 0);
    if (chosen_at_start) return;
    // There is nobody to tell before main: the engine's owner asks.
    strncpy(refused, wanted, sizeof refused - 1);
    chosen_at_start = find(0);
}

static inline const rk_table *table(void) { return forced ? forced : chosen_at_start; }

const char *rk_instruction_set(void) { return table()->name; }

const char *rk_refused_instruction_set(void) { return *refused ? refused : 0; }

int rk_has_instruction_set(const char *name) { return find(name) != 0; }

int rk_force_instruction_set(const char *name) {
    if (!name) {
        forced = 0;
        return 1;
    }
    const rk_table *found = find(name);
    if (found) forced = found;
    return found != 0;
}

int64_t rk_panel_width(void) { return table()->panel_width; }

int64_t rk_packed_count(int64_t k, int64_t n) {
    int64_t width = table()->panel_width;
    return (n + width - 1) / width * width * k;
}

typedef float four __attribute__((vector_size(16), aligned(4)));

// A 4 x 4 block of the matrix whose columns lie `stride` apart, to rows `width` apart.
static inline void pack_block(const float *columns, int64_t stride, float *rows, int64_t width) {
    four a = *(const four *)columns, b = *(const four *)(columns + stride);
    four c = *(const four *)(columns + 2 * stride), d = *(const four *)(columns + 3 * stride);
    four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    *(four *)rows = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four *)(rows + width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    ab = __builtin_shufflevector(a, b, 2, 6, 3, 7), cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four *)(rows + 2 * width) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four *)(rows + 3 * width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

void rk_pack(const float *b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, float *packed, int64_t p0,
             int64_t p1) {
    int64_t width = table()->panel_width;
    for (int64_t p = p0; p < p1; p++) {
        int64_t columns = n - p * width < width ? n - p * width : width;
        float *panel = packed + p * width * k;
        const float *source = b + p * width * n_stride;
        if (n_stride == 1) {
            for (int64_t i = 0; i < k; i++, panel += width) {
                memcpy(panel, source + i * k_stride, (size_t)columns * 4);
                memset(panel + columns, 0, (size_t)(width - columns) * 4);
            }
            continue;
        }
        // Blocks of 16 rows: each column's cache line is read once.
        for (int64_t i0 = 0; i0 < k; i0 += 16) {
            int64_t i1 = i0 + 16 < k ? i0 + 16 : k, j = 0;
            if (k_stride == 1 && i1 - i0 == 16)
                for (; j + 4 <= columns; j += 4)
                    for (int64_t i = i0; i < i1; i += 4)
                        pack_block(source + i + j * n_stride, n_stride, panel + i * width + j, width);
            for (; j < width; j++)
                for (int64_t i = i0; i < i1; i++)
                    panel[i * width + j] = j < columns ? source[i * k_stride + j * n_stride] : 0.0f;
        }
    }
}

void rk_gemm(const float *a, int64_t lda, const float *packed, int64_t k, int64_t n, float *c, int64_t ldc, int64_t m0,
             int64_t m1, int64_t p0, int64_t p1, const rk_epilogue *epilogue) {
    table()->gemm(a, lda, packed, k, n, c, ldc, m0, m1, p0, p1, epilogue);
}

int rk_has_low_precision(void) { return table()->low_precision; }

int64_t rk_packed_words(int32_t precision, int64_t k, int64_t n) {
    int64_t width = table()->panel_width, panels = (n + width - 1) / width;
    switch (precision) {
    case RK_BFLOAT16: return panels * width * ((k + 1) / 2);
    case RK_INT8: return panels * width * ((k + 3) / 4 + 2);
    default: return panels * width * k;
    }
}

// Four values to a word, then per column -128 times their sum, then the scales.
static void pack_int8(const float *b, int64_t k_stride, int64_t k, int64_t n_stride, int64_t columns, int64_t width,
                      uint32_t *panel) {
    int64_t quads = (k + 3) / 4;
    for (int64_t j = 0; j < width; j++) {
        float top = 0;
        for (int64_t i = 0; i < k && j < columns; i++) top = fmaxf(top, fabsf(b[i * k_stride + j * n_stride]));
        float factor = top > 0 ? 127.0f / top : 0;
        int32_t sum = 0;
        for (int64_t x = 0; x < quads; x++) {
            uint32_t word = 0;
            for (int64_t i = 4 * x; i < 4 * x + 4 && i < k && j < columns; i++) {
                int32_t q = (int32_t)lrintf(b[i * k_stride + j * n_stride] * factor);
                sum += q;
                word |= (uint32_t)(q & 255) << 8 * (i - 4 * x);
            }
            panel[x * width + j] = word;
        }
        panel[quads * width + j] = (uint32_t)(-128 * sum);
        float scale = top / 127.0f;
        memcpy(panel + (quads + 1) * width + j, &scale, 4);
    }
}

void rk_pack_as(int32_t precision, const float *b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n,
                float *packed, int64_t p0, int64_t p1) {
    if (precision == RK_FLOAT32) {
        rk_pack(b, k_stride, n_stride, k, n, packed, p0, p1);
        return;
    }
    int64_t width = table()->panel_width, words = rk_packed_words(precision, k, width);
    for (int64_t p = p0; p < p1; p++) {
        int64_t columns = n - p * width < width ? n - p * width : width;
        const float *source = b + p * width * n_stride;
        uint32_t *panel = (uint32_t *)packed + p * words;
        if (precision == RK_BFLOAT16) table()->pack_bfloat16(source, k_stride, n_stride, k, columns, panel);
        else pack_int8(source, k_stride, k, n_stride, columns, width, panel);
    }
}

void rk_gemm_as(int32_t precision, const float *a, int64_t lda, const float *packed, int64_t k, int64_t n, float *c,
                int64_t ldc, int64_t m0, int64_t m1, int64_t p0, int64_t p1, const rk_epilogue *epilogue) {
    const uint32_t *words = (const uint32_t *)packed;
    switch (precision) {
    case RK_BFLOAT16:
        table()->gemm_bfloat16(a, lda, words, k, n, c, ldc, m0, m1, p0, p1, epilogue);
        break;
    case RK_INT8: table()->gemm_int8(a, lda, words, k, n, c, ldc, m0, m1, p0, p1, epilogue); break;
    default: table()->gemm(a, lda, packed, k, n, c, ldc, m0, m1, p0, p1, epilogue); break;
    }
}

void rk_gemm_indirect_as(int32_t precision, const float *base, const int64_t *row_offsets, int64_t row_count,
                         const float *zeros, int64_t taps, const int32_t *tap_index, const float *packed, int64_t k,
                         int64_t n, float *c, const int64_t *c_offsets, int64_t m0, int64_t m1, int64_t p0, int64_t p1,
                         const rk_epilogue *epilogue) {
    if (precision == RK_BFLOAT16)
        table()->gemm_indirect_bfloat16(base, row_offsets, row_count, zeros, taps, tap_index, (const uint32_t *)packed,
                                        k, n, c, c_offsets, m0, m1, p0, p1, epilogue);
    else
        table()->gemm_indirect(base, row_offsets, row_count, zeros, taps, tap_index, packed, k, n, c, c_offsets, m0, m1,
                               p0, p1, epilogue);
}

int64_t rk_winograd_packed_count(int64_t inputs, int64_t outputs) { return 36 * rk_packed_count(inputs, outputs); }

int64_t rk_winograd_tiles(const rk_winograd_map *map) {
    return (map->out_height + 3) / 4 * ((map->out_width + 3) / 4);
}

int64_t rk_winograd_scratch(const rk_winograd_map *map, int64_t tiles, int64_t panels) {
    return 36 * (tiles * (map->inputs + panels * rk_panel_width()) + 32);
}

void rk_winograd_pack(const float *w, int64_t input_stride, int64_t output_stride, int flipped, int64_t inputs,
                      int64_t outputs, float *packed, int64_t p0, int64_t p1) {
    table()->winograd_pack(w, input_stride, output_stride, flipped, inputs, outputs, packed, p0, p1);
}

void rk_winograd(const rk_winograd_map *map, const float *x, const float *zeros, const float *packed, float *out,
                 int64_t t0, int64_t t1, int64_t p0, int64_t p1, float *scratch, const rk_epilogue *epilogue) {
    table()->winograd(map, x, zeros, packed, out, t0, t1, p0, p1, scratch, epilogue);
}

// Query rows that share a pass over the keys: their scores stay in the second-level cache.
enum { attention_rows_per_block = 24 };

int64_t rk_attention_scratch(int64_t keys) { return attention_rows_per_block * keys; }

void rk_attention(const float *q, int64_t q_stride, const float *k_packed, const float *v_packed, int64_t keys,
                  int64_t d, float scale, const float *bias, int64_t bias_stride, float *out, int64_t out_stride,
                  int64_t q0, int64_t q1, float *scratch) {
    const rk_epilogue none = {0};
    int64_t width = table()->panel_width;
    for (int64_t row = q0; row < q1; row += attention_rows_per_block) {
        int64_t rows = q1 - row < attention_rows_per_block ? q1 - row : attention_rows_per_block;
        table()->gemm(q + row * q_stride, q_stride, k_packed, d, keys, scratch, keys, 0, rows, 0,
                     (keys + width - 1) / width, &none);
        table()->attention_rows(scratch, rows, keys, scale, bias ? bias + row * bias_stride : 0, bias_stride);
        table()->gemm(scratch, keys, v_packed, keys, d, out + row * out_stride, out_stride, 0, rows, 0,
                     (d + width - 1) / width, &none);
    }
}

void rk_softmax_rows(const float *x, float *y, int64_t rows, int64_t n, int64_t stride) {
    table()->softmax_rows(x, y, rows, n, stride);
}
void rk_softmax_grad_rows(const float *p, const float *dp, float *dx, int64_t rows, int64_t n, int64_t stride,
                          float scale) {
    table()->softmax_grad_rows(p, dp, dx, rows, n, stride, scale);
}
void rk_cross_entropy_rows(const float *x, const int32_t *classes, float *y, int64_t rows, int64_t n) {
    table()->cross_entropy_rows(x, classes, y, rows, n);
}
void rk_layer_norm(const float *x, float *y, int64_t rows, int64_t n, const float *gamma, const float *beta,
                   float eps) {
    table()->layer_norm(x, y, rows, n, gamma, beta, eps);
}
void rk_rms_norm(const float *x, float *y, int64_t rows, int64_t n, const float *gamma, float eps) {
    table()->rms_norm(x, y, rows, n, gamma, eps);
}
void rk_layer_norm_grad(const float *x, const float *dy, float *dx, int64_t rows, int64_t n, const float *gamma,
                        float eps) {
    table()->layer_norm_grad(x, dy, dx, rows, n, gamma, eps);
}
void rk_rms_norm_grad(const float *x, const float *dy, float *dx, int64_t rows, int64_t n, const float *gamma,
                      float eps) {
    table()->rms_norm_grad(x, dy, dx, rows, n, gamma, eps);
}
void rk_activate(const float *x, float *y, int64_t n, int32_t activation) { table()->activate(x, y, n, activation); }
void rk_activate_grad(const float *x, const float *dy, float *dx, int64_t n, int32_t activation) {
    table()->activate_grad(x, dy, dx, n, activation);
}
// Memory-bound: the compiler's baseline vectors are as fast as any.
void rk_add(const float *a, const float *b, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}
void rk_mul(const float *a, const float *b, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}
void rk_transpose(const float *x, int64_t rows, int64_t columns, float *y, int64_t stride) {
    // Blocks of 16 by 16: each cache line of either side is touched once.
    for (int64_t r0 = 0; r0 < rows; r0 += 16) {
        int64_t r1 = r0 + 16 < rows ? r0 + 16 : rows;
        for (int64_t c0 = 0; c0 < columns; c0 += 16) {
            int64_t c1 = c0 + 16 < columns ? c0 + 16 : columns;
            for (int64_t c = c0; c < c1; c++)
                for (int64_t r = r0; r < r1; r++) y[c * stride + r] = x[r * columns + c];
        }
    }
}
void rk_sum_rows(const float *x, int64_t rows, int64_t n, int64_t stride, float *y, int accumulate) {
    if (!accumulate) {
        if (rows == 0) return;
        memcpy(y, x, (size_t)n * 4);
        x += stride;
        rows--;
    }
    for (int64_t r = 0; r < rows; r++, x += stride)
        for (int64_t i = 0; i < n; i++) y[i] += x[i];
}
void rk_scale(const float *a, float s, float t, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = a[i] * s + t;
}

int rk_has_nonfinite(const float *x, int64_t n) {
    uint32_t found = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return (int)found;
}
