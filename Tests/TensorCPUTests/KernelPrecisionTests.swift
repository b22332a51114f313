import CKernels
import RewardTestSupport
import Testing

extension KernelTests {
    /// Products of bfloat16 and of 8-bit integers, against the same rounding written out and summed in double precision.
    @Suite struct Precisions {
        static let codes = [Int32(RK_BFLOAT16.rawValue), Int32(RK_INT8.rawValue)]
        /// (m, k, n): odd depths, edges of every tile, depths on both sides of a block.
        static let sizes = [
            (1, 1, 1), (2, 7, 3), (7, 17, 65), (13, 257, 31), (5, 769, 130), (197, 66, 33), (1, 1601, 64),
        ]

        static func bfloat16(_ x: Float) -> Double {
            let bits = x.bitPattern
            return Double(Float(bitPattern: (bits + 0x7fff + (bits >> 16) & 1) & 0xffff_0000))
        }

        /// Rows of a, or columns of b, as the kernel sees them.
        private static func rounded(_ values: [Float], _ precision: Int32, activations: Bool) -> [Double] {
            if precision == Int32(RK_BFLOAT16.rawValue) { return values.map(bfloat16) }
            let top = values.map(\.magnitude).max() ?? 0
            guard top > 0 else { return values.map { _ in 0 } }
            return values.map { value in
                let scaled = value * (127 / top)
                // Activations are rounded half up, weights half to even.
                let q = activations ? (scaled + 128.5).rounded(.down) - 128 : scaled.rounded(.toNearestOrEven)
                return Double(q) * Double(top / 127)
            }
        }

        private static func pack(_ b: [Float], _ k: Int, _ n: Int, _ precision: Int32) -> [Float] {
            var packed = [Float](repeating: .nan, count: Int(rk_packed_words(precision, Int64(k), Int64(n))))
            rk_pack_as(precision, b, Int64(n), 1, Int64(k), Int64(n), &packed, 0, KernelTests.panels(n))
            return packed
        }

        private static func run(
            _ a: [Float], _ packed: [Float], _ m: Int, _ k: Int, _ n: Int, _ precision: Int32, rows: [Int]? = nil,
            bias: [Float]? = nil
        ) -> [Float] {
            var c = [Float](repeating: .nan, count: m * n)
            (bias ?? [Float](repeating: 0, count: n)).withUnsafeBufferPointer { bias in
                var tail = rk_epilogue(bias: bias.baseAddress, residual: nil, residual_stride: 0, activation: 0)
                let cuts = rows ?? [0, m]
                for (m0, m1) in zip(cuts, cuts.dropFirst()) {
                    for panel in 0..<KernelTests.panels(n) {
                        rk_gemm_as(
                            precision, a, Int64(k), packed, Int64(k), Int64(n), &c, Int64(n), Int64(m0), Int64(m1),
                            panel,
                            panel + 1, &tail)
                    }
                }
            }
            return c
        }

        @Test(arguments: codes) func productAgreesWithTheRoundedOperands(precision: Int32) {
            withEveryInstructionSet { name in
                for (m, k, n) in Self.sizes {
                    var values = KernelValues(seed: UInt64(m * 1000 + k * 10 + n))
                    let (a, b, bias) = (values.array(m * k), values.array(k * n), values.array(n))
                    let rows = (0..<m).map {
                        Self.rounded(Array(a[$0 * k..<($0 + 1) * k]), precision, activations: true)
                    }
                    let columns = (0..<n).map { column in
                        Self.rounded((0..<k).map { b[$0 * n + column] }, precision, activations: false)
                    }
                    let expected = rows.flatMap { row in
                        columns.enumerated().map { index, column in
                            Float(zip(row, column).reduce(Double(bias[index])) { $0 + $1.0 * $1.1 })
                        }
                    }
                    expectClose(
                        Self.run(a, Self.pack(b, k, n, precision), m, k, n, precision, bias: bias), expected,
                        absolute: 2e-6 * Float(k).squareRoot() + 1e-6, relative: 1e-5, "\(name) \(m)x\(k)x\(n)")
                }
            }
        }

        @Test(arguments: codes) func rowsStandAlone(precision: Int32) {
            withEveryInstructionSet { name in
                let (m, k, n) = (101, 900, 70)
                var values = KernelValues(seed: 8)
                let (a, packed) = (values.array(m * k), Self.pack(values.array(k * n), k, n, precision))
                let whole = Self.run(a, packed, m, k, n, precision)
                #expect(whole == Self.run(a, packed, m, k, n, precision, rows: Array(0...m)), "\(name): rows alone")
                #expect(whole == Self.run(a, packed, m, k, n, precision, rows: [0, 1, 8, 60, m]), "\(name): odd split")
            }
        }

        /// Exact sums: the same on every machine.
        @Test func eightBitProductsHaveTheSameBitsOnEveryInstructionSet() {
            let (m, k, n) = (9, 130, 35)
            var values = KernelValues(seed: 9)
            let (a, b) = (values.array(m * k), values.array(k * n))
            var results: [[Float]] = []
            withEveryInstructionSet { _ in
                results.append(Self.run(a, Self.pack(b, k, n, 2), m, k, n, 2))
            }
            #expect(results.allSatisfy { $0 == results[0] })
        }

        @Test(arguments: codes) func aRowWithoutNumbersStaysOneAndTouchesNoOther(precision: Int32) {
            withEveryInstructionSet { name in
                let (m, k, n) = (3, 40, 5)
                var values = KernelValues(seed: 10)
                var a = values.array(m * k)
                let packed = Self.pack(values.array(k * n), k, n, precision)
                let clean = Self.run(a, packed, m, k, n, precision)
                // All mantissa bits set: rounding up must not turn it into a number.
                for poison in [Float(bitPattern: 0x7fff_ffff), .nan, .infinity] {
                    a[k + 7] = poison
                    let result = Self.run(a, packed, m, k, n, precision)
                    #expect(result[n..<2 * n].allSatisfy { !$0.isFinite }, "\(name): \(poison)")
                    #expect(result[..<n] == clean[..<n] && result[(2 * n)...] == clean[(2 * n)...], "\(name)")
                }
                let zeros = Self.run([Float](repeating: 0, count: m * k), packed, m, k, n, precision)
                #expect(zeros.allSatisfy { $0 == 0 }, "\(name): zero rows")
            }
        }
    }
}
