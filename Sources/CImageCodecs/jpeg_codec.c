#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "CImageCodecs.h"

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    rci_image *image;
} errors;

static void on_error(j_common_ptr jpeg) {
    errors *mine = (errors *)jpeg->err;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    snprintf(mine->image->message, sizeof mine->image->message, "%s", message);
    longjmp(mine->jump, 1);
}

// libjpeg warns both of oddities and of lost picture data, which it fills with grey: half a picture is no picture. So
// a warning refuses the file unless its code says that every pixel was decoded as the file has it.
static int loses_pixels(int code) {
    switch (code) {
    // Bytes no marker or scan claims, such as padding that cameras leave: all blocks were decoded without them.
    case JWRN_EXTRANEOUS_DATA:
    // Headers that promise something unknown; the common meaning is taken, as every reader does.
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    // Colour profiles are not used.
    case JWRN_BOGUS_ICC: return 0;
    // Data that ends early or cannot be read: JWRN_JPEG_EOF and JWRN_HIT_MARKER (a truncated file),
    // JWRN_HUFF_BAD_CODE, JWRN_ARITH_BAD_CODE, JWRN_MUST_RESYNC, JWRN_BOGUS_PROGRESSION, and what a newer library adds.
    default: return 1;
    }
}

static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0 && loses_pixels(jpeg->err->msg_code)) on_error(jpeg);
}

int32_t rci_decode_jpeg(const uint8_t *bytes, size_t count, uint32_t max_side, uint64_t max_pixels, rci_image *image) {
    memset(image, 0, sizeof *image);
    struct jpeg_decompress_struct jpeg = {0};
    errors handler;
    jpeg.err = jpeg_std_error(&handler.base);
    handler.base.error_exit = on_error;
    handler.base.emit_message = on_message;
    handler.image = image;
    volatile int32_t status = RCI_CORRUPT;
    uint8_t *volatile line = NULL;
    if (setjmp(handler.jump)) goto failed;
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, bytes, count);
    jpeg_read_header(&jpeg, TRUE);
    image->width = jpeg.image_width;
    image->height = jpeg.image_height;
    image->depth = image->file_depth = 8;
    if (image->width > max_side || image->height > max_side || (uint64_t)image->width * image->height > max_pixels) {
        status = RCI_TOO_LARGE;
        goto failed;
    }
    image->was_grey = jpeg.num_components == 1;
    image->was_cmyk = jpeg.num_components == 4;
    jpeg.out_color_space = image->was_cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&jpeg);
    size_t row = (size_t)image->width * 3;
    image->samples = malloc(row * image->height);
    line = malloc((size_t)image->width * 4);
    if (!image->samples || !line) {
        status = RCI_NO_MEMORY;
        goto failed;
    }
    while (jpeg.output_scanline < jpeg.output_height) {
        uint8_t *target = (uint8_t *)image->samples + jpeg.output_scanline * row;
        JSAMPROW into = image->was_cmyk ? line : target;
        jpeg_read_scanlines(&jpeg, &into, 1);
        if (!image->was_cmyk) continue;
        // Four-component files store inverted ink, marked by Adobe or not, as other readers take it.
        for (uint32_t x = 0; x < image->width; x++) {
            int black = line[x * 4 + 3];
            for (int i = 0; i < 3; i++) {
                int product = line[x * 4 + i] * black + 128;
                target[x * 3 + i] = (uint8_t)((product + (product >> 8)) >> 8);
            }
        }
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    free(line);
    return RCI_OK;

failed:
    jpeg_destroy_decompress(&jpeg);
    free(line);
    free(image->samples);
    image->samples = NULL;
    return status;
}

uint8_t *rci_encode_jpeg(const uint8_t *samples, uint32_t width, uint32_t height, int32_t quality, size_t *count) {
    struct jpeg_compress_struct jpeg = {0};
    errors handler;
    rci_image unused = {0};
    jpeg.err = jpeg_std_error(&handler.base);
    handler.base.error_exit = on_error;
    handler.image = &unused;
    unsigned char *buffer = NULL;
    unsigned long size = 0;
    if (setjmp(handler.jump)) {
        jpeg_destroy_compress(&jpeg);
        free(buffer);
        return NULL;
    }
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &buffer, &size);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < height) {
        JSAMPROW row = (JSAMPROW)(samples + (size_t)jpeg.next_scanline * width * 3);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    *count = size;
    return buffer;
}
