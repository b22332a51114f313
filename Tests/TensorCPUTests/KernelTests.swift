import CKernels
import Glibc
import Testing

/// Fixed-seed values and double-precision references for the kernel tests.
struct KernelValues {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// Uniform in [-1, 1).
    mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 23) - 1
    }

    mutating func array(_ count: Int, scale: Float = 1) -> [Float] {
        (0..<count).map { _ in next() * scale }
    }
}

/// The parent of the kernels' suites, with what they share.
@Suite enum KernelTests {
    static let names = ["portable", "avx2", "avx512", "avx512bf16"]

    /// Runs the body once per instruction set the processor has. The choice holds for this thread only.
    static func withEveryInstructionSet(_ body: (String) -> Void) {
        for name in names where rk_force_instruction_set(name) == 1 {
            body(name)
        }
        #expect(rk_force_instruction_set(nil) == 1)
    }

    /// b is n x k, as a linear layer stores it.
    static func packed(transposed b: [Float], k: Int, n: Int) -> [Float] {
        var result = [Float](repeating: .nan, count: Int(rk_packed_count(Int64(k), Int64(n))))
        rk_pack(b, 1, Int64(k), Int64(k), Int64(n), &result, 0, panels(n))
        return result
    }

    static func packed(_ b: [Float], k: Int, n: Int) -> [Float] {
        var result = [Float](repeating: .nan, count: Int(rk_packed_count(Int64(k), Int64(n))))
        rk_pack(b, Int64(n), 1, Int64(k), Int64(n), &result, 0, panels(n))
        return result
    }

    /// The k x n matrix whose element (i, j) is b[i * strides.0 + j * strides.1].
    static func packed(_ b: [Float], _ strides: (Int, Int), k: Int, n: Int, _ precision: Int32) -> [Float] {
        var result = [Float](repeating: .nan, count: Int(rk_packed_words(precision, Int64(k), Int64(n))))
        rk_pack_as(
            precision, b, Int64(strides.0), Int64(strides.1), Int64(k), Int64(n), &result, 0, panels(n))
        return result
    }

    static func panels(_ n: Int) -> Int64 {
        (Int64(n) + rk_panel_width() - 1) / rk_panel_width()
    }

    /// a (m x k) times b (k x n) in double precision.
    static func product(_ a: [Float], _ b: [Float], m: Int, k: Int, n: Int) -> [Double] {
        var c = [Double](repeating: 0, count: m * n)
        for i in 0..<m {
            for x in 0..<k {
                let s = Double(a[i * k + x])
                for j in 0..<n { c[i * n + j] += s * Double(b[x * n + j]) }
            }
        }
        return c
    }

    static func softmax(_ row: [Double]) -> [Double] {
        let top = row.max() ?? 0
        let e = row.map { exp($0 - top) }
        let sum = e.reduce(0, +)
        return e.map { $0 / sum }
    }
}
