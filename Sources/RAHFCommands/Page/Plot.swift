/// Small drawings as SVG.
enum Plot {
    private static let (width, height, left, bottom, top) = (260.0, 200.0, 40.0, 34.0, 24.0)
    private static let right = 10.0

    /// Bars of counts; `labels` names some of them.
    static func histogram(title: String, counts: [Int], labels: [(bar: Int, text: String)]) -> String {
        let highest = Double(max(counts.max() ?? 0, 1))
        let step = (width - left - right) / Double(max(counts.count, 1))
        let drawing = height - top - bottom
        var parts = ""
        for (index, count) in counts.enumerated() {
            let tall = drawing * Double(count) / highest
            parts += """
                <rect x="\(left + step * Double(index) + 1)" y="\(top + drawing - tall)" width="\(max(step - 2, 1))" \
                height="\(tall)" fill="#4477aa"><title>\(count)</title></rect>
                """
        }
        for (bar, text) in labels {
            parts += label(left + step * (Double(bar) + 0.5), height - bottom + 14, text, anchor: "middle")
        }
        parts += label(left - 4, top + 8, "\(counts.max() ?? 0)", anchor: "end")
        parts += label(left - 4, height - bottom, "0", anchor: "end")
        return frame(title, parts)
    }

    /// Points in the unit square, x from the left and y from below, over the line where both are equal.
    static func scatter(title: String, x: String, y: String, points: [(Double, Double)]) -> String {
        let (wide, tall) = (width - left - right, height - top - bottom)
        func place(_ point: (Double, Double)) -> (Double, Double) {
            (left + wide * min(max(point.0, 0), 1), top + tall * (1 - min(max(point.1, 0), 1)))
        }
        let (from, to) = (place((0, 0)), place((1, 1)))
        var parts = """
            <line x1="\(from.0)" y1="\(from.1)" x2="\(to.0)" y2="\(to.1)" stroke="#bbb" stroke-dasharray="4 3"/>
            """
        for point in points {
            let (x, y) = place(point)
            parts +=
                "<circle cx=\"\(decimal(x, 1))\" cy=\"\(decimal(y, 1))\" r=\"2\" fill=\"#4477aa\" fill-opacity=\".4\"/>"
        }
        for (value, text) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
            parts += label(place((value, 0)).0, height - bottom + 14, text, anchor: "middle")
            parts += label(left - 4, place((0, value)).1 + 4, text, anchor: "end")
        }
        parts += label(left + wide / 2, height - 6, x, anchor: "middle")
        parts += """
            <text transform="translate(11 \(top + tall / 2)) rotate(-90)" text-anchor="middle">\(HTMLPage.escaped(y))</text>
            """
        return frame(title, parts)
    }

    private static func label(_ x: Double, _ y: Double, _ text: String, anchor: String) -> String {
        "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\">\(HTMLPage.escaped(text))</text>"
    }

    private static func frame(_ title: String, _ parts: String) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="\(Int(width))" height="\(Int(height))" role="img">\
        <text x="\(width / 2)" y="14" text-anchor="middle" font-weight="600">\(HTMLPage.escaped(title))</text>\
        <line x1="\(left)" y1="\(height - bottom)" x2="\(width - right)" y2="\(height - bottom)" stroke="#888"/>\
        <line x1="\(left)" y1="\(top)" x2="\(left)" y2="\(height - bottom)" stroke="#888"/>\(parts)</svg>
        """
    }
}
