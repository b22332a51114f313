import CRAHF
import RewardImage
import RewardModel

/// The samples that a `rahf_pixels` describes, checked against the memory it says there is.
struct PixelReader {
    private let data: UnsafeRawBufferPointer
    private let type: SampleType
    private let width: Int
    private let height: Int
    /// Bytes from one row, pixel or channel to the next.
    private let rowStride: Int
    private let pixelStride: Int
    private let channelStride: Int

    private enum SampleType {
        case uint8, float16, float32

        var size: Int {
            switch self {
            case .uint8: 1
            case .float16: 2
            case .float32: 4
            }
        }
    }

    /// - Throws: `invalidRequest`, naming the field, or `tooLarge`.
    init(_ pointer: UnsafePointer<rahf_pixels>?) throws(Failure) {
        let pixels = try Self.read(pointer)
        switch Int(pixels.type) {
        case RAHF_TYPE_U8: type = .uint8
        case RAHF_TYPE_F16: type = .float16
        case RAHF_TYPE_F32: type = .float32
        default: throw Failure(.invalidRequest, "there is no type \(pixels.type)")
        }
        let isPlanar: Bool
        switch Int(pixels.layout) {
        case RAHF_LAYOUT_HWC: isPlanar = false
        case RAHF_LAYOUT_CHW: isPlanar = true
        default: throw Failure(.invalidRequest, "there is no layout \(pixels.layout)")
        }
        (width, height) = (Int(pixels.width), Int(pixels.height))
        guard width > 0, height > 0 else { throw Failure(.invalidRequest, "the image is \(width)×\(height)") }
        let limits = ImageLimits.default
        guard width <= limits.maxSide, height <= limits.maxSide, width * height <= limits.maxPixels else {
            throw Failure(ImageError.tooLarge(width: width, height: height, limits))
        }
        // Strides are no larger than the data, and these bounds keep every product below 2⁶³.
        data = try Memory.buffer(pixels.data, pixels.data_size, "data", limit: 1 << 46)

        let pixelSize = isPlanar ? type.size : 3 * type.size
        pixelStride = try Self.stride(pixels.pixel_stride, least: pixelSize, in: data, "pixel_stride")
        let rowSize = (width - 1) * pixelStride + pixelSize
        rowStride = try Self.stride(
            pixels.row_stride, least: rowSize, tight: width * pixelStride, in: data, "row_stride")
        let planeSize = (height - 1) * rowStride + rowSize
        if isPlanar {
            channelStride = try Self.stride(
                pixels.plane_stride, least: planeSize, tight: height * rowStride, in: data, "plane_stride")
        } else {
            guard pixels.plane_stride == 0 else {
                throw Failure(.invalidRequest, "plane_stride is \(pixels.plane_stride), but the layout has no planes")
            }
            channelStride = type.size
        }
        let needed = planeSize + (isPlanar ? 2 * channelStride : 0)
        guard needed <= data.count else {
            throw Failure(.invalidRequest, "the samples take \(needed) bytes; data_size is \(data.count)")
        }
    }

    /// The struct, whatever version of it the caller has.
    private static func read(_ pointer: UnsafePointer<rahf_pixels>?) throws(Failure) -> rahf_pixels {
        guard let pointer else { throw Failure(.invalidRequest, "the rahf_pixels is NULL") }
        let raw = UnsafeRawPointer(pointer)
        let size = raw.loadUnaligned(as: Int.self)
        let known = MemoryLayout<rahf_pixels>.size
        guard size >= known, size <= 4096 else {
            throw Failure(.invalidRequest, "struct_size is \(UInt(bitPattern: size)); this version's is \(known)")
        }
        // Fields of a later version that are zero mean what this version does.
        guard UnsafeRawBufferPointer(start: raw, count: size)[known...].allSatisfy({ $0 == 0 }) else {
            throw Failure(.unsupportedVersion, "the rahf_pixels uses fields that this version does not have")
        }
        return raw.loadUnaligned(as: rahf_pixels.self)
    }

    private static func stride(
        _ given: Int, least: Int, tight: Int? = nil, in data: UnsafeRawBufferPointer, _ name: String
    ) throws(Failure) -> Int {
        if given == 0 { return tight ?? least }
        guard given >= least, given <= data.count else {
            throw Failure(
                .invalidRequest,
                "\(name) is \(UInt(bitPattern: given)); it must be from \(least) to data_size, \(data.count)")
        }
        return given
    }

    /// Copies the samples; floats outside [0, 1] and NaN are the model's to judge.
    func image() -> Image {
        switch type {
        case .uint8: return Image(width: width, height: height, rgb: samples { data[$0] })
        case .float16:
            let values: [Float] = samples { offset in
                Float(Float16(bitPattern: data.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
            }
            return Image(width: width, height: height, rgb: values)
        case .float32:
            let values: [Float] = samples { data.loadUnaligned(fromByteOffset: $0, as: Float.self) }
            return Image(width: width, height: height, rgb: values)
        }
    }

    /// Interleaved samples, read at their byte offsets.
    private func samples<Sample>(_ read: (Int) -> Sample) -> [Sample] {
        [Sample](unsafeUninitializedCapacity: width * height * 3) { target, count in
            for y in 0..<height {
                for x in 0..<width {
                    let offset = y * rowStride + x * pixelStride
                    for channel in 0..<3 {
                        target.initializeElement(at: count, to: read(offset + channel * channelStride))
                        count += 1
                    }
                }
            }
        }
    }
}
