import CKernels
import TensorGraph

/// How a product reads a weight.
enum Packing: Hashable {
    /// `[N, K]` as the right-hand side of `x wᵀ`.
    case linear
    /// The same weight for `x w`.
    case transposedLinear
    /// `[O, I, kh, kw]`, one matrix per tap.
    case convolution
    /// `[I, O, kh, kw]`, one matrix per tap.
    case transposedConvolution
    /// `[O, I, 3, 3]`, one matrix per point of Winograd's transform.
    case winograd
    /// `[I, O, 3, 3]` with its taps in reverse, likewise.
    case transposedWinograd
}

/// A weight of one shape packed one way.
struct WeightPacking {
    private let packing: Packing
    private let precision: Precision
    private let depth: Int
    private let width: Int
    private let matrices: Int
    /// Elements between neighbours of a column and of a row.
    private let depthStride: Int
    private let widthStride: Int
    /// Elements of the weight for one pair of an input and an output.
    private let taps: Int

    init(_ shape: Shape, _ packing: Packing, _ precision: Precision = .float32) {
        (self.packing, self.precision) = (packing, precision)
        let rest = shape.count / shape[0]
        switch packing {
        case .linear: (depth, width, taps) = (rest, shape[0], 1)
        case .transposedLinear: (depth, width, taps) = (shape[0], rest, 1)
        case .convolution, .winograd: (depth, width, taps) = (shape[1], shape[0], shape[2] * shape[3])
        case .transposedConvolution, .transposedWinograd:
            (depth, width, taps) = (shape[0], shape[1], shape[2] * shape[3])
        }
        switch packing {
        case .linear, .convolution, .winograd: (depthStride, widthStride) = (taps, rest)
        case .transposedLinear, .transposedConvolution, .transposedWinograd:
            (depthStride, widthStride) = (rest, taps)
        }
        matrices = packing == .winograd || packing == .transposedWinograd ? 36 : taps
    }

    /// Floats that the packed weight takes.
    var count: Int { matrices * perMatrix }

    private var perMatrix: Int { Int(rk_packed_words(precision.kernelCode, Int64(depth), Int64(width))) }

    static func panelCount(_ width: Int) -> Int {
        let panel = Int(rk_panel_width())
        return (width + panel - 1) / panel
    }

    var panels: Int { Self.panelCount(width) }

    /// Floats that one panel of one matrix takes at most, whatever the precision.
    var panelSize: Int { (Int(rk_panel_width()) * (depth + 12) + 15) & ~15 }

    /// Panels in parts that threads share: a few hundred kilobytes, which stay in the second-level cache.
    var pieces: [Range<Int>] {
        let perPiece = max(1, (1 << 15) / (depth * taps * Int(rk_panel_width())))
        return stride(from: 0, to: panels, by: perPiece).map { $0..<min($0 + perPiece, panels) }
    }

    /// Packs these panels of every matrix.
    func pack(_ weight: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, _ panels: Range<Int>) {
        if packing == .winograd || packing == .transposedWinograd {
            rk_winograd_pack(
                weight, Int64(depthStride), Int64(widthStride), packing == .transposedWinograd ? 1 : 0, Int64(depth),
                Int64(width), target, Int64(panels.lowerBound), Int64(panels.upperBound))
            return
        }
        for tap in 0..<taps { pack(weight, into: target, panels, tap: tap) }
    }

    private func pack(
        _ weight: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, _ panels: Range<Int>, tap: Int
    ) {
        rk_pack_as(
            precision.kernelCode, weight + tap, Int64(depthStride), Int64(widthStride), Int64(depth), Int64(width),
            target + tap * perMatrix, Int64(panels.lowerBound), Int64(panels.upperBound))
    }

    /// Packs one panel of a linear layer's weight as if there were no others.
    func pack(_ weight: UnsafePointer<Float>, panel: Int, alone target: UnsafeMutablePointer<Float>) {
        let first = panel * Int(rk_panel_width())
        rk_pack_as(
            precision.kernelCode, weight + first * widthStride, Int64(depthStride), Int64(widthStride), Int64(depth),
            Int64(width - first), target, 0, 1)
    }

    /// Packs a weight that changes between runs, all of it.
    func pack(_ weight: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, _ pool: ThreadPool) {
        if matrices == 36 {
            pool.parallel(panels) { panel, _ in pack(weight, into: target, panel..<panel + 1) }
            return
        }
        let group = 4
        let groups = (panels + group - 1) / group
        pool.parallel(taps * groups) { piece, _ in
            let first = piece % groups * group
            pack(weight, into: target, first..<min(first + group, panels), tap: piece / groups)
        }
    }

    /// Whether all values that go into these panels are finite.
    func isFinite(_ weight: UnsafePointer<Float>, _ panels: Range<Int>) -> Bool {
        let panel = Int(rk_panel_width())
        let (first, end) = (panels.lowerBound * panel, min(panels.upperBound * panel, width))
        let start = weight + first * widthStride
        // Outputs lie apart, each with all its inputs, or each input has its outputs together.
        if widthStride > depthStride {
            return rk_has_nonfinite(start, Int64((end - first) * widthStride)) == 0
        }
        return (0..<depth).allSatisfy { rk_has_nonfinite(start + $0 * depthStride, Int64((end - first) * taps)) == 0 }
    }
}
