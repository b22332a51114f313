/// Pillow's antialiased separable resampling, kept in float between and after the passes, and its adjoint.
///
/// Pillow rounds to 8 bits after each pass and clips the bicubic filter's overshoot; this does neither, so that the map
/// is linear and has a gradient. The results agree within one level in 255 where nothing overshoots.
public struct Resampler: Sendable {
    public enum Filter: Sendable {
        /// Triangle of support 1.
        case bilinear
        /// Keys' cubic with a = -0.5, support 2.
        case bicubic

        var support: Double { self == .bilinear ? 1 : 2 }

        func callAsFunction(_ x: Double) -> Double {
            let x = x.magnitude
            switch self {
            case .bilinear: return max(1 - x, 0)
            case .bicubic:
                let a = -0.5
                if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
                return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
            }
        }
    }

    private let columns: Axis
    private let rows: Axis

    public init(fromWidth: Int, fromHeight: Int, toWidth: Int, toHeight: Int, filter: Filter) {
        columns = Axis(from: fromWidth, to: toWidth, filter)
        rows = Axis(from: fromHeight, to: toHeight, filter)
    }

    /// The image resampled, `[toHeight, toWidth, 3]`, 8-bit samples divided by 255.
    public func apply(_ image: Image) -> [Float] {
        let floats: [Float]
        switch image.samples {
        case .uint8(let octets): floats = octets.map { Float($0) * (1 / 255) }
        case .float32(let values): floats = values
        }
        return rows.forward(columns.forward(floats, outer: rows.from, inner: 3), outer: 1, inner: columns.to * 3)
    }

    /// The map resampled.
    public func apply(_ map: Heatmap) -> Heatmap {
        let wide = columns.forward(map.values, outer: rows.from, inner: 1)
        return Heatmap(
            width: columns.to, height: rows.to, values: rows.forward(wide, outer: 1, inner: columns.to))
    }

    /// The transpose of `apply`: `[toHeight, toWidth, 3]` back to `[fromHeight, fromWidth, 3]`.
    public func applyAdjoint(_ values: [Float]) -> [Float] {
        let tall = rows.adjoint(values, outer: 1, inner: columns.to * 3)
        return columns.adjoint(tall, outer: rows.from, inner: 3)
    }

    /// Which samples of one axis make each new one, and how much.
    private struct Axis: Sendable {
        let from: Int
        let to: Int
        private let starts: [Int]
        private let weights: [[Float]]

        init(from: Int, to: Int, _ filter: Filter) {
            self.from = from
            self.to = to
            let scale = Double(from) / Double(to)
            let stretch = max(scale, 1)
            let support = filter.support * stretch
            var starts: [Int] = []
            var weights: [[Float]] = []
            for index in 0..<to {
                let centre = (Double(index) + 0.5) * scale
                let first = max(Int(centre - support + 0.5), 0)
                let end = min(Int(centre + support + 0.5), from)
                let raw = (first..<end).map { filter((Double($0) - centre + 0.5) / stretch) }
                let total = raw.reduce(0, +)
                starts.append(first)
                weights.append(raw.map { Float($0 / total) })
            }
            self.starts = starts
            self.weights = weights
        }

        /// `[outer, from, inner]` to `[outer, to, inner]`.
        func forward(_ values: [Float], outer: Int, inner: Int) -> [Float] {
            if from == to { return values }
            var result = [Float](repeating: 0, count: outer * to * inner)
            result.withUnsafeMutableBufferPointer { result in
                values.withUnsafeBufferPointer { values in
                    for block in 0..<outer {
                        for index in 0..<to {
                            let target = (block * to + index) * inner
                            for (offset, weight) in weights[index].enumerated() {
                                let source = (block * from + starts[index] + offset) * inner
                                for lane in 0..<inner { result[target + lane] += weight * values[source + lane] }
                            }
                        }
                    }
                }
            }
            return result
        }

        func adjoint(_ values: [Float], outer: Int, inner: Int) -> [Float] {
            if from == to { return values }
            var result = [Float](repeating: 0, count: outer * from * inner)
            result.withUnsafeMutableBufferPointer { result in
                values.withUnsafeBufferPointer { values in
                    for block in 0..<outer {
                        for index in 0..<to {
                            let source = (block * to + index) * inner
                            for (offset, weight) in weights[index].enumerated() {
                                let target = (block * from + starts[index] + offset) * inner
                                for lane in 0..<inner { result[target + lane] += weight * values[source + lane] }
                            }
                        }
                    }
                }
            }
            return result
        }
    }
}
