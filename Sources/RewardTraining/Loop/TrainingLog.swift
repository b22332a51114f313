import Glibc

/// `log.csv` of a run: means over ten steps each, and the loss plot made from it.
struct TrainingLog {
    /// Columns of the loss's parts.
    static let parts = ["score", "hinge", "heatmap", "heatmap_entropy", "dice", "words", "rehearsal"]
    static let interval = 10
    private let path: String
    private let plotPath: String

    struct Row {
        var step: Int
        var stage: String
        var loss: Double
        /// Unweighted; nil for parts the stage does not have.
        var parts: [Double?]
        var rate: Double
        var norm: Double
        var itemsPerSecond: Double

        var text: String {
            let numbers = parts.map { $0.map { decimal($0, 6) } ?? "" }
            return
                ([
                    "\(step)", stage, decimal(loss, 6),
                ] + numbers + [scientific(rate), decimal(norm, 4), decimal(itemsPerSecond, 1)])
                .joined(separator: ",")
        }
    }

    private static let header =
        "step,stage,loss,\(parts.joined(separator: ",")),learning_rate,gradient_norm,items_per_second"

    /// Takes up the log of a folder, leaving out what came after a step.
    init(folder: String, from step: Int) throws(TrainingError) {
        path = "\(folder)/log.csv"
        plotPath = "\(folder)/loss.svg"
        let known = access(path, F_OK) == 0 ? try readFile(path) : []
        let lines = String(decoding: known, as: UTF8.self).split(separator: "\n").dropFirst()
        let kept = lines.filter { line in
            line.split(separator: ",").first.flatMap { Int($0) }.map { $0 <= step } ?? false
        }
        try writeFile(Array(([Self.header] + kept.map(String.init)).joined(separator: "\n").utf8) + [0x0a], to: path)
    }

    func append(_ row: Row) throws(TrainingError) {
        guard let file = fopen(path, "ab") else { throw systemError(path) }
        let bytes = Array((row.text + "\n").utf8)
        let ok = fwrite(bytes, 1, bytes.count, file) == bytes.count
        guard fclose(file) == 0, ok else { throw systemError(path) }
    }

    /// Draws the loss over the steps.
    func plot() throws(TrainingError) {
        let lines = String(decoding: try readFile(path), as: UTF8.self).split(separator: "\n").dropFirst()
        let points = lines.compactMap { line -> (step: Int, stage: String, loss: Double)? in
            let cells = line.split(separator: ",", omittingEmptySubsequences: false)
            guard cells.count > 2, let step = Int(cells[0]), let loss = Double(cells[2]) else { return nil }
            return (step, String(cells[1]), loss)
        }
        try writeFile(Array(LossPlot.svg(points).utf8), to: plotPath)
    }
}

/// A number with so many decimals.
func decimal(_ value: Double, _ places: Int) -> String {
    guard value.isFinite, value.magnitude < 1e12 else { return "\(value)" }
    let scale = pow(10, Double(places))
    let scaled = Int64((value.magnitude * scale).rounded())
    let (whole, part) = (scaled / Int64(scale), scaled % Int64(scale))
    let digits = String(part)
    let fraction = places == 0 ? "" : "." + String(repeating: "0", count: places - digits.count) + digits
    return (value < 0 && scaled > 0 ? "-" : "") + "\(whole)\(fraction)"
}

/// A small number as `1.234e-05`.
func scientific(_ value: Double) -> String {
    guard value > 0, value.isFinite else { return "\(value)" }
    let exponent = Int(log10(value).rounded(.down))
    return "\(decimal(value / pow(10, Double(exponent)), 3))e\(exponent)"
}
