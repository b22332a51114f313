/// A heatmap made into a mask, and what was found on the way.
public struct MaskResult: Sendable {
    /// The 8-connected regions of the mask, in reading order; none when there is nothing to repair.
    public let regions: [MaskRegion]
    /// The threshold as a value; nil when a relative threshold met a flat map.
    public let threshold: Float?
    /// The value that hysteresis went down to; the threshold when it was off.
    public let low: Float?
    /// Regions that were found and not kept.
    public let dropped: Dropped
    /// The heatmap at the image's size.
    public let heatmap: Heatmap

    public struct Dropped: Sendable, Equatable {
        /// Smaller than the least area.
        public var small = 0
        /// Larger than the largest area.
        public var huge = 0
        /// Behind the regions kept.
        public var beyondKeep = 0
        /// Gone in opening or erosion, or moved out of the image; counted when that left nothing.
        public var lost = 0
    }

    fileprivate let pixels: ConnectedRegions
    fileprivate let options: MaskOptions

    /// All regions in one mask of the image's size; nil when there is nothing to repair.
    public var mask: Mask? {
        regions.isEmpty ? nil : finish(pixels.runs)
    }

    /// The mask of one region.
    public func mask(ofRegion index: Int) -> Mask {
        finish(pixels.runs(of: index))
    }

    private func finish(_ runs: [PixelRun]) -> Mask {
        let (width, height) = (heatmap.width, heatmap.height)
        let sigma = options.feather.length(width: width, height: height)
        var mask =
            sigma > 0
            ? Mask.feathered(runs: runs, width: width, height: height, sigma: sigma)
            : Mask(width: width, height: height, runs: runs)
        mask = mask.shifted(x: options.offset.x, y: options.offset.y)
        return options.invert ? mask.inverted : mask
    }
}

/// Heatmap to mask.
public enum MaskMaker {
    /// Makes a mask of an image's size. Each step can be switched off by its option; the order is fixed:
    /// 1. resample the map to the image's size, bilinearly;
    /// 2. threshold, with hysteresis if `low` is set; regions are 8-connected;
    /// 3. drop regions under `minArea`, over `maxArea`, and beyond the first `keep`;
    /// 4. fill holes;
    /// 5. open, then close;
    /// 6. dilate, or erode if `dilate` is negative;
    /// 7. feather;
    /// 8. move by `offset`;
    /// 9. invert.
    ///
    /// Regions are counted and measured after step 6, where dilation may have joined some, with their boxes, areas and
    /// centroids moved by step 8.
    ///
    /// - Throws: `MaskError` for a map with a value outside [0, 1], or neither square nor of the image's shape.
    public static func make(
        from heatmap: Heatmap, width: Int, height: Int, options: MaskOptions = MaskOptions()
    ) throws(MaskError) -> MaskResult {
        precondition(options.problem == nil, options.problem ?? "")
        let heat = try resample(heatmap, width: width, height: height)
        let threshold = options.threshold.value(in: heat)
        var dropped = MaskResult.Dropped()
        guard let threshold else {
            return MaskResult(
                regions: [], threshold: nil, low: nil, dropped: dropped, heatmap: heat,
                pixels: ConnectedRegions(runs: [], connectivity: .eight), options: options)
        }
        let low = min(options.low?.value(in: heat) ?? threshold, threshold)

        let found = ConnectedRegions(runs: heat.runs(atLeast: low), connectivity: .eight)
        let kept = select(found, heat, threshold, options, &dropped)
        var runs = kept.runs
        if options.fillHoles, !runs.isEmpty {
            let holes = PixelRun.holes(in: runs, width: width, height: height)
            if !holes.isEmpty { runs = Mask(width: width, height: height, runs: runs + holes).runs }
        }
        runs = morphology(runs, width: width, height: height, options)

        let regions = ConnectedRegions(runs: runs, connectivity: .eight)
        let described = regions.sums(heat, offset: options.offset).map {
            $0.region(options, width: width, height: height)
        }
        let inside = regions.filtered(described.map { $0 != nil })
        if inside.count == 0 { dropped.lost = kept.count }
        return MaskResult(
            regions: described.compactMap(\.self), threshold: threshold, low: low, dropped: dropped, heatmap: heat,
            pixels: inside, options: options)
    }

    /// The heatmap at the image's size, checked.
    static func resample(_ heatmap: Heatmap, width: Int, height: Int) throws(MaskError) -> Heatmap {
        // NaN is in no range. Counting goes many values at a time; the place is looked for only when there is one.
        if heatmap.values.reduce(Int32(0), { $0 &+ ($1 >= 0 && $1 <= 1 ? 0 : 1) }) > 0,
            let bad = heatmap.values.firstIndex(where: { !(0...1).contains($0) })
        {
            throw .heatmapValue(x: bad % heatmap.width, y: bad / heatmap.width, heatmap.values[bad])
        }
        // A map of the image's shape has its sides within a pixel of the image's, scaled.
        let scaled = Double(heatmap.width) * Double(height) / Double(width)
        guard heatmap.width == heatmap.height || (scaled - Double(heatmap.height)).magnitude <= 1 else {
            throw .heatmapShape(
                width: heatmap.width, height: heatmap.height, imageWidth: width, imageHeight: height)
        }
        if heatmap.width == width, heatmap.height == height { return heatmap }
        return Resampler(
            fromWidth: heatmap.width, fromHeight: heatmap.height, toWidth: width, toHeight: height, filter: .bilinear
        ).apply(heatmap)
    }

    /// Steps 2 (its upper threshold) and 3.
    private static func select(
        _ found: ConnectedRegions, _ heat: Heatmap, _ threshold: Float, _ options: MaskOptions,
        _ dropped: inout MaskResult.Dropped
    ) -> ConnectedRegions {
        let least = options.minArea.area(width: heat.width, height: heat.height)
        let most = options.maxArea.area(width: heat.width, height: heat.height)
        let sums = found.sums(heat)
        var isKept = sums.map { region in
            guard region.peak >= threshold else { return false }
            if Double(region.area) < least {
                dropped.small += 1
            } else if Double(region.area) > most {
                dropped.huge += 1
            } else {
                return true
            }
            return false
        }
        let candidates = isKept.indices.filter { isKept[$0] }
        if let keep = options.keep, candidates.count > keep {
            func rank(_ region: RegionSums) -> Double {
                switch options.keepBy {
                case .area: Double(region.area)
                case .peak: Double(region.peak)
                case .mass: region.mass
                }
            }
            // Ties go to the region that comes first in reading order.
            let ordered = candidates.sorted { (rank(sums[$0]), -$0) > (rank(sums[$1]), -$1) }
            for region in ordered.dropFirst(keep) { isKept[region] = false }
            dropped.beyondKeep = candidates.count - keep
        }
        return found.filtered(isKept)
    }

    /// Steps 5 and 6.
    private static func morphology(
        _ runs: [PixelRun], width: Int, height: Int, _ options: MaskOptions
    ) -> [PixelRun] {
        func element(_ amount: MaskAmount) -> StructuringElement {
            StructuringElement(options.element, radius: amount.length(width: width, height: height).magnitude)
        }
        let (open, close, grow) = (element(options.open), element(options.close), element(options.dilate))
        if runs.isEmpty || open.radius == 0 && close.radius == 0 && grow.radius == 0 { return runs }
        var mask = Mask(width: width, height: height, runs: runs)
        if open.radius > 0 { mask = mask.opened(by: open) }
        if close.radius > 0 { mask = mask.closed(by: close) }
        if grow.radius > 0 {
            mask = options.dilate.number < 0 ? mask.eroded(by: grow) : mask.dilated(by: grow)
        }
        return mask.runs
    }
}

extension Heatmap {
    /// Pixels at or above a value, in reading order.
    func runs(atLeast value: Float) -> [PixelRun] {
        [UInt8](unsafeUninitializedCapacity: values.count) { levels, count in
            values.withUnsafeBufferPointer { values in
                for index in 0..<values.count { levels[index] = values[index] >= value ? 255 : 0 }
            }
            count = values.count
        }.withUnsafeBufferPointer { PixelRun.scan($0, width: width, height: height) }
    }
}
