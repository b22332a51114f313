// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardImage
import RewardModel

/// `rahf_mask_options`.
final class MaskOptionsHandle: Handle {
    override class var typeName: String { "rahf_mask_options" }

    var options = MaskOptions()
}

extension MaskOptions {
    /// Sets the option that the command calls `--name`.
    ///
    /// - Throws: `invalidRequest`, naming the option; nothing is changed then.
    mutating func set(_ name: String, _ value: String) throws(Failure) {
        func read<Value>(_ value: Value?) throws(Failure) -> Value {
            guard let value else { throw Failure(.invalidRequest, "\(name) cannot be '\(text)'") }
            return value
        }
        let text = value
        var changed = self
        switch name {
        case "threshold": changed.threshold = try read(HeatmapThreshold(value))
        case "low":
            changed.low = value.isEmpty ? nil : try read(HeatmapThreshold(value))
            if changed.low == .otsu { throw Failure(.invalidRequest, "low is a value or a percentile") }
        case "min-area": changed.minArea = try read(MaskAmount(value))
        case "max-area": changed.maxArea = try read(MaskAmount(value))
        case "keep": changed.keep = value.isEmpty ? nil : try read(Int(value))
        case "keep-by": changed.keepBy = try read(Rank(rawValue: value))
        case "fill-holes": changed.fillHoles = try read(Bool(value))
        case "open": changed.open = try read(MaskAmount(value))
        case "close": changed.close = try read(MaskAmount(value))
        case "dilate": changed.dilate = try read(MaskAmount(value))
        case "element": changed.element = try read(StructuringElement.Shape(rawValue: value))
        case "feather": changed.feather = try read(MaskAmount(value))
        case "offset": changed.offset = try read(PixelOffset(value))
        case "invert": changed.invert = try read(Bool(value))
        case "padding": changed.padding = try read(Int(value))
        case "snap": changed.snap = try read(Int(value))
        default: throw Failure(.invalidRequest, "there is no mask option '\(name)'")
        }
        if let problem = changed.problem { throw Failure(.invalidRequest, problem) }
        self = changed
    }
}

@c @implementation
public func rahf_mask_options_new() -> OpaquePointer! {
    MaskOptionsHandle().retained()
}

@c @implementation
public func rahf_mask_options_free(_ options: OpaquePointer!) {
    Handle.release(options)
}

@c @implementation
public func rahf_mask_options_set(
    _ options: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ value: UnsafePointer<CChar>!
) -> rahf_status {
    attempt { () throws(Failure) in
        let handle = try MaskOptionsHandle.get(options)
        guard let name, let value else { throw Failure(.invalidRequest, "the option's name or value is NULL") }
        guard let name = String(validatingCString: name), let value = String(validatingCString: value) else {
            throw Failure(.invalidRequest, "the option's name or value is not UTF-8")
        }
        try handle.options.set(name, value)
    }
}
