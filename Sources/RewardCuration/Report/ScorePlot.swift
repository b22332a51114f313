import RewardSelection

/// A histogram as inline SVG.
enum ScorePlot {
    private static let bars = 64
    private static let (width, height, bottom, top, left) = (420, 150, 22, 22, 44)

    static func svg(title: String, _ histogram: ScoreHistogram, colour: String) -> String {
        let counts = histogram.bars(bars)
        let highest = max(counts.max() ?? 0, 1)
        let step = (width - left) / bars
        let drawing = height - top - bottom
        var parts = ""
        for (index, count) in counts.enumerated() where count > 0 {
            // Rounded up, so that a single candidate can be seen.
            let tall = (count * drawing + highest - 1) / highest
            parts += """
                <rect x="\(left + index * step)" y="\(height - bottom - tall)" width="\(step)" height="\(tall)" \
                fill="\(colour)"><title>\(count)</title></rect>
                """
        }
        let right = left + bars * step
        parts +=
            "<line x1=\"\(left)\" y1=\"\(height - bottom)\" x2=\"\(right)\" y2=\"\(height - bottom)\" stroke=\"#888\"/>"
        for (x, value, anchor) in [
            (left, histogram.range.lowerBound, "start"), (right, histogram.range.upperBound, "end"),
        ] {
            parts +=
                "<text x=\"\(x)\" y=\"\(height - 6)\" text-anchor=\"\(anchor)\">\(SelectionPage.decimals(value))</text>"
        }
        parts += "<text x=\"\(left - 4)\" y=\"\(top + 8)\" text-anchor=\"end\">\(counts.max() ?? 0)</text>"
        parts +=
            "<text x=\"\(left)\" y=\"13\" font-weight=\"600\">\(HTMLText.escaped(title)): \(histogram.count)</text>"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" role="img" \
            aria-label="\(HTMLText.escaped(title))">\(parts)</svg>
            """
    }
}
