#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

// No exception crosses this file: Swift has no way to catch one.

struct rsp_model {
    sentencepiece::SentencePieceProcessor processor;
};

rsp_model *rsp_load(const void *bytes, size_t count, char *error, size_t error_size) {
    try {
        auto *model = new rsp_model;
        auto status = model->processor.LoadFromSerializedProto(
            absl::string_view(static_cast<const char *>(bytes), count));
        if (status.ok()) return model;
        std::snprintf(error, error_size, "%s", status.ToString().c_str());
        delete model;
    } catch (const std::exception &caught) {
        std::snprintf(error, error_size, "%s", caught.what());
    } catch (...) {
        std::snprintf(error, error_size, "unknown exception");
    }
    return nullptr;
}

void rsp_free(rsp_model *model) { delete model; }

int32_t rsp_vocabulary_size(const rsp_model *model) { return model->processor.GetPieceSize(); }

int64_t rsp_encode(const rsp_model *model, const char *text, size_t length, int32_t **ids) {
    try {
        std::vector<int> found;
        if (!model->processor.Encode(absl::string_view(text, length), &found).ok()) return -1;
        *ids = static_cast<int32_t *>(std::malloc((found.size() + 1) * sizeof(int32_t)));
        if (!*ids) return -1;
        for (size_t i = 0; i < found.size(); i++) (*ids)[i] = found[i];
        return static_cast<int64_t>(found.size());
    } catch (...) {
        return -1;
    }
}

int64_t rsp_encode_spans(const rsp_model *model, const char *text, size_t length, int32_t **triples) {
    try {
        auto found = model->processor.EncodeAsImmutableProto(absl::string_view(text, length));
        size_t count = found.pieces_size();
        *triples = static_cast<int32_t *>(std::malloc((3 * count + 1) * sizeof(int32_t)));
        if (!*triples) return -1;
        for (size_t i = 0; i < count; i++) {
            auto piece = found.pieces(static_cast<int>(i));
            (*triples)[3 * i] = static_cast<int32_t>(piece.id());
            (*triples)[3 * i + 1] = static_cast<int32_t>(piece.begin());
            (*triples)[3 * i + 2] = static_cast<int32_t>(piece.end());
        }
        return static_cast<int64_t>(count);
    } catch (...) {
        return -1;
    }
}

int64_t rsp_decode(const rsp_model *model, const int32_t *ids, size_t count, char **text) {
    try {
        std::string found;
        if (!model->processor.Decode(std::vector<int>(ids, ids + count), &found).ok()) return -1;
        *text = static_cast<char *>(std::malloc(found.size() + 1));
        if (!*text) return -1;
        std::memcpy(*text, found.data(), found.size());
        return static_cast<int64_t>(found.size());
    } catch (...) {
        return -1;
    }
}

int rsp_is_special(const rsp_model *model, int32_t id) {
    return model->processor.IsControl(id) || model->processor.IsUnknown(id);
}

void rsp_release(void *memory) { std::free(memory); }
