import RewardMetrics

/// A measure of a set: its value, how sure it is, and what it was taken from.
struct Estimate: Sendable, Equatable {
    var value: Double
    /// The bootstrap interval, when one was asked for and could be had.
    var interval: ClosedRange<Double>?
    /// Records, pairs or words behind the value.
    var count: Int

    func text(_ places: Int) -> String {
        guard let interval else { return decimal(value, places) }
        return
            "\(decimal(value, places)) [\(decimal(interval.lowerBound, places)), \(decimal(interval.upperBound, places))]"
    }

    var json: JSON {
        var fields: [(String, JSON)] = [("value", .number(Float(value)))]
        if let interval {
            fields.append(("low", .number(Float(interval.lowerBound))))
            fields.append(("high", .number(Float(interval.upperBound))))
        }
        return .object(fields + [("n", .integer(count))])
    }
}

/// Rows of measures under a title. A measure that is undefined (of a constant, or of no records) is nil.
struct MeasureTable: Sendable {
    struct Column: Sendable {
        /// The key in JSON.
        var key: String
        var title: String
        var places = 3
    }
    struct Row: Sendable {
        /// The key in JSON, and what people read.
        var key: String
        var title: String
        var cells: [Estimate?]
    }

    var key: String
    var title: String
    /// What the numbers are taken over, and the choices behind them.
    var note: String
    var columns: [Column]
    var rows: [Row]
    /// Most rows that people are shown; programs get all.
    var shownRows = Int.max

    /// A cell for people.
    func text(_ cell: Estimate?, _ column: Int) -> String {
        cell?.text(columns[column].places) ?? "–"
    }

    /// With the ceiling's rows, where there is one, under those they belong to.
    func table(ceiling: MeasureTable?) -> TextTable {
        var lines: [[String]] = []
        for row in rows.prefix(shownRows) {
            lines.append([row.title] + row.cells.enumerated().map { text($1, $0) })
            if let human = ceiling?.rows.first(where: { $0.key == row.key }) {
                lines.append(["  one annotator"] + human.cells.enumerated().map { text($1, $0) })
            }
        }
        if rows.count > shownRows { lines.append(["and \(rows.count - shownRows) more"]) }
        return TextTable(header: [""] + columns.map(\.title), rows: lines)
    }

    var json: JSON {
        .object(
            rows.map { row in
                let cells = zip(columns, row.cells).map { column, cell in
                    (column.key, cell?.json ?? .object([("undefined", .bool(true))]))
                }
                return (row.key, .object(cells))
            })
    }
}
