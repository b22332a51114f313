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

    /// Blurs the pixels of `runs`. Rows come from running sums of the weights, as only a run's ends matter there.
    static func feathered(runs: [PixelRun], width: Int, height: Int, sigma: Double) -> Mask {
        let radius = min(Int(4 * sigma + 0.5), Mask.maximumSide)
        let weights = gaussian(sigma: sigma, radius: radius)
        guard radius > 0 else { return Mask(width: width, height: height, runs: runs) }
        var result = Mask(width: width, height: height)
        guard let first = runs.first, let last = runs.last else { return result }
        // Only these rows and columns can differ from 0. Columns are padded to whole vectors.
        let left = max(Int(runs.map(\.start).min() ?? 0) - radius, 0)
        let right = min(Int(runs.map(\.end).max() ?? 0) + radius, width)
        let top = Int(first.row)
        let bottom = Int(last.row) + 1
        let stride = (right - left + lanes - 1) / lanes * lanes
        let wide = blurRows(
            runs, width: width, columns: left..<right, rows: top..<bottom, stride: stride, weights: weights)
        let empty = [Float](repeating: 0, count: stride)
        let reach = max(top - radius, 0)..<min(bottom + radius, height)
        wide.withUnsafeBufferPointer { wide in
            empty.withUnsafeBufferPointer { empty in
                result.values.withUnsafeMutableBufferPointer { values in
                    for y in reach {
                        func row(_ y: Int) -> UnsafePointer<Float>? {
                            let y = min(max(y, 0), height - 1)
                            if y < top || y >= bottom { return empty.baseAddress }
                            return wide.baseAddress.map { $0 + (y - top) * stride }
                        }
                        // Equal weights above and below: each pair of rows is added first.
                        let pairs: [(UnsafePointer<Float>, UnsafePointer<Float>, Float)] = (1...radius).compactMap {
                            offset in
                            let (above, below) = (y - offset, y + offset)
                            let outside = max(above, 0) >= bottom || min(below, height - 1) < top
                            let between = max(above, 0) < top && min(below, height - 1) >= bottom
                            if outside || between { return nil }
                            guard let a = row(above), let b = row(below) else { return nil }
                            return (a, b, weights[radius + offset])
                        }
                        guard let middle = row(y) else { continue }
                        let line = UnsafeMutableBufferPointer(
                            rebasing: values[y * width + left..<y * width + right])
                        blurColumns(line, middle, weights[radius], pairs)
                    }
                }
            }
        }
        return result
    }

    private static let lanes = 16

    /// `[2 * radius + 1]` weights that sum to 1.
    static func gaussian(sigma: Double, radius: Int) -> [Float] {
        let raw = (-radius...radius).map { exp(-0.5 * Double($0 * $0) / (sigma * sigma)) }
        let total = raw.reduce(0, +)
        return raw.map { Float($0 / total) }
    }

    /// The rows blurred along themselves: `[rows.count, stride]` in [0, 1], from column `columns.lowerBound` on.
    private static func blurRows(
        _ runs: [PixelRun], width: Int, columns: Range<Int>, rows: Range<Int>, stride: Int, weights: [Float]
    ) -> [Float] {
        let radius = weights.count / 2
        // sums[k] holds the weights of offsets below k - radius.
        var sums: [Float] = [0]
        var total = 0.0
        for weight in weights {
            total += Double(weight)
            sums.append(Float(total))
        }
        var wide = [Float](repeating: 0, count: rows.count * stride)
        wide.withUnsafeMutableBufferPointer { wide in
            sums.withUnsafeBufferPointer { sums in
                for run in runs {
                    let line = (Int(run.row) - rows.lowerBound) * stride - columns.lowerBound
                    let (start, end) = (Int(run.start), Int(run.end))
                    // A run at the image's edge goes on beyond it.
                    let (openLeft, openRight) = (start == 0, end == width)
                    for x in max(start - radius, columns.lowerBound)..<min(end + radius, columns.upperBound) {
                        let upTo = openRight ? sums[weights.count] : sums[min(end - x + radius, weights.count)]
                        let before = openLeft ? 0 : sums[max(start - x + radius, 0)]
                        wide[line + x] += upTo - before
                    }
                }
            }
        }
        return wide
    }

    /// Writes the weighted sum of rows as levels, a vector of columns at a time.
    private static func blurColumns(
        _ line: UnsafeMutableBufferPointer<UInt8>, _ middle: UnsafePointer<Float>, _ weight: Float,
        _ pairs: [(UnsafePointer<Float>, UnsafePointer<Float>, Float)]
    ) {
        func load(_ row: UnsafePointer<Float>, _ x: Int) -> SIMD16<Float> {
            UnsafeRawPointer(row + x).loadUnaligned(as: SIMD16<Float>.self)
        }
        var x = 0
        while x < line.count {
            var sum = load(middle, x) * weight
            for (above, below, weight) in pairs { sum += (load(above, x) + load(below, x)) * weight }
            let levels = SIMD16<UInt8>(truncatingIfNeeded: SIMD16<Int32>(sum * 255 + 0.5))
            if x + lanes <= line.count {
                UnsafeMutableRawPointer(line.baseAddress.unsafelyUnwrapped + x).storeBytes(
                    of: levels, as: SIMD16<UInt8>.self)
            } else {
                for lane in 0..<line.count - x { line[x + lane] = levels[lane] }
            }
            x += lanes
        }
    }
}
