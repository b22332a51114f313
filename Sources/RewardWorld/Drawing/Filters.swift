import Glibc

extension Canvas {
    /// Gaussian blur of the whole picture, the rim repeated outside.
    package func blurred(_ sigma: Float) -> Canvas {
        var result = self
        result.pixels = blurred(sigma, bounds)
        return result
    }

    /// The blurred pixels of one box, row by row.
    func blurred(_ sigma: Float, _ box: PixelBox) -> [Pixel] {
        let radius = max(Int((sigma * 3).rounded(.up)), 1)
        var weights = (-radius...radius).map { exp(-Float($0 * $0) / (2 * sigma * sigma)) }
        let total = weights.reduce(0, +)
        for index in weights.indices { weights[index] /= total }
        // Rows first, over the box and the rows above and below it that the second pass reads.
        let tall = box.height + 2 * radius
        var wide = [Pixel](repeating: .zero, count: tall * box.width)
        var line = [Pixel](repeating: .zero, count: box.width + 2 * radius)
        var result = [Pixel](repeating: .zero, count: box.height * box.width)
        weights.withUnsafeBufferPointer { weights in
            for row in 0..<tall {
                let y = min(max(box.y + row - radius, 0), height - 1)
                for column in line.indices { line[column] = clamped(box.x + column - radius, y) }
                line.withUnsafeBufferPointer { line in
                    wide.withUnsafeMutableBufferPointer { wide in
                        for column in 0..<box.width {
                            var sum = Pixel.zero
                            for tap in weights.indices { sum += line[column + tap] * weights[tap] }
                            wide[row * box.width + column] = sum
                        }
                    }
                }
            }
            wide.withUnsafeBufferPointer { wide in
                result.withUnsafeMutableBufferPointer { result in
                    for row in 0..<box.height {
                        let target = row * box.width
                        for tap in weights.indices {
                            let (source, weight) = ((row + tap) * box.width, weights[tap])
                            for column in 0..<box.width {
                                result[target + column] += wide[source + column] * weight
                            }
                        }
                    }
                }
            }
        }
        return result
    }

    /// The same noise for the same stream, whatever the picture shows.
    mutating func addNoise(_ sigma: Float, _ random: inout WorldRandom) {
        for index in pixels.indices { pixels[index] += random.pixelNoise() * sigma }
    }
}

/// Smooth random fields: a lattice of random values, interpolated.
enum ValueNoise {
    /// Values in [0, 1], `width` × `height`, with features about `cell` pixels wide.
    static func field(_ width: Int, _ height: Int, cell: Float, _ random: inout WorldRandom) -> [Float] {
        let columns = Int(Float(width) / cell) + 2
        let rows = Int(Float(height) / cell) + 2
        let lattice = (0..<columns * rows).map { _ in random.unit() }
        let across = (0..<width).map { x -> (Int, Float) in
            let place = Float(x) / cell
            return (Int(place), smoothstep(place - Float(Int(place))))
        }
        var result = [Float](repeating: 0, count: width * height)
        var line = [Float](repeating: 0, count: columns)
        for y in 0..<height {
            let place = Float(y) / cell
            let (row, blend) = (Int(place), smoothstep(place - Float(Int(place))))
            for column in 0..<columns {
                let above = lattice[row * columns + column]
                line[column] = above + (lattice[(row + 1) * columns + column] - above) * blend
            }
            for x in 0..<width {
                let (column, blend) = across[x]
                result[y * width + x] = line[column] + (line[column + 1] - line[column]) * blend
            }
        }
        return result
    }

    /// Octaves of fields, each half as wide and half as strong, scaled back into [0, 1].
    static func fractal(
        _ width: Int, _ height: Int, cell: Float, octaves: Int, _ random: inout WorldRandom
    ) -> [Float] {
        var result = [Float](repeating: 0, count: width * height)
        var (strength, total, cell) = (Float(1), Float(0), cell)
        for _ in 0..<octaves {
            let field = field(width, height, cell: max(cell, 1.5), &random)
            for index in result.indices { result[index] += field[index] * strength }
            total += strength
            (strength, cell) = (strength / 2, cell / 2)
        }
        for index in result.indices { result[index] /= total }
        return result
    }
}
