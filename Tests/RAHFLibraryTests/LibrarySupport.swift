import CRAHF
import Glibc
import RewardImage
import RewardModel
import RewardTestSupport
import Testing

/// What every test of the C interface uses: a tiny model, and C's handles for the length of a closure.
enum Library {
    static let folder = Fixtures.path("RewardModelTests", "golden-multi-mini")
    /// The paper's decoder writes this one's words.
    static let decoderFolder = Fixtures.path("RewardModelTests", "golden-augmented-paper")
    static let picture = "\(folder)/picture-0.png"

    static let ok = rahf_status(RAHF_STATUS_OK)
    static let invalidRequest = rahf_status(RAHF_STATUS_INVALID_REQUEST)
    static let tooLarge = rahf_status(RAHF_STATUS_TOO_LARGE)
    static let nulTerminated = -1

    static var lastError: String { String(cString: rahf_last_error()) }

    static func withModel<R>(
        _ folder: String = Library.folder, _ options: OpaquePointer? = nil, _ body: (OpaquePointer) throws -> R
    ) throws -> R {
        var model: OpaquePointer?
        try #require(rahf_model_load(folder, options, &model) == ok, "\(lastError)")
        defer { rahf_model_free(model) }
        return try body(try #require(model))
    }

    static func withRequest<R>(_ body: (OpaquePointer) throws -> R) throws -> R {
        let request = rahf_request_new()
        defer { rahf_request_free(request) }
        return try body(try #require(request))
    }

    static func withResult<R>(
        _ model: OpaquePointer, _ request: OpaquePointer, _ body: (OpaquePointer) throws -> R
    ) throws -> R {
        var result: OpaquePointer?
        try #require(rahf_score(model, request, &result) == ok, "\(lastError)")
        defer { rahf_result_free(result) }
        return try body(try #require(result))
    }

    /// A result whose one item asked for everything.
    static func withFullResult<R>(_ body: (OpaquePointer) throws -> R) throws -> R {
        try withModel { model in
            try withRequest { request in
                try #require(add(request, try bytes(picture), "a red cat") == ok)
                return try withResult(model, request, body)
            }
        }
    }

    /// Adds an encoded picture.
    static func add(
        _ request: OpaquePointer?, _ file: [UInt8], _ prompt: String, _ outputs: Int = RAHF_OUTPUT_ALL,
        _ objective: OpaquePointer? = nil
    ) -> rahf_status {
        rahf_request_add_encoded(request, file, file.count, prompt, nulTerminated, UInt32(outputs), objective)
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "rb"), "\(path)")
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 22)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }

    /// A description of samples; the pointer must outlive its use.
    static func pixels(
        _ data: UnsafeRawPointer?, _ size: Int, type: Int = RAHF_TYPE_U8, layout: Int = RAHF_LAYOUT_HWC, width: Int,
        height: Int
    ) -> rahf_pixels {
        rahf_pixels(
            struct_size: MemoryLayout<rahf_pixels>.size, data: data, data_size: size, type: UInt32(type),
            layout: UInt32(layout), width: UInt32(width), height: UInt32(height), row_stride: 0, pixel_stride: 0,
            plane_stride: 0)
    }
}
