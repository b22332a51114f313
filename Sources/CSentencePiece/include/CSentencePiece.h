#ifndef RAHF_CSENTENCEPIECE_H
#define RAHF_CSENTENCEPIECE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A loaded SentencePiece model. Encoding and decoding are safe from several threads at once.
typedef struct rsp_model rsp_model;

/// Loads a serialised model. Null on failure, with the cause in `error`.
rsp_model *rsp_load(const void *bytes, size_t count, char *error, size_t error_size);
void rsp_free(rsp_model *model);
int32_t rsp_vocabulary_size(const rsp_model *model);
/// Encodes UTF-8; the ids belong to the caller (`rsp_release`). Returns their number, or -1.
int64_t rsp_encode(const rsp_model *model, const char *text, size_t length, int32_t **ids);
/// Encodes UTF-8 as `rsp_encode` does: id, first byte and end byte in the text of each piece, three numbers a piece.
/// They belong to the caller (`rsp_release`). Returns the number of pieces, or -1.
int64_t rsp_encode_spans(const rsp_model *model, const char *text, size_t length, int32_t **triples);
/// Decodes ids; the UTF-8 belongs to the caller. Returns its length, or -1.
int64_t rsp_decode(const rsp_model *model, const int32_t *ids, size_t count, char **text);
/// 1 for pad, end of sequence, unknown and other control ids.
int rsp_is_special(const rsp_model *model, int32_t id);
void rsp_release(void *memory);

#ifdef __cplusplus
}
#endif

#endif
