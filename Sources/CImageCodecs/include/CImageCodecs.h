#ifndef RAHF_CIMAGECODECS_H
#define RAHF_CIMAGECODECS_H

#include <stddef.h>
#include <stdint.h>

/// What a decoder found. `samples` is width * height * 3, 8-bit, or 16-bit in the machine's order when `depth` is 16.
typedef struct {
    uint32_t width;
    uint32_t height;
    int32_t depth;
    /// Bits a sample had in the file.
    int32_t file_depth;
    int32_t was_grey;
    int32_t had_alpha;
    int32_t was_cmyk;
    void *samples;
    char message[256];
} rci_image;

typedef enum { RCI_OK = 0, RCI_CORRUPT = 1, RCI_TOO_LARGE = 2, RCI_UNSUPPORTED = 3, RCI_NO_MEMORY = 4 } rci_status;

/// Each checks width, height and max_pixels before it allocates. Free `samples` with rci_free.
int32_t rci_decode_png(const uint8_t *bytes, size_t count, uint32_t max_side, uint64_t max_pixels, rci_image *image);
int32_t rci_decode_jpeg(const uint8_t *bytes, size_t count, uint32_t max_side, uint64_t max_pixels, rci_image *image);
int32_t rci_decode_webp(const uint8_t *bytes, size_t count, uint32_t max_side, uint64_t max_pixels, rci_image *image);
void rci_free(void *memory);

/// Encodes 8-bit samples, `channels` 1 or 3; `fast` is libpng's own quick setting: larger files. Returns a buffer to
/// rci_free, or null.
uint8_t *rci_encode_png(const uint8_t *samples, uint32_t width, uint32_t height, int32_t channels, int32_t fast,
                        size_t *count);
/// Encodes 8-bit RGB samples as a baseline JPEG with chroma at half size, quality 1 to 100. As above.
uint8_t *rci_encode_jpeg(const uint8_t *samples, uint32_t width, uint32_t height, int32_t quality, size_t *count);

#endif
