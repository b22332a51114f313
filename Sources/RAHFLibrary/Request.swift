// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import Glibc
import RewardImage
import RewardModel

/// `rahf_request`.
final class RequestHandle: Handle {
    override class var typeName: String { "rahf_request" }

    static let maximumItems = 65_536
    static let maximumFileBytes = 256 << 20

    var items: [RequestItem] = []
    var cancel: Cancel?
}

/// A caller's cancel callback.
struct Cancel {
    var callback: rahf_cancel_callback
    var user: UnsafeMutableRawPointer?

    func isWanted(done: Int, of count: Int) -> Bool { callback(done, count, user) != 0 }
}

/// One item as it was given: files are decoded when they are scored, so that few pictures are in memory at once.
struct RequestItem {
    enum Source {
        case file([UInt8])
        case image(Image)
    }

    var source: Source
    /// UTF-8, or why it is not.
    var prompt: Result<String, Failure>
    var outputs: Outputs
    var objective: Objective?
    var scaling = GradientScaling()

    /// - Throws: the item's own failure.
    func decode() throws(Failure) -> PredictionItem {
        let prompt = try prompt.get()
        switch source {
        case .file(let bytes):
            return try PredictionItem(encodedImage: bytes, prompt: prompt, outputs: outputs, objective: objective)
        case .image(let image):
            return PredictionItem(image: image, prompt: prompt, outputs: outputs, objective: objective)
        }
    }
}

extension RequestHandle {
    /// Checks everything about an item but its picture, then adds it.
    func add(
        prompt: UnsafePointer<CChar>?, promptSize: Int, outputs: UInt32, objective: OpaquePointer?,
        _ source: () throws(Failure) -> RequestItem.Source
    ) throws(Failure) {
        guard items.count < Self.maximumItems else {
            throw Failure(.tooLarge, "the request has \(Self.maximumItems) items already")
        }
        guard outputs <= UInt32(RAHF_OUTPUT_ALL) else {
            throw Failure(.invalidRequest, "there is no output \(outputs)")
        }
        guard outputs != 0 || objective != nil else {
            throw Failure(.invalidRequest, "the item asks for no output and has no objective")
        }
        let text = try Self.text(prompt, promptSize)
        let wanted = objective == nil ? nil : try ObjectiveHandle.get(objective)
        items.append(
            RequestItem(
                source: try source(), prompt: text, outputs: Outputs(rawValue: UInt8(outputs)),
                objective: wanted?.objective, scaling: wanted?.scaling ?? GradientScaling()))
    }

    /// The prompt, or why it cannot be read. Never reads more than the longest prompt and one byte.
    private static func text(_ prompt: UnsafePointer<CChar>?, _ size: Int) throws(Failure) -> Result<String, Failure> {
        guard let prompt else { throw Failure(.invalidRequest, "the prompt is NULL") }
        let limit = PromptText.maximumBytes
        // RAHF_NUL_TERMINATED is the largest size there is.
        let count = size == -1 ? strnlen(prompt, limit + 1) : size
        guard count >= 0, count <= limit else {
            let what = size == -1 ? "more than \(limit)" : "\(UInt(bitPattern: size))"
            return .failure(Failure(.promptTooLong, "the prompt has \(what) bytes; the limit is \(limit)"))
        }
        let bytes = Array(UnsafeRawBufferPointer(start: prompt, count: count))
        do throws(PromptError) { return .success(try PromptText.decodeUTF8(bytes)) } catch {
            return .failure(Failure(error))
        }
    }
}

@c @implementation
public func rahf_request_new() -> OpaquePointer! {
    RequestHandle().retained()
}

@c @implementation
public func rahf_request_free(_ request: OpaquePointer!) {
    Handle.release(request)
}

@c @implementation
public func rahf_request_count(_ request: OpaquePointer!) -> Int {
    RequestHandle.find(request)?.items.count ?? 0
}

@c @implementation
public func rahf_request_add_encoded(
    _ request: OpaquePointer!, _ bytes: UnsafeRawPointer!, _ size: Int, _ prompt: UnsafePointer<CChar>!,
    _ prompt_size: Int, _ outputs: UInt32, _ objective: OpaquePointer!
) -> rahf_status {
    attempt { () throws(Failure) in
        try RequestHandle.get(request).add(
            prompt: prompt, promptSize: prompt_size, outputs: outputs, objective: objective
        ) { () throws(Failure) in
            .file(try Memory.copy(bytes, size, "the image file", limit: RequestHandle.maximumFileBytes))
        }
    }
}

@c @implementation
public func rahf_request_add_pixels(
    _ request: OpaquePointer!, _ pixels: UnsafePointer<rahf_pixels>!, _ prompt: UnsafePointer<CChar>!,
    _ prompt_size: Int, _ outputs: UInt32, _ objective: OpaquePointer!
) -> rahf_status {
    attempt { () throws(Failure) in
        try RequestHandle.get(request).add(
            prompt: prompt, promptSize: prompt_size, outputs: outputs, objective: objective
        ) { () throws(Failure) in .image(try PixelReader(pixels).image()) }
    }
}

@c @implementation
public func rahf_request_set_cancel(
    _ request: OpaquePointer!, _ cancel: rahf_cancel_callback!, _ user: UnsafeMutableRawPointer!
) -> rahf_status {
    attempt { () throws(Failure) in
        try RequestHandle.get(request).cancel = cancel.map { Cancel(callback: $0, user: user) }
    }
}
