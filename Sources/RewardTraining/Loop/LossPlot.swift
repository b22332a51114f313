import Glibc

/// The loss over the steps as an SVG picture: every point in grey, a running mean in colour, one colour per stage.
enum LossPlot {
    private static let colours = ["#1f6feb", "#d9480f", "#2b8a3e", "#862e9c"]
    private static let (width, height) = (860.0, 420.0)
    private static let (left, right, top, bottom) = (70.0, 20.0, 30.0, 50.0)

    static func svg(_ points: [(step: Int, stage: String, loss: Double)]) -> String {
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(Int(width))\" height=\"\(Int(height))\" "
                + "viewBox=\"0 0 \(Int(width)) \(Int(height))\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
        ]
        let finite = points.filter { $0.loss.isFinite && $0.loss > 0 }
        if let last = finite.last, let lowest = finite.map(\.loss).min(), let highest = finite.map(\.loss).max() {
            let (low, high) = (log10(lowest), max(log10(highest), log10(lowest) + 0.1))
            let steps = Double(max(last.step, 1))
            func x(_ step: Int) -> Double { left + (width - left - right) * Double(step) / steps }
            func y(_ loss: Double) -> Double {
                top + (height - top - bottom) * (high - log10(loss)) / (high - low)
            }
            for tick in 0...5 {
                let loss = pow(10, low + (high - low) * Double(tick) / 5)
                let step = Int(steps * Double(tick) / 5)
                lines.append(
                    "<line x1=\"\(left)\" x2=\"\(width - right)\" y1=\"\(decimal(y(loss), 1))\" "
                        + "y2=\"\(decimal(y(loss), 1))\" stroke=\"#ddd\"/>")
                lines.append(
                    "<text x=\"\(left - 8)\" y=\"\(decimal(y(loss) + 4, 1))\" text-anchor=\"end\">"
                        + "\(decimal(loss, 3))</text>")
                lines.append(
                    "<text x=\"\(decimal(x(step), 1))\" y=\"\(height - bottom + 18)\" text-anchor=\"middle\">\(step)</text>"
                )
            }
            var stages: [String] = []
            for point in finite where !stages.contains(point.stage) { stages.append(point.stage) }
            for (number, stage) in stages.enumerated() {
                let mine = thinned(finite.filter { $0.stage == stage })
                let colour = colours[number % colours.count]
                let raw = mine.map { "\(decimal(x($0.step), 1)),\(decimal(y($0.loss), 1))" }
                lines.append("<polyline fill=\"none\" stroke=\"#bbb\" points=\"\(raw.joined(separator: " "))\"/>")
                var mean: Double?
                let smooth = mine.map { point in
                    let next = mean.map { 0.9 * $0 + 0.1 * point.loss } ?? point.loss
                    mean = next
                    return "\(decimal(x(point.step), 1)),\(decimal(y(next), 1))"
                }
                lines.append(
                    "<polyline fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\" "
                        + "points=\"\(smooth.joined(separator: " "))\"/>")
                lines.append(
                    "<text x=\"\(left + 10 + Double(number) * 160)\" y=\"20\" fill=\"\(colour)\">\(escaped(stage))</text>"
                )
            }
        }
        lines.append(
            "<text x=\"\(width / 2)\" y=\"\(height - 10)\" text-anchor=\"middle\">step (loss on a logarithmic scale)</text>"
        )
        lines.append("</svg>\n")
        return lines.joined(separator: "\n")
    }

    /// At most 1,500 points, evenly.
    private static func thinned<Point>(_ points: [Point]) -> [Point] {
        let stride = max(1, points.count / 1500)
        return points.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
    }

    private static func escaped(_ text: String) -> String {
        text.map { ["<": "&lt;", ">": "&gt;", "&": "&amp;"][$0] ?? String($0) }.joined()
    }
}
