import CKernels
import Glibc
import RewardTestSupport
import Testing

extension KernelTests {
    @Suite struct Activations {
        static let functions: [(Int32, @Sendable (Double) -> Double)] = [
            (Int32(RK_NONE.rawValue), { $0 }),
            (Int32(RK_RELU.rawValue), { max($0, 0) }),
            (Int32(RK_GELU_ERF.rawValue), { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) }),
            (
                Int32(RK_GELU_TANH.rawValue),
                { $0 * 0.5 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
            ),
            (Int32(RK_SIGMOID.rawValue), { 1 / (1 + exp(-$0)) }),
            (Int32(RK_SOFTPLUS.rawValue), { max($0, 0) + log1p(exp(-$0.magnitude)) }),
        ]

        @Test func activationsAndSlopesAgreeWithDoublePrecision() {
            let x = (0..<4001).map { Float($0 - 2000) / 190 + 0.0007 }
            let dy = [Float](repeating: 1, count: x.count)
            withEveryInstructionSet { name in
                for (kind, function) in Self.functions {
                    var (y, dx) = (x, x)
                    rk_activate(x, &y, Int64(x.count), kind)
                    expectClose(
                        y, x.map { Float(function(Double($0))) }, absolute: 1e-6, relative: 1e-6, "\(name) \(kind)")
                    rk_activate_grad(x, dy, &dx, Int64(x.count), kind)
                    let step = 1e-5
                    let slopes = x.map {
                        Float((function(Double($0) + step) - function(Double($0) - step)) / (2 * step))
                    }
                    expectClose(dx, slopes, absolute: 2e-6, relative: 2e-6, "\(name) slope \(kind)")
                }
            }
        }

        @Test func extremesStayFiniteAndNaNPasses() {
            let x: [Float] = [-1e30, -100, -88, 0, 88, 100, 1e30, .nan, -.infinity, .infinity]
            withEveryInstructionSet { name in
                var y = x
                rk_activate(x, &y, Int64(x.count), Int32(RK_SIGMOID.rawValue))
                expectClose(
                    Array(y[0..<7]), [0, 0, 0, 0.5, 1, 1, 1], absolute: 1e-7, name)
                #expect(y[7].isNaN && y[8] <= 1e-37 && y[9] == 1, "\(name)")
                for (kind, _) in Self.functions {
                    rk_activate(x, &y, Int64(x.count), kind)
                    #expect(y[7].isNaN, "\(name) activation \(kind)")
                }
            }
        }
    }

    @Suite struct Rows {
        static let widths = [1, 2, 7, 17, 65, 768]

        @Test func softmaxAndItsGradientAgreeWithDoublePrecision() {
            withEveryInstructionSet { name in
                for n in Self.widths {
                    var values = KernelValues(seed: UInt64(n))
                    let (x, dp) = (values.array(3 * n, scale: 20), values.array(3 * n))
                    var (y, dx) = (x, x)
                    rk_softmax_rows(y, &y, 3, Int64(n), Int64(n))
                    rk_softmax_grad_rows(y, dp, &dx, 3, Int64(n), Int64(n), 0.5)
                    for row in 0..<3 {
                        let range = (row * n)..<((row + 1) * n)
                        let p = softmax(x[range].map { Double($0) })
                        expectClose(
                            Array(y[range]), p.map { Float($0) }, absolute: 1e-7, relative: 3e-6, "\(name) \(n)")
                        let d = dp[range].map { Double($0) }
                        let mean = zip(p, d).map { $0 * $1 }.reduce(0, +)
                        expectClose(
                            Array(dx[range]), zip(p, d).map { Float(0.5 * $0 * ($1 - mean)) }, absolute: 1e-6,
                            "\(name) gradient \(n)")
                    }
                }
            }
        }

        @Test func softmaxOfHugeScoresStaysAProbability() {
            withEveryInstructionSet { name in
                let x: [Float] = [3e38, -3e38, 3e38, -.infinity, 0, 1, 2, 3, 4]
                var y = x
                rk_softmax_rows(x, &y, 1, 9, 9)
                expectClose(y, [0.5, 0, 0.5, 0, 0, 0, 0, 0, 0], absolute: 1e-7, name)
                var poisoned = x
                poisoned[4] = .nan
                rk_softmax_rows(poisoned, &y, 1, 9, 9)
                #expect(y.allSatisfy { $0.isNaN }, "\(name)")
            }
        }

        @Test func normsAgreeWithDoublePrecision() {
            withEveryInstructionSet { name in
                for n in Self.widths {
                    var values = KernelValues(seed: UInt64(n + 100))
                    let x = values.array(2 * n).map { $0 + 3 }
                    let (gamma, beta) = (values.array(n), values.array(n))
                    var (layer, rms, bare) = (x, x, x)
                    rk_layer_norm(x, &layer, 2, Int64(n), gamma, beta, 1e-5)
                    rk_rms_norm(x, &rms, 2, Int64(n), gamma, 1e-5)
                    rk_layer_norm(x, &bare, 2, Int64(n), nil, nil, 1e-5)
                    for row in 0..<2 {
                        let range = (row * n)..<((row + 1) * n)
                        let v = x[range].map { Double($0) }
                        let mean = v.reduce(0, +) / Double(n)
                        let scale =
                            1 / (v.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(n) + 1e-5).squareRoot()
                        let root = 1 / (v.map { $0 * $0 }.reduce(0, +) / Double(n) + 1e-5).squareRoot()
                        let h = v.map { ($0 - mean) * scale }
                        expectClose(Array(bare[range]), h.map { Float($0) }, absolute: 2e-5, "\(name) \(n)")
                        expectClose(
                            Array(layer[range]), h.indices.map { Float(h[$0] * Double(gamma[$0]) + Double(beta[$0])) },
                            absolute: 2e-5, "\(name) layer norm \(n)")
                        expectClose(
                            Array(rms[range]), v.indices.map { Float(v[$0] * root * Double(gamma[$0])) },
                            absolute: 2e-6,
                            "\(name) rms norm \(n)")
                    }
                }
            }
        }

        /// Central differences of the norms, in double precision, against the gradient kernels.
        @Test func normGradientsAgreeWithDifferences() {
            func norm(_ v: [Double], centred: Bool) -> [Double] {
                let mean = centred ? v.reduce(0, +) / Double(v.count) : 0
                let variance = v.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(v.count)
                return v.map { ($0 - mean) / (variance + 1e-5).squareRoot() }
            }
            withEveryInstructionSet { name in
                for n in [2, 7, 17, 65] {
                    var values = KernelValues(seed: UInt64(n + 200))
                    let (x, dy, gamma) = (values.array(n), values.array(n), values.array(n))
                    for centred in [true, false] {
                        func loss(_ v: [Double]) -> Double {
                            let h = norm(v, centred: centred)
                            return h.indices.map { h[$0] * Double(gamma[$0]) * Double(dy[$0]) }.reduce(0, +)
                        }
                        let expected = x.indices.map { index in
                            var (up, down) = (x.map { Double($0) }, x.map { Double($0) })
                            up[index] += 1e-6
                            down[index] -= 1e-6
                            return Float((loss(up) - loss(down)) / 2e-6)
                        }
                        var dx = x
                        if centred {
                            rk_layer_norm_grad(x, dy, &dx, 1, Int64(n), gamma, 1e-5)
                        } else {
                            rk_rms_norm_grad(x, dy, &dx, 1, Int64(n), gamma, 1e-5)
                        }
                        expectClose(dx, expected, absolute: 5e-5, relative: 1e-4, "\(name) \(n) centred \(centred)")
                    }
                }
            }
        }

        @Test func nonFiniteValuesAreFoundAnywhere() {
            for position in [0, 7, 63, 64] {
                for bad in [Float.nan, .infinity, -.infinity] {
                    var x = [Float](repeating: .greatestFiniteMagnitude, count: 65)
                    #expect(rk_has_nonfinite(x, 65) == 0)
                    x[position] = bad
                    #expect(rk_has_nonfinite(x, 65) == 1)
                }
            }
        }
    }

    @Suite struct Attention {
        @Test func attentionAgreesWithDoublePrecisionAndItsRowsStandAlone() {
            withEveryInstructionSet { name in
                for (queries, keys, d, biased) in [
                    (1, 1, 1, false), (7, 17, 5, true), (50, 65, 64, true), (26, 401, 33, false),
                ] {
                    var values = KernelValues(seed: UInt64(keys))
                    let (q, k, v) = (values.array(queries * d), values.array(keys * d), values.array(keys * d))
                    let bias = biased ? values.array(queries * keys, scale: 3) : []
                    let (keysPacked, valuesPacked) = (packed(transposed: k, k: d, n: keys), packed(v, k: keys, n: d))
                    var scratch = [Float](repeating: .nan, count: Int(rk_attention_scratch(Int64(keys))))
                    func run(_ rows: [Int]) -> [Float] {
                        var out = [Float](repeating: .nan, count: queries * d)
                        bias.withUnsafeBufferPointer { bias in
                            for (q0, q1) in zip(rows, rows.dropFirst()) {
                                rk_attention(
                                    q, Int64(d), keysPacked, valuesPacked, Int64(keys), Int64(d), 0.7,
                                    biased ? bias.baseAddress : nil, Int64(keys), &out, Int64(d), Int64(q0), Int64(q1),
                                    &scratch)
                            }
                        }
                        return out
                    }
                    var expected: [Double] = []
                    for i in 0..<queries {
                        let scores = (0..<keys).map { j in
                            let dot = (0..<d).map { Double(q[i * d + $0]) * Double(k[j * d + $0]) }.reduce(0, +)
                            return 0.7 * dot + (biased ? Double(bias[i * keys + j]) : 0)
                        }
                        expected += product(softmax(scores).map { Float($0) }, v, m: 1, k: keys, n: d)
                    }
                    let whole = run([0, queries])
                    expectClose(whole, expected.map { Float($0) }, absolute: 3e-6, "\(name) \(keys) keys")
                    #expect(whole == run(Array(0...queries)), "\(name) \(keys) keys: rows alone")
                }
            }
        }
    }
}
