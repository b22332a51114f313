// 3 x 3 convolutions of stride 1 by Winograd's F(4x4, 3x3): a tile of 6 x 6 inputs gives 4 x 4 outputs with 36 products
// instead of 144. Included after rowwise.inc.h.
//
// Points 0, ±a, ±b and infinity with a² = 1/2, b² = 2: their error is a fifth of that of 0, ±1, ±2. The transforms
// follow from the points (Lavin and Gray 2016, section 4; Barabasz et al. 2020 on choosing points):
// weights W = G w Gᵀ, inputs V = Bᵀ d B, then per point a matrix product over channels, outputs Y = Aᵀ m A.

#define WINOGRAD_A 0.70710678118654752440
#define WINOGRAD_B 1.41421356237309504880
enum { winograd_points = 36 };

// One output panel's values at a tap or a point. The weights' transform is made in double precision, once.
typedef double winograd_row[NR];

// G w: three values to six.
static inline void winograd_weight(const winograd_row *w, int64_t w_stride, winograd_row *t, int64_t t_stride) {
    for (int j = 0; j < NR; j++) {
        double first = w[0][j], middle = w[w_stride][j] * WINOGRAD_B, last = w[2 * w_stride][j];
        t[0][j] = first;
        t[1 * t_stride][j] = (2 * first + middle + last) * (-1.0 / 3);
        t[2 * t_stride][j] = (2 * first - middle + last) * (-1.0 / 3);
        t[3 * t_stride][j] = (first + middle + 2 * last) * (1.0 / 6);
        t[4 * t_stride][j] = (first - middle + 2 * last) * (1.0 / 6);
        t[5 * t_stride][j] = last;
    }
}

static void winograd_pack(const float *w, int64_t input_stride, int64_t output_stride, int flipped, int64_t inputs,
                          int64_t outputs, float *packed, int64_t p0, int64_t p1) {
    int64_t matrix = rk_packed_count(inputs, outputs);
    for (int64_t p = p0; p < p1; p++) {
        for (int64_t i = 0; i < inputs; i++) {
            winograd_row taps[9] = {0}, half[18], whole[36];
            for (int64_t j = 0; j < NR && p * NR + j < outputs; j++) {
                const float *source = w + i * input_stride + (p * NR + j) * output_stride;
                for (int t = 0; t < 9; t++) taps[t][j] = source[flipped ? 8 - t : t];
            }
            for (int x = 0; x < 3; x++) winograd_weight(taps + x, 3, half + x, 3);
            for (int y = 0; y < 6; y++) winograd_weight(half + y * 3, 1, whole + y * 6, 1);
            // Point by point: the points' matrices are far apart.
            for (int point = 0; point < winograd_points; point++) {
                float *target = packed + point * matrix + (p * inputs + i) * NR;
                for (int j = 0; j < NR; j++) target[j] = (float)whole[point][j];
            }
        }
    }
}

// Bᵀ d: six values to six.
static inline __attribute__((always_inline)) void winograd_input(const vf *d, vf *t, int64_t stride) {
    vf even_a = d[4 * stride] - d[2 * stride] * 2.0f;
    vf odd_a = d[3 * stride] * (float)WINOGRAD_A - d[1 * stride] * (float)WINOGRAD_B;
    vf even_b = d[4 * stride] - d[2 * stride] * 0.5f;
    vf odd_b = d[3 * stride] * (float)WINOGRAD_B - d[1 * stride] * (float)WINOGRAD_A;
    t[0] = d[0] - d[2 * stride] * 2.5f + d[4 * stride];
    t[1] = even_a + odd_a;
    t[2] = even_a - odd_a;
    t[3] = even_b + odd_b;
    t[4] = even_b - odd_b;
    t[5] = d[1 * stride] - d[3 * stride] * 2.5f + d[5 * stride];
}

// Aᵀ m: six values to four.
static inline __attribute__((always_inline)) void winograd_output(const vf *m, vf *y, int64_t stride) {
    vf sum_a = m[1 * stride] + m[2 * stride], difference_a = m[1 * stride] - m[2 * stride];
    vf sum_b = m[3 * stride] + m[4 * stride], difference_b = m[3 * stride] - m[4 * stride];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = difference_a * (float)WINOGRAD_A + difference_b * (float)WINOGRAD_B;
    y[2] = sum_a * 0.5f + sum_b * 2.0f;
    y[3] = difference_a * (float)(WINOGRAD_A / 2) + difference_b * (float)(WINOGRAD_B * 2) + m[5 * stride];
}

static inline __attribute__((always_inline)) vf load_some(const float *p, int64_t count) {
    return count == VL ? load(p) : load_part(p, count);
}

static inline __attribute__((always_inline)) void store_some(float *p, vf v, int64_t count) {
    if (count == VL) store(p, v);
    else store_part(p, v, count);
}

// `count` channels of one tile's 36 inputs to its 36 points, `stride` apart.
static inline __attribute__((always_inline)) void winograd_input_tile(const float *const *pixels, int64_t channel,
                                                                      int64_t next, float *v, int64_t stride,
                                                                      int64_t count) {
    vf columns[36];
    for (int x = 0; x < 6; x++) {
        vf d[6];
        // What the next tile reads first: 36 streams are too many for the processor's own prefetching.
        UNROLL for (int y = 0; y < 6; y++) if (x > 1) __builtin_prefetch(pixels[y * 6 + x] + next + channel);
        UNROLL for (int y = 0; y < 6; y++) d[y] = load_some(pixels[y * 6 + x] + channel, count);
        winograd_input(d, columns + x * 6, 1);
    }
    for (int y = 0; y < 6; y++) {
        vf t[6];
        winograd_input(columns + y, t, 6);
        UNROLL for (int x = 0; x < 6; x++) store_some(v + (y * 6 + x) * stride + channel, t[x], count);
    }
}

// `count` channels of one tile's 36 points, `stride` apart, to its outputs; those past the map's edge are dropped.
static inline __attribute__((always_inline)) void winograd_output_tile(const float *m, int64_t stride, float *out,
                                                                       int64_t row_stride, int64_t pixel_stride,
                                                                       int64_t rows, int64_t columns, int64_t channel,
                                                                       int64_t count, const rk_epilogue *e,
                                                                       const float *residual) {
    vf half[24];
    for (int x = 0; x < 6; x++) {
        vf d[6];
        UNROLL for (int y = 0; y < 6; y++) d[y] = load_some(m + (y * 6 + x) * stride, count);
        winograd_output(d, half + x * 4, 1);
    }
    vf bias = e->bias ? load_some(e->bias + channel, count) : splat(0);
    for (int y = 0; y < rows; y++) {
        vf t[4];
        winograd_output(half + y, t, 4);
        for (int x = 0; x < columns; x++) {
            int64_t offset = y * row_stride + x * pixel_stride + channel;
            vf value = activate_vf(t[x] + bias, e->activation);
            if (residual) value += load_some(residual + offset, count);
            store_some(out + offset, value, count);
        }
    }
}

// Tiles [t0, t1) of one map, panels [p0, p1) of its channels.
static void winograd(const rk_winograd_map *map, const float *x, const float *zeros, const float *packed, float *out,
                     int64_t t0, int64_t t1, int64_t p0, int64_t p1, float *scratch, const rk_epilogue *e) {
    int64_t k = map->inputs, tiles = t1 - t0, across = (map->out_width + 3) / 4;
    int64_t first = p0 * NR, width = (p1 * NR < map->outputs ? p1 * NR : map->outputs) - first;
    // One line more than needed: else all points of a tile would share a set of the first-level cache.
    int64_t v_stride = tiles * k + 16, m_stride = tiles * width + 16;
    float *v = scratch, *m = scratch + winograd_points * v_stride;
    for (int64_t t = 0; t < tiles; t++) {
        int64_t y0 = (t0 + t) / across * 4 - map->padding, x0 = (t0 + t) % across * 4 - map->padding;
        const float *pixels[36];
        for (int i = 0; i < 36; i++) {
            int64_t y = y0 + i / 6, z = x0 + i % 6;
            int inside = y >= 0 && y < map->height && z >= 0 && z < map->width;
            pixels[i] = inside ? x + (y * map->width + z) * k : zeros;
        }
        int64_t c = 0;
        for (; c + VL <= k; c += VL) winograd_input_tile(pixels, c, 4 * k, v + t * k, v_stride, VL);
        if (c < k) winograd_input_tile(pixels, c, 4 * k, v + t * k, v_stride, k - c);
    }
    const rk_epilogue none = {0};
    int64_t matrix = rk_packed_count(k, map->outputs);
    for (int64_t i = 0; i < winograd_points; i++)
        gemm(v + i * v_stride, k, packed + i * matrix + first * k, k, width, m + i * m_stride, width, 0, tiles, 0,
             p1 - p0, &none);
    int64_t row_stride = map->out_width * map->outputs;
    for (int64_t t = 0; t < tiles; t++) {
        int64_t y0 = (t0 + t) / across * 4, x0 = (t0 + t) % across * 4;
        int64_t rows = map->out_height - y0 < 4 ? map->out_height - y0 : 4;
        int64_t columns = map->out_width - x0 < 4 ? map->out_width - x0 : 4;
        int64_t offset = y0 * row_stride + x0 * map->outputs;
        const float *residual = e->residual ? e->residual + offset : 0;
        const float *points = m + t * width;
        int64_t c = 0;
        for (; c + VL <= width; c += VL)
            winograd_output_tile(points + c, m_stride, out + offset, row_stride, map->outputs, rows, columns, first + c,
                                 VL, e, residual);
        if (c < width)
            winograd_output_tile(points + c, m_stride, out + offset, row_stride, map->outputs, rows, columns, first + c,
                                 width - c, e, residual);
    }
}
