/// Where the images of a data set are fixated: what shuffled AUC takes its negatives from.
///
/// Holds one grid, whatever the number and sizes of the images: each image adds the share of every cell that is fixated.
public struct FixationPrior: Sendable, Equatable {
    /// Cells a side.
    public static let cells = 64
    /// Shares are counted in units of 2⁻³², so that taking an image out again is exact.
    private static let unit = Double(1 << 32)

    private var totals = [Int64](repeating: 0, count: cells * cells)
    /// Images added.
    public private(set) var images = 0

    public init() {}

    /// Adds an image's fixations, `[height * width]`.
    public mutating func add(_ fixations: [Bool], width: Int, height: Int) {
        for (cell, share) in Self.shares(fixations, width, height).enumerated() { totals[cell] += share }
        images += 1
    }

    /// For each pixel of an image, how often the other images are fixated there.
    ///
    /// - Parameter own: the image's own fixations, taken out, if it was added.
    public func weights(width: Int, height: Int, without own: [Bool]?) -> [Double] {
        var cells = totals
        if let own {
            for (cell, share) in Self.shares(own, width, height).enumerated() { cells[cell] -= share }
        }
        let columns = Self.cellIndices(width)
        var weights: [Double] = []
        weights.reserveCapacity(width * height)
        for row in Self.cellIndices(height) {
            for column in columns { weights.append(Double(max(cells[row * Self.cells + column], 0)) / Self.unit) }
        }
        return weights
    }

    /// The cell of each pixel along a side, by the pixel's centre.
    private static func cellIndices(_ extent: Int) -> [Int] {
        (0..<extent).map { (2 * $0 + 1) * cells / (2 * extent) }
    }

    private static func shares(_ fixations: [Bool], _ width: Int, _ height: Int) -> [Int64] {
        precondition(fixations.count == width * height, "a flag for each pixel")
        var fixated = [Int](repeating: 0, count: cells * cells)
        var pixels = fixated
        let columns = cellIndices(width)
        for (y, row) in cellIndices(height).enumerated() {
            for (x, column) in columns.enumerated() {
                let cell = row * cells + column
                pixels[cell] += 1
                if fixations[y * width + x] { fixated[cell] += 1 }
            }
        }
        return zip(fixated, pixels).map { $1 == 0 ? 0 : Int64(Double($0) / Double($1) * unit) }
    }
}
