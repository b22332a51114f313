import Glibc

/// What a baseline JPEG file does to a picture: colour conversion, chroma at half size, 8×8 cosine transform, and
/// quantisation with the standard's example tables scaled as libjpeg scales them by quality (ITU-T T.81, annex K).
///
/// The entropy coder is lossless and left out.
package enum JPEGRoundTrip {
    typealias Row = SIMD8<Float>

    package static func apply(to canvas: Canvas, quality: Int) -> Canvas {
        apply(to: canvas, canvas.bounds, quality: quality)
    }

    /// The box after compression, as a picture of the box's size; its blocks start at the box's corner.
    static func apply(to canvas: Canvas, _ box: PixelBox, quality: Int) -> Canvas {
        var luma = Plane(box.width, box.height)
        var blue = Plane((box.width + 1) / 2, (box.height + 1) / 2)
        var red = blue
        canvas.pixels.withUnsafeBufferPointer { pixels in
            for y in 0..<box.height {
                for x in 0..<box.width {
                    let pixel =
                        pixels[(box.y + y) * canvas.width + box.x + x].clamped(
                            lowerBound: .zero, upperBound: .one) * 255
                    luma.values[y * luma.stride + x] = pixel.luma - 128
                    let place = y / 2 * blue.stride + x / 2
                    blue.values[place] += (-0.168_736 * pixel.x - 0.331_264 * pixel.y + 0.5 * pixel.z) * 0.25
                    red.values[place] += (0.5 * pixel.x - 0.418_688 * pixel.y - 0.081_312 * pixel.z) * 0.25
                }
            }
        }
        luma.pad()
        blue.pad()
        red.pad()
        luma.quantise(Tables.luma, quality)
        blue.quantise(Tables.chroma, quality)
        red.quantise(Tables.chroma, quality)
        var result = Canvas(width: box.width, height: box.height)
        for y in 0..<box.height {
            for x in 0..<box.width {
                let value = luma.values[y * luma.stride + x] + 128
                let place = y / 2 * blue.stride + x / 2
                let (b, r) = (blue.values[place], red.values[place])
                let pixel = SIMD4(value + 1.402 * r, value - 0.344_136 * b - 0.714_136 * r, value + 1.772 * b, 0)
                result.pixels[y * box.width + x] = (pixel * (1 / 255)).clamped(lowerBound: .zero, upperBound: .one)
            }
        }
        return result
    }

    private struct Plane {
        let width: Int
        let height: Int
        let stride: Int
        let rows: Int
        var values: [Float]

        init(_ width: Int, _ height: Int) {
            self.width = width
            self.height = height
            stride = (width + 7) / 8 * 8
            rows = (height + 7) / 8 * 8
            values = [Float](repeating: 0, count: stride * rows)
        }

        /// Repeats the last column and row into the rest of the last blocks.
        mutating func pad() {
            for y in 0..<height {
                for x in width..<stride { values[y * stride + x] = values[y * stride + width - 1] }
            }
            for y in height..<rows {
                for x in 0..<stride { values[y * stride + x] = values[(height - 1) * stride + x] }
            }
        }

        mutating func quantise(_ table: [Float], _ quality: Int) {
            let scale = Float(quality < 50 ? 5000 / max(quality, 1) : 200 - 2 * quality)
            let steps = (0..<8).map { row in
                Row((0..<8).map { min(max(((table[row * 8 + $0] * scale + 50) / 100).rounded(.down), 1), 255) })
            }
            var (block, other) = ([Row](repeating: .zero, count: 8), [Row](repeating: .zero, count: 8))
            values.withUnsafeMutableBytes { values in
                for top in Swift.stride(from: 0, to: rows, by: 8) {
                    for left in Swift.stride(from: 0, to: stride, by: 8) {
                        for row in 0..<8 {
                            block[row] = values.loadUnaligned(
                                fromByteOffset: ((top + row) * stride + left) * 4, as: Row.self)
                        }
                        // C · B · Cᵀ and back.
                        Self.productTransposed(Tables.cosines, block, into: &other)
                        Self.productTransposed(Tables.cosines, other, into: &block)
                        for row in 0..<8 {
                            block[row] = (block[row] / steps[row]).rounded(.toNearestOrEven) * steps[row]
                        }
                        Self.productTransposed(Tables.transposed, block, into: &other)
                        Self.productTransposed(Tables.transposed, other, into: &block)
                        for row in 0..<8 {
                            values.storeBytes(
                                of: block[row], toByteOffset: ((top + row) * stride + left) * 4, as: Row.self)
                        }
                    }
                }
            }
        }

        /// (L · R)ᵀ; `left` is 64 numbers, row by row.
        @inline(__always)
        private static func productTransposed(_ left: [Float], _ right: [Row], into result: inout [Row]) {
            result.withUnsafeMutableBytes { result in
                let result = result.assumingMemoryBound(to: Float.self)
                for row in 0..<8 {
                    var sum = Row.zero
                    for inner in 0..<8 { sum += right[inner] * left[row * 8 + inner] }
                    for lane in 0..<8 { result[lane * 8 + row] = sum[lane] }
                }
            }
        }
    }

    private enum Tables {
        static let cosines = (0..<64).map { index in
            let (k, n) = (index / 8, index % 8)
            let scale: Double = k == 0 ? (1.0 / 8).squareRoot() : 0.5
            return Float(scale * cos(Double(2 * n + 1) * Double(k) * .pi / 16))
        }
        static let transposed = (0..<64).map { cosines[$0 % 8 * 8 + $0 / 8] }

        static let luma: [Float] = [
            16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22,
            29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103,
            121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
        ]
        static let chroma: [Float] = [
            17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99,
            99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
            99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        ]
    }
}
