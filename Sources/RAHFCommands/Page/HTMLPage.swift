import FoundationEssentials
import RewardCuration
import RewardImage

/// A page that is one file and opens without a network: text, tables, drawings and pictures inside it.
struct HTMLPage {
    private let title: String
    private var body = ""

    init(title: String) {
        self.title = title
        body = "<h1>\(Self.escaped(title))</h1>\n"
    }

    static func escaped(_ text: String) -> String { HTMLText.escaped(text) }

    mutating func heading(_ text: String) {
        body += "<h2>\(Self.escaped(text))</h2>\n"
    }

    mutating func paragraph(_ text: String) {
        body += "<p>\(Self.escaped(text))</p>\n"
    }

    /// Names and what they are.
    mutating func facts(_ facts: [(String, String)]) {
        let lines = facts.map { "<tr><th>\(Self.escaped($0.0))</th><td>\(Self.escaped($0.1))</td></tr>" }
        body += "<table class=\"facts\"><tbody>\(lines.joined(separator: "\n"))</tbody></table>\n"
    }

    /// The first column is a row's name; a name that starts with spaces belongs to the row above. What a cell has in
    /// brackets goes below it.
    mutating func table(_ table: TextTable) {
        body += "<div class=\"wide\"><table><thead><tr>"
        body += table.header.map { "<th>\(Self.escaped($0))</th>" }.joined()
        body += "</tr></thead><tbody>\n"
        for row in table.rows {
            let cells = row.enumerated().map { column, cell in
                column == 0 ? "<th>\(Self.escaped(cell))</th>" : "<td>\(Self.cell(cell))</td>"
            }
            body += "<tr\(row.first?.hasPrefix("  ") == true ? " class=\"under\"" : "")>\(cells.joined())</tr>\n"
        }
        body += "</tbody></table></div>\n"
    }

    private static func cell(_ text: String) -> String {
        guard let bracket = text.firstIndex(of: "[") else { return escaped(text) }
        return "\(escaped(String(text[..<bracket])))<small>\(escaped(String(text[bracket...])))</small>"
    }

    /// Drawings side by side; `svg` is trusted markup.
    mutating func plots(_ svg: [String]) {
        body += "<div class=\"plots\">\(svg.joined(separator: "\n"))</div>\n"
    }

    /// Pictures side by side, each with a caption, and a text below them.
    mutating func figure(_ pictures: [(caption: String, image: Image)], text: String) {
        body += "<figure><div class=\"row\">"
        for (caption, image) in pictures {
            let data = Data(PNGEncoder.encode(image)).base64EncodedString()
            body += """
                <div><img alt="\(Self.escaped(caption))" width="\(image.width)" height="\(image.height)" \
                src="data:image/png;base64,\(data)"><small>\(Self.escaped(caption))</small></div>
                """
        }
        body += "</div><figcaption>\(Self.escaped(text))</figcaption></figure>\n"
    }

    /// The whole file.
    var text: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>\(Self.escaped(title))</title>
        <meta name="viewport" content="width=device-width">
        <style>
        body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #222; max-width: 1120px; margin: 2em auto; \
        padding: 0 1em; }
        h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #ddd; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
        th, td { padding: .25em .7em; text-align: right; border-bottom: 1px solid #eee; white-space: nowrap; }
        tbody th, th:first-child { text-align: left; font-weight: 600; }
        .facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
        .under th { font-weight: 400; padding-left: 1.6em; } .under td { color: #777; }
        td small { font-size: 11px; color: #999; } .wide { overflow-x: auto; } .plots, .row { display: flex; flex-wrap: wrap; gap: 12px; }
        figure { display: inline-block; margin: 0 20px 20px 0; vertical-align: top; }
        figure img { display: block; } small { display: block; color: #666; } figcaption { max-width: 700px; \
        font-size: 13px; }
        svg text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: #444; }
        </style></head><body>
        \(body)</body></html>

        """
    }
}

/// Rows of text under a header.
struct TextTable {
    var header: [String]
    var rows: [[String]]

    /// Columns padded to their widest cell; the first to the left, the others to the right.
    var text: String {
        let lines = [header] + rows
        let widths = header.indices.map { column in lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// A number with a fixed number of decimals, rounded half away from zero.
func decimal(_ value: Double, _ places: Int) -> String {
    let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 1e15 else { return "\(value)" }
    let digits = String(Int(scaled))
    let padded = String(repeating: "0", count: max(places + 1 - digits.count, 0)) + digits
    let sign = value < 0 && scaled > 0 ? "-" : ""
    return places == 0 ? sign + padded : "\(sign)\(padded.dropLast(places)).\(padded.suffix(places))"
}
