/*
 * rahf: scores generated images with rich feedback, in process.
 *
 *     rahf_model *model = NULL;
 *     if (rahf_model_load("model", NULL, &model) != RAHF_STATUS_OK) fail(rahf_last_error());
 *     rahf_request *request = rahf_request_new();
 *     rahf_request_add_encoded(request, png, png_size, "a yellow cat", RAHF_NUL_TERMINATED, RAHF_OUTPUT_SCORES, NULL);
 *     rahf_result *result = NULL;
 *     if (rahf_score(model, request, &result) != RAHF_STATUS_OK) fail(rahf_last_error());
 *     float scores[4];
 *     if (rahf_result_scores(result, 0, scores) != RAHF_STATUS_OK) fail(rahf_last_error());
 *     rahf_result_free(result);
 *     rahf_request_free(request);
 *     rahf_model_free(model);
 *
 * Rules for the whole header
 *
 * Status. Functions that can fail return a rahf_status. Success is RAHF_STATUS_OK, which is 1, so that memory that was
 * never written is no success. On failure nothing is done and rahf_last_error() says why. An out parameter for a new
 * handle is then set to NULL; others are untouched. A failure is never a number.
 *
 * Handles. A NULL handle is an error for functions with a status, gives 0 or "" from getters, and is ignored by *_free.
 * A handle that was freed, or was never one, is undefined behaviour, as with free().
 *
 * Memory. What a *_new, *_load, *_make or rahf_score function gives is freed with the *_free of its type and nothing
 * else. Every input is copied before the call returns, the weights of rahf_model_load_memory excepted. A returned
 * pointer belongs to the handle it came from and lives until that handle is freed; rahf_last_error() excepted.
 * Out parameters of getters may be NULL when their value is not wanted.
 *
 * Threads. A rahf_model may be used by any number of threads at once; their passes take turns. A rahf_result may be
 * read by any number of threads at once, and so may a rahf_request, rahf_objective or options object that no thread is
 * changing. Nothing else may be used while another thread changes or frees it. Different handles are independent.
 *
 * Callbacks run on the thread that called the library, before that call returns. They must return: no longjmp, no C++
 * exception. They may call this library, except to change or free handles that the call they interrupt was given.
 *
 * Processes. After fork() without exec, the child must not use models of its parent. The library stays loaded:
 * dlclose() has no effect. No signal handler is installed, nothing is written to standard output or standard error.
 *
 * The same item gives the same bits: alone or in any batch, at any thread count, and through the command line or the
 * service as well.
 *
 * Versions. The numbers below never change, and functions never change or go; new ones come. RAHF_ABI_VERSION grows by
 * one when they do. A program works with a library whose rahf_abi_version() is at least its RAHF_ABI_VERSION.
 */
#ifndef RAHF_H
#define RAHF_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define RAHF_API __attribute__((visibility("default")))
#else
#define RAHF_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define RAHF_ABI_VERSION 1

/* ------------------------------------------------------------------------------------------------ Version, status */

/* The library's version of this header. */
RAHF_API uint32_t rahf_abi_version(void);

/* The library's version, for example "0.1.0". Lives for ever. */
RAHF_API const char *rahf_version_string(void);

/* Numbers and names are those of the network protocol (Protocols/README.md). Some only its service answers. */
typedef int32_t rahf_status;
enum {
    RAHF_STATUS_OK = 1,
    RAHF_STATUS_INVALID_REQUEST = 2,      /* an argument: NULL, an unknown number, an index out of range */
    RAHF_STATUS_UNSUPPORTED_VERSION = 3,
    RAHF_STATUS_UNKNOWN_VERB = 4,
    RAHF_STATUS_TOO_LARGE = 5,            /* an image over 16,384 a side, 64 million pixels or 256 MiB of file */
    RAHF_STATUS_INVALID_IMAGE = 6,        /* not a PNG, JPEG or WebP, or a damaged or truncated one */
    RAHF_STATUS_UNSUPPORTED_IMAGE = 7,    /* a variety of these formats that is not read */
    RAHF_STATUS_INVALID_PIXELS = 8,       /* a NaN or infinite sample */
    RAHF_STATUS_INVALID_PROMPT = 9,       /* empty, without words, or not UTF-8 */
    RAHF_STATUS_PROMPT_TOO_LONG = 10,     /* over 16 KiB, 1000 words or the model's tokens */
    RAHF_STATUS_OVERLOADED = 11,
    RAHF_STATUS_DEADLINE_EXCEEDED = 12,
    RAHF_STATUS_CANCELLED = 13,           /* by the cancel callback */
    RAHF_STATUS_DRAINING = 14,
    RAHF_STATUS_INVALID_MODEL = 15,       /* the model is malformed or contradicts itself */
    RAHF_STATUS_NON_FINITE_RESULT = 16,   /* the model's answer overflowed */
    RAHF_STATUS_FILE_ERROR = 17,          /* a file could not be read */
    RAHF_STATUS_INTERNAL = 18,            /* a fault of this library */
    RAHF_STATUS_DUPLICATE_REQUEST = 19,
    RAHF_STATUS_UNAVAILABLE = 20,
    RAHF_STATUS_PERMISSION_DENIED = 21
};

/* The name of a status as in the protocol, for example "INVALID_IMAGE"; "UNKNOWN" for other numbers. Lives for ever. */
RAHF_API const char *rahf_status_name(rahf_status status);

/* 1 when the same call may succeed later, else 0. */
RAHF_API int32_t rahf_status_is_retryable(rahf_status status);

/*
 * Why the last failing call of this thread failed: one sentence, UTF-8. Never NULL; "" before the first failure. Lives
 * until the next failing call of this thread, or the thread's end. A call that succeeds does not change it.
 */
RAHF_API const char *rahf_last_error(void);

/* ---------------------------------------------------------------------------------------------------------- Models */

typedef struct rahf_model rahf_model;
typedef struct rahf_model_options rahf_model_options;

/* Options with their defaults. */
RAHF_API rahf_model_options *rahf_model_options_new(void);
RAHF_API void rahf_model_options_free(rahf_model_options *options);

/* Threads that share one pass, 1 to 256. The default is the machine's processors. */
RAHF_API rahf_status rahf_model_options_set_threads(rahf_model_options *options, int32_t threads);

/* Most items of one pass, 1 to 64. The default is 8; more costs memory and gains little. */
RAHF_API rahf_status rahf_model_options_set_max_batch(rahf_model_options *options, int32_t items);

enum { RAHF_PRECISION_FLOAT32 = 0, RAHF_PRECISION_BFLOAT16 = 1, RAHF_PRECISION_INT8 = 2 };

/*
 * What products compute in; the default is float32. The lower ones are faster and less exact. Where the processor lacks
 * one, float32 takes its place; otherwise rahf_model_digest and rahf_result_model_digest end in "+bfloat16" or "+int8".
 */
RAHF_API rahf_status rahf_model_options_set_precision(rahf_model_options *options, int32_t precision);

enum { RAHF_LOG_DEBUG = 1, RAHF_LOG_INFO = 2, RAHF_LOG_WARNING = 3, RAHF_LOG_ERROR = 4 };

/* `message` is one line of UTF-8 without a line end; it lives until the callback returns. */
typedef void (*rahf_log_callback)(int32_t level, const char *message, void *user);

/*
 * Where loading and scoring with this model report what they do. NULL, the default, is silence. The callback may run on
 * several threads at once when the model is used so; `user` must live as long as the model.
 */
RAHF_API rahf_status rahf_model_options_set_log(rahf_model_options *options, rahf_log_callback log, void *user);

/*
 * Opens a model folder: config.json, model.safetensors, spiece.model. `options` may be NULL. The file of weights stays
 * mapped until the model is freed; it must not be changed meanwhile.
 *
 * FILE_ERROR, INVALID_MODEL; INVALID_REQUEST when the environment's RAHF_ISA names kernels that cannot be had.
 */
RAHF_API rahf_status rahf_model_load(const char *folder, const rahf_model_options *options, rahf_model **model);

/*
 * Opens a model from the bytes of the same three files. `config` and `vocabulary` are copied. `weights` is not, as it
 * may be gigabytes: it must stay valid and unchanged until `release` is called.
 *
 * `release`, unless NULL, is called once with `user`, by rahf_model_free. It is not called when loading fails.
 */
typedef void (*rahf_release_callback)(void *user);
RAHF_API rahf_status rahf_model_load_memory(
    const void *config, size_t config_size, const void *weights, size_t weights_size, const void *vocabulary,
    size_t vocabulary_size, rahf_release_callback release, void *user, const rahf_model_options *options,
    rahf_model **model);

/* No call with the model may be running. Results that came from it stay valid. */
RAHF_API void rahf_model_free(rahf_model *model);

/* The name in config.json. */
RAHF_API const char *rahf_model_name(const rahf_model *model);

/* "sha256:" and 64 hex digits over configuration, vocabulary and weights. */
RAHF_API const char *rahf_model_digest(const rahf_model *model);

/* 0: the heads were never trained and the numbers mean nothing. */
RAHF_API int32_t rahf_model_is_trained(const rahf_model *model);

/* Number of weights. */
RAHF_API uint64_t rahf_model_parameter_count(const rahf_model *model);

/* Side of the square input in pixels. Images of other sizes are resampled, and a note says so. */
RAHF_API uint32_t rahf_model_input_size(const rahf_model *model);

/* Side of the square heatmaps in pixels. */
RAHF_API uint32_t rahf_model_heatmap_size(const rahf_model *model);

/* ------------------------------------------------------------------------------------------------------ Objectives */

/* What a gradient is of: the sum of weight x score and of weight x heatmap term. */
typedef struct rahf_objective rahf_objective;

/* Also the order of the scores in arrays. */
enum {
    RAHF_SCORE_PLAUSIBILITY = 0,
    RAHF_SCORE_ALIGNMENT = 1,
    RAHF_SCORE_AESTHETICS = 2,
    RAHF_SCORE_OVERALL = 3
};
enum { RAHF_HEATMAP_IMPLAUSIBILITY = 1, RAHF_HEATMAP_MISALIGNMENT = 2 };
enum {
    RAHF_REDUCTION_MEAN = 1, /* the mask-weighted mean */
    RAHF_REDUCTION_MASS = 2  /* the mask-weighted sum over the heatmap's pixels */
};

/* Without terms. */
RAHF_API rahf_objective *rahf_objective_new(void);
RAHF_API void rahf_objective_free(rahf_objective *objective);

/* Sets the weight of RAHF_SCORE_...; finite. */
RAHF_API rahf_status rahf_objective_set_score_weight(rahf_objective *objective, int32_t score, float weight);

/*
 * Adds a heatmap, reduced to a number; at most 16 terms. `mask` is height x width weights in [0, 1], row by row, of any
 * size; they are resampled bilinearly to the heatmap's size. NULL, with sizes 0, is 1 everywhere.
 */
RAHF_API rahf_status rahf_objective_add_heatmap_term(
    rahf_objective *objective, int32_t heatmap, int32_t reduction, float weight, const float *mask,
    uint32_t mask_width, uint32_t mask_height);

enum {
    RAHF_NORMALIZE_NONE = 0,
    RAHF_NORMALIZE_L2 = 1,  /* divide by the Euclidean norm */
    RAHF_NORMALIZE_LINF = 2 /* divide by the largest magnitude */
};

/*
 * What is done to the gradient before it is given: RAHF_NORMALIZE_..., then no entry's magnitude is above `clip`; 0 is
 * no limit. The default is neither. A gradient of zeros stays as it is. The norm that is told is that of the gradient
 * before this.
 */
RAHF_API rahf_status rahf_objective_set_gradient_scaling(rahf_objective *objective, int32_t normalize, float clip);

/* -------------------------------------------------------------------------------------------------------- Requests */

/* Items to score together. */
typedef struct rahf_request rahf_request;

/* What to compute, added up. What is not asked for is not computed. */
enum { RAHF_OUTPUT_SCORES = 1, RAHF_OUTPUT_HEATMAPS = 2, RAHF_OUTPUT_WORDS = 4, RAHF_OUTPUT_ALL = 7 };

/* As a size: the text ends at its NUL. */
#define RAHF_NUL_TERMINATED ((size_t)-1)

RAHF_API rahf_request *rahf_request_new(void);
RAHF_API void rahf_request_free(rahf_request *request);

/* Items added so far. Items are numbered from 0 in the order they were added. */
RAHF_API size_t rahf_request_count(const rahf_request *request);

/*
 * Adds an image file: the bytes of a PNG, JPEG or WebP, recognised by what they are.
 *
 * `prompt` is UTF-8, `prompt_size` bytes of it or RAHF_NUL_TERMINATED. `outputs` is a sum of RAHF_OUTPUT_..., and may
 * be 0 with an objective. `objective` asks for the gradient; NULL is none. At most 65,536 items.
 *
 * Only arguments are judged here. What is wrong with the image or the prompt is the item's own status in the result.
 */
RAHF_API rahf_status rahf_request_add_encoded(
    rahf_request *request, const void *bytes, size_t size, const char *prompt, size_t prompt_size, uint32_t outputs,
    const rahf_objective *objective);

enum {
    RAHF_TYPE_U8 = 1,  /* 0 to 255, standing for 0 to 1 */
    RAHF_TYPE_F16 = 2, /* IEEE 754 binary16, in [0, 1] */
    RAHF_TYPE_F32 = 3  /* IEEE 754 binary32, in [0, 1] */
};
enum {
    RAHF_LAYOUT_HWC = 1, /* [height, width, 3]: red, green, blue of a pixel side by side */
    RAHF_LAYOUT_CHW = 2  /* [3, height, width]: a plane each of red, green and blue */
};

/*
 * RGB samples in memory. Zero the struct, then set what is needed; later versions add fields at its end whose zero
 * means what this version does. Samples need no alignment.
 */
typedef struct rahf_pixels {
    size_t struct_size;  /* sizeof(rahf_pixels) */
    const void *data;    /* the first sample */
    size_t data_size;    /* bytes that may be read from there; nothing beyond them is */
    uint32_t type;       /* RAHF_TYPE_... */
    uint32_t layout;     /* RAHF_LAYOUT_... */
    uint32_t width;      /* 1 to 16,384; at most 64 million pixels */
    uint32_t height;
    size_t row_stride;   /* bytes from a row's start to the next row's; 0: no gap */
    size_t pixel_stride; /* bytes from a pixel's first sample to the next pixel's; 0: no gap. For RGBA, 4 samples. */
    size_t plane_stride; /* bytes from a plane's start to the next plane's, CHW only; 0: no gap */
} rahf_pixels;

/*
 * Adds an image from memory; the rest is as for rahf_request_add_encoded. Float samples outside [0, 1] are computed
 * with as they are. A gradient is with respect to these pixels in [0, 1], also when they came as U8 or as a file.
 *
 * INVALID_REQUEST when the samples do not fit in data_size, TOO_LARGE.
 */
RAHF_API rahf_status rahf_request_add_pixels(
    rahf_request *request, const rahf_pixels *pixels, const char *prompt, size_t prompt_size, uint32_t outputs,
    const rahf_objective *objective);

/*
 * Asked between passes of rahf_score: anything but 0 stops it. The items not done then get CANCELLED.
 * `done` items of `count` have been answered, so that it can show progress as well.
 */
typedef int32_t (*rahf_cancel_callback)(size_t done, size_t count, void *user);

/* NULL, the default, never stops. `user` must live as long as the request is scored. */
RAHF_API rahf_status rahf_request_set_cancel(rahf_request *request, rahf_cancel_callback cancel, void *user);

/* ----------------------------------------------------------------------------------------------- Scoring, results */

/* One answer for each item of a request. */
typedef struct rahf_result rahf_result;

/*
 * Scores every item of a request. OK says that each has an answer, which may be a failure of its own: see
 * rahf_result_status. INVALID_REQUEST when the request has no items.
 */
RAHF_API rahf_status rahf_score(rahf_model *model, const rahf_request *request, rahf_result **result);

RAHF_API void rahf_result_free(rahf_result *result);

/* Items: as many as the request had. */
RAHF_API size_t rahf_result_count(const rahf_result *result);

/* The digest of the model that made it. */
RAHF_API const char *rahf_result_model_digest(const rahf_result *result);

/* How an item went. INVALID_REQUEST for an index out of range. This does not set rahf_last_error(). */
RAHF_API rahf_status rahf_result_status(const rahf_result *result, size_t item);

/* Why an item failed, one sentence; "" when it did not, or for an index out of range. */
RAHF_API const char *rahf_result_message(const rahf_result *result, size_t item);

/*
 * The functions with a status below give the item's own when it failed, and INVALID_REQUEST for an index out of range
 * or for an output that was not asked for.
 */

/* Four scores in [0, 1], higher is better, in the order of RAHF_SCORE_... */
RAHF_API rahf_status rahf_result_scores(const rahf_result *result, size_t item, float scores[4]);

/* RAHF_HEATMAP_...: height x width values in [0, 1], row by row from the top, higher is worse. */
RAHF_API rahf_status rahf_result_heatmap(
    const rahf_result *result, size_t item, int32_t heatmap, const float **values, uint32_t *width, uint32_t *height);

/* Words of the prompt; 0 when words were not asked for or the item failed. */
RAHF_API size_t rahf_result_word_count(const rahf_result *result, size_t item);

/*
 * A word of the prompt as it was typed, UTF-8. `start` and `end` are bytes of the prompt, `end` one past the last.
 * `misaligned` is 1 when the image contradicts the word, else 0.
 */
RAHF_API rahf_status rahf_result_word(
    const rahf_result *result, size_t item, size_t index, const char **word, size_t *start, size_t *end,
    int32_t *misaligned);

/* The same place counted in Unicode code points: an index into a Python str, and what the network protocol gives. */
RAHF_API rahf_status rahf_result_word_code_points(
    const rahf_result *result, size_t item, size_t index, size_t *start, size_t *end);

/* What the decoder wrote: the cleaned prompt with "_0" after each misaligned word. "" without words. */
RAHF_API const char *rahf_result_decoded_text(const rahf_result *result, size_t item);

/*
 * The gradient: 3 x height x width, planes red, green, blue, at the size of the image given; for a file with an EXIF
 * orientation, of the upright image. `objective` is the objective's value, `norm` the gradient's Euclidean norm
 * before any scaling.
 */
RAHF_API rahf_status rahf_result_gradient(
    const rahf_result *result, size_t item, const float **values, uint32_t *width, uint32_t *height, float *objective,
    float *norm);

/* What was done to the item that its sender might not expect. 0 for one that failed. */
RAHF_API size_t rahf_result_note_count(const rahf_result *result, size_t item);

/*
 * A note's name, as in the network protocol ("resized", "alpha_dropped", ...), and its numbers: `values` points to
 * `value_count` of them. "resized": from width, from height, to width, to height. "exif_orientation" and
 * "sample_depth": one. "pixel_range": minimum, maximum. "words_cut_short": predicted, of. Others have none. Later
 * versions add names.
 */
RAHF_API rahf_status rahf_result_note(
    const rahf_result *result, size_t item, size_t index, const char **kind, const double **values,
    size_t *value_count);

/* ----------------------------------------------------------------------------------------------------------- Masks */

/* How a heatmap becomes a mask for an inpainter. The defaults are those of the command make-inpaint-masks. */
typedef struct rahf_mask_options rahf_mask_options;
RAHF_API rahf_mask_options *rahf_mask_options_new(void);
RAHF_API void rahf_mask_options_free(rahf_mask_options *options);

/*
 * Sets an option, named and written as for the command (make-inpaint-masks --help), without the dashes:
 *
 *     "threshold"                     "0.5", "p95" or "otsu"; inclusive
 *     "low"                           hysteresis: "0.3" or "p80"; "" for none
 *     "min-area", "max-area"          pixels of the image, or "1%" of it
 *     "keep"                          most regions, at least "1"; "" for all
 *     "keep-by"                       "mass", "area" or "peak"
 *     "fill-holes", "invert"          "true" or "false"
 *     "open", "close", "dilate"       a radius in pixels, or "2%" of the short side; dilate may be negative
 *     "element"                       "disk", "square" or "cross"
 *     "feather"                       a Gaussian's standard deviation, in pixels or percent
 *     "offset"                        "X,Y": pixels to the right and down
 *     "padding", "snap"               pixels around a region's box in its crop; what its sides are multiples of
 */
RAHF_API rahf_status rahf_mask_options_set(rahf_mask_options *options, const char *name, const char *value);

/* A mask and its regions. */
typedef struct rahf_mask rahf_mask;

/*
 * Makes a mask of an image's size. `heatmap` is height x width values in [0, 1], as rahf_result_heatmap gives them; it
 * is square or of the image's shape. `options` may be NULL. Sides are at most 16,384.
 */
RAHF_API rahf_status rahf_mask_make(
    const float *heatmap, uint32_t width, uint32_t height, uint32_t image_width, uint32_t image_height,
    const rahf_mask_options *options, rahf_mask **mask);
RAHF_API void rahf_mask_free(rahf_mask *mask);

/* 8-connected regions, in reading order; 0 says that there is nothing to repair. */
RAHF_API size_t rahf_mask_region_count(const rahf_mask *mask);

/* As a region: all of them in one mask. */
#define RAHF_ALL_REGIONS ((size_t)-1)

/*
 * A region's mask, or that of all: image height x image width bytes, 255 where to repaint, 0 where to keep, between
 * them where feathered. INVALID_REQUEST for an index out of range, and for all when there is none: no mask is empty.
 */
RAHF_API rahf_status rahf_mask_pixels(
    const rahf_mask *mask, size_t region, const uint8_t **pixels, uint32_t *width, uint32_t *height);

/* A region before feathering. Set struct_size; that much is written. Later versions add fields at the end. */
typedef struct rahf_region {
    size_t struct_size;  /* sizeof(rahf_region) */
    uint32_t x;          /* the box around it */
    uint32_t y;
    uint32_t width;
    uint32_t height;
    uint32_t crop_x;     /* the box with its surroundings, by the options' padding and snap */
    uint32_t crop_y;
    uint32_t crop_width;
    uint32_t crop_height;
    uint64_t area;       /* pixels */
    double centroid_x;   /* mean column and row of its pixels; a pixel's centre is its index */
    double centroid_y;
    float peak;          /* the heatmap's highest value and its mean over the region */
    float mean;
} rahf_region;

RAHF_API rahf_status rahf_mask_region(const rahf_mask *mask, size_t index, rahf_region *region);

#ifdef __cplusplus
}
#endif

#endif /* RAHF_H */
