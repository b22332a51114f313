import CKernels
import RewardTestSupport
import Testing

extension KernelTests {
    @Suite struct Products {
        /// (m, k, n): one element, odd edges of every tile, and depths on both sides of a depth block.
        static let sizes = [
            (1, 1, 1), (2, 7, 3), (7, 17, 65), (6, 64, 16), (13, 257, 31), (5, 385, 130), (197, 65, 33), (1, 800, 64),
        ]

        @Test func productAgreesWithDoublePrecision() {
            withEveryInstructionSet { name in
                for (m, k, n) in Self.sizes {
                    var values = KernelValues(seed: UInt64(m * 1000 + k * 10 + n))
                    let (a, b) = (values.array(m * k), values.array(k * n))
                    let packed = packed(b, k: k, n: n)
                    var c = [Float](repeating: .nan, count: m * n)
                    var none = rk_epilogue(bias: nil, residual: nil, residual_stride: 0, activation: 0)
                    rk_gemm(
                        a, Int64(k), packed, Int64(k), Int64(n), &c, Int64(n), 0, Int64(m), 0, panels(n), &none)
                    expectClose(
                        c, product(a, b, m: m, k: k, n: n).map { Float($0) },
                        absolute: 1e-6 * Float(k).squareRoot() + 1e-6,
                        relative: 1e-5, "\(name) \(m)x\(k)x\(n)")
                }
            }
        }

        @Test func bothPackingsOfOneMatrixAreTheSame() {
            withEveryInstructionSet { name in
                let (k, n) = (37, 70)
                var values = KernelValues(seed: 3)
                let b = values.array(k * n)
                var swapped = [Float](repeating: 0, count: k * n)
                for i in 0..<k { for j in 0..<n { swapped[j * k + i] = b[i * n + j] } }
                let once = packed(b, k: k, n: n)
                #expect(once == packed(transposed: swapped, k: k, n: n), "\(name)")
                #expect(once.allSatisfy { !$0.isNaN }, "\(name): padding is zeros")
            }
        }

        @Test func epilogueAddsBiasThenActivatesThenAddsResidual() {
            withEveryInstructionSet { name in
                let (m, k, n) = (9, 300, 37)
                var values = KernelValues(seed: 4)
                let (a, b) = (values.array(m * k, scale: 0.2), values.array(k * n, scale: 0.2))
                let (bias, residual) = (values.array(n), values.array(m * n))
                let exact = product(a, b, m: m, k: k, n: n)
                let packed = packed(b, k: k, n: n)
                for (kind, function) in Activations.functions {
                    var c = [Float](repeating: .nan, count: m * n)
                    bias.withUnsafeBufferPointer { bias in
                        residual.withUnsafeBufferPointer { residual in
                            var tail = rk_epilogue(
                                bias: bias.baseAddress, residual: residual.baseAddress, residual_stride: Int64(n),
                                activation: kind)
                            rk_gemm(
                                a, Int64(k), packed, Int64(k), Int64(n), &c, Int64(n), 0, Int64(m), 0, panels(n),
                                &tail)
                        }
                    }
                    let expected = exact.indices.map {
                        Float(function(exact[$0] + Double(bias[$0 % n])) + Double(residual[$0]))
                    }
                    expectClose(c, expected, absolute: 4e-6, "\(name) activation \(kind)")
                }
            }
        }

        /// Every row alone, panels one at a time and an odd split give the bits of the whole product.
        @Test func bitsDoNotDependOnHowRowsAndPanelsAreSplit() {
            withEveryInstructionSet { name in
                let (m, k, n) = (205, 700, 147)
                var values = KernelValues(seed: 5)
                let (a, b) = (values.array(m * k), values.array(k * n))
                let bias = values.array(n)
                let packed = packed(b, k: k, n: n)
                bias.withUnsafeBufferPointer { bias in
                    var tail = rk_epilogue(
                        bias: bias.baseAddress, residual: nil, residual_stride: 0,
                        activation: Int32(RK_GELU_ERF.rawValue))
                    func run(_ rows: [Int], _ panels: [Int64]) -> [Float] {
                        var c = [Float](repeating: .nan, count: m * n)
                        for (m0, m1) in zip(rows, rows.dropFirst()) {
                            for (p0, p1) in zip(panels, panels.dropFirst()) {
                                rk_gemm(
                                    a, Int64(k), packed, Int64(k), Int64(n), &c, Int64(n), Int64(m0), Int64(m1), p0, p1,
                                    &tail)
                            }
                        }
                        return c
                    }
                    let count = panels(n)
                    let whole = run([0, m], [0, count])
                    #expect(whole == run(Array(0...m), [0, count]), "\(name): rows alone")
                    #expect(whole == run([0, m], Array(0...count)), "\(name): panels alone")
                    #expect(whole == run([0, 1, 8, 96, 103, m], Array(0...count)), "\(name): odd split")
                    // A row as the only row of its own matrix.
                    var single = [Float](repeating: .nan, count: n)
                    rk_gemm(
                        Array(a[(77 * k)..<(78 * k)]), Int64(k), packed, Int64(k), Int64(n), &single, Int64(n), 0, 1, 0,
                        count, &tail)
                    #expect(single == Array(whole[(77 * n)..<(78 * n)]), "\(name): single row")
                }
            }
        }

        /// A 3 x 3 convolution of a 5 x 7 map, against the sum written out; in bfloat16 of the rounded operands.
        @Test(arguments: [Int32(RK_FLOAT32.rawValue), Int32(RK_BFLOAT16.rawValue)], [19, 801])
        func indirectProductIsAConvolution(precision: Int32, depth k: Int) {
            let round = { (x: [Float]) in
                precision == Int32(RK_FLOAT32.rawValue) ? x : x.map { Float(Precisions.bfloat16($0)) }
            }
            withEveryInstructionSet { name in
                let (height, width, n) = (5, 7, 21)
                let m = height * width
                var values = KernelValues(seed: 6)
                let (unrounded, weights, zeros) = (
                    values.array(m * k), values.array(9 * k * n), [Float](repeating: 0, count: k)
                )
                let x = round(unrounded)
                let residual = values.array(m * n)
                var offsets: [Int64] = []
                var expected = [Double](repeating: 0, count: m * n)
                var matrices: [Float] = []
                for tap in 0..<9 {
                    let weight = Array(weights[(tap * k * n)..<((tap + 1) * k * n)])
                    matrices += packed(weight, (n, 1), k: k, n: n, precision)
                    for row in 0..<m {
                        let (y, z) = (row / width + tap / 3 - 1, row % width + tap % 3 - 1)
                        guard (0..<height).contains(y), (0..<width).contains(z) else {
                            offsets.append(-1)
                            continue
                        }
                        let source = (y * width + z) * k
                        offsets.append(Int64(source))
                        let part = product(Array(x[source..<(source + k)]), round(weight), m: 1, k: k, n: n)
                        for j in 0..<n { expected[row * n + j] += part[j] }
                    }
                }
                for i in expected.indices { expected[i] += Double(residual[i]) }
                let targets = (0..<m).map { Int64($0 * n) }
                func run(_ rows: [Int]) -> [Float] {
                    var c = [Float](repeating: .nan, count: m * n)
                    residual.withUnsafeBufferPointer { residual in
                        var tail = rk_epilogue(
                            bias: nil, residual: residual.baseAddress, residual_stride: 0, activation: 0)
                        for (m0, m1) in zip(rows, rows.dropFirst()) {
                            rk_gemm_indirect_as(
                                precision, unrounded, offsets, Int64(m), zeros, 9, Array(0..<9), matrices, Int64(k),
                                Int64(n), &c, targets,
                                Int64(m0), Int64(m1), 0, panels(n), &tail)
                        }
                    }
                    return c
                }
                let whole = run([0, m])
                expectClose(whole, expected.map { Float($0) }, absolute: 4e-6 * Float(k).squareRoot(), name)
                #expect(whole == run(Array(0...m)), "\(name): rows alone")
            }
        }
    }
}
