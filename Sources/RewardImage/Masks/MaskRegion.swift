/// A rectangle of pixels.
public struct PixelBox: Sendable, Equatable {
    public var x: Int
    public var y: Int
    public var width: Int
    public var height: Int

    public init(x: Int, y: Int, width: Int, height: Int) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    /// The crop of an inpainter that looks at the region and its surroundings.
    ///
    /// The box grown by `padding`, then to the least width and height that are multiples of `snap`, starting on a
    /// multiple. A crop that would leave the image is moved back into it; one that does not fit is the whole side.
    public func crop(padding: Int, snap: Int, imageWidth: Int, imageHeight: Int) -> PixelBox {
        func side(_ start: Int, _ length: Int, _ whole: Int) -> (start: Int, length: Int) {
            let first = max(start - padding, 0) / snap * snap
            let end = min(start + length + padding, whole)
            let wanted = (end - first + snap - 1) / snap * snap
            return wanted >= whole ? (0, whole) : (min(first, whole - wanted), wanted)
        }
        let (x, width) = side(x, width, imageWidth)
        let (y, height) = side(y, height, imageHeight)
        return PixelBox(x: x, y: y, width: width, height: height)
    }
}

/// One 8-connected region of a mask as it is before feathering.
public struct MaskRegion: Sendable, Equatable {
    public var box: PixelBox
    /// The box with its surroundings, by the options' padding and snap.
    public var crop: PixelBox
    /// Pixels.
    public var area: Int
    /// The highest value of the heatmap in the region, in [0, 1].
    public var peak: Float
    /// The heatmap's mean over the region.
    public var mean: Float
    /// Mean column and row of the region's pixels; a pixel's centre is its index.
    public var centroid: Point

    public struct Point: Sendable, Equatable {
        public var x: Double
        public var y: Double
    }
}

/// Sums over a region's runs.
struct RegionSums {
    var area = 0
    var peak: Float = 0
    var mass = 0.0
    private var columns = 0
    private var rows = 0
    private var left = Int.max
    private var right = 0
    private var top = Int.max
    private var bottom = 0

    /// Adds a run, moved by `offset` and cut to the image; the heatmap is read where the run came from.
    mutating func add(
        _ run: PixelRun, _ heat: UnsafeBufferPointer<Float>, width: Int, height: Int, offset: PixelOffset
    ) {
        let y = Int(run.row) + offset.y
        let start = max(Int(run.start) + offset.x, 0)
        let end = min(Int(run.end) + offset.x, width)
        guard y >= 0, y < height, start < end else { return }
        area += end - start
        rows += y * (end - start)
        // The sum of start ... end - 1.
        columns += (start + end - 1) * (end - start) / 2
        left = min(left, start)
        right = max(right, end)
        top = min(top, y)
        bottom = max(bottom, y + 1)
        let first = Int(run.row) * width - offset.x + start
        let values = UnsafeBufferPointer(rebasing: heat[first..<first + end - start])
        let (sum, highest) = Self.sumAndPeak(values)
        peak = max(peak, highest)
        mass += Double(sum)
    }

    /// Eight values at a time: the order of a float sum is kept by the compiler, so it would be one at a time.
    private static func sumAndPeak(_ values: UnsafeBufferPointer<Float>) -> (sum: Float, peak: Float) {
        var sums = SIMD8<Float>.zero
        var peaks = SIMD8<Float>.zero
        let raw = UnsafeRawBufferPointer(values)
        let whole = values.count / 8 * 8
        for start in stride(from: 0, to: whole, by: 8) {
            let eight = raw.loadUnaligned(fromByteOffset: start * 4, as: SIMD8<Float>.self)
            sums += eight
            peaks.replace(with: eight, where: eight .> peaks)
        }
        var (sum, peak) = (sums.sum(), peaks.max())
        for index in whole..<values.count {
            sum += values[index]
            peak = max(peak, values[index])
        }
        return (sum, peak)
    }

    /// Nil when nothing of the region is left in the image.
    func region(_ options: MaskOptions, width: Int, height: Int) -> MaskRegion? {
        guard area > 0 else { return nil }
        let box = PixelBox(x: left, y: top, width: right - left, height: bottom - top)
        return MaskRegion(
            box: box,
            crop: box.crop(padding: options.padding, snap: options.snap, imageWidth: width, imageHeight: height),
            // A sum of equal values may round to more than their number times the value.
            area: area, peak: peak, mean: min(Float(mass / Double(area)), peak),
            centroid: .init(x: Double(columns) / Double(area), y: Double(rows) / Double(area)))
    }
}

extension ConnectedRegions {
    /// One set of sums per region, over the heatmap that the regions came from.
    func sums(_ heat: Heatmap, offset: PixelOffset = PixelOffset(x: 0, y: 0)) -> [RegionSums] {
        var sums = [RegionSums](repeating: RegionSums(), count: count)
        heat.values.withUnsafeBufferPointer { values in
            for (run, region) in zip(runs, regionOfRun) {
                sums[Int(region)].add(run, values, width: heat.width, height: heat.height, offset: offset)
            }
        }
        return sums
    }
}
