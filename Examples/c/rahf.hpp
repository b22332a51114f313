// A C++11 wrapper of rahf.h: handles that free themselves, failures as exceptions. Copy it and add what you need.
#pragma once

#include <rahf.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace rahf {

struct Error : std::runtime_error {
    rahf_status status;
    Error(rahf_status status, const std::string &why)
        : std::runtime_error(std::string(rahf_status_name(status)) + ": " + why), status(status) {}
};

inline void check(rahf_status status) {
    if (status != RAHF_STATUS_OK) throw Error(status, rahf_last_error());
}

struct Free {
    void operator()(rahf_model *it) const { rahf_model_free(it); }
    void operator()(rahf_request *it) const { rahf_request_free(it); }
    void operator()(rahf_result *it) const { rahf_result_free(it); }
};
template <class Handle> using Owned = std::unique_ptr<Handle, Free>;

struct Result {
    Owned<rahf_result> handle;
    std::size_t size() const { return rahf_result_count(handle.get()); }
    std::array<float, 4> scores(std::size_t item) const {
        std::array<float, 4> scores;
        check(rahf_result_scores(handle.get(), item, scores.data()));
        return scores;
    }
};

struct Request {
    Owned<rahf_request> handle{rahf_request_new()};
    // Tightly packed 8-bit RGB, [height, width, 3].
    void add(const unsigned char *rgb, uint32_t width, uint32_t height, const std::string &prompt, uint32_t outputs) {
        rahf_pixels pixels = rahf_pixels();
        pixels.struct_size = sizeof pixels;
        pixels.data = rgb;
        pixels.data_size = std::size_t(width) * height * 3;
        pixels.type = RAHF_TYPE_U8;
        pixels.layout = RAHF_LAYOUT_HWC;
        pixels.width = width;
        pixels.height = height;
        check(rahf_request_add_pixels(handle.get(), &pixels, prompt.data(), prompt.size(), outputs, nullptr));
    }
};

struct Model {
    Owned<rahf_model> handle;
    explicit Model(const std::string &folder) {
        rahf_model *model = nullptr;
        check(rahf_model_load(folder.c_str(), nullptr, &model));
        handle.reset(model);
    }
    Result score(const Request &request) const {
        rahf_result *result = nullptr;
        check(rahf_score(handle.get(), request.handle.get(), &result));
        return Result{Owned<rahf_result>(result)};
    }
};

}  // namespace rahf
