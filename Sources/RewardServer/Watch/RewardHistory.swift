package import RewardModel

/// How the scores handed out were distributed over time, in a bounded number of columns.
package struct RewardHistory: Sendable {
    /// What happens when there are as many columns as are allowed.
    package enum Span: String, Sendable {
        /// The oldest is dropped.
        case recent
        /// Pairs are joined and columns become twice as wide: the whole run is always there.
        case run
    }

    /// Bins of a score's distribution, equally wide over [0, 1].
    package static let bins = 20
    private static let kinds = ScoreKind.allCases.count

    /// What was handed out within a column's time.
    package struct Column: Sendable, Equatable, Encodable {
        /// Times the width is where it begins.
        package var index: Int
        package var count = 0
        package var failed = 0
        /// By score.
        var sums = [Double](repeating: 0, count: kinds)
        var squares = [Double](repeating: 0, count: kinds)
        package var counts = [[Int]](repeating: [Int](repeating: 0, count: bins), count: kinds)

        /// By score; 0 without any.
        package var means: [Double] { sums.map { count == 0 ? 0 : $0 / Double(count) } }
        /// Population deviations, by score.
        package var deviations: [Double] {
            zip(squares, means).map { count == 0 ? 0 : max($0 / Double(count) - $1 * $1, 0).squareRoot() }
        }

        init(index: Int) { self.index = index }

        mutating func add(_ scores: Scores) {
            count += 1
            for (position, kind) in ScoreKind.allCases.enumerated() {
                let score = Double(scores[kind])
                sums[position] += score
                squares[position] += score * score
                counts[position][min(max(Int(score * Double(bins)), 0), bins - 1)] += 1
            }
        }

        mutating func add(_ other: Column) {
            count += other.count
            failed += other.failed
            for kind in 0..<kinds {
                sums[kind] += other.sums[kind]
                squares[kind] += other.squares[kind]
                for bin in 0..<bins { counts[kind][bin] += other.counts[kind][bin] }
            }
        }

        private enum Key: String, CodingKey {
            case index, count, failed, means, deviations, counts
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(index, forKey: .index)
            try container.encode(count, forKey: .count)
            try container.encode(failed, forKey: .failed)
            try container.encode(means, forKey: .means)
            try container.encode(deviations, forKey: .deviations)
            try container.encode(counts, forKey: .counts)
        }
    }

    package let span: Span
    package let capacity: Int
    /// Of a column.
    package private(set) var width: Duration
    /// Those with anything in them, oldest first.
    package private(set) var columns: [Column] = []

    package init(_ span: Span, width: Duration = .seconds(10), capacity: Int) {
        precondition(capacity > 1 && width > .zero, "columns have a width")
        self.span = span
        self.width = width
        self.capacity = capacity
    }

    /// - Parameter time: since the start; not before that of an earlier call.
    package mutating func add(_ scores: [Scores], failed: Int, at time: Duration) {
        let index = makeRoom(for: time)
        if columns.last?.index != index { columns.append(Column(index: index)) }
        let last = columns.count - 1
        columns[last].failed += failed
        for scores in scores { columns[last].add(scores) }
    }

    private mutating func makeRoom(for time: Duration) -> Int {
        var index = Int(time / width)
        switch span {
        case .recent: columns.removeAll { $0.index <= index - capacity }
        case .run:
            while index >= capacity {
                width *= 2
                index = Int(time / width)
                var joined: [Column] = []
                for var column in columns {
                    column.index /= 2
                    if joined.last?.index == column.index {
                        joined[joined.count - 1].add(column)
                    } else {
                        joined.append(column)
                    }
                }
                columns = joined
            }
        }
        // A clock that does not go back gives indices that do not.
        return max(index, columns.last?.index ?? 0)
    }
}
