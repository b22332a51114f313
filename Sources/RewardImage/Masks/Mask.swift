/// A one-channel 8-bit map, row by row from the top: 255 is repainted, 0 is kept, values between blend.
///
/// Functions on binary masks take every value above 0 as set and write 255.
public struct Mask: Sendable, Equatable {
    /// Longest side in pixels.
    public static let maximumSide = 32_766

    public let width: Int
    public let height: Int
    public var values: [UInt8]

    /// Takes `width * height` values.
    public init(width: Int, height: Int, values: [UInt8]) {
        precondition(
            (1...Self.maximumSide).contains(width) && (1...Self.maximumSide).contains(height)
                && values.count == width * height, "\(values.count) values must fill \(width)×\(height)")
        self.width = width
        self.height = height
        self.values = values
    }

    /// A mask that keeps everything.
    public init(width: Int, height: Int) {
        self.init(width: width, height: height, values: [UInt8](repeating: 0, count: width * height))
    }

    /// Reads a mask picture. A colour picture is refused: a mask has one channel.
    public init(_ image: Image) throws(MaskError) {
        guard let grey = image.greyLevels else { throw .colourPicture }
        let values = grey.map { UInt8((min(max($0, 0), 1) * 255).rounded()) }
        self.init(width: image.width, height: image.height, values: values)
    }

    /// Pixels above 0.
    public var area: Int {
        values.reduce(0) { $0 + ($1 != 0 ? 1 : 0) }
    }

    public var isEmpty: Bool { values.allSatisfy { $0 == 0 } }

    /// 255 minus each value.
    public var inverted: Mask {
        Mask(width: width, height: height, values: values.map { 255 - $0 })
    }

    /// Moved `x` pixels to the right and `y` down. What enters from outside the image is empty.
    public func shifted(x: Int, y: Int) -> Mask {
        if x == 0, y == 0 { return self }
        var result = Mask(width: width, height: height)
        guard x.magnitude < width, y.magnitude < height else { return result }
        let columns = max(x, 0)..<min(width + x, width)
        for row in max(y, 0)..<min(height + y, height) {
            let target = row * width
            let source = (row - y) * width - x
            for column in columns { result.values[target + column] = values[source + column] }
        }
        return result
    }
}

/// Why a heatmap cannot be made into a mask, or a picture is no mask.
public enum MaskError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A value is NaN, infinite or outside [0, 1].
    case heatmapValue(x: Int, y: Int, Float)
    /// The map is neither square, as a model's, nor of the image's shape.
    case heatmapShape(width: Int, height: Int, imageWidth: Int, imageHeight: Int)
    case colourPicture

    public var description: String {
        switch self {
        case .heatmapValue(let x, let y, let value):
            "the heatmap's value at column \(x), row \(y) is \(value); values lie in 0 to 1"
        case .heatmapShape(let width, let height, let imageWidth, let imageHeight):
            """
            the heatmap is \(width)×\(height): neither square, as a model's heatmap is, nor of the image's shape \
            \(imageWidth)×\(imageHeight)
            """
        case .colourPicture: "the picture is in colour; heatmaps and masks are grey"
        }
    }
}

extension Image {
    /// One level in [0, 1] per pixel, or nil when a pixel's channels differ.
    var greyLevels: [Float]? {
        func first<Sample: Equatable>(_ samples: [Sample], _ level: (Sample) -> Float) -> [Float]? {
            var levels: [Float] = []
            levels.reserveCapacity(width * height)
            for pixel in 0..<width * height {
                let sample = samples[pixel * 3]
                guard samples[pixel * 3 + 1] == sample, samples[pixel * 3 + 2] == sample else { return nil }
                levels.append(level(sample))
            }
            return levels
        }
        switch samples {
        case .uint8(let octets): return first(octets) { Float($0) / 255 }
        case .float32(let floats): return first(floats) { $0 }
        }
    }
}

extension PNGEncoder {
    /// An 8-bit grey picture of a mask.
    public static func encode(_ mask: Mask) -> [UInt8] {
        // A level divided by 255 rounds back to itself.
        encode(Heatmap(width: mask.width, height: mask.height, values: mask.values.map { Float($0) / 255 }))
    }
}
