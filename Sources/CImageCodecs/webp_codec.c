#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

#include "CImageCodecs.h"

int32_t rci_decode_webp(const uint8_t *bytes, size_t count, uint32_t max_side, uint64_t max_pixels, rci_image *image) {
    memset(image, 0, sizeof *image);
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(bytes, count, &features) != VP8_STATUS_OK) {
        snprintf(image->message, sizeof image->message, "no valid WebP header");
        return RCI_CORRUPT;
    }
    image->width = (uint32_t)features.width;
    image->height = (uint32_t)features.height;
    image->depth = image->file_depth = 8;
    image->had_alpha = features.has_alpha;
    if (features.has_animation) {
        snprintf(image->message, sizeof image->message, "animated WebP");
        return RCI_UNSUPPORTED;
    }
    if (image->width > max_side || image->height > max_side || (uint64_t)image->width * image->height > max_pixels)
        return RCI_TOO_LARGE;
    size_t size = (size_t)image->width * image->height * 3;
    image->samples = malloc(size);
    if (!image->samples) return RCI_NO_MEMORY;
    if (!WebPDecodeRGBInto(bytes, count, image->samples, size, features.width * 3)) {
        snprintf(image->message, sizeof image->message, "the bitstream is damaged or ends early");
        free(image->samples);
        image->samples = NULL;
        return RCI_CORRUPT;
    }
    return RCI_OK;
}
