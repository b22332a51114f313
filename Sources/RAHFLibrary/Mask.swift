// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardImage
import RewardModel
import Synchronization

/// `rahf_mask`.
final class MaskHandle: Handle {
    override class var typeName: String { "rahf_mask" }

    let result: MaskResult
    /// Masks asked for so far, by region; -1 is all.
    private let made = Mutex<[Int: Numbers<UInt8>]>([:])

    /// RAHF_ALL_REGIONS is the largest size there is.
    static let allRegions = -1

    init(_ result: MaskResult) {
        self.result = result
    }

    /// - Throws: `invalidRequest` for an index out of range, or for all regions when there is none.
    func pixels(_ region: Int) throws(Failure) -> Numbers<UInt8> {
        guard region != Self.allRegions || !result.regions.isEmpty else {
            throw Failure(.invalidRequest, "there is nothing to repair, and so no mask")
        }
        if region != Self.allRegions { _ = try self.region(region) }
        let result = result
        return made.withLock { made in
            if let known = made[region] { return known }
            let mask = region == Self.allRegions ? result.mask : result.mask(ofRegion: region)
            let pixels = Numbers(mask?.values ?? [])
            made[region] = pixels
            return pixels
        }
    }

    /// - Throws: `invalidRequest` for an index out of range.
    func region(_ index: Int) throws(Failure) -> MaskRegion {
        guard result.regions.indices.contains(index) else {
            throw Failure(
                .invalidRequest,
                "region \(UInt(bitPattern: index)) is out of range; the mask has \(result.regions.count)")
        }
        return result.regions[index]
    }
}

@c @implementation
public func rahf_mask_make(
    _ heatmap: UnsafePointer<Float>!, _ width: UInt32, _ height: UInt32, _ image_width: UInt32,
    _ image_height: UInt32, _ options: OpaquePointer!, _ mask: UnsafeMutablePointer<OpaquePointer?>!
) -> rahf_status {
    attempt(giving: mask, MaskHandle.typeName) { () throws(Failure) in
        guard let heatmap else { throw Failure(.invalidRequest, "the heatmap is NULL") }
        let options = options == nil ? MaskOptions() : try MaskOptionsHandle.get(options).options
        let map = try Heatmap(heatmap, width, height, "heatmap")
        let (imageWidth, imageHeight) = (Int(image_width), Int(image_height))
        guard imageWidth > 0, imageHeight > 0 else {
            throw Failure(.invalidRequest, "the image is \(imageWidth)×\(imageHeight)")
        }
        let limits = ImageLimits.default
        guard imageWidth <= limits.maxSide, imageHeight <= limits.maxSide, imageWidth * imageHeight <= limits.maxPixels
        else {
            throw Failure(ImageError.tooLarge(width: imageWidth, height: imageHeight, limits))
        }
        do throws(MaskError) {
            return MaskHandle(
                try MaskMaker.make(from: map, width: imageWidth, height: imageHeight, options: options))
        } catch { throw Failure(.invalidRequest, error.description) }
    }
}

@c @implementation
public func rahf_mask_free(_ mask: OpaquePointer!) {
    Handle.release(mask)
}

@c @implementation
public func rahf_mask_region_count(_ mask: OpaquePointer!) -> Int {
    MaskHandle.find(mask)?.result.regions.count ?? 0
}

@c @implementation
public func rahf_mask_pixels(
    _ mask: OpaquePointer!, _ region: Int, _ pixels: UnsafeMutablePointer<UnsafePointer<UInt8>?>!,
    _ width: UnsafeMutablePointer<UInt32>!, _ height: UnsafeMutablePointer<UInt32>!
) -> rahf_status {
    attempt { () throws(Failure) in
        let handle = try MaskHandle.get(mask)
        let found = try handle.pixels(region)
        pixels?.pointee = found.pointer
        width?.pointee = UInt32(handle.result.heatmap.width)
        height?.pointee = UInt32(handle.result.heatmap.height)
    }
}

@c @implementation
public func rahf_mask_region(
    _ mask: OpaquePointer!, _ index: Int, _ region: UnsafeMutablePointer<rahf_region>!
) -> rahf_status {
    attempt { () throws(Failure) in
        let found = try MaskHandle.get(mask).region(index)
        guard let region else { throw Failure(.invalidRequest, "the rahf_region is NULL") }
        let raw = UnsafeMutableRawPointer(region)
        let size = raw.loadUnaligned(as: Int.self)
        let known = MemoryLayout<rahf_region>.size
        guard size >= known else {
            throw Failure(.invalidRequest, "struct_size is \(UInt(bitPattern: size)); this version's is \(known)")
        }
        var filled = rahf_region(
            struct_size: size, x: UInt32(found.box.x), y: UInt32(found.box.y), width: UInt32(found.box.width),
            height: UInt32(found.box.height), crop_x: UInt32(found.crop.x), crop_y: UInt32(found.crop.y),
            crop_width: UInt32(found.crop.width), crop_height: UInt32(found.crop.height), area: UInt64(found.area),
            centroid_x: found.centroid.x, centroid_y: found.centroid.y, peak: found.peak, mean: found.mean)
        withUnsafeBytes(of: &filled) { raw.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(raw), byteCount: known) }
    }
}
