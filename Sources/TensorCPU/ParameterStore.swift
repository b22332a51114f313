import CKernels
import TensorGraph

/// Weights as the kernels want them: packed once per orientation, shared by all programs of an engine.
final class ParameterStore {
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

    private struct Key: Hashable {
        var name: String
        var packing: Packing
        var precision: Precision
    }

    private let source: any ParameterSource
    private let pool: ThreadPool
    private var packed: [Key: FloatBuffer] = [:]
    private var plain: [String: FloatBuffer] = [:]
    /// Bytes read from the source whose pages may still be resident.
    private var unreleased = 0
    private static let mostUnreleased = 64 << 20

    init(source: any ParameterSource, pool: ThreadPool) {
        self.source = source
        self.pool = pool
    }

    /// The weight as float32, row by row.
    func floats(_ name: String, _ shape: Shape) throws(EngineError) -> UnsafeMutablePointer<Float> {
        if let known = plain[name] { return known.pointer }
        let buffer = try convert(name, shape)
        plain[name] = buffer
        didRead(try check(name, shape))
        return buffer.pointer
    }

    /// The weight packed for a product. Only linear packings know other precisions than float32.
    func packed(
        _ name: String, _ shape: Shape, _ packing: Packing, _ precision: Precision = .float32
    ) throws(EngineError) -> UnsafeMutablePointer<Float> {
        let key = Key(name: name, packing: packing, precision: precision)
        if let known = packed[key] { return known.pointer }
        let view = try check(name, shape)
        let buffer = FloatBuffer(count: Self.packedCount(shape, packing, precision))
        if view.format == .float32, let base = view.bytes.baseAddress, Int(bitPattern: base) % 4 == 0 {
            let floats = base.assumingMemoryBound(to: Float.self)
            try checkFinite(floats, shape.count, name)
            Self.pack(floats, shape, packing, precision, into: buffer.pointer, pool)
        } else {
            let converted = try convert(name, shape)
            Self.pack(converted.pointer, shape, packing, precision, into: buffer.pointer, pool)
        }
        packed[key] = buffer
        didRead(view)
        return buffer.pointer
    }

    /// Lets the operating system drop the file's pages, once a program is complete.
    func releasePages() {
        unreleased = 0
        source.releasePages()
    }

    /// Drops pages as weights are packed: a file and its packed copy would else be resident together.
    private func didRead(_ view: ParameterView) {
        unreleased += view.bytes.count
        if unreleased > Self.mostUnreleased { releasePages() }
    }

    private func check(_ name: String, _ shape: Shape) throws(EngineError) -> ParameterView {
        guard let view = source.parameter(named: name) else { throw .missingParameter(name) }
        guard view.shape == shape else { throw .misshapenParameter(name, expected: shape, actual: view.shape) }
        return view
    }

    private func convert(_ name: String, _ shape: Shape) throws(EngineError) -> FloatBuffer {
        let view = try check(name, shape)
        let buffer = FloatBuffer(count: shape.count)
        let target = buffer.pointer
        switch view.format {
        case .float32:
            UnsafeMutableRawPointer(target).copyMemory(
                from: view.bytes.baseAddress ?? UnsafeRawPointer(target), byteCount: shape.count * 4)
        case .float16:
            for index in 0..<shape.count {
                let bits = view.bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
                target[index] = Float(Float16(bitPattern: UInt16(littleEndian: bits)))
            }
        case .bfloat16:
            for index in 0..<shape.count {
                let bits = view.bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
                target[index] = Float(bitPattern: UInt32(UInt16(littleEndian: bits)) << 16)
            }
        }
        try checkFinite(target, shape.count, name)
        return buffer
    }

    private func checkFinite(_ floats: UnsafePointer<Float>, _ count: Int, _ name: String) throws(EngineError) {
        if rk_has_nonfinite(floats, Int64(count)) != 0 { throw .nonFiniteParameter(name) }
    }

    // MARK: Packing

    /// Depth (K), width (N) and number of matrices of a packed weight.
    static func matrix(_ shape: Shape, _ packing: Packing) -> (depth: Int, width: Int, taps: Int) {
        let rest = shape.count / shape[0]
        return switch packing {
        case .linear: (rest, shape[0], 1)
        case .transposedLinear: (shape[0], rest, 1)
        case .convolution: (shape[1], shape[0], shape[2] * shape[3])
        case .transposedConvolution: (shape[0], shape[1], shape[2] * shape[3])
        case .winograd: (shape[1], shape[0], 36)
        case .transposedWinograd: (shape[0], shape[1], 36)
        }
    }

    static func packedCount(_ shape: Shape, _ packing: Packing, _ precision: Precision = .float32) -> Int {
        let (depth, width, taps) = matrix(shape, packing)
        return taps * Int(rk_packed_words(precision.kernelCode, Int64(depth), Int64(width)))
    }

    static func pack(
        _ weight: UnsafePointer<Float>, _ shape: Shape, _ packing: Packing, _ precision: Precision = .float32,
        into target: UnsafeMutablePointer<Float>, _ pool: ThreadPool
    ) {
        let (depth, width, taps) = matrix(shape, packing)
        let rest = shape.count / shape[0]
        let (depthStride, widthStride) =
            switch packing {
            case .linear: (1, rest)
            case .transposedLinear: (rest, 1)
            case .convolution: (taps, rest)
            case .transposedConvolution: (rest, taps)
            case .winograd: (9, rest)
            case .transposedWinograd: (rest, 9)
            }
        let panels = panelCount(width)
        if packing == .winograd || packing == .transposedWinograd {
            pool.parallel(panels) { panel, _ in
                rk_winograd_pack(
                    weight, Int64(depthStride), Int64(widthStride), packing == .transposedWinograd ? 1 : 0,
                    Int64(depth), Int64(width), target, Int64(panel), Int64(panel + 1))
            }
            return
        }
        let perTap = Int(rk_packed_words(precision.kernelCode, Int64(depth), Int64(width)))
        let group = 4
        let groups = (panels + group - 1) / group
        pool.parallel(taps * groups) { piece, _ in
            let (tap, first) = (piece / groups, piece % groups * group)
            rk_pack_as(
                precision.kernelCode, weight + tap, Int64(depthStride), Int64(widthStride), Int64(depth), Int64(width),
                target + tap * perTap, Int64(first), Int64(min(first + group, panels)))
        }
    }

    static func panelCount(_ width: Int) -> Int {
        let panel = Int(rk_panel_width())
        return (width + panel - 1) / panel
    }
}
