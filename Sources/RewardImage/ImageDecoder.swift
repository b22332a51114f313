import CImageCodecs

/// The formats generators write.
public enum ImageFormat: String, Sendable {
    case png, jpeg, webp
}

/// Something about the file that its picture no longer shows.
public enum ImageFact: Sendable, Equatable {
    case greyscale
    case alphaDropped
    /// EXIF orientation 2 to 8, applied.
    case exifOrientation(Int)
    case cmyk
    /// Bits per sample when not 8.
    case sampleDepth(Int)
}

/// A decoded picture and what was done to get it.
public struct DecodedImage: Sendable, Equatable {
    public var image: Image
    public var format: ImageFormat
    public var facts: [ImageFact]
}

extension DecodedImage {
    /// The values in [0, 1] of a picture that was grey in its file; nil for one with colours.
    public var greyMap: Heatmap? {
        guard facts.contains(.greyscale) else { return nil }
        let values: [Float]
        switch image.samples {
        case .uint8(let octets): values = stride(from: 0, to: octets.count, by: 3).map { Float(octets[$0]) / 255 }
        case .float32(let floats): values = stride(from: 0, to: floats.count, by: 3).map { floats[$0] }
        }
        return Heatmap(width: image.width, height: image.height, values: values)
    }
}

/// What a decoder accepts, checked before memory is taken.
public struct ImageLimits: Sendable, Equatable {
    /// Longest side in pixels. The default is 16,384.
    public var maxSide: Int
    /// Most pixels. The default is 64 million.
    public var maxPixels: Int

    public static let `default` = ImageLimits(maxSide: 16_384, maxPixels: 64_000_000)

    public init(maxSide: Int, maxPixels: Int) {
        self.maxSide = maxSide
        self.maxPixels = maxPixels
    }
}

/// Why bytes are not a picture we take.
public enum ImageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Neither PNG nor JPEG nor WebP.
    case unknownFormat
    case unsupported(ImageFormat, String)
    case corrupt(ImageFormat, String)
    case tooLarge(width: Int, height: Int, ImageLimits)
    case outOfMemory(width: Int, height: Int)

    public var description: String {
        switch self {
        case .unknownFormat: "the bytes are neither PNG nor JPEG nor WebP"
        case .unsupported(let format, let reason): "\(format.rawValue): \(reason) is not supported"
        case .corrupt(let format, let reason): "\(format.rawValue): \(reason)"
        case .tooLarge(let width, let height, let limits):
            "the image is \(width)×\(height); the limits are \(limits.maxSide) a side and \(limits.maxPixels) pixels"
        case .outOfMemory(let width, let height): "no memory for \(width)×\(height) pixels"
        }
    }
}

/// Turns file bytes into pictures. The format is told by the bytes, never by a name.
public enum ImageDecoder {
    public static func format(of bytes: [UInt8]) -> ImageFormat? {
        if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) { return .png }
        if bytes.starts(with: [0xff, 0xd8, 0xff]) { return .jpeg }
        if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) { return .webp }
        return nil
    }

    /// Decodes a whole file; a damaged or truncated one is an error, never part of a picture.
    public static func decode(
        _ bytes: [UInt8], limits: ImageLimits = .default
    ) throws(ImageError) -> DecodedImage {
        guard let format = format(of: bytes) else { throw .unknownFormat }
        let decoder =
            switch format {
            case .png: rci_decode_png
            case .jpeg: rci_decode_jpeg
            case .webp: rci_decode_webp
            }
        var found = rci_image()
        let status = decoder(
            bytes, bytes.count, UInt32(clamping: limits.maxSide), UInt64(clamping: limits.maxPixels), &found)
        let (width, height) = (Int(found.width), Int(found.height))
        guard status == Int32(RCI_OK.rawValue), let samples = found.samples else {
            let message = withUnsafeBytes(of: found.message) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            switch UInt32(status) {
            case RCI_TOO_LARGE.rawValue: throw .tooLarge(width: width, height: height, limits)
            case RCI_UNSUPPORTED.rawValue: throw .unsupported(format, message)
            case RCI_NO_MEMORY.rawValue: throw .outOfMemory(width: width, height: height)
            default: throw .corrupt(format, message)
            }
        }
        defer { rci_free(samples) }
        let count = width * height * 3
        var image: Image
        if found.depth == 16 {
            let words = UnsafeBufferPointer(start: samples.assumingMemoryBound(to: UInt16.self), count: count)
            image = Image(width: width, height: height, rgb: words.map { Float($0) / 65535 })
        } else {
            let octets = UnsafeBufferPointer(start: samples.assumingMemoryBound(to: UInt8.self), count: count)
            image = Image(width: width, height: height, rgb: Array(octets))
        }
        var facts: [ImageFact] = []
        if found.was_grey != 0 { facts.append(.greyscale) }
        if found.had_alpha != 0 { facts.append(.alphaDropped) }
        if found.was_cmyk != 0 { facts.append(.cmyk) }
        if found.file_depth != 8 { facts.append(.sampleDepth(Int(found.file_depth))) }
        if format == .jpeg, let orientation = EXIF.orientation(inJPEG: bytes), orientation != 1 {
            image = image.oriented(orientation)
            facts.append(.exifOrientation(orientation))
        }
        return DecodedImage(image: image, format: format, facts: facts)
    }
}
