package import RewardImage
package import RewardModel

extension WireDType {
    /// Bytes of one number. Nil for numbers of later versions.
    package var size: Int? {
        switch self {
        case .u8: 1
        case .f16: 2
        case .f32: 4
        case .unspecified, .UNRECOGNIZED: nil
        }
    }
}

/// Numbers in frames: little-endian, row by row.
package enum FrameCoding {
    /// `dtype` is U8 (0 to 255 standing for 0 to 1), F16 or F32; values outside U8's range are clamped to it.
    package static func encode(_ values: [Float], as dtype: WireDType) -> [UInt8] {
        switch dtype {
        case .u8: return values.map { UInt8((min(max($0, 0), 1) * 255).rounded()) }
        case .f16: return values.map { Float16($0).bitPattern.littleEndian }.withUnsafeBytes(Array.init)
        default: return values.map(\.bitPattern.littleEndian).withUnsafeBytes(Array.init)
        }
    }

    /// All numbers of a frame of whole numbers of `dtype`.
    package static func decode(_ frame: [UInt8], as dtype: WireDType) -> [Float] {
        switch dtype {
        case .u8: return frame.map { Float($0) * (1 / 255) }
        case .f16:
            return frame.withUnsafeBytes { bytes in
                (0..<bytes.count / 2).map { index in
                    let bits = bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
                    return Float(Float16(bitPattern: UInt16(littleEndian: bits)))
                }
            }
        default:
            return frame.withUnsafeBytes { bytes in
                (0..<bytes.count / 4).map { index in
                    let bits = bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
                    return Float(bitPattern: UInt32(littleEndian: bits))
                }
            }
        }
    }

    /// An image's samples as they are held, HWC.
    package static func frame(_ image: Image) -> (WireDType, [UInt8]) {
        switch image.samples {
        case .uint8(let octets): (.u8, octets)
        case .float32(let values): (.f32, encode(values, as: .f32))
        }
    }

    /// Planes to pixels: `[channels, count]` to `[count, channels]`.
    package static func interleave<T>(_ planes: [T], channels: Int) -> [T] {
        let count = planes.count / channels
        var result = planes
        for channel in 0..<channels {
            for index in 0..<count { result[index * channels + channel] = planes[channel * count + index] }
        }
        return result
    }
}

extension WireTensor {
    /// Width and height, checked against the layout, the limits and the frame's length.
    package func extents(_ frame: [UInt8], limits: ImageLimits) throws(Failure) -> (width: Int, height: Int) {
        guard let size = dtype.size else { throw Failure(.invalidRequest, "there is no dtype \(dtype.rawValue)") }
        let extents = shape.prefix(4).map(Int.init)
        let (width, height, channels): (Int, Int, Int)
        switch (layout, extents.count) {
        case (.hwc, 3): (height, width, channels) = (extents[0], extents[1], extents[2])
        case (.chw, 3): (channels, height, width) = (extents[0], extents[1], extents[2])
        case (.hw, 2): (height, width, channels) = (extents[0], extents[1], 1)
        case (.hwc, _), (.chw, _), (.hw, _):
            throw Failure(.invalidRequest, "a shape of \(shape.count) extents does not fit the layout")
        case (.unspecified, _), (.UNRECOGNIZED, _):
            throw Failure(.invalidRequest, "there is no layout \(layout.rawValue)")
        }
        guard layout == .hw || channels == 3 else {
            throw Failure(.invalidRequest, "the tensor has \(channels) channels; it must have 3, red, green and blue")
        }
        guard width > 0, height > 0 else { throw Failure(.invalidRequest, "the tensor is \(width)×\(height)") }
        // Extents are below 2^32, so that the product of two fits.
        guard width <= limits.maxSide, height <= limits.maxSide, width * height <= limits.maxPixels else {
            throw Failure(ImageError.tooLarge(width: width, height: height, limits))
        }
        let wanted = width * height * channels * size
        guard frame.count == wanted else {
            throw Failure(
                .invalidRequest,
                "frame \(self.frame) has \(frame.count) bytes; its shape \(extents) of \(dtype) takes \(wanted)")
        }
        return (width, height)
    }

    /// The picture in a frame.
    package func image(_ frame: [UInt8], limits: ImageLimits) throws(Failure) -> Image {
        let (width, height) = try extents(frame, limits: limits)
        guard layout != .hw else { throw Failure(.invalidRequest, "an image's layout is HWC or CHW, not HW") }
        if dtype == .u8 {
            return Image(
                width: width, height: height,
                rgb: layout == .chw ? FrameCoding.interleave(frame, channels: 3) : frame)
        }
        let values = FrameCoding.decode(frame, as: dtype)
        return Image(
            width: width, height: height, rgb: layout == .chw ? FrameCoding.interleave(values, channels: 3) : values)
    }

    /// The map in a frame.
    package func map(_ frame: [UInt8], limits: ImageLimits) throws(Failure) -> Heatmap {
        let (width, height) = try extents(frame, limits: limits)
        guard layout == .hw else { throw Failure(.invalidRequest, "a map's layout is HW") }
        return Heatmap(width: width, height: height, values: FrameCoding.decode(frame, as: dtype))
    }

    package init(frame: Int, _ dtype: WireDType, _ layout: WireLayout, _ shape: [Int]) {
        self.init()
        self.frame = UInt32(clamping: frame)
        self.dtype = dtype
        self.layout = layout
        self.shape = shape.map { UInt32(clamping: $0) }
    }
}
