import CKernels
import RewardTestSupport
import Testing

extension KernelTests {
    @Suite struct Winograd {
        private struct Case {
            var map: rk_winograd_map
            var (x, weights, bias, residual): ([Float], [Float], [Float], [Float])
            var flipped: Bool

            /// Weights are `[outputs, inputs, 3, 3]`.
            init(_ height: Int, _ width: Int, _ inputs: Int, _ outputs: Int, padding: Int, flipped: Bool) {
                let (outHeight, outWidth) = (height + 2 * padding - 2, width + 2 * padding - 2)
                map = rk_winograd_map(
                    height: Int64(height), width: Int64(width), inputs: Int64(inputs), out_height: Int64(outHeight),
                    out_width: Int64(outWidth), outputs: Int64(outputs), padding: Int64(padding))
                self.flipped = flipped
                var values = KernelValues(seed: UInt64(height * 100 + inputs))
                x = values.array(height * width * inputs)
                weights = values.array(outputs * inputs * 9, scale: 0.2)
                bias = values.array(outputs)
                residual = values.array(outHeight * outWidth * outputs)
            }

            /// The definition: ReLU of the convolution and the bias, plus the residual.
            var expected: [Float] {
                let (inputs, outputs) = (Int(map.inputs), Int(map.outputs))
                let (height, width, outWidth) = (Int(map.height), Int(map.width), Int(map.out_width))
                return (0..<Int(map.out_height) * outWidth).flatMap { pixel in
                    (0..<outputs).map { output in
                        var sum = Double(bias[output])
                        for tap in 0..<9 {
                            let y = pixel / outWidth + tap / 3 - Int(map.padding)
                            let z = pixel % outWidth + tap % 3 - Int(map.padding)
                            guard (0..<height).contains(y), (0..<width).contains(z) else { continue }
                            let weight = flipped ? 8 - tap : tap
                            for input in 0..<inputs {
                                sum +=
                                    Double(x[(y * width + z) * inputs + input])
                                    * Double(weights[(output * inputs + input) * 9 + weight])
                            }
                        }
                        return Float(max(sum, 0) + Double(residual[pixel * outputs + output]))
                    }
                }
            }

            /// Over pieces between these tiles and panels.
            func run(tiles: [Int64], panels: [Int64]) -> [Float] {
                var (map, packed) = (map, [Float]())
                packed = [Float](
                    repeating: .nan, count: Int(rk_winograd_packed_count(map.inputs, map.outputs)))
                rk_winograd_pack(
                    weights, 9, map.inputs * 9, flipped ? 1 : 0, map.inputs, map.outputs, &packed, 0,
                    KernelTests.panels(Int(map.outputs)))
                let zeros = [Float](repeating: 0, count: Int(map.inputs))
                let most = zip(tiles, tiles.dropFirst()).map { $1 - $0 }.max() ?? 0
                var scratch = [Float](
                    repeating: .nan,
                    count: Int(rk_winograd_scratch(&map, most, KernelTests.panels(Int(map.outputs)))))
                var out = [Float](repeating: .nan, count: residual.count)
                bias.withUnsafeBufferPointer { bias in
                    residual.withUnsafeBufferPointer { residual in
                        var tail = rk_epilogue(
                            bias: bias.baseAddress, residual: residual.baseAddress, residual_stride: 0,
                            activation: Int32(RK_RELU.rawValue))
                        for (t0, t1) in zip(tiles, tiles.dropFirst()) {
                            for (p0, p1) in zip(panels, panels.dropFirst()) {
                                rk_winograd(&map, x, zeros, packed, &out, t0, t1, p0, p1, &scratch, &tail)
                            }
                        }
                    }
                }
                return out
            }
        }

        @Test func convolutionAgreesWithItsDefinition() {
            withEveryInstructionSet { name in
                for (height, width, inputs, outputs, padding, flipped) in [
                    (3, 3, 1, 1, 0, false), (1, 1, 5, 3, 1, false), (4, 8, 16, 16, 1, false), (11, 14, 19, 70, 1, true),
                    (9, 5, 64, 33, 2, false), (6, 6, 300, 4, 0, true),
                ] {
                    let testCase = Case(height, width, inputs, outputs, padding: padding, flipped: flipped)
                    var map = testCase.map
                    let tiles = rk_winograd_tiles(&map)
                    expectClose(
                        testCase.run(tiles: [0, tiles], panels: [0, panels(outputs)]), testCase.expected,
                        absolute: 3e-6 * Float(inputs).squareRoot() + 3e-6, "\(name) \(height)×\(width)×\(inputs)")
                }
            }
        }

        @Test func bitsDoNotDependOnHowTilesAndPanelsAreSplit() {
            withEveryInstructionSet { name in
                let testCase = Case(18, 23, 37, 147, padding: 1, flipped: false)
                var map = testCase.map
                let (tiles, count) = (rk_winograd_tiles(&map), panels(147))
                let whole = testCase.run(tiles: [0, tiles], panels: [0, count])
                #expect(whole == testCase.run(tiles: Array(0...tiles), panels: [0, count]), "\(name): tiles alone")
                #expect(whole == testCase.run(tiles: [0, tiles], panels: Array(0...count)), "\(name): panels alone")
                #expect(
                    whole == testCase.run(tiles: [0, 1, 8, 21, tiles], panels: Array(0...count)), "\(name): odd split")
            }
        }
    }
}
