/// Correlation and error of paired numbers: the paper's measures of the scores (section 4.2.1).
public enum Correlation {
    /// Pearson's linear correlation coefficient (PLCC), in [-1, 1].
    ///
    /// Nil with fewer than two pairs, or when either side is constant: the coefficient is then undefined.
    public static func pearson(_ x: [Double], _ y: [Double]) -> Double? {
        precondition(x.count == y.count, "numbers come in pairs")
        guard x.count >= 2, !isConstant(x), !isConstant(y) else { return nil }
        let (meanX, meanY) = (mean(x), mean(y))
        var (xx, yy, xy) = (0.0, 0.0, 0.0)
        for index in x.indices {
            let (dx, dy) = (x[index] - meanX, y[index] - meanY)
            xx += dx * dx
            yy += dy * dy
            xy += dx * dy
        }
        // Roots first: the product of two small sums of squares can vanish.
        let scale = xx.squareRoot() * yy.squareRoot()
        return scale > 0 ? min(max(xy / scale, -1), 1) : nil
    }

    /// Spearman's rank correlation coefficient (SRCC): Pearson's of the ranks, equal values sharing their mean rank.
    ///
    /// Nil where Pearson's is.
    public static func spearman(_ x: [Double], _ y: [Double]) -> Double? {
        pearson(ranks(x), ranks(y))
    }

    /// Ranks from 1, equal values sharing their mean rank.
    public static func ranks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            // Ranks start + 1 to end.
            for position in start..<end { ranks[order[position]] = Double(start + 1 + end) / 2 }
            start = end
        }
        return ranks
    }

    /// The mean of squared differences; 0 for no pairs.
    public static func meanSquaredError(_ x: [Double], _ y: [Double]) -> Double {
        precondition(x.count == y.count, "numbers come in pairs")
        return x.isEmpty ? 0 : zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Double(x.count)
    }

    static func mean(_ values: [Double]) -> Double {
        values.reduce(0, +) / Double(values.count)
    }

    private static func isConstant(_ values: [Double]) -> Bool {
        values.allSatisfy { $0 == values[0] }
    }
}
