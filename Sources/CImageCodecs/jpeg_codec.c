#include <stdio.h>

#include <jpeglib.h>
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

// libjpeg fills what is missing with grey and warns: half a picture is no picture, so warnings are errors.
static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0) on_error(jpeg);
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
