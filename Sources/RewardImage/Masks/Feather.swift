import Glibc

extension Mask {
    /// Blurred with a Gaussian of standard deviation `sigma` pixels; the result is soft.
    ///
    /// The weights are those of `scipy.ndimage.gaussian_filter`: cut off at 4 sigma and normalised. Past the image's
    /// edge the mask continues as it is at the edge (`mode="nearest"`), so that a region at the edge stays opaque there.
    /// Every value above 0 counts as set: feather once, and last.
    public func feathered(sigma: Double) -> Mask {
        guard sigma > 0 else { return self }
        return Self.feathered(runs: runs, width: width, height: height, sigma: sigma)
    }

    /// Blurs the pixels of `runs`: along the rows, where only the ends of runs matter, then along the columns.
    static func feathered(runs: [PixelRun], width: Int, height: Int, sigma: Double) -> Mask {
        let radius = min(Int(4 * sigma + 0.5), Mask.maximumSide)
        guard radius > 0, !runs.isEmpty else { return Mask(width: width, height: height, runs: runs) }
        let weights = gaussian(sigma: sigma, radius: radius)
        let blocks = (width + lanes - 1) / lanes
        let wide = blurRows(runs, width: width, height: height, stride: blocks * lanes, weights: weights)
        let constant = ConstantBlocks(wide, blocks: blocks, height: height)
        var result = Mask(width: width, height: height)
        var line = [Float](repeating: 0, count: blocks * lanes)
        wide.withUnsafeBufferPointer { wide in
            line.withUnsafeMutableBufferPointer { line in
                result.values.withUnsafeMutableBufferPointer { values in
                    for y in 0..<height {
                        let window = max(y - radius, 0)..<min(y + radius + 1, height)
                        for block in 0..<blocks {
                            let target = UnsafeMutableRawPointer(line.baseAddress.unsafelyUnwrapped + block * lanes)
                            let value =
                                constant.value(block, rows: window).map { SIMD16<Float>(repeating: $0) }
                                ?? blurColumns(wide, blocks * lanes, block * lanes, y, height, weights)
                            target.storeBytes(of: value, as: SIMD16<Float>.self)
                        }
                        // Adding 2²³ leaves the rounded level in the low bits, many pixels at a time.
                        let start = y * width
                        for x in 0..<width {
                            values[start + x] = UInt8(
                                truncatingIfNeeded: (line[x] * 255 + 8_388_608).bitPattern)
                        }
                    }
                }
            }
        }
        return result
    }

    private static let lanes = 16

    /// `[2 * radius + 1]` weights that sum to 1.
    private static func gaussian(sigma: Double, radius: Int) -> [Float] {
        let raw = (-radius...radius).map { exp(-0.5 * Double($0 * $0) / (sigma * sigma)) }
        let total = raw.reduce(0, +)
        return raw.map { Float($0 / total) }
    }

    /// The rows blurred along themselves: `[height, stride]` in [0, 1].
    ///
    /// A blurred run is itself plus what a step up at its start and a step down at its end change around them.
    private static func blurRows(
        _ runs: [PixelRun], width: Int, height: Int, stride: Int, weights: [Float]
    ) -> [Float] {
        let radius = weights.count / 2
        // change[k]: a blurred step up minus the step, k - radius pixels from its first pixel.
        var change: [Float] = []
        var sum = 0.0
        for offset in 0..<2 * radius {
            sum += Double(weights[2 * radius - offset])
            change.append(Float(offset < radius ? sum : sum - 1))
        }
        var wide = [Float](repeating: 0, count: height * stride)
        wide.withUnsafeMutableBufferPointer { wide in
            change.withUnsafeBufferPointer { change in
                for run in runs {
                    let (start, end) = (Int(run.start), Int(run.end))
                    let line = UnsafeMutableBufferPointer(
                        rebasing: wide[Int(run.row) * stride..<(Int(run.row) + 1) * stride])
                    for x in start..<end { line[x] += 1 }
                    // A run at the image's edge goes on beyond it: there is no step.
                    if start > 0 {
                        for x in max(start - radius, 0)..<min(start + radius, width) {
                            line[x] += change[x - start + radius]
                        }
                    }
                    if end < width {
                        for x in max(end - radius, 0)..<min(end + radius, width) {
                            line[x] -= change[x - end + radius]
                        }
                    }
                }
            }
        }
        return wide
    }

    /// Sixteen columns' weighted sum over the rows around `y`.
    private static func blurColumns(
        _ wide: UnsafeBufferPointer<Float>, _ stride: Int, _ x: Int, _ y: Int, _ height: Int, _ weights: [Float]
    ) -> SIMD16<Float> {
        let raw = UnsafeRawBufferPointer(wide)
        let radius = weights.count / 2
        func load(_ row: Int) -> SIMD16<Float> {
            raw.loadUnaligned(
                fromByteOffset: (min(max(row, 0), height - 1) * stride + x) * 4, as: SIMD16<Float>.self)
        }
        var sum = load(y) * weights[radius]
        // Equal weights above and below: each pair of rows is added first.
        for offset in 1...radius { sum += (load(y - offset) + load(y + offset)) * weights[radius + offset] }
        return sum
    }
}

/// Which blocks of sixteen columns are all 0 or all 1 over many rows: the blur leaves them as they are.
private struct ConstantBlocks {
    private let blocks: Int
    /// Rows above row y in which a block is all 0, and all 1: `[height + 1, blocks]`.
    private var zeros: [Int32]
    private var ones: [Int32]

    init(_ wide: [Float], blocks: Int, height: Int) {
        self.blocks = blocks
        zeros = [Int32](repeating: 0, count: (height + 1) * blocks)
        ones = zeros
        wide.withUnsafeBytes { wide in
            for index in 0..<height * blocks {
                let values = wide.loadUnaligned(fromByteOffset: index * 64, as: SIMD16<Float>.self)
                let first = values[0]
                let isFlat = (first == 0 || first == 1) && all(values .== first)
                zeros[index + blocks] = zeros[index] + (isFlat && first == 0 ? 1 : 0)
                ones[index + blocks] = ones[index] + (isFlat && first == 1 ? 1 : 0)
            }
        }
    }

    /// 0 or 1 when the block is that in all of the rows.
    func value(_ block: Int, rows: Range<Int>) -> Float? {
        let (top, bottom) = (rows.lowerBound * blocks + block, rows.upperBound * blocks + block)
        if zeros[bottom] - zeros[top] == rows.count { return 0 }
        if ones[bottom] - ones[top] == rows.count { return 1 }
        return nil
    }
}
