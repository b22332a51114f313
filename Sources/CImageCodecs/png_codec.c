#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CImageCodecs.h"

// libpng reports errors by longjmp, which Swift cannot cross: so this file is C.

typedef struct {
    const uint8_t *bytes;
    size_t count;
    size_t position;
} reader;

static void read_bytes(png_structp png, png_bytep target, size_t count) {
    reader *from = png_get_io_ptr(png);
    if (count > from->count - from->position) png_error(png, "the file ends early");
    memcpy(target, from->bytes + from->position, count);
    from->position += count;
}

static void on_error(png_structp png, png_const_charp message) {
    rci_image *image = png_get_error_ptr(png);
    snprintf(image->message, sizeof image->message, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

int32_t rci_decode_png(const uint8_t *bytes, size_t count, uint32_t max_side, uint64_t max_pixels, rci_image *image) {
    memset(image, 0, sizeof *image);
    reader from = {bytes, count, 0};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, image, on_error, on_warning);
    if (!png) return RCI_NO_MEMORY;
    png_infop info = png_create_info_struct(png);
    png_bytep *volatile rows = NULL;
    volatile int32_t status = RCI_CORRUPT;
    if (!info || setjmp(png_jmpbuf(png))) goto failed;
    png_set_read_fn(png, &from, read_bytes);
    // Sizes are checked below; text and profile chunks may not grow without bound.
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_set_chunk_malloc_max(png, 8 << 20);
    png_set_chunk_cache_max(png, 64);
    png_read_info(png, info);

    png_uint_32 width, height;
    int depth, kind, interlace;
    png_get_IHDR(png, info, &width, &height, &depth, &kind, &interlace, NULL, NULL);
    image->width = width;
    image->height = height;
    // A palette's entries have 8 bits, whatever its indices have.
    image->file_depth = kind == PNG_COLOR_TYPE_PALETTE ? 8 : depth;
    if (width > max_side || height > max_side || (uint64_t)width * height > max_pixels) {
        status = RCI_TOO_LARGE;
        goto failed;
    }
    image->was_grey = !(kind & PNG_COLOR_MASK_COLOR);
    image->had_alpha = (kind & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS);
    if (kind == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (kind == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    // Transparent palettes and colours grow an alpha channel while they are expanded.
    if (image->had_alpha) png_set_strip_alpha(png);
    if (depth == 16) png_set_swap(png);
    if (image->was_grey) png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);

    image->depth = depth == 16 ? 16 : 8;
    size_t row_bytes = (size_t)width * 3 * (size_t)(image->depth / 8);
    if (png_get_rowbytes(png, info) != row_bytes) png_error(png, "unexpected row size");
    image->samples = malloc(row_bytes * height);
    rows = malloc(sizeof(png_bytep) * height);
    if (!image->samples || !rows) {
        status = RCI_NO_MEMORY;
        goto failed;
    }
    for (png_uint_32 y = 0; y < height; y++) rows[y] = (png_bytep)image->samples + y * row_bytes;
    png_read_image(png, rows);
    png_read_end(png, NULL);
    free(rows);
    png_destroy_read_struct(&png, &info, NULL);
    return RCI_OK;

failed:
    free(rows);
    free(image->samples);
    image->samples = NULL;
    png_destroy_read_struct(&png, info ? &info : NULL, NULL);
    return status;
}

uint8_t *rci_encode_png(const uint8_t *samples, uint32_t width, uint32_t height, int32_t channels, int32_t fast,
                        size_t *count) {
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = width,
                       .height = height,
                       .format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB,
                       .flags = fast ? PNG_IMAGE_FLAG_FAST : 0};
    // The upper bound: asking for the exact size would compress twice.
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *buffer = malloc(size);
    if (!buffer || !png_image_write_to_memory(&image, buffer, &size, 0, samples, 0, NULL)) {
        free(buffer);
        return NULL;
    }
    *count = size;
    return buffer;
}

void rci_free(void *memory) { free(memory); }
