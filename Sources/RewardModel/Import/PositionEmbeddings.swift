import Glibc

/// Learned positions for another grid of patches.
enum PositionEmbeddings {
    /// Resizes a square grid of embeddings bicubically, as PyTorch's `interpolate(mode="bicubic")` with pixel centres
    /// at halves and no antialiasing: what `transformers` does with `interpolate_pos_encoding`.
    ///
    /// - Parameters:
    ///   - table: `[1 + from * from, width]`; the class token's row comes first and stays as it is.
    ///   - from: side of the grid there is, in patches.
    ///   - to: side of the grid wanted.
    static func resized(_ table: [Float], width: Int, from: Int, to: Int) -> [Float] {
        precondition(table.count == (1 + from * from) * width, "the table holds a class token and a square grid")
        let taps = (0..<to).map { weights($0, from: from, to: to) }
        // Rows first, then columns.
        var rows = [Float](repeating: 0, count: from * to * width)
        for y in 0..<from {
            for x in 0..<to {
                for (source, weight) in taps[x] {
                    let (start, target) = ((1 + y * from + source) * width, (y * to + x) * width)
                    for k in 0..<width { rows[target + k] += weight * table[start + k] }
                }
            }
        }
        var resized = Array(table[..<width]) + [Float](repeating: 0, count: to * to * width)
        for y in 0..<to {
            for (source, weight) in taps[y] {
                for index in 0..<to * width {
                    resized[(1 + y * to) * width + index] += weight * rows[source * to * width + index]
                }
            }
        }
        return resized
    }

    /// The four neighbours of a place of the wanted grid and their weights (Keys 1981, a = -0.75, as PyTorch has it).
    private static func weights(_ index: Int, from: Int, to: Int) -> [(source: Int, weight: Float)] {
        let centre = (Float(index) + 0.5) * (Float(from) / Float(to)) - 0.5
        let first = floor(centre)
        let t = centre - first
        let a: Float = -0.75
        func near(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }
        func far(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
        return zip(-1...2, [far(t + 1), near(t), near(1 - t), far(2 - t)]).map { offset, weight in
            (min(max(Int(first) + offset, 0), from - 1), weight)
        }
    }
}
