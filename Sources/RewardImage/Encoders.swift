import CImageCodecs

/// 8-bit PNG files.
public enum PNGEncoder {
    /// How hard to compress.
    public enum Effort: Sendable {
        case normal
        /// Several times faster, larger files.
        case fast
    }

    /// An RGB picture; float samples are clamped to [0, 1] and rounded.
    public static func encode(_ image: Image, effort: Effort = .normal) -> [UInt8] {
        switch image.samples {
        case .uint8(let octets): encode(octets, image.width, image.height, channels: 3, effort)
        case .float32(let floats): encode(floats.map(level), image.width, image.height, channels: 3, effort)
        }
    }

    /// A grey picture of a map: 0 is black, 1 is white.
    public static func encode(_ map: Heatmap, effort: Effort = .normal) -> [UInt8] {
        encode(map.values.map(level), map.width, map.height, channels: 1, effort)
    }

    fileprivate static func level(_ value: Float) -> UInt8 {
        // Not above zero covers NaN, which is drawn black.
        value > 0 ? UInt8((min(value, 1) * 255).rounded()) : 0
    }

    private static func encode(_ samples: [UInt8], _ width: Int, _ height: Int, channels: Int32, _ effort: Effort)
        -> [UInt8]
    {
        var count = 0
        guard
            let buffer = rci_encode_png(
                samples, UInt32(width), UInt32(height), channels, effort == .fast ? 1 : 0, &count)
        else {
            preconditionFailure("libpng could not encode \(width)×\(height)")
        }
        defer { rci_free(buffer) }
        return Array(UnsafeBufferPointer(start: buffer, count: count))
    }
}

/// Baseline JPEG files.
public enum JPEGEncoder {
    /// An RGB picture at libjpeg's quality 1 to 100, chroma at half size; float samples are clamped and rounded.
    public static func encode(_ image: Image, quality: Int) -> [UInt8] {
        precondition((1...100).contains(quality), "JPEG quality \(quality)")
        let octets: [UInt8]
        switch image.samples {
        case .uint8(let samples): octets = samples
        case .float32(let samples): octets = samples.map(PNGEncoder.level)
        }
        var count = 0
        guard
            let buffer = rci_encode_jpeg(
                octets, UInt32(image.width), UInt32(image.height), Int32(quality), &count)
        else { preconditionFailure("libjpeg could not encode \(image.width)×\(image.height)") }
        defer { rci_free(buffer) }
        return Array(UnsafeBufferPointer(start: buffer, count: count))
    }
}

/// NumPy's array file, version 1.0, little-endian float32 in C order.
public enum NPYEncoder {
    public static func encode(_ values: [Float], shape: [Int]) -> [UInt8] {
        precondition(values.count == shape.reduce(1, *), "values must fill \(shape)")
        let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(extents)), }"
        // Magic, version and length take 10 bytes; data starts on a multiple of 64.
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
        bytes += [UInt8(header.utf8.count & 0xff), UInt8(header.utf8.count >> 8)] + Array(header.utf8)
        values.withUnsafeBytes { bytes += $0 }
        return bytes
    }
}
