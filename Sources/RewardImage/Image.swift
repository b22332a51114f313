/// An RGB image: interleaved rows (height × width × 3), top to bottom.
public struct Image: Sendable, Equatable {
    public let width: Int
    public let height: Int
    public let samples: Samples

    /// Eight-bit samples, or floats where 1 is white.
    public enum Samples: Sendable, Equatable {
        case uint8([UInt8])
        /// In [0, 1] when decoded from a file. A caller's own tensors may lie outside; they are not clamped.
        case float32([Float])
    }

    /// Takes `width * height * 3` interleaved 8-bit samples.
    public init(width: Int, height: Int, rgb: [UInt8]) {
        precondition(width > 0 && height > 0 && rgb.count == width * height * 3, "samples must fill the image")
        self.width = width
        self.height = height
        self.samples = .uint8(rgb)
    }

    /// Takes `width * height * 3` interleaved float samples.
    public init(width: Int, height: Int, rgb: [Float]) {
        precondition(width > 0 && height > 0 && rgb.count == width * height * 3, "samples must fill the image")
        self.width = width
        self.height = height
        self.samples = .float32(rgb)
    }
}

/// A one-channel map of floats, row by row from the top: a predicted heatmap, or the weights of a mask.
public struct Heatmap: Sendable, Equatable {
    public let width: Int
    public let height: Int
    public var values: [Float]

    public init(width: Int, height: Int, values: [Float]) {
        precondition(width > 0 && height > 0 && values.count == width * height, "values must fill the map")
        self.width = width
        self.height = height
        self.values = values
    }
}
